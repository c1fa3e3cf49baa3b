//! ARP for IPv4 over Ethernet (RFC 826).

use crate::{Ipv4, Mac};

/// Words of an ARP packet for IPv4 over Ethernet (28 bytes).
pub const ARP_WORDS: usize = 14;

/// Hardware type Ethernet, protocol type IPv4, lengths 6 and 4.
const ETHERNET_IPV4: [u16; 3] = [1_u16.to_be(), 0x0800_u16.to_be(), 0x0604_u16.to_be()];

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArpPacket {
    /// [`ArpPacket::REQUEST`] or [`ArpPacket::REPLY`] (or another), in host order.
    pub operation: u16,
    /// Sender's MAC.
    pub sender_mac: Mac,
    /// Sender's address; unspecified in a probe (RFC 5227).
    pub sender: Ipv4,
    /// Target's MAC; unknown in a request.
    pub target_mac: Mac,
    /// Target's address.
    pub target: Ipv4,
}

impl ArpPacket {
    /// Who has `target`?
    pub const REQUEST: u16 = 1;
    /// `sender` is at `sender_mac`.
    pub const REPLY: u16 = 2;

    /// The packet in the words after the Ethernet header; `None` for other hardware or protocols.
    #[must_use]
    #[inline(always)]
    pub fn from_words(words: &[u16; ARP_WORDS]) -> Option<Self> {
        let [
            hardware,
            protocol,
            lengths,
            operation,
            s0,
            s1,
            s2,
            sa,
            sb,
            t0,
            t1,
            t2,
            ta,
            tb,
        ] = *words;
        if [hardware, protocol, lengths] != ETHERNET_IPV4 {
            return None;
        }
        Some(Self {
            operation: u16::from_be(operation),
            sender_mac: Mac([s0, s1, s2]),
            sender: Ipv4::from_words(sa, sb),
            target_mac: Mac([t0, t1, t2]),
            target: Ipv4::from_words(ta, tb),
        })
    }

    /// The inverse of [`ArpPacket::from_words`].
    #[must_use]
    #[inline(always)]
    pub const fn to_words(&self) -> [u16; ARP_WORDS] {
        let [hardware, protocol, lengths] = ETHERNET_IPV4;
        let ([s0, s1, s2], [t0, t1, t2]) = (self.sender_mac.0, self.target_mac.0);
        let ([sa, sb], [ta, tb]) = (self.sender.to_words(), self.target.to_words());
        [
            hardware,
            protocol,
            lengths,
            self.operation.to_be(),
            s0,
            s1,
            s2,
            sa,
            sb,
            t0,
            t1,
            t2,
            ta,
            tb,
        ]
    }
}
