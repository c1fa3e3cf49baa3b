//! What a connection carries, and how it is handed over.

use bytes::Bytes;

/// Most bytes of payload in one message: what an EFA carries in a packet
/// (EFA's `max_mtu` less its header; the efa provider cuts larger transfers), and a header of the application's own.
pub const MAX_PAYLOAD_BYTES: usize = 8_928 + 64;
/// Most bytes of application header in one message.
pub const MAX_MESSAGE_HEADER_BYTES: usize = 48;

/// The small header of a message, opaque to this crate; kept inline, so that a message without payload costs no
/// allocation.
#[derive(Clone, Copy)]
pub struct MessageHeader {
    bytes: [u8; MAX_MESSAGE_HEADER_BYTES],
    length: u8,
}

impl MessageHeader {
    /// No header.
    pub const EMPTY: Self = Self {
        bytes: [0; MAX_MESSAGE_HEADER_BYTES],
        length: 0,
    };

    /// A header of these bytes, or nothing where they are more than [`MAX_MESSAGE_HEADER_BYTES`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::EMPTY;
        header.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        header.length = u8::try_from(bytes.len()).ok()?;
        Some(header)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl core::fmt::Debug for MessageHeader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("MessageHeader")
            .field(&self.as_bytes())
            .finish()
    }
}

/// A message to send. It travels in one datagram, possibly beside others.
#[derive(Clone, Debug)]
pub struct Message {
    /// The receiving queue pair: receivers that are not ready are waited for one by one.
    pub queue_pair: u32,
    /// Comes back with the message's end, so that the sender needs no table of its own.
    pub token: u64,
    /// The application's header.
    pub header: MessageHeader,
    /// The application's payload, at most [`MAX_PAYLOAD_BYTES`]. Held until the message ends, never copied before it is
    /// written to a datagram.
    pub payload: Bytes,
}

/// Names a message of one connection, for as long as the connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub u64);

/// A message that arrived, borrowed from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming<'a> {
    /// The queue pair that it is for.
    pub queue_pair: u32,
    /// The application's header.
    pub header: &'a [u8],
    /// The application's payload.
    pub payload: &'a [u8],
}

/// What the receiver says to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The message has been taken; it is never handed over again.
    Accept,
    /// The queue pair has no buffer for it now: the sender tries again after a while.
    NotReady,
    /// It will never be taken; the sender sees [`Failure::Refused`](crate::Failure::Refused) with this code.
    Refuse(u8),
}

/// Takes messages as they arrive: in any order, each accepted one exactly once.
pub trait Sink {
    /// Decides on `message` and, where the answer is [`Admission::Accept`], takes it (copies what it needs).
    fn receive(&mut self, message: Incoming<'_>) -> Admission;
}

impl<F: FnMut(Incoming<'_>) -> Admission> Sink for F {
    fn receive(&mut self, message: Incoming<'_>) -> Admission {
        self(message)
    }
}
