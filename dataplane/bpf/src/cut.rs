//! Cuts a packet into fragments and delivers them, as a router does (RFC 791, section 3.2).
//!
//! eBPF makes no packets, but it clones one: the payload is put aside, and the frame is written anew for every fragment. What
//! its device was to do with it (complete a checksum) is done first, because a fragment cannot ask for it.

pub(crate) mod sys;

/// Bytes that `bpf_csum_diff` takes at once on every kernel: the size of its scratch pad.
const SUMMED_AT_ONCE: usize = 512;
/// How many of those the room has.
const SUMS: usize = 26;

/// Room for the payload of the largest packet, and as much behind it as one more piece could be by what the verifier knows.
pub(crate) type Payload = [u8; SUMS * SUMMED_AT_ONCE];
