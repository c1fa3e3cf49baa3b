//! Two sides with their connections, over paths of different lengths.

use crate::counters::DropReason;
use crate::eligibility::{Eligibility, Ordinary, Side};
use crate::express::{Express, Offered};
use crate::flow::MIN_FRAME_BYTES;
use crate::limits::{MAX_FRAME_BYTES, MAX_PACKET_BYTES};
use crate::testing;
use bytes::BytesMut;
use eni_srd::{
    Admission, Config, Connection, Event, Incoming, Instant, MAX_DATAGRAM_BYTES, Message,
    MessageHeader,
};
use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

const MS: u64 = 1_000_000;

fn eligibility(udp: bool) -> Eligibility {
    let side = Side {
        ena_srd_supported: true,
        ena_srd_enabled: true,
        ena_srd_udp_enabled: udp,
        availability_zone_id: "use1-az1",
    };
    Eligibility::between(&side, &side, true)
}

struct End {
    express: Express,
    connection: Connection,
    delivered: Vec<Vec<u8>>,
    events: Vec<Event>,
}

impl End {
    fn new(now: u64, this: u8, life: u32) -> Self {
        let config = Config::new([this; 16], [3 - this; 16], u32::from(this));
        let mut seed = [this; 32];
        seed[..4].copy_from_slice(&life.to_be_bytes());
        Self {
            express: Express::new(eligibility(false), life),
            connection: Connection::new(config, None, Instant::from_nanos(now), seed).unwrap(),
            delivered: Vec::new(),
            events: Vec::new(),
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.express.handle_event(&event);
            self.events.push(event);
        }
    }
}

/// Both ends, and datagrams on their way: path `n` takes `n + 1` times 10 µs.
struct Bench {
    now: u64,
    ends: [End; 2],
    /// By arrival, then by age: to whom.
    flying: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    sent: u64,
    /// How many of the next datagrams from each side are swallowed.
    swallow: [usize; 2],
}

impl Bench {
    fn new() -> Self {
        Self {
            now: 0,
            ends: [End::new(0, 1, 11), End::new(0, 2, 22)],
            flying: BTreeMap::new(),
            sent: 0,
            swallow: [0; 2],
        }
    }

    /// With a session, which the first frame asks for.
    fn connected() -> Self {
        let mut bench = Self::new();
        let offered = bench.offer(0, testing::tcp(1, 2, 0));
        assert!(matches!(
            offered,
            Offered::Ordinary {
                reason: Ordinary::NotConnected,
                ..
            }
        ));
        bench.run(MS);
        assert!(
            bench
                .ends
                .iter()
                .all(|end| end.events.contains(&Event::Connected))
        );
        bench
    }

    fn offer(&mut self, from: usize, frame: Vec<u8>) -> Offered {
        let now = Instant::from_nanos(self.now);
        let End {
            express,
            connection,
            ..
        } = &mut self.ends[from];
        express.offer(now, BytesMut::from(&frame[..]), connection)
    }

    fn transmit(&mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let now = Instant::from_nanos(self.now);
        for from in [0, 1] {
            let end = &mut self.ends[from];
            end.take_events();
            while let Some(transmit) =
                end.express
                    .poll_transmit(now, &mut end.connection, &mut buffer)
            {
                self.sent += 1;
                if self.swallow[from] > 0 {
                    self.swallow[from] -= 1;
                    continue;
                }
                let at = self.now + 10_000 * (u64::from(transmit.path) + 1);
                let datagram = buffer[..transmit.length].to_vec();
                self.flying.insert((at, self.sent), (1 - from, datagram));
            }
        }
    }

    fn run(&mut self, nanos: u64) {
        let end = self.now + nanos;
        loop {
            self.transmit();
            let timers = self
                .ends
                .iter()
                .flat_map(|end| [end.connection.poll_timeout(), end.express.poll_timeout()]);
            let timer = timers.flatten().map(Instant::as_nanos).min();
            let arrival = self.flying.keys().next().map(|(at, _)| *at);
            let next = [timer, arrival].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.happen();
        }
    }

    fn happen(&mut self) {
        let now = Instant::from_nanos(self.now);
        while let Some(entry) = self
            .flying
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            let (to, mut datagram) = entry.remove();
            let End {
                express,
                connection,
                delivered,
                ..
            } = &mut self.ends[to];
            let mut out = |frame: &[u8]| delivered.push(frame.to_vec());
            let _ = express.handle_packet(now, &mut datagram, connection, &mut out);
        }
        for end in &mut self.ends {
            let delivered = &mut end.delivered;
            let mut out = |frame: &[u8]| delivered.push(frame.to_vec());
            if end.connection.poll_timeout().is_some_and(|at| at <= now) {
                end.connection.handle_timeout(now);
            }
            if end.express.poll_timeout().is_some_and(|at| at <= now) {
                end.express.handle_timeout(now, &mut out);
            }
        }
    }
}

#[test]
fn flows_arrive_in_order_over_paths_that_overtake_each_other() {
    let mut bench = Bench::connected();
    let mut frames = Vec::new();
    for index in 0..60 {
        // Nearly a datagram each: every one takes a path of its own.
        let frame = testing::tcp(1 + index % 3, 80, 8_000 + usize::from(index));
        assert!(matches!(
            bench.offer(0, frame.clone()),
            Offered::Queued { .. }
        ));
        frames.push(frame);
    }
    bench.run(10 * MS);
    let [left, right] = &bench.ends;
    assert_eq!(right.delivered.len(), frames.len());
    for port in 1..=3_u16 {
        let of = |frames: &[Vec<u8>]| -> Vec<Vec<u8>> {
            let of = |frame: &&Vec<u8>| frame[34..36] == port.to_be_bytes();
            frames.iter().filter(of).cloned().collect()
        };
        assert_eq!(of(&right.delivered), of(&frames), "byte by byte, in order");
    }
    assert!(
        right.express.counters().held > 0,
        "the paths did overtake each other"
    );
    let sent = left.express.counters();
    assert_eq!((sent.tx_pkts, sent.eligible_tx_pkts), (60, 61));
    assert_eq!(sent.ordinary(Ordinary::NotConnected), 1);
    assert_eq!(right.express.counters().rx_pkts, 60);
    assert!(left.connection.is_idle() && right.express.held_bytes() == 0);
}

#[test]
fn small_frames_share_datagrams() {
    let mut bench = Bench::connected();
    let before = bench.ends[0].connection.counters().packets_sent;
    for port in 1..=100 {
        bench.offer(0, testing::tcp(port, 80, 10));
    }
    bench.run(5 * MS);
    assert_eq!(bench.ends[1].delivered.len(), 100);
    let packets = bench.ends[0].connection.counters().packets_sent - before;
    assert!(packets < 20, "{packets} datagrams");
}

#[test]
fn a_lost_datagram_holds_its_flow_until_srd_has_sent_it_again() {
    let mut bench = Bench::connected();
    bench.swallow = [1, 0];
    bench.offer(0, testing::tcp(1, 80, 8_000));
    bench.transmit();
    for port in [1, 2, 1] {
        bench.offer(0, testing::tcp(port, 80, 8_001));
    }
    bench.run(5 * MS);
    let lengths: Vec<usize> = bench.ends[1].delivered.iter().map(Vec::len).collect();
    assert_eq!(
        lengths,
        [8_055, 8_054, 8_055, 8_055],
        "the other flow did not wait"
    );
    let counters = bench.ends[1].express.counters();
    assert_eq!((counters.held, counters.missing, counters.late), (2, 0, 0));
}

#[test]
fn what_does_not_fit_or_may_not_goes_the_ordinary_way() {
    let mut bench = Bench::connected();
    let payload = MAX_PACKET_BYTES as usize - 40;
    let fits = testing::tcp(1, 2, payload);
    assert_eq!(fits.len(), MAX_FRAME_BYTES);
    assert!(matches!(bench.offer(0, fits), Offered::Queued { .. }));
    for (frame, expected) in [
        (testing::tcp(1, 2, payload + 1), Ordinary::TooLarge),
        (testing::udp(1, 2, 10), Ordinary::UdpNotEnabled),
    ] {
        let Offered::Ordinary {
            frame: back,
            reason,
        } = bench.offer(0, frame.clone())
        else {
            panic!("{expected:?}");
        };
        assert_eq!((back.to_vec(), reason), (frame, expected));
        assert_eq!(bench.ends[0].express.counters().ordinary(expected), 1);
    }
    // The first one came before the session; the one that is too large counts as eligible (EC2's definition).
    assert_eq!(bench.ends[0].express.counters().eligible_tx_pkts, 3);
    bench.ends[0].express.set_eligibility(eligibility(true));
    let udp = bench.offer(0, testing::udp(1, 2, 10));
    assert!(matches!(udp, Offered::Queued { .. }));
}

#[test]
fn a_side_that_starts_anew_is_understood_and_the_other_numbers_anew() {
    let mut bench = Bench::connected();
    for side in [0, 1] {
        bench.offer(side, testing::tcp(1, 2, 10));
    }
    bench.run(MS);
    bench.ends[1] = End::new(bench.now, 2, 23);
    bench.ends[1]
        .connection
        .connect(Instant::from_nanos(bench.now));
    bench.run(5 * MS);
    assert!(bench.ends[0].events.contains(&Event::PeerReset));
    for side in [0, 1] {
        for _ in 0..3 {
            let offered = bench.offer(side, testing::tcp(1, 2, 10));
            assert!(matches!(offered, Offered::Queued { .. }));
        }
    }
    bench.run(MS);
    assert_eq!(bench.ends.each_ref().map(|end| end.delivered.len()), [4, 3]);
    for end in &bench.ends {
        let counters = end.express.counters();
        assert_eq!((counters.held, counters.missing, counters.late), (0, 0, 0));
    }
}

#[test]
fn a_peer_that_falls_silent_leaves_the_ordinary_way() {
    let mut bench = Bench::connected();
    bench.swallow = [usize::MAX; 2];
    for port in 1..=40 {
        for _ in 0..20 {
            bench.offer(0, testing::tcp(port, 80, 8_000));
        }
    }
    bench.run(4_000 * MS);
    let counters = bench.ends[0].express.counters();
    let [failed, ended, full] = [
        DropReason::MessageFailed,
        DropReason::SessionEnded,
        DropReason::QueueFull,
    ]
    .map(|reason| counters.dropped(reason));
    assert!(failed > 0 && ended > 0, "{counters:?}");
    assert_eq!(failed + ended + full, 800, "every frame has a reason");
    let offered = bench.offer(0, testing::tcp(1, 80, 10));
    assert!(matches!(
        offered,
        Offered::Ordinary {
            reason: Ordinary::NotConnected,
            ..
        }
    ));
    assert!(!bench.ends[0].express.has_queued());
}

#[test]
fn messages_that_carry_no_frame_are_refused() {
    let mut bench = Bench::connected();
    let mut message = Message {
        queue_pair: crate::QUEUE_PAIR,
        token: 5,
        header: MessageHeader::new(&[9; 16]).unwrap(),
        payload: bytes::Bytes::from_static(b"frame"),
    };
    let now = Instant::from_nanos(bench.now);
    bench.ends[0].connection.send(now, message.clone()).unwrap();
    message.queue_pair = 3;
    bench.ends[0].connection.send(now, message).unwrap();
    bench.run(MS);
    let refused = |event: &&Event| matches!(event, Event::Failed { token: 5, .. });
    assert_eq!(bench.ends[0].events.iter().filter(refused).count(), 2);
    assert_eq!(
        bench.ends[1]
            .express
            .counters()
            .dropped(DropReason::Malformed),
        2
    );
    assert_eq!(
        bench.ends[0]
            .express
            .counters()
            .dropped(DropReason::MessageFailed),
        0
    );
    // A header of a frame is not enough.
    let header = crate::header::FrameHeader {
        place: 0,
        life: 1,
        incarnation: 1,
        sequence: 0,
    };
    let frame = vec![0; MAX_FRAME_BYTES + 1];
    for (bytes, is_taken) in [
        (0, false),
        (MIN_FRAME_BYTES - 1, false),
        (MIN_FRAME_BYTES, true),
        (MAX_FRAME_BYTES, true),
        (MAX_FRAME_BYTES + 1, false),
    ] {
        let incoming = Incoming {
            queue_pair: crate::QUEUE_PAIR,
            header: &header.to_bytes(),
            payload: &frame[..bytes],
        };
        let end = &mut bench.ends[1];
        let answer = end.express.receive(now, &incoming, &mut |_: &[u8]| {});
        assert_eq!(answer == Admission::Accept, is_taken, "{bytes} bytes");
    }
    // Whoever shares the connection with others hands over only what is for frames.
    let incoming = Incoming {
        queue_pair: 3,
        header: &[],
        payload: &[],
    };
    let answer = bench.ends[1]
        .express
        .receive(now, &incoming, &mut |_: &[u8]| {});
    assert!(matches!(answer, Admission::Refuse(_)));
}
