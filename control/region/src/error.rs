//! What can go wrong with a region.

use eni_model::resource::CorruptResource;
use eni_model::{Ec2Error, ErrorCode};
use eni_store::{StoreError, TxnRejection};

/// Why a region could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be read or written.
    #[error("the store does not work")]
    Store(#[from] StoreError),
    /// A stored resource cannot be read.
    #[error("the stored resource {key} cannot be read")]
    Resource {
        /// Its key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: CorruptResource,
    },
    /// A stored resource does not belong to the key it is stored under.
    #[error("the resource stored as {key} is {found}")]
    Misplaced {
        /// The key.
        key: String,
        /// The key that the resource belongs to.
        found: String,
    },
    /// The store holds a region with other settings, which are fixed for its life.
    #[error("the stored region has other settings: {}", display(.0))]
    Settings(Vec<SettingDifference>),
    /// The settings that are stored cannot be read.
    #[error("the stored settings cannot be read")]
    CorruptSettings(#[source] serde_json::Error),
    /// Another writer took the store over while this one was opening it.
    #[error("another writer has taken over the store")]
    Fenced,
    /// The store refused a transaction that the region is bound to be able to make.
    #[error("the store refused a transaction")]
    Rejected(#[from] TxnRejection),
    /// The system gave no random seed.
    #[error("no random seed")]
    Entropy(#[source] rand::rngs::SysError),
    /// The writer's thread could not be started.
    #[error("no thread for the writer")]
    Thread(#[source] std::io::Error),
}

/// A setting that is not the stored one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingDifference {
    /// Its name, such as `account_id`.
    pub name: &'static str,
    /// What the region was founded with.
    pub stored: String,
    /// What was asked for.
    pub given: String,
}

fn display(differences: &[SettingDifference]) -> String {
    let texts = differences.iter().map(|difference| {
        let SettingDifference {
            name,
            stored,
            given,
        } = difference;
        format!("{name} is {stored}, not {given}")
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// EC2's `InternalError`: the outcome of the call is open, and the caller may try again.
pub(crate) fn internal_error() -> Ec2Error {
    Ec2Error::new(ErrorCode::InternalError, "An internal error has occurred")
}

/// EC2's `Unavailable`: this region takes no writes.
pub(crate) fn unavailable() -> Ec2Error {
    let message = "The service is unavailable. Please try again shortly.";
    Ec2Error::new(ErrorCode::Unavailable, message)
}

/// EC2's `RequestLimitExceeded`: more calls wait than the queue holds.
pub(crate) fn request_limit_exceeded() -> Ec2Error {
    Ec2Error::new(ErrorCode::RequestLimitExceeded, "Request limit exceeded.")
}
