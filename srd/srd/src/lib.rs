//! Scalable Reliable Datagrams: messages that arrive exactly once and in any order, over many network paths.
//!
//! One [`Connection`] stands between a pair of interfaces and is shared by all their queue pairs. It does no I/O, reads no
//! clock and draws no randomness; its owner moves datagrams and calls it:
//!
//! - [`Connection::send`] queues a message of at most one datagram (whoever needs more cuts it);
//! - [`Connection::handle_packet`] takes a datagram and gives the messages in it to a [`Sink`], which accepts, refuses, or
//!   says that the queue pair is not ready;
//! - [`Connection::poll_transmit`] writes the next datagram, into which it packs as many messages as fit;
//! - [`Connection::poll_timeout`] and [`Connection::handle_timeout`] carry time;
//! - [`Connection::poll_event`] tells of messages that ended, of the peer, and of paths.
//!
//! After any call, the owner drains `poll_event` and `poll_transmit`. A datagram goes out on the path that
//! [`Transmit::path`] names: the owner makes each path a UDP source port, which the network hashes. [`addressee`] says for
//! which connection a datagram is.
//!
//! For the owner:
//!
//! - A hello ([`Addressee::Interfaces`]) for a pair without connection: whether that pair may talk is the owner's decision;
//!   if so it makes a connection and gives it the datagram. A handle that nobody has: nothing needs to be done, but a new
//!   connection to that peer and [`Connection::connect`] tell it that this side started anew.
//! - After [`Event::Closed`] a connection is of no more use; a new one may use the same handle, but needs another seed.
//! - [`Connection::send`] answers `WindowFull` where the window is used up: hold messages back until `Completed`.
//! - Many senders to one interface: give each connection its part of a [`ReceiveBudget`] after each datagram.
//! - Keys: a [`PairKey`]; `eni-srd-seal` has one.
//!
//! Promises: an accepted message was accepted once; a message that completed was accepted; every message ends; no bytes
//! from outside make it panic; memory is bounded by the window. The wire format and the protocol are in `docs/SRD.md`.
//!
//! ```
//! use bytes::Bytes;
//! use eni_srd::{Admission, Config, Connection, Event, Incoming, Instant, Message, MessageHeader};
//!
//! let (red, blue) = ([1; 16], [2; 16]);
//! let now = Instant::from_nanos(1_000);
//! let mut a = Connection::new(Config::new(red, blue, 7), None, now, [1; 32]).unwrap();
//! let mut b = Connection::new(Config::new(blue, red, 9), None, now, [2; 32]).unwrap();
//!
//! let header = MessageHeader::new(b"opcode").unwrap();
//! let payload = Bytes::from_static(b"hello");
//! a.send(now, Message { queue_pair: 3, token: 42, header, payload }).unwrap();
//!
//! // A network of two calls: whatever one writes, the other gets.
//! let mut arrived = Vec::new();
//! let mut sink = |message: Incoming<'_>| {
//!     arrived.push((message.queue_pair, message.payload.to_vec()));
//!     Admission::Accept
//! };
//! let mut buffer = vec![0; eni_srd::MAX_DATAGRAM_BYTES];
//! let mut now = now;
//! for _ in 0..10 {
//!     now = now.after_nanos(10_000);
//!     for (from, to) in [(0, 1), (1, 0)] {
//!         let ends = [&mut a, &mut b];
//!         while let Some(transmit) = ends[from].poll_transmit(now, &mut buffer) {
//!             ends[to].handle_packet(now, &mut buffer[..transmit.length], &mut sink).unwrap();
//!         }
//!     }
//!     for end in [&mut a, &mut b] {
//!         if end.poll_timeout().is_some_and(|at| at <= now) {
//!             end.handle_timeout(now);
//!         }
//!     }
//! }
//! assert_eq!(arrived, [(3, b"hello".to_vec())]);
//! let events: Vec<Event> = core::iter::from_fn(|| a.poll_event()).collect();
//! assert!(matches!(events[..], [Event::Connected, Event::Completed { token: 42, .. }]));
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod budget;
mod config;
mod connection;
mod event;
mod frame;
mod message;
mod nonce;
mod outgoing;
mod path;
mod received;
mod seal;
mod sent;
mod time;
mod window;
mod wire;

pub use budget::ReceiveBudget;
pub use config::{
    Config, ConfigError, MAX_DATAGRAM_BYTES, MAX_MEMORY_BYTES, MAX_PATHS, MAX_WINDOW_LOG2,
    MIN_DATAGRAM_BYTES, MIN_WINDOW_LOG2,
};
pub use connection::{Connection, SendError, Transmit};
pub use event::{Counters, DropReason, Event, Failure};
pub use message::{
    Admission, Incoming, MAX_MESSAGE_HEADER_BYTES, MAX_PAYLOAD_BYTES, Message, MessageHeader,
    MessageId, Sink,
};
pub use seal::{NotAuthentic, PairKey, Seal};
pub use time::Instant;
pub use wire::{Addressee, Malformed, SEAL_BYTES, addressee};
