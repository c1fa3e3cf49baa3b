//! An SRD session under a script of foreign bytes, frames that its peer might have sent, lost packets and time.
//!
//! Nothing may panic or spin, and memory stays within its bound.
#![no_main]

use bytes::Bytes;
use eni_fuzz::{Step, steps};
use eni_srd::{
    Admission, Config, Connection, Incoming, Instant, MAX_DATAGRAM_BYTES, MAX_MEMORY_BYTES,
    Message, MessageHeader, addressee,
};
use libfuzzer_sys::fuzz_target;

/// More steps in one input add time, not paths.
const MAX_STEPS: usize = 64;
/// Bytes of a packet before its frames, and where its number is.
const HEADER_BYTES: usize = 24;
const NUMBER: std::ops::Range<usize> = 16..24;
/// More packets without an answer than any window allows: the connection spins.
const MAX_WRITTEN: usize = 5_000;

struct Ends {
    now: Instant,
    ends: [Connection; 2],
    buffer: Vec<u8>,
    /// A packet of the first end: its header makes forged frames pass for its own.
    template: Vec<u8>,
}

fn new_end(local: u8, peer: u8, now: Instant) -> Connection {
    let config = Config::new([local; 16], [peer; 16], u32::from(local));
    Connection::new(config, None, now, [local; 32])
        .expect("the ordinary settings are within bounds")
}

impl Ends {
    fn new() -> Self {
        let now = Instant::from_nanos(1_000_000);
        let mut ends = Self {
            now,
            ends: [new_end(1, 2, now), new_end(2, 1, now)],
            buffer: vec![0; MAX_DATAGRAM_BYTES],
            template: Vec::new(),
        };
        ends.send(0);
        for _ in 0..4 {
            ends.exchange(u8::MAX);
        }
        ends
    }

    fn send(&mut self, from: usize) {
        let message = Message {
            queue_pair: 1,
            token: 0,
            header: MessageHeader::EMPTY,
            payload: Bytes::from_static(b"payload"),
        };
        let _ = self.ends[from].send(self.now, message);
    }

    fn give(&mut self, to: usize, datagram: &mut [u8]) {
        let mut sink = |message: Incoming<'_>| match message.queue_pair % 4 {
            0 => Admission::NotReady,
            2 => Admission::Refuse(1),
            _ => Admission::Accept,
        };
        let _ = addressee(datagram);
        let _ = self.ends[to].handle_packet(self.now, datagram, &mut sink);
    }

    /// Carries what both have to say, except where the bit of `carried` is clear.
    fn exchange(&mut self, carried: u8) {
        for from in [0, 1] {
            let mut count = 0;
            while let Some(transmit) = self.ends[from].poll_transmit(self.now, &mut self.buffer) {
                let mut datagram = self.buffer[..transmit.length].to_vec();
                if from == 0 {
                    self.template.clone_from(&datagram);
                }
                if carried & 1 << (count % 8) != 0 {
                    self.give(1 - from, &mut datagram);
                }
                count += 1;
                assert!(count < MAX_WRITTEN, "one end spins");
            }
            while self.ends[from].poll_event().is_some() {}
        }
    }

    fn pass(&mut self, nanos: u64) {
        self.now = self.now.after_nanos(nanos);
        for end in &mut self.ends {
            if end.poll_timeout().is_some_and(|at| at <= self.now) {
                end.handle_timeout(self.now);
            }
        }
    }

    fn forge(&mut self, skip: u8, frames: &[u8]) {
        let Some(header) = self.template.get(..HEADER_BYTES) else {
            return;
        };
        let mut datagram = [header, frames].concat();
        if let Some(number) = datagram[NUMBER]
            .first_chunk()
            .map(|bytes| u64::from_be_bytes(*bytes))
        {
            // Most forged packets follow the last one closely, some leap.
            let leap = if skip > 250 {
                1 << (skip - 220)
            } else {
                u64::from(skip)
            };
            datagram[NUMBER].copy_from_slice(&number.wrapping_add(1 + leap).to_be_bytes());
        }
        self.template.clone_from(&datagram);
        self.give(1, &mut datagram);
    }
}

fuzz_target!(|input: &[u8]| {
    let mut ends = Ends::new();
    for Step {
        kind,
        argument,
        bytes,
    } in steps(input).take(MAX_STEPS)
    {
        match kind % 6 {
            0 | 1 => ends.forge(argument, bytes),
            2 => ends.give(usize::from(argument & 1), &mut bytes.to_vec()),
            3 => ends.send(usize::from(argument & 1)),
            4 => ends.exchange(argument),
            _ => ends.pass(1 << (argument % 34)),
        }
    }
    ends.exchange(0);
    for end in &ends.ends {
        assert!(end.memory_bytes() <= MAX_MEMORY_BYTES);
    }
});
