//! The rules as the user wrote them, against the pipeline over the lowered tables: random regions, random packets.
//!
//! `root_oracle` of `eni-bpf-loader` asks the program as well, on the same walks.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(dead_code, reason = "the program's test uses what this one does not")]

mod oracle;
mod region;
mod walk;

use eni_pipeline::testing::scenario::Dice;
use proptest::prelude::*;
use walk::{Walk, walk_all, walk_gateways};

#[test]
fn what_is_worth_sending_is_sent_and_decided_alike() {
    walk_all(|_, _| {});
}

#[test]
fn what_goes_through_nat_gateways_is_decided_alike() {
    walk_gateways(|_| {}, |_, _| {});
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
