//! Programs of one host, through a service.

use std::time::{Duration, Instant};

use crate::support::{Log, PATIENCE, Running, device, header, poll_until};
use eni_efa_client::{Cause, LaneState, Peer, Sent};

#[test]
fn a_record_reaches_another_program_and_one_comes_back() {
    let running = Running::start(vec![device(0, None), device(1, None)]);
    let (mut a, mut b) = (running.endpoint(0), running.endpoint(1));
    let (mut log_a, mut log_b) = (Log::default(), Log::default());
    let lane = a.lane_to(b.address());
    poll_until(&mut a, &mut log_a, |a, _| {
        a.lane_state(lane) == LaneState::Open { local: true }
    });
    assert_eq!(
        a.try_send(lane, &header(5), &[b"hel", b"lo"], 0),
        Ok(Sent::Delivered)
    );
    poll_until(&mut b, &mut log_b, |_, log| log.records.len() == 1);
    let (back, got, payload) = &log_b.records[0];
    assert_eq!(
        (got.immediate, payload.as_slice()),
        (5, b"hello".as_slice())
    );
    assert_eq!(b.peer(*back), a.address());
    assert_eq!(b.lane_to(a.address()), *back);
    b.try_send(*back, &header(6), &[], 0).unwrap();
    poll_until(&mut a, &mut log_a, |_, log| log.records.len() == 1);
    assert_eq!(log_a.records[0].0, lane);
}

#[test]
fn both_connecting_at_once_get_one_ring_pair() {
    let running = Running::start(vec![device(0, None)]);
    for _ in 0..50 {
        let (mut a, mut b) = (running.endpoint(0), running.endpoint(0));
        let (mut log_a, mut log_b) = (Log::default(), Log::default());
        let (to_b, to_a) = (a.lane_to(b.address()), b.lane_to(a.address()));
        let open = LaneState::Open { local: true };
        poll_until(&mut a, &mut log_a, |a, _| a.lane_state(to_b) == open);
        poll_until(&mut b, &mut log_b, |b, _| b.lane_state(to_a) == open);
        a.try_send(to_b, &header(1), &[], 0).unwrap();
        b.try_send(to_a, &header(2), &[], 0).unwrap();
        poll_until(&mut a, &mut log_a, |_, log| log.records.len() == 1);
        poll_until(&mut b, &mut log_b, |_, log| log.records.len() == 1);
        assert_eq!((log_a.records[0].0, log_b.records[0].0), (to_b, to_a));
        assert!(log_a.broken.is_empty() && log_b.broken.is_empty());
    }
}

#[test]
fn an_endpoint_reaches_itself() {
    let running = Running::start(vec![device(0, None)]);
    let mut a = running.endpoint(0);
    let mut log = Log::default();
    let lane = a.lane_to(a.address());
    a.try_send(lane, &header(9), &[b"me"], 0).unwrap();
    poll_until(&mut a, &mut log, |_, log| log.records.len() == 1);
    assert_eq!(log.records[0].2, b"me");
}

#[test]
fn a_peer_that_ends_is_told_of_after_its_last_record() {
    let running = Running::start(vec![device(0, None)]);
    let (mut a, mut b) = (running.endpoint(0), running.endpoint(0));
    let (mut log_a, mut log_b) = (Log::default(), Log::default());
    let lane = a.lane_to(b.address());
    poll_until(&mut a, &mut log_a, |a, _| {
        a.lane_state(lane) != LaneState::Connecting
    });
    a.try_send(lane, &header(1), &[b"last"], 0).unwrap();
    drop(a);
    poll_until(&mut b, &mut log_b, |_, log| !log.broken.is_empty());
    assert_eq!(log_b.records.len(), 1);
    assert_eq!(log_b.broken[0].1, Cause::PeerGone);
}

#[test]
fn a_peer_that_never_was_cannot_be_reached() {
    let running = Running::start(vec![device(0, None)]);
    let mut a = running.endpoint(0);
    let mut log = Log::default();
    let cases = [
        // device, cause
        (0, Cause::PeerGone),
        (77, Cause::Unreachable),
    ];
    for (device, cause) in cases {
        let gid = crate::support::gid(device);
        let lane = a.lane_to(Peer {
            gid,
            queue_pair: a.queue_pair() ^ 1,
        });
        poll_until(&mut a, &mut log, |_, log| !log.broken.is_empty());
        assert_eq!(log.broken.pop(), Some((lane, cause)));
        assert_eq!(a.lane_state(lane), LaneState::Broken(cause));
    }
}

#[test]
fn a_program_is_nudged_again_whenever_a_nudge_is_over() {
    let running = Running::start(vec![device(0, None)]);
    let (mut writer, reader) = (running.endpoint(0), running.endpoint(0));
    let mut log = Log::default();
    let lane = writer.lane_to(reader.address());
    poll_until(&mut writer, &mut log, |writer, _| {
        writer.lane_state(lane) == LaneState::Open { local: true }
    });
    writer.try_send(lane, &header(1), &[], 0).unwrap();
    let mut poll_for = |time: Duration| {
        let end = Instant::now() + time;
        while Instant::now() < end {
            writer.poll(&mut log);
        }
    };
    // The first nudge meets nobody who listens.
    poll_for(Duration::from_millis(50));
    let (sender, nudges) = std::sync::mpsc::channel();
    reader.on_nudge(move |nudge| sender.send(nudge).unwrap());
    for _ in 0..3 {
        let deadline = Instant::now() + PATIENCE;
        let nudge = loop {
            poll_for(Duration::from_millis(1));
            if let Ok(nudge) = nudges.try_recv() {
                break nudge;
            }
            assert!(Instant::now() < deadline, "nobody is nudged");
        };
        poll_for(Duration::from_millis(200));
        assert!(nudges.try_recv().is_err(), "the nudge goes on");
        drop(nudge);
    }
}
