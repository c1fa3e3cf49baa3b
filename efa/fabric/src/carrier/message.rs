//! Records as SRD messages.
//!
//! A message's header is the sender's queue pair number (4 bytes), the record's header from its kind on (24 bytes), and
//! the first bytes of the payload where that keeps a small record out of the allocator. The rest is the payload.

use bytes::Bytes;
use eni_efa_abi::RecordHeader;
use eni_efa_abi::record::ROUTE;
use eni_efa_channel::Payload;
use eni_srd::{Incoming, MAX_MESSAGE_HEADER_BYTES, MAX_PAYLOAD_BYTES, Message, MessageHeader};

/// The sender's queue pair and the record's header.
const FIXED: usize = 4 + 24;
/// Payload that travels in the message's header.
pub(super) const MAX_INLINE: usize = MAX_MESSAGE_HEADER_BYTES - FIXED;

/// The message for a record whose payload begins after its route.
pub(super) fn to_message(
    record: &RecordHeader,
    payload: Payload<'_>,
    source: u32,
    destination: u32,
    token: u64,
) -> Option<Message> {
    let payload = payload.skip(ROUTE);
    let mut bytes = [0; MAX_MESSAGE_HEADER_BYTES];
    bytes[..4].copy_from_slice(&source.to_le_bytes());
    bytes[4..FIXED].copy_from_slice(&record.to_bytes()[8..]);
    let inline = if payload.len() <= MAX_INLINE {
        payload.len()
    } else {
        0
    };
    payload.copy_to(0, &mut bytes[FIXED..FIXED + inline]);
    let rest = payload.skip(inline);
    if rest.len() > MAX_PAYLOAD_BYTES {
        return None;
    }
    Some(Message {
        queue_pair: destination,
        token,
        header: MessageHeader::new(&bytes[..FIXED + inline])?,
        payload: if rest.is_empty() {
            Bytes::new()
        } else {
            rest.to_vec().into()
        },
    })
}

/// A message as the record that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrived<'a> {
    pub(super) source: u32,
    pub(super) header: RecordHeader,
    /// The payload's two pieces.
    pub(super) payload: [&'a [u8]; 2],
}

impl<'a> Arrived<'a> {
    /// Nothing where the message is none of these.
    pub(super) fn from_message(message: &Incoming<'a>) -> Option<Self> {
        let (source, rest) = message.header.split_first_chunk::<4>()?;
        let (fields, inline) = rest.split_first_chunk::<24>()?;
        let mut header = [0; eni_efa_abi::record::HEADER];
        header[8..].copy_from_slice(fields);
        Some(Self {
            source: u32::from_le_bytes(*source),
            header: RecordHeader::from_bytes(&header),
            payload: [inline, message.payload],
        })
    }

    pub(super) fn length(&self) -> usize {
        self.payload[0].len() + self.payload[1].len()
    }
}
