//! Revocation, and the death of programs and of the service.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::support::raw::{Raw, region_with};
use crate::support::{Log, PATIENCE, Running, device, gid, header, poll_until};
use eni_efa_abi::control::{Event, Request};
use eni_efa_channel::PeerRegion;
use eni_efa_client::{
    Cause, Endpoint, EndpointKind, Fabric, LaneId, LaneState, Peer, Refusal, TrySendError,
};
use std::os::fd::AsFd;

/// What a policy's change may take to end a conversation; the bound for a quiet machine is a tenth.
const REVOCATION_BOUND: Duration = Duration::from_secs(1);

fn connected(running: &Running) -> (Endpoint, LaneId, Endpoint) {
    let (mut a, mut b) = (running.endpoint(0), running.endpoint(1));
    let lane = open_lane(&mut a, b.address());
    a.try_send(lane, &header(1), &[], 0).unwrap();
    let mut log = Log::default();
    poll_until(&mut b, &mut log, |_, log| log.records.len() == 1);
    (a, lane, b)
}

fn open_lane(a: &mut Endpoint, peer: Peer) -> LaneId {
    let lane = a.lane_to(peer);
    let mut log = Log::default();
    poll_until(a, &mut log, |a, _| {
        a.lane_state(lane) == LaneState::Open { local: true }
    });
    lane
}

#[test]
fn a_revoked_conversation_ends_at_both_ends_and_may_begin_again() {
    let running = Running::start(vec![device(0, None), device(1, None)]);
    let (mut a, lane, mut b) = connected(&running);
    let asked = Instant::now();
    running.policy.set(gid(0), gid(1), true);
    running.service.as_ref().unwrap().policy_changed();
    let (mut log_a, mut log_b) = (Log::default(), Log::default());
    poll_until(&mut a, &mut log_a, |_, log| !log.broken.is_empty());
    poll_until(&mut b, &mut log_b, |_, log| !log.broken.is_empty());
    assert!(asked.elapsed() < REVOCATION_BOUND, "{:?}", asked.elapsed());
    assert_eq!(log_a.broken, [(lane, Cause::Revoked)]);
    assert_eq!(log_b.broken[0].1, Cause::Revoked);
    let refused = a.try_send(lane, &header(2), &[], 0);
    assert_eq!(refused, Err(TrySendError::Broken(Cause::Revoked)));

    let fabric = running.open();
    assert_eq!(
        fabric.create_address_handle(0, gid(1)),
        Err(Refusal::NotAllowed)
    );
    let again = a.lane_to(b.address());
    poll_until(&mut a, &mut log_a, |_, log| log.broken.len() == 2);
    assert_eq!(log_a.broken[1], (again, Cause::Refused));

    // Without being told, the service notices by the policy's generation.
    running.policy.set(gid(0), gid(1), false);
    assert_eq!(fabric.create_address_handle(0, gid(1)), Ok(0));
    let lane = open_lane(&mut a, b.address());
    a.try_send(lane, &header(3), &[], 0).unwrap();
    poll_until(&mut b, &mut log_b, |_, log| log.records.len() == 1);
    running.policy.set(gid(0), gid(1), true);
    poll_until(&mut a, &mut log_a, |_, log| log.broken.len() == 3);
    // Neither program was killed for what it kept: this one.
    std::thread::sleep(Duration::from_millis(1_200));
}

#[test]
fn a_sender_learns_what_was_consumed_before_the_lane_broke() {
    let running = Running::start(vec![device(0, None), device(1, None)]);
    let (mut a, lane, mut b) = connected(&running);
    let mut log = Log::default();
    let mut ends = Vec::new();
    for number in 0..3 {
        a.try_send(lane, &header(number), &[&[1; 100]], 0).unwrap();
        ends.push(a.sent(lane));
    }
    assert!(a.consumed(lane) < ends[0]);
    poll_until(&mut b, &mut log, |_, log| log.records.len() == 3);
    assert_eq!(a.consumed(lane), ends[2]);
    a.try_send(lane, &header(9), &[], 0).unwrap();
    running.policy.set(gid(0), gid(1), true);
    poll_until(&mut a, &mut log, |_, log| !log.broken.is_empty());
    assert_eq!(a.consumed(lane), ends[2]);
}

#[test]
fn the_end_of_the_service_ends_every_lane() {
    let mut running = Running::start(vec![device(0, None), device(1, None)]);
    let (mut a, lane, mut b) = connected(&running);
    running.service = None;
    let (mut log_a, mut log_b) = (Log::default(), Log::default());
    poll_until(&mut a, &mut log_a, |_, log| !log.broken.is_empty());
    poll_until(&mut b, &mut log_b, |_, log| !log.broken.is_empty());
    assert_eq!(log_a.broken, [(lane, Cause::ServiceGone)]);
    assert_eq!(log_b.broken[0].1, Cause::ServiceGone);
    assert!(a.is_cut() && b.is_cut());
    assert!(Fabric::open_at(&running.socket()).is_err());
}

#[test]
fn the_end_of_a_device_ends_its_endpoints() {
    let running = Running::start(vec![device(0, None), device(1, None)]);
    let (mut a, _, mut b) = connected(&running);
    running
        .service
        .as_ref()
        .unwrap()
        .set_devices(vec![device(0, None)]);
    let mut log = Log::default();
    poll_until(&mut a, &mut log, |_, log| !log.broken.is_empty());
    assert_eq!(log.broken[0].1, Cause::Revoked);
    poll_until(&mut b, &mut log, |_, log| log.broken.len() == 2);
    b.lane_to(a.address());
    poll_until(&mut b, &mut log, |_, log| log.broken.len() == 3);
    assert_eq!(log.broken[2].1, Cause::Unreachable);
}

/// Runs the ignored test `name` of this file in a process of its own, as a program against `running`.
fn program(name: &str, running: &Running, peer: Peer) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("FABRIC_TEST_SOCKET", running.socket())
        .env("FABRIC_TEST_QUEUE_PAIR", peer.queue_pair.to_string())
        .spawn()
        .unwrap()
}

fn from_parent() -> (PathBuf, Peer) {
    let socket = std::env::var_os("FABRIC_TEST_SOCKET").unwrap().into();
    let queue_pair = std::env::var("FABRIC_TEST_QUEUE_PAIR").unwrap();
    let peer = Peer {
        gid: gid(0),
        queue_pair: queue_pair.parse().unwrap(),
    };
    (socket, peer)
}

#[test]
#[ignore = "the program of another test"]
fn program_that_sends_and_waits() {
    let (socket, peer) = from_parent();
    let fabric = Fabric::open_at(&socket).unwrap();
    let mut endpoint = fabric.create_endpoint(1, EndpointKind::Srd).unwrap();
    let lane = open_lane(&mut endpoint, peer);
    endpoint.try_send(lane, &header(1), &[], 0).unwrap();
    std::thread::sleep(PATIENCE * 2);
}

#[test]
fn a_killed_program_is_gone_for_its_peers() {
    let running = Running::start(vec![device(0, None), device(1, None)]);
    let mut a = running.endpoint(0);
    let mut child = program(
        "endings::program_that_sends_and_waits",
        &running,
        a.address(),
    );
    let mut log = Log::default();
    poll_until(&mut a, &mut log, |_, log| log.records.len() == 1);
    child.kill().unwrap();
    poll_until(&mut a, &mut log, |_, log| !log.broken.is_empty());
    child.wait().unwrap();
    assert_eq!(log.broken[0].1, Cause::PeerGone);
}

#[test]
#[ignore = "the program of another test"]
fn program_that_keeps_what_was_revoked() {
    let (socket, peer) = from_parent();
    let raw = Raw::open(&socket);
    let (endpoint, _) = raw.create_endpoint(1);
    raw.send(
        Request::Offer {
            endpoint,
            attempt: 0,
            peer,
        },
        &[&region_with(&[], 0)],
    );
    let (Event::Region { .. }, files) = raw.receive() else {
        panic!("no region")
    };
    let kept = PeerRegion::map(files[0].as_fd()).unwrap();
    drop(files);
    std::thread::sleep(PATIENCE * 2);
    drop(kept);
}

#[test]
fn a_program_that_keeps_revoked_memory_is_killed() {
    let running = Running::start(vec![device(0, None), device(1, None)]);
    let mut a = running.endpoint(0);
    let mut child = program(
        "endings::program_that_keeps_what_was_revoked",
        &running,
        a.address(),
    );
    let mut log = Log::default();
    let deadline = Instant::now() + PATIENCE;
    let inodes = |child: &Child| {
        let maps =
            std::fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap_or_default();
        maps.contains("openeni-efa")
    };
    while !inodes(&child) {
        a.poll(&mut log);
        assert!(
            Instant::now() < deadline,
            "the program did not map our region"
        );
    }
    running.policy.set(gid(0), gid(1), true);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "the program lives on");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.signal(), Some(9));
}
