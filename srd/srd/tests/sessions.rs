//! Two connections over a wire that the test holds in its hands: sessions, restarts, seals and foreign bytes.

mod support;

use bytes::Bytes;
use eni_srd::{
    Addressee, Admission, Config, Connection, DropReason, Event, Failure, Incoming, Instant,
    MAX_DATAGRAM_BYTES, MAX_MEMORY_BYTES, Message, MessageHeader, PairKey, SendError, addressee,
};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use support::HashKey;

const RED: [u8; 16] = [1; 16];
const BLUE: [u8; 16] = [2; 16];

fn config(is_red: bool) -> Config {
    if is_red {
        Config::new(RED, BLUE, 7)
    } else {
        Config::new(BLUE, RED, 9)
    }
}

fn message(token: u64, payload: &'static [u8]) -> Message {
    Message {
        queue_pair: 3,
        token,
        header: MessageHeader::new(&token.to_be_bytes()).expect("8 bytes fit"),
        payload: Bytes::from_static(payload),
    }
}

/// One end, what it accepted, and what it said.
struct End {
    connection: Connection,
    accepted: Vec<u64>,
    events: Vec<Event>,
}

impl End {
    fn new(config: Config, key: Option<Arc<dyn PairKey>>, now: Instant, seed: u8) -> Self {
        Self {
            connection: Connection::new(config, key, now, [seed; 32]).expect("within bounds"),
            accepted: Vec::new(),
            events: Vec::new(),
        }
    }

    fn take(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), DropReason> {
        let accepted = &mut self.accepted;
        let mut sink = |message: Incoming<'_>| {
            accepted.push(u64::from_be_bytes(
                message.header.try_into().expect("8 bytes"),
            ));
            Admission::Accept
        };
        self.connection.handle_packet(now, datagram, &mut sink)
    }

    fn write(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let mut written = Vec::new();
        while let Some(transmit) = self.connection.poll_transmit(now, &mut buffer) {
            written.push(buffer[..transmit.length].to_vec());
        }
        self.events
            .extend(std::iter::from_fn(|| self.connection.poll_event()));
        written
    }
}

/// Two ends and everything that ever went from one to the other.
struct Wire {
    now: Instant,
    red: End,
    blue: End,
    to_blue: Vec<Vec<u8>>,
    to_red: Vec<Vec<u8>>,
}

impl Wire {
    fn new(key: Option<Arc<dyn PairKey>>) -> Self {
        let now = Instant::from_nanos(1_000);
        Self {
            now,
            red: End::new(config(true), key.clone(), now, 1),
            blue: End::new(config(false), key, now, 2),
            to_blue: Vec::new(),
            to_red: Vec::new(),
        }
    }

    /// Lets `millis` milliseconds pass, in steps of 10 µs, on a wire that carries everything.
    fn run(&mut self, millis: u64) {
        for _ in 0..millis * 100 {
            self.now = self.now.after_nanos(10_000);
            for datagram in self.red.write(self.now) {
                self.to_blue.push(datagram.clone());
                let _ = self.blue.take(self.now, &mut datagram.clone());
            }
            for datagram in self.blue.write(self.now) {
                self.to_red.push(datagram.clone());
                let _ = self.red.take(self.now, &mut datagram.clone());
            }
            for end in [&mut self.red, &mut self.blue] {
                if end
                    .connection
                    .poll_timeout()
                    .is_some_and(|at| at <= self.now)
                {
                    end.connection.handle_timeout(self.now);
                }
                end.events
                    .extend(std::iter::from_fn(|| end.connection.poll_event()));
            }
        }
    }
}

#[test]
fn both_ends_may_begin_at_once() {
    let mut wire = Wire::new(None);
    wire.red
        .connection
        .send(wire.now, message(1, b"from red"))
        .unwrap();
    wire.blue
        .connection
        .send(wire.now, message(2, b"from blue"))
        .unwrap();
    wire.run(5);
    assert_eq!(wire.blue.accepted, [1]);
    assert_eq!(wire.red.accepted, [2]);
    for end in [&wire.red, &wire.blue] {
        assert!(end.connection.is_idle());
        let resets = end
            .events
            .iter()
            .filter(|event| **event == Event::PeerReset);
        assert_eq!(resets.count(), 0);
    }
}

#[test]
fn messages_that_are_queued_together_share_datagrams() {
    let mut wire = Wire::new(None);
    wire.red
        .connection
        .send(wire.now, message(0, b"first"))
        .unwrap();
    wire.run(1);
    let before = wire.to_blue.len();
    for token in 1..=200 {
        wire.red
            .connection
            .send(wire.now, message(token, b"8 bytes."))
            .unwrap();
    }
    wire.run(1);
    assert_eq!(wire.blue.accepted, (0..=200).collect::<Vec<_>>());
    assert_eq!(wire.to_blue.len() - before, 1);
}

#[test]
fn a_peer_that_restarts_is_recognized_and_late_packets_of_its_past_change_nothing() {
    let mut wire = Wire::new(None);
    wire.red
        .connection
        .send(wire.now, message(1, b"before"))
        .unwrap();
    wire.run(5);
    let mut past_of_red = std::mem::take(&mut wire.to_blue);
    // Red dies with a message of blue's under way, and comes back.
    wire.blue
        .connection
        .send(wire.now, message(2, b"lost with red"))
        .unwrap();
    wire.blue.write(wire.now);
    wire.red = End::new(config(true), None, wire.now, 3);
    wire.red
        .connection
        .send(wire.now, message(3, b"after"))
        .unwrap();
    wire.run(5);
    assert_eq!(wire.blue.accepted, [1, 3]);
    assert!(wire.blue.events.contains(&Event::PeerReset));
    let failed = |event: &&Event| {
        matches!(
            event,
            Event::Failed {
                token: 2,
                reason: Failure::PeerReset,
                ..
            }
        )
    };
    assert_eq!(wire.blue.events.iter().filter(failed).count(), 1);
    wire.blue.events.clear();
    for datagram in &mut past_of_red {
        let _ = wire.blue.take(wire.now, datagram);
    }
    wire.blue
        .connection
        .send(wire.now, message(4, b"to the new red"))
        .unwrap();
    wire.run(5);
    assert_eq!(wire.blue.accepted, [1, 3]);
    assert_eq!(wire.red.accepted, [4]);
    assert!(!wire.blue.events.contains(&Event::PeerReset));
}

#[test]
fn a_peer_that_restarts_without_a_word_is_told_so_by_our_packets() {
    let mut wire = Wire::new(None);
    wire.red
        .connection
        .send(wire.now, message(1, b"before"))
        .unwrap();
    wire.run(5);
    wire.blue = End::new(config(false), None, wire.now, 3);
    wire.red
        .connection
        .send(wire.now, message(2, b"to whom"))
        .unwrap();
    wire.run(20);
    assert!(wire.red.events.contains(&Event::PeerReset));
    wire.red
        .connection
        .send(wire.now, message(5, b"to the new one"))
        .unwrap();
    wire.run(5);
    assert_eq!(wire.blue.accepted, [5]);
}

#[test]
fn ends_with_different_limits_agree_on_the_smaller() {
    let now = Instant::from_nanos(1_000);
    let mut wire = Wire::new(None);
    let mut small = config(false);
    (small.max_datagram_bytes, small.window_log2, small.paths) = (1_000, 6, 3);
    wire.blue = End::new(small, None, now, 2);
    static LARGE: [u8; 2_000] = [0; 2_000];
    for token in 0..300 {
        let payload: &[u8] = if token == 5 { &LARGE } else { b"small" };
        wire.red
            .connection
            .send(now, message(token, payload))
            .unwrap();
    }
    wire.run(20);
    let want: Vec<u64> = (0..300).filter(|token| *token != 5).collect();
    wire.blue.accepted.sort_unstable();
    assert_eq!(wire.blue.accepted, want);
    let too_large = |event: &&Event| {
        matches!(
            event,
            Event::Failed {
                token: 5,
                reason: Failure::TooLarge,
                ..
            }
        )
    };
    assert_eq!(wire.red.events.iter().filter(too_large).count(), 1);
    assert!(wire.red.connection.is_idle());
    assert_eq!(
        wire.red.connection.send(now, message(0, &LARGE)),
        Err(SendError::TooLarge)
    );
}

#[test]
fn closing_tells_the_peer_and_ends_everything() {
    let mut wire = Wire::new(None);
    wire.red
        .connection
        .send(wire.now, message(1, b"hello"))
        .unwrap();
    wire.run(5);
    wire.blue
        .connection
        .send(wire.now, message(2, b"too late"))
        .unwrap();
    wire.blue.write(wire.now);
    wire.red.connection.close();
    wire.run(1);
    let reason = Failure::PeerClosed;
    assert!(wire.blue.events.contains(&Event::Closed { reason }));
    assert!(wire.blue.events.iter().any(|event| matches!(
        event,
        Event::Failed {
            token: 2,
            reason: Failure::PeerClosed,
            ..
        }
    )));
    for end in [&mut wire.red, &mut wire.blue] {
        assert!(matches!(
            end.connection.send(wire.now, message(3, b"")),
            Err(SendError::Closed(_))
        ));
        assert_eq!(end.connection.poll_timeout(), None);
    }
}

#[test]
fn an_idle_peer_is_kept_alive_and_a_vanished_one_is_noticed() {
    let mut wire = Wire::new(None);
    wire.red
        .connection
        .send(wire.now, message(1, b"hello"))
        .unwrap();
    wire.run(5_000);
    assert!(
        !wire
            .red
            .events
            .iter()
            .any(|event| matches!(event, Event::Closed { .. }))
    );
    let begin = wire.now;
    loop {
        let at = wire.red.connection.poll_timeout().unwrap();
        wire.now = at.max(wire.now);
        wire.red.connection.handle_timeout(wire.now);
        wire.red.write(wire.now);
        if wire.red.events.contains(&Event::Closed {
            reason: Failure::PeerDead,
        }) {
            break;
        }
    }
    // Keepalive after 1 s of silence, dead after 3 s without an answer.
    assert!(wire.now.nanos_since(begin) <= 4_000_000_000);
}

#[test]
fn a_sealed_session_takes_nothing_forged_changed_or_repeated() {
    let key: Arc<dyn PairKey> = Arc::new(HashKey(7));
    let mut wire = Wire::new(Some(key.clone()));
    wire.red
        .connection
        .send(wire.now, message(1, b"secret words"))
        .unwrap();
    wire.run(5);
    assert_eq!(wire.blue.accepted, [1]);
    let clear = |datagram: &Vec<u8>| datagram.windows(6).any(|window| window == b"secret");
    assert!(!wire.to_blue.iter().any(clear));
    // Whatever was said before, said again, with a bit changed, or to a new incarnation: nothing comes of it.
    let past = wire.to_blue.clone();
    let mut fresh = End::new(config(false), Some(key), wire.now, 4);
    for datagram in &past {
        let _ = wire.blue.take(wire.now, &mut datagram.clone());
        let _ = fresh.take(wire.now, &mut datagram.clone());
        for bit in [9, 70, 140, 8 * (datagram.len() as u32 - 1)] {
            let mut changed = datagram.clone();
            changed[bit as usize / 8] ^= 1 << (bit % 8);
            assert!(wire.blue.take(wire.now, &mut changed).is_err(), "bit {bit}");
        }
    }
    assert_eq!(wire.blue.accepted, [1]);
    assert!(fresh.accepted.is_empty() && !fresh.connection.is_established());
    // Who has no key, or another, gets no session.
    for key in [None, Some(Arc::new(HashKey(8)) as Arc<dyn PairKey>)] {
        let mut stranger = End::new(config(true), key, wire.now, 5);
        stranger
            .connection
            .send(wire.now, message(6, b"let me in"))
            .unwrap();
        for mut datagram in stranger.write(wire.now) {
            assert_eq!(
                wire.blue.take(wire.now, &mut datagram),
                Err(DropReason::Unauthentic)
            );
        }
    }
}

#[test]
fn memory_is_bounded_when_nobody_answers_and_when_the_peer_sends_nonsense() {
    let mut wire = Wire::new(None);
    let mut largest = config(true);
    (largest.window_log2, largest.paths) = (15, 64);
    wire.red = End::new(largest, None, wire.now, 1);
    wire.red
        .connection
        .send(wire.now, message(0, b"hello"))
        .unwrap();
    wire.run(5);
    let mut sent = 0;
    while wire
        .red
        .connection
        .send(wire.now, message(sent, b"nobody listens"))
        .is_ok()
    {
        sent += 1;
    }
    assert_eq!(sent, 1 << 12, "blue's window");
    let mut numbers = VecDeque::from([1_u64 << 40, 3, 1 << 50, 1 << 41]);
    for _ in 0..2_900 {
        wire.now = wire.now.after_nanos(1_000_000);
        let written = wire.red.write(wire.now);
        assert!(written.len() < 200, "nobody answered");
        wire.red.connection.handle_timeout(wire.now);
        if let Some(number) = numbers.pop_front() {
            let mut datagram = wire.to_red.last().unwrap().clone();
            datagram[16..24].copy_from_slice(&number.to_be_bytes());
            let _ = wire.red.take(wire.now, &mut datagram);
        }
    }
    let held = wire.red.connection.memory_bytes();
    assert!(held < MAX_MEMORY_BYTES / 4, "{held} bytes");
}

/// Packets of every kind, from a session that stands.
fn samples() -> Vec<Vec<u8>> {
    let mut wire = Wire::new(None);
    for token in 0..20 {
        wire.red
            .connection
            .send(wire.now, message(token, b"sample"))
            .expect("the window has room");
        wire.blue
            .connection
            .send(wire.now, message(token, b"sample"))
            .expect("the window has room");
        wire.run(1);
    }
    wire.to_blue
}

proptest! {
    /// Bytes from outside, however close to the real thing, make nothing panic and nothing spin.
    #[test]
    fn foreign_bytes_are_survived(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut wire = Wire::new(None);
        wire.red.connection.send(wire.now, message(0, b"hello")).unwrap();
        wire.run(1);
        let samples = samples();
        let mut datagram = samples[which.index(samples.len())].clone();
        for (at, value) in changes {
            let at = at.index(datagram.len());
            datagram[at] = value;
        }
        datagram.truncate(cut.index(datagram.len()) + 1);
        datagram.extend(&noise);
        let mut bare = noise;
        let _ = addressee(&datagram);
        let _ = wire.blue.take(wire.now, &mut datagram);
        let _ = wire.blue.take(wire.now, &mut bare);
        prop_assert!(wire.blue.write(wire.now).len() < 100);
    }
}

#[test]
fn datagrams_say_whom_they_are_for() {
    let mut wire = Wire::new(None);
    wire.red
        .connection
        .send(wire.now, message(0, b"hello"))
        .unwrap();
    wire.run(1);
    let hello = Addressee::Interfaces {
        source: RED,
        destination: BLUE,
    };
    assert_eq!(addressee(&wire.to_blue[0]), Ok(hello));
    assert_eq!(addressee(&wire.to_blue[1]), Ok(Addressee::Handle(9)));
    assert_eq!(addressee(&wire.to_red[0]), Ok(Addressee::Handle(7)));
    assert!(addressee(b"not a packet").is_err());
}
