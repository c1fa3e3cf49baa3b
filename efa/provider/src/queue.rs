//! Completion queues.

pub(crate) mod sys;

use eni_efa_messaging::{Completion, Fault, LaneId, Operation};
use eni_libfabric_sys as fi;
use std::collections::VecDeque;

/// Completions that a queue holds where the program does not say.
pub(crate) const DEFAULT_SIZE: usize = 8_192;
/// Most that a program may ask for.
pub(crate) const MAX_SIZE: usize = 1 << 20;

/// A completion as libfabric tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) context: u64,
    pub(crate) flags: u64,
    pub(crate) length: usize,
    pub(crate) address: u64,
    pub(crate) data: u64,
    pub(crate) tag: u64,
    /// Number of the endpoint, and its lane to the sender.
    pub(crate) endpoint: u32,
    pub(crate) source: Option<LaneId>,
}

/// A failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) entry: Entry,
    pub(crate) error: u32,
    /// Bytes that did not fit.
    pub(crate) beyond: usize,
}

/// What program and provider share of a queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) entries: VecDeque<Entry>,
    pub(crate) failures: VecDeque<Failure>,
    /// Endpoints that complete here.
    pub(crate) endpoints: Vec<usize>,
    size: usize,
}

impl Queue {
    pub(crate) fn new(size: usize) -> Self {
        let size = if size == 0 {
            DEFAULT_SIZE
        } else {
            size.min(MAX_SIZE)
        };
        Self {
            entries: VecDeque::with_capacity(size),
            failures: VecDeque::new(),
            endpoints: Vec::new(),
            size,
        }
    }

    /// Whether the program must read before more is taken on.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.size
    }

    /// Lanes of an endpoint that completions here name as their senders'.
    pub(crate) fn sources(&self, endpoint: u32) -> impl Iterator<Item = LaneId> + '_ {
        let failed = self.failures.iter().map(|failure| &failure.entry);
        let all = self.entries.iter().chain(failed);
        all.filter(move |entry| entry.endpoint == endpoint)
            .filter_map(|entry| entry.source)
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, completion: &Completion, endpoint: u32) {
        if completion.outcome.is_ok() {
            self.entries.push_back(Entry::of(completion, endpoint));
        } else {
            self.fail(completion, endpoint);
        }
    }

    #[cold]
    fn fail(&mut self, completion: &Completion, endpoint: u32) {
        let Err(fault) = completion.outcome else {
            return;
        };
        let beyond = match fault {
            Fault::Truncated { beyond } => beyond,
            _ => 0,
        };
        self.failures.push_back(Failure {
            entry: Entry::of(completion, endpoint),
            error: error_of(fault),
            beyond,
        });
    }
}

impl Entry {
    #[inline(always)]
    fn of(completion: &Completion, endpoint: u32) -> Self {
        Self {
            context: completion.context,
            flags: flags_of(completion),
            length: completion.length,
            address: completion.address,
            data: completion.data.unwrap_or(0),
            tag: completion.tag,
            endpoint,
            source: completion.source,
        }
    }
}

#[inline(always)]
fn flags_of(completion: &Completion) -> u64 {
    let message = |tagged: bool| if tagged { fi::FI_TAGGED } else { fi::FI_MSG };
    let mut flags = match completion.operation {
        Operation::Send { tagged } => fi::FI_SEND | message(tagged),
        Operation::Receive { tagged } => fi::FI_RECV | message(tagged),
        Operation::Read => fi::FI_RMA | fi::FI_READ,
        Operation::Write => fi::FI_RMA | fi::FI_WRITE,
        Operation::Atomic => fi::FI_ATOMIC | fi::FI_WRITE,
        Operation::FetchingAtomic => fi::FI_ATOMIC | fi::FI_READ,
        Operation::WrittenByPeer => fi::FI_RMA | fi::FI_REMOTE_WRITE,
    };
    if completion.data.is_some() {
        flags |= fi::FI_REMOTE_CQ_DATA;
    }
    if completion.released {
        flags |= fi::FI_MULTI_RECV;
    }
    flags
}

/// libfabric's number for a failure: an `errno`, or one of its own beyond those.
fn error_of(fault: Fault) -> u32 {
    let errno = |number: i32| number.unsigned_abs();
    match fault {
        Fault::Truncated { .. } => fi::FI_ETRUNC,
        Fault::NoMessage => errno(libc::ENOMSG),
        Fault::Cancelled => errno(libc::ECANCELED),
        Fault::Key => errno(libc::EKEYREJECTED),
        Fault::Access | Fault::Refused => errno(libc::EACCES),
        Fault::Bounds => errno(libc::EINVAL),
        Fault::Unsupported => errno(libc::EOPNOTSUPP),
        Fault::PeerGone => errno(libc::ECONNRESET),
        Fault::Revoked => errno(libc::ECONNABORTED),
        Fault::Unreachable => errno(libc::EHOSTUNREACH),
        Fault::ServiceGone => errno(libc::ENETDOWN),
        Fault::Protocol => errno(libc::EIO),
    }
}
