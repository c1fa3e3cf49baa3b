//! The queues of the devices lane.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use eni_types::InstanceId;

use crate::{Observed, Step, UPLINK_VPORT};

/// What is worked on one step after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// The way to the host.
    Uplink,
    /// An instance and its interfaces.
    Instance(InstanceId),
    /// A device of nobody's, by its vport: a crash has left it.
    Vport(u32),
}

/// The queues that a plan speaks of: what it does not name there is not wanted any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// These.
    Only(BTreeSet<Queue>),
}

/// How soon a step is wanted; several queues' steps are begun in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Packets wait for it: [`crate::Plan::now`].
    Now,
    /// [`crate::Plan::then`].
    Then,
    /// What is best done while nothing else is to do: [`crate::Plan::deferred`].
    Deferred,
}

/// A step that waits in a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedStep {
    /// How soon it is wanted.
    pub urgency: Urgency,
    /// What is to be done.
    pub step: Step,
}

/// A step that was begun and has ended, with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<E> {
    /// Its queue.
    pub queue: Queue,
    /// What was done.
    pub step: Step,
    /// How it ended.
    pub result: Result<(), E>,
}

/// Which steps have been begun and not been observed yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InFlight(BTreeMap<Queue, Vec<Step>>);

impl InFlight {
    /// All of them, each queue's in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Queue, &Step)> {
        let queues = self.0.iter();
        queues.flat_map(|(queue, steps)| steps.iter().map(|step| (*queue, step)))
    }

    /// Whether any changes the device or the instance of this vport.
    #[must_use]
    pub fn touches_vport(&self, vport: u32) -> bool {
        self.iter().any(|(_, step)| step.vport() == Some(vport))
    }
}

/// All queues with what waits and what has been begun in them.
///
/// What waits is replaced by the plans that speak of it, so that a step which a newer plan does not want any more is never begun. What was
/// begun stays known until its outcome is taken, so that it is not planned twice; a queue whose begun steps are not what the
/// newest plan begins with rests until they have been observed and planned upon.
#[derive(Clone, Debug)]
pub struct Queues<E> {
    queues: BTreeMap<Queue, State>,
    /// Queues whose next step can begin, most urgent first, then by age.
    ready: BTreeSet<(Urgency, u64, Queue)>,
    outcomes: Vec<Outcome<E>>,
    next_turn: u64,
    /// Whether a step of [`Urgency::Deferred`] is under way: each holds up every other change of devices, so there is one at a
    /// time.
    deferred_step_runs: bool,
    /// Whether deferred steps wait for a better time.
    holds_deferred: bool,
    /// Those with steps that a look at the devices, begun before, may have missed; none if nobody looks.
    changed_since_look: Option<BTreeSet<Queue>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    waiting: VecDeque<QueuedStep>,
    /// Begun and not observed, in their order.
    begun: Vec<Step>,
    /// How urgent the step under way is, if one is.
    running: Option<Urgency>,
    /// A step has failed, which has not been taken yet.
    has_failed: bool,
    /// In [`Queues::ready`].
    turn: Option<(Urgency, u64)>,
}

impl<E> Default for Queues<E> {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            ready: BTreeSet::new(),
            outcomes: Vec::new(),
            next_turn: 0,
            deferred_step_runs: false,
            holds_deferred: false,
            changed_since_look: None,
        }
    }
}

impl<E> Queues<E> {
    /// Replaces what waits in the queues of `scope` by what the newest plan wants, each queue's steps in the plan's order. The
    /// plan was made from what was observed when [`Queues::take_outcomes`] was last called.
    pub fn replace(&mut self, scope: &Scope, mut wanted: BTreeMap<Queue, Vec<QueuedStep>>) {
        let known: Vec<Queue> = match scope {
            Scope::All => self.queues.keys().copied().collect(),
            Scope::Only(queues) => {
                let known = queues.iter().filter(|one| self.queues.contains_key(one));
                known.copied().collect()
            }
        };
        for queue in known {
            let steps = wanted.remove(&queue).unwrap_or_default();
            self.replace_one(queue, steps);
        }
        for (queue, steps) in wanted {
            self.replace_one(queue, steps);
        }
    }

    fn replace_one(&mut self, queue: Queue, mut steps: Vec<QueuedStep>) {
        let state = self.queues.entry(queue).or_default();
        let begun = &state.begun;
        let continues = !state.has_failed
            && steps.len() >= begun.len()
            && steps
                .iter()
                .zip(begun)
                .all(|(wanted, begun)| wanted.step == *begun);
        state.waiting = if continues {
            steps.drain(begun.len()..).collect()
        } else {
            VecDeque::new()
        };
        self.settle(queue);
    }

    /// Whether deferred steps wait, whatever else is to do. Those under way go on.
    pub fn hold_deferred(&mut self, holds: bool) {
        self.holds_deferred = holds;
    }

    /// Begins the next step that can be done, if there is one.
    pub fn begin(&mut self) -> Option<(Queue, Step)> {
        let (urgency, _, queue) = *self.ready.first()?;
        if urgency == Urgency::Deferred && (self.deferred_step_runs || self.holds_deferred) {
            return None;
        }
        self.ready.pop_first();
        let state = self.queues.get_mut(&queue)?;
        state.turn = None;
        let QueuedStep { step, .. } = state.waiting.pop_front()?;
        state.running = Some(urgency);
        self.deferred_step_runs |= urgency == Urgency::Deferred;
        state.begun.push(step.clone());
        if let Some(changed) = &mut self.changed_since_look {
            changed.insert(queue);
        }
        Some((queue, step))
    }

    /// A step that was begun has ended. After a failure nothing more is begun in its queue before the next plan.
    pub fn end(&mut self, outcome: Outcome<E>) {
        let queue = outcome.queue;
        if let Some(state) = self.queues.get_mut(&queue) {
            if state.running.take() == Some(Urgency::Deferred) {
                self.deferred_step_runs = false;
            }
            if outcome.result.is_err() {
                state.has_failed = true;
                state.waiting.clear();
            }
        }
        self.outcomes.push(outcome);
        self.settle(queue);
    }

    /// What has ended since the last call: observed from now on.
    pub fn take_outcomes(&mut self) -> Vec<Outcome<E>> {
        let outcomes = core::mem::take(&mut self.outcomes);
        for Outcome { queue, .. } in &outcomes {
            if let Some(state) = self.queues.get_mut(queue) {
                // They end in the order in which they were begun.
                state.begun.remove(0);
                state.has_failed = false;
            }
            self.settle(*queue);
        }
        outcomes
    }

    /// What has been begun and not been observed.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        let queues = self.queues.iter();
        let begun = queues.filter(|(_, state)| !state.begun.is_empty());
        InFlight(
            begun
                .map(|(queue, state)| (*queue, state.begun.clone()))
                .collect(),
        )
    }

    /// Somebody looks at all devices now, while steps are under way.
    pub fn begin_look(&mut self) {
        let queues = self.queues.iter();
        let begun = queues.filter(|(_, state)| !state.begun.is_empty());
        self.changed_since_look = Some(begun.map(|(queue, _)| *queue).collect());
    }

    /// The queues of which that look may tell anything: those with steps that were under way, or have been begun since.
    pub fn end_look(&mut self) -> BTreeSet<Queue> {
        self.changed_since_look.take().unwrap_or_default()
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queues.is_empty() && self.outcomes.is_empty()
    }

    /// Gives the queue its turn if its next step can begin, and drops it if nothing is left of it.
    fn settle(&mut self, queue: Queue) {
        let Some(state) = self.queues.get_mut(&queue) else {
            return;
        };
        let next = state.waiting.front().filter(|_| state.running.is_none());
        let urgency = next.map(|next| next.urgency);
        if state.turn.map(|(urgency, _)| urgency) != urgency {
            if let Some((urgency, turn)) = state.turn.take() {
                self.ready.remove(&(urgency, turn, queue));
            }
            if let Some(urgency) = urgency {
                state.turn = Some((urgency, self.next_turn));
                self.ready.insert((urgency, self.next_turn, queue));
                self.next_turn += 1;
            }
        }
        if state.waiting.is_empty() && state.begun.is_empty() {
            self.queues.remove(&queue);
        }
    }
}

impl Queue {
    /// That of a step of the devices lane that names its instance or the uplink; none of a step that names a vport alone, or
    /// is of the tables.
    pub(super) fn named_by(step: &Step) -> Option<Self> {
        match step {
            Step::PlugUplink(_) => Some(Self::Uplink),
            Step::Withdraw(_, instance) => Some(Self::Instance(*instance)),
            Step::Guard(UPLINK_VPORT) | Step::Link(UPLINK_VPORT) => Some(Self::Uplink),
            _ => step.instance_id().map(Self::Instance),
        }
    }

    /// That of whose device is at a vport, as far as it is known.
    #[must_use]
    pub fn of_vport(vport: u32, observed: &Observed) -> Option<Self> {
        if vport == UPLINK_VPORT {
            return Some(Self::Uplink);
        }
        let device = observed.devices.get(&vport)?;
        Some(Self::Instance(device.plug?.instance_id))
    }
}
