//! Two sides with their connections, over paths of different lengths.

use crate::counters::DropReason;
use crate::eligibility::{Eligibility, Ordinary, Side};
use crate::express::{Express, Offered};
use crate::flow::MIN_FRAME_BYTES;
use crate::limits::{FRAME_OVERHEAD_BYTES, MAX_FRAME_BYTES, MAX_PACKET_BYTES, MAX_QUEUED_BYTES};
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
    config: Config,
    seed: [u8; 32],
    connection: Connection,
    delivered: Vec<Vec<u8>>,
    events: Vec<Event>,
}

impl End {
    fn new(now: u64, this: u8, life: u32) -> Self {
        let config = Config::new([this; 16], [3 - this; 16], u32::from(this));
        Self::with_config(now, config, life)
    }

    fn with_config(now: u64, config: Config, life: u32) -> Self {
        let mut seed = [config.local_interface[0]; 32];
        seed[..4].copy_from_slice(&life.to_be_bytes());
        Self {
            express: Express::new(eligibility(false), life),
            connection: connect(&config, now, seed),
            config,
            seed,
            delivered: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Takes another connection, as an owner does whose connection has ended.
    fn reconnect(&mut self, now: u64) {
        self.seed[31] += 1;
        self.connection = connect(&self.config, now, self.seed);
    }

    fn take_events(&mut self, now: u64) {
        while let Some(event) = self.connection.poll_event() {
            self.express.handle_event(&event);
            self.events.push(event);
            if matches!(event, Event::Closed { .. }) {
                self.reconnect(now);
            }
        }
    }

    fn has_reset(&self) -> bool {
        self.events.contains(&Event::PeerReset)
    }
}

fn connect(config: &Config, now: u64, seed: [u8; 32]) -> Connection {
    Connection::new(config.clone(), None, Instant::from_nanos(now), seed).unwrap()
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
    /// Datagrams with these bytes in them are swallowed.
    swallow_with: Option<Vec<u8>>,
    /// How long the datagrams from the left were.
    lengths: Vec<usize>,
}

impl Bench {
    fn new(ends: [End; 2]) -> Self {
        Self {
            now: 0,
            ends,
            flying: BTreeMap::new(),
            sent: 0,
            swallow: [0; 2],
            swallow_with: None,
            lengths: Vec::new(),
        }
    }

    /// With a session, which the first frame asks for.
    fn connected() -> Self {
        Self::connected_between([End::new(0, 1, 11), End::new(0, 2, 22)])
    }

    fn connected_between(ends: [End; 2]) -> Self {
        let mut bench = Self::new(ends);
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
            end.take_events(self.now);
            while let Some(transmit) =
                end.express
                    .poll_transmit(now, &mut end.connection, &mut buffer)
            {
                self.sent += 1;
                if from == 0 {
                    self.lengths.push(transmit.length);
                }
                let datagram = &buffer[..transmit.length];
                let is_marked = |mark: &Vec<u8>| datagram.windows(mark.len()).any(|at| at == mark);
                if self.swallow[from] > 0 || self.swallow_with.as_ref().is_some_and(is_marked) {
                    self.swallow[from] = self.swallow[from].saturating_sub(1);
                    continue;
                }
                let at = self.now + 10_000 * (u64::from(transmit.path) + 1);
                let flying = (1 - from, datagram.to_vec());
                self.flying.insert((at, self.sent), flying);
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
fn small_frames_fill_datagrams() {
    let mut bench = Bench::connected();
    // 101 of them fill a datagram, or 100 where an acknowledgement rides along.
    let frame = testing::tcp(1, 80, 9);
    let cost = Connection::message_cost(crate::HEADER_BYTES, frame.len());
    let room = bench.ends[0].connection.datagram_room();
    assert_eq!((room / cost, room % cost), (101, 1));
    for round in 1..=5 {
        bench.offer(1, frame.clone());
        while bench.ends[0].delivered.len() < round {
            bench.run(1_000);
        }
        bench.lengths.clear();
        for _ in 0..500 {
            bench.offer(0, frame.clone());
        }
        bench.run(5 * MS);
        assert_eq!(bench.ends[1].delivered.len(), 500 * round);
        let lengths = bench.lengths.iter().filter(|length| **length > cost);
        assert_eq!(lengths.count(), 5, "{:?}", bench.lengths);
    }
}

#[test]
fn what_is_handed_over_goes_out_with_the_next_datagram() {
    let mut bench = Bench::connected();
    for _ in 0..1_000 {
        bench.offer(0, testing::tcp(1, 80, 10));
    }
    let now = Instant::from_nanos(bench.now);
    let End {
        express,
        connection,
        ..
    } = &mut bench.ends[0];
    let room = connection.datagram_room();
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    express.poll_transmit(now, connection, &mut buffer).unwrap();
    assert!(express.has_queued());
    assert_eq!(connection.datagram_room(), room, "nothing waits in it");
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
    assert!(bench.ends[0].has_reset());
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

/// How a session is found again: the owner has made other connections, and a frame looks for the peer.
#[test]
fn after_silence_frames_take_srd_again() {
    let mut bench = Bench::connected();
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    bench.swallow = [usize::MAX; 2];
    for _ in 0..200 {
        bench.offer(0, testing::tcp(1, 80, 8_000));
    }
    bench.run(5_000 * MS);
    for end in &bench.ends {
        assert!(matches!(end.events.last(), Some(Event::Closed { .. })));
    }
    bench.swallow = [0; 2];
    bench.ends[1].delivered.clear();
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    for bytes in [11, 12, 13] {
        let offered = bench.offer(0, testing::tcp(1, 80, bytes));
        assert_eq!(offered, Offered::Queued { is_marked: false });
    }
    bench.run(MS);
    let lengths: Vec<usize> = bench.ends[1].delivered.iter().map(Vec::len).collect();
    assert_eq!(lengths, [65, 66, 67]);
    let counters = bench.ends[1].express.counters();
    assert_eq!((counters.held, counters.missing, counters.late), (0, 0, 0));
    // What was dropped has left the queue: the whole share is free.
    let frame = testing::tcp(1, 80, 8_000);
    let queued = std::iter::from_fn(|| match bench.offer(0, frame.clone()) {
        Offered::Queued { .. } => Some(()),
        Offered::Ordinary { .. } | Offered::Dropped(_) => None,
    });
    let share = MAX_QUEUED_BYTES / 2 / (frame.len() + FRAME_OVERHEAD_BYTES);
    assert_eq!(queued.count(), share);
}

#[test]
fn a_peer_that_comes_late_is_found_and_one_that_never_comes_costs_little() {
    let mut bench = Bench::new([End::new(0, 1, 11), End::new(0, 2, 22)]);
    bench.swallow = [usize::MAX; 2];
    let mut packets = Vec::new();
    for _ in 0..300 {
        bench.offer(0, testing::tcp(1, 80, 10));
        bench.run(1_000 * MS);
        packets.push(bench.sent);
    }
    // A look is some 150 hellos: at 0, 4, 12, 28, 60 seconds and every 64 seconds from 124 on.
    assert!(packets[3] < 170, "{packets:?}");
    assert!(packets[299] < 8 * 170, "{packets:?}");
    bench.swallow = [0; 2];
    for _ in 0..64 {
        bench.offer(0, testing::tcp(1, 80, 10));
        bench.run(1_000 * MS);
    }
    let offered = bench.offer(0, testing::tcp(1, 80, 10));
    assert_eq!(offered, Offered::Queued { is_marked: false });
    // The next time it starts with short pauses again.
    bench.swallow = [usize::MAX; 2];
    bench.run(5_000 * MS);
    let before = bench.sent;
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    assert!(bench.sent > before);
}

#[test]
fn a_connection_that_the_owner_closes_takes_no_frames() {
    let mut bench = Bench::connected();
    for _ in 0..100 {
        bench.offer(0, testing::tcp(1, 80, 8_000));
    }
    bench.transmit();
    let end = &mut bench.ends[0];
    end.connection.close();
    assert!(end.express.has_queued());
    let offered = bench.offer(0, testing::tcp(1, 80, 8_000));
    assert!(matches!(offered, Offered::Ordinary { .. }));
    bench.run(MS);
    let end = &mut bench.ends[0];
    let counters = end.express.counters();
    let lost = [DropReason::MessageFailed, DropReason::SessionEnded]
        .map(|reason| counters.dropped(reason));
    assert!(lost[0] > 0 && lost[1] > 0, "{lost:?}");
    assert!(bench.ends[1].delivered.len() as u64 + lost[0] + lost[1] >= 100);
    bench.ends[0].reconnect(bench.now);
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    // The look before was of another connection: it counts.
    bench.run(4_000 * MS);
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    let offered = bench.offer(0, testing::tcp(1, 80, 10));
    assert_eq!(offered, Offered::Queued { is_marked: false });
}

#[test]
fn a_peer_that_takes_smaller_datagrams_leaves_no_gap() {
    let mut bench = Bench::connected();
    bench.offer(0, testing::tcp(1, 80, 10));
    bench.run(MS);
    // Nothing is acknowledged any more, so most wait.
    bench.swallow = [usize::MAX; 2];
    for bytes in [8_000, 10].repeat(60) {
        bench.offer(0, testing::tcp(1, 80, bytes));
    }
    bench.run(MS);
    assert!(bench.ends[0].express.has_queued());
    bench.swallow = [0; 2];
    let mut config = bench.ends[1].config.clone();
    config.max_datagram_bytes = 1_500;
    bench.ends[1] = End::with_config(bench.now, config, 23);
    let now = Instant::from_nanos(bench.now);
    bench.ends[1].connection.connect(now);
    bench.run(5 * MS);
    assert!(bench.ends[0].has_reset());
    let [left, right] = &bench.ends;
    assert!(!right.delivered.is_empty());
    assert!(right.delivered.iter().all(|frame| frame.len() == 64));
    let counters = right.express.counters();
    assert_eq!((counters.held, counters.missing, counters.late), (0, 0, 0));
    let failed = left.express.counters().dropped(DropReason::MessageFailed);
    assert_eq!(failed + right.delivered.len() as u64, 120);
}

#[test]
fn what_one_message_does_not_hold_goes_the_ordinary_way() {
    let [mut left, right] = [End::new(0, 1, 11), End::new(0, 2, 22)];
    left.config.max_datagram_bytes = 1_500;
    let mut bench = Bench::connected_between([End::with_config(0, left.config, 11), right]);
    let most = bench.ends[0].connection.max_message_bytes() - crate::HEADER_BYTES - 54;
    let offered = bench.offer(0, testing::tcp(1, 80, most));
    assert_eq!(offered, Offered::Queued { is_marked: false });
    let offered = bench.offer(0, testing::tcp(1, 80, most + 1));
    let too_large = Ordinary::TooLarge;
    assert!(matches!(offered, Offered::Ordinary { reason, .. } if reason == too_large));
}

#[test]
fn what_the_window_does_not_take_waits() {
    let mut left = End::new(0, 1, 11);
    left.config.window_log2 = 6;
    let left = End::with_config(0, left.config, 11);
    let mut bench = Bench::connected_between([left, End::new(0, 2, 22)]);
    for _ in 0..300 {
        bench.offer(0, testing::tcp(1, 80, 10));
    }
    bench.run(10 * MS);
    assert_eq!(bench.ends[1].delivered.len(), 300);
    let counters = bench.ends[0].express.counters();
    assert_eq!(counters.dropped(DropReason::MessageFailed), 0);
}

#[test]
fn places_serve_one_short_flow_after_another() {
    let mut bench = Bench::connected();
    let flows = crate::MAX_FLOWS + 1_000;
    for port in 1..=flows {
        let offered = bench.offer(0, testing::tcp(port, 80, 10));
        assert_eq!(offered, Offered::Queued { is_marked: false }, "{port}");
        if port % 100 == 0 {
            bench.run(MS);
        }
    }
    bench.run(MS);
    assert_eq!(bench.ends[1].delivered.len(), usize::from(flows));
    let counters = bench.ends[1].express.counters();
    assert_eq!((counters.missing, counters.late), (0, 0));
    // Time takes them all.
    assert!(bench.ends[0].express.flows() > 4_000);
    bench.run(121_000 * MS);
    assert_eq!(bench.ends[0].express.flows(), 0);
}

#[test]
fn a_frame_that_is_lost_for_long_is_given_up_in_time() {
    let mut bench = Bench::connected();
    let mark = [0x77; 16];
    bench.swallow_with = Some(mark.to_vec());
    let mut lost = testing::tcp(1, 80, 8_000);
    lost[4_000..4_016].copy_from_slice(&mark);
    bench.offer(0, lost.clone());
    bench.transmit();
    bench.offer(0, testing::tcp(1, 80, 8_001));
    bench.run(MS);
    assert_eq!(bench.ends[1].delivered.len(), 0);
    bench.run(2 * MS);
    assert_eq!(bench.ends[1].delivered.len(), 1);
    let counters = bench.ends[1].express.counters();
    assert_eq!((counters.gaps_by_time, counters.missing), (1, 1));
    bench.swallow_with = None;
    bench.run(500 * MS);
    assert_eq!(bench.ends[1].delivered[1], lost);
    assert_eq!(bench.ends[1].express.counters().late, 1);
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
