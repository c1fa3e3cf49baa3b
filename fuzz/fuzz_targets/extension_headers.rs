//! Chains of IPv6's extension headers, walked by the pipeline and read by the letter of RFC 8200: both lead to the same place, or
//! drop the packet for the same reason.
#![no_main]

use eni_pipeline::testing::chain::{read, walk};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The number that the IPv6 header has, and what is behind it.
    if let Some((number, payload)) = input.split_first() {
        assert_eq!(walk(payload, *number), read(payload, *number));
    }
});
