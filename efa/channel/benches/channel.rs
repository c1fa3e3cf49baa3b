//! Records through a ring between two threads, each on a core of its own: rate and one-way latency.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to report"
)]

use std::hint::{black_box, spin_loop};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eni_efa_abi::limits::DEFAULT_RING;
use eni_efa_abi::record::RecordHeader;
use eni_efa_channel::{Consumer, OwnRegion, Pace, PeerRegion, Producer, channel};
use rustix::thread::{CpuSet, sched_setaffinity};

type End = (Producer, Consumer);

fn pair() -> (End, End) {
    let (own_a, file_a) = OwnRegion::create(DEFAULT_RING).unwrap();
    let (own_b, file_b) = OwnRegion::create(DEFAULT_RING).unwrap();
    let peer_a = Arc::new(PeerRegion::map(file_a.as_fd()).unwrap());
    let peer_b = Arc::new(PeerRegion::map(file_b.as_fd()).unwrap());
    (
        channel(&Arc::new(own_a), &peer_b),
        channel(&Arc::new(own_b), &peer_a),
    )
}

fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).unwrap();
}

fn send(producer: &mut Producer, payload: &[u8]) {
    let header = RecordHeader {
        kind: 1,
        ..RecordHeader::default()
    };
    loop {
        if let Ok(mut room) = producer.reserve(payload.len(), Pace::Burst) {
            room.write(0, payload);
            return room.publish(&header);
        }
        spin_loop();
    }
}

fn receive(consumer: &mut Consumer, target: &mut [u8]) {
    loop {
        if let Some(record) = consumer.peek().unwrap() {
            record.payload.copy_to(0, target);
            return consumer.advance();
        }
        spin_loop();
    }
}

/// Time for `count` records of `length` bytes to arrive.
fn stream(count: u64, length: usize) -> Duration {
    let ((mut producer, _), (_, mut consumer)) = pair();
    let receiver = thread::spawn(move || {
        pin(1);
        let mut target = vec![0; length];
        for _ in 0..count {
            receive(&mut consumer, &mut target);
            black_box(&target);
        }
        Instant::now()
    });
    pin(0);
    let payload = vec![7; length];
    thread::sleep(Duration::from_millis(1));
    let start = Instant::now();
    for _ in 0..count {
        send(&mut producer, &payload);
    }
    receiver.join().unwrap() - start
}

/// Time for `count` records of `length` bytes one way, as half of as many round trips.
fn ping_pong(count: u64, length: usize) -> Duration {
    let ((mut to, mut from), (mut back, mut there)) = pair();
    let echo = thread::spawn(move || {
        pin(1);
        let mut target = vec![0; length];
        for _ in 0..count {
            receive(&mut there, &mut target);
            send(&mut back, &target);
        }
    });
    pin(0);
    let mut payload = vec![7; length];
    let start = Instant::now();
    for _ in 0..count {
        send(&mut to, &payload);
        receive(&mut from, &mut payload);
    }
    let took = start.elapsed();
    echo.join().unwrap();
    took / 2
}

/// What the machine gives: two words, each written by one side.
fn cache_line_ping_pong(count: u64) -> Duration {
    #[repr(align(128))]
    struct Line(AtomicU64);
    static PING: Line = Line(AtomicU64::new(0));
    static PONG: Line = Line(AtomicU64::new(0));
    PING.0.store(0, Ordering::SeqCst);
    PONG.0.store(0, Ordering::SeqCst);
    let echo = thread::spawn(move || {
        pin(1);
        for turn in 1..=count {
            while PING.0.load(Ordering::Acquire) != turn {
                spin_loop();
            }
            PONG.0.store(turn, Ordering::Release);
        }
    });
    pin(0);
    let start = Instant::now();
    for turn in 1..=count {
        PING.0.store(turn, Ordering::Release);
        while PONG.0.load(Ordering::Acquire) != turn {
            spin_loop();
        }
    }
    let took = start.elapsed();
    echo.join().unwrap();
    took / 2
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("channel");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(2));
    group.bench_function("cache line one way", |b| {
        b.iter_custom(cache_line_ping_pong)
    });
    for length in [8, 64, 4096] {
        group.bench_function(format!("one way, {length} bytes"), |b| {
            b.iter_custom(|count| ping_pong(count, length));
        });
    }
    for length in [8, 4096, 8928] {
        group.throughput(if length < 64 {
            Throughput::Elements(1)
        } else {
            Throughput::Bytes(length as u64)
        });
        group.bench_function(format!("stream, {length} bytes"), |b| {
            b.iter_custom(|count| stream(count, length));
        });
    }
    group.finish();
}

criterion_group!(channel_benches, benches);
criterion_main!(channel_benches);
