//! Two services that reach each other by UDP.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use eni_efa_abi::Gid;
use eni_efa_client::{Cause, Endpoint, EndpointKind, LaneId, LaneState, Peer, Sent, TrySendError};
use eni_fabric::{AesPairKey, Directory, DropReason, Faults, PairKey, Poll, UnderlayOptions};

use crate::support::{Log, PATIENCE, Running, device, gid, header, poll_until};

#[derive(Debug)]
pub(crate) struct Hosts {
    pub(crate) addresses: HashMap<Gid, SocketAddr>,
    pub(crate) secret: Option<[u8; 32]>,
}

impl Directory for Hosts {
    fn host_of(&self, gid: Gid) -> Option<SocketAddr> {
        self.addresses.get(&gid).copied()
    }

    fn key_of(&self, local: Gid, remote: Gid) -> Option<Arc<dyn PairKey>> {
        let key = AesPairKey::of_pair(&self.secret?, local.0, remote.0);
        Some(Arc::new(key))
    }
}

/// Carries the largest transfers; a virtual link takes it as loopback does.
pub(crate) const MTU: u16 = 9_216;

/// A host of the loopback network with a port that nobody has.
pub(crate) fn free_address(host: u8) -> SocketAddr {
    let address = Ipv4Addr::new(127, 0, 0, host);
    UdpSocket::bind((address, 0)).unwrap().local_addr().unwrap()
}

/// Two hosts with one device each: 0 and 1.
fn two_hosts(faults: Option<Faults>) -> [Running; 2] {
    two_hosts_at([free_address(1), free_address(2)], faults, |_| ())
}

/// Two hosts, each with a secret or none.
fn two_hosts_with(secrets: [Option<[u8; 32]>; 2]) -> [Running; 2] {
    let addresses = [free_address(1), free_address(2)];
    two_hosts_of(addresses, None, secrets, |_| ())
}

/// Two hosts that listen there; `enter` takes a thread to the host whose service it starts.
pub(crate) fn two_hosts_at(
    addresses: [SocketAddr; 2],
    faults: Option<Faults>,
    enter: impl Fn(usize) + Sync,
) -> [Running; 2] {
    two_hosts_of(addresses, faults, [None; 2], enter)
}

fn two_hosts_of(
    addresses: [SocketAddr; 2],
    faults: Option<Faults>,
    secrets: [Option<[u8; 32]>; 2],
    enter: impl Fn(usize) + Sync,
) -> [Running; 2] {
    [0, 1].map(|host: usize| {
        let other = 1 - host;
        let hosts = Hosts {
            addresses: HashMap::from([(gid(other as u8), addresses[other])]),
            secret: secrets[host],
        };
        let underlay = UnderlayOptions {
            faults,
            mtu: MTU,
            poll: Poll::Adaptive,
            ..UnderlayOptions::new(addresses[host])
        };
        let start = || {
            enter(host);
            Running::start_with(
                vec![device(host as u8, None)],
                Some(underlay),
                Arc::new(hosts),
            )
        };
        // Namespaces are a thread's own.
        thread::scope(|scope| scope.spawn(start).join().unwrap())
    })
}

fn remote_lane(endpoint: &mut Endpoint, peer: Peer) -> LaneId {
    let lane = endpoint.lane_to(peer);
    let mut log = Log::default();
    let open = LaneState::Open { local: false };
    poll_until(endpoint, &mut log, |endpoint, _| {
        endpoint.lane_state(lane) == open
    });
    lane
}

#[test]
fn a_record_reaches_another_host_and_completes() {
    let [here, there] = two_hosts(None);
    let (mut a, mut b) = (here.endpoint(0), there.endpoint(0));
    let (mut log_a, mut log_b) = (Log::default(), Log::default());
    let lane = remote_lane(&mut a, b.address());
    for (request, length) in [(1, 0), (2, 8), (3, 20), (4, 21), (5, 8_992)] {
        let payload = vec![request as u8; length];
        assert_eq!(
            a.try_send(lane, &header(request), &[&payload], request),
            Ok(Sent::Underway)
        );
    }
    assert_eq!(
        a.try_send(lane, &header(6), &[&[0; 8_993]], 6),
        Err(TrySendError::TooLong)
    );
    poll_until(&mut b, &mut log_b, |_, log| log.records.len() == 5);
    poll_until(&mut a, &mut log_a, |_, log| log.completed.len() == 5);
    log_b.records.sort_by_key(|(_, header, _)| header.immediate);
    for ((back, header, payload), length) in log_b.records.iter().zip([0, 8, 20, 21, 8_992]) {
        assert_eq!((payload.len(), header.length), (length, length as u32));
        assert!(
            payload
                .iter()
                .all(|byte| u32::from(*byte) == header.immediate)
        );
        assert_eq!(b.peer(*back), a.address());
    }
    assert!(
        log_a
            .completed
            .iter()
            .all(|(of, _, outcome)| *of == lane && outcome.is_ok())
    );
    // The lane that the record opened leads back.
    let back = log_b.records[0].0;
    b.try_send(back, &header(7), &[b"back"], 7).unwrap();
    poll_until(&mut a, &mut log_a, |_, log| log.records.len() == 1);
    assert_eq!(log_a.records[0].0, lane);
    let counters = here.service.as_ref().unwrap().counters();
    assert_eq!(
        (counters[0].1.records_sent, counters[0].1.records_received),
        (5, 1)
    );
}

/// Sends `count` records of up to `length` bytes from one host to another, and checks each.
pub(crate) fn everything_arrives_once([here, there]: [Running; 2], count: u32, length: usize) {
    let (mut a, mut b) = (here.endpoint(0), there.endpoint(0));
    let address = b.address();
    let receiver = thread::spawn(move || {
        let mut log = Log::default();
        let deadline = Instant::now() + PATIENCE * 3;
        while log.records.len() < count as usize {
            b.poll(&mut log);
            assert!(
                Instant::now() < deadline,
                "{} records came",
                log.records.len()
            );
        }
        log.records
    });
    let lane = remote_lane(&mut a, address);
    let mut log = Log::default();
    let deadline = Instant::now() + PATIENCE * 3;
    for number in 0..count {
        let payload = vec![number as u8; number as usize % (length + 1)];
        while a.try_send(lane, &header(number), &[&payload], number) == Err(TrySendError::Full) {
            a.poll(&mut log);
            assert!(Instant::now() < deadline, "{number} records were sent");
        }
    }
    while log.completed.len() < count as usize {
        a.poll(&mut log);
        assert!(
            Instant::now() < deadline,
            "{} records completed",
            log.completed.len()
        );
    }
    assert!(log.completed.iter().all(|(_, _, outcome)| outcome.is_ok()));
    let mut arrived = receiver.join().unwrap();
    arrived.sort_by_key(|(_, header, _)| header.immediate);
    for (number, (_, header, payload)) in (0..).zip(&arrived) {
        assert_eq!(header.immediate, number);
        assert_eq!(payload.len(), number as usize % (length + 1));
        assert!(payload.iter().all(|byte| *byte == number as u8));
    }
}

#[test]
fn many_records_of_all_lengths_arrive_once() {
    everything_arrives_once(two_hosts(None), 20_000, 700);
}

#[test]
fn records_arrive_once_where_the_line_loses_and_reorders() {
    let faults = Faults {
        seed: 5,
        lost: 10,
        late: 300,
    };
    everything_arrives_once(two_hosts(Some(faults)), 4_000, 8_928);
}

#[test]
fn a_receiver_that_does_not_read_is_waited_for() {
    let [here, there] = two_hosts(None);
    let (mut a, mut b) = (here.endpoint(0), there.endpoint(0));
    let lane = remote_lane(&mut a, b.address());
    let (mut log_a, mut log_b) = (Log::default(), Log::default());
    let payload = [7; 8_000];
    for number in 0..300 {
        while a.try_send(lane, &header(number), &[&payload], number) == Err(TrySendError::Full) {
            a.poll(&mut log_a);
        }
    }
    let deadline = Instant::now() + PATIENCE;
    let full = || {
        there.service.as_ref().unwrap().counters()[0]
            .1
            .dropped(DropReason::RingFull)
    };
    while full() == 0 {
        assert!(Instant::now() < deadline, "the ring did not fill");
        thread::sleep(Duration::from_millis(5));
    }
    poll_until(&mut b, &mut log_b, |_, log| log.records.len() == 300);
    poll_until(&mut a, &mut log_a, |_, log| log.completed.len() == 300);
    assert!(
        log_a
            .completed
            .iter()
            .all(|(_, _, outcome)| outcome.is_ok())
    );
}

#[test]
fn what_an_endpoint_wrote_before_it_ended_arrives() {
    let [here, there] = two_hosts(None);
    let (mut a, mut b) = (here.endpoint(0), there.endpoint(0));
    let lane = remote_lane(&mut a, b.address());
    // More than the connection takes at once, less than the ring holds.
    for number in 0..100 {
        a.try_send(lane, &header(number), &[&[0; 8_000]], number)
            .unwrap();
    }
    drop(a);
    let mut log = Log::default();
    poll_until(&mut b, &mut log, |_, log| log.records.len() == 100);
}

/// Regions that this process, service and programs, has mapped.
fn mapped() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let regions = maps.lines().filter(|line| line.contains("openeni-efa"));
    regions.count()
}

#[test]
fn endpoints_that_end_while_a_connection_is_full_do_not_pile_up() {
    /// Those of a device that the service keeps, and two that live.
    const KEPT: usize = 32 + 2;
    const ROUNDS: usize = 320;
    let [here, there] = two_hosts(None);
    let fabric = here.open();
    let mut a = fabric.create_endpoint(0, EndpointKind::Srd).unwrap();
    let b = there.endpoint(0);
    let lane = remote_lane(&mut a, b.address());
    // The peer does not read: its ring fills, then the connection, then ours.
    let mut log = Log::default();
    let quiet = Instant::now() + Duration::from_millis(300);
    while Instant::now() < quiet {
        let _full = a.try_send(lane, &header(1), &[&[0; 1_000]], 1);
    }
    a.poll(&mut log);
    let ends = Instant::now();
    for round in 0..ROUNDS {
        let mut short = fabric.create_endpoint(0, EndpointKind::Srd).unwrap();
        let lane = remote_lane(&mut short, b.address());
        short.try_send(lane, &header(2), &[], 2).unwrap();
        drop(short);
        // Four of each in the service, four in a program that lives.
        while mapped() > 4 * KEPT + 16 {
            assert!(ends.elapsed() < PATIENCE, "{round}: {}", mapped());
        }
    }
    // Nobody has waited for their time of one second to pass, which 32 at a time take.
    assert!(ends.elapsed() < PATIENCE / 2, "{:?}", ends.elapsed());
    let counters = here.service.as_ref().unwrap().counters()[0].1;
    let dropped = counters.dropped(DropReason::EndpointEnded);
    assert!(dropped as usize > ROUNDS / 2, "{dropped}");
}

#[test]
fn a_peer_that_is_gone_fails_the_record() {
    let [here, there] = two_hosts(None);
    let (mut a, b) = (here.endpoint(0), there.endpoint(0));
    let lane = remote_lane(&mut a, b.address());
    drop(b);
    let mut log = Log::default();
    // What comes before the other service has heard of the end is delivered.
    let failed = |log: &Log| {
        log.completed
            .iter()
            .find(|(_, _, outcome)| outcome.is_err())
            .copied()
    };
    for request in 1.. {
        a.try_send(lane, &header(request), &[], request).unwrap();
        poll_until(&mut a, &mut log, |_, log| {
            log.completed.len() == request as usize
        });
        if let Some(failed) = failed(&log) {
            assert_eq!(failed, (lane, request, Err(Cause::PeerGone)));
            break;
        }
    }
    let nowhere = a.lane_to(Peer {
        gid: gid(50),
        queue_pair: 5,
    });
    poll_until(&mut a, &mut log, |_, log| !log.broken.is_empty());
    assert_eq!(log.broken, [(nowhere, Cause::Unreachable)]);
}

#[test]
fn the_end_of_the_other_service_breaks_the_lane() {
    let [here, mut there] = two_hosts(None);
    let (mut a, mut b) = (here.endpoint(0), there.endpoint(0));
    let lane = remote_lane(&mut a, b.address());
    let (mut log_a, mut log_b) = (Log::default(), Log::default());
    a.try_send(lane, &header(1), &[], 1).unwrap();
    poll_until(&mut b, &mut log_b, |_, log| log.records.len() == 1);
    there.service = None;
    poll_until(&mut a, &mut log_a, |_, log| !log.broken.is_empty());
    assert_eq!(log_a.broken, [(lane, Cause::PeerGone)]);
    poll_until(&mut b, &mut log_b, |_, log| !log.broken.is_empty());
    assert_eq!(log_b.broken[0].1, Cause::ServiceGone);
}

#[test]
fn a_conversation_between_hosts_is_revoked_at_both() {
    let [here, there] = two_hosts(None);
    let (mut a, mut b) = (here.endpoint(0), there.endpoint(0));
    let lane = remote_lane(&mut a, b.address());
    let (mut log_a, mut log_b) = (Log::default(), Log::default());
    a.try_send(lane, &header(1), &[], 1).unwrap();
    poll_until(&mut b, &mut log_b, |_, log| log.records.len() == 1);
    // The receiver's host forbids first: what arrives is refused there, whatever the sender's host thinks.
    there.policy.set(gid(0), gid(1), true);
    poll_until(&mut b, &mut log_b, |_, log| !log.broken.is_empty());
    assert_eq!(log_b.broken[0].1, Cause::Revoked);
    a.try_send(lane, &header(2), &[], 2).unwrap();
    poll_until(&mut a, &mut log_a, |_, log| log.completed.len() == 2);
    assert_eq!(log_a.completed[1], (lane, 2, Err(Cause::Revoked)));
    here.policy.set(gid(0), gid(1), true);
    poll_until(&mut a, &mut log_a, |_, log| !log.broken.is_empty());
    assert_eq!(log_a.broken, [(lane, Cause::Revoked)]);
    assert_eq!(log_b.records.len(), 1);
}

#[test]
fn hosts_that_share_a_secret_converse() {
    everything_arrives_once(two_hosts_with([Some([7; 32]); 2]), 2_000, 8_928);
}

#[test]
fn hosts_that_share_no_secret_do_not_reach_each_other() {
    for secrets in [
        [Some([7; 32]), Some([8; 32])],
        [Some([7; 32]), None],
        [None, Some([7; 32])],
    ] {
        let [here, there] = two_hosts_with(secrets);
        let (mut a, mut b) = (here.endpoint(0), there.endpoint(0));
        let (mut log_a, mut log_b) = (Log::default(), Log::default());
        let lane = remote_lane(&mut a, b.address());
        a.try_send(lane, &header(1), &[b"secret words"], 1).unwrap();
        // SRD's patience with a peer that does not answer.
        poll_until(&mut a, &mut log_a, |_, log| !log.broken.is_empty());
        assert_eq!(log_a.broken, [(lane, Cause::Unreachable)]);
        assert!(
            log_a
                .completed
                .iter()
                .all(|(_, _, outcome)| outcome.is_err())
        );
        b.poll(&mut log_b);
        assert!(log_b.records.is_empty());
        let counters = there.service.as_ref().unwrap().counters()[0].1;
        assert!(counters.dropped(DropReason::Unauthentic) > 0, "{secrets:?}");
        assert_eq!(counters.records_received, 0);
    }
}
