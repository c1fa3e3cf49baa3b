//! Reads, writes and atomics.

use super::{Bytes, End, PEER, Pair, outcome, pattern_bytes};
use crate::atomic::{AtomicOperation, Datatype};
use crate::buffer::Route;
use crate::completion::{Fault, Operation};
use crate::engine::{AtomicRequest, RemoteRequest, Submit, Transfer};
use crate::region::{Access, Region};
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const KEY: u64 = 42;
const REGION: usize = 100_000;
const BASE: u64 = 0x7000_0000;

/// A pair whose second end lets the first read and write.
fn pair_with_region(route: Route, seed: u64, access: Access) -> (Pair, Bytes) {
    let mut pair = Pair::new(route, seed);
    let memory = Bytes::new(pattern_bytes(99, REGION));
    let region = Region {
        buffer: memory.clone(),
        base: BASE,
        access,
    };
    pair.ends[1].regions.register(KEY, region).unwrap();
    (pair, memory)
}

const ALL: Access = Access {
    read: true,
    write: true,
};

impl Pair {
    fn transfer(
        &mut self,
        transfer: Transfer,
        buffer: &Bytes,
        at: u64,
        key: u64,
        data: Option<u64>,
    ) -> u64 {
        let context = 1 + self.ends[0].log.0.len() as u64;
        loop {
            let request = RemoteRequest {
                lane: PEER,
                transfer,
                buffer: buffer.clone(),
                address: BASE.wrapping_add(at),
                key,
                data,
                context,
                report: true,
            };
            let End {
                engine, out, log, ..
            } = &mut self.ends[0];
            let submit = engine.transfer(request, out, log);
            self.settle();
            if submit == Submit::Accepted {
                return context;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn transfers_move_the_bytes_they_may_and_no_others(
        steps in proptest::collection::vec(
            (any::<bool>(), 0..REGION + 1_000, prop_oneof![0..64usize, 0..60_000usize], any::<Option<u64>>()),
            1..12,
        ),
        remote: bool,
        seed: u64,
    ) {
        let route = if remote { Route::Remote } else { Route::Local };
        let (mut pair, memory) = pair_with_region(route, seed, ALL);
        let mut model = memory.content();
        for (reads, at, length, data) in steps {
            let fits = at + length <= REGION;
            let buffer = Bytes::new(pattern_bytes(7, length));
            let transfer = if reads { Transfer::Read } else { Transfer::Write };
            let seen = pair.ends[1].log.0.len();
            let data = data.filter(|_| !reads);
            let context = pair.transfer(transfer, &buffer, at as u64, KEY, data);
            let want = if fits { Ok(()) } else { Err(Fault::Bounds) };
            prop_assert_eq!(outcome(&pair.ends[0], context), Some(want));
            if fits && reads {
                prop_assert_eq!(&buffer.content()[..], &model[at..at + length]);
            } else if fits {
                model[at..at + length].copy_from_slice(&pattern_bytes(7, length));
            } else {
                // Segments that lie within are written before one that does not is refused.
                model = memory.content();
            }
            prop_assert_eq!(memory.content(), &model[..]);
            let reported: Vec<_> = pair.ends[1].log.0[seen..].iter().map(|entry| entry.data).collect();
            let want: Vec<_> = data.filter(|_| fits).map(Some).into_iter().collect();
            prop_assert_eq!(reported, want);
        }
        pair.assert_idle();
    }
}

#[test]
fn keys_and_access_are_checked_at_the_target() {
    let read_only = Access {
        read: true,
        write: false,
    };
    let write_only = Access {
        read: false,
        write: true,
    };
    let cases = [
        // access, key, transfer, offset, want
        (ALL, KEY + 1, Transfer::Write, 0, Err(Fault::Key)),
        (ALL, KEY + 1, Transfer::Read, 0, Err(Fault::Key)),
        (read_only, KEY, Transfer::Write, 0, Err(Fault::Access)),
        (write_only, KEY, Transfer::Read, 0, Err(Fault::Access)),
        (ALL, KEY, Transfer::Write, u64::MAX, Err(Fault::Bounds)),
        (ALL, KEY, Transfer::Read, REGION as u64, Err(Fault::Bounds)),
        (read_only, KEY, Transfer::Read, 0, Ok(())),
        (write_only, KEY, Transfer::Write, 0, Ok(())),
    ];
    for (access, key, transfer, at, want) in cases {
        let (mut pair, memory) = pair_with_region(Route::Local, 1, access);
        let before = memory.content();
        let buffer = Bytes::new(vec![0xee; 4_000]);
        let context = pair.transfer(transfer, &buffer, at, key, None);
        assert_eq!(
            outcome(&pair.ends[0], context),
            Some(want),
            "{access:?} {key} {transfer:?} {at}"
        );
        if want.is_err() {
            assert!(
                memory.content() == before,
                "{transfer:?} {at} changed memory"
            );
            assert!(buffer.content().iter().all(|&byte| byte == 0xee));
        }
        pair.assert_idle();
    }
}

#[test]
fn a_key_that_was_taken_back_names_nothing() {
    let (mut pair, _memory) = pair_with_region(Route::Local, 1, ALL);
    pair.ends[1].regions.deregister(KEY);
    let context = pair.transfer(Transfer::Read, &Bytes::new(vec![0; 8]), 0, KEY, None);
    assert_eq!(outcome(&pair.ends[0], context), Some(Err(Fault::Key)));
}

#[test]
fn atomics_return_what_was_there() {
    for route in [Route::Local, Route::Remote] {
        let (mut pair, memory) = pair_with_region(route, 5, ALL);
        let before = memory.content();
        let there = u64::from_ne_bytes(before[8..16].try_into().unwrap());
        let result = Bytes::new(vec![0; 8]);
        let atomic = |result: Option<Bytes>, operation, context| AtomicRequest {
            lane: PEER,
            operation,
            datatype: Datatype::U64,
            count: 1,
            operands: if operation == AtomicOperation::Read {
                &[]
            } else {
                &[3, 0, 0, 0, 0, 0, 0, 0]
            },
            comparands: &[],
            result,
            address: BASE + 8,
            key: KEY,
            context,
            report: true,
        };
        let requests = [
            atomic(Some(result.clone()), AtomicOperation::Sum, 1),
            atomic(None, AtomicOperation::Sum, 2),
        ];
        for request in &requests {
            let End {
                engine, out, log, ..
            } = &mut pair.ends[0];
            assert_eq!(engine.atomic(request, out, log), Submit::Accepted);
            pair.settle();
        }
        assert_eq!(result.content(), there.to_ne_bytes());
        let want = there.wrapping_add(2 * u64::from_ne_bytes([3, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(memory.content()[8..16], want.to_ne_bytes());
        let read = atomic(Some(result.clone()), AtomicOperation::Read, 3);
        let End {
            engine, out, log, ..
        } = &mut pair.ends[0];
        assert_eq!(engine.atomic(&read, out, log), Submit::Accepted);
        pair.settle();
        assert_eq!(result.content(), want.to_ne_bytes());
        let operations: Vec<_> = pair.ends[0]
            .log
            .0
            .iter()
            .map(|entry| entry.operation)
            .collect();
        assert_eq!(
            operations,
            [
                Operation::FetchingAtomic,
                Operation::Atomic,
                Operation::FetchingAtomic
            ]
        );
        pair.assert_idle();
    }
}
