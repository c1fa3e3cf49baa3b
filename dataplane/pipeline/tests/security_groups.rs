//! Security groups and connection tracking, as EC2 defines them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::Direction::{Egress, Ingress};
use eni_abi::map::CONNECTION_ALLOWANCE;
use eni_abi::{ConnectionKey, ConnectionState, Ipv4, RuleProtocol, Vport};
use eni_pipeline::testing::frames::{Datagram, echo, tcp, udp};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, ip, private, tracking_region};
use eni_pipeline::testing::{Remote, Rule};
use eni_wire::protocol::{ICMP, TCP, UDP};
use eni_wire::tcp_flag::{ACK, FIN, RST, SYN};
use support::{ANSWERS, Bench, PASSES, WORLD, connections_of, set_rules};

fn vpc_network() -> Remote {
    Remote::Network(ip([10, 0, 0, 0]), 8)
}

#[test]
fn what_no_rule_allows_is_dropped_at_the_end_that_says_so() {
    let frame = tcp(ANNA, private(BERT), (1000, 80), SYN).bytes();
    let cases: [(u32, &[Rule], &[&str]); 6] = [
        (BERT, &[], &["11 security_group_ingress"]),
        (ANNA, &[], &["10 security_group_egress"]),
        (
            BERT,
            &[Rule::port(Ingress, WORLD, TCP, 81)],
            &["11 security_group_ingress"],
        ),
        (
            BERT,
            &[Rule::port(Ingress, WORLD, UDP, 80)],
            &["11 security_group_ingress"],
        ),
        (
            BERT,
            &[Rule::port(
                Ingress,
                Remote::Network(ip([10, 0, 1, 11]), 32),
                TCP,
                80,
            )],
            &["11 security_group_ingress"],
        ),
        (
            BERT,
            &[Rule::port(
                Ingress,
                Remote::Network(ip([10, 0, 1, 10]), 32),
                TCP,
                80,
            )],
            PASSES,
        ),
    ];
    for (vport, rules, moved) in cases {
        let mut bench = Bench::new();
        set_rules(&mut bench, vport, rules);
        println!("{rules:?}");
        bench.step(ANNA, &frame, moved);
    }
    let mut bench = Bench::new();
    bench.tables.vports.get_mut(&BERT).unwrap().security_policy = 0;
    bench.step(ANNA, &frame, &["11 security_group_ingress"]);
}

/// Also the highest number, 255, which IANA reserves and a raw socket sends all the same.
#[test]
fn a_rule_for_one_protocol_allows_no_other() {
    let anything = |protocol| Datagram::new(ANNA, private(BERT), protocol, vec![0; 40]).bytes();
    for named in [0, 2, 47, 58, 136, 254, 255] {
        let mut bench = Bench::new();
        set_rules(
            &mut bench,
            BERT,
            &[Rule {
                protocol: RuleProtocol::number(named),
                ..Rule::everything(Ingress)
            }],
        );
        for protocol in (0..=255).filter(|number| ![ICMP, TCP, UDP].contains(number)) {
            let moved: &[&str] = if protocol == named {
                PASSES
            } else {
                &["11 security_group_ingress"]
            };
            bench.step(ANNA, &anything(protocol), moved);
        }
        let refused = &["11 security_group_ingress"];
        bench.step(
            ANNA,
            &tcp(ANNA, private(BERT), (9, 22), SYN).bytes(),
            refused,
        );
        bench.step(ANNA, &udp(ANNA, private(BERT), (9, 53)).bytes(), refused);
        bench.step(ANNA, &echo(ANNA, private(BERT), 8, 5).bytes(), refused);
    }
}

#[test]
fn a_rule_for_all_protocols_allows_each_number() {
    for protocol in 0..=255 {
        let mut bench = Bench::new();
        set_rules(&mut bench, BERT, &[Rule::everything(Ingress)]);
        let frame = match protocol {
            TCP => tcp(ANNA, private(BERT), (9, 22), SYN),
            UDP => udp(ANNA, private(BERT), (9, 53)),
            ICMP => echo(ANNA, private(BERT), 8, 5),
            other => Datagram::new(ANNA, private(BERT), other, Vec::new()),
        };
        bench.step(ANNA, &frame.bytes(), PASSES);
    }
}

#[test]
fn a_tracked_flow_is_answered_without_a_rule_and_outlives_its_own() {
    let mut bench = Bench::new();
    set_rules(
        &mut bench,
        BERT,
        &[Rule::port(Ingress, vpc_network(), TCP, 22)],
    );
    let (to, from) = ((1000, 22), (22, 1000));
    bench.step(ANNA, &tcp(ANNA, private(BERT), to, SYN).bytes(), PASSES);
    bench.step(
        BERT,
        &tcp(BERT, private(ANNA), from, SYN | ACK).bytes(),
        ANSWERS,
    );
    bench.step(ANNA, &tcp(ANNA, private(BERT), to, ACK).bytes(), PASSES);
    assert_eq!(
        connections_of(&bench, BERT),
        [ConnectionState::Established as u32]
    );
    set_rules(&mut bench, BERT, &[]);
    bench.step(ANNA, &tcp(ANNA, private(BERT), to, ACK).bytes(), PASSES);
    bench.step(BERT, &tcp(BERT, private(ANNA), from, ACK).bytes(), ANSWERS);
    bench.step(
        ANNA,
        &tcp(ANNA, private(BERT), (1001, 22), SYN).bytes(),
        &["11 security_group_ingress"],
    );
    bench.pass_seconds(432_001);
    bench.step(
        ANNA,
        &tcp(ANNA, private(BERT), to, ACK).bytes(),
        &["11 security_group_ingress"],
    );
}

#[test]
fn an_untracked_flow_leaves_no_entry_and_is_cut_by_the_next_packet_after_a_revoke() {
    for protocol in [TCP, UDP] {
        let frame = |vport, destination, ports, flags| match protocol {
            TCP => tcp(vport, destination, ports, flags).bytes(),
            _ => udp(vport, destination, ports).bytes(),
        };
        let mut bench = Bench::new();
        let open = [
            Rule::port(Ingress, WORLD, protocol, 80),
            Rule::everything(Egress),
        ];
        set_rules(&mut bench, BERT, &open);
        bench.step(ANNA, &frame(ANNA, private(BERT), (1000, 80), SYN), PASSES);
        bench.step(
            BERT,
            &frame(BERT, private(ANNA), (80, 1000), SYN | ACK),
            ANSWERS,
        );
        bench.step(ANNA, &frame(ANNA, private(BERT), (1000, 80), ACK), PASSES);
        assert!(
            connections_of(&bench, BERT).is_empty(),
            "protocol {protocol}"
        );
        set_rules(&mut bench, BERT, &[Rule::everything(Egress)]);
        bench.step(
            ANNA,
            &frame(ANNA, private(BERT), (1000, 80), ACK),
            &["11 security_group_ingress"],
        );
    }
}

/// EC2's own example: an SSH session ends when the rule for everybody is removed, though the server may send anything.
#[test]
fn what_the_server_still_sends_does_not_revive_a_revoked_untracked_flow() {
    let mut bench = Bench::new();
    let ssh = Rule::port(Ingress, WORLD, TCP, 22);
    set_rules(&mut bench, BERT, &[ssh, Rule::everything(Egress)]);
    let (to, from) = ((1000, 22), (22, 1000));
    for flags in [SYN, ACK] {
        bench.step(ANNA, &tcp(ANNA, private(BERT), to, flags).bytes(), PASSES);
        let answer = tcp(BERT, private(ANNA), from, flags | ACK);
        bench.step(BERT, &answer.bytes(), ANSWERS);
    }
    set_rules(&mut bench, BERT, &[Rule::everything(Egress)]);
    for flags in [ACK, FIN | ACK, RST | ACK, SYN | ACK] {
        let answer = tcp(BERT, private(ANNA), from, flags);
        bench.step(BERT, &answer.bytes(), ANSWERS);
        assert!(connections_of(&bench, BERT).is_empty(), "flags {flags:#x}");
        bench.step(
            ANNA,
            &tcp(ANNA, private(BERT), to, ACK).bytes(),
            &["11 security_group_ingress"],
        );
    }
}

/// EC2's conditions one by one: the matching rule is open to the world, and the other direction is open for all.
#[test]
fn a_flow_is_tracked_unless_both_directions_are_open() {
    let ingress = |remote| Rule::port(Ingress, remote, TCP, 80);
    let all_tcp = Rule {
        protocol: RuleProtocol::number(TCP),
        ..Rule::everything(Egress)
    };
    let all_udp = Rule {
        protocol: RuleProtocol::number(UDP),
        ..Rule::everything(Egress)
    };
    let half_the_ports = Rule {
        ports: (0, 1),
        ..all_tcp
    };
    let half_the_world = Rule {
        remote: Remote::Network(ip([0, 0, 0, 0]), 1),
        ..all_tcp
    };
    let cases: [(&str, &[Rule], bool); 8] = [
        (
            "both open",
            &[ingress(WORLD), Rule::everything(Egress)],
            false,
        ),
        ("both open, TCP only", &[ingress(WORLD), all_tcp], false),
        (
            "a narrow and a wide rule",
            &[ingress(vpc_network()), ingress(WORLD), all_tcp],
            false,
        ),
        ("no egress rule", &[ingress(WORLD)], true),
        ("egress for UDP", &[ingress(WORLD), all_udp], true),
        (
            "egress to some ports",
            &[ingress(WORLD), half_the_ports],
            true,
        ),
        (
            "egress to some addresses",
            &[ingress(WORLD), half_the_world],
            true,
        ),
        (
            "ingress from some",
            &[ingress(vpc_network()), Rule::everything(Egress)],
            true,
        ),
    ];
    for (what, rules, tracked) in cases {
        let mut bench = Bench::new();
        set_rules(&mut bench, BERT, rules);
        bench.step(
            ANNA,
            &tcp(ANNA, private(BERT), (1000, 80), SYN).bytes(),
            PASSES,
        );
        assert_eq!(!connections_of(&bench, BERT).is_empty(), tracked, "{what}");
    }
}

#[test]
fn group_sources_match_only_members_that_speak_for_themselves() {
    let from_group = |identity| Rule {
        remote: Remote::Identity(identity),
        ..Rule::everything(Ingress)
    };
    let frame = udp(ANNA, private(BERT), (1, 2));
    let mut bench = Bench::new();
    set_rules(&mut bench, BERT, &[from_group(1)]);
    bench.step(ANNA, &frame.bytes(), PASSES);
    set_rules(&mut bench, BERT, &[from_group(2)]);
    bench.pass_seconds(31);
    bench.step(ANNA, &frame.bytes(), &["11 security_group_ingress"]);
    // A member that forwards for another is no source of its group.
    set_rules(&mut bench, BERT, &[from_group(1)]);
    bench.tables.vports.get_mut(&ANNA).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
    let forwarded = Datagram {
        source: private(CARL),
        ..frame.clone()
    };
    bench.step(ANNA, &forwarded.bytes(), &["11 security_group_ingress"]);
}

#[test]
fn group_destinations_match_only_when_the_owner_is_reached() {
    let to_group = Rule {
        remote: Remote::Identity(2),
        ..Rule::everything(Egress)
    };
    let mut bench = Bench::new();
    set_rules(&mut bench, ANNA, &[to_group]);
    bench.step(ANNA, &udp(ANNA, private(BERT), (1, 2)).bytes(), PASSES);
    bench.step(
        ANNA,
        &udp(ANNA, private(CARL), (1, 2)).bytes(),
        &["10 out", "12 in"],
    );
    // Carl's address, but on the way to Bert.
    let misled = Datagram {
        destination_mac: eni_pipeline::testing::region::mac(BERT),
        ..udp(ANNA, private(CARL), (3, 4))
    };
    bench.step(ANNA, &misled.bytes(), &["10 security_group_egress"]);
}

#[test]
fn udp_answers_make_a_stream_that_lives_longer() {
    // Idle seconds survived: after a request, after one answer, after a second request.
    for (packets, survives, dies) in [(1, 29, 31), (2, 29, 31), (3, 179, 181)] {
        for (idle, alive) in [(survives, true), (dies, false)] {
            let mut bench = Bench::new();
            set_rules(
                &mut bench,
                BERT,
                &[Rule::port(Ingress, vpc_network(), UDP, 53)],
            );
            for packet in 0..packets {
                match packet % 2 {
                    0 => bench.step(ANNA, &udp(ANNA, private(BERT), (9, 53)).bytes(), PASSES),
                    _ => bench.step(BERT, &udp(BERT, private(ANNA), (53, 9)).bytes(), ANSWERS),
                };
            }
            set_rules(&mut bench, BERT, &[]);
            bench.pass_seconds(idle);
            let moved: &[&str] = if alive {
                PASSES
            } else {
                &["11 security_group_ingress"]
            };
            println!("{packets} packets, {idle} s");
            bench.step(ANNA, &udp(ANNA, private(BERT), (9, 53)).bytes(), moved);
        }
    }
}

#[test]
fn other_protocols_are_tracked_by_address_for_ten_minutes() {
    const GRE: u8 = 47;
    let any = Rule {
        protocol: RuleProtocol::ALL,
        remote: vpc_network(),
        ..Rule::everything(Ingress)
    };
    for (idle, moved) in [(599, PASSES), (601, &["11 security_group_ingress"][..])] {
        let mut bench = Bench::new();
        set_rules(&mut bench, BERT, &[any]);
        let there = Datagram::new(ANNA, private(BERT), GRE, vec![0; 8]).bytes();
        let back = Datagram::new(BERT, private(ANNA), GRE, vec![0; 8]).bytes();
        bench.step(ANNA, &there, PASSES);
        set_rules(&mut bench, BERT, &[]);
        bench.step(BERT, &back, ANSWERS);
        bench.pass_seconds(idle);
        bench.step(ANNA, &there, moved);
    }
}

/// The first answer makes the next request one of a stream: that one must take the whole way, whatever the answer was.
#[test]
fn an_answer_that_is_never_cached_makes_a_stream_too() {
    let request = udp(ANNA, private(BERT), (9, 53));
    let answer = udp(BERT, private(ANNA), (53, 9));
    let with_options = Datagram {
        options: vec![1; 4],
        ..answer.clone()
    };
    let fragment = Datagram {
        fragment: 0x2000,
        ..answer
    };
    for answer in [with_options, fragment] {
        let mut bench = Bench::new();
        bench.tables = tracking_region();
        bench.step(ANNA, &request.bytes(), PASSES);
        bench.step(ANNA, &request.bytes(), PASSES);
        bench.step(BERT, &answer.bytes(), &["11 out", "10 in"]);
        bench.step(ANNA, &request.bytes(), PASSES);
        let states = bench.memory.connections.values().map(|found| found.state);
        let stream = ConnectionState::UdpStream as u32;
        assert!(states.into_iter().all(|state| state == stream));
    }
}

#[test]
fn a_full_table_drops_new_tracked_flows_only() {
    let mut bench = Bench::new();
    set_rules(
        &mut bench,
        BERT,
        &[Rule::port(Ingress, vpc_network(), UDP, 53)],
    );
    bench.memory.max_connections = 1;
    bench.step(ANNA, &udp(ANNA, private(BERT), (9, 53)).bytes(), PASSES);
    bench.step(
        ANNA,
        &udp(ANNA, private(BERT), (10, 53)).bytes(),
        &["11 connection_table_full"],
    );
    bench.step(ANNA, &udp(ANNA, private(BERT), (9, 53)).bytes(), PASSES);
}

#[test]
fn an_instance_with_its_allowance_of_connections_begins_no_other() {
    let mut bench = Bench::new();
    set_rules(
        &mut bench,
        BERT,
        &[Rule::port(Ingress, vpc_network(), UDP, 53)],
    );
    bench.step(ANNA, &udp(ANNA, private(BERT), (9, 53)).bytes(), PASSES);
    let (key, connection) = bench.memory.connections.pop_first().unwrap();
    assert_eq!(key.vport, BERT);
    bench.memory.connections.insert(key, connection);
    for number in 1..CONNECTION_ALLOWANCE {
        let another = ConnectionKey {
            remote_address: Ipv4(number).into(),
            ..key
        };
        bench.memory.connections.insert(another, connection);
    }
    bench.step(
        ANNA,
        &udp(ANNA, private(BERT), (10, 53)).bytes(),
        &["11 conntrack_allowance_exceeded"],
    );
    bench.step(ANNA, &udp(ANNA, private(BERT), (9, 53)).bytes(), PASSES);
    bench.memory.connections.pop_first();
    bench.step(ANNA, &udp(ANNA, private(BERT), (10, 53)).bytes(), PASSES);
    // Carl's interface is of an instance of its own, then another one of the same.
    let rule = Rule::port(Ingress, vpc_network(), UDP, 53);
    set_rules(&mut bench, CARL, &[rule]);
    let to_carl = |port| udp(ANNA, private(CARL), (port, 53)).bytes();
    bench.step(ANNA, &to_carl(10), &["10 out", "12 in"]);
    bench.tables.vports.get_mut(&CARL).unwrap().instance = BERT;
    bench.step(ANNA, &to_carl(11), &["12 conntrack_allowance_exceeded"]);
}

#[test]
fn the_last_of_a_thousand_rules_counts_like_the_first() {
    let mut rules = vec![Rule::port(Ingress, WORLD, TCP, 1); 999];
    rules.push(Rule::port(Ingress, vpc_network(), TCP, 443));
    let mut bench = Bench::new();
    set_rules(&mut bench, BERT, &rules);
    bench.step(
        ANNA,
        &tcp(ANNA, private(BERT), (9, 443), SYN).bytes(),
        PASSES,
    );
    bench.step(
        ANNA,
        &tcp(ANNA, private(BERT), (9, 444), SYN).bytes(),
        &["11 security_group_ingress"],
    );
}
