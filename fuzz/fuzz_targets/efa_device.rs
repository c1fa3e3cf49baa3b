//! Records from peers that may say anything, to a device in the middle of its own work.
//!
//! Nothing may panic, nothing may be copied outside the memory that was registered for writing, and at the end every
//! work request has completed once.
#![no_main]

use eni_efa_device::{
    Access, Completion, Device, Gather, Gid, Incoming, MAX_SEND_ENTRIES, MAX_TRANSFER, Operation,
    Outcome, Payload, Peer, QueuePairAttributes, QueuePairId, QueuePairKind, QueuePairState,
    ReceiveRequest, RecordHeader, RegionKey, Registration, ScatterEntry, SendRequest, Sent, Status,
    Wire,
};
use libfuzzer_sys::fuzz_target;

/// Bytes of a record in the input: lane, length and header.
const RECORD: usize = 1 + 3 + 29;
/// Lanes of the device.
const LANES: u32 = 4;
/// Work requests of each kind.
const WORK: u64 = 8;
/// Memory that peers may write, and memory that they may only read.
const WRITABLE: (u64, u64) = (0x10_000, 0x1000);
const READABLE: (u64, u64) = (0x20_000, 0x1000);

/// Takes everything and delivers later.
struct Sink;

impl Wire for Sink {
    fn send(&mut self, _: u32, _: &RecordHeader, _: Payload<'_>, _: u32) -> Outcome {
        Ok(Sent::Underway)
    }

    fn piece(&self, _: u32) -> u32 {
        4_096
    }

    fn consumed(&self, _: u32) -> u64 {
        0
    }
}

fn register(
    device: &mut Device,
    domain: eni_efa_device::DomainId,
    memory: (u64, u64),
    access: Access,
) -> RegionKey {
    let registration = Registration {
        base: memory.0,
        length: memory.1,
        virtual_address: memory.0,
        access,
    };
    device.register(domain, registration).expect("room")
}

/// A device with sends, reads, writes and receives posted.
fn device() -> (Device, QueuePairId, eni_efa_device::CompletionQueueId) {
    let mut device = Device::new(1);
    let domain = device.allocate_domain().expect("room");
    let queue = device.create_completion_queue(256).expect("room");
    let id = device
        .create_queue_pair(QueuePairAttributes {
            domain,
            send_queue: queue,
            receive_queue: queue,
            kind: QueuePairKind::Srd,
            number: 7,
            send_depth: 64,
            receive_depth: 64,
            send_entries: 2,
            receive_entries: 1,
            max_transfer: MAX_TRANSFER,
        })
        .expect("room");
    for state in [
        QueuePairState::Init,
        QueuePairState::ReadyToReceive,
        QueuePairState::ReadyToSend,
    ] {
        device.modify(id, state).expect("in order");
    }
    let all = Access::LOCAL_WRITE
        .and(Access::REMOTE_WRITE)
        .and(Access::REMOTE_READ);
    let writable = register(&mut device, domain, WRITABLE, all);
    register(&mut device, domain, READABLE, Access::REMOTE_READ);
    let entry = ScatterEntry {
        address: WRITABLE.0,
        length: 0x800,
        key: writable.0,
    };
    for lane in 0..LANES {
        let peer = Peer {
            gid: Gid([lane as u8; 16]),
            queue_pair: lane,
        };
        device.learn_lane(id, lane, peer).expect("exists");
    }
    for number in 0..WORK {
        let (address, key) = (0, RegionKey(1));
        let operations = [
            Operation::Send,
            Operation::RdmaRead { address, key },
            Operation::RdmaWrite { address, key },
        ];
        for (place, operation) in (0..).zip(operations) {
            let request = SendRequest {
                work_request: place * WORK + number,
                operation,
                gather: Gather::Entries([entry; MAX_SEND_ENTRIES], 1),
                immediate: (number % 2 == 0).then_some(9),
                queue_key: 0,
            };
            device
                .post_send(id, number as u32 % LANES, &request)
                .expect("room");
        }
        let receive = ReceiveRequest {
            work_request: 3 * WORK + number,
            entries: [entry; 3],
            count: 1,
        };
        device.post_receive(id, &receive).expect("room");
    }
    (device, id, queue)
}

fn header(bytes: &[u8]) -> RecordHeader {
    let mut padded = [0; 32];
    padded[..bytes.len()].copy_from_slice(bytes);
    RecordHeader::from_bytes(&padded)
}

fuzz_target!(|input: &[u8]| {
    let (mut device, id, queue) = device();
    device.transmit(id, &mut Sink);
    for record in input.chunks_exact(RECORD) {
        let lane = u32::from(record[0]) % LANES;
        let length = u32::from_le_bytes([record[1], record[2], record[3], 0]);
        // The sequence word is the ring's; the rest is the peer's.
        let mut bytes = vec![0; 3];
        bytes.extend_from_slice(&record[4..]);
        if let Incoming::Done(copies) = device.incoming(id, lane, &header(&bytes), length) {
            for copy in copies.as_slice() {
                let end = copy.address + u64::from(copy.length);
                assert!(copy.address >= WRITABLE.0 && end <= WRITABLE.0 + WRITABLE.1);
                assert!(copy.offset + copy.length <= length);
            }
        }
        device.transmit(id, &mut Sink);
        device.completed(
            id,
            u32::from_le_bytes([record[5], record[6], record[7], record[8]]),
            Ok(()),
        );
    }
    for lane in 0..LANES {
        device.broken(id, lane, Status::RemoteAbort);
    }
    device.modify(id, QueuePairState::Error).expect("always");
    let done: Vec<Completion> =
        std::iter::from_fn(|| device.poll(queue).expect("not overrun")).collect();
    let mut numbers: Vec<u64> = done.iter().map(|done| done.work_request).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..4 * WORK).collect::<Vec<_>>());
});
