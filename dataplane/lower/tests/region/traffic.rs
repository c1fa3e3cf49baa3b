//! Packets through the lowered tables, and packets worth sending.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use eni_abi::{NatGateway, SERVICES_VPORT, Service};
use eni_lower::UPLINK_VPORT;
use eni_model::resource::NetworkInterface;
use eni_pipeline::testing::MemoryFrame;
use eni_pipeline::testing::frames::{Datagram, checksums_hold};
use eni_pipeline::testing::scenario::Dice;
use eni_pipeline::{Arrival, Scratch, process};
use eni_types::{AttachmentId, VpcId};

use super::draws::{
    answer_to, any_ending, any_options, any_tag, any_type_and_code, inside, pool_end, special,
};
use super::services::SERVICES;
use super::{EPOCHS, NUMBERS, PORTS, Region, ipv6, public};
use crate::oracle::{
    Delivery, Ending, IpOptions, NextHop, Packet, Piece, Place, Query, Quote, Tag, TrackedFlow,
};

/// Where an answer of DHCP has its client's MAC address, behind UDP's header (RFC 2131, figure 1).
const CLIENT_MAC_AT: usize = 8 + 28;
/// RFC 791 section 3.1.
const MORE_FRAGMENTS: u16 = 0x2000;

impl Region {
    fn vport(&self, place: Place) -> Option<u32> {
        match place {
            Place::Outside => Some(UPLINK_VPORT),
            Place::Services(_) => Some(SERVICES_VPORT),
            Place::Interface(id) if self.endpoints.contains_key(&id) => {
                self.endpoints.get(&id).copied()
            }
            Place::Interface(id) => {
                let attachment = self.interface(id).attachment?.attachment_id;
                self.vports.get(attachment)
            }
        }
    }

    /// The frame of a packet, and the vport that it comes from; `None` of an interface that is not there.
    pub(crate) fn frame(
        &self,
        from: Place,
        next_hop: NextHop,
        packet: &Packet,
    ) -> Option<(u32, Vec<u8>)> {
        let vport = self.vport(from)?;
        let row = self.tables.vports.get(&vport)?;
        let destination_mac = match next_hop {
            NextHop::Router => mac_bytes(row.router_mac),
            NextHop::Neighbour(id) => self.interface(id).mac_address.0,
        };
        let (identification, fragment) = match packet.piece {
            Piece::Whole => (7, 0),
            Piece::First { identification, .. } => (identification, MORE_FRAGMENTS),
            Piece::Later {
                identification,
                offset,
                more,
            } => (
                identification,
                offset | if more { MORE_FRAGMENTS } else { 0 },
            ),
        };
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (packet.source, packet.destination)
        else {
            let macs = (destination_mac, mac_bytes(row.mac));
            let (sent, rest) = match from {
                Place::Services(id) => {
                    let asker = self.vport(Place::Interface(id))?;
                    self.said_ipv6(id, asker, packet)
                }
                _ => (*packet, Vec::new()),
            };
            return Some((vport, ipv6::frame(&sent, &rest, macs)));
        };
        let (mut sent, mut payload) = ((source, destination), payload(packet));
        if let Place::Services(id) = from {
            let asker = self.vport(Place::Interface(id))?;
            let service = self.service_at(source, id);
            let own = service.map(|service| service.address(asker).into());
            sent.0 = own.unwrap_or(source);
            if service == Some(Service::Dhcp) {
                if destination.is_unspecified() {
                    sent.1 = Service::ASKER_WITHOUT_ADDRESS.into();
                }
                payload.resize(CLIENT_MAC_AT, 0);
                payload.extend(self.interface(id).mac_address.0);
            }
        }
        let frame = Datagram {
            destination_mac,
            source_mac: mac_bytes(row.mac),
            source: sent.0.octets(),
            destination: sent.1.octets(),
            protocol: packet.protocol,
            identification,
            fragment,
            options: options(packet),
            payload,
        };
        let mut bytes = frame.bytes();
        if let Tag::Within(ether_type) = packet.tag {
            let [a, b] = ether_type.to_be_bytes();
            bytes.splice(12..12, [a, b, 0, 5]);
        }
        Some((vport, bytes))
    }

    /// What the pipeline, over the lowered tables, does with the frame of a packet: where it arrives, and as what.
    pub(crate) fn send(
        &mut self,
        packet: &Packet,
        vport: u32,
        frame: &[u8],
    ) -> Option<(Delivery, Vec<u8>)> {
        self.now_ns += 1_000_000;
        let arrival = Arrival {
            vport,
            now_ns: self.now_ns,
        };
        if let Some(first) = &mut self.first
            && packet.tag != Tag::Beside
        {
            let port = first(&self.tables, vport, frame);
            self.memory.next_draw = port.map(drawn_for);
        }
        let mut frame = MemoryFrame::new(frame);
        if packet.tag == Tag::Beside {
            frame = frame.tagged();
        }
        let mut scratch = Scratch::default();
        let verdict = process(&mut frame, arrival, &self.tables, &mut self.memory, || {
            Some(&mut scratch)
        });
        self.memory.next_draw = None;
        let (mut to, bytes) = (self.place_of(verdict.target()?), frame.bytes());
        if packet.is_ipv6() {
            let mut delivery = ipv6::delivery(packet, to, &bytes);
            if verdict.target() == Some(SERVICES_VPORT) {
                delivery = self.heard_ipv6(delivery)?;
            }
            return Some((delivery, bytes));
        }
        // Those of fragments are over what other frames hold.
        let holds = packet.piece != Piece::Whole || checksums_hold(&bytes);
        assert!(holds, "{packet:?} arrives damaged");
        if let Place::Interface(id) = to {
            let to_all = bytes[30..34] == [0xff; 4];
            let mac = self.interface(id).mac_address.0;
            let mac = if to_all { [0xff; 6] } else { mac };
            assert_eq!(bytes[..6], mac, "{packet:?}");
        }
        let quote_at = 14 + usize::from(bytes[14] & 15) * 4 + 8;
        let address =
            |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        let has_quote = packet
            .quote
            .filter(|_| packet.piece == Piece::Whole)
            .is_some_and(|quote| quote.bytes >= 8 && !quote.later_fragment)
            && matches!(packet.destination_port >> 8, 3 | 4 | 5 | 11 | 12);
        let (mut source, mut destination) = (address(26), address(30));
        if verdict.target() == Some(SERVICES_VPORT) {
            let (service, asker) = Service::of_address(destination.into())?;
            let Place::Interface(id) = self.place_of(asker) else {
                panic!("{packet:?} asks in nobody's name");
            };
            (to, destination) = (Place::Services(id), self.found_at(service, id)?);
            if source == Ipv4Addr::from(Service::ASKER_WITHOUT_ADDRESS) {
                source = Ipv4Addr::UNSPECIFIED;
            }
        }
        let delivery = Delivery {
            to,
            source: source.into(),
            destination: destination.into(),
            ends: ends(packet, &bytes),
            quoted: has_quote
                .then(|| (address(quote_at + 12).into(), address(quote_at + 16).into())),
        };
        Some((delivery, bytes))
    }

    /// The flows that the pipeline tracks.
    pub(crate) fn tracked(&self) -> BTreeSet<TrackedFlow> {
        let attachments: BTreeMap<u32, AttachmentId> = self
            .vports
            .iter()
            .map(|(attachment, vport)| (vport, attachment))
            .collect();
        self.memory
            .connections
            .keys()
            .map(|key| {
                let mut flow = TrackedFlow {
                    attachment: attachments[&key.vport],
                    protocol: key.protocol as u8,
                    local: (key.local_address.into(), key.local_port.number()),
                    remote: (key.remote_address.into(), key.remote_port.number()),
                    query: None,
                    peer: self.vpc_of(key.peer_vpc),
                };
                let is_ipv6 = flow.remote.0.is_ipv6();
                if flow.protocol == if is_ipv6 { 58 } else { 1 } {
                    let [kind, code] = flow.remote.1.to_be_bytes();
                    flow.remote.1 = 0;
                    flow.query = Some(Query {
                        request: kind >> 1 | if is_ipv6 { 0x80 } else { 0 },
                        code,
                        guest_asks: kind & 1 == 1,
                    });
                }
                flow
            })
            .collect()
    }

    /// The VPC of this number; none for 0.
    fn vpc_of(&self, number: u32) -> Option<VpcId> {
        (number != 0).then(|| self.vpcs[&number])
    }

    pub(super) fn place_of(&self, vport: u32) -> Place {
        let interfaces = self.interfaces().into_iter().chain(self.endpoints());
        interfaces
            .map(Place::Interface)
            .find(|place| self.vport(*place) == Some(vport))
            .unwrap_or(Place::Outside)
    }

    /// A packet that might mean something: from one end of the region to another.
    pub(crate) fn any_packet(&self, dice: &mut Dice) -> (Place, NextHop, Packet) {
        if dice.hits(40) {
            return self.any_dhcp(dice);
        }
        if dice.hits(40) {
            return self.any_dhcpv6(dice);
        }
        let is_ipv6 = dice.hits(3);
        self.any_packet_of(is_ipv6, dice)
    }

    /// The same of a family.
    fn any_packet_of(&self, is_ipv6: bool, dice: &mut Dice) -> (Place, NextHop, Packet) {
        if is_ipv6 {
            return self.any_packet_of_ipv6(dice);
        }
        let ids = self.interfaces();
        let from = if dice.hits(5) {
            Place::Outside
        } else {
            Place::Interface(dice.pick(&ids))
        };
        let other = self.interface(dice.pick(&ids));
        let source = self.any_source(from, &other, dice);
        let target = self.interface(dice.pick(&ids));
        let destination = match (from, dice.roll(8)) {
            _ if dice.hits(16) => special(dice),
            (Place::Outside, _) | (_, 0) => public(dice.roll(4)),
            (_, 1) if dice.hits(3) => pool_end(dice),
            (_, 1) if dice.hits(4) => {
                let last = dice.pick(&[1, 255]);
                Ipv4Addr::new(10, 0, dice.pick(&[1, 2]), last)
            }
            (_, 1) => dice
                .pick(&[[198, 51, 100, 1], [10, 0, 1, 200], [192, 0, 2, 1]])
                .into(),
            _ => dice.pick(&target.private_ip_addresses),
        };
        let asks = from != Place::Outside && dice.hits(16);
        let (service, _) = dice.pick(&SERVICES);
        let destination = if asks { service } else { destination };
        let destination = self.or_by_gateway(destination, dice);
        let to_endpoint = !asks && dice.hits(12);
        let endpoint = self.address_of_endpoint(dice);
        let destination = if to_endpoint { endpoint } else { destination };
        let next_hop = self.next_hop(from, destination.into(), dice);
        let protocol = match dice.roll(8) {
            1..=6 if asks => dice.pick(&[6, 6, 17]),
            1..=6 if to_endpoint => 6,
            0 => dice.pick(&NUMBERS),
            1 => dice.in_turn(0),
            _ => dice.pick(&[1, 1, 6, 6, 6, 17, 17]),
        };
        let (source_port, destination_port) = match protocol {
            1 => (dice.pick(&[1, 2]), any_type_and_code(dice)),
            6 | 17 => (dice.pick(&PORTS), dice.pick(&PORTS)),
            _ => (0, 0),
        };
        let destination_port = match protocol {
            6 | 17 if asks && !dice.hits(3) => dice.pick(&[53, 80, 123, 443]),
            6 if to_endpoint && !dice.hits(4) => 443,
            _ => destination_port,
        };
        let opens = protocol == 6 && !dice.hits(3);
        let packet = Packet {
            source: source.into(),
            destination: destination.into(),
            protocol,
            source_port,
            destination_port,
            opens,
            ending: any_ending(protocol, opens, dice),
            quote: None,
            piece: Piece::Whole,
            tag: any_tag(dice),
            options: any_options(dice),
        };
        (from, next_hop, packet)
    }

    /// An address that a packet may say it comes from.
    fn any_source(&self, from: Place, other: &NetworkInterface, dice: &mut Dice) -> Ipv4Addr {
        match from {
            Place::Outside if dice.hits(8) => public(dice.roll(3)),
            Place::Outside if dice.hits(8) => pool_end(dice),
            Place::Outside if dice.hits(4) => special(dice),
            Place::Outside if dice.hits(4) => inside(dice),
            Place::Outside | Place::Services(_) => Ipv4Addr::new(198, 51, 100, 1),
            Place::Interface(_) if dice.hits(16) => special(dice),
            Place::Interface(_) if dice.hits(8) => dice.pick(&other.private_ip_addresses),
            Place::Interface(id) => dice.pick(&self.interface(id).private_ip_addresses),
        }
    }

    /// By MAC to an address of the own subnet, as a guest's stack does, and now and then the wrong way.
    pub(super) fn next_hop(&self, from: Place, destination: IpAddr, dice: &mut Dice) -> NextHop {
        let Place::Interface(id) = from else {
            return NextHop::Router;
        };
        let subnet_id = self.interface(id).subnet_id;
        let mut others = self.interfaces().into_iter().chain(self.endpoints());
        let neighbour = others.find(|other| {
            let other = self.interface(*other);
            other.subnet_id == subnet_id
                && other.network_interface_id != id
                && (has_address(&other, destination) || dice.hits(40))
        });
        match neighbour {
            Some(other) if !dice.hits(10) => NextHop::Neighbour(other),
            Some(_) | None => NextHop::Router,
        }
    }

    /// The fragments of a packet, in one of all orders, one of them perhaps twice.
    pub(crate) fn fragments(&self, packet: &Packet, dice: &mut Dice) -> Vec<Packet> {
        // From a range of the region's own: see the program's test.
        let identification = (self.first_epoch / EPOCHS * 128 + dice.roll(128)) as u16;
        let piece = |piece| Packet { piece, ..*packet };
        let later = |offset, more| {
            piece(Piece::Later {
                identification,
                offset,
                more,
            })
        };
        let mut length = payload(packet).len() as u16;
        if packet.is_ipv6() {
            length = length.next_multiple_of(8);
        }
        let first = Piece::First {
            identification,
            length,
        };
        // Where the first ends, most often; else over it, or after a hole.
        let offset = match dice.roll(4) {
            0 => 1 + dice.roll(5) as u16,
            _ => length / 8,
        };
        let mut pieces = vec![piece(first), later(offset, true), later(offset + 1, false)];
        if dice.hits(4) {
            pieces.push(dice.pick(&pieces));
        }
        for last in (1..pieces.len()).rev() {
            pieces.swap(last, dice.roll(last as u64 + 1) as usize);
        }
        pieces
    }

    /// An ICMP error about a packet that was delivered: most often as its receiver sends it.
    pub(crate) fn error(
        &self,
        packet: &Packet,
        delivery: &Delivery,
        dice: &mut Dice,
    ) -> (Place, NextHop, Packet) {
        let is_ipv6 = packet.is_ipv6();
        let errors: &[u16] = match is_ipv6 {
            true => &[1, 1, 2, 3, 4],
            false => &[3, 3, 3, 4, 5, 11, 12],
        };
        let seen = as_seen(packet, delivery);
        let mut quote = Quote {
            source: delivery.source,
            destination: delivery.destination,
            protocol: packet.protocol,
            source_port: seen.source_port,
            destination_port: seen.destination_port,
            later_fragment: false,
            bytes: 8,
        };
        let mut error = Packet {
            source: delivery.destination,
            destination: delivery.source,
            protocol: if is_ipv6 { 58 } else { 1 },
            source_port: 0,
            destination_port: dice.pick(errors) << 8 | dice.roll(6) as u16,
            opens: false,
            ending: Ending::Nothing,
            quote: None,
            piece: Piece::Whole,
            tag: Tag::None,
            options: IpOptions::None,
        };
        let (place, _, other) = self.any_packet_of(is_ipv6, dice);
        let mut from = delivery.to;
        match dice.roll(16) {
            // To somebody else, from somebody else, both swapped, or of one's own packet.
            0 | 1 => error.destination = other.destination,
            2 => (from, error.source) = (place, other.source),
            3 => (error.source, error.destination) = (error.destination, error.source),
            4 => (quote.source, quote.destination) = (quote.destination, quote.source),
            5 if matches!(quote.protocol, 6 | 17) || packet.is_icmp() => quote.source_port ^= 1,
            6 => quote.destination = other.destination,
            7 => quote.bytes = dice.roll(8) as u8,
            8 => quote.later_fragment = true,
            9 => (quote.protocol, quote.destination_port) = (error.protocol, errors[0] << 8),
            10 if !is_ipv6 => error.destination_port = any_type_and_code(dice),
            _ => {}
        }
        error.quote = Some(quote);
        (from, self.next_hop(from, error.destination, dice), error)
    }

    /// The answer to a packet that was delivered.
    pub(crate) fn answer(
        &self,
        packet: &Packet,
        delivery: &Delivery,
        dice: &mut Dice,
    ) -> (Place, NextHop, Packet) {
        let packet = &as_seen(packet, delivery);
        let (source_port, destination_port) = match packet.protocol {
            58 if packet.is_ipv6() => (packet.source_port, ipv6::answer(packet, dice)),
            1 if packet.is_ipv6() => (0, 0),
            // Now and then another type, with the same identifier.
            1 if dice.hits(4) => (packet.source_port, any_type_and_code(dice)),
            1 => (packet.source_port, answer_to(packet.destination_port)),
            _ => (packet.destination_port, packet.source_port),
        };
        let answer = Packet {
            source: delivery.destination,
            destination: delivery.source,
            protocol: packet.protocol,
            source_port,
            destination_port,
            opens: false,
            ending: any_ending(packet.protocol, false, dice),
            quote: None,
            piece: Piece::Whole,
            tag: Tag::None,
            options: IpOptions::None,
        };
        (
            delivery.to,
            self.next_hop(delivery.to, answer.destination, dice),
            answer,
        )
    }
}

/// A number for which a NAT gateway gives this port.
fn drawn_for(port: u16) -> u32 {
    let place = u64::from(u32::from(port) - NatGateway::FIRST_PORT);
    (place << 32).div_ceil(u64::from(NatGateway::PORTS)) as u32
}

/// The ports, or the identifier, of a frame of IPv4.
fn ends(packet: &Packet, bytes: &[u8]) -> (u16, u16) {
    let at = 14 + usize::from(bytes[14] & 15) * 4;
    let word = |offset: usize| u16::from_be_bytes([bytes[at + offset], bytes[at + offset + 1]]);
    match packet.piece {
        Piece::Later { .. } => (0, 0),
        _ if matches!(packet.protocol, 6 | 17) => (word(0), word(2)),
        _ if packet.protocol == 1 => (word(4), 0),
        _ => (0, 0),
    }
}

/// A packet with the ports, or the identifier, that its receiver sees.
fn as_seen(packet: &Packet, delivery: &Delivery) -> Packet {
    let mut seen = *packet;
    match packet.protocol {
        6 | 17 => (seen.source_port, seen.destination_port) = delivery.ends,
        1 if !packet.is_ipv6() => seen.source_port = delivery.ends.0,
        _ => {}
    }
    seen
}

/// A record of the route, or a loose source route behind a no-operation.
fn options(packet: &Packet) -> Vec<u8> {
    match packet.options {
        IpOptions::None => Vec::new(),
        IpOptions::Harmless => vec![7, 7, 4, 0, 0, 0, 0, 0],
        IpOptions::SourceRoute => vec![1, 131, 7, 4, 10, 0, 2, 12],
    }
}

fn mac_bytes(mac: eni_abi::Mac) -> [u8; 6] {
    mac.to_bytes()
}

/// Whether an interface has an address.
fn has_address(eni: &NetworkInterface, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => eni.private_ip_addresses.contains(&address),
        IpAddr::V6(address) => eni.ipv6_addresses.contains(&address),
    }
}

/// The beginning of the packet that an error is about.
fn quoted(quote: &Quote) -> Vec<u8> {
    let inner = Packet {
        source: quote.source,
        destination: quote.destination,
        protocol: quote.protocol,
        source_port: quote.source_port,
        destination_port: quote.destination_port,
        opens: false,
        ending: Ending::Nothing,
        quote: None,
        piece: Piece::Whole,
        tag: Tag::None,
        options: IpOptions::None,
    };
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (quote.source, quote.destination) else {
        return ipv6::quoted(quote, &inner);
    };
    let mut datagram = Datagram {
        destination_mac: [0; 6],
        source_mac: [0; 6],
        source: source.octets(),
        destination: destination.octets(),
        protocol: quote.protocol,
        identification: 7,
        fragment: u16::from(quote.later_fragment),
        options: Vec::new(),
        payload: payload(&inner),
    }
    .datagram();
    datagram.truncate(20 + usize::from(quote.bytes));
    datagram
}

/// The transport header of a packet and ten bytes of payload.
pub(super) fn payload(packet: &Packet) -> Vec<u8> {
    let mut bytes = Vec::new();
    if matches!(packet.piece, Piece::Later { .. }) {
        return b"01234567".to_vec();
    }
    match packet.protocol {
        _ if packet.is_icmp() => {
            bytes.extend(packet.destination_port.to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(packet.source_port.to_be_bytes());
            bytes.extend([0, 1]);
            if let Some(quote) = &packet.quote {
                bytes.extend(quoted(quote));
                return bytes;
            }
        }
        6 => {
            let (flags, sequence) = match packet.ending {
                Ending::Nothing if packet.opens => (0x02, 1),
                Ending::Nothing => (0x10, 1),
                Ending::Fin => (0x11, 1),
                // Beyond what is acknowledged, in every window.
                Ending::Reset => (0x04, 3),
            };
            bytes.extend(packet.source_port.to_be_bytes());
            bytes.extend(packet.destination_port.to_be_bytes());
            bytes.extend([
                0, 0, 0, sequence, 0, 0, 0, 2, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0,
            ]);
        }
        17 => {
            bytes.extend(packet.source_port.to_be_bytes());
            bytes.extend(packet.destination_port.to_be_bytes());
            bytes.extend([0, 18, 0, 0]);
        }
        _ => {}
    }
    bytes.extend(*b"0123456789");
    bytes
}
