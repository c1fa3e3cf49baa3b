//! Records through a ring pair.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;

use eni_efa_abi::limits::{MAX_RECORD, MIN_RING};
use eni_efa_abi::record::{RecordHeader, kind};
use eni_efa_channel::{
    Consumer, OwnRegion, Pace, PeerRegion, Producer, RegionError, ReserveError, channel,
};
use proptest::prelude::*;

struct Pair {
    producer: Producer,
    consumer: Consumer,
    regions: (Arc<OwnRegion>, Arc<PeerRegion>),
}

fn pair() -> Pair {
    let (own_a, file_a) = OwnRegion::create(MIN_RING).unwrap();
    let (own_b, file_b) = OwnRegion::create(MIN_RING).unwrap();
    let own_b = Arc::new(own_b);
    let peer_a = Arc::new(PeerRegion::map(file_a.as_fd()).unwrap());
    let peer_b = Arc::new(PeerRegion::map(file_b.as_fd()).unwrap());
    let (producer, _) = channel(&Arc::new(own_a), &peer_b);
    let (_, consumer) = channel(&own_b, &peer_a);
    Pair {
        producer,
        consumer,
        regions: (own_b, peer_a),
    }
}

/// What lies in the ring afterwards looks like the beginning of a short record of any of the first laps.
fn payload(number: u32, length: usize) -> Vec<u8> {
    let lap = u64::from(number % 7 + 1);
    let first = lap | 8 << 32;
    let others = 1 | lap << 63;
    let words = (0..).map(|word| if word % 8 == 4 { first } else { others });
    words.flat_map(u64::to_ne_bytes).take(length).collect()
}

fn send(
    producer: &mut Producer,
    number: u32,
    length: usize,
    pace: Pace,
) -> Result<(), ReserveError> {
    let header = RecordHeader {
        kind: kind::FIRST_OF_VERBS,
        immediate: number,
        // Highest bits, which short records carry elsewhere.
        first: u64::from(number).reverse_bits(),
        ..RecordHeader::default()
    };
    let mut room = producer.reserve(length, pace)?;
    let payload = payload(number, length);
    let (first, second) = payload.split_at(length.min(number as usize % 40));
    room.write(0, first);
    room.write(first.len(), second);
    if !is_given_up(number) {
        room.publish(&header);
    }
    Ok(())
}

/// Some records are begun and dropped.
fn is_given_up(number: u32) -> bool {
    number % 5 == 4
}

fn receive(consumer: &mut Consumer) -> Option<(u32, Vec<u8>)> {
    let record = consumer.peek().unwrap()?;
    let taken = (record.header.immediate, record.payload.to_vec());
    assert_eq!(record.header.first, u64::from(taken.0).reverse_bits());
    assert_eq!(record.header.length as usize, taken.1.len());
    consumer.advance();
    Some(taken)
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![0..=40_usize, 0..=400_usize, 0..=MAX_RECORD]
}

proptest! {
    /// Against a queue: what goes in comes out, in order, whole, around the ring many times.
    #[test]
    fn records_come_out_as_they_went_in(steps in prop::collection::vec((any::<bool>(), lengths(), any::<bool>()), 1..400)) {
        let Pair { mut producer, mut consumer, .. } = pair();
        let mut queue = VecDeque::new();
        for (number, (is_send, length, is_burst)) in (0..).zip(steps) {
            if is_send {
                let pace = if is_burst { Pace::Burst } else { Pace::Single };
                match send(&mut producer, number, length, pace) {
                    Ok(()) if is_given_up(number) => {}
                    Ok(()) => queue.push_back((number, length)),
                    // An empty ring takes any record; a full one has not been read.
                    Err(error) => prop_assert!(error == ReserveError::Full(eni_efa_channel::Full) && !queue.is_empty()),
                }
            } else {
                let want = queue.pop_front().map(|(number, length)| (number, payload(number, length)));
                prop_assert_eq!(receive(&mut consumer), want);
            }
            if queue.is_empty() {
                prop_assert_eq!(receive(&mut consumer), None);
                prop_assert_eq!(producer.consumed(), producer.written());
            }
        }
    }
}

/// Short records that are stored past the cache are seen in pieces: a reader takes none before it is whole.
#[test]
fn records_are_whole_while_another_thread_writes_them() {
    const RECORDS: u32 = 300_000;
    let Pair {
        mut producer,
        mut consumer,
        regions: _regions,
    } = pair();
    // Laps of short records only, and laps of all sorts.
    let length = |number: u32| match (number / 5_000 % 2, number % 97) {
        (0, _) => number as usize % 33,
        (_, 96) => 5_000,
        _ => number as usize % 41,
    };
    let writer = thread::spawn(move || {
        for number in 0..RECORDS {
            let pace = if number % 8 == 0 {
                Pace::Single
            } else {
                Pace::Burst
            };
            while send(&mut producer, number, length(number), pace).is_err() {
                thread::yield_now();
            }
        }
    });
    for number in (0..RECORDS).filter(|number| !is_given_up(*number)) {
        let found = loop {
            match receive(&mut consumer) {
                Some(record) => break record,
                None => thread::yield_now(),
            }
        };
        assert_eq!(found, (number, payload(number, length(number))));
    }
    writer.join().unwrap();
}

#[test]
fn memory_that_was_given_up_keeps_what_it_had_and_shares_nothing() {
    let Pair {
        mut producer,
        mut consumer,
        regions,
    } = pair();
    send(&mut producer, 1, 5_000, Pace::Single).unwrap();
    regions.0.vacate().unwrap();
    regions.1.vacate().unwrap();
    regions.1.vacate().unwrap();
    send(&mut producer, 2, 10, Pace::Burst).unwrap();
    assert_eq!(receive(&mut consumer), Some((1, payload(1, 5_000))));
    assert_eq!(receive(&mut consumer), None);
    assert_eq!(producer.consumed(), 0);
}

#[test]
fn a_ring_has_a_size_that_is_allowed() {
    for bytes in [0, 64, MIN_RING / 2, MIN_RING * 3, 8 << 20] {
        assert!(
            matches!(OwnRegion::create(bytes), Err(RegionError::RingSize)),
            "{bytes}"
        );
    }
}
