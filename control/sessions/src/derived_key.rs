//! Keys that follow from a region's secret, each for a purpose of its own.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a code.
pub const CODE_LENGTH: usize = 32;

/// A key for one purpose. Nobody who knows it, or codes that it has made, knows the secret or the key for another purpose.
#[derive(Clone)]
pub struct DerivedKey(Hmac<Sha256>);

/// Its content is secret.
impl core::fmt::Debug for DerivedKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("DerivedKey").finish_non_exhaustive()
    }
}

impl DerivedKey {
    /// The key that follows from `secret` for `purpose`.
    #[must_use]
    pub fn new(secret: &[u8], purpose: &[u8]) -> Self {
        let derived = code(&keyed(secret), &[purpose]);
        Self(keyed(&derived))
    }

    /// The code over `parts`, one after the other.
    #[must_use]
    pub fn code(&self, parts: &[&[u8]]) -> [u8; CODE_LENGTH] {
        code(&self.0, parts)
    }

    /// `None` if `found` is not the code over `parts`; it takes the same time wherever it differs.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], found: &[u8]) -> Option<()> {
        let mac = over(&self.0, parts);
        mac.verify_slice(found).ok()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length (RFC 2104)")
}

fn over(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    mac
}

fn code(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; CODE_LENGTH] {
    over(keyed, parts).finalize().into_bytes().into()
}
