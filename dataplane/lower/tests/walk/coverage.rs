//! What a walk has sent, read off the packets themselves: agreeing about what never came up shows nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use eni_types::Ipv4Cidr;

use crate::oracle::{
    API, CLIENT, Ending, IpOptions, METADATA, METADATA_IPV6, Packet, Piece, Place, RESOLVER,
    RESOLVER_IPV6, SERVER, SERVERS, TIME, TIME_IPV6, Tag,
};
use crate::region::{PEER, VPC_RESOLVER};

/// First addresses and lengths of the special-purpose registry's blocks (RFC 6890), and of the groups.
const BLOCKS: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    ([255, 255, 255, 255], 32),
];
/// Kinds of packets of which each must come up, and whether some of it is to be delivered.
const KINDS: [(Kind, bool); 46] = [
    (Kind::ToPeer, true),
    (Kind::ToMetadata, true),
    (Kind::AsksForAddress, true),
    (Kind::GivesAddress, false),
    (Kind::ToTime, true),
    (Kind::ToApi, true),
    (Kind::ToResolver, true),
    (Kind::ToVpcResolver, true),
    (Kind::FromServices, true),
    (Kind::OptionsToServices, false),
    (Kind::Options, true),
    (Kind::SourceRoute, false),
    (Kind::Outside, true),
    (Kind::OutsideFromVpc, false),
    (Kind::OutsideFromPool, true),
    (Kind::OutsideFromElsewhere, true),
    (Kind::Error, true),
    (Kind::ErrorToStranger, true),
    (Kind::ErrorOfOwnPacket, true),
    (Kind::ErrorFromStranger, true),
    (Kind::ErrorCutShort, true),
    (Kind::ErrorAboutFragment, true),
    (Kind::ErrorAboutIcmp, true),
    (Kind::ErrorInFragments, true),
    (Kind::Request, true),
    (Kind::OtherIcmp, true),
    (Kind::Fin, true),
    (Kind::Reset, true),
    (Kind::First, true),
    (Kind::Later, true),
    (Kind::TagWithin, false),
    (Kind::TagBeside, false),
    (Kind::Ipv6, true),
    (Kind::Ipv6Outside, true),
    (Kind::Ipv6First, true),
    (Kind::Ipv6Later, true),
    (Kind::Ipv6Request, true),
    (Kind::Ipv6Link, false),
    (Kind::Ipv6Options, true),
    (Kind::Ipv6SourceRoute, false),
    (Kind::Ipv6Error, true),
    (Kind::Ipv6ErrorCutShort, true),
    (Kind::Ipv6ErrorAboutFragment, true),
    (Kind::Ipv6ToService, true),
    (Kind::Ipv6AsksForAddress, true),
    (Kind::Ipv6FromServices, true),
];

/// The last address of the public pool.
const OUTER_ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 255);

/// Packets that all walks together send at least.
const LEAST: u64 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    ToPeer,
    ToMetadata,
    AsksForAddress,
    GivesAddress,
    ToTime,
    ToApi,
    ToResolver,
    ToVpcResolver,
    FromServices,
    OptionsToServices,
    Options,
    SourceRoute,
    Outside,
    OutsideFromVpc,
    OutsideFromPool,
    OutsideFromElsewhere,
    Error,
    ErrorToStranger,
    ErrorOfOwnPacket,
    ErrorFromStranger,
    ErrorCutShort,
    ErrorAboutFragment,
    ErrorAboutIcmp,
    ErrorInFragments,
    Request,
    OtherIcmp,
    Fin,
    Reset,
    First,
    Later,
    TagWithin,
    TagBeside,
    Ipv6,
    Ipv6Outside,
    Ipv6First,
    Ipv6Later,
    Ipv6Request,
    Ipv6Link,
    Ipv6Options,
    Ipv6SourceRoute,
    Ipv6Error,
    Ipv6ErrorCutShort,
    Ipv6ErrorAboutFragment,
    Ipv6ToService,
    Ipv6AsksForAddress,
    Ipv6FromServices,
}

/// Packets sent and delivered.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sent: u64,
    delivered: u64,
}

/// What was sent, and how much of it was delivered.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    all: Count,
    kinds: BTreeMap<Kind, Count>,
    protocols: BTreeSet<u8>,
    icmp_types: BTreeSet<u8>,
    icmp_codes: BTreeSet<u8>,
    source_blocks: BTreeSet<usize>,
    destination_blocks: BTreeSet<usize>,
    outside_source_blocks: BTreeSet<usize>,
    /// Of the fragments of one packet.
    orders: BTreeSet<Vec<u8>>,
}

impl Coverage {
    /// Notes the order in which the fragments of one packet are sent.
    pub(crate) fn order(&mut self, pieces: &[Packet]) {
        let place = |packet: &Packet| match packet.piece {
            Piece::Whole | Piece::First { .. } => 0,
            Piece::Later { more: true, .. } => 1,
            Piece::Later { more: false, .. } => 2,
        };
        self.orders.insert(pieces.iter().map(place).collect());
    }

    pub(crate) fn count(&mut self, from: Place, packet: &Packet, delivered: bool) {
        let more = |count: &mut Count| {
            count.sent += 1;
            count.delivered += u64::from(delivered);
        };
        more(&mut self.all);
        for kind in kinds_of(from, packet) {
            more(self.kinds.entry(kind).or_default());
        }
        self.protocols.insert(packet.protocol);
        if packet.protocol == 1 {
            let [icmp_type, code] = packet.destination_port.to_be_bytes();
            self.icmp_types.insert(icmp_type);
            self.icmp_codes.insert(code);
        }
        self.source_blocks.extend(blocks_of(packet.source));
        self.destination_blocks
            .extend(blocks_of(packet.destination));
        if from == Place::Outside {
            self.outside_source_blocks.extend(blocks_of(packet.source));
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let add = |count: &mut Count, more: &Count| {
            count.sent += more.sent;
            count.delivered += more.delivered;
        };
        add(&mut self.all, &other.all);
        for (kind, count) in &other.kinds {
            add(self.kinds.entry(*kind).or_default(), count);
        }
        self.protocols.extend(&other.protocols);
        self.icmp_types.extend(&other.icmp_types);
        self.icmp_codes.extend(&other.icmp_codes);
        self.source_blocks.extend(&other.source_blocks);
        self.destination_blocks.extend(&other.destination_blocks);
        self.outside_source_blocks
            .extend(&other.outside_source_blocks);
        self.orders.extend(other.orders.iter().cloned());
    }

    /// Fails unless everything worth sending was sent, and enough of it delivered.
    pub(crate) fn check(&self) {
        let all = self.all;
        println!("{all:?} {:#?}", self.kinds);
        assert!(all.sent > LEAST, "many are sent: {all:?}");
        assert!(
            all.delivered * 5 > all.sent,
            "a fifth is delivered: {all:?}"
        );
        for (kind, is_delivered) in KINDS {
            let count = self.kinds.get(&kind).copied().unwrap_or_default();
            assert!(
                count.sent * 2_000 > all.sent,
                "{kind:?} comes up: {count:?}"
            );
            assert_eq!(count.delivered > 0, is_delivered, "{kind:?}: {count:?}");
        }
        let numbers = [&self.protocols, &self.icmp_types, &self.icmp_codes];
        assert_eq!(numbers.map(BTreeSet::len), [256; 3], "all numbers");
        let places = [
            &self.source_blocks,
            &self.destination_blocks,
            &self.outside_source_blocks,
        ];
        assert_eq!(places.map(BTreeSet::len), [BLOCKS.len(); 3], "all blocks");
        let of_three = self.orders.iter().filter(|order| order.len() == 3);
        assert_eq!(of_three.count(), 6, "all orders of three fragments");
    }
}

fn blocks_of(address: IpAddr) -> impl Iterator<Item = usize> {
    (0..BLOCKS.len()).filter(move |index| {
        let IpAddr::V4(address) = address else {
            return false;
        };
        let (first, length) = BLOCKS[*index];
        let difference = u32::from(address) ^ u32::from(Ipv4Addr::from(first));
        difference.leading_zeros() >= length
    })
}

fn is_to_service(kinds: &[Kind]) -> bool {
    let service = [
        Kind::ToMetadata,
        Kind::ToTime,
        Kind::ToApi,
        Kind::ToResolver,
        Kind::ToVpcResolver,
    ];
    kinds.iter().any(|kind| service.contains(kind))
}

fn is_in_peer(address: Ipv4Addr) -> bool {
    PEER.parse::<Ipv4Cidr>().unwrap().contains(address)
}

fn kinds_of(from: Place, packet: &Packet) -> Vec<Kind> {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (packet.source, packet.destination) else {
        return kinds_of_ipv6(from, packet);
    };
    let mut kinds = Vec::new();
    match from {
        Place::Services(_) => kinds.push(Kind::FromServices),
        Place::Interface(_) => match destination {
            METADATA => kinds.push(Kind::ToMetadata),
            TIME => kinds.push(Kind::ToTime),
            API => kinds.push(Kind::ToApi),
            RESOLVER => kinds.push(Kind::ToResolver),
            VPC_RESOLVER => kinds.push(Kind::ToVpcResolver),
            to if is_in_peer(to) && !is_in_peer(source) => kinds.push(Kind::ToPeer),
            _ => match (packet.protocol, packet.source_port, packet.destination_port) {
                (17, CLIENT, SERVER) => kinds.push(Kind::AsksForAddress),
                (17, SERVER, CLIENT) => kinds.push(Kind::GivesAddress),
                _ => {}
            },
        },
        Place::Outside => {}
    }
    if from == Place::Outside {
        kinds.push(Kind::Outside);
        kinds.push(match source.octets() {
            // The router out there answers pings, whoever asks.
            [10, 0, ..] if destination != OUTER_ROUTER => Kind::OutsideFromVpc,
            [203, 0, 113, _] => Kind::OutsideFromPool,
            _ => Kind::OutsideFromElsewhere,
        });
    }
    match packet.options {
        IpOptions::None => {}
        IpOptions::Harmless if is_to_service(&kinds) => kinds.push(Kind::OptionsToServices),
        IpOptions::Harmless => kinds.push(Kind::Options),
        IpOptions::SourceRoute => kinds.push(Kind::SourceRoute),
    }
    match packet.ending {
        Ending::Nothing => {}
        Ending::Fin => kinds.push(Kind::Fin),
        Ending::Reset => kinds.push(Kind::Reset),
    }
    match packet.piece {
        Piece::Whole => {}
        Piece::First { .. } => kinds.push(Kind::First),
        Piece::Later { .. } => kinds.push(Kind::Later),
    }
    match packet.tag {
        Tag::None => {}
        Tag::Within(_) => kinds.push(Kind::TagWithin),
        Tag::Beside => kinds.push(Kind::TagBeside),
    }
    if packet.protocol == 1 {
        kinds.extend(icmp_kinds(packet));
    }
    kinds
}

fn kinds_of_ipv6(from: Place, packet: &Packet) -> Vec<Kind> {
    let [icmp_type, _] = packet.destination_port.to_be_bytes();
    let of_type = |types: &[u8]| packet.protocol == 58 && types.contains(&icmp_type);
    let is_error = of_type(&[1, 2, 3, 4]) && packet.quote.is_some();
    let quote = packet.quote.filter(|_| is_error);
    let is_guests = matches!(from, Place::Interface(_));
    let services = [METADATA_IPV6, TIME_IPV6, RESOLVER_IPV6].map(IpAddr::V6);
    let marks = [
        (
            is_guests && services.contains(&packet.destination),
            Kind::Ipv6ToService,
        ),
        (
            is_guests && packet.destination == IpAddr::V6(SERVERS),
            Kind::Ipv6AsksForAddress,
        ),
        (matches!(from, Place::Services(_)), Kind::Ipv6FromServices),
        (true, Kind::Ipv6),
        (from == Place::Outside, Kind::Ipv6Outside),
        (matches!(packet.piece, Piece::First { .. }), Kind::Ipv6First),
        (matches!(packet.piece, Piece::Later { .. }), Kind::Ipv6Later),
        (of_type(&[128, 160]), Kind::Ipv6Request),
        (packet.options == IpOptions::Harmless, Kind::Ipv6Options),
        (
            packet.options == IpOptions::SourceRoute,
            Kind::Ipv6SourceRoute,
        ),
        (of_type(&[135]), Kind::Ipv6Link),
        (is_error, Kind::Ipv6Error),
        (
            quote.is_some_and(|quote| quote.bytes < 8),
            Kind::Ipv6ErrorCutShort,
        ),
        (
            quote.is_some_and(|quote| quote.later_fragment),
            Kind::Ipv6ErrorAboutFragment,
        ),
    ];
    let marks = marks.into_iter();
    marks.filter_map(|(is, kind)| is.then_some(kind)).collect()
}

fn icmp_kinds(packet: &Packet) -> Vec<Kind> {
    let [icmp_type, _] = packet.destination_port.to_be_bytes();
    let mut kinds = match icmp_type {
        8 | 13 | 15 | 17 | 42 => vec![Kind::Request],
        3 | 4 | 5 | 11 | 12 => vec![Kind::Error],
        0 | 14 | 16 | 18 | 43 => vec![],
        _ => vec![Kind::OtherIcmp],
    };
    let Some(quote) = packet.quote.filter(|_| kinds == [Kind::Error]) else {
        return kinds;
    };
    let marks = [
        (quote.source == packet.source, Kind::ErrorOfOwnPacket),
        (quote.source != packet.destination, Kind::ErrorToStranger),
        (quote.destination != packet.source, Kind::ErrorFromStranger),
        (quote.bytes < 8, Kind::ErrorCutShort),
        (quote.later_fragment, Kind::ErrorAboutFragment),
        (quote.protocol == 1, Kind::ErrorAboutIcmp),
        (packet.piece != Piece::Whole, Kind::ErrorInFragments),
    ];
    kinds.extend(
        marks
            .into_iter()
            .filter_map(|(is, kind)| is.then_some(kind)),
    );
    kinds
}
