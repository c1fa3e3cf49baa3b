//! The writer thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::task::Waker;

use eni_model::{ChangeSet, ClientToken, Ec2Error, World};
use eni_store::{Revision, Store, StoreError, Txn, TxnRejection, TxnResponse};
use eni_types::{IdSequence, Timestamp, quota};
use tracing::debug_span;

use crate::OpenError;
use crate::call::{Call, Surroundings};
use crate::environment::Environment;
use crate::error::{internal_error, unavailable};
use crate::published::Snapshot;
use crate::region::Shared;
use crate::stored::{self, Tenure};

/// Calls that share a commit at most: it bounds how long the first of them waits for the planning of the last.
const MAX_BATCH_CALLS: usize = 256;
/// How often forgotten client tokens are removed. EC2 promises a day; an hour more or less matters to nobody.
const SWEEP_INTERVAL_MILLISECONDS: i64 = 3_600_000;
/// Tokens removed at once, so that a sweep is no longer than a large call.
const MAX_SWEPT_TOKENS: usize = 1_000;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    tenure: Tenure,
    environment: Environment,
    /// The published world and what this batch adds to it.
    pending: World,
    /// Set when `pending`, or what is published, may differ from what the store holds.
    in_doubt: bool,
    now: Timestamp,
    ids: IdSequence,
    next_sweep: Timestamp,
    /// The revision that the host was last woken for.
    last_woken: Option<Revision>,
}

/// Why a batch did not happen.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error("another writer has taken over the store")]
    Fenced,
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the world could not be read back")]
    Load(#[from] OpenError),
    #[error("the store refused a transaction of legal shape")]
    Rejected(#[source] TxnRejection),
    #[error("a change set could not be applied")]
    Apply,
}

impl BatchError {
    fn answer(&self) -> Ec2Error {
        match self {
            Self::Fenced => unavailable(),
            Self::Store(_) | Self::Load(_) | Self::Rejected(_) | Self::Apply => internal_error(),
        }
    }
}

/// What the calls of a batch change, in order.
#[derive(Default)]
struct Batch {
    transactions: Vec<Txn>,
    changes: Vec<ChangeSet>,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        store: Arc<dyn Store>,
        tenure: Tenure,
        environment: Environment,
        pending: World,
    ) -> Self {
        let last_woken = Some(shared.published.get().revision());
        Self {
            shared,
            store,
            tenure,
            environment,
            pending,
            in_doubt: false,
            now: Timestamp(i64::MIN),
            ids: IdSequence::default(),
            next_sweep: Timestamp(i64::MIN),
            last_woken,
        }
    }

    /// Serves calls until the region is dropped and none waits any more.
    pub(crate) fn run(mut self, queue: &Receiver<Box<dyn Call>>) {
        while let Ok(first) = queue.recv() {
            let mut calls = vec![first];
            calls.extend(queue.try_iter().take(MAX_BATCH_CALLS - 1));
            self.serve(calls);
        }
    }

    /// Plans, commits, publishes, wakes, answers.
    fn serve(&mut self, mut calls: Vec<Box<dyn Call>>) {
        let _span = debug_span!("batch", calls = calls.len()).entered();
        eni_metrics::BATCH_CALLS.is(calls.len() as f64);
        let done = self.settle().and_then(|()| {
            let batch = self.plan(&mut calls)?;
            self.commit(batch)
        });
        if let Err(error) = done {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                calls = calls.len(),
                "a batch failed"
            );
            self.in_doubt = true;
            for call in &mut calls {
                call.fail(error.answer());
            }
        }
        let revision = self.shared.published.get().revision();
        // The host first: packets wait for it, and there may be many answers.
        if self.last_woken != Some(revision) {
            self.last_woken = Some(revision);
            self.shared
                .wakers
                .lock()
                .iter()
                .for_each(Waker::wake_by_ref);
        }
        for call in calls {
            call.answer(revision);
        }
        self.shared.revisions.send_if_modified(|last| {
            let changed = *last != revision;
            *last = revision;
            changed
        });
    }

    /// After a failure: makes the published world what the store holds, and the pending one the same.
    fn settle(&mut self) -> Result<(), BatchError> {
        if self.shared.fenced.load(Ordering::Acquire) {
            return Err(BatchError::Fenced);
        }
        if !self.in_doubt {
            return Ok(());
        }
        let durable = self.store.revision()?;
        if durable != self.shared.published.get().revision() {
            // Some of the failed batch is durable after all; no one was told so.
            let (world, revision) = stored::load(&*self.store)?;
            let snapshot = Snapshot::without_history(world, revision);
            self.shared.published.replace(snapshot);
        }
        self.pending = self.shared.published.get().world().clone();
        self.in_doubt = false;
        Ok(())
    }

    fn plan(&mut self, calls: &mut [Box<dyn Call>]) -> Result<Batch, BatchError> {
        self.now = self.now.max((self.environment.clock)());
        self.ids
            .advance_to(self.now, self.environment.rng.next_u64());
        let mut batch = Batch::default();
        self.sweep_client_tokens(&mut batch)?;
        for call in calls {
            let mut surroundings = Surroundings {
                region: &self.shared.settings,
                now: self.now,
                ids: &mut self.ids,
                rng: &mut *self.environment.rng,
            };
            let mut changes = call.plan(&self.pending, &mut surroundings);
            if changes.is_empty() {
                continue;
            }
            changes.add_identities(&self.pending);
            let transaction = self.tenure.transaction(&changes);
            // Later calls are planned against this one, so that it must not be the store that finds it too large.
            if let Err(rejection) = transaction.check_shape() {
                tracing::error!(
                    error = &rejection as &dyn std::error::Error,
                    "a call changes too much"
                );
                call.fail(internal_error());
                continue;
            }
            self.apply(&changes)?;
            batch.transactions.push(transaction);
            batch.changes.push(changes);
        }
        Ok(batch)
    }

    /// Adds to the pending world. A panic there would be the model's, and leaves a world not to be trusted.
    fn apply(&mut self, changes: &ChangeSet) -> Result<(), BatchError> {
        catch_unwind(AssertUnwindSafe(|| self.pending.apply(changes)))
            .map_err(|_| BatchError::Apply)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), BatchError> {
        if batch.transactions.is_empty() {
            return Ok(());
        }
        let mut revisions = Vec::with_capacity(batch.transactions.len());
        for outcome in self.transact(&batch.transactions)? {
            match outcome {
                Ok(response) => revisions.push(response.revision),
                // The only guard is the writer's.
                Err(TxnRejection::GuardFailed { .. }) => {
                    self.shared.fenced.store(true, Ordering::Release);
                    return Err(BatchError::Fenced);
                }
                Err(rejection) => return Err(BatchError::Rejected(rejection)),
            }
        }
        let change_sets = batch.changes.into_iter().map(Arc::new);
        let _span = debug_span!("publish").entered();
        eni_metrics::PUBLISH.time(|| {
            let published = &self.shared.published;
            let changes = revisions.into_iter().zip(change_sets);
            published.replace(published.get().followed_by(self.pending.clone(), changes));
        });
        Ok(())
    }

    /// All of a batch in one commit.
    fn transact(
        &self,
        transactions: &[Txn],
    ) -> Result<Vec<Result<TxnResponse, TxnRejection>>, StoreError> {
        let bytes: usize = transactions.iter().map(Txn::size_bytes).sum();
        let _span = debug_span!("commit", bytes).entered();
        eni_metrics::COMMIT_BYTES.is(bytes as f64);
        eni_metrics::COMMIT.time(|| self.store.transact_batch(transactions))
    }

    /// Removes client tokens that are not remembered any more.
    fn sweep_client_tokens(&mut self, batch: &mut Batch) -> Result<(), BatchError> {
        if self.now < self.next_sweep {
            return Ok(());
        }
        let oldest = Timestamp(self.now.0 - quota::CLIENT_TOKEN_SECONDS * 1_000);
        let forgotten = |token: &&Arc<ClientToken>| token.time < oldest;
        let mut changes = ChangeSet::none();
        let mut count = 0;
        for token in self
            .pending
            .client_tokens
            .iter()
            .filter(forgotten)
            .take(MAX_SWEPT_TOKENS)
        {
            changes.delete(token.key.clone());
            count += 1;
        }
        if count < MAX_SWEPT_TOKENS {
            self.next_sweep = Timestamp(self.now.0 + SWEEP_INTERVAL_MILLISECONDS);
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.apply(&changes)?;
        batch.transactions.push(self.tenure.transaction(&changes));
        batch.changes.push(changes);
        Ok(())
    }
}
