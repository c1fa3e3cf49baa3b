//! The kernel's packet filter and connection tracking (`linux/netfilter/nfnetlink.h`).

use std::convert::Infallible;
use std::net::Ipv4Addr;

use netlink_packet_core::{
    NLA_HEADER_SIZE, NLA_TYPE_MASK, NLM_F_ACK, NLM_F_DUMP, NetlinkDeserializable, NetlinkHeader,
    NetlinkSerializable,
};
use nix::sys::socket::SockProtocol;

use crate::error::gone_is_fine;
use crate::{Netlink, NetlinkError};

/// `NFPROTO_IPV4` in `linux/netfilter.h`.
const IPV4: u8 = 2;
/// Family, version, and a number that these requests do not use (`struct nfgenmsg`).
const HEADER_BYTES: usize = 4;
/// Where attributes begin (`NLA_ALIGNTO`).
const ALIGNMENT_BYTES: usize = 4;
/// The part of the kernel is the upper byte of a message's type: `NFNL_SUBSYS_*` in `nfnetlink.h`.
const CONNTRACK: u16 = 1 << 8;
const NFTABLES: u16 = 10 << 8;
/// `IPCTNL_MSG_CT_*` in `linux/netfilter/nfnetlink_conntrack.h`.
const CONNECTION_GET: u16 = CONNTRACK | 1;
const CONNECTION_DELETE: u16 = CONNTRACK | 2;
/// `CTA_*` in the same file.
const TUPLE_ORIGINAL: u16 = 1;
const CONNECTION_ID: u16 = 12;
const ZONE: u16 = 18;
const TUPLE_ADDRESSES: u16 = 1;
const ADDRESS_SOURCE: u16 = 1;
const ADDRESS_DESTINATION: u16 = 2;
/// `NFT_MSG_GETTABLE`, `NFTA_TABLE_NAME` in `linux/netfilter/nf_tables.h`.
const TABLE_GET: u16 = NFTABLES | 1;
const TABLE_NAME: u16 = 1;

/// A socket to netfilter, bound to the namespace of the thread that opened it for as long as it lives.
#[derive(Debug)]
pub struct Netfilter(Netlink);

/// A connection over IPv4 that the kernel tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Who began it.
    pub source: Ipv4Addr,
    /// Whom they began it with, as they named them: before any translation.
    pub destination: Ipv4Addr,
    /// What the kernel knows it by, as it was told.
    key: Vec<u8>,
}

impl Netfilter {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] when the kernel gives no socket.
    pub fn open() -> Result<Self, NetlinkError> {
        Netlink::open_to(SockProtocol::NetlinkNetFilter).map(Self)
    }

    /// Whether nftables has a table of this name of the family `ip`.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] of a kernel without nftables.
    pub fn has_table(&mut self, name: &str) -> Result<bool, NetlinkError> {
        let mut message = Message::new(TABLE_GET);
        let mut text = name.as_bytes().to_vec();
        text.push(0);
        message.attribute(TABLE_NAME, &text);
        let words = || format!("look for the table {name}");
        let mut found = false;
        let answer = self
            .0
            .exchange(message, NLM_F_ACK, words, |_: Message| found = true);
        gone_is_fine(answer)?;
        Ok(found)
    }

    /// The tracked connections over IPv4 for which `wanted` says so of source and destination.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] of a kernel that does not tell them.
    pub fn connections(
        &mut self,
        wanted: impl Fn(Ipv4Addr, Ipv4Addr) -> bool,
    ) -> Result<Vec<Connection>, NetlinkError> {
        let mut connections = Vec::new();
        self.0.exchange(
            Message::new(CONNECTION_GET),
            NLM_F_DUMP,
            || "list connections".to_owned(),
            |message: Message| {
                let connection = connection_of(&message);
                let is_wanted = |found: &Connection| wanted(found.source, found.destination);
                connections.extend(connection.filter(is_wanted));
            },
        )?;
        Ok(connections)
    }

    /// Forgets `connection`: its next packet begins a new one. One that has ended is success.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when the kernel keeps it.
    pub fn delete_connection(&mut self, connection: &Connection) -> Result<(), NetlinkError> {
        let mut message = Message::new(CONNECTION_DELETE);
        message.payload.extend_from_slice(&connection.key);
        let words = || {
            let Connection {
                source,
                destination,
                ..
            } = connection;
            format!("forget a connection from {source} to {destination}")
        };
        gone_is_fine(self.0.exchange(message, NLM_F_ACK, words, |_: Message| ()))
    }
}

fn connection_of(message: &Message) -> Option<Connection> {
    let mut key = Vec::new();
    let mut addresses = None;
    for attribute in Attributes(message.payload.get(HEADER_BYTES..)?) {
        if matches!(attribute.kind, TUPLE_ORIGINAL | CONNECTION_ID | ZONE) {
            key.extend_from_slice(attribute.whole);
            key.resize(key.len().next_multiple_of(ALIGNMENT_BYTES), 0);
        }
        if attribute.kind == TUPLE_ORIGINAL {
            addresses = addresses_of(attribute.value);
        }
    }
    let (source, destination) = addresses?;
    Some(Connection {
        source,
        destination,
        key,
    })
}

/// Source and destination of a tuple.
fn addresses_of(tuple: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let member = |attributes, kind| {
        let found = Attributes(attributes).find(|attribute| attribute.kind == kind);
        found.map(|attribute| attribute.value)
    };
    let addresses = member(tuple, TUPLE_ADDRESSES)?;
    let address = |kind| <[u8; 4]>::try_from(member(addresses, kind)?).ok();
    let source = address(ADDRESS_SOURCE)?;
    let destination = address(ADDRESS_DESTINATION)?;
    Some((source.into(), destination.into()))
}

/// The attributes in these bytes, up to one that is not whole.
struct Attributes<'a>(&'a [u8]);

struct Attribute<'a> {
    kind: u16,
    value: &'a [u8],
    /// With its head.
    whole: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (kind, _) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        let attribute = Attribute {
            kind: u16::from_ne_bytes(*kind) & NLA_TYPE_MASK,
            value: self.0.get(NLA_HEADER_SIZE..length)?,
            whole: self.0.get(..length)?,
        };
        let taken = length.next_multiple_of(ALIGNMENT_BYTES);
        self.0 = self.0.get(taken..).unwrap_or_default();
        Some(attribute)
    }
}

/// A message as it is on the wire, but for netlink's own header.
struct Message {
    kind: u16,
    payload: Vec<u8>,
}

impl Message {
    fn new(kind: u16) -> Self {
        let mut payload = vec![0; HEADER_BYTES];
        if let Some(family) = payload.first_mut() {
            *family = IPV4;
        }
        Self { kind, payload }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len().saturating_add(NLA_HEADER_SIZE)).unwrap_or(u16::MAX);
        self.payload.extend_from_slice(&length.to_ne_bytes());
        self.payload.extend_from_slice(&kind.to_ne_bytes());
        self.payload.extend_from_slice(value);
        let whole = self.payload.len().next_multiple_of(ALIGNMENT_BYTES);
        self.payload.resize(whole, 0);
    }
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.payload.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.payload);
    }
}

impl NetlinkDeserializable for Message {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Self {
            kind: header.message_type,
            payload: payload.to_vec(),
        })
    }
}
