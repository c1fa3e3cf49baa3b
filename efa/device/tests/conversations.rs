//! What two devices say to each other, case by case.

mod world;

use eni_efa_device::{
    Access, Completion, CompletionOperation, DeviceError, MAX_RDMA_PER_PEER, MAX_TRANSFER,
    Operation, PostError, QueuePairKind, QueuePairState, RegionKey, SendRequest, Status,
};
use world::{BASE, Delivery, LANE, Side, carry, entry, gather, inline, pair, settle};

fn outcomes(completions: &[Completion]) -> Vec<(u64, Status)> {
    completions
        .iter()
        .map(|done| (done.work_request, done.status))
        .collect()
}

#[test]
fn a_datagram_arrives_whole_over_split_scatter_lists() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let (from, to) = (a.register_all(), b.register_all());
    b.post_receive(
        7,
        &[
            entry(BASE, 10, to),
            entry(BASE + 100, 1, to),
            entry(BASE + 200, 5_000, to),
        ],
    );
    let list = [entry(BASE + 64, 100, from), entry(BASE + 1_000, 900, from)];
    a.post(1, Operation::Send, gather(&list), Some(0xabcd));
    settle(&mut a, &mut b);
    let sent = [a.bytes(BASE + 64, 100), a.bytes(BASE + 1_000, 900)].concat();
    let got = [
        b.bytes(BASE, 10),
        b.bytes(BASE + 100, 1),
        b.bytes(BASE + 200, 989),
    ]
    .concat();
    assert_eq!(got, sent);
    assert_eq!(outcomes(&a.completions()), [(1, Status::Success)]);
    let [done] = b.completions()[..] else {
        panic!("one completion")
    };
    assert_eq!(
        (done.work_request, done.length, done.immediate),
        (7, 1_000, Some(0xabcd))
    );
    assert_eq!(done.operation, CompletionOperation::Receive);
    assert_eq!(
        (done.queue_pair, done.source_queue_pair, done.source_handle),
        (2, 1, 0xffff)
    );
}

#[test]
fn a_datagram_names_its_sender_by_the_receivers_address_handle() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let to = b.register_all();
    let gid = [1; 16];
    for (handle, want) in [(None, 0xffff), (Some(5), 5)] {
        if let Some(number) = handle {
            b.device
                .create_address_handle(b.domain, eni_efa_device::Gid(gid), number)
                .expect("room");
        }
        b.post_receive(1, &[entry(BASE, 64, to)]);
        a.post(1, Operation::Send, inline(b"hello"), None);
        settle(&mut a, &mut b);
        assert_eq!(b.completions()[0].source_handle, want);
        assert_eq!(b.bytes(BASE, 5), b"hello");
    }
}

#[test]
fn a_datagram_waits_for_a_receiver_that_is_not_ready() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let to = b.register_all();
    a.post(1, Operation::Send, inline(b"x"), None);
    settle(&mut a, &mut b);
    assert_eq!(a.wire.records.len(), 1);
    assert!(b.completions().is_empty());
    b.post_receive(2, &[entry(BASE, 1, to)]);
    settle(&mut a, &mut b);
    assert_eq!(outcomes(&b.completions()), [(2, Status::Success)]);
}

#[test]
fn an_unreliable_datagram_is_lost_without_a_receiver() {
    let (mut a, mut b) = pair(QueuePairKind::Datagram);
    a.post(1, Operation::Send, inline(b"x"), None);
    settle(&mut a, &mut b);
    assert_eq!(outcomes(&a.completions()), [(1, Status::Success)]);
    assert_eq!(b.device.counters().no_receive_request, 1);
    assert!(b.completions().is_empty());
}

#[test]
fn an_unreliable_datagram_leaves_room_for_its_header() {
    let (mut a, mut b) = pair(QueuePairKind::Datagram);
    let to = b.register_all();
    let before = b.bytes(BASE, 40).to_vec();
    b.post_receive(1, &[entry(BASE, 30, to), entry(BASE + 30, 15, to)]);
    b.post_receive(2, &[entry(BASE + 100, 44, to)]);
    for number in 0..2 {
        a.post(number, Operation::Send, inline(b"hello"), None);
    }
    settle(&mut a, &mut b);
    let done = b.completions();
    assert_eq!(
        outcomes(&done),
        [(1, Status::Success), (2, Status::BadLocalLength)]
    );
    assert_eq!(done[0].length, 45);
    assert_eq!(
        (b.bytes(BASE, 40), b.bytes(BASE + 40, 5)),
        (&before[..], &b"hello"[..])
    );
}

#[test]
fn reads_and_writes_move_every_byte() {
    for (length, piece) in [(0, 16), (1, 16), (16, 16), (4_000, 333), (20_000, 8_928)] {
        for delivery in [Delivery::AtOnce, Delivery::Underway, Delivery::InRing] {
            let (mut a, mut b) = pair(QueuePairKind::Srd);
            let (from, to) = (a.register_all(), b.register_all());
            for side in [&mut a, &mut b] {
                side.wire.piece = piece;
                side.wire.delivery = delivery;
            }
            let (address, key) = (BASE + 7, to);
            let local = gather(&[entry(BASE + 30_000, length, from)]);
            a.post(1, Operation::RdmaRead { address, key }, local, None);
            settle(&mut a, &mut b);
            assert_eq!(a.bytes(BASE + 30_000, length), b.bytes(address, length));
            let address = BASE + 40_000;
            let local = gather(&[entry(BASE + 3, length, from)]);
            a.post(2, Operation::RdmaWrite { address, key }, local, None);
            settle(&mut a, &mut b);
            assert_eq!(b.bytes(address, length), a.bytes(BASE + 3, length));
            let done = a.completions();
            assert_eq!(
                outcomes(&done),
                [(1, Status::Success), (2, Status::Success)],
                "{length} {piece}"
            );
            assert!(done.iter().all(|done| done.length == length));
            assert!(b.completions().is_empty());
        }
    }
}

#[test]
fn a_write_with_immediate_data_tells_the_receiver_when_it_is_done() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let (from, key) = (a.register_all(), b.register_all());
    b.post_receive(9, &[]);
    let write = Operation::RdmaWrite { address: BASE, key };
    a.post(1, write, gather(&[entry(BASE, 100, from)]), Some(5));
    settle(&mut a, &mut b);
    assert_eq!(outcomes(&a.completions()), [(1, Status::Success)]);
    let [done] = b.completions()[..] else {
        panic!("one completion")
    };
    assert_eq!(
        done.operation,
        CompletionOperation::ReceiveRdmaWithImmediate
    );
    assert_eq!(
        (done.work_request, done.length, done.immediate),
        (9, 100, Some(5))
    );
}

#[test]
fn what_the_peer_did_not_grant_is_neither_read_nor_written() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let from = a.register_all();
    let key = b.register(BASE, 100, Access::LOCAL_WRITE);
    let readable = b.register(BASE, 100, Access::REMOTE_READ);
    let before = b.memory.clone();
    let local = gather(&[entry(BASE, 50, from)]);
    let cases = [
        Operation::RdmaRead { address: BASE, key },
        Operation::RdmaWrite { address: BASE, key },
        Operation::RdmaWrite {
            address: BASE,
            key: readable,
        },
        Operation::RdmaRead {
            address: BASE + 51,
            key: readable,
        },
        Operation::RdmaRead {
            address: BASE - 1,
            key: readable,
        },
        Operation::RdmaRead {
            address: u64::MAX,
            key: readable,
        },
        Operation::RdmaRead {
            address: BASE,
            key: RegionKey(0),
        },
        Operation::RdmaRead {
            address: BASE,
            key: RegionKey(u32::MAX),
        },
    ];
    for operation in cases {
        a.post(1, operation, local, None);
        settle(&mut a, &mut b);
        assert_eq!(
            outcomes(&a.completions()),
            [(1, Status::BadRemoteAddress)],
            "{operation:?}"
        );
    }
    assert_eq!(b.memory, before);
}

#[test]
fn a_region_that_goes_ends_the_transfers_that_need_it() {
    // The initiator's, before it is sent.
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let from = a.register_all();
    a.wire.room = 0;
    a.post(1, Operation::Send, gather(&[entry(BASE, 10, from)]), None);
    a.transmit();
    a.deregister(from);
    a.wire.room = 10;
    settle(&mut a, &mut b);
    assert_eq!(outcomes(&a.completions()), [(1, Status::InvalidLocalKey)]);
    // The responder's, in the middle of a read.
    let from = a.register_all();
    let key = b.register_all();
    b.wire.piece = 100;
    b.wire.room = 2;
    let read = Operation::RdmaRead { address: BASE, key };
    a.post(2, read, gather(&[entry(BASE, 1_000, from)]), None);
    a.transmit();
    carry(&mut a, &mut b);
    b.transmit();
    b.deregister(key);
    settle(&mut a, &mut b);
    assert_eq!(outcomes(&a.completions()), [(2, Status::BadRemoteAddress)]);
    // The receiver's, while its work request waits: the next one is used.
    let (gone, kept) = (b.register_all(), b.register_all());
    b.post_receive(3, &[entry(BASE, 10, gone)]);
    b.post_receive(4, &[entry(BASE, 10, kept)]);
    b.deregister(gone);
    a.post(5, Operation::Send, inline(b"x"), None);
    settle(&mut a, &mut b);
    assert_eq!(
        outcomes(&b.completions()),
        [(3, Status::InvalidLocalKey), (4, Status::Success)]
    );
}

#[test]
fn a_scatter_list_that_is_too_short_is_an_error_at_the_receiver() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let to = b.register_all();
    b.post_receive(1, &[entry(BASE, 2, to), entry(BASE + 10, 2, to)]);
    a.post(1, Operation::Send, inline(b"12345"), None);
    let before = b.memory.clone();
    settle(&mut a, &mut b);
    assert_eq!(outcomes(&b.completions()), [(1, Status::BadLocalLength)]);
    assert_eq!(b.memory, before);
}

#[test]
fn a_foreign_queue_key_is_dropped_and_counted() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let to = b.register_all();
    b.post_receive(1, &[entry(BASE, 8, to)]);
    b.device.set_queue_key(b.queue_pair, 99).expect("exists");
    a.post(1, Operation::Send, inline(b"x"), None);
    settle(&mut a, &mut b);
    assert!(b.completions().is_empty());
    assert_eq!(b.device.counters().wrong_queue_key, 1);
}

#[test]
fn a_broken_lane_ends_all_that_is_outstanding_and_all_that_follows() {
    for status in [
        Status::BadRemoteQueuePair,
        Status::RemoteAbort,
        Status::UnresponsiveRemote,
    ] {
        let (mut a, mut b) = pair(QueuePairKind::Srd);
        let (from, key) = (a.register_all(), b.register_all());
        a.wire.delivery = Delivery::Underway;
        a.post(1, Operation::Send, inline(b"x"), None);
        let read = Operation::RdmaRead { address: BASE, key };
        a.post(2, read, gather(&[entry(BASE, 10, from)]), None);
        a.transmit();
        a.wire.room = 0;
        a.post(3, Operation::Send, inline(b"y"), None);
        a.device.broken(a.queue_pair, LANE, status);
        a.post(4, Operation::Send, inline(b"z"), None);
        let mut got = outcomes(&a.completions());
        got.sort_by_key(|done| done.0);
        assert_eq!(got, [(1, status), (2, status), (3, status), (4, status)]);
        settle(&mut a, &mut b);
        assert!(a.completions().is_empty());
    }
}

#[test]
fn a_program_that_only_waits_hears_that_nothing_will_come() {
    for kind in [QueuePairKind::Srd, QueuePairKind::Datagram] {
        let (mut a, _) = pair(kind);
        let key = a.register_all();
        a.post_receive(1, &[entry(BASE, 64, key)]);
        a.device.fail_receives(a.queue_pair);
        a.post_receive(2, &[entry(BASE, 64, key)]);
        let gone = Status::QueuePairInternalError;
        assert_eq!(outcomes(&a.completions()), [(1, gone), (2, gone)]);
    }
}

#[test]
fn a_datagram_that_its_receiver_never_took_out_of_the_ring_is_lost_with_the_lane() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let to = b.register_all();
    a.wire.delivery = Delivery::InRing;
    b.post_receive(1, &[entry(BASE, 8, to)]);
    for number in 0..3 {
        a.post(number, Operation::Send, inline(b"x"), None);
    }
    a.transmit();
    assert!(a.completions().is_empty());
    assert_eq!(carry(&mut a, &mut b), 1);
    a.wire.broken = Some(Status::RemoteAbort);
    a.post(3, Operation::Send, inline(b"y"), None);
    a.transmit();
    let mut got = outcomes(&a.completions());
    got.sort_by_key(|done| done.0);
    let lost = Status::RemoteAbort;
    assert_eq!(got, [(0, Status::Success), (1, lost), (2, lost), (3, lost)]);
}

#[test]
fn a_failed_delivery_ends_its_request_and_no_other() {
    let (mut a, _) = pair(QueuePairKind::Srd);
    a.wire.delivery = Delivery::Underway;
    a.post(1, Operation::Send, inline(b"x"), None);
    a.post(2, Operation::Send, inline(b"y"), None);
    a.transmit();
    assert!(a.completions().is_empty());
    let requests: Vec<u32> = a.wire.records.iter().map(|record| record.request).collect();
    a.device
        .completed(a.queue_pair, requests[1], Err(Status::UnresponsiveRemote));
    a.device.completed(a.queue_pair, requests[1], Ok(()));
    assert_eq!(
        outcomes(&a.completions()),
        [(2, Status::UnresponsiveRemote)]
    );
    a.device.completed(a.queue_pair, requests[0], Ok(()));
    assert_eq!(outcomes(&a.completions()), [(1, Status::Success)]);
}

#[test]
fn the_error_state_flushes_and_reset_forgets() {
    let (mut a, _) = pair(QueuePairKind::Srd);
    let key = a.register_all();
    a.wire.room = 0;
    a.post(1, Operation::Send, inline(b"x"), None);
    a.post_receive(2, &[entry(BASE, 8, key)]);
    a.device
        .modify(a.queue_pair, QueuePairState::Error)
        .expect("always");
    assert_eq!(
        outcomes(&a.completions()),
        [(1, Status::Flushed), (2, Status::Flushed)]
    );
    let (mut a, _) = pair(QueuePairKind::Srd);
    a.wire.room = 0;
    a.post(1, Operation::Send, inline(b"x"), None);
    a.device
        .modify(a.queue_pair, QueuePairState::Reset)
        .expect("always");
    assert!(a.completions().is_empty());
    let refused = a.device.modify(a.queue_pair, QueuePairState::ReadyToSend);
    assert_eq!(refused, Err(DeviceError::Invalid));
}

fn try_send(side: &mut Side, count: usize, length: u32, key: RegionKey) -> Result<(), PostError> {
    let list = [entry(BASE, length, key); 2];
    let request = SendRequest {
        work_request: 1,
        operation: Operation::Send,
        gather: gather(&list[..count]),
        immediate: None,
        queue_key: 0,
    };
    side.device.post_send(side.queue_pair, LANE, &request)
}

#[test]
fn posting_is_refused_or_fails_as_on_efa() {
    let (mut a, _) = pair(QueuePairKind::Srd);
    let key = a.register_all();
    // Found out by the device: too long, and not registered.
    try_send(&mut a, 2, MAX_TRANSFER / 2 + 1, key).expect("accepted");
    try_send(&mut a, 1, 8, RegionKey(key.0 ^ 1 << 20)).expect("accepted");
    assert_eq!(
        outcomes(&a.completions()),
        [(1, Status::BadLocalLength), (1, Status::InvalidLocalKey)]
    );
    // Found out at once: a full queue, and the wrong state.
    a.wire.room = 0;
    for _ in 0..16 {
        try_send(&mut a, 1, 8, key).expect("room");
    }
    assert_eq!(try_send(&mut a, 1, 8, key), Err(PostError::Full));
    a.device
        .modify(a.queue_pair, QueuePairState::Error)
        .expect("always");
    assert_eq!(try_send(&mut a, 1, 8, key), Err(PostError::NotReady));
    let (mut datagrams, _) = pair(QueuePairKind::Datagram);
    let read = Operation::RdmaRead { address: 0, key };
    datagrams.post(1, read, gather(&[]), None);
    assert_eq!(
        outcomes(&datagrams.completions()),
        [(1, Status::InvalidOperation)]
    );
}

#[test]
fn a_completion_queue_that_runs_full_says_so() {
    let (mut a, _) = pair(QueuePairKind::Srd);
    let small = a.device.create_completion_queue(1).expect("room");
    let attributes = *a.device.attributes(a.queue_pair).expect("exists");
    let attributes = eni_efa_device::QueuePairAttributes {
        send_queue: small,
        receive_queue: small,
        number: 77,
        ..attributes
    };
    let id = a.device.create_queue_pair(attributes).expect("room");
    a.device.modify(id, QueuePairState::Init).expect("in order");
    for work_request in 0..2 {
        let request = eni_efa_device::ReceiveRequest {
            work_request,
            entries: [entry(0, 8, RegionKey(1)); 3],
            count: 1,
        };
        a.device.post_receive(id, &request).expect("accepted");
    }
    assert!(a.device.poll(small).expect("the first is there").is_some());
    assert_eq!(a.device.poll(small), Err(DeviceError::Overrun));
    assert_eq!(a.device.counters().completion_queue_overrun, 1);
}

#[test]
fn objects_in_use_stay() {
    let (mut a, _) = pair(QueuePairKind::Srd);
    assert_eq!(
        a.device.deallocate_domain(a.domain),
        Err(DeviceError::InUse)
    );
    assert_eq!(
        a.device.destroy_completion_queue(a.queue),
        Err(DeviceError::InUse)
    );
    a.device.destroy_queue_pair(a.queue_pair).expect("exists");
    a.device.destroy_completion_queue(a.queue).expect("free");
    a.device.deallocate_domain(a.domain).expect("free");
    assert_eq!(
        a.device.deallocate_domain(a.domain),
        Err(DeviceError::Unknown)
    );
}

#[test]
fn more_reads_than_the_protocol_allows_wait_at_their_initiator() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let (from, key) = (a.register_all(), b.register_all());
    let attributes = eni_efa_device::QueuePairAttributes {
        send_depth: 100,
        number: 3,
        ..*a.device.attributes(a.queue_pair).expect("exists")
    };
    a.device.destroy_queue_pair(a.queue_pair).expect("exists");
    a.queue_pair = a.device.create_queue_pair(attributes).expect("room");
    for state in [
        QueuePairState::Init,
        QueuePairState::ReadyToReceive,
        QueuePairState::ReadyToSend,
    ] {
        a.device.modify(a.queue_pair, state).expect("in order");
    }
    let peer = eni_efa_device::Peer {
        gid: eni_efa_device::Gid([2; 16]),
        queue_pair: 2,
    };
    a.device
        .learn_lane(a.queue_pair, LANE, peer)
        .expect("exists");
    a.wire.room = 1_000;
    for number in 0..100 {
        let read = Operation::RdmaRead { address: BASE, key };
        a.post(number, read, gather(&[entry(BASE, 10, from)]), None);
    }
    a.transmit();
    assert_eq!(a.wire.records.len(), MAX_RDMA_PER_PEER);
    settle(&mut a, &mut b);
    assert_eq!(a.completions().len(), 100);
    assert_eq!(b.device.counters().too_many_requests, 0);
}

#[test]
fn the_number_of_a_lane_that_was_forgotten_can_be_anothers() {
    let (mut a, mut b) = pair(QueuePairKind::Srd);
    let (from, to) = (a.register_all(), b.register_all());
    b.post_receive(7, &[entry(BASE, 100, to)]);
    a.wire.room = 0;
    a.post(1, Operation::Send, gather(&[entry(BASE, 10, from)]), None);
    a.transmit();
    let (id, reason) = (a.queue_pair, Status::RemoteAbort);
    a.device.broken(id, LANE, reason);
    assert_eq!(outcomes(&a.completions()), [(1, reason)]);
    a.device.forget_lane(id, LANE);
    assert!(!a.device.knows_lane(id, LANE));
    let other = eni_efa_device::Peer {
        gid: eni_efa_device::Gid([9; 16]),
        queue_pair: 9,
    };
    a.device.learn_lane(id, LANE, other).expect("exists");
    a.wire.room = 64;
    a.post(2, Operation::Send, gather(&[entry(BASE, 10, from)]), None);
    settle(&mut a, &mut b);
    assert_eq!(outcomes(&a.completions()), [(2, Status::Success)]);
}
