//! IPv4 headers (RFC 791).

use crate::Ipv4;

/// Bytes of an IPv4 header without options.
pub const IPV4_LENGTH: u32 = 20;
/// Words of an IPv4 header without options.
pub const IPV4_WORDS: usize = 10;

/// IP protocol numbers.
pub mod protocol {
    /// Hop-by-hop options, an extension header (RFC 8200).
    pub const HOP_BY_HOP: u8 = 0;
    /// RFC 792.
    pub const ICMP: u8 = 1;
    /// IPv4 in IPv4 (RFC 2003).
    pub const IPIP: u8 = 4;
    /// RFC 9293.
    pub const TCP: u8 = 6;
    /// RFC 768.
    pub const UDP: u8 = 17;
    /// RFC 4340.
    pub const DCCP: u8 = 33;
    /// IPv6 in IPv4 (RFC 4213).
    pub const IPV6: u8 = 41;
    /// A routing header, an extension header (RFC 8200).
    pub const ROUTING: u8 = 43;
    /// A fragment header, an extension header (RFC 8200).
    pub const FRAGMENT: u8 = 44;
    /// RFC 2784.
    pub const GRE: u8 = 47;
    /// RFC 4443.
    pub const ICMPV6: u8 = 58;
    /// Destination options, an extension header (RFC 8200).
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// RFC 3828.
    pub const UDP_LITE: u8 = 136;
}

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// A version or a length that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Which part of a packet a fragment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FragmentPart {
    /// Not a fragment.
    #[default]
    Whole,
    /// The first fragment: it carries the transport header.
    First,
    /// A later one: payload only.
    Later,
}

/// An IPv4 header; options are skipped by [`Ipv4Header::header_length`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ipv4Header {
    /// Bytes of the header, options included: 20 to 60.
    pub header_length: u32,
    /// Bytes of header and payload.
    pub total_length: u32,
    /// Identification, in network byte order.
    pub identification: u16,
    /// DF.
    pub dont_fragment: bool,
    /// Fragment offset and MF.
    pub part: FragmentPart,
    /// Where the payload begins in that of the whole packet, in bytes.
    pub fragment_offset: u32,
    /// MF.
    pub more_fragments: bool,
    /// Time to live.
    pub time_to_live: u8,
    /// Protocol number.
    pub protocol: u8,
    /// Source.
    pub source: Ipv4,
    /// Destination.
    pub destination: Ipv4,
}

impl Ipv4Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`Malformed`] when the version is not 4, the header is shorter than 20 bytes or longer than the packet it
    /// announces. Whether the announced packet fits the frame is for the caller to check: only it knows the frame.
    #[inline(always)]
    pub const fn from_words(words: &[u16; IPV4_WORDS]) -> Result<Self, Malformed> {
        let [
            first,
            total_length,
            identification,
            fragment,
            lifetime,
            _checksum,
            s0,
            s1,
            d0,
            d1,
        ] = *words;
        let [version_and_length, _service] = first.to_ne_bytes();
        let [time_to_live, protocol] = lifetime.to_ne_bytes();
        let header_length = (version_and_length & 0x0f) as u32 * 4;
        let total_length = u16::from_be(total_length) as u32;
        if version_and_length >> 4 != 4
            || header_length < IPV4_LENGTH
            || total_length < header_length
        {
            return Err(Malformed);
        }
        let fragment = u16::from_be(fragment);
        let part = if fragment & FRAGMENT_OFFSET != 0 {
            FragmentPart::Later
        } else if fragment & MORE_FRAGMENTS != 0 {
            FragmentPart::First
        } else {
            FragmentPart::Whole
        };
        Ok(Self {
            header_length,
            total_length,
            identification,
            dont_fragment: fragment & DONT_FRAGMENT != 0,
            part,
            fragment_offset: (fragment & FRAGMENT_OFFSET) as u32 * 8,
            more_fragments: fragment & MORE_FRAGMENTS != 0,
            time_to_live,
            protocol,
            source: Ipv4::from_words(s0, s1),
            destination: Ipv4::from_words(d0, d1),
        })
    }

    /// A header without options, with its checksum.
    #[must_use]
    #[inline(always)]
    pub fn to_words(&self) -> [u16; IPV4_WORDS] {
        let fragment = if self.dont_fragment { DONT_FRAGMENT } else { 0 };
        let ([s0, s1], [d0, d1]) = (self.source.to_words(), self.destination.to_words());
        let mut words = [
            0x4500_u16.to_be(),
            (self.total_length as u16).to_be(),
            self.identification,
            fragment.to_be(),
            u16::from_ne_bytes([self.time_to_live, self.protocol]),
            0,
            s0,
            s1,
            d0,
            d1,
        ];
        words[5] = crate::checksum::finish(crate::checksum::sum(&words));
        words
    }
}
