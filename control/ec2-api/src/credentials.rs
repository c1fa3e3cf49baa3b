//! Who may call.

use std::fmt;
use std::sync::Arc;

/// A secret access key. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretAccessKey(String);

impl SecretAccessKey {
    /// Wraps the secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretAccessKey(..)")
    }
}

/// A key pair and the account it acts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The public half, such as `AKIAIOSFODNN7EXAMPLE`.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: SecretAccessKey,
    /// Twelve digits.
    pub account_id: String,
}

/// Where key pairs are found.
pub trait CredentialStore: Send + Sync + 'static {
    /// The key pair with this public half.
    fn find(&self, access_key_id: &str) -> Option<Credentials>;
}

impl CredentialStore for Credentials {
    fn find(&self, access_key_id: &str) -> Option<Credentials> {
        (access_key_id == self.access_key_id).then(|| self.clone())
    }
}

/// Which requests are let in.
#[derive(Clone)]
pub enum Access {
    /// Those signed with a key pair of the store.
    Verified(Arc<dyn CredentialStore>),
    /// Those that name any access key in their `Authorization` header; signatures are not looked at. For listeners that
    /// only this machine reaches.
    AnyCredentials {
        /// The account that all callers act for: twelve digits.
        account_id: String,
    },
}
