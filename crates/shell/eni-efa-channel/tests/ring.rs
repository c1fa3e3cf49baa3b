//! Records through a ring pair.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;

use eni_efa_abi::limits::{MAX_RECORD, MIN_RING};
use eni_efa_abi::record::{RecordHeader, kind};
use eni_efa_channel::{
    Consumer, OwnRegion, PeerRegion, Producer, RegionError, ReserveError, channel,
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

fn send(producer: &mut Producer, number: u32, length: usize) -> Result<(), ReserveError> {
    let header = RecordHeader {
        kind: kind::FIRST_OF_VERBS,
        immediate: number,
        ..RecordHeader::default()
    };
    let mut room = producer.reserve(length)?;
    room.write(0, &vec![number as u8; length]);
    room.publish(&header);
    Ok(())
}

fn receive(consumer: &mut Consumer) -> Option<(u32, Vec<u8>)> {
    let record = consumer.peek().unwrap()?;
    let taken = (record.header.immediate, record.payload.to_vec());
    assert_eq!(record.header.length as usize, taken.1.len());
    consumer.advance();
    Some(taken)
}

proptest! {
    /// Against a queue: what goes in comes out, in order, whole, around the ring many times.
    #[test]
    fn records_come_out_as_they_went_in(steps in prop::collection::vec((any::<bool>(), 0..=MAX_RECORD), 1..400)) {
        let Pair { mut producer, mut consumer, .. } = pair();
        let mut queue = VecDeque::new();
        for (number, (is_send, length)) in (0..).zip(steps) {
            if is_send {
                match send(&mut producer, number, length) {
                    Ok(()) => queue.push_back((number, length)),
                    // An empty ring takes any record; a full one has not been read.
                    Err(error) => prop_assert!(error == ReserveError::Full(eni_efa_channel::Full) && !queue.is_empty()),
                }
            } else {
                let want = queue.pop_front().map(|(number, length)| (number, vec![number as u8; length]));
                prop_assert_eq!(receive(&mut consumer), want);
            }
            if queue.is_empty() {
                prop_assert_eq!(receive(&mut consumer), None);
                prop_assert_eq!(producer.consumed(), producer.written());
            }
        }
    }
}

#[test]
fn memory_that_was_given_up_keeps_what_it_had_and_shares_nothing() {
    let Pair {
        mut producer,
        mut consumer,
        regions,
    } = pair();
    send(&mut producer, 1, 5_000).unwrap();
    regions.0.vacate().unwrap();
    regions.1.vacate().unwrap();
    regions.1.vacate().unwrap();
    send(&mut producer, 2, 10).unwrap();
    assert_eq!(receive(&mut consumer), Some((1, vec![1; 5_000])));
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
