//! RSA.

use rand::CryptoRng;
use rsa::PrivateKey;
use rsa::pkcs1::der::Decode;
use rsa::pkcs1::{EncodeRsaPrivateKey, RsaPrivateKeyRef};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use sha1::{Digest, Sha1};

use crate::wire::{mpint, string};
use crate::{KeyError, Parts};

/// The length of the keys that EC2 makes (EC2 User Guide, "Create a key pair for your Amazon EC2 instance").
const BITS: usize = 2048;
const ALGORITHM: &str = "ssh-rsa";

pub(crate) struct Rsa(PrivateKey);

/// A new key of 2048 bits, as DER of PKCS#8 (RFC 5208).
///
/// # Errors
/// As [`crate::make`].
pub fn rsa_pkcs8(rng: &mut impl CryptoRng) -> Result<Vec<u8>, KeyError> {
    let key = PrivateKey::new(rng, BITS)?;
    Ok(key.to_pkcs8_der()?.as_bytes().to_vec())
}

impl Rsa {
    pub(crate) fn make(rng: &mut impl CryptoRng) -> Result<Self, KeyError> {
        Ok(Self(PrivateKey::new(rng, BITS)?))
    }

    pub(crate) fn parts(&self) -> Result<Parts, KeyError> {
        let document = self.0.to_pkcs1_der()?;
        let key =
            RsaPrivateKeyRef::from_der(document.as_bytes()).map_err(rsa::pkcs1::Error::from)?;
        let number = |number: &rsa::pkcs1::UintRef<'_>| mpint(number.as_bytes());
        let public = [
            string(ALGORITHM.as_bytes()),
            number(&key.public_exponent),
            number(&key.modulus),
        ];
        let putty = [
            number(&key.private_exponent),
            number(&key.prime1),
            number(&key.prime2),
            number(&key.coefficient),
        ];
        // "If you created the key pair using Amazon EC2, the fingerprint is … the SHA-1 of the DER-encoded PKCS#8 private key"
        // (EC2 User Guide, "Verify the fingerprint of your key pair").
        let digest = Sha1::digest(self.0.to_pkcs8_der()?.as_bytes());
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Parts {
            algorithm: ALGORITHM,
            public: public.concat(),
            putty: putty.concat(),
            pem: self.0.to_pkcs1_pem(LineEnding::LF)?.trim_end().to_owned(),
            fingerprint: pairs.join(":"),
        })
    }
}
