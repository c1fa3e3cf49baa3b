//! AES-256-GCM under keys derived by HKDF-SHA-256, for SRD's packets (docs/SRD.md, "Sealing").
//!
//! By ring, whose assembly needs no more than half the time of what is written in Rust alone; so it is not in the core.

use eni_srd::{NotAuthentic, PairKey, SEAL_BYTES, Seal};
use ring::aead::{self, AES_256_GCM, Aad, LessSafeKey, UnboundKey};
use ring::hkdf::{self, HKDF_SHA256, Prk, Salt};

/// What every derivation begins with, so that the same secret used elsewhere gives other keys.
const LABEL: &[u8] = b"OpenENI SRD 1";

/// What a pair's secret is derived with from one that many pairs share.
const PAIR_LABEL: &[u8] = b"OpenENI SRD pair 1";

/// Bytes of a secret.
const SECRET_BYTES: usize = 32;

/// The secret of a pair of interfaces, for AES-256-GCM.
pub struct AesPairKey {
    /// What HKDF extracted from it.
    extracted: Prk,
}

impl AesPairKey {
    /// From 32 bytes of uniformly random secret, known to both ends and to nobody else.
    pub fn new(secret: &[u8; SECRET_BYTES]) -> Self {
        Self {
            extracted: Salt::new(HKDF_SHA256, &[]).extract(secret),
        }
    }

    /// The key of the pair `a` and `b`, the same as that of `b` and `a`, from a secret that many pairs share: who learns
    /// one pair's learns no other's. The secret is as [`new`](Self::new) wants it.
    pub fn of_pair(secret: &[u8; SECRET_BYTES], a: [u8; 16], b: [u8; 16]) -> Self {
        let mut of_pair = [0; SECRET_BYTES];
        Self::new(secret)
            .extracted
            .expand(&[PAIR_LABEL, &a.min(b), &a.max(b)], SecretLength)
            .and_then(|key| key.fill(&mut of_pair))
            .expect("32 bytes are within HKDF's limit of 255 hashes");
        Self::new(&of_pair)
    }
}

/// Tells HKDF how long a secret is.
struct SecretLength;

impl hkdf::KeyType for SecretLength {
    fn len(&self) -> usize {
        SECRET_BYTES
    }
}

impl PairKey for AesPairKey {
    fn session(&self, source: u128, destination: u128) -> Box<dyn Seal> {
        let info: [&[u8]; 3] = [LABEL, &source.to_be_bytes(), &destination.to_be_bytes()];
        let key = self
            .extracted
            .expand(&info, &AES_256_GCM)
            .map(UnboundKey::from)
            .expect("32 bytes are within HKDF's limit of 255 hashes");
        Box::new(AesSeal {
            key: LessSafeKey::new(key),
        })
    }
}

impl std::fmt::Debug for AesPairKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AesPairKey")
    }
}

struct AesSeal {
    key: LessSafeKey,
}

/// The 96-bit nonce: 32 zero bits and the packet number, which no key sees twice.
fn nonce(packet_number: u64) -> aead::Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&packet_number.to_be_bytes());
    aead::Nonce::assume_unique_for_key(nonce)
}

impl Seal for AesSeal {
    fn seal(&self, packet_number: u64, associated: &[u8], data: &mut [u8]) -> [u8; SEAL_BYTES] {
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(packet_number), Aad::from(associated), data)
            .expect("a datagram is far below GCM's limit of 64 GiB");
        let mut proof = [0; SEAL_BYTES];
        proof.copy_from_slice(tag.as_ref());
        proof
    }

    fn open(
        &self,
        packet_number: u64,
        associated: &[u8],
        data: &mut [u8],
        proof: &[u8; SEAL_BYTES],
    ) -> Result<(), NotAuthentic> {
        let (nonce, tag) = (nonce(packet_number), aead::Tag::from(*proof));
        self.key
            .open_in_place_separate_tag(nonce, Aad::from(associated), tag, data, 0..)
            .map(|_| ())
            .map_err(|_| NotAuthentic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_unchanged_and_under_the_same_session() {
        let key = AesPairKey::new(&[7; 32]);
        let seal = key.session(1, 2);
        let mut data = *b"payload";
        let proof = seal.seal(5, b"header", &mut data);
        assert_ne!(&data, b"payload");
        let opens = |source, destination, number, associated: &[u8], flip: u8| {
            let mut copy = data;
            copy[0] ^= flip;
            let session = key.session(source, destination);
            session
                .open(number, associated, &mut copy, &proof)
                .map(|()| copy)
        };
        assert_eq!(opens(1, 2, 5, b"header", 0), Ok(*b"payload"));
        for wrong in [
            opens(2, 1, 5, b"header", 0),
            opens(1, 3, 5, b"header", 0),
            opens(1, 2, 6, b"header", 0),
            opens(1, 2, 5, b"Header", 0),
            opens(1, 2, 5, b"header", 1),
        ] {
            assert_eq!(wrong, Err(NotAuthentic));
        }
    }

    #[test]
    fn both_ends_of_a_pair_derive_one_key_and_no_other_pair_does() {
        let sealed = |secret, a, b| {
            let mut data = *b"payload";
            AesPairKey::of_pair(&[secret; 32], [a; 16], [b; 16])
                .session(1, 2)
                .seal(5, b"header", &mut data);
            data
        };
        assert_eq!(sealed(7, 1, 2), sealed(7, 2, 1));
        for other in [
            sealed(8, 1, 2),
            sealed(7, 1, 3),
            sealed(7, 2, 3),
            sealed(7, 1, 1),
        ] {
            assert_ne!(other, sealed(7, 1, 2));
        }
    }

    /// Worked out by another implementation of AES-GCM and HKDF.
    #[test]
    fn keys_and_seals_are_what_the_protocol_says() {
        let sealed = |key: AesPairKey| {
            let mut data = *b"payload";
            let proof = key.session(1, 2).seal(5, b"header", &mut data);
            (hex::encode(data), hex::encode(proof))
        };
        let expected = |data: &str, proof: &str| (data.to_owned(), proof.to_owned());
        assert_eq!(
            sealed(AesPairKey::new(&[7; 32])),
            expected("483dc63a26b47d", "cbea99fbf7b06fb15812170644e8317c")
        );
        assert_eq!(
            sealed(AesPairKey::of_pair(&[7; 32], [1; 16], [2; 16])),
            expected("813f74bee271df", "4c69e54831a658d12f1afe927ae2c5ca")
        );
    }
}
