//! The key pair as the data directory keeps it.

use serde::{Deserialize, Serialize};

/// An access key of a region: the contents of the data directory's file `credentials`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
}
