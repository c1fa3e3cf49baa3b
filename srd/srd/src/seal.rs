//! Encryption of a pair of interfaces, behind traits: keys come from outside.

use crate::wire::SEAL_BYTES;
use alloc::boxed::Box;

/// The key of a pair of interfaces, from which every session gets keys of its own.
pub trait PairKey: Send + Sync {
    /// What seals the packets that the incarnation `source` sends to the incarnation `destination` (0 for a hello, which
    /// knows no destination). Both are random, so no two sessions share a key, and packet numbers may begin at 0.
    fn session(&self, source: u128, destination: u128) -> Box<dyn Seal>;
}

/// Seals the packets of one direction of one session.
pub trait Seal: Send + Sync {
    /// Encrypts `data` in place and returns what proves it and `associated` authentic. No `packet_number` comes twice.
    fn seal(&self, packet_number: u64, associated: &[u8], data: &mut [u8]) -> [u8; SEAL_BYTES];

    /// Decrypts `data` in place.
    ///
    /// # Errors
    /// [`NotAuthentic`], with `data` in any state, where the proof does not fit.
    fn open(
        &self,
        packet_number: u64,
        associated: &[u8],
        data: &mut [u8],
        proof: &[u8; SEAL_BYTES],
    ) -> Result<(), NotAuthentic>;
}

/// The packet was not sealed by the peer under this session's key, or was changed on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the packet is not authentic")]
pub struct NotAuthentic;
