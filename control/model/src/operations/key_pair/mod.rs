//! Key pairs: public keys that instances find in their metadata.

mod create;
mod delete;
mod describe;
mod import;
mod new_key_pair;
mod public_key;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::sync::Arc;

pub use new_key_pair::{KeyFormat, KeyType, NewKeyPair, WantedKeyPair};

use crate::resource::{KeyName, KeyPair};
use crate::{Ec2Error, ErrorCode, World};

/// The key pair with this name.
///
/// # Errors
/// `InvalidKeyPair.NotFound`.
pub(crate) fn named<'a>(world: &'a World, name: &str) -> Result<&'a Arc<KeyPair>, Ec2Error> {
    let found = world.key_pairs.one(&KeyName(name.into()));
    found.ok_or_else(|| {
        let message = format!("The key pair '{name}' does not exist");
        ErrorCode::InvalidKeyPairNotFound.with(message)
    })
}
