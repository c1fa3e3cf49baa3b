//! Frames for tests.

use etherparse::PacketBuilder;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const LEFT: [u8; 4] = [10, 0, 0, 1];
const RIGHT: [u8; 4] = [10, 0, 0, 2];

/// A frame of TCP with `bytes` bytes of data.
pub(crate) fn tcp(source_port: u16, destination_port: u16, bytes: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(LEFT, RIGHT, 64)
        .tcp(source_port, destination_port, 1, 1_000)
        .write(&mut frame, &vec![0xa5; bytes])
        .unwrap();
    frame
}

/// A frame of UDP with `bytes` bytes of data.
pub(crate) fn udp(source_port: u16, destination_port: u16, bytes: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(LEFT, RIGHT, 64)
        .udp(source_port, destination_port)
        .write(&mut frame, &vec![0xa5; bytes])
        .unwrap();
    frame
}

/// Sets the two bits of explicit congestion notification, with the checksum.
pub(crate) fn set_ecn(frame: &mut [u8], bits: u8) {
    frame[15] = frame[15] & !3 | bits;
    let (header, _) = etherparse::Ipv4Header::from_slice(&frame[14..]).unwrap();
    frame[24..26].copy_from_slice(&header.calc_header_checksum().to_be_bytes());
}

/// Frames that are right but for a few bytes, and some that never were.
pub(crate) fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let right = prop_oneof![Just(tcp(7, 9, 20)), Just(udp(7, 9, 20))];
    let spoilt = (
        right,
        prop::collection::vec((0..70_usize, any::<u8>()), 0..4),
        0..80_usize,
    );
    let spoilt = spoilt.prop_map(|(mut frame, changes, length)| {
        for (at, value) in changes {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(length);
        frame
    });
    prop_oneof![4 => spoilt, 1 => prop::collection::vec(any::<u8>(), 0..80)]
}
