//! Packets through the lowered tables, and packets worth sending.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use eni_pipeline::Arrival;
use eni_pipeline::testing::frames::{Datagram, checksums_hold};
use eni_pipeline::testing::run;
use eni_pipeline::testing::scenario::Dice;
use eni_plan::UPLINK_VPORT;
use eni_types::AttachmentId;

use super::{NUMBERS, PORTS, Region, public};
use crate::oracle::{Delivery, NextHop, Packet, Place, TrackedFlow};

impl Region {
    fn vport(&self, place: Place) -> Option<u32> {
        match place {
            Place::Outside => Some(UPLINK_VPORT),
            Place::Interface(id) => {
                let attachment = self.interface(id).attachment?.attachment_id;
                self.numbers.get(attachment)
            }
        }
    }

    /// What the pipeline, over the lowered tables, does with a packet.
    pub(crate) fn send(
        &mut self,
        from: Place,
        next_hop: NextHop,
        packet: &Packet,
    ) -> Option<Delivery> {
        let vport = self.vport(from)?;
        let row = self.tables.vports.get(&vport)?;
        let destination_mac = match next_hop {
            NextHop::Router => mac_bytes(row.router_mac),
            NextHop::Neighbour(id) => self.interface(id).mac_address.0,
        };
        let frame = Datagram {
            destination_mac,
            source_mac: mac_bytes(row.mac),
            source: packet.source.octets(),
            destination: packet.destination.octets(),
            protocol: packet.protocol,
            identification: 7,
            fragment: 0,
            options: Vec::new(),
            payload: payload(packet),
        };
        self.now_ns += 1_000_000;
        let arrival = Arrival {
            vport,
            now_ns: self.now_ns,
        };
        let (target, bytes) = run(&self.tables, &mut self.memory, arrival, &frame.bytes());
        let target = target?;
        assert!(checksums_hold(&bytes), "{packet:?} arrives damaged");
        let to = self.place_of(target);
        if let Place::Interface(id) = to {
            assert_eq!(bytes[..6], self.interface(id).mac_address.0, "{packet:?}");
        }
        let address =
            |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        Some(Delivery {
            to,
            source: address(26),
            destination: address(30),
        })
    }

    /// The flows that the pipeline tracks.
    pub(crate) fn tracked(&self) -> BTreeSet<TrackedFlow> {
        let attachments: BTreeMap<u32, AttachmentId> = self
            .numbers
            .iter()
            .map(|(attachment, vport)| (vport, attachment))
            .collect();
        self.memory
            .connections
            .keys()
            .map(|key| {
                let local = (key.local_address.into(), key.local_port.number());
                let remote = (key.remote_address.into(), key.remote_port.number());
                (attachments[&key.vport], key.protocol as u8, local, remote)
            })
            .collect()
    }

    fn place_of(&self, vport: u32) -> Place {
        self.interfaces()
            .into_iter()
            .map(Place::Interface)
            .find(|place| self.vport(*place) == Some(vport))
            .unwrap_or(Place::Outside)
    }

    /// A packet that might mean something: from one end of the region to another.
    pub(crate) fn any_packet(&self, dice: &mut Dice) -> (Place, NextHop, Packet) {
        let ids = self.interfaces();
        let from = if dice.hits(5) {
            Place::Outside
        } else {
            Place::Interface(dice.pick(&ids))
        };
        let other = self.interface(dice.pick(&ids));
        let source = match from {
            Place::Outside if dice.hits(8) => public(dice.roll(3)),
            Place::Outside => Ipv4Addr::new(198, 51, 100, 1),
            Place::Interface(_) if dice.hits(8) => dice.pick(&other.private_ip_addresses),
            Place::Interface(id) => dice.pick(&self.interface(id).private_ip_addresses),
        };
        let target = self.interface(dice.pick(&ids));
        let destination = match (from, dice.roll(8)) {
            (Place::Outside, _) | (_, 0) => public(dice.roll(4)),
            (_, 1) => dice
                .pick(&[[198, 51, 100, 1], [10, 0, 1, 200], [192, 0, 2, 1]])
                .into(),
            _ => dice.pick(&target.private_ip_addresses),
        };
        let next_hop = self.next_hop(from, destination, dice);
        let protocol = match dice.roll(8) {
            0 => dice.pick(&NUMBERS),
            1 => dice.roll(256) as u8,
            _ => dice.pick(&[1, 6, 6, 6, 17, 17]),
        };
        let (source_port, destination_port) = match protocol {
            1 => (dice.pick(&[1, 2]), dice.pick(&[0x0800, 0x0000, 0x0d00])),
            6 | 17 => (dice.pick(&PORTS), dice.pick(&PORTS)),
            _ => (0, 0),
        };
        let opens = protocol == 6 && !dice.hits(3);
        let packet = Packet {
            source,
            destination,
            protocol,
            source_port,
            destination_port,
            opens,
        };
        (from, next_hop, packet)
    }

    /// By MAC to an address of the own subnet, as a guest's stack does, and now and then the wrong way.
    fn next_hop(&self, from: Place, destination: Ipv4Addr, dice: &mut Dice) -> NextHop {
        let Place::Interface(id) = from else {
            return NextHop::Router;
        };
        let subnet_id = self.interface(id).subnet_id;
        let neighbour = self.interfaces().into_iter().find(|other| {
            let other = self.interface(*other);
            other.subnet_id == subnet_id
                && other.network_interface_id != id
                && (other.private_ip_addresses.contains(&destination) || dice.hits(40))
        });
        match neighbour {
            Some(other) if !dice.hits(10) => NextHop::Neighbour(other),
            Some(_) | None => NextHop::Router,
        }
    }

    /// The answer to a packet that was delivered.
    pub(crate) fn answer(
        &self,
        packet: &Packet,
        delivery: &Delivery,
        dice: &mut Dice,
    ) -> (Place, NextHop, Packet) {
        let (source_port, destination_port) = match packet.protocol {
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
        };
        (
            delivery.to,
            self.next_hop(delivery.to, answer.destination, dice),
            answer,
        )
    }
}

/// The ICMP type and code that answers a query: echo 8 and 0 (RFC 792), timestamp 13 and 14.
fn answer_to(type_and_code: u16) -> u16 {
    match type_and_code {
        0x0800 => 0x0000,
        0x0000 => 0x0800,
        0x0d00 => 0x0e00,
        other => other,
    }
}

fn mac_bytes(mac: eni_abi::Mac) -> [u8; 6] {
    mac.to_bytes()
}

/// The transport header of a packet and ten bytes of payload.
fn payload(packet: &Packet) -> Vec<u8> {
    let mut bytes = Vec::new();
    match packet.protocol {
        1 => {
            bytes.extend(packet.destination_port.to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(packet.source_port.to_be_bytes());
            bytes.extend([0, 1]);
        }
        6 => {
            let flags = if packet.opens { 0x02 } else { 0x10 };
            bytes.extend(packet.source_port.to_be_bytes());
            bytes.extend(packet.destination_port.to_be_bytes());
            bytes.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
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
