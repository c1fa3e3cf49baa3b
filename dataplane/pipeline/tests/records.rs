//! What is recorded of a packet: the flow, where it ended, and the rule that decided.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::Direction::{Egress, Ingress};
use eni_abi::{DecidingRule, Direction, DropReason, FiveTuple, PolicyKey, Port, RuleProtocol};
use eni_pipeline::testing::frames::{arp_request, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, BERT, CARL, TRACKING_GROUP, ip, private, tracking_region,
};
use eni_pipeline::testing::{Remote, Rule, add_policy};
use eni_pipeline::{AllowingRules, Outcome, Record};
use eni_wire::protocol::{TCP, UDP};
use support::{ANSWERS, Bench, PASSES, WORLD, set_rules};

const SYN: u8 = 2;
const ACK: u8 = 0x10;

fn last(bench: &Bench) -> Record {
    bench.memory.last_record.unwrap()
}

fn rule(policy: u32, direction: Direction, number: u32) -> DecidingRule {
    DecidingRule::new(PolicyKey::new(policy, direction), Some(number))
}

/// The policy that [`set_rules`] has made last.
fn newest_policy(bench: &Bench) -> u32 {
    *bench.tables.policies.keys().max().unwrap()
}

/// The rules of the last packet, which was delivered to `target`.
#[track_caller]
fn allowed_by(bench: &Bench, want: u32) -> AllowingRules {
    let Outcome::Delivered { target, rules } = last(bench).outcome else {
        panic!("{:?}", last(bench));
    };
    assert_eq!(target, want);
    rules
}

fn dropped(vport: u32, direction: Direction, reason: DropReason, rule: DecidingRule) -> Outcome {
    Outcome::Dropped {
        vport,
        direction,
        reason,
        rule,
    }
}

#[test]
fn a_record_names_the_flow_and_its_size() {
    let mut bench = Bench::new();
    let frame = udp(ANNA, private(BERT), (1000, 53)).bytes();
    // The first packet goes by all stages, the second is known.
    for _ in 0..2 {
        bench.step(ANNA, &frame, PASSES);
        let record = last(&bench);
        let flow = FiveTuple {
            source: ip(private(ANNA)).into(),
            destination: ip(private(BERT)).into(),
            source_port: Port::new(1000),
            destination_port: Port::new(53),
            protocol: UDP,
        };
        assert_eq!((record.sender, record.flow), (ANNA, Some(flow)));
        assert_eq!((record.packets, record.bytes), (1, frame.len() as u32));
    }
    bench.step(
        ANNA,
        &arp_request(ANNA, private(ANNA), private(BERT)),
        &["10 out", "10 in"],
    );
    assert_eq!(last(&bench).flow, None);
}

#[test]
fn the_rules_of_both_ends_that_allow_a_packet_are_named() {
    let mut bench = Bench::new();
    let from_bert = Remote::Network(ip(private(BERT)), 32);
    let from_anna = Remote::Network(ip(private(ANNA)), 32);
    let rules = [
        Rule::port(Ingress, from_bert, UDP, 53),
        Rule::port(Ingress, from_anna, TCP, 53),
        Rule::port(Ingress, from_anna, UDP, 53),
        Rule::port(Ingress, WORLD, UDP, 53),
        Rule::everything(Egress),
    ];
    set_rules(&mut bench, BERT, &rules);
    let group = newest_policy(&bench);
    let out = [TCP, UDP].map(|protocol| Rule::port(Egress, WORLD, protocol, 53));
    set_rules(&mut bench, ANNA, &out);
    let group_of_anna = newest_policy(&bench);
    bench.step(ANNA, &udp(ANNA, private(BERT), (1000, 53)).bytes(), PASSES);
    let want = AllowingRules {
        egress: rule(group_of_anna, Egress, 1),
        ingress: rule(group, Ingress, 2),
    };
    assert_eq!(allowed_by(&bench, BERT), want);
}

#[test]
fn packets_of_a_connection_are_allowed_by_the_rule_of_its_first_one() {
    let mut bench = Bench::new();
    bench.tables = tracking_region();
    bench.step(
        ANNA,
        &tcp(ANNA, private(BERT), (1000, 80), SYN).bytes(),
        PASSES,
    );
    // 10.0.1.11 is in the lower half of all addresses.
    let want = AllowingRules {
        egress: rule(TRACKING_GROUP, Egress, 0),
        ingress: rule(TRACKING_GROUP, Ingress, 0),
    };
    assert_eq!(allowed_by(&bench, BERT), want);
    set_rules(&mut bench, BERT, &[]);
    bench.step(
        BERT,
        &tcp(BERT, private(ANNA), (80, 1000), SYN | ACK).bytes(),
        ANSWERS,
    );
    let rules = allowed_by(&bench, ANNA);
    assert_eq!(rules.egress, want.ingress, "at Bert, who was asked first");
    assert_eq!(rules.ingress, want.egress);
}

/// An untracked flow has no entry: what the other direction's rule allows comes back by it.
#[test]
fn an_answer_of_an_untracked_flow_is_allowed_by_the_rule_of_the_other_direction() {
    let mut bench = Bench::new();
    let rules = [
        Rule::port(Ingress, WORLD, UDP, 53),
        Rule::everything(Egress),
    ];
    set_rules(&mut bench, BERT, &rules);
    let group = newest_policy(&bench);
    bench.step(ANNA, &udp(ANNA, private(BERT), (1000, 53)).bytes(), PASSES);
    bench.step(BERT, &udp(BERT, private(ANNA), (53, 1000)).bytes(), ANSWERS);
    assert_eq!(allowed_by(&bench, ANNA).egress, rule(group, Ingress, 0));
}

#[test]
fn security_groups_deny_without_a_rule_and_network_acls_by_one_or_none() {
    let mut bench = Bench::new();
    set_rules(&mut bench, BERT, &[Rule::everything(Egress)]);
    let group = newest_policy(&bench);
    let frame = udp(ANNA, private(BERT), (1000, 53)).bytes();
    bench.step(ANNA, &frame, &["11 security_group_ingress"]);
    let nothing = DecidingRule::new(PolicyKey::new(group, Ingress), None);
    let want = dropped(BERT, Ingress, DropReason::SecurityGroupIngress, nothing);
    assert_eq!(last(&bench).outcome, want);

    let acl = group + 1;
    let deny = Rule {
        allow: false,
        protocol: RuleProtocol::number(UDP),
        ..Rule::everything(Egress)
    };
    let entries = [
        Rule::port(Egress, WORLD, UDP, 80),
        deny,
        Rule::everything(Ingress),
    ];
    add_policy(&mut bench.tables, acl, &entries);
    bench
        .tables
        .vports
        .get_mut(&ANNA)
        .unwrap()
        .network_acl_policy = acl;
    bench.bump_generations();
    let to_carl = |protocol| match protocol {
        UDP => udp(ANNA, private(CARL), (1000, 53)).bytes(),
        _ => tcp(ANNA, private(CARL), (1000, 53), SYN).bytes(),
    };
    for (protocol, number) in [(UDP, Some(1)), (TCP, None)] {
        bench.step(ANNA, &to_carl(protocol), &["10 network_acl_egress"]);
        let entry = DecidingRule::new(PolicyKey::new(acl, Egress), number);
        let want = dropped(ANNA, Egress, DropReason::NetworkAclEgress, entry);
        assert_eq!(last(&bench).outcome, want);
    }
}

/// What the rules of the way before have allowed is not what denied.
#[test]
fn what_no_rule_denies_names_none() {
    let mut bench = Bench::new();
    bench.tables.vports.get_mut(&BERT).unwrap().mtu = 100;
    let mut datagram = udp(ANNA, private(BERT), (1000, 53));
    datagram.payload.resize(200, 0);
    bench.step(ANNA, &datagram.bytes(), &["10 mtu_exceeded"]);
    let want = dropped(ANNA, Egress, DropReason::MtuExceeded, DecidingRule::NONE);
    assert_eq!(last(&bench).outcome, want);
}
