//! Public keys in OpenSSH's form (RFC 4253, 6.6, and RFC 8709, 4), and their fingerprints as EC2 has them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest, Sha256};

/// Lengths of RSA keys, in bits (EC2 User Guide, "Create a key pair for your Amazon EC2 instance").
const RSA_BITS: [usize; 3] = [1024, 2048, 4096];
/// Bytes of an ED25519 key.
const ED25519_LENGTH: usize = 32;
/// Of RSA's public exponent, no more bytes are taken.
const MOST_EXPONENT_BYTES: usize = 8;
/// The algorithm of an RSA key: `rsaEncryption` with its NULL (RFC 8017, A.1), as DER.
const RSA_ENCRYPTION: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    /// `rsa` or `ed25519`.
    pub(super) key_type: &'static str,
    pub(super) fingerprint: String,
}

impl PublicKey {
    /// Reads `ssh-rsa BASE64 COMMENT` or `ssh-ed25519 BASE64 COMMENT`.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.contains(['\n', '\r']) {
            return None;
        }
        let mut words = text.split_ascii_whitespace();
        let (kind, encoded) = (words.next()?, words.next()?);
        let blob = STANDARD.decode(encoded).ok()?;
        let mut rest = blob.as_slice();
        (field(&mut rest)? == kind.as_bytes()).then_some(())?;
        let read = match kind {
            "ssh-rsa" => {
                let (exponent, modulus) = (field(&mut rest)?, field(&mut rest)?);
                let bits = modulus.strip_prefix(&[0]).unwrap_or(modulus).len() * 8;
                let is_key =
                    RSA_BITS.contains(&bits) && (1..=MOST_EXPONENT_BYTES).contains(&exponent.len());
                is_key.then(|| Self {
                    key_type: "rsa",
                    fingerprint: colons(&Md5::digest(subject_public_key(modulus, exponent))),
                })
            }
            "ssh-ed25519" => {
                let is_key = field(&mut rest)?.len() == ED25519_LENGTH;
                is_key.then(|| Self {
                    key_type: "ed25519",
                    fingerprint: STANDARD.encode(Sha256::digest(&blob)),
                })
            }
            _ => None,
        };
        read.filter(|_| rest.is_empty())
    }
}

/// The next string of a blob (RFC 4251, 5).
fn field<'a>(blob: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (field, rest) = rest.split_at_checked(length)?;
    *blob = rest;
    Some(field)
}

/// An RSA key as `SubjectPublicKeyInfo` (RFC 5280, 4.1), of which EC2 takes the digest. An `mpint` of SSH has the bytes of an
/// INTEGER of DER.
fn subject_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [der(0x02, modulus), der(0x02, exponent)].concat();
    let key = [&[0], der(0x30, &numbers).as_slice()].concat();
    der(
        0x30,
        &[RSA_ENCRYPTION.as_slice(), &der(0x03, &key)].concat(),
    )
}

/// An element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = Vec::from([tag]);
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => element.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            element.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
            element.extend(length);
        }
    }
    element.extend(content);
    element
}

fn colons(digest: &[u8]) -> String {
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":").to_string()
}
