//! The broker by itself: what each message makes it tell whom.

mod offers;

use eni_efa_abi::control::EndpointKind;

use super::*;
use crate::policy::{Isolated, SameSubnet};

const HOME: NamespaceId = NamespaceId {
    device: 1,
    inode: 10,
};
const ELSEWHERE: NamespaceId = NamespaceId {
    device: 1,
    inode: 11,
};

fn gid(number: u8) -> Gid {
    Gid([number; 16])
}

fn device(number: u8, network_namespace: Option<NamespaceId>) -> Device {
    Device {
        attributes: DeviceAttributes {
            name: format!("efa_{number}"),
            gid: gid(number),
            mac: [number; 6],
            subnet: String::new(),
            node_guid: 0,
            max_transfer: 0,
            max_endpoints: 0,
            reaches_other_hosts: false,
        },
        network_namespace,
    }
}

/// Devices 0 and 1 converse, device 2 is in another subnet.
fn policy() -> SameSubnet {
    SameSubnet::new(
        [(gid(0), "a"), (gid(1), "a"), (gid(2), "b")].map(|(gid, subnet)| (gid, subnet.to_owned())),
    )
}

struct Bench {
    broker: Broker<&'static str>,
    policy: SameSubnet,
}

impl Bench {
    fn new() -> Self {
        let mut broker = Broker::new(3);
        broker.set_devices([0, 1, 2].map(|number| device(number, None)).into());
        let mut bench = Self {
            broker,
            policy: policy(),
        };
        for program in [1, 2] {
            bench.broker.connected(ProgramId(program), HOME);
        }
        bench.broker.take_outputs();
        bench
    }

    fn ask(
        &mut self,
        program: u64,
        request: Request,
        region: Option<&'static str>,
    ) -> Vec<Output<&'static str>> {
        let judges = Judges {
            policy: &self.policy,
            directory: &Isolated,
        };
        let regions = region.into_iter().map(|file| Region {
            identity: RegionIdentity {
                device: 0,
                inode: file.len() as u64,
            },
            file,
        });
        self.broker
            .request(judges, ProgramId(program), request, regions.collect());
        self.broker.take_outputs()
    }

    fn endpoint(&mut self, program: u64, device: u16) -> (u32, Peer) {
        let kind = EndpointKind::Srd;
        let request = Request::CreateEndpoint {
            request: 0,
            device,
            kind,
        };
        let outputs = self.ask(program, request, None);
        let [
            Output::Send {
                event:
                    Event::EndpointCreated {
                        endpoint,
                        queue_pair,
                        ..
                    },
                ..
            },
        ] = outputs[..]
        else {
            panic!("{outputs:?}")
        };
        let gid = gid(device as u8);
        (endpoint, Peer { gid, queue_pair })
    }
}

/// Whom, what and with which region, where there is one thing to tell.
fn only(outputs: Vec<Output<&'static str>>) -> (u64, Event, Option<&'static str>) {
    match <[_; 1]>::try_from(outputs) {
        Ok(
            [
                Output::Send {
                    program,
                    event,
                    region,
                },
            ],
        ) => (program.0, event, region),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_offer_and_its_answer_exchange_the_regions() {
    let mut bench = Bench::new();
    let (a, address_a) = bench.endpoint(1, 0);
    let (b, address_b) = bench.endpoint(2, 1);
    let offer = Request::Offer {
        endpoint: a,
        attempt: 4,
        peer: address_b,
    };
    let (program, event, region) = only(bench.ask(1, offer, Some("of a")));
    let conversation = 1;
    assert_eq!((program, region), (2, Some("of a")));
    assert_eq!(
        event,
        Event::Region {
            endpoint: b,
            conversation,
            peer: address_a,
            attempt: None
        }
    );
    let answer = Request::Answer {
        endpoint: b,
        conversation,
    };
    let (program, event, region) = only(bench.ask(2, answer, Some("of b")));
    assert_eq!((program, region), (1, Some("of b")));
    assert_eq!(
        event,
        Event::Region {
            endpoint: a,
            conversation,
            peer: address_b,
            attempt: Some(4)
        }
    );
    // A second answer changes nothing.
    assert!(bench.ask(2, answer, Some("again")).is_empty());
    bench.broker.disconnected(ProgramId(2));
    let told = bench.broker.take_outputs();
    let broken = Event::Broken {
        endpoint: a,
        conversation,
        cause: Cause::PeerGone,
    };
    assert!(told.iter().any(|output| matches!(output, Output::Send { program: ProgramId(1), event, .. } if *event == broken)));
}

#[test]
fn the_second_of_two_crossing_offers_is_the_answer() {
    let mut bench = Bench::new();
    let (a, address_a) = bench.endpoint(1, 0);
    let (b, address_b) = bench.endpoint(2, 1);
    bench.ask(
        1,
        Request::Offer {
            endpoint: a,
            attempt: 4,
            peer: address_b,
        },
        Some("of a"),
    );
    let crossing = Request::Offer {
        endpoint: b,
        attempt: 9,
        peer: address_a,
    };
    let (program, event, region) = only(bench.ask(2, crossing, Some("of b")));
    assert_eq!((program, region), (1, Some("of b")));
    assert!(matches!(
        event,
        Event::Region {
            attempt: Some(4),
            ..
        }
    ));
    // They have one now.
    let (_, event, _) = only(bench.ask(2, crossing, Some("of b")));
    assert_eq!(
        event,
        Event::Failed {
            endpoint: b,
            attempt: 9,
            cause: Cause::Protocol
        }
    );
}

#[test]
fn what_is_not_allowed_or_not_there_fails() {
    let mut bench = Bench::new();
    let (a, address_a) = bench.endpoint(1, 0);
    let (_, other_subnet) = bench.endpoint(2, 2);
    let nobody = Peer {
        gid: gid(1),
        queue_pair: 7,
    };
    let stranger = Peer {
        gid: gid(9),
        queue_pair: 7,
    };
    let cases = [
        // peer, cause
        (other_subnet, Cause::Refused),
        (stranger, Cause::Refused),
        (nobody, Cause::PeerGone),
        (address_a, Cause::Protocol),
    ];
    for (peer, cause) in cases {
        let (_, event, _) = only(bench.ask(
            1,
            Request::Offer {
                endpoint: a,
                attempt: 1,
                peer,
            },
            Some("region"),
        ));
        assert_eq!(
            event,
            Event::Failed {
                endpoint: a,
                attempt: 1,
                cause
            },
            "{peer:?}"
        );
    }
    let handles = [
        // to, answer
        (1, Ok(0)),
        (0, Ok(1)),
        (1, Ok(0)),
        (2, Err(Refusal::DifferentSubnet)),
        (9, Err(Refusal::UnknownGid)),
    ];
    for (to, want) in handles {
        let request = Request::CreateAddressHandle {
            request: 5,
            device: 0,
            gid: gid(to),
        };
        let (_, event, _) = only(bench.ask(1, request, None));
        let want = match want {
            Ok(number) => Event::AddressHandleCreated { request: 5, number },
            Err(refusal) => Event::Refused {
                request: 5,
                refusal,
            },
        };
        assert_eq!(event, want);
    }
}

#[test]
fn a_revoked_pair_is_told_and_looked_at_on_both_sides() {
    let mut bench = Bench::new();
    let (a, _) = bench.endpoint(1, 0);
    let (b, address_b) = bench.endpoint(2, 1);
    bench.ask(
        1,
        Request::Offer {
            endpoint: a,
            attempt: 0,
            peer: address_b,
        },
        Some("of a"),
    );
    bench.ask(
        2,
        Request::Answer {
            endpoint: b,
            conversation: 1,
        },
        Some("of both"),
    );
    bench.broker.policy_changed(&policy());
    assert!(bench.broker.take_outputs().is_empty());
    let apart = SameSubnet::new([(gid(0), "a".to_owned()), (gid(1), "b".to_owned())]);
    bench.broker.policy_changed(&apart);
    let outputs = bench.broker.take_outputs();
    let told: Vec<_> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Send {
                program,
                event:
                    Event::Broken {
                        cause: Cause::Revoked,
                        ..
                    },
                ..
            } => Some(program.0),
            _ => None,
        })
        .collect();
    let inspected: Vec<_> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Inspect { program, region } => Some((program.0, region.inode)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [1, 2]);
    // Each holds the other's region.
    assert_eq!(
        inspected,
        [(2, "of a".len() as u64), (1, "of both".len() as u64)]
    );
}

#[test]
fn a_number_that_was_given_back_comes_again_after_all_others() {
    let mut bench = Bench::new();
    let mut seen = HashSet::new();
    for _ in FIRST_QUEUE_PAIR..=LAST_QUEUE_PAIR {
        let (endpoint, address) = bench.endpoint(1, 0);
        assert!((FIRST_QUEUE_PAIR..=LAST_QUEUE_PAIR).contains(&address.queue_pair));
        assert!(seen.insert(address.queue_pair));
        bench.ask(1, Request::DestroyEndpoint { endpoint }, None);
    }
    assert!(!seen.insert(bench.endpoint(1, 0).1.queue_pair));
}

#[test]
fn a_device_has_a_limit_of_endpoints() {
    let mut bench = Bench::new();
    for _ in 0..MAX_ENDPOINTS {
        bench.endpoint(1, 0);
    }
    let kind = EndpointKind::Srd;
    let (_, event, _) = only(bench.ask(
        1,
        Request::CreateEndpoint {
            request: 8,
            device: 0,
            kind,
        },
        None,
    ));
    assert_eq!(
        event,
        Event::Refused {
            request: 8,
            refusal: Refusal::Limit
        }
    );
    bench.endpoint(2, 1);
}

#[test]
fn a_program_sees_the_devices_of_its_network_namespace() {
    let mut broker = Broker::<()>::new(0);
    broker.set_devices(vec![
        device(0, Some(HOME)),
        device(1, Some(ELSEWHERE)),
        device(2, None),
    ]);
    broker.connected(ProgramId(1), HOME);
    let [
        Output::Send {
            event: Event::Welcome { devices, .. },
            ..
        },
    ] = &broker.take_outputs()[..]
    else {
        panic!("no welcome")
    };
    let names: Vec<_> = devices.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["efa_0", "efa_2"]);
}

#[test]
fn a_device_that_another_namespace_has_now_is_not_opened_by_those_who_saw_it_before() {
    let mut bench = Bench::new();
    let open = Request::CreateEndpoint {
        request: 1,
        device: 0,
        kind: EndpointKind::Srd,
    };
    let is_refused = |outputs: Vec<Output<&'static str>>| {
        let [Output::Send { event, .. }] = &outputs[..] else {
            panic!("{outputs:?}")
        };
        matches!(
            event,
            Event::Refused {
                refusal: Refusal::NoSuchDevice,
                ..
            }
        )
    };
    assert!(!is_refused(bench.ask(1, open, None)));
    bench
        .broker
        .set_devices(vec![device(0, Some(ELSEWHERE)), device(1, None)]);
    bench.broker.take_outputs();
    assert!(is_refused(bench.ask(1, open, None)));
}

#[test]
fn what_devices_have_and_were_denied_is_tallied() {
    let mut bench = Bench::new();
    let (a, _) = bench.endpoint(1, 0);
    let (b, address_b) = bench.endpoint(2, 1);
    let (_, other_subnet) = bench.endpoint(2, 2);
    let tallies = |bench: &mut Bench| {
        let mut tallies = bench.broker.take_tallies();
        tallies.sort_by_key(|(gid, _)| *gid);
        tallies
    };
    let endpoint = Tally {
        endpoints: 1,
        ..Tally::default()
    };
    let new = [0, 1, 2].map(|number| (gid(number), endpoint));
    assert_eq!(tallies(&mut bench), new);
    assert_eq!(tallies(&mut bench), []);
    for peer in [address_b, other_subnet] {
        let offer = Request::Offer {
            endpoint: a,
            attempt: 0,
            peer,
        };
        bench.ask(1, offer, Some("of a"));
    }
    let with_lane = Tally {
        lanes: 1,
        ..endpoint
    };
    let refused = Tally {
        refused: 1,
        ..with_lane
    };
    assert_eq!(
        tallies(&mut bench),
        [(gid(0), refused), (gid(1), with_lane)]
    );
    let answer = Request::Answer {
        endpoint: b,
        conversation: 1,
    };
    bench.ask(2, answer, Some("of b"));
    let apart = SameSubnet::new([(gid(0), "a".to_owned()), (gid(1), "b".to_owned())]);
    bench.broker.policy_changed(&apart);
    let revoked = Tally {
        revoked: 1,
        ..endpoint
    };
    let both = [
        (
            gid(0),
            Tally {
                refused: 1,
                ..revoked
            },
        ),
        (gid(1), revoked),
    ];
    assert_eq!(tallies(&mut bench), both);
    bench.broker.disconnected(ProgramId(2));
    let gone = Tally {
        endpoints: 0,
        ..revoked
    };
    assert_eq!(
        tallies(&mut bench),
        [(gid(1), gone), (gid(2), Tally::default())]
    );
    // A device that goes is forgotten with its endpoints.
    bench.broker.set_devices(vec![device(1, None)]);
    assert_eq!(tallies(&mut bench), []);
}

#[test]
fn a_program_is_nudged_once_until_it_has_looked_and_by_its_peers_only() {
    let mut bench = Bench::new();
    let (a, _) = bench.endpoint(1, 0);
    let (b, address_b) = bench.endpoint(2, 1);
    let (stranger, _) = bench.endpoint(1, 1);
    let offer = Request::Offer {
        endpoint: a,
        attempt: 4,
        peer: address_b,
    };
    bench.ask(1, offer, Some("of a"));
    let nudge = |endpoint| Request::Nudge {
        endpoint,
        conversation: 1,
    };
    assert!(bench.ask(1, nudge(stranger), None).is_empty());
    let told = (2, Event::Nudge { endpoint: b }, None);
    assert_eq!(only(bench.ask(1, nudge(a), None)), told);
    assert!(bench.ask(1, nudge(a), None).is_empty());
    assert!(
        bench
            .ask(1, Request::Nudged { endpoint: b }, None)
            .is_empty()
    );
    assert!(
        bench.ask(1, nudge(a), None).is_empty(),
        "it was not b's program that looked"
    );
    bench.ask(2, Request::Nudged { endpoint: b }, None);
    assert_eq!(only(bench.ask(1, nudge(a), None)), told);
}

#[test]
fn an_endpoint_ends_for_the_carrier_as_its_program_or_its_device_does() {
    let mut bench = Bench::new();
    let endpoints = [0, 1, 0].map(|device| bench.endpoint(1, device).0);
    let ended = |outputs: Vec<Output<&'static str>>| -> Vec<_> {
        let ended = outputs.into_iter().filter_map(|output| match output {
            Output::Ended {
                endpoint,
                is_withdrawn,
            } => Some((endpoint.0, is_withdrawn)),
            _ => None,
        });
        ended.collect()
    };
    let [destroyed, withdrawn, left] = endpoints;
    let destroy = Request::DestroyEndpoint {
        endpoint: destroyed,
    };
    assert_eq!(ended(bench.ask(1, destroy, None)), [(destroyed, false)]);
    bench.broker.set_devices(vec![device(0, None)]);
    let outputs = bench.broker.take_outputs();
    assert_eq!(ended(outputs), [(withdrawn, true)]);
    bench.broker.disconnected(ProgramId(1));
    assert_eq!(ended(bench.broker.take_outputs()), [(left, false)]);
}
