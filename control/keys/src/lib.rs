//! Makes key pairs, in the forms in which EC2 gives them away: randomness gives a key (EC2 User Guide, "Create a key pair for your
//! Amazon EC2 instance").
//!
//! *Invariant*: the private half is in what is returned, and nowhere else: nothing here stores, logs or remembers anything.
#![forbid(unsafe_code)]

mod ed25519;
mod openssh;
mod ppk;
mod rsa_key;
mod wire;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eni_model::operations::key_pair::{KeyFormat, KeyType, NewKeyPair, WantedKeyPair};
use rand::CryptoRng;

use crate::ed25519::Ed25519;
use crate::rsa_key::Rsa;

pub use crate::rsa_key::rsa_pkcs8;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// RSA's arithmetic found none.
    #[error("no RSA key could be made")]
    Rsa(#[from] rsa::Error),
    /// RSA's key could not be written.
    #[error("an RSA key could not be written")]
    Encoding(#[from] rsa::pkcs8::Error),
    /// The same, in its older form.
    #[error("an RSA key could not be written")]
    OldEncoding(#[from] rsa::pkcs1::Error),
    /// A random seed was taken for no key.
    #[error("no ED25519 key could be made")]
    Ed25519,
}

/// A key in the parts that its forms are made of.
struct Parts {
    /// As SSH calls it.
    algorithm: &'static str,
    /// The public key as SSH writes it (RFC 4253, 6.6; RFC 8709, 4).
    public: Vec<u8>,
    /// The private half as PuTTY writes it (PuTTY User Manual, C.3).
    putty: Vec<u8>,
    /// In PEM, as EC2 gives it.
    pem: String,
    /// As EC2 computes it of a key that it has made.
    fingerprint: String,
}

/// Makes a key pair. One of RSA takes a tenth of a second and more.
///
/// # Errors
/// When the arithmetic fails, as good as never.
pub fn make(wanted: &WantedKeyPair, rng: &mut impl CryptoRng) -> Result<NewKeyPair, KeyError> {
    let parts = match wanted.key_type {
        KeyType::Rsa => Rsa::make(rng)?.parts()?,
        KeyType::Ed25519 => Ed25519::make(rng)?.parts(rng),
    };
    let key_material = match wanted.format {
        KeyFormat::Pem => parts.pem.clone(),
        KeyFormat::Ppk => ppk::write(&parts, &wanted.name),
    };
    Ok(NewKeyPair {
        public_key: format!(
            "{} {} {}",
            parts.algorithm,
            STANDARD.encode(&parts.public),
            wanted.name
        ),
        fingerprint: parts.fingerprint,
        key_material,
    })
}
