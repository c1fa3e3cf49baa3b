//! A key without the weight of a cipher: hashes for its stream and its proofs.

use eni_srd::{NotAuthentic, PairKey, SEAL_BYTES, Seal};
use sha2::{Digest, Sha256};

/// A pair's secret. For tests only.
pub(crate) struct HashKey(pub(crate) u8);

struct HashSeal([u8; 32]);

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl PairKey for HashKey {
    fn session(&self, source: u128, destination: u128) -> Box<dyn Seal> {
        let (source, destination) = (source.to_be_bytes(), destination.to_be_bytes());
        Box::new(HashSeal(hash(&[&[self.0], &source, &destination])))
    }
}

impl HashSeal {
    fn turn(&self, packet_number: u64, data: &mut [u8]) {
        for (block, bytes) in (0_u64..).zip(data.chunks_mut(32)) {
            let numbers = [packet_number.to_be_bytes(), block.to_be_bytes()];
            let stream = hash(&[&self.0, &numbers[0], &numbers[1]]);
            for (byte, with) in bytes.iter_mut().zip(stream) {
                *byte ^= with;
            }
        }
    }

    fn proof(&self, packet_number: u64, associated: &[u8], data: &[u8]) -> [u8; SEAL_BYTES] {
        let number = packet_number.to_be_bytes();
        let whole = hash(&[&self.0, &number, associated, data]);
        std::array::from_fn(|index| whole[index])
    }
}

impl Seal for HashSeal {
    fn seal(&self, packet_number: u64, associated: &[u8], data: &mut [u8]) -> [u8; SEAL_BYTES] {
        self.turn(packet_number, data);
        self.proof(packet_number, associated, data)
    }

    fn open(
        &self,
        packet_number: u64,
        associated: &[u8],
        data: &mut [u8],
        proof: &[u8; SEAL_BYTES],
    ) -> Result<(), NotAuthentic> {
        if self.proof(packet_number, associated, data) != *proof {
            return Err(NotAuthentic);
        }
        self.turn(packet_number, data);
        Ok(())
    }
}
