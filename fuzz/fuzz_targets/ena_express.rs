//! Two sides of ENA Express with a session, under a script of instances' frames, datagrams lost and delivered, messages
//! that no honest peer would send, and time.
//!
//! Nothing may panic, memory stays within its bound, nothing is held for too long, and no frame is made up, lost without
//! being counted, or delivered twice.
#![no_main]

use bytes::BytesMut;
use eni_ena_express::{
    DropReason, Eligibility, Express, HEADER_BYTES, HOLD_NANOS, MAX_HELD_BYTES, MAX_MEMORY_BYTES,
    Offered, QUEUE_PAIR, Side,
};
use eni_fuzz::{Step, steps};
use eni_srd::{Admission, Config, Connection, Event, Incoming, Instant, MAX_DATAGRAM_BYTES};
use libfuzzer_sys::fuzz_target;
use std::collections::HashMap;

/// More steps in one input add time, not paths.
const MAX_STEPS: usize = 128;
/// More appointments in one pause than this are a loop.
const MAX_APPOINTMENTS: usize = 100_000;
/// The shortest frame, of UDP without data.
const MIN_FRAME_BYTES: usize = 42;
/// An Ethernet header and an IPv4 header of TCP; the input changes what it likes.
const FRAME: [u8; 54] = {
    let mut frame = [0; 54];
    (frame[0], frame[6], frame[12]) = (2, 2, 8);
    (frame[14], frame[17], frame[23]) = (0x45, 40, 6);
    (frame[26], frame[30], frame[46]) = (10, 10, 0x50);
    frame
};

/// What may come out at one end.
#[derive(Default)]
struct Expected {
    /// By what a mark does not change: how many were queued at the other end.
    frames: HashMap<Vec<u8>, u64>,
    /// Forged ones: when each came.
    forged: HashMap<Vec<u8>, Vec<Instant>>,
}

impl Expected {
    fn deliver(&mut self, now: Instant, frame: &[u8]) {
        if let Some(arrivals) = self.forged.get_mut(frame)
            && !arrivals.is_empty()
        {
            let arrived = arrivals.remove(0);
            assert!(now.nanos_since(arrived) <= HOLD_NANOS, "held for too long");
            return;
        }
        let left = self.frames.get_mut(&unmarked(frame));
        let left = left.expect("a frame was made up");
        *left = left.checked_sub(1).expect("a frame came twice");
    }
}

/// The frame without what says that it met congestion, and the checksum over it.
fn unmarked(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for at in [15, 24, 25] {
        if let Some(byte) = frame.get_mut(at) {
            *byte = 0;
        }
    }
    frame
}

struct End {
    config: Config,
    seed: [u8; 32],
    express: Express,
    connection: Connection,
    expected: Expected,
    queued: u64,
    refused: u64,
}

fn connect(config: &Config, now: Instant, seed: [u8; 32]) -> Connection {
    Connection::new(config.clone(), None, now, seed)
        .expect("the ordinary settings are within bounds")
}

impl End {
    fn new(now: Instant, this: u8) -> Self {
        let side = Side {
            ena_srd_supported: true,
            ena_srd_enabled: true,
            ena_srd_udp_enabled: true,
            availability_zone_id: "a",
        };
        let mut config = Config::new([this; 16], [3 - this; 16], u32::from(this));
        config.paths = 4;
        let seed = [this; 32];
        Self {
            express: Express::new(Eligibility::between(&side, &side, true), u32::from(this)),
            connection: connect(&config, now, seed),
            config,
            seed,
            expected: Expected::default(),
            queued: 0,
            refused: 0,
        }
    }

    /// An owner's part: every event is told, and what has ended is replaced.
    fn take_events(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            self.express.handle_event(&event);
            if matches!(event, Event::Closed { .. }) {
                self.reconnect(now);
            }
        }
    }

    fn reconnect(&mut self, now: Instant) {
        self.seed[31] = self.seed[31].wrapping_add(1);
        self.seed[30] = self.seed[30].wrapping_add(u8::from(self.seed[31] == 0));
        self.connection = connect(&self.config, now, self.seed);
    }

    fn next(&self) -> Option<Instant> {
        let timers = [self.connection.poll_timeout(), self.express.poll_timeout()];
        timers.into_iter().flatten().min()
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.express.counters().dropped(reason)
    }

    fn check(&self) {
        assert!(self.express.held_bytes() <= MAX_HELD_BYTES);
        assert!(self.express.memory_bytes() <= MAX_MEMORY_BYTES);
    }
}

struct Bench {
    now: Instant,
    ends: [End; 2],
    buffer: Vec<u8>,
    serial: u64,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::from_nanos(1_000_000);
        let mut bench = Self {
            now,
            ends: [End::new(now, 1), End::new(now, 2)],
            buffer: vec![0; MAX_DATAGRAM_BYTES],
            serial: 0,
        };
        bench.ends[0].connection.connect(now);
        bench.pass(1_000_000, 0);
        assert!(bench.ends.iter().all(|end| end.connection.is_open()));
        bench
    }

    fn offer(&mut self, from: usize, at: u8, changes: &[u8]) {
        let mut frame = FRAME.to_vec();
        let at = usize::from(at) % frame.len();
        let count = changes.len().min(frame.len() - at);
        frame[at..at + count].copy_from_slice(&changes[..count]);
        frame.extend(&changes[count..]);
        // No two are alike.
        self.serial += 1;
        frame.extend(self.serial.to_be_bytes());
        let end = &mut self.ends[from];
        let offered = end
            .express
            .offer(self.now, BytesMut::from(&frame[..]), &mut end.connection);
        match offered {
            Offered::Queued { .. } => {
                end.queued += 1;
                let expected = &mut self.ends[1 - from].expected;
                *expected.frames.entry(unmarked(&frame)).or_default() += 1;
            }
            Offered::Ordinary { frame: back, .. } => {
                assert_eq!(back[..], frame[..], "it is untouched");
            }
            Offered::Dropped(reason) => {
                assert_eq!(reason, DropReason::QueueFull);
                end.refused += 1;
            }
        }
    }

    /// A message whose header is right but for what the input says.
    fn forge(&mut self, to: usize, place: u8, rest: &[u8]) {
        let mut header = [0; HEADER_BYTES];
        (header[0], header[3]) = (1, place % 4);
        let [sequence, change, at, payload @ ..] = rest else {
            return;
        };
        header[HEADER_BYTES - 1] = *sequence;
        header[usize::from(*at) % HEADER_BYTES] ^= *change;
        let mut payload = payload.to_vec();
        if place & 0x80 == 0 {
            payload.resize(payload.len().max(MIN_FRAME_BYTES), 0);
        }
        let message = Incoming {
            queue_pair: QUEUE_PAIR,
            header: &header,
            payload: &payload,
        };
        let (now, end) = (self.now, &mut self.ends[to]);
        let doubled = end.dropped(DropReason::Duplicate);
        let arrivals = end.expected.forged.entry(payload.clone()).or_default();
        arrivals.push(now);
        let expected = &mut end.expected;
        let mut out = |frame: &[u8]| expected.deliver(now, frame);
        let answer = end.express.receive(now, &message, &mut out);
        let is_kept = answer == Admission::Accept && end.dropped(DropReason::Duplicate) == doubled;
        if !is_kept && let Some(arrivals) = end.expected.forged.get_mut(&payload) {
            arrivals.pop();
        }
    }

    /// Moves all datagrams that can go out; of eight that follow one another, those are lost whose bits are set.
    fn transmit(&mut self, lost: u8) {
        let now = self.now;
        for number in 0.. {
            for end in &mut self.ends {
                end.take_events(now);
            }
            let mut is_any = false;
            for from in [0, 1] {
                let [left, right] = &mut self.ends;
                let (end, peer) = if from == 0 {
                    (left, right)
                } else {
                    (right, left)
                };
                let transmit =
                    end.express
                        .poll_transmit(now, &mut end.connection, &mut self.buffer);
                let Some(transmit) = transmit else { continue };
                is_any = true;
                if lost >> (number % 8) & 1 == 1 {
                    continue;
                }
                let datagram = &mut self.buffer[..transmit.length];
                let expected = &mut peer.expected;
                let mut out = |frame: &[u8]| expected.deliver(now, frame);
                let _ = peer
                    .express
                    .handle_packet(now, datagram, &mut peer.connection, &mut out);
            }
            assert!(number < MAX_APPOINTMENTS, "they never stop talking");
            if !is_any {
                break;
            }
        }
    }

    /// Lets time pass, and keeps every appointment.
    fn pass(&mut self, nanos: u64, lost: u8) {
        let end_at = self.now.after_nanos(nanos);
        for appointment in 0.. {
            self.transmit(lost);
            assert!(appointment < MAX_APPOINTMENTS, "it spins");
            let next = self.ends.iter().filter_map(End::next).min();
            let Some(next) = next.filter(|next| *next <= end_at) else {
                break;
            };
            self.now = self.now.max(next);
            let now = self.now;
            for end in &mut self.ends {
                if end.connection.poll_timeout().is_some_and(|at| at <= now) {
                    end.connection.handle_timeout(now);
                }
                let expected = &mut end.expected;
                let mut out = |frame: &[u8]| expected.deliver(now, frame);
                end.express.handle_timeout(now, &mut out);
                let next = end.express.poll_timeout();
                assert!(next.is_none_or(|at| at > now), "it would spin");
            }
        }
        self.now = end_at;
    }

    /// After all could arrive: every frame that was queued came, or has a reason.
    fn finish(&mut self) {
        self.pass(HOLD_NANOS, 0xff);
        for end in &self.ends {
            assert_eq!(end.express.held_bytes(), 0, "nothing is held for longer");
        }
        self.pass(5_000_000_000, 0);
        for (from, end) in self.ends.iter().enumerate() {
            let peer = &self.ends[1 - from];
            let missing: u64 = peer.expected.frames.values().sum();
            let displaced = end.dropped(DropReason::QueueFull) - end.refused;
            let lost = displaced
                + end.dropped(DropReason::SessionEnded)
                + end.dropped(DropReason::MessageFailed)
                + peer.dropped(DropReason::Duplicate);
            assert!(missing <= lost, "{missing} of {} are gone", end.queued);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let mut bench = Bench::new();
    for Step {
        kind,
        argument,
        bytes,
    } in steps(input).take(MAX_STEPS)
    {
        let end = usize::from(kind >> 7);
        match kind % 8 {
            0..=2 => bench.offer(end, argument, bytes),
            3 | 4 => bench.forge(end, argument, bytes),
            5 => bench.transmit(argument),
            6 if argument < 32 => {
                bench.ends[end].connection.close();
                bench.transmit(0);
                let now = bench.now;
                bench.ends[end].reconnect(now);
            }
            6 => bench.pass(1 << (argument % 24), 0),
            _ => bench.pass(1 << (argument % 33), *bytes.first().unwrap_or(&0)),
        }
        for end in &bench.ends {
            end.check();
        }
    }
    bench.finish();
});
