//! Key pairs: the public halves that instances are given.

use alloc::string::String;

use eni_types::{KeyPairId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Row;
use crate::index::indexes;
use crate::tags::Tags;

/// A key pair, of which the region knows the public half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// Its id.
    pub key_pair_id: KeyPairId,
    /// Its name, which no other has.
    pub key_name: KeyName,
    /// `rsa` or `ed25519`.
    pub key_type: String,
    /// The public key in OpenSSH's form, as it was given.
    pub public_key: String,
    /// As EC2 computes it.
    pub fingerprint: String,
    /// When it was imported.
    pub create_time: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

/// A key pair's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyName(pub String);

impl Row for KeyPair {
    type Id = KeyPairId;
    fn id(&self) -> KeyPairId {
        self.key_pair_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    KeyPair, KeyPairIndexes:
    name: KeyName = |pair| [pair.key_name.clone()];
}
