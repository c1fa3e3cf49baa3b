//! Random tables and frames from a seed: the same in every place that runs the pipeline.
//!
//! Everything is drawn from small pools, so that packets often meet rules, flows and each other.

use alloc::vec::Vec;
use eni_abi::Direction::{Egress, Ingress};
use eni_abi::{Location, Route, RuleProtocol, Vport};
use eni_wire::protocol::{ICMP, TCP, UDP};

use super::frames::{Datagram, arp_request, echo, icmp_error, repair, tcp, udp};
use super::region::{
    ANNA, BERT, CARL, METADATA, SERVICES, UPLINK, add_route, ip, mac, metadata_for, private,
    public, router_mac, small_region,
};
use super::{MemoryTables, Remote, Rule, add_policy};

/// A small deterministic generator (xorshift64*).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Equal seeds give equal throws.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    /// One of `pool`.
    pub fn pick<T: Copy>(&mut self, pool: &[T]) -> T {
        pool[self.roll(pool.len() as u64) as usize]
    }

    /// True once in `sides` throws.
    pub fn hits(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

const HOST: [u8; 4] = [198, 51, 100, 1];
const GRE: u8 = 47;

/// The small region with random rules, routes and flags.
pub fn any_tables(dice: &mut Dice) -> MemoryTables {
    let mut tables = small_region();
    for policy in 10..16 {
        let mut rules: Vec<Rule> = (0..dice.roll(7)).map(|_| any_rule(dice)).collect();
        if dice.hits(2) {
            rules.push(Rule::everything(dice.pick(&[Ingress, Egress])));
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
    }
    let target = dice.pick(&[ANNA, BERT, CARL, 77]);
    let kind = dice.pick(&[
        Route::BLACKHOLE,
        Route::LOCAL,
        Route::INTERNET_GATEWAY,
        Route::INTERFACE,
        Route::NAT_GATEWAY,
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
        },
    );
    tables
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
    let remote = if dice.hits(4) {
        Remote::Identity(1 + dice.roll(2) as u32)
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
        ]),
        ports: dice.pick(&[(0, 0), (80, 16), (53, 16), (0, 1), (8 << 8, 8)]),
        allow: !dice.hits(3),
    }
}

/// A frame, mostly sensible, and whose guest sends it.
pub fn any_frame(dice: &mut Dice) -> (u32, Vec<u8>) {
    let vport = dice.pick(&[UPLINK, ANNA, ANNA, ANNA, BERT, CARL, SERVICES]);
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
        METADATA,
    ];
    let destination = dice.pick(&destinations);
    if dice.hits(12) {
        let sender = dice.pick(&[private(vport), [0; 4], HOST]);
        return (vport, arp_request(vport, sender, destination));
    }
    let mut datagram = any_datagram(dice, vport, destination);
    if vport == SERVICES {
        let asker = dice.pick(&[ANNA, BERT, CARL, 77]);
        datagram.source = metadata_for(asker);
        datagram.destination = dice.pick(&[private(asker), destination]);
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
