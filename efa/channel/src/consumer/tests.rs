//! Short records, word by word.

use super::*;
use crate::{Pace, Producer, channel};
use eni_efa_abi::limits::MIN_RING;
use proptest::prelude::*;
use std::os::fd::AsFd;

/// A region that is written here, and the reader of it.
fn region_and_reader() -> (Arc<OwnRegion>, Arc<PeerRegion>, Producer, Consumer) {
    let (written, file) = OwnRegion::create(MIN_RING).unwrap();
    let (readers, readers_file) = OwnRegion::create(MIN_RING).unwrap();
    let written = Arc::new(written);
    let seen = Arc::new(PeerRegion::map(file.as_fd()).unwrap());
    let back = Arc::new(PeerRegion::map(readers_file.as_fd()).unwrap());
    let (producer, _) = channel(&written, &back);
    let (_, consumer) = channel(&Arc::new(readers), &seen);
    (written, seen, producer, consumer)
}

fn unit(lap: u32, fill: u64) -> [u64; short::WORDS] {
    let header = RecordHeader {
        sequence: lap,
        length: 32,
        kind: kind::FIRST_OF_VERBS,
        first: fill,
        ..RecordHeader::default()
    };
    short::encode(&header, &[fill; short::PAYLOAD_WORDS])
}

fn store(region: &OwnRegion, unit: &[u64; short::WORDS], word: usize) {
    let at = RING_OFFSET + word * 8;
    region.mapping.store_word(at, unit[word], Ordering::Relaxed);
}

proptest! {
    #[test]
    fn a_record_is_there_when_its_last_word_is(order in Just([0, 1, 2, 3, 4, 5, 6, 7]).prop_shuffle(), fill: u64) {
        let (region, _, _, mut consumer) = region_and_reader();
        let unit = unit(1, fill);
        for word in order {
            prop_assert!(consumer.peek().unwrap().is_none());
            store(&region, &unit, word);
        }
        let record = consumer.peek().unwrap().unwrap();
        prop_assert_eq!(record.header.first, fill);
        prop_assert_eq!(record.payload.to_vec(), fill.to_ne_bytes().repeat(4));
    }
}

#[test]
fn a_record_that_was_arriving_when_memory_was_given_up_does_not_arrive() {
    let (region, seen, _, mut consumer) = region_and_reader();
    let unit = unit(1, 7);
    (0..4).for_each(|word| store(&region, &unit, word));
    seen.vacate().unwrap();
    (4..8).for_each(|word| store(&region, &unit, word));
    assert!(consumer.peek().unwrap().is_none());
}

#[test]
fn laps_may_wrap() {
    let (_region, _, mut producer, mut consumer) = region_and_reader();
    // Both ends as they are after a number of laps.
    producer.begin_lap(u32::MAX);
    consumer.lap = u32::MAX;
    for number in 0..3 * MIN_RING / UNIT as u32 {
        let pace = [Pace::Single, Pace::Burst][number as usize % 2];
        let header = RecordHeader {
            immediate: number,
            kind: kind::FIRST_OF_VERBS,
            ..RecordHeader::default()
        };
        producer.reserve(0, pace).unwrap().publish(&header);
        assert_eq!(consumer.peek().unwrap().unwrap().header.immediate, number);
        consumer.advance();
        assert!(consumer.peek().unwrap().is_none());
    }
}
