//! What the pipeline reads of TCP (RFC 9293), UDP (RFC 768) and ICMP (RFC 792).

use crate::{Port, icmpv6_type};

/// Bytes of a TCP header without options.
pub const TCP_LENGTH: u32 = 20;
/// Words of a TCP header up to its flags.
pub const TCP_WORDS: usize = 7;
/// Bytes of a UDP header.
pub const UDP_LENGTH: u32 = 8;
/// Words of a UDP header.
pub const UDP_WORDS: usize = 4;
/// Bytes of an ICMP header.
pub const ICMP_LENGTH: u32 = 8;
/// Words of an ICMP header.
pub const ICMP_WORDS: usize = 4;

/// TCP's control bits.
pub mod tcp_flag {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 1 << 1;
    /// Reset.
    pub const RST: u8 = 1 << 2;
    /// The acknowledgment number is valid.
    pub const ACK: u8 = 1 << 4;
}

/// ICMP types.
pub mod icmp_type {
    /// Answer to an echo request.
    pub const ECHO_REPLY: u8 = 0;
    /// An error; code 4 is "fragmentation needed and DF set" (RFC 1191).
    pub const DESTINATION_UNREACHABLE: u8 = 3;
    /// An error, obsolete (RFC 6633).
    pub const SOURCE_QUENCH: u8 = 4;
    /// An error in the sense that it embeds a datagram.
    pub const REDIRECT: u8 = 5;
    /// Ping.
    pub const ECHO_REQUEST: u8 = 8;
    /// Asks for the time; the answer's type is one higher.
    pub const TIMESTAMP: u8 = 13;
    /// Asks for the network's number, obsolete (RFC 6918); the answer's type is one higher.
    pub const INFORMATION_REQUEST: u8 = 15;
    /// Asks for the subnet's mask, obsolete (RFC 6918); the answer's type is one higher.
    pub const ADDRESS_MASK_REQUEST: u8 = 17;
    /// Ping of an interface (RFC 8335); the answer's type is one higher.
    pub const EXTENDED_ECHO_REQUEST: u8 = 42;
    /// An error.
    pub const TIME_EXCEEDED: u8 = 11;
    /// An error.
    pub const PARAMETER_PROBLEM: u8 = 12;
    /// Code of [`DESTINATION_UNREACHABLE`].
    pub const CODE_FRAGMENTATION_NEEDED: u8 = 4;
}

/// The fields of a TCP header that decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpHeader {
    /// Source port.
    pub source_port: Port,
    /// Destination port.
    pub destination_port: Port,
    /// Bytes of the header, options included. May be below [`TCP_LENGTH`] in a broken packet.
    pub header_length: u32,
    /// See [`tcp_flag`].
    pub flags: u8,
    /// Number of the first byte, or of SYN.
    pub sequence: u32,
    /// Number of the byte that is expected next; means something with [`tcp_flag::ACK`].
    pub acknowledgment: u32,
}

impl TcpHeader {
    /// Reads the first 14 bytes.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: &[u16; TCP_WORDS]) -> Self {
        let [
            source_port,
            destination_port,
            s0,
            s1,
            a0,
            a1,
            offset_and_flags,
        ] = *words;
        let [offset, flags] = offset_and_flags.to_ne_bytes();
        Self {
            source_port: Port(source_port),
            destination_port: Port(destination_port),
            header_length: (offset >> 4) as u32 * 4,
            flags,
            sequence: (u16::from_be(s0) as u32) << 16 | u16::from_be(s1) as u32,
            acknowledgment: (u16::from_be(a0) as u32) << 16 | u16::from_be(a1) as u32,
        }
    }
}

/// A UDP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpHeader {
    /// Source port.
    pub source_port: Port,
    /// Destination port.
    pub destination_port: Port,
    /// Bytes of header and payload, as announced.
    pub length: u32,
}

impl UdpHeader {
    /// Reads the header.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: &[u16; UDP_WORDS]) -> Self {
        let [source_port, destination_port, length, _checksum] = *words;
        Self {
            source_port: Port(source_port),
            destination_port: Port(destination_port),
            length: u16::from_be(length) as u32,
        }
    }
}

/// The part of a message in a conversation of ICMP: a request and its answers, with one identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpQuery {
    /// The type of the conversation's requests.
    pub request_type: u8,
    /// The message is an answer.
    pub is_answer: bool,
}

impl IcmpQuery {
    /// `None` for all types that are neither request nor answer: errors, announcements, unassigned ones.
    #[must_use]
    #[inline(always)]
    pub const fn of(icmp_type: u8) -> Option<Self> {
        let (request_type, is_answer) = match icmp_type {
            icmp_type::ECHO_REPLY => (icmp_type::ECHO_REQUEST, true),
            icmp_type::ECHO_REQUEST
            | icmp_type::TIMESTAMP
            | icmp_type::INFORMATION_REQUEST
            | icmp_type::ADDRESS_MASK_REQUEST
            | icmp_type::EXTENDED_ECHO_REQUEST => (icmp_type, false),
            _ => match icmp_type.wrapping_sub(1) {
                request_type @ (icmp_type::TIMESTAMP
                | icmp_type::INFORMATION_REQUEST
                | icmp_type::ADDRESS_MASK_REQUEST
                | icmp_type::EXTENDED_ECHO_REQUEST) => (request_type, true),
                _ => return None,
            },
        };
        Some(Self {
            request_type,
            is_answer,
        })
    }

    /// The same for IPv6.
    #[must_use]
    #[inline(always)]
    pub const fn of_ipv6(icmp_type: u8) -> Option<Self> {
        let (request_type, is_answer) = match icmp_type {
            icmpv6_type::ECHO_REQUEST | icmpv6_type::EXTENDED_ECHO_REQUEST => (icmp_type, false),
            icmpv6_type::ECHO_REPLY => (icmpv6_type::ECHO_REQUEST, true),
            icmpv6_type::EXTENDED_ECHO_REPLY => (icmpv6_type::EXTENDED_ECHO_REQUEST, true),
            _ => return None,
        };
        Some(Self {
            request_type,
            is_answer,
        })
    }
}

/// An ICMP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IcmpHeader {
    /// See [`icmp_type`].
    pub icmp_type: u8,
    /// Code.
    pub code: u8,
    /// The identifier of queries, in network byte order; other uses in errors.
    pub identifier: Port,
}

impl IcmpHeader {
    /// Reads the header.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: &[u16; ICMP_WORDS]) -> Self {
        let [type_and_code, _checksum, identifier, _sequence] = *words;
        let [icmp_type, code] = type_and_code.to_ne_bytes();
        Self {
            icmp_type,
            code,
            identifier: Port(identifier),
        }
    }

    /// Whether the message embeds the datagram it is about (RFC 1122 section 3.2.2).
    #[must_use]
    #[inline(always)]
    pub const fn is_error(&self) -> bool {
        matches!(
            self.icmp_type,
            icmp_type::DESTINATION_UNREACHABLE
                | icmp_type::SOURCE_QUENCH
                | icmp_type::REDIRECT
                | icmp_type::TIME_EXCEEDED
                | icmp_type::PARAMETER_PROBLEM
        )
    }
}
