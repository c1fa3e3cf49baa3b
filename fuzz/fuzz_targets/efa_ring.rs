//! A ring whose owner wrote what it liked: the reader and the writer of the other side never panic, read outside the
//! region or go on for ever.
#![no_main]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use eni_efa_abi::limits::{MAX_RECORD, MIN_RING};
use eni_efa_abi::record::{ROUTE, RecordHeader, kind};
use eni_efa_abi::region::{CONSUMED_OFFSET, MAGIC, RING_OFFSET, UNIT, VERSION, size};
use eni_efa_channel::{Consumer, OwnRegion, Pace, PeerRegion, Producer, channel};
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, SealFlags};

const UNITS: u32 = MIN_RING / UNIT as u32;

fuzz_target!(|input: &[u8]| {
    let Some((consumed, contents)) = input.split_first_chunk::<4>() else {
        return;
    };
    let contents = if consumed[0] & 1 == 0 {
        arrived(contents)
    } else {
        contents.to_vec()
    };
    let (mut producer, mut consumer) = against(*consumed, &contents);
    read_all(&mut consumer);
    // The other side claims once to have read; at most what was written. So writing ends.
    for number in 0..=2 * UNITS {
        let pace = [Pace::Single, Pace::Burst][number as usize % 2];
        match producer.reserve(contents.len().min(MAX_RECORD), pace) {
            Ok(room) => room.publish(&RecordHeader::default()),
            Err(_) => return,
        }
    }
    panic!("more was written than the ring holds and the other side claims to have read");
});

/// The contents with every unit whose first word is one of the first lap whole, as far as short records go.
fn arrived(contents: &[u8]) -> Vec<u8> {
    let mut contents = contents.to_vec();
    for unit in contents.chunks_mut(UNIT) {
        let lap = unit[0] << 7;
        for word in unit.chunks_exact_mut(8).skip(1) {
            word[7] = word[7] & 0x7f | lap;
        }
    }
    contents
}

/// Every unit's first word says one lap, so every unit begins one record at most.
fn read_all(consumer: &mut Consumer) {
    for _ in 0..=UNITS {
        let Ok(Some(record)) = consumer.peek() else {
            return;
        };
        assert_ne!(record.header.kind, kind::PAD);
        assert!(record.payload.len() <= MAX_RECORD + ROUTE);
        assert_eq!(record.payload.to_vec().len(), record.header.length as usize);
        consumer.advance();
    }
    panic!("more was read than the ring holds");
}

/// Our ends against a region with these contents.
fn against(consumed: [u8; 4], contents: &[u8]) -> (Producer, Consumer) {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("fuzz", flags).unwrap());
    file.set_len(size(UNITS) as u64).unwrap();
    file.write_all(&MAGIC.to_ne_bytes()).unwrap();
    file.write_all(&VERSION.to_ne_bytes()).unwrap();
    file.write_all(&UNITS.to_ne_bytes()).unwrap();
    file.seek(SeekFrom::Start(CONSUMED_OFFSET as u64)).unwrap();
    file.write_all(&consumed).unwrap();
    file.seek(SeekFrom::Start(RING_OFFSET as u64)).unwrap();
    file.write_all(&contents[..contents.len().min(UNITS as usize * UNIT)])
        .unwrap();
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    let peer = Arc::new(PeerRegion::map(file.as_fd()).unwrap());
    let (own, _) = OwnRegion::create(MIN_RING).unwrap();
    channel(&Arc::new(own), &peer)
}
