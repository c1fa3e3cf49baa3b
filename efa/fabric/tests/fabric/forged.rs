//! What a hostile program may try through the control socket and its rings: the others go on unharmed.

use std::time::Duration;

use crate::support::raw::{Raw, SEALS, UNITS, memfd, region_with, start_of_region};
use crate::support::{Log, Running, device, gid, header, poll_until};
use eni_efa_abi::control::{EndpointKind, Event, Request};
use eni_efa_abi::limits::MAX_ENDPOINTS;
use eni_efa_abi::region::{MAGIC, size};
use eni_efa_abi::{RecordHeader, short};
use eni_efa_client::{Cause, LaneState, Peer, Refusal};
use eni_fabric::NamespaceId;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rustix::fs::SealFlags;

#[test]
fn a_region_that_is_not_sealed_or_too_short_is_not_passed_on() {
    let running = Running::start(vec![device(0, None)]);
    let mut honest = running.endpoint(0);
    let raw = Raw::open(&running.socket());
    let (endpoint, _) = raw.create_endpoint(0);
    let start = start_of_region(MAGIC);
    let forged = [
        memfd(&start, size(UNITS), SealFlags::SEAL),
        memfd(
            &start,
            size(UNITS),
            SEALS.difference(SealFlags::FUTURE_WRITE),
        ),
        memfd(&start, size(UNITS), SEALS.difference(SealFlags::SHRINK)),
        memfd(&start, size(UNITS) - 4096, SEALS),
        memfd(&start, 4096, SEALS),
        std::fs::File::open("/dev/zero").unwrap().into(),
    ];
    for (attempt, file) in (0..).zip(&forged) {
        let peer = honest.address();
        raw.send(
            Request::Offer {
                endpoint,
                attempt,
                peer,
            },
            &[file],
        );
        let cause = Cause::Protocol;
        assert_eq!(
            raw.receive().0,
            Event::Failed {
                endpoint,
                attempt,
                cause
            }
        );
    }
    raw.send(
        Request::Offer {
            endpoint,
            attempt: 99,
            peer: honest.address(),
        },
        &[],
    );
    assert!(matches!(raw.receive().0, Event::Failed { attempt: 99, .. }));
    assert_still_works(&running, &mut honest);
}

/// Another honest program converses with `honest`.
fn assert_still_works(running: &Running, honest: &mut eni_efa_client::Endpoint) {
    let mut other = running.endpoint(0);
    let (mut log, mut log_other) = (Log::default(), Log::default());
    let lane = other.lane_to(honest.address());
    let open = LaneState::Open { local: true };
    poll_until(&mut other, &mut log_other, |other, _| {
        other.lane_state(lane) == open
    });
    other.try_send(lane, &header(77), &[b"still"], 0).unwrap();
    let arrived = |log: &Log| {
        log.records
            .iter()
            .any(|(_, header, _)| header.immediate == 77)
    };
    poll_until(honest, &mut log, |_, log| arrived(log));
}

#[test]
fn a_region_with_a_wrong_beginning_is_refused_by_the_peer() {
    let running = Running::start(vec![device(0, None)]);
    let mut honest = running.endpoint(0);
    let raw = Raw::open(&running.socket());
    let (endpoint, _) = raw.create_endpoint(0);
    let file = memfd(&start_of_region(MAGIC ^ 1), size(UNITS), SEALS);
    let (attempt, peer) = (3, honest.address());
    raw.send(
        Request::Offer {
            endpoint,
            attempt,
            peer,
        },
        &[&file],
    );
    assert!(matches!(raw.receive().0, Event::Failed { attempt: 3, .. }));
    assert_still_works(&running, &mut honest);
}

#[test]
fn numbers_of_others_are_no_numbers() {
    let running = Running::start(vec![device(0, None)]);
    let mut honest = running.endpoint(0);
    let victim = Raw::open(&running.socket());
    let (theirs, queue_pair) = victim.create_endpoint(0);
    let raw = Raw::open(&running.socket());
    let file = region_with(&[], 0);
    for endpoint in [theirs, 0, u32::MAX] {
        let (attempt, peer) = (5, honest.address());
        raw.send(
            Request::Offer {
                endpoint,
                attempt,
                peer,
            },
            &[&file],
        );
        assert!(matches!(
            raw.receive().0,
            Event::Failed {
                cause: Cause::Unreachable,
                ..
            }
        ));
        raw.send(Request::DestroyEndpoint { endpoint }, &[]);
    }
    // The victim's conversation is not another's to answer or to close.
    let mut log = Log::default();
    let lane = honest.lane_to(Peer {
        gid: gid(0),
        queue_pair,
    });
    let (Event::Region { conversation, .. }, _) = victim.receive() else {
        panic!("the offer did not arrive")
    };
    for endpoint in [theirs, 0] {
        raw.send(
            Request::Answer {
                endpoint,
                conversation,
            },
            &[&file],
        );
        raw.send(
            Request::Close {
                endpoint,
                conversation,
            },
            &[],
        );
    }
    victim.send(
        Request::Answer {
            endpoint: theirs,
            conversation,
        },
        &[&file],
    );
    let open = LaneState::Open { local: true };
    poll_until(&mut honest, &mut log, |honest, _| {
        honest.lane_state(lane) == open
    });
    assert_still_works(&running, &mut honest);
}

#[test]
fn a_device_of_another_network_namespace_is_not_there() {
    let elsewhere = NamespaceId {
        device: 1,
        inode: 2,
    };
    let running = Running::start(vec![device(0, Some(elsewhere)), device(1, None)]);
    let fabric = running.open();
    assert_eq!(fabric.devices().len(), 1);
    assert_eq!(fabric.devices()[0].name, "efa_1");
    assert_eq!(
        fabric.create_address_handle(1, gid(0)),
        Err(Refusal::NoSuchDevice)
    );
    let raw = Raw::open(&running.socket());
    for device in [1, u16::MAX] {
        let kind = EndpointKind::Srd;
        raw.send(
            Request::CreateEndpoint {
                request: 1,
                device,
                kind,
            },
            &[],
        );
        let refusal = Refusal::NoSuchDevice;
        assert_eq!(
            raw.receive().0,
            Event::Refused {
                request: 1,
                refusal
            }
        );
    }
}

#[test]
fn bytes_that_are_no_message_end_the_connection() {
    let running = Running::start(vec![device(0, None)]);
    let mut honest = running.endpoint(0);
    let messages: [&[u8]; 4] = [&[0xff; 8], &[0], &[3; 3], &[0; 9_000]];
    for bytes in messages {
        let raw = Raw::open(&running.socket());
        raw.socket.send(bytes, &[], true).unwrap();
        assert!(raw.is_closed(), "{bytes:?}");
    }
    assert_still_works(&running, &mut honest);
}

#[test]
fn random_rings_break_their_lane_at_most() {
    let running = Running::start(vec![device(0, None)]);
    let mut honest = running.endpoint(0);
    let mut random = SmallRng::seed_from_u64(11);
    let mut log = Log::default();
    for round in 0..200 {
        let raw = Raw::open(&running.socket());
        let (endpoint, _) = raw.create_endpoint(0);
        let mut contents = vec![0; 4096];
        random.fill(contents.as_mut_slice());
        // The first unit is taken for a record of the first lap; some lengths and kinds are possible ones.
        contents[..4].copy_from_slice(&1_u32.to_ne_bytes());
        let length = random.random_range(0..40_000_u32) >> random.random_range(0..32);
        contents[4..8].copy_from_slice(&length.to_ne_bytes());
        contents[8] = random.random_range(0..=255_u8) >> random.random_range(0..8);
        if round % 2 == 0 {
            // Short records have arrived, too.
            for word in contents
                .chunks_mut(8)
                .filter(|word| word[..4] != [1, 0, 0, 0])
            {
                word[7] |= 0x80;
            }
        }
        let file = region_with(&contents, random.random());
        let (attempt, peer) = (round, honest.address());
        raw.send(
            Request::Offer {
                endpoint,
                attempt,
                peer,
            },
            &[&file],
        );
        let (event, _) = raw.receive();
        assert!(matches!(event, Event::Region { .. }), "{event:?}");
        for _ in 0..100 {
            honest.poll(&mut log);
        }
        for (lane, _, _) in std::mem::take(&mut log.records) {
            while honest.try_send(lane, &header(0), &[&[0; 8_000]], 0).is_ok() {}
        }
    }
    assert!(
        log.broken
            .iter()
            .any(|(_, cause)| *cause == Cause::Protocol)
    );
    assert_still_works(&running, &mut honest);
}

/// A peer offers a lane with this in its ring, waits for the answer, and ends.
fn begin_and_end(running: &Running, honest: &eni_efa_client::Endpoint, contents: &[u8]) {
    let raw = Raw::open(&running.socket());
    let (endpoint, _) = raw.create_endpoint(0);
    let offer = Request::Offer {
        endpoint,
        attempt: 0,
        peer: honest.address(),
    };
    raw.send(offer, &[&region_with(contents, 0)]);
    assert!(matches!(raw.receive().0, Event::Region { .. }));
}

#[test]
fn lanes_that_a_peer_begins_and_ends_take_no_new_numbers() {
    const ROUNDS: u32 = 100;
    let running = Running::start(vec![device(0, None)]);
    let mut honest = running.endpoint(0);
    let mut log = Log::default();
    let nobody = |number| Peer {
        gid: gid(0),
        queue_pair: number,
    };
    for _ in 0..ROUNDS {
        begin_and_end(&running, &honest, &[]);
        honest.poll(&mut log);
    }
    let lane = honest.lane_to(nobody(1));
    assert!(lane.0 < ROUNDS / 2, "{lane:?}");
    poll_until(&mut honest, &mut log, |_, log| !log.broken.is_empty());
    assert_eq!(log.broken.len(), 1, "of the others nobody has heard");

    // A record of no bytes: these lanes are known, and given back by whoever knows them.
    let header = RecordHeader {
        sequence: 1,
        ..header(0)
    };
    let words = short::encode(&header, &[0; short::PAYLOAD_WORDS]).map(u64::to_ne_bytes);
    let record = words.as_flattened();
    for _ in 0..ROUNDS {
        log.broken.clear();
        begin_and_end(&running, &honest, record);
        poll_until(&mut honest, &mut log, |_, log| !log.broken.is_empty());
        for (lane, _) in &log.broken {
            honest.release(*lane);
            // Once is enough.
            honest.release(*lane);
        }
    }
    assert!(
        log.records.len() >= ROUNDS as usize / 2,
        "{}",
        log.records.len()
    );
    let lane = honest.lane_to(nobody(0));
    assert!(lane.0 < ROUNDS / 2, "{lane:?}");
    assert_still_works(&running, &mut honest);
}

/// Opens every region that is offered, and answers each, but slowly. Returns how many, once the first offerer is gone.
fn answer_slowly(victim: &Raw) -> usize {
    let file = region_with(&[], 0);
    let mut answered = 0;
    loop {
        match victim.receive().0 {
            Event::Region {
                endpoint,
                conversation,
                ..
            } => {
                std::thread::sleep(Duration::from_millis(1));
                let answer = Request::Answer {
                    endpoint,
                    conversation,
                };
                victim.send(answer, &[&file]);
                answered += 1;
            }
            Event::Broken { .. } => return answered,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_program_that_answers_slowly_outlives_a_flood_of_offers() {
    let running = Running::start(vec![device(0, None), device(1, None)]);
    let victim = Raw::open(&running.socket());
    let targets = [(); 3].map(|()| victim.create_endpoint(1).1);
    let victim = std::thread::spawn(move || answer_slowly(&victim));
    let flood = Raw::open(&running.socket());
    let endpoints: Vec<_> = (0..MAX_ENDPOINTS)
        .map(|_| flood.create_endpoint(0).0)
        .collect();
    let file = region_with(&[], 0);
    let (mut opened, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for queue_pair in targets {
                for endpoint in endpoints.iter().copied() {
                    let offer = Request::Offer {
                        endpoint,
                        attempt: queue_pair,
                        peer: Peer {
                            gid: gid(1),
                            queue_pair,
                        },
                    };
                    flood.send(offer, &[&file]);
                }
            }
        });
        while opened + refused < targets.len() * MAX_ENDPOINTS {
            match flood.receive().0 {
                Event::Region {
                    attempt: Some(_), ..
                } => opened += 1,
                Event::Failed {
                    cause: Cause::Refused,
                    ..
                } => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    });
    assert!(opened >= 2 * MAX_ENDPOINTS, "{opened} opened");
    drop(flood);
    assert_eq!(victim.join().unwrap(), opened);
}
