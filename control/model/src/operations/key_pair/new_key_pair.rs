//! A key pair that is made for a call, and what of it is wanted.

use alloc::string::String;

/// Which algorithm a key is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyType {
    /// RSA, of 2048 bits.
    #[default]
    Rsa,
    /// ED25519.
    Ed25519,
}

impl KeyType {
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Rsa, Self::Ed25519]
            .into_iter()
            .find(|one| one.name() == name)
    }

    /// As EC2 calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// How the private key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// For OpenSSH.
    #[default]
    Pem,
    /// For PuTTY.
    Ppk,
}

impl KeyFormat {
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "pem" => Some(Self::Pem),
            "ppk" => Some(Self::Ppk),
            _ => None,
        }
    }
}

/// What key pair a call wants made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedKeyPair {
    /// Its name.
    pub name: String,
    /// Its algorithm.
    pub key_type: KeyType,
    /// The form of its private half.
    pub format: KeyFormat,
}

/// What was made. It has no `Debug`: nobody is to log it.
#[derive(Default)]
pub struct NewKeyPair {
    /// In OpenSSH's form.
    pub public_key: String,
    /// As EC2 computes it of a key that it has made.
    pub fingerprint: String,
    /// The private half, for the answer alone.
    pub key_material: String,
}
