//! Chains of extension headers: the pipeline's walk against a second reading.

use eni_pipeline::testing::chain::{read, walk};
use proptest::prelude::*;

/// Mostly headers that lead on.
fn any_header() -> impl Strategy<Value = [u8; 8]> {
    let number = prop::sample::select(&[0_u8, 6, 17, 43, 44, 44, 58, 59, 60, 60, 60, 50][..]);
    let units = prop::sample::select(&[0_u8, 0, 0, 0, 1, 2, 255][..]);
    let words = prop::sample::select(
        &[
            [0_u8, 0],
            [4, 0],
            [4, 1],
            [0, 1],
            [0, 8],
            [0, 9],
            [255, 255],
        ][..],
    );
    (number, units, words, any::<[u8; 4]>())
        .prop_map(|(number, units, [a, b], [c, d, e, f])| [number, units, a, b, c, d, e, f])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_chain_leads_where_its_headers_say(
        number in prop::sample::select(&[0_u8, 43, 44, 60, 60, 60, 6][..]),
        headers in prop::collection::vec(any_header(), 0..14),
        rest in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let payload = [headers.concat(), rest].concat();
        prop_assert_eq!(walk(&payload, number), read(&payload, number));
    }

    #[test]
    fn so_does_one_of_any_bytes(payload in prop::collection::vec(any::<u8>(), 0..200), number: u8) {
        prop_assert_eq!(walk(&payload, number), read(&payload, number));
    }
}
