//! ICMP: queries and their answers, and errors about other flows.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::Direction::{Egress, Ingress};
use eni_abi::Vport;
use eni_pipeline::testing::Rule;
use eni_pipeline::testing::frames::{Datagram, checksums_hold, echo, icmp_error, udp};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, UPLINK, ip, private, public};
use eni_wire::icmp_type::REDIRECT;
use eni_wire::protocol::{ICMP, UDP};
use support::{ANSWERS, Bench, PASSES, WORLD, connections_of, set_rules};

const NOT_IN: &[&str] = &["11 security_group_ingress"];
const NOT_OUT: &[&str] = &["11 security_group_egress"];
/// Requests and their answers.
const QUERIES: [(u8, u8); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (42, 43)];

/// Lets `vport` be sent one type of ICMP, all codes, and nothing else; and send nothing.
fn allow_only(bench: &mut Bench, vport: u32, icmp_type: u8) {
    let rule = Rule {
        ports: (u16::from(icmp_type) << 8, 8),
        ..Rule::port(Ingress, WORLD, ICMP, 0)
    };
    set_rules(bench, vport, &[rule]);
}

fn message(from: u32, to: u32, type_and_code: [u8; 2], identifier: u16) -> Vec<u8> {
    let mut datagram = echo(from, private(to), 0, identifier);
    datagram.payload[..2].copy_from_slice(&type_and_code);
    datagram.bytes()
}

#[test]
fn a_request_opens_the_way_for_its_own_answers_only() {
    for (request, answer) in QUERIES {
        for identifier in [0, 5] {
            let mut bench = Bench::new();
            allow_only(&mut bench, BERT, request);
            bench.step(ANNA, &message(ANNA, BERT, [request, 0], identifier), PASSES);
            for other in 0..=255 {
                if other == REDIRECT {
                    continue;
                }
                let (asks, answers) = (other == request, other == answer);
                let moved = if asks { PASSES } else { NOT_IN };
                bench.step(ANNA, &message(ANNA, BERT, [other, 0], identifier), moved);
                let moved = if answers { ANSWERS } else { NOT_OUT };
                bench.step(BERT, &message(BERT, ANNA, [other, 0], identifier), moved);
                bench.step(
                    BERT,
                    &message(BERT, ANNA, [other, 0], identifier + 1),
                    NOT_OUT,
                );
            }
            assert_eq!(connections_of(&bench, BERT).len(), 1);
        }
    }
}

/// Linux answers an echo with the code it bears.
#[test]
fn an_answer_bears_the_code_of_its_request() {
    let mut bench = Bench::new();
    allow_only(&mut bench, BERT, 8);
    bench.step(ANNA, &message(ANNA, BERT, [8, 3], 5), PASSES);
    bench.step(BERT, &message(BERT, ANNA, [0, 3], 5), ANSWERS);
    bench.step(BERT, &message(BERT, ANNA, [0, 0], 5), NOT_OUT);
    // An extended echo's answer says by its code what is wrong (RFC 8335).
    allow_only(&mut bench, BERT, 42);
    bench.step(ANNA, &message(ANNA, BERT, [42, 0], 5), PASSES);
    bench.step(BERT, &message(BERT, ANNA, [43, 2], 5), ANSWERS);
}

#[test]
fn what_neither_asks_nor_answers_is_asked_of_the_rules_each_time() {
    let is_query = |number| QUERIES.iter().any(|(request, _)| *request == number);
    for icmp_type in (0..=255).filter(|number| !is_query(*number) && *number != REDIRECT) {
        let mut bench = Bench::new();
        let frame = message(ANNA, BERT, [icmp_type, 0], 5);
        allow_only(&mut bench, BERT, icmp_type);
        bench.step(ANNA, &frame, PASSES);
        assert!(connections_of(&bench, BERT).is_empty(), "type {icmp_type}");
        bench.step(BERT, &message(BERT, ANNA, [icmp_type, 0], 5), NOT_OUT);
        set_rules(&mut bench, BERT, &[]);
        bench.step(ANNA, &frame, NOT_IN);
    }
}

/// Whoever sends it, and whatever it quotes: it would lead a guest's packets to a neighbour.
#[test]
fn nobody_redirects_a_guest() {
    let (mut bench, request) = asked();
    let every = Rule::everything(Ingress);
    set_rules(&mut bench, ANNA, &[every, Rule::everything(Egress)]);
    bench.tables.vports.get_mut(&BERT).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
    for code in 0..4 {
        let redirect = icmp_error(BERT, private(ANNA), [REDIRECT, code], &request.datagram());
        let by_the_router = Datagram {
            source: [10, 0, 1, 1],
            ..redirect.clone()
        };
        for forged in [redirect, by_the_router] {
            bench.step(BERT, &forged.bytes(), &["11 redirect"]);
        }
    }
}

/// With the check off one may send in others' names, but not in the fabric's.
#[test]
fn nobody_speaks_for_the_router_or_the_resolver() {
    let mut bench = Bench::new();
    let row = bench.tables.vports.get_mut(&BERT).unwrap();
    row.flags &= !Vport::SOURCE_DEST_CHECK;
    row.resolver_address = ip([10, 0, 0, 2]);
    let router = row.router_address;
    let told = |source| {
        Datagram {
            source,
            ..udp(BERT, private(ANNA), (53, 40_000))
        }
        .bytes()
    };
    for source in [[10, 0, 0, 2], router.0.to_ne_bytes()] {
        bench.step(BERT, &told(source), &["11 spoofed_address"]);
    }
    bench.step(BERT, &told([10, 0, 0, 3]), ANSWERS);
}

/// Bert, who may say nothing by himself, has answered a query of Anna's.
fn asked() -> (Bench, Datagram) {
    let mut bench = Bench::new();
    set_rules(&mut bench, BERT, &[Rule::port(Ingress, WORLD, UDP, 53)]);
    let request = udp(ANNA, private(BERT), (9, 53));
    bench.step(ANNA, &request.bytes(), PASSES);
    (bench, request)
}

#[test]
fn an_error_goes_to_nobody_but_the_sender_of_what_it_quotes() {
    let (mut bench, request) = asked();
    let about = |to| icmp_error(BERT, to, [3, 3], &request.datagram()).bytes();
    for stranger in [private(CARL), [198, 51, 100, 1], public(ANNA)] {
        bench.step(BERT, &about(stranger), NOT_OUT);
    }
    bench.step(BERT, &about(private(ANNA)), ANSWERS);
    // His own packet is none that Anna sent; nor has Carl sent this one.
    let own = udp(BERT, private(ANNA), (53, 9)).datagram();
    bench.step(
        BERT,
        &icmp_error(BERT, private(ANNA), [3, 3], &own).bytes(),
        NOT_OUT,
    );
    let of_carl = udp(CARL, private(BERT), (9, 53)).datagram();
    bench.step(
        BERT,
        &icmp_error(BERT, private(ANNA), [3, 3], &of_carl).bytes(),
        NOT_OUT,
    );
}

#[test]
fn an_error_comes_from_anybody_but_about_an_own_packet_only() {
    let (mut bench, _) = asked();
    let answer = udp(BERT, private(ANNA), (53, 9)).datagram();
    let passes: &[&str] = &["12 out", "11 in"];
    let from_carl = |quoted: &[u8]| icmp_error(CARL, private(BERT), [3, 4], quoted).bytes();
    bench.step(CARL, &from_carl(&answer), passes);
    let request = udp(ANNA, private(BERT), (9, 53)).datagram();
    bench.step(CARL, &from_carl(&request), NOT_IN);
}

#[test]
fn an_error_without_a_whole_quote_belongs_to_no_flow() {
    let (mut bench, request) = asked();
    let whole = request.datagram();
    let error = |quoted: &[u8]| icmp_error(BERT, private(ANNA), [3, 3], quoted).bytes();
    for length in [0, 19, 20, 27] {
        bench.step(BERT, &error(&whole[..length]), NOT_OUT);
    }
    let later = Datagram {
        fragment: 3,
        ..request.clone()
    };
    bench.step(BERT, &error(&later.datagram()), NOT_OUT);
    let first = Datagram {
        fragment: 0x2000,
        ..request
    };
    bench.step(BERT, &error(&first.datagram()), ANSWERS);
    bench.step(BERT, &error(&whole), ANSWERS);
}

/// Its quote may lie in several of them: Linux puts an error together before it looks at it.
#[test]
fn an_error_in_fragments_belongs_to_no_flow() {
    let (mut bench, request) = asked();
    let mut error = icmp_error(BERT, private(ANNA), [3, 3], &request.datagram());
    bench.step(BERT, &error.bytes(), ANSWERS);
    error.payload.resize(40, 0);
    error.fragment = 0x2000;
    bench.step(BERT, &error.bytes(), NOT_OUT);
}

/// RFC 1122 section 3.2.2.
#[test]
fn nothing_is_related_that_quotes_an_error() {
    let (mut bench, request) = asked();
    let error = icmp_error(ANNA, private(BERT), [3, 3], &request.datagram());
    let about_it = icmp_error(BERT, private(ANNA), [3, 3], &error.datagram());
    bench.step(BERT, &about_it.bytes(), NOT_OUT);
}

#[test]
fn an_error_may_quote_a_query_and_its_answer() {
    let mut bench = Bench::new();
    allow_only(&mut bench, BERT, 8);
    let request = echo(ANNA, private(BERT), 8, 5);
    let about = |quoted: &Datagram| {
        let to = if quoted.source == private(ANNA) {
            ANNA
        } else {
            BERT
        };
        let from = if to == ANNA { BERT } else { ANNA };
        icmp_error(from, private(to), [3, 1], &quoted.datagram()).bytes()
    };
    bench.step(BERT, &about(&request), NOT_OUT);
    bench.step(ANNA, &request.bytes(), PASSES);
    bench.step(BERT, &about(&request), ANSWERS);
    bench.step(ANNA, &about(&echo(BERT, private(ANNA), 0, 5)), PASSES);
    // A request that Bert never was allowed.
    bench.step(ANNA, &about(&echo(BERT, private(ANNA), 8, 5)), NOT_IN);
}

/// Anna and Bert talk through their public addresses; the gateway translates what the error quotes as well.
#[test]
fn an_error_turns_around_at_the_gateway_with_its_quote() {
    let mut bench = Bench::new();
    set_rules(&mut bench, ANNA, &[Rule::port(Egress, WORLD, UDP, 53)]);
    set_rules(&mut bench, BERT, &[Rule::port(Ingress, WORLD, UDP, 53)]);
    let request = udp(ANNA, public(BERT), (9, 53));
    bench.step(ANNA, &request.bytes(), PASSES);
    let received = Datagram {
        source: public(ANNA),
        destination: private(BERT),
        ..request
    };
    let error = icmp_error(BERT, public(ANNA), [3, 3], &received.datagram());
    let back = bench.step(BERT, &error.bytes(), ANSWERS).unwrap();
    assert!(checksums_hold(&back));
    let addresses = |at: usize| (&back[at..at + 4], &back[at + 4..at + 8]);
    assert_eq!(addresses(26), (&public(BERT)[..], &private(ANNA)[..]));
    assert_eq!(addresses(54), (&private(ANNA)[..], &public(BERT)[..]));
    let elsewhere = icmp_error(BERT, [198, 51, 100, 1], [3, 3], &received.datagram());
    bench.step(BERT, &elsewhere.bytes(), NOT_OUT);
}

/// A router of the internet says that a packet was too large.
#[test]
fn an_error_from_a_stranger_outside_finds_the_flow_it_quotes() {
    let mut bench = Bench::new();
    set_rules(&mut bench, ANNA, &[Rule::port(Egress, WORLD, UDP, 53)]);
    let server = [192, 0, 2, 53];
    bench.step(
        ANNA,
        &udp(ANNA, server, (9, 53)).bytes(),
        &["10 out", "9 in"],
    );
    let translated = Datagram {
        source: public(ANNA),
        ..udp(ANNA, server, (9, 53))
    };
    let error = |to, quoted: &Datagram| icmp_error(UPLINK, to, [3, 4], &quoted.datagram()).bytes();
    let denied: &[&str] = &["10 security_group_ingress"];
    bench.step(
        UPLINK,
        &error(public(ANNA), &translated),
        &["9 out", "10 in"],
    );
    // To Bert, about Anna's packet; to Anna, about one that she sent elsewhere, and by her private address.
    bench.step(UPLINK, &error(public(BERT), &translated), PASSES_TO_BERT);
    set_rules(&mut bench, BERT, &[]);
    bench.step(UPLINK, &error(public(BERT), &translated), NOT_IN);
    let elsewhere = Datagram {
        destination: [192, 0, 2, 54],
        ..translated
    };
    bench.step(UPLINK, &error(public(ANNA), &elsewhere), denied);
    bench.step(
        UPLINK,
        &error(public(ANNA), &udp(ANNA, server, (9, 53))),
        denied,
    );
}

const PASSES_TO_BERT: &[&str] = &["9 out", "11 in"];

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
