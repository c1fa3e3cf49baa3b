//! The ring under every order of memory accesses that the C++ memory model allows (loom): what a reader takes is whole, in
//! order, and there once the writer has been waited for. Run by `cargo xtask model`.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::fd::AsFd;
use std::sync::Arc;

use eni_efa_abi::limits::MIN_RING;
use eni_efa_abi::record::{RecordHeader, kind};
use eni_efa_channel::{Consumer, OwnRegion, Pace, PeerRegion, Producer, channel};

/// How often the scheduler takes the processor from a thread: more finds nothing that two do not (loom's manual).
const PREEMPTIONS: usize = 2;

fn pair() -> (Producer, Consumer) {
    let (own_a, file_a) = OwnRegion::create(MIN_RING).unwrap();
    let (own_b, file_b) = OwnRegion::create(MIN_RING).unwrap();
    let peer_a = Arc::new(PeerRegion::map(file_a.as_fd()).unwrap());
    let peer_b = Arc::new(PeerRegion::map(file_b.as_fd()).unwrap());
    let (producer, _) = channel(&Arc::new(own_a), &peer_b);
    let (_, consumer) = channel(&Arc::new(own_b), &peer_a);
    (producer, consumer)
}

fn payload(number: u32, length: usize) -> Vec<u8> {
    vec![0xc0 | u8::try_from(number).unwrap(); length]
}

fn send(producer: &mut Producer, number: u32, length: usize, pace: Pace) {
    let header = RecordHeader {
        kind: kind::FIRST_OF_VERBS,
        immediate: number,
        ..RecordHeader::default()
    };
    let mut room = producer.reserve(length, pace).unwrap();
    room.write(0, &payload(number, length));
    room.publish(&header);
}

fn take(consumer: &mut Consumer, lengths: &[usize], next: &mut u32) {
    if let Some(record) = consumer.peek().unwrap() {
        assert_eq!(record.header.immediate, *next, "records come in order");
        let length = lengths[*next as usize];
        assert_eq!(
            record.payload.to_vec(),
            payload(*next, length),
            "a record is whole"
        );
        consumer.advance();
        *next += 1;
    }
}

/// A writer sends records of `lengths` while a reader looks so many times.
fn check(lengths: &'static [usize], pace: Pace, looks: usize) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(move || {
        let (mut producer, mut consumer) = pair();
        let writer = loom::thread::spawn(move || {
            for (number, length) in (0..).zip(lengths) {
                send(&mut producer, number, *length, pace);
            }
        });
        let mut next = 0;
        for _ in 0..looks {
            take(&mut consumer, lengths, &mut next);
        }
        writer.join().unwrap();
        for _ in 0..lengths.len() {
            take(&mut consumer, lengths, &mut next);
        }
        assert_eq!(next as usize, lengths.len(), "nothing is lost");
    });
}

#[test]
fn a_short_record_is_seen_whole_or_not_at_all() {
    check(&[8], Pace::Single, 2);
}

#[test]
fn words_of_a_burst_may_arrive_in_any_order() {
    check(&[8], Pace::Burst, 1);
}

#[test]
fn a_long_record_is_published_by_its_first_word() {
    check(&[40], Pace::Single, 2);
}

#[test]
fn a_short_record_follows_a_long_one() {
    check(&[40, 0], Pace::Burst, 2);
}
