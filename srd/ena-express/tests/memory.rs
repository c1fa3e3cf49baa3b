//! What a pair says of its memory holds for what it takes of the allocator.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bytes::BytesMut;
use eni_ena_express::{
    Eligibility, Express, HEADER_BYTES, HOLD_NANOS, MAX_FLOWS, MAX_MEMORY_BYTES, Offered,
    QUEUE_PAIR, Side,
};
use eni_srd::{Admission, Config, Connection, Incoming, Instant, MAX_DATAGRAM_BYTES};
use etherparse::PacketBuilder;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The shortest frames cost most beside their bytes.
fn frame(flow: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .udp(1_024 + flow, 80)
        .write(&mut frame, &[])
        .unwrap();
    frame
}

fn express() -> Express {
    let side = Side {
        ena_srd_supported: true,
        ena_srd_enabled: true,
        ena_srd_udp_enabled: true,
        availability_zone_id: "use1-az1",
    };
    Express::new(Eligibility::between(&side, &side, true), 7)
}

/// A pair that holds as much as it may: two frames of each flow and many of one, a gap before each.
fn holding() -> Express {
    let mut express = express();
    let frame = frame(0);
    for round in 1..10 {
        for index in 0..MAX_FLOWS {
            let place = if round > 2 { 0 } else { index };
            let sequence = 2 * (round * u32::from(MAX_FLOWS) + u32::from(index));
            let mut header = [0; HEADER_BYTES];
            (header[0], header[11]) = (1, 1);
            header[2..4].copy_from_slice(&place.to_be_bytes());
            header[12..].copy_from_slice(&sequence.to_be_bytes());
            let message = Incoming {
                queue_pair: QUEUE_PAIR,
                header: &header,
                payload: &frame,
            };
            let answer = express.receive(Instant::default(), &message, &mut |_: &[u8]| {});
            assert_eq!(answer, Admission::Accept);
        }
    }
    assert!(express.counters().gaps_by_memory > 0);
    express
}

/// Two connections that have found each other, and lose nothing.
struct Wire {
    now: Instant,
    ends: [(Express, Connection); 2],
}

impl Wire {
    fn new() -> Self {
        let now = Instant::from_nanos(1_000);
        let end = |this: u8| {
            let config = Config::new([this; 16], [3 - this; 16], u32::from(this));
            let connection = Connection::new(config, None, now, [this; 32]).unwrap();
            (express(), connection)
        };
        let mut wire = Self {
            now,
            ends: [end(1), end(2)],
        };
        wire.ends[0].1.connect(now);
        wire.run();
        wire
    }

    fn offer(&mut self, flow: u16) -> Offered {
        let mut frame_in_large_buffer = BytesMut::with_capacity(9_216);
        frame_in_large_buffer.extend_from_slice(&frame(flow));
        let (express, connection) = &mut self.ends[0];
        express.offer(self.now, frame_in_large_buffer, connection)
    }

    fn run(&mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        for _ in 0..200 {
            self.now = self.now.after_nanos(10_000);
            for from in [0, 1] {
                let [left, right] = &mut self.ends;
                let (sender, receiver) = if from == 0 {
                    (left, right)
                } else {
                    (right, left)
                };
                while let Some(event) = sender.1.poll_event() {
                    sender.0.handle_event(&event);
                }
                sender.1.handle_timeout(self.now);
                while let Some(transmit) =
                    sender.0.poll_transmit(self.now, &mut sender.1, &mut buffer)
                {
                    let datagram = &mut buffer[..transmit.length];
                    let (express, connection) = &mut *receiver;
                    let mut out = |_: &[u8]| {};
                    let _ = express.handle_packet(self.now, datagram, connection, &mut out);
                }
            }
        }
        for (express, connection) in &mut self.ends {
            while let Some(event) = connection.poll_event() {
                express.handle_event(&event);
            }
        }
    }
}

/// A pair with as much queued as it takes, of many flows or of one.
fn queued(flows: u16) -> Express {
    let mut wire = Wire::new();
    for index in 0..10_000 {
        wire.offer(index % flows);
    }
    let [(express, _), _] = wire.ends;
    express
}

/// A pair all of whose flows have had something to send, and a flow that once had much and has a little.
fn used() -> Express {
    let mut wire = Wire::new();
    for flow in 0..MAX_FLOWS {
        for _ in 0..20 {
            wire.offer(flow);
        }
        if flow % 100 == 0 {
            wire.run();
        }
    }
    wire.run();
    let [(express, _), _] = wire.ends;
    assert_eq!(express.flows(), usize::from(MAX_FLOWS));
    assert!(!express.has_queued());
    express
}

#[test]
fn a_pair_takes_no_more_memory_than_it_says() {
    let mut delivered = holding();
    delivered.handle_timeout(
        Instant::default().after_nanos(HOLD_NANOS),
        &mut |_: &[u8]| {},
    );
    assert_eq!(delivered.held_bytes(), 0);
    for (what, express) in [
        ("holding", holding()),
        ("delivered", delivered),
        ("many queued", queued(MAX_FLOWS)),
        ("one queued", queued(1)),
        ("used", used()),
    ] {
        let said = express.memory_bytes();
        let region = Region::new(ALLOCATOR);
        drop(express);
        let freed = region.change().bytes_deallocated;
        println!("{what}: {freed} of {said}");
        assert!(freed <= said, "{what}: {freed} bytes, and it says {said}");
        assert!(said <= MAX_MEMORY_BYTES, "{what}: {said}");
    }
}
