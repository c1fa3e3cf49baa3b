//! Session identities from a seed.

use crate::wire::Nonce;

/// The `drawn`-th identity of `seed`; never 0, which stands for "not known".
pub(crate) fn draw(seed: &[u8; 32], drawn: u64) -> Nonce {
    let (low, high) = seed.split_at(16);
    let read = |half: &[u8]| {
        half.first_chunk()
            .map_or(0, |bytes| u128::from_be_bytes(*bytes))
    };
    let mut mixed =
        read(low) ^ u128::from(drawn).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    for _ in 0..3 {
        mixed = (mixed ^ mixed >> 67).wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
            ^ read(high);
    }
    mixed.max(1)
}
