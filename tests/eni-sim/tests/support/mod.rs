//! What the property tests share: cases that replay exactly, and faults of a network.

use eni_sim::network::Faults;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Cases of each property; `PROPTEST_CASES` overrides it.
const CASES: u32 = 24;

/// The same cases in every run, unless `PROPTEST_RNG_SEED` asks for others. A failure prints the case, which is all that
/// the run follows from.
pub(crate) fn cases() -> ProptestConfig {
    let ordinary = ProptestConfig::default();
    let is_asked_for = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if is_asked_for { ordinary.cases } else { CASES },
        failure_persistence: None,
        rng_seed: match ordinary.rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
        },
        ..ordinary
    }
}

/// Faults of which the shares of lost and of repeated packets are below these.
pub(crate) fn any_faults(loss: f64, duplication: f64) -> impl Strategy<Value = Faults> {
    (0.0..loss, 0.0..duplication, 0.0..0.5, 0..200_000_u64).prop_map(
        |(loss, duplication, reordering, reordering_ns)| Faults {
            loss,
            duplication,
            reordering,
            reordering_ns,
        },
    )
}
