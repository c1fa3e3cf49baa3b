//! The handle that the API and the agent share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::Duration;

use eni_model::{Caller, ChangeSet, Context, Ec2Error, RegionSettings, World, bootstrap};
use eni_priority::Priority;
use eni_store::{Revision, Store, Txn, TxnRejection};
use eni_types::{IdSequence, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::call::{Call, Submission, call};
use crate::environment::{Clock, Environment};
use crate::error::{OpenError, internal_error, request_limit_exceeded, unavailable};
use crate::published::{Published, Snapshot};
use crate::stored::{self, Tenure};
use crate::writer::Writer;

/// Calls that may wait for the writer. At two thousand calls a second, a second's worth: whoever comes later would wait
/// so long that trying again serves them better.
pub(crate) const MAX_WAITING_CALLS: usize = 2_048;

/// What the handle and the writer thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) published: Published,
    pub(crate) revisions: watch::Sender<Revision>,
    /// Woken after each publication.
    pub(crate) wakers: Mutex<Vec<Waker>>,
    /// The last revision that the host's packet tables are known to have followed.
    pub(crate) followed: watch::Sender<Revision>,
    pub(crate) fenced: AtomicBool,
    pub(crate) settings: RegionSettings,
}

/// An open region. Dropping it answers the calls that wait, and ends its writer.
pub struct Region {
    shared: Arc<Shared>,
    clock: Clock,
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Box<dyn Call>>>,
    writer: Option<JoinHandle<()>>,
}

impl Region {
    /// Opens the region that `store` holds, with this machine's time and randomness; a new one gets a default VPC.
    ///
    /// # Errors
    /// [`OpenError`], after which the store holds what it held, or a whole new region.
    pub fn open(store: Arc<dyn Store>, settings: RegionSettings) -> Result<Self, OpenError> {
        Self::open_in(store, settings, Environment::of_this_machine()?)
    }

    /// Opens a region with another time and randomness.
    ///
    /// # Errors
    /// As [`Region::open`].
    pub fn open_in(
        store: Arc<dyn Store>,
        settings: RegionSettings,
        mut environment: Environment,
    ) -> Result<Self, OpenError> {
        // Other settings are refused before the writer at work is fenced for their sake.
        stored::is_founded(&*store, &settings)?;
        let tenure = Tenure::begin(&*store, (environment.clock)())?;
        if !stored::is_founded(&*store, &settings)? {
            found(&*store, tenure, &settings, &mut environment)?;
        }
        let (mut world, mut revision) = stored::load(&*store)?;
        // A store from before there were identities has none.
        let missing = ChangeSet::missing_identities(&world);
        if !missing.is_empty() {
            revision = commit(&*store, tenure.transaction(&missing))?;
            world.apply(&missing);
        }
        let pending = world.clone();
        let shared = Arc::new(Shared {
            published: Published::new(Snapshot::without_history(world, revision)),
            revisions: watch::Sender::new(revision),
            wakers: Mutex::default(),
            followed: watch::Sender::new(Revision(0)),
            fenced: AtomicBool::new(false),
            settings,
        });
        let (queue, calls) = sync_channel(MAX_WAITING_CALLS);
        let clock = Arc::clone(&environment.clock);
        let writer = Writer::new(Arc::clone(&shared), store, tenure, environment, pending);
        let writer = std::thread::Builder::new()
            .name("region-writer".into())
            .spawn(move || {
                Priority::Prompt.take();
                writer.run(&calls);
            })
            .map_err(OpenError::Thread)?;
        Ok(Self {
            shared,
            clock,
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    /// The region's settings.
    #[must_use]
    pub fn settings(&self) -> &RegionSettings {
        &self.shared.settings
    }

    /// The region's time, which signatures are checked against.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The account that owns the region, as whom the agent reports.
    #[must_use]
    pub fn owner(&self) -> Caller {
        Caller::root(self.shared.settings.account_id.clone())
    }

    /// Hands a call to the writer, at once. `fingerprint` is the request's (`Context::fingerprint`). The answer comes
    /// when what the call changed is durable and published, even if it changed nothing: it may tell of changes before
    /// it in the same batch.
    pub fn submit<T: Send + 'static>(
        &self,
        caller: Caller,
        fingerprint: u128,
        plan: impl FnOnce(&World, &mut Context<'_>) -> Result<(ChangeSet, T), Ec2Error> + Send + 'static,
    ) -> Submission<T> {
        let Some(queue) = &self.queue else {
            return Submission::refused(unavailable());
        };
        let (call, submission) = call(caller, fingerprint, Box::new(plan));
        match queue.try_send(call) {
            Ok(()) => submission,
            Err(TrySendError::Full(_)) => Submission::refused(request_limit_exceeded()),
            Err(TrySendError::Disconnected(_)) => Submission::refused(unavailable()),
        }
    }

    /// What is published.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.published.get()
    }

    /// Looks at the published world.
    pub fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(self.snapshot().world())
    }

    /// Plans a call that changes nothing, such as a Describe, at once against the published world.
    ///
    /// # Errors
    /// The planner's, or `InternalError` if it panics.
    pub fn query<T>(
        &self,
        caller: &Caller,
        fingerprint: u128,
        plan: impl FnOnce(&World, &mut Context<'_>) -> Result<T, Ec2Error>,
    ) -> Result<T, Ec2Error> {
        let now = self.now();
        let mut context = Context {
            caller,
            region: &self.shared.settings,
            now,
            // Nothing that is remembered comes of a query, so that its ids and its randomness need not be the region's.
            ids: &mut IdSequence::new(now, rand::random()),
            rng: &mut rand::rng(),
            fingerprint,
            key_pair: None,
        };
        // A planner sees the world through a shared reference: a panic leaves nothing half behind.
        let planned = catch_unwind(AssertUnwindSafe(|| {
            plan(self.snapshot().world(), &mut context)
        }));
        planned.unwrap_or_else(|_panic| {
            tracing::error!("a planner panicked");
            Err(internal_error())
        })
    }

    /// Tells of each published revision. Slow subscribers see the last one only: what they have missed is in
    /// [`Snapshot::changes_since`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Revision> {
        self.shared.revisions.subscribe()
    }

    pub(crate) fn add_waker(&self, waker: Waker) {
        self.shared.wakers.lock().push(waker);
    }

    /// Waits until `holds` is true of the published world, for `timeout` at most; whether it is.
    pub async fn wait_until(
        &self,
        mut holds: impl FnMut(&World) -> bool,
        timeout: Duration,
    ) -> bool {
        let mut revisions = self.subscribe();
        let change = async {
            while !self.read(&mut holds) {
                if revisions.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(timeout, change).await.unwrap_or(false)
    }

    pub(crate) fn has_followed(&self, revision: Revision) {
        self.shared.followed.send_if_modified(|last| {
            let is_later = *last < revision;
            *last = revision.max(*last);
            is_later
        });
    }

    /// Waits until the host's packet tables have followed `wanted`, for `timeout` at most; whether they have. Does not wait
    /// where no host follows the region.
    pub async fn wait_until_followed(&self, wanted: Revision, timeout: Duration) -> bool {
        if self.shared.wakers.lock().is_empty() {
            return true;
        }
        let mut followed = self.shared.followed.subscribe();
        let reached = followed.wait_for(|last| *last >= wanted);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// Whether another writer has taken the store over. Then every write is answered with `Unavailable`, and the
    /// published world stays as it was.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.shared.fenced.load(Ordering::Acquire)
    }
}

impl std::fmt::Debug for Region {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Region")
            .field("region", &self.shared.settings.region)
            .field("revision", &self.snapshot().revision())
            .finish_non_exhaustive()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // It ends when it has answered what waits; a panic of its own has been reported by its thread.
            let _ = writer.join();
        }
    }
}

/// Gives a new region what an account finds in one.
fn found(
    store: &dyn Store,
    tenure: Tenure,
    settings: &RegionSettings,
    environment: &mut Environment,
) -> Result<(), OpenError> {
    let mut ids = IdSequence::new((environment.clock)(), environment.rng.next_u64());
    let contents = bootstrap(settings, &mut ids);
    commit(store, stored::founding(tenure, settings, &contents)).map(drop)
}

fn commit(store: &dyn Store, transaction: Txn) -> Result<Revision, OpenError> {
    match store.transact(transaction)? {
        Ok(response) => Ok(response.revision),
        Err(TxnRejection::GuardFailed { .. }) => Err(OpenError::Fenced),
        Err(rejection) => Err(rejection.into()),
    }
}
