//! A plan divided between the lanes, step by step.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_types::InstanceId;

use super::{Failures, InFlight, InstanceMaps, Queue, QueuedStep, Urgency};
use crate::{Observed, Plan, Step};

/// Whose turn a step is.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a policy's row is half a kilobyte; one turn lives at a time"
)]
pub enum Turn<'a> {
    /// The tables lane's, at once: before the next step is asked for.
    Tables(Cow<'a, Step>),
    /// The devices lane's, or nobody's yet: it waits for another step, or builds on one that failed.
    NotHere,
}

/// One walk along a plan, in its order.
#[derive(Debug)]
pub struct Walk {
    queues: BTreeMap<Queue, Vec<QueuedStep>>,
    /// Queues in which a step waits for the tables, and all after it with it.
    closed: BTreeSet<Queue>,
    /// Vports with steps of the devices lane before the present one, not yet observed, and their queue.
    unfinished: BTreeMap<u32, Queue>,
    /// Those of them whose device is being made or taken: no row is written there. One that passes, and is only to be guarded
    /// (again, by a new process) or configured, gets its new row at once: rules wait for no device.
    remade: BTreeSet<u32>,
    /// Vports whose guest end is to be configured.
    unconfigured: BTreeSet<u32>,
    /// Vports with steps of the devices lane that are left out.
    left_out: BTreeSet<u32>,
    /// Instances with an interface whose row waits.
    unreleased_instances: BTreeSet<InstanceId>,
    /// The instances of the interfaces that the plan makes or configures.
    instances: BTreeMap<u32, InstanceId>,
    maps: BTreeMap<u32, BTreeSet<u32>>,
}

impl Walk {
    /// Begins a walk along `plan` while some steps are under way.
    #[must_use]
    pub fn along(plan: &Plan, in_flight: &InFlight) -> Self {
        let mut walk = Self {
            queues: BTreeMap::new(),
            closed: BTreeSet::new(),
            unfinished: BTreeMap::new(),
            remade: BTreeSet::new(),
            unconfigured: BTreeSet::new(),
            left_out: BTreeSet::new(),
            unreleased_instances: BTreeSet::new(),
            instances: BTreeMap::new(),
            maps: BTreeMap::new(),
        };
        for step in plan.steps() {
            if let Step::Plug(_, interface) | Step::Configure(_, interface) = step {
                walk.instances
                    .insert(interface.vport, interface.instance_id);
            }
        }
        for (queue, step) in in_flight.iter() {
            walk.expect(step, queue);
        }
        walk
    }

    /// Whose turn the plan's next step is. `observed` is what stands after the steps before it; `is_named` says whether rows of
    /// vports that stand there name a policy.
    pub fn turn<'a>(
        &mut self,
        step: &'a Step,
        urgency: Urgency,
        observed: &Observed,
        maps: &InstanceMaps,
        failures: &Failures,
        is_named: impl Fn(u32) -> bool,
    ) -> Turn<'a> {
        let Some(allowed) = failures.allow(step, observed) else {
            self.leave_out(step);
            return Turn::NotHere;
        };
        if self.builds_on_what_is_left_out(step, observed) {
            self.leave_out(step);
            return Turn::NotHere;
        }
        if !step.is_of_tables() {
            self.enqueue(allowed.into_owned(), urgency, observed);
            return Turn::NotHere;
        }
        let waits = match &*allowed {
            Step::WriteVport(vport, row) => {
                if !maps.is_ready(row.instance) {
                    self.maps.entry(row.instance).or_default().insert(*vport);
                }
                let unready =
                    self.unfinished.contains_key(vport) || self.unconfigured.contains(vport);
                let half_made = self.remade.contains(vport) || unready && !observed.passes(*vport);
                half_made || !maps.is_ready(row.instance)
            }
            // What guests send there would be lost.
            Step::Announce(announcement) => {
                let owner = announcement.mapping.location.vport_here();
                owner.is_some_and(|vport| !observed.passes(vport))
            }
            // Rows that nothing will name go when nothing names them.
            Step::Table(change) if urgency == Urgency::Then && change.removes() => {
                change.policy().is_some_and(is_named)
            }
            _ => false,
        };
        if waits {
            self.hold(&allowed, observed);
            return Turn::NotHere;
        }
        Turn::Tables(allowed)
    }

    /// A step of the tables is left for the next walk.
    pub fn hold(&mut self, step: &Step, observed: &Observed) {
        let Step::WriteVport(vport, _) = step else {
            return;
        };
        let plug = observed.devices.get(vport).and_then(|device| device.plug);
        let instance = self.instances.get(vport).copied();
        let instance = instance.or(plug.map(|plug| plug.instance_id));
        self.unreleased_instances.extend(instance);
    }

    /// Nothing that makes an interface goes on without a step before it.
    fn leave_out(&mut self, step: &Step) {
        if !step.is_of_tables() {
            self.left_out.extend(step.vport());
        }
    }

    fn builds_on_what_is_left_out(&self, step: &Step, observed: &Observed) -> bool {
        let releases = matches!(step, Step::WriteVport(vport, _) if !observed.passes(*vport));
        let makes = releases || !step.is_of_tables();
        makes
            && step
                .vport()
                .is_some_and(|vport| self.left_out.contains(&vport))
    }

    /// The steps for the devices lane, and the instances whose connection tables rows wait for, with those rows' vports.
    #[must_use]
    pub fn finish(
        self,
    ) -> (
        BTreeMap<Queue, Vec<QueuedStep>>,
        BTreeMap<u32, BTreeSet<u32>>,
    ) {
        (self.queues, self.maps)
    }

    fn enqueue(&mut self, step: Step, urgency: Urgency, observed: &Observed) {
        let queue = self.queue_of(&step, observed);
        let elsewhere = step
            .vport()
            .and_then(|vport| self.unfinished.get(&vport))
            .is_some_and(|other| *other != queue);
        let before_its_interfaces =
            matches!(&step, Step::Boot(id, _) if self.unreleased_instances.contains(id));
        if elsewhere || before_its_interfaces {
            self.closed.insert(queue);
        }
        self.expect(&step, queue);
        if !self.closed.contains(&queue) {
            let steps = self.queues.entry(queue).or_default();
            steps.push(QueuedStep { urgency, step });
        }
    }

    /// Later rows at the step's vport build on it.
    fn expect(&mut self, step: &Step, queue: Queue) {
        match step {
            Step::Configure(_, interface) => {
                self.unconfigured.insert(interface.vport);
            }
            // Its program is guarding already.
            Step::Link(_) => {}
            _ => {
                if let Some(vport) = step.vport() {
                    self.unfinished.entry(vport).or_insert(queue);
                    if !matches!(step, Step::Guard(_)) {
                        self.remade.insert(vport);
                    }
                }
            }
        }
    }

    fn queue_of(&self, step: &Step, observed: &Observed) -> Queue {
        if let Some(queue) = Queue::named_by(step) {
            return queue;
        }
        let vport = step.vport().unwrap_or_default();
        Queue::of_vport(vport, observed)
            .or_else(|| self.instances.get(&vport).copied().map(Queue::Instance))
            .unwrap_or(Queue::Vport(vport))
    }
}

impl Step {
    /// Whether the step is of the packet tables: microseconds, and waiting for nothing.
    #[must_use]
    pub fn is_of_tables(&self) -> bool {
        matches!(
            self,
            Self::Cut(..)
                | Self::WriteVport(..)
                | Self::Forget(..)
                | Self::Table(_)
                | Self::WriteGlobals(_)
                | Self::Announce(_)
        )
    }
}
