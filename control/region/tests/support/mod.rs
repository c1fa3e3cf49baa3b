//! Regions whose store stops and fails as a test asks for it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses some of it, and its failures are the tests'"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll, Waker};

use eni_model::{ChangeSet, ClientToken, Context, Ec2Error, RegionSettings, Resource, World};
use eni_region::{Region, Submission};
use eni_store::{
    KeyRange, MemoryStore, RangeResponse, Revision, Store, StoreError, Txn, TxnRejection,
    TxnResponse, Watch,
};
use eni_types::{TypedId, VpcId};
use parking_lot::{Condvar, Mutex};

pub(crate) fn settings() -> RegionSettings {
    RegionSettings {
        region: "us-east-1".into(),
        availability_zones: vec!["us-east-1a".into(), "us-east-1b".into()],
        account_id: "123456789012".into(),
        public_pool: "203.0.113.0/24".parse().unwrap(),
    }
}

/// What the store does with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Works,
    /// Nothing is stored, and an error is answered.
    FailsBefore,
    /// All is stored, and an error is answered.
    FailsAfter,
}

/// A store in memory whose commits can be held back, counted, and made to fail.
pub(crate) struct TestStore {
    inner: MemoryStore,
    mode: Mutex<Mode>,
    /// Commits that may pass; `None` for all.
    permits: Mutex<Option<usize>>,
    permitted: Condvar,
    /// Batches that have reached the commit, held back or not.
    pub(crate) begun: AtomicUsize,
    pub(crate) transactions: AtomicUsize,
}

impl TestStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(),
            mode: Mutex::new(Mode::Works),
            permits: Mutex::new(None),
            permitted: Condvar::new(),
            begun: AtomicUsize::new(0),
            transactions: AtomicUsize::new(0),
        })
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock() = mode;
    }

    /// Holds all commits back from now on.
    pub(crate) fn hold(&self) {
        *self.permits.lock() = Some(0);
    }

    /// Lets one held commit pass.
    pub(crate) fn pass_one(&self) {
        *self.permits.lock() = Some(1);
        self.permitted.notify_all();
    }

    /// Holds nothing back any more.
    pub(crate) fn release(&self) {
        *self.permits.lock() = None;
        self.permitted.notify_all();
    }

    /// Waits until so many batches have reached the commit.
    pub(crate) fn until_begun(&self, count: usize) {
        while self.begun.load(Ordering::Acquire) < count {
            std::thread::yield_now();
        }
    }
}

impl Store for TestStore {
    fn revision(&self) -> Result<Revision, StoreError> {
        if *self.mode.lock() == Mode::FailsBefore {
            return Err(StoreError::Unavailable("no disk".into()));
        }
        self.inner.revision()
    }

    fn range(&self, range: &KeyRange) -> Result<RangeResponse, StoreError> {
        self.inner.range(range)
    }

    fn transact_batch(
        &self,
        txns: &[Txn],
    ) -> Result<Vec<Result<TxnResponse, TxnRejection>>, StoreError> {
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.transactions.fetch_add(txns.len(), Ordering::AcqRel);
        let mut permits = self.permits.lock();
        self.permitted
            .wait_while(&mut permits, |permits| *permits == Some(0));
        if let Some(left) = permits.as_mut() {
            *left -= 1;
        }
        drop(permits);
        match *self.mode.lock() {
            Mode::Works => self.inner.transact_batch(txns),
            Mode::FailsBefore => Err(StoreError::Unavailable("no space".into())),
            Mode::FailsAfter => {
                self.inner.transact_batch(txns)?;
                Err(StoreError::Unavailable("no answer".into()))
            }
        }
    }

    fn watch(&self, range: KeyRange, from: Revision) -> Result<Box<dyn Watch>, StoreError> {
        self.inner.watch(range, from)
    }

    fn compact(&self, at: Revision) -> Result<(), StoreError> {
        self.inner.compact(at)
    }
}

/// A planner that leaves `name` in the world.
pub(crate) fn mark(
    name: impl Into<String>,
) -> impl FnOnce(&World, &mut Context<'_>) -> Result<(ChangeSet, ()), Ec2Error> {
    let name = name.into();
    move |_, context| {
        let mut changes = ChangeSet::none();
        changes.put(marking("Test", &name, context));
        Ok((changes, ()))
    }
}

/// A row that says nothing but its name.
pub(crate) fn marking(operation: &str, name: &str, context: &mut Context<'_>) -> ClientToken {
    let made = VpcId::generate(context.ids);
    ClientToken::record(operation, name, made, context)
}

pub(crate) fn has_mark(world: &World, name: &str) -> bool {
    world
        .client_tokens
        .iter()
        .any(|token| token.key.token == name)
}

/// Submits as the region's owner.
pub(crate) fn submit<T: Send + 'static>(
    region: &Region,
    plan: impl FnOnce(&World, &mut Context<'_>) -> Result<(ChangeSet, T), Ec2Error> + Send + 'static,
) -> Submission<T> {
    region.submit(region.owner(), 0, plan)
}

/// Whether the answer is there; a finished one must not be asked again.
pub(crate) fn is_answered<T>(submission: &mut Submission<T>) -> bool {
    let mut task = TaskContext::from_waker(Waker::noop());
    let submission = std::pin::Pin::new(submission);
    matches!(Future::poll(submission, &mut task), Poll::Ready(_))
}

/// Everything in the world, in its order.
pub(crate) fn everything(region: &Region) -> Vec<Resource> {
    region.read(|world| world.resources().collect())
}
