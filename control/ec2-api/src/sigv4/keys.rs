//! Signing keys, and the ones kept from the last calls.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::RwLock;
use sha2::Sha256;

use super::TERMINATOR;

pub(super) type HmacSha256 = Hmac<Sha256>;

/// Signing keys that are kept: one for each key pair, day and service in use. Beyond this the cache starts anew.
const MAX_KEPT_KEYS: usize = 1024;

/// The key of one secret for one day, region and service, ready to authenticate.
#[derive(Clone)]
pub struct SigningKey {
    mac: HmacSha256,
}

impl SigningKey {
    /// Derives the key: four chained HMACs, from the secret to the scope's end.
    ///
    /// `date` is the scope's, as `20150830`.
    #[must_use]
    pub fn derive(secret_access_key: &str, date: &str, region: &str, service: &str) -> Self {
        let mut mac = keyed(&[b"AWS4", secret_access_key.as_bytes()].concat());
        for part in [date, region, service, TERMINATOR] {
            mac.update(part.as_bytes());
            mac = keyed(&mac.finalize().into_bytes());
        }
        Self { mac }
    }

    /// A fresh authenticator under this key. Cloning spares hashing the key again.
    pub(super) fn authenticator(&self) -> HmacSha256 {
        self.mac.clone()
    }
}

fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of every length (RFC 2104)")
}

/// Keeps derived keys, so that a call costs one HMAC rather than five.
#[derive(Default)]
pub struct SigningKeys {
    kept: RwLock<HashMap<String, SigningKey>>,
}

impl SigningKeys {
    /// The key for `access_key_id` in this scope, derived from `secret_access_key` if it is not kept.
    pub fn get(
        &self,
        access_key_id: &str,
        secret_access_key: &str,
        [date, region, service]: [&str; 3],
    ) -> SigningKey {
        // The secret is part of the name: a rotated key must not be verified with the old secret.
        let name = [access_key_id, secret_access_key, date, region, service].join("/");
        if let Some(key) = self.kept.read().get(&name) {
            return key.clone();
        }
        let key = SigningKey::derive(secret_access_key, date, region, service);
        let mut kept = self.kept.write();
        if kept.len() >= MAX_KEPT_KEYS {
            kept.clear();
        }
        kept.insert(name, key.clone());
        key
    }
}
