//! AES-256-GCM under keys derived by HKDF-SHA-256.

use crate::seal::{NotAuthentic, PairKey, Seal};
use crate::wire::{Nonce, SEAL_BYTES};
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key};
use alloc::boxed::Box;
use hkdf::Hkdf;
use sha2::Sha256;

/// What every derivation begins with, so that the same secret used elsewhere gives other keys.
const LABEL: &[u8] = b"OpenENI SRD 1";

/// What a pair's secret is derived with from one that many pairs share.
const PAIR_LABEL: &[u8] = b"OpenENI SRD pair 1";

/// The secret of a pair of interfaces, for AES-256-GCM.
pub struct AesPairKey {
    hkdf: Hkdf<Sha256>,
}

impl AesPairKey {
    /// From 32 bytes of uniformly random secret, known to both ends and to nobody else.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            hkdf: Hkdf::new(None, secret),
        }
    }

    /// The key of the pair `a` and `b`, the same as that of `b` and `a`, from a secret that many pairs share: who learns
    /// one pair's learns no other's. The secret is as [`new`](Self::new) wants it.
    pub fn of_pair(secret: &[u8; 32], a: [u8; 16], b: [u8; 16]) -> Self {
        let mut of_pair = [0; 32];
        let info = [PAIR_LABEL, &a.min(b), &a.max(b)];
        Hkdf::<Sha256>::new(None, secret)
            .expand_multi_info(&info, &mut of_pair)
            .expect("32 bytes are within HKDF's limit of 255 hashes");
        Self::new(&of_pair)
    }
}

impl PairKey for AesPairKey {
    fn session(&self, source: Nonce, destination: Nonce) -> Box<dyn Seal> {
        let mut key = Key::<Aes256Gcm>::default();
        let info = [LABEL, &source.to_be_bytes(), &destination.to_be_bytes()];
        self.hkdf
            .expand_multi_info(&info, &mut key)
            .expect("32 bytes are within HKDF's limit of 255 hashes");
        Box::new(AesSeal {
            cipher: Aes256Gcm::new(&key),
        })
    }
}

impl core::fmt::Debug for AesPairKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AesPairKey")
    }
}

struct AesSeal {
    cipher: Aes256Gcm,
}

/// The 96-bit nonce: 32 zero bits and the packet number, which no key sees twice.
fn nonce(packet_number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&packet_number.to_be_bytes());
    nonce
}

impl Seal for AesSeal {
    fn seal(&self, packet_number: u64, associated: &[u8], data: &mut [u8]) -> [u8; SEAL_BYTES] {
        self.cipher
            .encrypt_inout_detached(
                &nonce(packet_number).into(),
                associated,
                InOutBuf::from(data),
            )
            .expect("a datagram is far below GCM's limit of 64 GiB")
            .into()
    }

    fn open(
        &self,
        packet_number: u64,
        associated: &[u8],
        data: &mut [u8],
        proof: &[u8; SEAL_BYTES],
    ) -> Result<(), NotAuthentic> {
        self.cipher
            .decrypt_inout_detached(
                &nonce(packet_number).into(),
                associated,
                InOutBuf::from(data),
                proof.into(),
            )
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
}
