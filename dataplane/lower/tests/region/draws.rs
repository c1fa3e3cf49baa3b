//! What packets are made of, by chance.

use std::net::Ipv4Addr;

use eni_pipeline::testing::scenario::Dice;

use crate::oracle::{Ending, IpOptions, Tag};

/// Of segments of TCP that open nothing, now and then a FIN or an RST.
pub(super) fn any_ending(protocol: u8, opens: bool, dice: &mut Dice) -> Ending {
    match dice.roll(12) {
        _ if protocol != 6 || opens => Ending::Nothing,
        0..=2 => Ending::Fin,
        3 => Ending::Reset,
        _ => Ending::Nothing,
    }
}

/// Seldom some.
pub(super) fn any_options(dice: &mut Dice) -> IpOptions {
    match dice.roll(50) {
        0 | 1 => IpOptions::Harmless,
        2 => IpOptions::SourceRoute,
        _ => IpOptions::None,
    }
}

/// Seldom one.
pub(super) fn any_tag(dice: &mut Dice) -> Tag {
    match dice.roll(200) {
        0 => Tag::Within(0x8100),
        1 => Tag::Within(0x88a8),
        2 => Tag::Beside,
        _ => Tag::None,
    }
}

/// An address that RFC 6890 says something special about, or that RFC 1112 keeps, and the first and last of each block.
/// Some may be forwarded (private, shared, documentation, benchmarking), the others may not.
pub(super) fn special(dice: &mut Dice) -> Ipv4Addr {
    let blocks = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([169, 254, 168, 0], 22),
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
    let (first, length) = dice.pick(&blocks);
    let size = 1_u64 << (32 - length);
    let offset = dice.pick(&[0, 1 % size, size - 1, size / 3]) as u32;
    Ipv4Addr::from(u32::from(Ipv4Addr::from(first)) + offset)
}

/// An address of the VPC that an interface has, that nobody has, or that is the router's.
pub(super) fn inside(dice: &mut Dice) -> Ipv4Addr {
    dice.pick(&[
        [10, 0, 1, 1],
        [10, 0, 1, 4],
        [10, 0, 2, 200],
        [10, 0, 255, 255],
    ])
    .into()
}

/// The pool's network, the host's address, ones without an association, and the last.
pub(super) fn pool_end(dice: &mut Dice) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, dice.pick(&[0, 1, 2, 200, 255]))
}

/// The ICMP type and code that answers a query (RFC 792, RFC 950, RFC 8335).
pub(super) fn answer_to(type_and_code: u16) -> u16 {
    match type_and_code >> 8 {
        8 => type_and_code & 0xff,
        0 => type_and_code | 8 << 8,
        13 | 15 | 17 | 42 => type_and_code + (1 << 8),
        _ => type_and_code,
    }
}

/// Mostly a request, else any of all types and codes.
pub(super) fn any_type_and_code(dice: &mut Dice) -> u16 {
    match dice.roll(8) {
        0 | 1 => u16::from_be_bytes([dice.in_turn(1), dice.in_turn(2)]),
        2 => dice.pick(&[0, 14, 16, 18, 43]) << 8,
        3 => dice.pick(&[13, 15, 17, 42]) << 8 | dice.roll(2) as u16,
        _ => 8 << 8,
    }
}
