//! Fragments: the ports that only the first one carries.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Ending, Packet, Place};

/// Which part of a packet a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Piece {
    /// All of it.
    Whole,
    /// The first fragment, which has the transport header.
    First {
        /// What the fragments of one packet have in common beside addresses and protocol (RFC 791 section 3.2).
        identification: u16,
        /// Bytes after the IP header.
        length: u16,
    },
    /// A later one: what stands after the IP header is payload.
    Later {
        /// As the first fragment's.
        identification: u16,
        /// In units of eight bytes.
        offset: u16,
        /// More follow.
        more: bool,
    },
}

/// Ports of the first fragments seen, by what all fragments of a packet share, and who sent them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Firsts(BTreeMap<Shared, First>);

#[derive(Clone, Copy, Debug)]
struct First {
    source_port: u16,
    destination_port: u16,
    /// In units of eight bytes; what is beyond the last whole one does not count.
    end: u16,
}

/// Sender, source, destination, protocol and identification.
type Shared = (Place, IpAddr, IpAddr, u8, u16);

impl Firsts {
    /// The packet as its rules are asked: with the ports of its first fragment, which came before and which it does not
    /// overlap (RFC 5722); else `None`.
    pub(super) fn resolve(&mut self, from: Place, packet: &Packet) -> Option<Packet> {
        let key = |identification| {
            let Packet {
                source,
                destination,
                protocol,
                ..
            } = *packet;
            (from, source, destination, protocol, identification)
        };
        match packet.piece {
            Piece::Whole => Some(*packet),
            Piece::First {
                identification,
                length,
            } => {
                // RFC 8200, section 4.5.
                if packet.is_ipv6() && length % 8 != 0 {
                    return None;
                }
                let first = First {
                    source_port: packet.source_port,
                    destination_port: packet.destination_port,
                    end: length / 8,
                };
                self.0.insert(key(identification), first);
                Some(*packet)
            }
            Piece::Later {
                identification,
                offset,
                ..
            } => {
                let first = self.0.get(&key(identification))?;
                (offset >= first.end).then_some(Packet {
                    source_port: first.source_port,
                    destination_port: first.destination_port,
                    opens: false,
                    ending: Ending::Nothing,
                    quote: None,
                    ..*packet
                })
            }
        }
    }
}
