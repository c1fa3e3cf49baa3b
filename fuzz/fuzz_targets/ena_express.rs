//! One side of ENA Express under a script of an instance's frames, messages that its peer might have sent, and time.
//!
//! Nothing may panic, memory stays within its bound, nothing is held for too long, and no frame is made up or lost.
#![no_main]

use bytes::BytesMut;
use eni_ena_express::{
    Eligibility, Express, HEADER_BYTES, HOLD_NANOS, MAX_HELD_BYTES, MAX_MEMORY_BYTES, Offered,
    QUEUE_PAIR, Side,
};
use eni_srd::{Admission, Config, Connection, Event, Incoming, Instant, MAX_DATAGRAM_BYTES};
use libfuzzer_sys::fuzz_target;

/// More steps in one input add time, not paths.
const MAX_STEPS: usize = 256;
/// An Ethernet header and an IPv4 header of TCP; the input changes what it likes.
const FRAME: [u8; 54] = {
    let mut frame = [0; 54];
    (frame[0], frame[6], frame[12]) = (2, 2, 8);
    (frame[14], frame[17], frame[23]) = (0x45, 40, 6);
    (frame[26], frame[30], frame[46]) = (10, 10, 0x50);
    frame
};

struct Bench {
    now: Instant,
    express: Express,
    connection: Connection,
    buffer: Vec<u8>,
    accepted: u64,
    delivered: u64,
}

impl Bench {
    fn new() -> Self {
        let side = Side {
            ena_srd_supported: true,
            ena_srd_enabled: true,
            ena_srd_udp_enabled: true,
            availability_zone_id: "a",
        };
        let now = Instant::from_nanos(1_000_000);
        let config = Config::new([1; 16], [2; 16], 1);
        let mut express = Express::new(Eligibility::between(&side, &side, true), 7);
        // Whether a session stands is the connection's; frames queue from here on.
        express.handle_event(&Event::Connected);
        Self {
            now,
            express,
            connection: Connection::new(config, None, now, [1; 32])
                .expect("the ordinary settings are within bounds"),
            buffer: vec![0; MAX_DATAGRAM_BYTES],
            accepted: 0,
            delivered: 0,
        }
    }

    fn offer(&mut self, at: u8, changes: &[u8]) {
        let mut frame = FRAME.to_vec();
        let at = usize::from(at) % frame.len();
        let count = changes.len().min(frame.len() - at);
        frame[at..at + count].copy_from_slice(&changes[..count]);
        frame.extend(&changes[count..]);
        let length = frame.len();
        let offered =
            self.express
                .offer(self.now, BytesMut::from(&frame[..]), &mut self.connection);
        if let Offered::Ordinary { frame: back, .. } = offered {
            assert_eq!(
                back.len(),
                length,
                "what goes the ordinary way is untouched"
            );
            assert_eq!(back[..], frame[..]);
        }
    }

    /// A message whose header is right but for what the input says.
    fn receive(&mut self, place: u8, rest: &[u8]) {
        let mut header = [0; HEADER_BYTES];
        (header[0], header[3]) = (1, place % 4);
        let [sequence, change, at, payload @ ..] = rest else {
            return;
        };
        header[HEADER_BYTES - 1] = *sequence;
        header[usize::from(*at) % HEADER_BYTES] ^= *change;
        let message = Incoming {
            queue_pair: QUEUE_PAIR,
            header: &header,
            payload,
        };
        let delivered = &mut self.delivered;
        let mut out = |_: &[u8]| *delivered += 1;
        if self.express.receive(self.now, &message, &mut out) == Admission::Accept {
            self.accepted += 1;
        }
    }

    fn pass(&mut self, nanos: u64) {
        self.now = self.now.after_nanos(nanos);
        let delivered = &mut self.delivered;
        let mut out = |_: &[u8]| *delivered += 1;
        self.express.handle_timeout(self.now, &mut out);
        let next = self.express.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "it would spin");
    }

    fn transmit(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.express.handle_event(&event);
        }
        let _ = self
            .express
            .poll_transmit(self.now, &mut self.connection, &mut self.buffer);
    }

    fn check(&self) {
        assert!(self.express.held_bytes() <= MAX_HELD_BYTES);
        assert!(self.express.memory_bytes() <= MAX_MEMORY_BYTES);
    }
}

fuzz_target!(|input: &[u8]| {
    let mut bench = Bench::new();
    let mut rest = input;
    for _ in 0..MAX_STEPS {
        let [step, argument, length, tail @ ..] = rest else {
            break;
        };
        let (bytes, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        match step % 8 {
            0 | 1 => bench.offer(*argument, bytes),
            2..=4 => bench.receive(*argument, bytes),
            5 => bench.transmit(),
            6 => bench.express.handle_event(&match argument % 3 {
                0 => Event::PeerReset,
                1 => Event::Connected,
                _ => Event::Closed {
                    reason: eni_srd::Failure::PeerDead,
                },
            }),
            _ => bench.pass(1 << (argument % 37)),
        }
        bench.check();
    }
    bench.pass(HOLD_NANOS);
    assert_eq!(bench.express.held_bytes(), 0, "nothing is held for longer");
    let doubled = bench
        .express
        .counters()
        .dropped(eni_ena_express::DropReason::Duplicate);
    assert_eq!(bench.delivered + doubled, bench.accepted, "each frame once");
});
