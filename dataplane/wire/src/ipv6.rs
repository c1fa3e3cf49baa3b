//! IPv6 headers (RFC 8200).

use crate::{Address, Malformed};

/// Bytes of an IPv6 header.
pub const IPV6_LENGTH: u32 = 40;
/// Words of an IPv6 header.
pub const IPV6_WORDS: usize = 20;
/// Words of what every extension header begins with, and all of a fragment header.
pub const EXTENSION_WORDS: usize = 4;
/// Extension headers are multiples of so many bytes.
pub const EXTENSION_UNIT: u32 = 8;

const VERSION: u8 = 6;
const MORE_FRAGMENTS: u16 = 1;
const FRAGMENT_OFFSET: u16 = 0xfff8;

/// An IPv6 header, without traffic class and flow label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ipv6Header {
    /// Bytes behind the header, extension headers among them.
    pub payload_length: u32,
    /// What follows: an extension header or the upper layer's protocol.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source.
    pub source: Address,
    /// Destination.
    pub destination: Address,
}

impl Ipv6Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`Malformed`] when the version is not 6. Whether the announced packet fits the frame is for the caller to check.
    #[inline(always)]
    pub const fn from_words(words: &[u16; IPV6_WORDS]) -> Result<Self, Malformed> {
        let [
            first,
            _label,
            payload_length,
            next,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
            d0,
            d1,
            d2,
            d3,
            d4,
            d5,
            d6,
            d7,
        ] = *words;
        let [version_and_class, _] = first.to_ne_bytes();
        if version_and_class >> 4 != VERSION {
            return Err(Malformed);
        }
        let [next_header, hop_limit] = next.to_ne_bytes();
        Ok(Self {
            payload_length: u16::from_be(payload_length) as u32,
            next_header,
            hop_limit,
            source: Address::from_words([s0, s1, s2, s3, s4, s5, s6, s7]),
            destination: Address::from_words([d0, d1, d2, d3, d4, d5, d6, d7]),
        })
    }

    /// The header, of traffic class and flow label 0.
    #[must_use]
    #[inline(always)]
    pub const fn to_words(&self) -> [u16; IPV6_WORDS] {
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.source.to_words();
        let [d0, d1, d2, d3, d4, d5, d6, d7] = self.destination.to_words();
        [
            0x6000_u16.to_be(),
            0,
            (self.payload_length as u16).to_be(),
            u16::from_ne_bytes([self.next_header, self.hop_limit]),
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
            d0,
            d1,
            d2,
            d3,
            d4,
            d5,
            d6,
            d7,
        ]
    }
}

/// What hop-by-hop options, destination options and routing headers begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionHeader {
    /// What follows.
    pub next_header: u8,
    /// Bytes of the header: 8 to 2,048.
    pub length: u32,
    /// Of a routing header: its type.
    pub routing_type: u8,
    /// Of a routing header: how many places are still to be visited.
    pub segments_left: u8,
}

impl ExtensionHeader {
    /// Reads the first words.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: &[u16; EXTENSION_WORDS]) -> Self {
        let [first, second, ..] = *words;
        let ([next_header, units], [routing_type, segments_left]) =
            (first.to_ne_bytes(), second.to_ne_bytes());
        Self {
            next_header,
            length: (units as u32 + 1) * EXTENSION_UNIT,
            routing_type,
            segments_left,
        }
    }
}

/// A fragment header (RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentHeader {
    /// What follows in the whole packet.
    pub next_header: u8,
    /// Where the payload begins in that of the whole packet, in bytes.
    pub offset: u32,
    /// M.
    pub more_fragments: bool,
    /// Identification, in network byte order.
    pub identification: u32,
}

impl FragmentHeader {
    /// Reads the header.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: &[u16; EXTENSION_WORDS]) -> Self {
        let [first, offset, i0, i1] = *words;
        let ([next_header, _reserved], offset) = (first.to_ne_bytes(), u16::from_be(offset));
        Self {
            next_header,
            offset: (offset & FRAGMENT_OFFSET) as u32,
            more_fragments: offset & MORE_FRAGMENTS != 0,
            identification: crate::Ipv4::from_words(i0, i1).0,
        }
    }
}

/// Types of ICMP for IPv6.
pub mod icmpv6_type {
    /// An error (RFC 4443).
    pub const DESTINATION_UNREACHABLE: u8 = 1;
    /// An error (RFC 4443).
    pub const PACKET_TOO_BIG: u8 = 2;
    /// An error (RFC 4443).
    pub const TIME_EXCEEDED: u8 = 3;
    /// An error (RFC 4443).
    pub const PARAMETER_PROBLEM: u8 = 4;
    /// Ping (RFC 4443).
    pub const ECHO_REQUEST: u8 = 128;
    /// Its answer; the type is one higher.
    pub const ECHO_REPLY: u8 = 129;
    /// Multicast listeners (RFC 2710).
    pub const LISTENER_QUERY: u8 = 130;
    /// Multicast listeners (RFC 2710).
    pub const LISTENER_DONE: u8 = 132;
    /// Who is the router? (RFC 4861)
    pub const ROUTER_SOLICITATION: u8 = 133;
    /// The router's answer (RFC 4861).
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    /// Who has an address? (RFC 4861)
    pub const NEIGHBOR_SOLICITATION: u8 = 135;
    /// Its answer (RFC 4861).
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    /// There is a better next hop (RFC 4861).
    pub const REDIRECT: u8 = 137;
    /// Inverse neighbor discovery (RFC 3122).
    pub const INVERSE_SOLICITATION: u8 = 141;
    /// Multicast listeners (RFC 3810).
    pub const LISTENER_REPORT: u8 = 143;
    /// Secure neighbor discovery (RFC 3971), and its answer.
    pub const PATH_SOLICITATION: u8 = 148;
    /// See [`PATH_SOLICITATION`].
    pub const PATH_ADVERTISEMENT: u8 = 149;
    /// Multicast routers (RFC 4286), three types.
    pub const MULTICAST_ROUTER_ADVERTISEMENT: u8 = 151;
    /// See [`MULTICAST_ROUTER_ADVERTISEMENT`].
    pub const MULTICAST_ROUTER_TERMINATION: u8 = 153;
    /// Ping of an interface (RFC 8335); the answer's type is one higher.
    pub const EXTENDED_ECHO_REQUEST: u8 = 160;
    /// See [`EXTENDED_ECHO_REQUEST`].
    pub const EXTENDED_ECHO_REPLY: u8 = 161;

    /// Whether the message embeds the packet it is about.
    #[must_use]
    #[inline(always)]
    pub const fn is_error(icmp_type: u8) -> bool {
        matches!(icmp_type, DESTINATION_UNREACHABLE..=PARAMETER_PROBLEM)
    }

    /// Whether the message is one between the nodes of a link, which no router passes on (RFC 4890 section 4.3.1).
    #[must_use]
    #[inline(always)]
    pub const fn is_of_link(icmp_type: u8) -> bool {
        matches!(
            icmp_type,
            LISTENER_QUERY..=REDIRECT
                | INVERSE_SOLICITATION..=LISTENER_REPORT
                | PATH_SOLICITATION..=PATH_ADVERTISEMENT
                | MULTICAST_ROUTER_ADVERTISEMENT..=MULTICAST_ROUTER_TERMINATION
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv6Addr;

    #[test]
    fn a_header_is_read_as_it_is_written() {
        let header = Ipv6Header {
            payload_length: 1_234,
            next_header: 58,
            hop_limit: 255,
            source: "2001:db8::1:2".parse::<Ipv6Addr>().unwrap().into(),
            destination: "fe80:ec2::1".parse::<Ipv6Addr>().unwrap().into(),
        };
        let mut words = header.to_words();
        assert_eq!(Ipv6Header::from_words(&words), Ok(header));
        words[0] = 0x4500_u16.to_be();
        assert_eq!(Ipv6Header::from_words(&words), Err(Malformed));
    }

    #[test]
    fn lengths_of_extension_headers_are_in_units() {
        let words = [[6, 0], [0, 3], [0, 0], [0, 0]].map(u16::from_ne_bytes);
        let header = ExtensionHeader::from_words(&words);
        assert_eq!((header.next_header, header.length), (6, 8));
        assert_eq!((header.routing_type, header.segments_left), (0, 3));
        let words = [[6, 255], [4, 0], [0, 0], [0, 0]].map(u16::from_ne_bytes);
        assert_eq!(ExtensionHeader::from_words(&words).length, 2_048);
    }

    #[test]
    fn a_fragment_header_tells_offset_and_more() {
        let words = [[17, 0], [0x05, 0xa9], [1, 2], [3, 4]].map(u16::from_ne_bytes);
        let header = FragmentHeader::from_words(&words);
        assert_eq!((header.offset, header.more_fragments), (0x5a8, true));
        assert_eq!(header.identification.to_ne_bytes(), [1, 2, 3, 4]);
    }
}
