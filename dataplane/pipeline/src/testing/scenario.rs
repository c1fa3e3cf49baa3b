//! Random tables and frames from a seed: the same in every place that runs the pipeline.
//!
//! Everything is drawn from small pools, so that packets often meet rules, flows and each other.

use alloc::vec::Vec;
use core::net::Ipv6Addr;
use eni_abi::Direction::{Egress, Ingress};
use eni_abi::{Location, Prefix, Route, RouteKey, RuleProtocol, Service, Vport};
use eni_wire::protocol::{ICMP, ICMPV6, TCP, UDP};

use super::frames::{Datagram, arp_request, echo, icmp_error, repair, tcp, udp};
use super::region::{
    ANNA, API, BERT, CARL, METADATA, RESOLVER, SERVICES, TIME, UPLINK, VPC, VPC_RESOLVER,
    add_route, ip, mac, private, public, router_mac, service_for,
};
use super::region_ipv6::{
    self, DHCPV6_GROUP, METADATA_IPV6, RESOLVER_IPV6, ROUTER, TIME_IPV6, add_prefix, announce,
    asker, delegated, dual_region, link_local, own, service_ipv6_for,
};
use super::{MemoryTables, Remote, Rule, add_policy, frames_ipv6};

/// A small deterministic generator (xorshift64*).
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
    /// Of each series of [`Dice::in_turn`]: how many were given.
    turns: [u64; 3],
}

impl Dice {
    /// Equal seeds give equal throws.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            turns: [seed.wrapping_mul(13); 3],
        }
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    /// One of `pool`.
    pub fn pick<T: Copy>(&mut self, pool: &[T]) -> T {
        pool[self.roll(pool.len() as u64) as usize]
    }

    /// The next byte of a series, which begins elsewhere for the next seed: 256 seeds of which each asks at least once get all.
    pub fn in_turn(&mut self, series: usize) -> u8 {
        self.turns[series] = self.turns[series].wrapping_add(1);
        // Odd, so that all come; so large that neighbors do not come together.
        self.turns[series].wrapping_mul(167) as u8
    }

    /// True once in `sides` throws.
    pub fn hits(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

const HOST: [u8; 4] = [198, 51, 100, 1];
const GRE: u8 = 47;

/// The small region in both families, with random rules, routes and flags.
pub fn any_tables(dice: &mut Dice) -> MemoryTables {
    let mut tables = dual_region();
    for policy in 10..16 {
        let mut rules: Vec<Rule> = (0..dice.roll(7)).map(|_| any_rule(dice)).collect();
        if dice.hits(2) {
            rules.push(Rule::everything(dice.pick(&[Ingress, Egress])));
            rules.push(Rule::everything_ipv6(dice.pick(&[Ingress, Egress])));
        }
        add_policy(&mut tables, policy, &rules);
    }
    for vport in [ANNA, BERT, CARL] {
        let Some(row) = tables.vports.get_mut(&vport) else {
            continue;
        };
        if dice.hits(3) {
            row.security_policy = 10 + dice.roll(6) as u32;
        }
        if dice.hits(4) {
            row.network_acl_policy = 10 + dice.roll(6) as u32;
        }
        if dice.hits(4) {
            row.flags &= !Vport::SOURCE_DEST_CHECK;
        }
        if dice.hits(16) {
            row.flags |= Vport::BLOCKED;
        }
        if dice.hits(16) {
            row.flags &= !Vport::IPV6;
        }
    }
    add_prefix(&mut tables, BERT, ip([10, 0, 1, 64]).into());
    if dice.hits(3) {
        announce(&mut tables, false);
    }
    let kinds = [
        Route::EGRESS_ONLY_INTERNET_GATEWAY,
        Route::BLACKHOLE,
        Route::INTERNET_GATEWAY,
    ];
    region_ipv6::set_default_route(&mut tables, dice.pick(&kinds));
    let target = dice.pick(&[ANNA, BERT, CARL, 77]);
    let kind = dice.pick(&[
        Route::BLACKHOLE,
        Route::LOCAL,
        Route::INTERNET_GATEWAY,
        Route::INTERFACE,
        Route::NAT_GATEWAY,
        Route::VPC_PEERING_CONNECTION,
    ]);
    let (destination, length) = dice.pick(&[
        ([172, 16, 0, 0], 12),
        ([10, 0, 2, 0], 24),
        ([198, 51, 100, 1], 32),
    ]);
    add_route(
        &mut tables,
        destination,
        length,
        Route {
            kind,
            location: Location::here(target),
            vpc: dice.pick(&[0, VPC]),
        },
    );
    if dice.hits(3) {
        add_gateway_route(&mut tables, dice);
    }
    tables
}

/// A route of the internet gateway's own table, in one of the families.
fn add_gateway_route(tables: &mut MemoryTables, dice: &mut Dice) {
    let (network, length) = region_ipv6::VPC_BLOCK;
    let destination = dice.pick(&[
        Prefix::v4(ip([10, 0, 1, 0]), 24),
        Prefix::v4(ip([10, 0, 0, 0]), 16),
        Prefix::around(region_ipv6::subnet(ANNA).into(), 64),
        Prefix::around(network.into(), length),
    ]);
    let route = dice.pick(&[
        Route::of_kind(Route::LOCAL),
        Route::of_kind(Route::BLACKHOLE),
        Route::to_interface(Location::here(ANNA)),
        Route::to_interface(Location::here(CARL)),
    ]);
    let key = RouteKey::prefix(RouteKey::of_gateway(VPC), destination);
    tables.routes.insert(key, route);
}

fn any_rule(dice: &mut Dice) -> Rule {
    let networks = [
        ([0, 0, 0, 0], 0),
        ([10, 0, 0, 0], 8),
        ([10, 0, 1, 0], 24),
        (private(ANNA), 32),
        (private(CARL), 32),
        (HOST, 32),
        (public(BERT), 32),
    ];
    let networks_ipv6 = [
        (Ipv6Addr::UNSPECIFIED, 0),
        region_ipv6::VPC_BLOCK,
        (region_ipv6::subnet(ANNA), 64),
        (own(ANNA), 128),
        (region_ipv6::HOST, 128),
    ];
    let remote = if dice.hits(4) {
        Remote::Identity(1 + dice.roll(2) as u32)
    } else if dice.hits(2) {
        let (network, length) = dice.pick(&networks_ipv6);
        Remote::NetworkIpv6(network.into(), length)
    } else {
        let (network, length) = dice.pick(&networks);
        Remote::Network(ip(network), length)
    };
    Rule {
        direction: dice.pick(&[Ingress, Egress]),
        remote,
        protocol: dice.pick(&[
            RuleProtocol::ALL,
            RuleProtocol::number(TCP),
            RuleProtocol::number(UDP),
            RuleProtocol::number(ICMP),
            RuleProtocol::number(GRE),
            RuleProtocol::number(ICMPV6),
        ]),
        ports: dice.pick(&[
            (0, 0),
            (80, 16),
            (53, 16),
            (0, 1),
            (8 << 8, 8),
            (128 << 8, 8),
        ]),
        allow: !dice.hits(3),
    }
}

/// A frame, mostly sensible, and whose guest sends it.
pub fn any_frame(dice: &mut Dice) -> (u32, Vec<u8>) {
    let vport = dice.pick(&[UPLINK, ANNA, ANNA, ANNA, BERT, CARL, SERVICES]);
    if dice.hits(2) {
        return (vport, any_frame_ipv6(dice, vport));
    }
    let destinations = [
        private(ANNA),
        private(BERT),
        public(ANNA),
        private(ANNA),
        private(BERT),
        private(CARL),
        public(ANNA),
        public(BERT),
        HOST,
        [10, 0, 1, 1],
        [172, 16, 0, 9],
        [255; 4],
        METADATA,
        TIME,
        RESOLVER,
        VPC_RESOLVER,
        API,
    ];
    let destination = dice.pick(&destinations);
    if dice.hits(12) {
        let sender = dice.pick(&[private(vport), [0; 4], HOST]);
        return (vport, arp_request(vport, sender, destination));
    }
    let mut datagram = any_datagram(dice, vport, destination);
    if vport == SERVICES {
        let asker = dice.pick(&[ANNA, BERT, CARL, 77]);
        datagram.source = service_for(dice.pick(&Service::ALL), asker);
        datagram.destination = dice.pick(&[private(asker), destination]);
    }
    if dice.hits(16) {
        datagram = any_dhcp(dice, vport);
    }
    bend(dice, &mut datagram);
    let mut frame = datagram.bytes();
    if dice.hits(24) {
        let position = dice.roll(frame.len() as u64) as usize;
        frame[position] ^= 1 << dice.roll(8);
        if !dice.hits(3) && frame[12..14] == [8, 0] {
            repair(&mut frame);
        }
    }
    if dice.hits(30) {
        frame.truncate(34 + dice.roll(frame.len() as u64 - 34) as usize);
    }
    (vport, frame)
}

/// DHCP, as clients, false servers and the fabric's service speak it.
fn any_dhcp(dice: &mut Dice, vport: u32) -> Datagram {
    if vport == SERVICES {
        let asker = dice.pick(&[ANNA, BERT, CARL, 77]);
        let beyond = Service::ASKER_WITHOUT_ADDRESS.0.to_ne_bytes();
        let mut answer = udp(SERVICES, dice.pick(&[beyond, private(asker)]), (67, 68));
        answer.source = service_for(Service::Dhcp, asker);
        // The client's MAC address, behind what matters to nobody here.
        answer.payload.resize(36, 0);
        answer.payload.extend(mac(dice.pick(&[asker, asker, ANNA])));
        return answer;
    }
    let ports = dice.pick(&[(68, 67), (68, 67), (67, 68), (68, 68)]);
    let destination = dice.pick(&[[255; 4], [10, 0, 1, 1], private(BERT)]);
    Datagram {
        source: dice.pick(&[[0; 4], private(vport), private(BERT)]),
        destination_mac: dice.pick(&[[0xff; 6], router_mac(vport)]),
        ..udp(vport, destination, ports)
    }
}

/// Where packets of IPv6 go and come from.
fn places_ipv6() -> [Ipv6Addr; 19] {
    let mut within = delegated(BERT).segments();
    within[7] = 7;
    [
        own(ANNA),
        own(BERT),
        own(CARL),
        own(ANNA),
        own(BERT),
        own(CARL),
        region_ipv6::HOST,
        region_ipv6::HOST,
        Ipv6Addr::from(within),
        ROUTER,
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0x101, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0x700, 0, 0, 0, 1),
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x010a),
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
        Ipv6Addr::UNSPECIFIED,
        METADATA_IPV6,
        TIME_IPV6,
        RESOLVER_IPV6,
    ]
}

/// A frame of IPv6, mostly sensible, of the guest of `vport`.
fn any_frame_ipv6(dice: &mut Dice, vport: u32) -> Vec<u8> {
    let places = places_ipv6();
    let destination = dice.pick(&places);
    let mut packet = any_packet_ipv6(dice, vport, destination);
    if vport == SERVICES {
        let asker = dice.pick(&[ANNA, BERT, CARL, 77]);
        packet.source = service_ipv6_for(dice.pick(&Service::ALL), asker);
        packet.destination = dice.pick(&[own(asker), destination]);
    }
    if dice.hits(16) {
        packet = any_dhcpv6(dice, vport);
    }
    if dice.hits(16) {
        packet.source = dice.pick(&places);
    }
    if dice.hits(16) {
        packet.hop_limit = dice.pick(&[0, 1, 255]);
    }
    if dice.hits(16) {
        let neighbour = dice.pick(&[ANNA, BERT, CARL]);
        packet.destination_mac = dice.pick(&[
            mac(neighbour),
            router_mac(neighbour),
            [0xff; 6],
            [0x33, 0x33, 0, 0, 0, 1],
        ]);
    }
    while dice.hits(6) {
        let number = dice.pick(&[0, 43, 60, 60]);
        let bytes: &[u8] = dice.pick(&[
            &[0, 0, 1, 4, 0, 0, 0, 0][..],
            &[0, 0, 4, 0, 0, 0, 0, 0],
            &[0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ]);
        packet = packet.with(number, bytes);
    }
    if dice.hits(10) {
        packet.payload.resize(packet.payload.len() & !7, 0);
        let offset = dice.pick(&[0, 0, 16, 24, 64]);
        packet = packet.fragment(7, offset, dice.hits(2));
    }
    if dice.hits(20) {
        packet.payload.resize(1_600, 0);
    }
    let mut frame = packet.bytes();
    if dice.hits(24) {
        let position = dice.roll(frame.len() as u64) as usize;
        frame[position] ^= 1 << dice.roll(8);
    }
    if dice.hits(30) {
        frame.truncate(54 + dice.roll(frame.len() as u64 - 54) as usize);
    }
    frame
}

/// DHCPv6, as clients, false servers and the fabric's service speak it.
fn any_dhcpv6(dice: &mut Dice, vport: u32) -> frames_ipv6::Packet {
    if vport == SERVICES {
        let from = dice.pick(&[ANNA, BERT, CARL, 77]);
        let to = dice.pick(&[asker(from), own(from), link_local(from)]);
        let mut answer = frames_ipv6::udp(SERVICES, to, (547, 546));
        answer.source = service_ipv6_for(Service::Dhcpv6, from);
        // The end of the server's name, behind what matters to nobody here.
        answer.payload.resize(28, 0);
        answer.payload.extend(mac(dice.pick(&[from, from, ANNA])));
        return answer;
    }
    let ports = dice.pick(&[(546, 547), (546, 547), (547, 546), (1000, 547), (546, 546)]);
    let destination = dice.pick(&[DHCPV6_GROUP, DHCPV6_GROUP, ROUTER, own(BERT)]);
    frames_ipv6::Packet {
        source: dice.pick(&[link_local(vport), link_local(vport), own(vport), ROUTER]),
        destination_mac: dice.pick(&[[0x33, 0x33, 0, 1, 0, 2], router_mac(vport), mac(BERT)]),
        ..frames_ipv6::udp(vport, destination, ports)
    }
}

fn any_packet_ipv6(dice: &mut Dice, vport: u32, destination: Ipv6Addr) -> frames_ipv6::Packet {
    let ports = (
        dice.pick(&[80, 53, 123, 1000, 40_000]),
        dice.pick(&[80, 53, 123, 1000, 40_000]),
    );
    match dice.roll(10) {
        0..=2 => {
            let flags = dice.pick(&[2, 0x12, 0x10, 0x10, 0x11, 4, 0x18]);
            frames_ipv6::tcp(vport, destination, ports, flags)
        }
        3..=4 => frames_ipv6::udp(vport, destination, ports),
        5 => frames_ipv6::echo(
            vport,
            destination,
            dice.pick(&[128, 129]),
            dice.pick(&[1, 2]),
        ),
        6 => {
            let source = dice.pick(&[own(ANNA), own(BERT), region_ipv6::HOST]);
            let quoted = frames_ipv6::Packet {
                source: destination,
                destination: source,
                ..frames_ipv6::udp(vport, source, ports)
            };
            let type_and_code = dice.pick(&[[1, 4], [2, 0], [3, 0], [4, 1]]);
            let bytes = dice.pick(&[8, 8, 8, 4]);
            frames_ipv6::error(vport, destination, type_and_code, &quoted.packet(), bytes)
        }
        7 | 8 => {
            let source = dice.pick(&[
                own(vport),
                Ipv6Addr::UNSPECIFIED,
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9),
            ]);
            if dice.hits(4) {
                frames_ipv6::router_solicitation(vport, source)
            } else {
                frames_ipv6::solicitation(vport, source, destination)
            }
        }
        _ => frames_ipv6::Packet::new(vport, destination, GRE, alloc::vec![0; 12]),
    }
}

/// One more frame after those `sent`: half of them repeat one, so that they find its flow, some with a bit flipped.
pub fn next_frame(dice: &mut Dice, sent: &[(u32, Vec<u8>)]) -> (u32, Vec<u8>) {
    if sent.is_empty() || dice.hits(2) {
        return any_frame(dice);
    }
    let (vport, mut frame) = sent[dice.roll(sent.len() as u64) as usize].clone();
    if dice.hits(4) {
        let position = dice.roll(frame.len() as u64) as usize;
        frame[position] ^= 1 << dice.roll(8);
        if !dice.hits(3) && frame[12..14] == [8, 0] {
            repair(&mut frame);
        }
    }
    (vport, frame)
}

fn any_datagram(dice: &mut Dice, vport: u32, destination: [u8; 4]) -> Datagram {
    let ports = (
        dice.pick(&[80, 53, 1000, 40_000]),
        dice.pick(&[80, 53, 1000, 40_000]),
    );
    match dice.roll(8) {
        0..=2 => tcp(
            vport,
            destination,
            ports,
            dice.pick(&[2, 0x12, 0x10, 0x10, 0x11, 4, 0x18]),
        ),
        3..=4 => udp(vport, destination, ports),
        5 => echo(vport, destination, dice.pick(&[0, 8]), dice.pick(&[1, 2])),
        6 => {
            let source = dice.pick(&[private(ANNA), private(BERT), public(ANNA), HOST]);
            let quoted = Datagram {
                source: destination,
                destination: source,
                ..udp(vport, source, ports)
            };
            icmp_error(
                vport,
                destination,
                dice.pick(&[[3, 3], [3, 4], [11, 0]]),
                &quoted.datagram(),
            )
        }
        _ => Datagram::new(vport, destination, GRE, alloc::vec![0; 12]),
    }
}

fn bend(dice: &mut Dice, datagram: &mut Datagram) {
    if dice.hits(16) {
        datagram.source = dice.pick(&[private(BERT), public(ANNA), [172, 16, 0, 9]]);
    }
    if dice.hits(16) {
        let neighbour = dice.pick(&[ANNA, BERT, CARL]);
        datagram.destination_mac = dice.pick(&[
            mac(neighbour),
            router_mac(neighbour),
            [0xff; 6],
            [1, 0, 0x5e, 0, 0, 1],
        ]);
    }
    if dice.hits(16) {
        datagram.fragment = dice.pick(&[0x2000, 2, 0x2002]);
    }
    if dice.hits(4) {
        datagram.fragment |= 0x4000;
    }
    if dice.hits(16) {
        datagram.options = alloc::vec![1; dice.pick(&[4, 40])];
    }
    if dice.hits(20) {
        datagram.payload.resize(1600, 0);
    }
}
