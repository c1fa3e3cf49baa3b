//! Frames of IPv6 as guests send them, with right checksums.

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use eni_wire::{icmpv6_type, protocol};

use super::frames::{as_sent, internet_checksum, sum_of_words};
use super::region::{ANNA, BERT, UPLINK, mac, router_mac};
use super::region_ipv6::{HOST, own};

/// A packet of IPv6 in an Ethernet frame. Public fields: tests bend them.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each field is the header field of its name")]
pub struct Packet {
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub hop_limit: u8,
    /// Extension headers: the number of each, and its bytes, of which the first is filled in.
    pub extensions: Vec<(u8, Vec<u8>)>,
    /// Of the payload.
    pub protocol: u8,
    /// The transport header, its checksum still zero, and its payload.
    pub payload: Vec<u8>,
}

impl Packet {
    /// From the guest of `vport` to `destination`: by MAC inside the subnet, else by the router.
    #[must_use]
    pub fn new(vport: u32, destination: Ipv6Addr, protocol: u8, payload: Vec<u8>) -> Self {
        let neighbour = [ANNA, BERT]
            .into_iter()
            .find(|other| own(*other) == destination);
        let by_mac = neighbour.filter(|_| vport == ANNA || vport == BERT);
        Self {
            destination_mac: by_mac.map_or(router_mac(vport), mac),
            source_mac: mac(vport),
            source: if vport == UPLINK { HOST } else { own(vport) },
            destination,
            hop_limit: 64,
            extensions: Vec::new(),
            protocol,
            payload,
        }
    }

    /// The same packet with one more extension header, behind the others.
    #[must_use]
    pub fn with(mut self, number: u8, bytes: &[u8]) -> Self {
        self.extensions.push((number, bytes.to_vec()));
        self
    }

    /// The same packet as a fragment of another: with a fragment header of this offset in bytes.
    #[must_use]
    pub fn fragment(self, identification: u32, offset: u16, more: bool) -> Self {
        let [a, b, c, d] = identification.to_be_bytes();
        let [high, low] = (offset & 0xfff8 | u16::from(more)).to_be_bytes();
        self.with(protocol::FRAGMENT, &[0, 0, high, low, a, b, c, d])
    }

    /// The frame.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        frame.extend(self.destination_mac);
        frame.extend(self.source_mac);
        frame.extend([0x86, 0xdd]);
        frame.extend(self.packet());
        frame
    }

    /// The packet without Ethernet header, as errors embed it.
    #[must_use]
    pub fn packet(&self) -> Vec<u8> {
        let numbers = self.extensions.iter().map(|(number, _)| *number);
        let mut next = numbers.skip(1).chain([self.protocol]);
        let mut behind = Vec::new();
        for (_, bytes) in &self.extensions {
            let start = behind.len();
            behind.extend(bytes);
            behind[start] = next.next().unwrap_or_default();
        }
        let first = self.extensions.first().map(|(number, _)| *number);
        let mut payload = self.payload.clone();
        let is_first_part = self.extensions.iter().all(|(number, bytes)| {
            *number != protocol::FRAGMENT || bytes[2] == 0 && bytes[3] & 0xf8 == 0
        });
        if is_first_part
            && let Some(offset) = checksum_offset(self.protocol)
            && payload.len() >= offset + 2
        {
            let sum = internet_checksum(&payload, self.pseudo_sum(payload.len()));
            let sum = as_sent(self.protocol, sum);
            payload[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
        }
        behind.extend(payload);
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend((behind.len() as u16).to_be_bytes());
        packet.extend([first.unwrap_or(self.protocol), self.hop_limit]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(behind);
        packet
    }

    fn pseudo_sum(&self, length: usize) -> u32 {
        let pseudo = [self.source.octets(), self.destination.octets()].concat();
        sum_of_words(&pseudo) + length as u32 + u32::from(self.protocol)
    }
}

fn checksum_offset(protocol: u8) -> Option<usize> {
    match protocol {
        protocol::TCP => Some(16),
        protocol::UDP => Some(6),
        protocol::ICMPV6 => Some(2),
        _ => None,
    }
}

/// Whether the checksum of an unfragmented frame without extension headers is right.
#[must_use]
pub fn checksum_holds(frame: &[u8]) -> bool {
    let (header, behind) = frame[14..].split_at(40);
    let length = usize::from(header[4]) << 8 | usize::from(header[5]);
    let payload = &behind[..length];
    let pseudo = sum_of_words(&header[8..40]) + length as u32 + u32::from(header[6]);
    internet_checksum(payload, pseudo) == 0
}

/// TCP with `flags` (see [`eni_wire::tcp_flag`]) and ten bytes of payload.
#[must_use]
pub fn tcp(vport: u32, destination: Ipv6Addr, ports: (u16, u16), flags: u8) -> Packet {
    let mut payload = Vec::new();
    payload.extend(ports.0.to_be_bytes());
    payload.extend(ports.1.to_be_bytes());
    payload.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    payload.extend(*b"0123456789");
    Packet::new(vport, destination, protocol::TCP, payload)
}

/// UDP with ten bytes of payload.
#[must_use]
pub fn udp(vport: u32, destination: Ipv6Addr, ports: (u16, u16)) -> Packet {
    let mut payload = Vec::new();
    payload.extend(ports.0.to_be_bytes());
    payload.extend(ports.1.to_be_bytes());
    payload.extend([0, 18, 0, 0]);
    payload.extend(*b"0123456789");
    Packet::new(vport, destination, protocol::UDP, payload)
}

/// A message of ICMP for IPv6 with an identifier and ten bytes of payload.
#[must_use]
pub fn message(
    vport: u32,
    destination: Ipv6Addr,
    type_and_code: [u8; 2],
    identifier: u16,
) -> Packet {
    let [icmp_type, code] = type_and_code;
    let mut payload = vec![icmp_type, code, 0, 0];
    payload.extend(identifier.to_be_bytes());
    payload.extend([0, 1]);
    payload.extend(*b"0123456789");
    Packet::new(vport, destination, protocol::ICMPV6, payload)
}

/// An echo message (type 128 asks, type 129 answers).
#[must_use]
pub fn echo(vport: u32, destination: Ipv6Addr, icmp_type: u8, identifier: u16) -> Packet {
    message(vport, destination, [icmp_type, 0], identifier)
}

/// An error about `packet`, quoting its header and `quoted` bytes more.
#[must_use]
pub fn error(
    vport: u32,
    destination: Ipv6Addr,
    type_and_code: [u8; 2],
    packet: &[u8],
    quoted: usize,
) -> Packet {
    let [icmp_type, code] = type_and_code;
    let mut payload = vec![icmp_type, code, 0, 0, 0, 0, 0, 0];
    payload.extend(packet.iter().take(40 + quoted));
    Packet::new(vport, destination, protocol::ICMPV6, payload)
}

/// The group at which who has an address is asked.
#[must_use]
pub fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., g, h] = target.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | g & 0xff, h)
}

/// Who has `target`? Asked by the guest of `vport` from `source`.
#[must_use]
pub fn solicitation(vport: u32, source: Ipv6Addr, target: Ipv6Addr) -> Packet {
    let mut payload = vec![icmpv6_type::NEIGHBOR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    payload.extend(target.octets());
    if !source.is_unspecified() {
        payload.extend([1, 1]);
        payload.extend(mac(vport));
    }
    let group = solicited_node(target);
    let [.., c, d] = group.octets();
    Packet {
        destination_mac: [0x33, 0x33, 0xff, target.octets()[13], c, d],
        source,
        hop_limit: 255,
        ..Packet::new(vport, group, protocol::ICMPV6, payload)
    }
}

/// Who is the router? Asked by the guest of `vport` from `source`.
#[must_use]
pub fn router_solicitation(vport: u32, source: Ipv6Addr) -> Packet {
    let payload = vec![icmpv6_type::ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    let all_routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    Packet {
        destination_mac: [0x33, 0x33, 0, 0, 0, 2],
        source,
        hop_limit: 255,
        ..Packet::new(vport, all_routers, protocol::ICMPV6, payload)
    }
}
