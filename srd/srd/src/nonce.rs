//! Session identities from a seed.

use crate::wire::Nonce;
use sha2::{Digest, Sha256};

/// The `drawn`-th identity of `seed`, which tells nothing about the others; never 0, which stands for "not known".
pub(crate) fn draw(seed: &[u8; 32], drawn: u64) -> Nonce {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(seed)
        .chain_update(drawn.to_be_bytes())
        .finalize()
        .into();
    let half = digest
        .first_chunk()
        .map_or(0, |bytes| Nonce::from_be_bytes(*bytes));
    half.max(1)
}
