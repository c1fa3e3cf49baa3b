//! A call on its way through the writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use eni_model::{Caller, ChangeSet, Context, Ec2Error, RegionSettings, World};
use eni_store::Revision;
use eni_types::{IdSequence, Timestamp};
use rand::Rng;
use tokio::sync::oneshot;

use crate::error::{internal_error, unavailable};

/// What a caller hands in: the operation, with its request inside.
pub(crate) type Plan<T> =
    Box<dyn FnOnce(&World, &mut Context<'_>) -> Result<(ChangeSet, T), Ec2Error> + Send>;

/// What all calls of a batch share.
pub(crate) struct Surroundings<'a> {
    pub(crate) region: &'a RegionSettings,
    pub(crate) now: Timestamp,
    pub(crate) ids: &'a mut IdSequence,
    pub(crate) rng: &'a mut dyn Rng,
}

/// A call, whatever it answers. The answer is kept back until the batch is durable.
pub(crate) trait Call: Send {
    /// Plans the call against `world` and keeps its answer. An error, or a panic, changes nothing.
    fn plan(&mut self, world: &World, surroundings: &mut Surroundings<'_>) -> ChangeSet;
    /// Replaces the kept answer.
    fn fail(&mut self, error: Ec2Error);
    /// Gives the kept answer to the caller, who may have gone, with the revision that shows what it tells of.
    fn answer(self: Box<Self>, published: Revision);
}

struct TypedCall<T> {
    caller: Caller,
    fingerprint: u128,
    plan: Option<Plan<T>>,
    answer: Result<T, Ec2Error>,
    reply: oneshot::Sender<Answered<T>>,
}

/// What a call gives.
type Answered<T> = Result<(T, Revision), Ec2Error>;

/// A call for the queue, and what its caller waits with.
pub(crate) fn call<T: Send + 'static>(
    caller: Caller,
    fingerprint: u128,
    plan: Plan<T>,
) -> (Box<dyn Call>, Submission<T>) {
    let (reply, answer) = oneshot::channel();
    let call = TypedCall {
        caller,
        fingerprint,
        plan: Some(plan),
        answer: Err(internal_error()),
        reply,
    };
    (Box::new(call), Submission(State::Waiting(answer)))
}

impl<T: Send + 'static> Call for TypedCall<T> {
    fn plan(&mut self, world: &World, surroundings: &mut Surroundings<'_>) -> ChangeSet {
        let Some(plan) = self.plan.take() else {
            return ChangeSet::none();
        };
        let mut context = Context {
            caller: &self.caller,
            region: surroundings.region,
            now: surroundings.now,
            ids: surroundings.ids,
            rng: surroundings.rng,
            fingerprint: self.fingerprint,
            key_pair: None,
        };
        // A planner sees the world through a shared reference: a panic leaves nothing half behind.
        let planned = catch_unwind(AssertUnwindSafe(|| plan(world, &mut context)));
        match planned {
            Ok(Ok((changes, answer))) => {
                self.answer = Ok(answer);
                changes
            }
            Ok(Err(error)) => {
                self.answer = Err(error);
                ChangeSet::none()
            }
            Err(_panic) => {
                tracing::error!("a planner panicked");
                self.answer = Err(internal_error());
                ChangeSet::none()
            }
        }
    }

    fn fail(&mut self, error: Ec2Error) {
        self.answer = Err(error);
    }

    fn answer(self: Box<Self>, published: Revision) {
        let answer = self.answer.map(|answer| (answer, published));
        // A caller who has hung up wants no answer; the change stands.
        let _ = self.reply.send(answer);
    }
}

/// The answer to come, and the published revision that shows what it tells of. Dropping it does not take the call back.
#[derive(Debug)]
#[must_use = "a call is made whether or not its answer is awaited, but it may have failed"]
pub struct Submission<T>(State<T>);

#[derive(Debug)]
enum State<T> {
    Waiting(oneshot::Receiver<Answered<T>>),
    /// Refused before it reached the writer; `None` once answered.
    Refused(Option<Ec2Error>),
}

impl<T> Submission<T> {
    /// A call that was not let into the queue.
    pub(crate) fn refused(error: Ec2Error) -> Self {
        Self(State::Refused(Some(error)))
    }

    /// Blocks the thread until the answer comes: within a commit or two.
    ///
    /// # Errors
    /// The planner's, `RequestLimitExceeded` when too many calls wait, `InternalError` when the commit failed, and
    /// `Unavailable` when the region takes no writes any more.
    ///
    /// # Panics
    /// Inside an async task, as the tokio runtime forbids blocking there.
    pub fn wait(self) -> Result<T, Ec2Error> {
        match self.0 {
            State::Waiting(answer) => {
                let received = answer.blocking_recv();
                let answered = received.unwrap_or_else(|_| Err(unavailable()));
                answered.map(|(answer, _)| answer)
            }
            State::Refused(error) => Err(error.unwrap_or_else(unavailable)),
        }
    }
}

impl<T> Future for Submission<T> {
    type Output = Answered<T>;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Waiting(answer) => Pin::new(answer)
                .poll(task)
                .map(|received| received.unwrap_or_else(|_| Err(unavailable()))),
            State::Refused(error) => Poll::Ready(Err(error.take().unwrap_or_else(unavailable))),
        }
    }
}
