//! Two devices, each with a program's memory, joined by a wire that the test holds in its hands.
#![allow(dead_code, reason = "each test binary uses its own part")]

use eni_efa_device::{
    Access, Completion, CompletionQueueId, Device, DomainId, Gather, Incoming, InlineData,
    MAX_INLINE, MAX_RECEIVE_ENTRIES, MAX_SEND_ENTRIES, MAX_TRANSFER, Operation, Outcome, Payload,
    Peer, QueuePairAttributes, QueuePairId, QueuePairKind, QueuePairState, ReceiveRequest,
    RecordHeader, RegionKey, Registration, ScatterEntry, SendFailure, SendRequest, Sent, Status,
    Wire,
};
use std::collections::VecDeque;

/// The only lane of each queue pair.
pub(crate) const LANE: u32 = 0;
/// Bytes of memory of each program, from this address on.
pub(crate) const MEMORY: usize = 1 << 16;
pub(crate) const BASE: u64 = 0x7000_0000;
pub(crate) const QUEUE_KEY: u32 = 0x1234;

/// A record on its way.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    pub(crate) header: RecordHeader,
    pub(crate) payload: Vec<u8>,
    pub(crate) request: u32,
}

/// What the wire says of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    #[default]
    AtOnce,
    /// The service tells later.
    Underway,
    /// The peer tells by what it has consumed.
    InRing,
}

/// What one side sends, with the room and the mood of the wire.
#[derive(Debug, Default)]
pub(crate) struct TestWire {
    pub(crate) records: VecDeque<InFlight>,
    pub(crate) room: usize,
    pub(crate) delivery: Delivery,
    /// Records sent and taken since the beginning.
    pub(crate) sent: u64,
    pub(crate) taken: u64,
    pub(crate) piece: u32,
    pub(crate) broken: Option<Status>,
}

struct Tap<'a> {
    wire: &'a mut TestWire,
    memory: &'a [u8],
}

impl Wire for Tap<'_> {
    fn send(
        &mut self,
        lane: u32,
        header: &RecordHeader,
        payload: Payload<'_>,
        request: u32,
    ) -> Outcome {
        assert_eq!(lane, LANE);
        if let Some(status) = self.wire.broken {
            return Err(SendFailure::Broken(status));
        }
        if self.wire.records.len() >= self.wire.room {
            return Err(SendFailure::Later);
        }
        let mut bytes = Vec::new();
        match payload {
            Payload::Inline(data) => bytes.extend_from_slice(data),
            Payload::Spans(spans) => {
                for span in spans {
                    bytes.extend_from_slice(slice(self.memory, span.address, span.length));
                }
            }
        }
        assert_eq!(bytes.len(), header.length as usize);
        self.wire.records.push_back(InFlight {
            header: *header,
            payload: bytes,
            request,
        });
        self.wire.sent += 1;
        Ok(match self.wire.delivery {
            Delivery::AtOnce => Sent::Delivered,
            Delivery::Underway => Sent::Underway,
            Delivery::InRing => Sent::InRing(self.wire.sent),
        })
    }

    fn piece(&self, _: u32) -> u32 {
        self.wire.piece
    }

    fn consumed(&self, _: u32) -> u64 {
        self.wire.taken
    }
}

fn slice(memory: &[u8], address: u64, length: u32) -> &[u8] {
    let start = usize::try_from(address - BASE).expect("in memory");
    &memory[start..start + length as usize]
}

/// One device and its program.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) device: Device,
    pub(crate) domain: DomainId,
    pub(crate) queue: CompletionQueueId,
    pub(crate) queue_pair: QueuePairId,
    pub(crate) memory: Vec<u8>,
    pub(crate) wire: TestWire,
    /// Live regions: key, first address, length, rights.
    pub(crate) regions: Vec<(RegionKey, u64, u64, Access)>,
}

impl Side {
    pub(crate) fn new(number: u32, kind: QueuePairKind, peer: u32) -> Self {
        let mut device = Device::new(u64::from(number));
        let domain = device.allocate_domain().expect("room");
        let queue = device.create_completion_queue(4096).expect("room");
        let attributes = QueuePairAttributes {
            domain,
            send_queue: queue,
            receive_queue: queue,
            kind,
            number,
            send_depth: 16,
            receive_depth: 16,
            send_entries: MAX_SEND_ENTRIES,
            receive_entries: MAX_RECEIVE_ENTRIES,
            max_transfer: MAX_TRANSFER,
        };
        let queue_pair = device.create_queue_pair(attributes).expect("room");
        device.set_queue_key(queue_pair, QUEUE_KEY).expect("exists");
        for state in [
            QueuePairState::Init,
            QueuePairState::ReadyToReceive,
            QueuePairState::ReadyToSend,
        ] {
            device.modify(queue_pair, state).expect("in order");
        }
        let gid = [u8::try_from(peer).expect("small"); 16];
        let queue_pair_number = peer;
        let peer = Peer {
            gid: eni_efa_device::Gid(gid),
            queue_pair: queue_pair_number,
        };
        device.learn_lane(queue_pair, LANE, peer).expect("exists");
        let wire = TestWire {
            room: 64,
            piece: 16_384,
            ..TestWire::default()
        };
        let memory = (0..MEMORY).map(|i| (i as u8) ^ (number as u8)).collect();
        let regions = Vec::new();
        Self {
            device,
            domain,
            queue,
            queue_pair,
            memory,
            wire,
            regions,
        }
    }

    pub(crate) fn register(&mut self, address: u64, length: u64, access: Access) -> RegionKey {
        let registration = Registration {
            base: address,
            length,
            virtual_address: address,
            access,
        };
        let key = self
            .device
            .register(self.domain, registration)
            .expect("room");
        self.regions.push((key, address, length, access));
        key
    }

    /// All of the memory, with all rights.
    pub(crate) fn register_all(&mut self) -> RegionKey {
        let access = Access::LOCAL_WRITE
            .and(Access::REMOTE_READ)
            .and(Access::REMOTE_WRITE);
        self.register(BASE, MEMORY as u64, access)
    }

    pub(crate) fn deregister(&mut self, key: RegionKey) {
        self.device.deregister(key).expect("live");
        self.regions.retain(|region| region.0 != key);
    }

    pub(crate) fn transmit(&mut self) {
        let mut tap = Tap {
            wire: &mut self.wire,
            memory: &self.memory,
        };
        self.device.settle(self.queue_pair, &tap);
        self.device.transmit(self.queue_pair, &mut tap);
    }

    /// Takes a record; false when the device holds it.
    pub(crate) fn take(&mut self, record: &InFlight) -> bool {
        let length = u32::try_from(record.payload.len()).expect("short");
        match self
            .device
            .incoming(self.queue_pair, LANE, &record.header, length)
        {
            Incoming::Hold => false,
            Incoming::Done(copies) => {
                for copy in copies.as_slice() {
                    self.check_region(copy.address, copy.length);
                    let from = copy.offset as usize;
                    let bytes = &record.payload[from..from + copy.length as usize];
                    let to = usize::try_from(copy.address - BASE).expect("in memory");
                    self.memory[to..to + bytes.len()].copy_from_slice(bytes);
                }
                true
            }
        }
    }

    fn check_region(&self, address: u64, length: u32) {
        let end = address + u64::from(length);
        let inside = |(_, base, size, _): &(RegionKey, u64, u64, Access)| {
            address >= *base && end <= base + size
        };
        assert!(
            self.regions.iter().any(inside),
            "{length} bytes at {address:#x} are registered"
        );
    }

    pub(crate) fn bytes(&self, address: u64, length: u32) -> &[u8] {
        slice(&self.memory, address, length)
    }

    pub(crate) fn completions(&mut self) -> Vec<Completion> {
        std::iter::from_fn(|| self.device.poll(self.queue).expect("not overrun")).collect()
    }

    pub(crate) fn post_receive(&mut self, work_request: u64, list: &[ScatterEntry]) {
        let mut entries = [ScatterEntry::default(); MAX_RECEIVE_ENTRIES];
        entries[..list.len()].copy_from_slice(list);
        let request = ReceiveRequest {
            work_request,
            entries,
            count: list.len(),
        };
        self.device
            .post_receive(self.queue_pair, &request)
            .expect("room");
    }

    pub(crate) fn post(
        &mut self,
        work_request: u64,
        operation: Operation,
        gather: Gather,
        immediate: Option<u32>,
    ) {
        let request = SendRequest {
            work_request,
            operation,
            gather,
            immediate,
            queue_key: QUEUE_KEY,
        };
        self.device
            .post_send(self.queue_pair, LANE, &request)
            .expect("room");
    }
}

pub(crate) fn entry(address: u64, length: u32, key: RegionKey) -> ScatterEntry {
    ScatterEntry {
        address,
        length,
        key: key.0,
    }
}

pub(crate) fn gather(list: &[ScatterEntry]) -> Gather {
    let mut entries = [ScatterEntry::default(); MAX_SEND_ENTRIES];
    entries[..list.len()].copy_from_slice(list);
    Gather::Entries(entries, list.len())
}

pub(crate) fn inline(data: &[u8]) -> Gather {
    let mut bytes = [0; MAX_INLINE];
    bytes[..data.len()].copy_from_slice(data);
    Gather::Inline(InlineData::new(bytes, data.len()).expect("short"))
}

/// Two sides that know each other.
pub(crate) fn pair(kind: QueuePairKind) -> (Side, Side) {
    (Side::new(1, kind, 2), Side::new(2, kind, 1))
}

/// Carries records both ways, in order, until neither side has more or one holds back.
pub(crate) fn settle(a: &mut Side, b: &mut Side) {
    loop {
        a.transmit();
        b.transmit();
        let moved = carry(a, b) + carry(b, a);
        if moved == 0 {
            a.transmit();
            b.transmit();
            return;
        }
    }
}

/// Carries what waits on the wire from one to the other until it holds one back; how many it took.
pub(crate) fn carry(from: &mut Side, to: &mut Side) -> usize {
    let mut moved = 0;
    while let Some(record) = from.wire.records.pop_front() {
        if !to.take(&record) {
            from.wire.records.push_front(record);
            return moved;
        }
        from.wire.taken += 1;
        if from.wire.delivery == Delivery::Underway {
            from.device
                .completed(from.queue_pair, record.request, Ok(()));
        }
        moved += 1;
    }
    moved
}
