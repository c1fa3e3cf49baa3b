//! ICMP: queries and their answers, and errors about other flows.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::Direction::{Egress, Ingress};
use eni_pipeline::testing::Rule;
use eni_pipeline::testing::frames::{echo, icmp_error, udp};
use eni_pipeline::testing::region::{ANNA, BERT, private};
use eni_wire::protocol::{ICMP, UDP};
use support::{ANSWERS, Bench, PASSES, WORLD, set_rules};

#[test]
fn icmp_is_tracked_even_when_all_is_open() {
    let mut bench = Bench::new();
    bench.step(ANNA, &echo(ANNA, private(BERT), 8, 5).bytes(), PASSES);
    assert_eq!(bench.memory.connections.len(), 2);
    set_rules(&mut bench, BERT, &[]);
    bench.step(BERT, &echo(BERT, private(ANNA), 0, 5).bytes(), ANSWERS);
    bench.step(
        ANNA,
        &echo(ANNA, private(BERT), 8, 6).bytes(),
        &["11 security_group_ingress"],
    );
    bench.pass_seconds(31);
    bench.step(
        ANNA,
        &echo(ANNA, private(BERT), 8, 5).bytes(),
        &["11 security_group_ingress"],
    );
}

#[test]
fn icmp_rules_name_type_and_code() {
    let any_code = Rule {
        ports: (8 << 8, 8),
        ..Rule::port(Ingress, WORLD, ICMP, 0)
    };
    let other_code = Rule {
        ports: (8 << 8 | 1, 16),
        ..any_code
    };
    for (rule, moved) in [
        (any_code, PASSES),
        (other_code, &["11 security_group_ingress"][..]),
    ] {
        let mut bench = Bench::new();
        set_rules(&mut bench, BERT, &[rule]);
        bench.step(ANNA, &echo(ANNA, private(BERT), 8, 5).bytes(), moved);
    }
}

#[test]
fn an_icmp_error_passes_only_with_the_flow_it_is_about() {
    let mut bench = Bench::new();
    // Both ends track, and neither allows ICMP.
    set_rules(&mut bench, ANNA, &[Rule::port(Egress, WORLD, UDP, 53)]);
    set_rules(&mut bench, BERT, &[Rule::port(Ingress, WORLD, UDP, 53)]);
    let request = udp(ANNA, private(BERT), (9, 53));
    let unreachable = icmp_error(BERT, private(ANNA), [3, 3], &request.datagram()).bytes();
    bench.step(BERT, &unreachable, &["11 security_group_egress"]);
    bench.step(ANNA, &request.bytes(), PASSES);
    bench.step(BERT, &unreachable, ANSWERS);
    let about_another = icmp_error(
        BERT,
        private(ANNA),
        [3, 3],
        &udp(ANNA, private(BERT), (10, 53)).datagram(),
    );
    bench.step(BERT, &about_another.bytes(), &["11 security_group_egress"]);
}
