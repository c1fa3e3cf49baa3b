//! Random posts and records against what must hold whatever happens.

mod world;

use eni_efa_device::{
    Access, CompletionOperation, Incoming, Operation, QueuePairKind, QueuePairState, RecordHeader,
    RegionKey, Status,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use world::{BASE, Delivery, InFlight, LANE, MEMORY, Side, carry, entry, gather, pair, settle};

/// What a program or the network does next. `bool` says on which side.
#[derive(Clone, Debug)]
enum Step {
    Register(bool, u16, u16, u8),
    Deregister(bool, usize),
    Send(bool, usize, u16, u16),
    Read(bool, usize, usize, u16),
    Write(bool, usize, usize, u16, bool),
    Receive(bool, usize, u16),
    Transmit(bool),
    Carry(bool),
    /// Swaps two records on the wire.
    Reorder(bool, usize, usize),
    Room(bool, usize),
    Forge(bool, [u64; 3], u16),
}

fn any_step() -> impl Strategy<Value = Step> {
    let key = 0..6_usize;
    prop_oneof![
        2 => (any::<bool>(), any::<u16>(), any::<u16>(), any::<u8>())
            .prop_map(|(s, a, l, r)| Step::Register(s, a, l, r)),
        1 => (any::<bool>(), key.clone()).prop_map(|(s, k)| Step::Deregister(s, k)),
        4 => (any::<bool>(), key.clone(), any::<u16>(), 0..9_000_u16)
            .prop_map(|(s, k, o, l)| Step::Send(s, k, o, l)),
        3 => (any::<bool>(), key.clone(), key.clone(), 0..9_000_u16)
            .prop_map(|(s, k, r, l)| Step::Read(s, k, r, l)),
        3 => (any::<bool>(), key.clone(), key.clone(), 0..9_000_u16, any::<bool>())
            .prop_map(|(s, k, r, l, i)| Step::Write(s, k, r, l, i)),
        4 => (any::<bool>(), key, 0..9_000_u16).prop_map(|(s, k, l)| Step::Receive(s, k, l)),
        4 => any::<bool>().prop_map(Step::Transmit),
        4 => any::<bool>().prop_map(Step::Carry),
        1 => (any::<bool>(), 0..8_usize, 0..8_usize).prop_map(|(s, a, b)| Step::Reorder(s, a, b)),
        1 => (any::<bool>(), 0..8_usize).prop_map(|(s, r)| Step::Room(s, r)),
        1 => (any::<bool>(), any::<[u64; 3]>(), 0..20_000_u16).prop_map(|(s, w, l)| Step::Forge(s, w, l)),
    ]
}

fn any_delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        Just(Delivery::AtOnce),
        Just(Delivery::Underway),
        Just(Delivery::InRing)
    ]
}

struct World {
    sides: [Side; 2],
    /// Work requests accepted and not completed, by side and number.
    posted: [BTreeMap<u64, CompletionOperation>; 2],
    next: u64,
}

impl World {
    fn key(&self, side: usize, choice: usize) -> (RegionKey, u64, u64) {
        let regions = &self.sides[side].regions;
        match regions.get(choice % regions.len().max(1)) {
            Some((key, base, length, _)) => (*key, *base, *length),
            None => (RegionKey(choice as u32), BASE, 8),
        }
    }

    fn post(
        &mut self,
        side: usize,
        operation: Operation,
        address: u64,
        length: u16,
        key: RegionKey,
        immediate: bool,
    ) {
        if self.sides[side]
            .device
            .send_room(self.sides[side].queue_pair)
            == 0
        {
            return;
        }
        let done = match operation {
            Operation::Send => CompletionOperation::Send,
            Operation::RdmaRead { .. } => CompletionOperation::RdmaRead,
            Operation::RdmaWrite { .. } => CompletionOperation::RdmaWrite,
        };
        self.next += 1;
        self.posted[side].insert(self.next, done);
        let local = gather(&[entry(address, u32::from(length), key)]);
        self.sides[side].post(self.next, operation, local, immediate.then_some(3));
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Register(side, address, length, rights) => {
                let side = &mut self.sides[usize::from(side)];
                let start = u64::from(address) % (MEMORY as u64 - 1);
                let length = (u64::from(length) / 4).min(MEMORY as u64 - start);
                if side.regions.len() < 6 {
                    side.register(BASE + start, length, Access::from_bits(u32::from(rights)));
                }
            }
            Step::Deregister(side, choice) => {
                let side = &mut self.sides[usize::from(side)];
                if let Some(region) = side.regions.get(choice).copied() {
                    side.deregister(region.0);
                }
            }
            Step::Send(side, choice, offset, length) => {
                let (key, base, size) = self.key(usize::from(side), choice);
                let address = base + u64::from(offset) % (size + 2);
                self.post(
                    usize::from(side),
                    Operation::Send,
                    address,
                    length,
                    key,
                    false,
                );
            }
            Step::Read(side, local, remote, length) => {
                let side = usize::from(side);
                let (key, base, _) = self.key(side, local);
                let (remote_key, address, _) = self.key(1 - side, remote);
                let operation = Operation::RdmaRead {
                    address,
                    key: remote_key,
                };
                self.post(side, operation, base, length, key, false);
            }
            Step::Write(side, local, remote, length, immediate) => {
                let side = usize::from(side);
                let (key, base, _) = self.key(side, local);
                let (remote_key, address, _) = self.key(1 - side, remote);
                let operation = Operation::RdmaWrite {
                    address,
                    key: remote_key,
                };
                self.post(side, operation, base, length, key, immediate);
            }
            Step::Receive(side, choice, length) => self.receive(usize::from(side), choice, length),
            Step::Transmit(side) => self.sides[usize::from(side)].transmit(),
            Step::Carry(side) => {
                let [a, b] = &mut self.sides;
                let (from, to) = if side { (a, b) } else { (b, a) };
                carry(from, to);
            }
            Step::Reorder(side, first, second) => {
                let records = &mut self.sides[usize::from(side)].wire.records;
                if first.max(second) < records.len() {
                    records.swap(first, second);
                }
            }
            Step::Room(side, room) => self.sides[usize::from(side)].wire.room = room,
            Step::Forge(side, words, length) => {
                self.sides[usize::from(side)].take(&forged(words, length));
            }
        }
        self.collect();
    }

    fn receive(&mut self, side: usize, choice: usize, length: u16) {
        if self.posted[side]
            .values()
            .filter(|kind| **kind == CompletionOperation::Receive)
            .count()
            >= 16
        {
            return;
        }
        let (key, base, _) = self.key(side, choice);
        self.next += 1;
        self.posted[side].insert(self.next, CompletionOperation::Receive);
        self.sides[side].post_receive(self.next, &[entry(base, u32::from(length), key)]);
    }

    /// Every completion is of a work request that was posted and had not completed.
    fn collect(&mut self) {
        for (side, posted) in self.sides.iter_mut().zip(&mut self.posted) {
            for done in side.completions() {
                let kind = posted
                    .remove(&done.work_request)
                    .expect("posted, and completed once");
                let is_receive = matches!(
                    done.operation,
                    CompletionOperation::Receive | CompletionOperation::ReceiveRdmaWithImmediate
                );
                assert_eq!(kind == CompletionOperation::Receive, is_receive);
            }
        }
    }
}

/// A record that no device of ours sends.
fn forged(words: [u64; 3], length: u16) -> InFlight {
    InFlight {
        header: RecordHeader::from_words([0, words[0], words[1], words[2]]),
        payload: vec![0xee; usize::from(length)],
        request: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The harness checks on the way that no copy leaves a registered region (`Side::take`) and that nothing is sent
    /// from outside the program's memory.
    #[test]
    fn every_post_completes_once_and_no_copy_leaves_a_region(
        steps in prop::collection::vec(any_step(), 0..200),
        delivery in any_delivery(),
        piece in 64_u32..9_000,
        flush: bool,
    ) {
        let (a, b) = pair(QueuePairKind::Srd);
        let mut world = World { sides: [a, b], posted: Default::default(), next: 0 };
        for side in &mut world.sides {
            side.wire.delivery = delivery;
            side.wire.piece = piece;
        }
        for step in steps {
            world.step(step);
        }
        for side in &mut world.sides {
            side.device.broken(side.queue_pair, LANE, Status::RemoteAbort);
            if flush {
                side.device.modify(side.queue_pair, QueuePairState::Error).expect("always");
            }
        }
        world.collect();
        for posted in &world.posted {
            let receives_only = posted.values().all(|kind| *kind == CompletionOperation::Receive);
            prop_assert!(receives_only && (posted.is_empty() || !flush), "{posted:?}");
        }
    }

    /// With room, rights and a receive for each datagram, all that is posted succeeds, in any order of arrival.
    #[test]
    fn what_is_allowed_succeeds_in_any_order(
        lengths in prop::collection::vec((0..3_u8, 0..2_000_u32), 1..16),
        seed: u64,
        delivery in any_delivery(),
    ) {
        let (mut a, mut b) = pair(QueuePairKind::Srd);
        let (from, key) = (a.register_all(), b.register_all());
        for side in [&mut a, &mut b] {
            side.wire.delivery = delivery;
            side.wire.piece = 300;
        }
        for (number, (kind, length)) in (0_u64..).zip(&lengths) {
            let place = number * 2_000;
            b.post_receive(number, &[entry(BASE + place, 2_000, key)]);
            let address = BASE + 32_000 + place;
            let operation = match kind {
                0 => Operation::Send,
                1 => Operation::RdmaRead { address, key },
                _ => Operation::RdmaWrite { address, key },
            };
            a.post(number, operation, gather(&[entry(BASE + place, *length, from)]), None);
        }
        let mut dice = seed;
        for _ in 0..1_000 {
            a.transmit();
            b.transmit();
            for side in [&mut a, &mut b] {
                let records = side.wire.records.make_contiguous();
                for last in (1..records.len()).rev() {
                    dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    records.swap(last, (dice >> 33) as usize % (last + 1));
                }
            }
            carry(&mut a, &mut b);
            carry(&mut b, &mut a);
        }
        settle(&mut a, &mut b);
        let done = a.completions();
        prop_assert_eq!(done.len(), lengths.len());
        prop_assert!(done.iter().all(|done| done.status == Status::Success));
        for (number, (kind, length)) in (0_u64..).zip(&lengths) {
            let place = number * 2_000;
            let there = BASE + 32_000 + place;
            if *kind != 0 {
                prop_assert_eq!(a.bytes(BASE + place, *length), b.bytes(there, *length));
            }
        }
    }

    /// Records from nowhere: nothing to complete, nothing to copy without a key.
    #[test]
    fn forged_records_touch_no_memory_that_was_not_granted(words: [u64; 4], length in 0..20_000_u32) {
        let (mut a, _) = pair(QueuePairKind::Srd);
        a.register(BASE, 1_000, Access::LOCAL_WRITE);
        let header = RecordHeader::from_words(words);
        match a.device.incoming(a.queue_pair, LANE, &header, length) {
            Incoming::Hold => {}
            Incoming::Done(copies) => prop_assert!(copies.as_slice().is_empty()),
        }
        prop_assert!(a.completions().is_empty());
    }
}
