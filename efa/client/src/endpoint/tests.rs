//! An endpoint whose service is the test.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use eni_efa_abi::control::{Cause, Event, Request};
use eni_efa_abi::limits::DEFAULT_RING;
use eni_efa_abi::unread::NUDGE_AFTER;
use eni_efa_abi::{Gid, Peer};
use eni_efa_channel::{ControlSocket, OwnRegion, Payload, Received};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};

use super::Endpoint;
use crate::connection::Session;
use crate::handler::{Disposition, Handler};
use crate::lane::{LaneId, LaneState, Sent};
use crate::mailbox::Mailbox;
use crate::{RecordHeader, TrySendError};

const ENDPOINT: u32 = 1;
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn peer(queue_pair: u32) -> Peer {
    Peer {
        gid: Gid::default(),
        queue_pair,
    }
}

#[derive(Default)]
struct Ends(Vec<(LaneId, Cause)>);

impl Handler for Ends {
    fn record(&mut self, _: LaneId, _: &RecordHeader, _: Payload<'_>) -> Disposition {
        Disposition::Consumed
    }

    fn completed(&mut self, _: LaneId, _: u32, _: Result<(), Cause>) {}

    fn broken(&mut self, lane: LaneId, cause: Cause) {
        self.0.push((lane, cause));
    }
}

struct Bench {
    /// First, so that it ends before the endpoint takes its leave, which would wait for it.
    service: ControlSocket,
    endpoint: Endpoint,
    /// What peers write.
    regions: Vec<OwnRegion>,
    ends: Ends,
}

impl Bench {
    fn new() -> Self {
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();
        sockopt::set_socket_timeout(&theirs, sockopt::Timeout::Recv, Some(PATIENCE)).unwrap();
        let session = Arc::new(Session::start(ours.into()).unwrap());
        let mailbox = Arc::new(Mailbox::default());
        Self {
            endpoint: Endpoint::new(session, mailbox, ENDPOINT, peer(2), None),
            service: theirs.into(),
            regions: Vec::new(),
            ends: Ends::default(),
        }
    }

    fn poll(&mut self) {
        self.endpoint.poll(&mut self.ends);
    }

    fn asked(&self) -> Request {
        match self.service.receive().unwrap() {
            Received::Message(request, _) => request,
            Received::End => panic!("the endpoint has closed"),
        }
    }

    /// A lane to `peer`, and the attempt that the service is told.
    fn begin(&mut self, to: Peer) -> (LaneId, u32) {
        let lane = self.endpoint.lane_to(to);
        match self.asked() {
            Request::Offer { attempt, peer, .. } if peer == to => (lane, attempt),
            other => panic!("no offer: {other:?}"),
        }
    }

    fn tell(&mut self, event: Event, files: Vec<OwnedFd>) {
        let reply = self.endpoint.mailbox.take(event, files);
        assert!(reply.is_none(), "{reply:?}");
    }

    /// A ring pair opens.
    fn open(&mut self, conversation: u64, peer: Peer, attempt: Option<u32>) {
        let (own, file) = OwnRegion::create(DEFAULT_RING).unwrap();
        self.regions.push(own);
        let region = Event::Region {
            endpoint: ENDPOINT,
            conversation,
            peer,
            attempt,
        };
        self.tell(region, vec![file]);
    }

    fn end(&mut self, conversation: u64, cause: Cause) {
        let broken = Event::Broken {
            endpoint: ENDPOINT,
            conversation,
            cause,
        };
        self.tell(broken, Vec::new());
    }
}

const OPEN: LaneState = LaneState::Open { local: true };

#[test]
fn a_late_answer_to_an_attempt_is_not_its_lanes_successors() {
    let mut bench = Bench::new();
    let (hostile, honest) = (peer(3), peer(4));
    let (lane, first) = bench.begin(hostile);
    // Its offer crosses ours and is over at once; ours begins a conversation that it leaves open.
    bench.open(1, hostile, None);
    bench.end(1, Cause::PeerGone);
    bench.poll();
    assert_eq!(bench.ends.0, [(lane, Cause::PeerGone)]);
    bench.endpoint.release(lane);

    let (again, second) = bench.begin(honest);
    assert_eq!(again, lane, "the number is another lane's");
    let failed = Event::Failed {
        endpoint: ENDPOINT,
        attempt: first,
        cause: Cause::PeerGone,
    };
    bench.tell(failed.clone(), Vec::new());
    bench.poll();
    assert_eq!(bench.endpoint.lane_state(lane), LaneState::Connecting);
    bench.open(3, honest, Some(second));
    bench.poll();
    assert_eq!(bench.endpoint.lane_state(lane), OPEN);
    bench.tell(failed, Vec::new());
    let remote = Event::Remote {
        endpoint: ENDPOINT,
        attempt: first,
    };
    bench.tell(remote, Vec::new());
    bench.poll();
    assert_eq!(bench.endpoint.lane_state(lane), OPEN);
    assert_eq!(bench.ends.0.len(), 1);
}

#[test]
fn a_lane_that_fails_while_its_peer_offers_is_not_opened_by_that() {
    let mut bench = Bench::new();
    let (lane, attempt) = bench.begin(peer(3));
    let failed = Event::Failed {
        endpoint: ENDPOINT,
        attempt,
        cause: Cause::Refused,
    };
    bench.tell(failed, Vec::new());
    let (own, file) = OwnRegion::create(DEFAULT_RING).unwrap();
    bench.regions.push(own);
    let region = Event::Region {
        endpoint: ENDPOINT,
        conversation: 1,
        peer: peer(3),
        attempt: None,
    };
    assert!(bench.endpoint.mailbox.take(region, vec![file]).is_some());
    bench.poll();
    assert_eq!(bench.ends.0, [(lane, Cause::Refused)]);
    let theirs = bench.endpoint.lane_to(peer(3));
    assert_ne!(theirs, lane);
    assert_eq!(bench.endpoint.lane_state(theirs), OPEN);
}

#[test]
fn the_service_hears_of_an_end_that_it_has_not_told() {
    let mut bench = Bench::new();
    for (conversation, is_told) in [(1, false), (2, true), (3, false)] {
        let (lane, attempt) = bench.begin(peer(3));
        bench.open(conversation, peer(3), Some(attempt));
        bench.poll();
        assert_eq!(bench.endpoint.lane_state(lane), OPEN);
        let cause = Cause::Unreachable;
        if is_told {
            bench.end(conversation, cause);
        } else {
            bench.endpoint.break_lane(lane, cause);
        }
        bench.poll();
        let sent = bench
            .endpoint
            .try_send(lane, &RecordHeader::default(), &[], 0);
        assert_eq!(sent, Err(TrySendError::Broken(cause)));
        if !is_told {
            let endpoint = ENDPOINT;
            let close = Request::Close {
                endpoint,
                conversation,
            };
            assert_eq!(bench.asked(), close);
        }
    }
}

#[test]
fn nudges_do_not_pile_up_while_the_service_does_not_read() {
    let mut bench = Bench::new();
    for (conversation, number) in [(1, 3), (2, 4)] {
        let (lane, attempt) = bench.begin(peer(number));
        bench.open(conversation, peer(number), Some(attempt));
        bench.poll();
        let endpoint = &mut bench.endpoint;
        let sent = endpoint.try_send(lane, &RecordHeader::default(), &[], 0);
        assert_eq!(sent, Ok(Sent::Delivered));
    }
    while bench.endpoint.unsent.is_empty() {
        bench.endpoint.send(Request::Wake, None);
    }
    for _ in 0..20 {
        std::thread::sleep(NUDGE_AFTER);
        bench.endpoint.look_for_unread();
    }
    assert_eq!(bench.endpoint.unsent.len(), 1);

    // It goes on.
    while !bench.endpoint.unsent.is_empty() {
        assert_eq!(bench.asked(), Request::Wake);
        bench.endpoint.send_unsent();
    }
    for _ in 0..20 {
        std::thread::sleep(NUDGE_AFTER);
        bench.endpoint.look_for_unread();
    }
    let nudge = loop {
        bench.endpoint.send_unsent();
        match bench.asked() {
            Request::Wake => {}
            other => break other,
        }
    };
    assert!(matches!(nudge, Request::Nudge { .. }), "{nudge:?}");
}
