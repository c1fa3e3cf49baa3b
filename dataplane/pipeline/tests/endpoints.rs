//! Interface endpoints: what reaches the region's API by an address of the VPC's, and what comes back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_abi::{
    Direction, LINK_LOCAL_PACKETS_PER_SECOND, Location, Route, RuleProtocol, Service, Vport,
};
use eni_pipeline::testing::frames::{Datagram, checksums_hold, echo, tcp, udp};
use eni_pipeline::testing::region::{
    ANNA, API, BERT, CARL, OPEN_ACL, SERVICES, add_route, ip, mac, private, router_mac, service_for,
};
use eni_pipeline::testing::{Remote, Rule, add_policy};
use eni_wire::tcp_flag::{ACK, FIN, SYN};
use support::{Bench, WORLD, set_rules};

const ASKS: &[&str] = &["10 out", "4095 in"];
const ANSWERED: &[&str] = &["4095 out", "10 in"];
const DENIED: &[&str] = &["12 security_group_ingress"];

/// CARL is the end of an endpoint in 10.0.2.0/24, to which everybody may connect.
fn region() -> Bench {
    let mut bench = Bench::new();
    let row = bench.tables.vports.get_mut(&CARL).unwrap();
    row.flags |= Vport::ENDPOINT;
    row.host_address = ip(private(CARL));
    (row.instance, row.resolver_address) = (0, eni_abi::Ipv4::UNSPECIFIED);
    set_rules(&mut bench, CARL, &[allow(WORLD)]);
    bench
}

fn allow(remote: Remote) -> Rule {
    Rule {
        remote,
        ..Rule::everything(Direction::Ingress)
    }
}

fn question(from: u32, flags: u8) -> Datagram {
    Datagram {
        destination_mac: router_mac(from),
        ..tcp(from, private(CARL), (40_000, 443), flags)
    }
}

/// What the API sends `to`, in the endpoint's name.
fn answer(to: u32, flags: u8) -> Datagram {
    Datagram {
        source: service_for(Service::Api, CARL),
        ..tcp(SERVICES, private(to), (443, 40_000), flags)
    }
}

#[test]
fn a_question_and_its_answer_go_by_routes_and_change_nothing_but_the_endpoints_address() {
    let mut bench = region();
    for from in [ANNA, BERT] {
        let (out, into) = (format!("{from} out"), format!("{from} in"));
        for flags in [SYN, ACK, FIN | ACK] {
            let asked = question(from, flags);
            let got = bench.step(from, &asked.bytes(), &[&out, "4095 in"]);
            let want = Datagram {
                destination: service_for(Service::Api, CARL),
                destination_mac: mac(SERVICES),
                source_mac: router_mac(SERVICES),
                ..asked
            };
            assert_eq!(got.unwrap(), want.bytes());
        }
        let answers = answer(from, SYN | ACK);
        let got = bench.step(SERVICES, &answers.bytes(), &["4095 out", &into]);
        let want = Datagram {
            source: private(CARL),
            destination_mac: mac(from),
            source_mac: router_mac(from),
            ..answers
        };
        let got = got.unwrap();
        assert!(checksums_hold(&got));
        assert_eq!(got, want.bytes());
    }
    assert!(bench.memory.flows.is_empty());
    let mut tracked = bench.memory.connections.keys();
    assert!(tracked.all(|key| key.vport != CARL), "it begins nothing");
}

/// Each packet anew: an endpoint remembers nothing of what its rules let in before.
#[test]
fn the_endpoints_rules_decide_and_a_revoked_one_cuts_at_once() {
    let mut bench = region();
    let anna = Remote::Network(ip(private(ANNA)), 32);
    let https = Rule {
        protocol: RuleProtocol::number(6),
        ports: (443, 16),
        ..allow(anna)
    };
    set_rules(&mut bench, CARL, &[https]);
    bench.step(ANNA, &question(ANNA, SYN).bytes(), ASKS);
    bench.step(BERT, &question(BERT, SYN).bytes(), DENIED);
    set_rules(&mut bench, CARL, &[]);
    bench.step(ANNA, &question(ANNA, ACK).bytes(), DENIED);
}

#[test]
fn network_acls_of_both_subnets_and_the_clients_rules_are_asked() {
    let mut bench = region();
    set_rules(&mut bench, ANNA, &[]);
    let asked = question(ANNA, SYN).bytes();
    bench.step(ANNA, &asked, &["10 security_group_egress"]);
    bench.step(
        SERVICES,
        &answer(ANNA, ACK).bytes(),
        &["10 security_group_ingress"],
    );
    let nothing = [Direction::Ingress, Direction::Egress].map(|direction| Rule {
        allow: false,
        ..Rule::everything(direction)
    });
    let mut bench = region();
    let closed = OPEN_ACL + 1;
    add_policy(&mut bench.tables, closed, &nothing);
    bench
        .tables
        .vports
        .get_mut(&CARL)
        .unwrap()
        .network_acl_policy = closed;
    bench.step(ANNA, &asked, &["12 network_acl_ingress"]);
    bench.step(
        SERVICES,
        &answer(ANNA, ACK).bytes(),
        &["4095 network_acl_egress"],
    );
}

#[test]
fn nothing_but_the_api_is_there() {
    let mut bench = region();
    let unreachable: &[&str] = &["12 service_unreachable"];
    let first = Datagram {
        fragment: 0x2000,
        ..question(ANNA, SYN)
    };
    let by_router = |datagram: Datagram| Datagram {
        destination_mac: router_mac(ANNA),
        ..datagram
    };
    for other in [
        by_router(tcp(ANNA, private(CARL), (40_000, 80), SYN)),
        by_router(udp(ANNA, private(CARL), (40_000, 443))),
        by_router(echo(ANNA, private(CARL), 8, 1)),
        first,
    ] {
        bench.step(ANNA, &other.bytes(), unreachable);
    }
    let options = Datagram {
        options: vec![7, 7, 4, 0, 0, 0, 0, 0],
        ..question(ANNA, SYN)
    };
    bench.step(ANNA, &options.bytes(), &["12 service_options"]);
}

#[test]
fn it_answers_in_its_own_name_only_and_not_where_no_route_leads() {
    let mut bench = region();
    let stray: &[&str] = &["4095 stray_answer"];
    for service in [Service::InstanceMetadata, Service::Resolver] {
        let other = Datagram {
            source: service_for(service, CARL),
            ..tcp(
                SERVICES,
                private(ANNA),
                (service.port().number(), 40_000),
                ACK,
            )
        };
        bench.step(SERVICES, &other.bytes(), stray);
    }
    let from_elsewhere = Datagram {
        source: service_for(Service::Api, CARL),
        ..tcp(SERVICES, private(ANNA), (444, 40_000), ACK)
    };
    bench.step(SERVICES, &from_elsewhere.bytes(), stray);
    // An endpoint has no public address.
    let out = Datagram {
        destination: [198, 51, 100, 1],
        ..answer(ANNA, ACK)
    };
    bench.step(SERVICES, &out.bytes(), &["4095 no_public_address"]);
    add_route(
        &mut bench.tables,
        [10, 0, 1, 0],
        24,
        Route::of_kind(Route::BLACKHOLE),
    );
    bench.tables.globals.topology_generation += 1;
    bench.step(SERVICES, &answer(ANNA, ACK).bytes(), &["4095 blackhole"]);
}

/// And what all of them together may is the endpoint's.
#[test]
fn a_flood_of_one_sender_leaves_room_for_others() {
    let mut bench = region();
    let asked = question(ANNA, ACK).bytes();
    for _ in 0..2 * LINK_LOCAL_PACKETS_PER_SECOND {
        bench.step(ANNA, &asked, ASKS);
    }
    bench.step(ANNA, &asked, &["10 endpoint_allowance_exceeded"]);
    let other = question(BERT, ACK).bytes();
    bench.step(BERT, &other, &["11 out", "4095 in"]);
    bench.step(SERVICES, &answer(ANNA, ACK).bytes(), ANSWERED);
    bench.pass_seconds(1);
    bench.step(ANNA, &asked, ASKS);

    let taken = bench.memory.link_local[&CARL];
    bench
        .memory
        .link_local
        .get_mut(&CARL)
        .unwrap()
        .spent_until_ns += 2_000_000_000;
    bench.step(BERT, &other, &["11 endpoint_allowance_exceeded"]);
    let by_the_fabric = Datagram {
        destination: API,
        ..question(ANNA, ACK)
    };
    bench.step(ANNA, &by_the_fabric.bytes(), ASKS);
    bench.memory.link_local.insert(CARL, taken);
    bench.step(BERT, &other, &["11 out", "4095 in"]);
}

/// An endpoint's answers find who has asked: in others' names nobody does, unless routes lead to them by the sender.
#[test]
fn nobody_asks_in_anothers_name() {
    let mut bench = region();
    let forged = |source: [u8; 4]| {
        Datagram {
            source,
            ..question(BERT, SYN)
        }
        .bytes()
    };
    let spoofed: &[&str] = &["11 spoofed_address"];
    bench.step(BERT, &forged(private(ANNA)), spoofed);
    bench.tables.vports.get_mut(&BERT).unwrap().flags &= !Vport::SOURCE_DEST_CHECK;
    let asks: &[&str] = &["11 out", "4095 in"];
    for strange in [
        private(ANNA),
        [10, 0, 1, 77],
        [192, 168, 0, 1],
        [198, 51, 100, 1],
    ] {
        bench.step(BERT, &forged(strange), spoofed);
    }
    bench.step(BERT, &question(BERT, SYN).bytes(), asks);
    // Behind an appliance, such as a VPN's end: Bert's, and not Anna's.
    for (appliance, moved) in [(ANNA, spoofed), (BERT, asks)] {
        let route = Route::to_interface(Location::here(appliance));
        add_route(&mut bench.tables, [192, 168, 0, 0], 16, route);
        bench.step(BERT, &forged([192, 168, 0, 1]), moved);
    }
}
