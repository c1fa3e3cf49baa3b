//! Views of packet headers.
//!
//! Every header is an array of 16-bit words in network byte order: all fields that matter start at even offsets, arrays
//! of a known length are indexed by constants (no panic path, which BPF could not carry), and two-byte alignment is what
//! a frame in kernel memory really has.
//!
//! Promises: no allocation, no panic, no unsafe; a view never reads past its words.
#![no_std]
#![forbid(unsafe_code)]

mod address;
mod arp;
pub mod checksum;
mod ethernet;
mod ip;
mod ipv4;
mod ipv6;
mod transport;

pub use address::{Ipv4, Mac, Port};
pub use arp::{ARP_WORDS, ArpPacket};
pub use ethernet::{ETHERNET_LENGTH, ETHERNET_WORDS, EtherType, EthernetHeader};
pub use ip::Address;
pub use ipv4::{FragmentPart, IPV4_LENGTH, IPV4_WORDS, Ipv4Header, Malformed, protocol};
pub use ipv6::{
    EXTENSION_UNIT, EXTENSION_WORDS, ExtensionHeader, FragmentHeader, IPV6_LENGTH, IPV6_WORDS,
    Ipv6Header, icmpv6_type,
};
pub use transport::{
    ICMP_LENGTH, ICMP_WORDS, IcmpHeader, IcmpQuery, TCP_LENGTH, TCP_WORDS, TcpHeader, UDP_LENGTH,
    UDP_WORDS, UdpHeader, icmp_type, tcp_flag,
};
