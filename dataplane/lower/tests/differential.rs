//! The rules as the user wrote them, against the pipeline over the lowered tables: random regions, random packets.
//!
//! `root_oracle` of `eni-bpf-loader` asks the program as well, on the same walks.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(dead_code, reason = "the program's test uses what this one does not")]

mod oracle;
mod region;
mod walk;

use eni_pipeline::testing::scenario::Dice;
use oracle::SeenByGateways;
use proptest::prelude::*;
use region::{EPOCHS, Region};
use walk::{Walk, walk_all};

#[test]
fn what_is_worth_sending_is_sent_and_decided_alike() {
    walk_all(|_, _| {});
}

/// Regions with a NAT gateway; the program is not asked, as it draws ports of its own.
const BEHIND_GATEWAYS: u64 = 60;

#[test]
fn what_goes_through_nat_gateways_is_decided_alike() {
    let mut carried = [0; 2];
    let mut seen = Vec::new();
    for seed in 0..BEHIND_GATEWAYS {
        println!("region {seed}");
        let mut dice = Dice::new(seed);
        let mut walk = Walk::through(Region::with_nat_gateway(&mut dice, seed * EPOCHS));
        for _ in 0..400 {
            walk.step(&mut dice);
        }
        let sum = |way: usize| carried[way] + walk.carried[way];
        carried = [sum(0), sum(1)];
        seen.push(walk.seen_by_gateways());
    }
    assert!(carried.iter().all(|count| *count > 200), "{carried:?}");
    let sum = |count: fn(&SeenByGateways) -> u64| seen.iter().map(count).sum::<u64>();
    let counts = [
        sum(|seen| seen.by_another_way),
        sum(|seen| seen.without_return),
        sum(|seen| seen.redirects),
        sum(|seen| seen.peers[0]),
        sum(|seen| seen.peers[1]),
        sum(|seen| seen.endpoints[0]),
        sum(|seen| seen.endpoints[1]),
    ];
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

proptest! {
    /// Other ones each time, which shrink to a short walk.
    #[test]
    fn the_oracle_and_the_pipeline_agree_on_every_packet(seed: u64, steps in proptest::collection::vec(any::<u64>(), 1..120)) {
        let mut walk = Walk::new(&mut Dice::new(seed), 0);
        for step in steps {
            walk.step(&mut Dice::new(step));
        }
    }
}
