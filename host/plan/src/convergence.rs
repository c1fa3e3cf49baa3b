//! The way from observed to desired, as both change.

use alloc::collections::BTreeSet;

use eni_abi::Globals;
use eni_lower::{Delta, Desired, TableKey, Tables, VportNumbers};

use crate::index::Index;
use crate::lanes::{InFlight, Queue, SeenDevices};
use crate::observed::Concerned;
use crate::plan::Comparison;
use crate::touched::Touched;
use crate::{Observed, Plan, Step};

/// What is observed, and where it may differ from what is desired. A plan looks there only; a place is looked at until a
/// plan finds nothing to do for it, whatever became of the steps of the plans before.
///
/// What is desired is the caller's, and the same in all calls but for what [`Convergence::follow`] is told.
#[derive(Clone, Debug)]
pub struct Convergence {
    observed: Observed,
    index: Index,
    /// What the steps of the last plan are about.
    planned: Touched,
    /// What has been touched since.
    touched: Touched,
    /// Vports that their interfaces have left: each is free when its device is gone, too.
    left: BTreeSet<u32>,
}

impl Convergence {
    /// What has been found on the machine. What is desired is yet to be told ([`Convergence::begin`]).
    #[must_use]
    pub fn new(observed: Observed) -> Self {
        Self {
            observed,
            index: Index::default(),
            planned: Touched::default(),
            touched: Touched::default(),
            left: BTreeSet::new(),
        }
    }

    /// Begins the way to `desired`, whatever was desired before: the next plan looks at everything.
    pub fn begin(&mut self, desired: &Desired) {
        self.index = Index::of(desired, &self.observed);
        self.touched = Touched::all(desired, &self.observed);
        self.left.extend(self.observed.devices.keys());
    }

    /// What is observed.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Follows what is desired: `desired` differs by `delta` from what it was.
    pub fn follow(&mut self, delta: &Delta, desired: &Desired) {
        self.index.follow(delta, desired);
        self.touched.add_delta(delta, desired);
        let before = delta.interfaces.values().flatten();
        self.left.extend(before.map(|interface| interface.vport));
    }

    /// What is left to do.
    pub fn plan(&mut self, desired: &Desired) -> Plan {
        let (observed, index) = (&self.observed, &self.index);
        self.touched.add(core::mem::take(&mut self.planned));
        self.touched.add_related(desired, observed, index);
        let comparison = Comparison {
            desired,
            observed,
            index,
            touched: &self.touched,
        };
        let plan = comparison.plan();
        self.touched = Touched::default();
        self.planned = Touched::of_steps(&plan);
        plan
    }

    /// Takes over that a step has been done.
    pub fn done(&mut self, step: &Step) {
        // A row that stands as the last plan wanted it need not be looked at again for its sake.
        match step {
            Step::Table(change) if !change.is_unannounced() => {
                self.planned.rows.remove(&change.key());
            }
            Step::Announce(announcement) => {
                let key = TableKey::Mapping(announcement.key);
                self.planned.rows.remove(&key);
            }
            step => self.touched.add_step(step),
        }
        let concerned = Concerned::by(step, &self.observed, &self.index);
        self.index.forget(&concerned, &self.observed);
        self.observed.apply_to(step, &concerned);
        self.index.remember(step, &concerned, &self.observed);
    }

    /// Takes over what has been found on the machine, but for the tables, where it is not what was remembered: all but what
    /// belongs to queues that were being `changed` meanwhile. Whether there was anything.
    pub fn take_over(&mut self, seen: SeenDevices, changed: &BTreeSet<Queue>) -> bool {
        let tables = core::mem::take(&mut self.observed.tables);
        let before = self.observed.clone();
        self.observed.take_over(seen, changed);
        let differs = before != self.observed;
        if differs {
            self.touched.add_observed(&before, &self.observed);
        }
        self.observed.tables = tables;
        if differs {
            self.index.read_observed(&self.observed);
        }
        differs
    }

    /// Takes over what has been read from the tables.
    pub fn read_tables(&mut self, tables: Tables, globals: Globals) {
        self.touched.add_tables(&self.observed.tables, &tables);
        self.observed.tables = tables;
        self.observed.globals = globals;
        self.index.read_observed(&self.observed);
    }

    /// Frees the numbers of attachments that have left no trace, and for whose vport no step is under way. Whether there
    /// were any.
    pub fn release_vports(
        &mut self,
        desired: &Desired,
        in_flight: &InFlight,
        vports: &mut VportNumbers,
    ) -> bool {
        let observed = &self.observed;
        let mut released = false;
        self.left.retain(|vport| {
            let Some(id) = vports.attachment(*vport) else {
                return false;
            };
            if desired.interfaces.contains_key(&id) {
                return false;
            }
            let leaves_trace = observed.devices.contains_key(vport)
                || observed.passes(*vport)
                || in_flight.touches_vport(*vport);
            if !leaves_trace {
                vports.release(id);
                released = true;
            }
            leaves_trace
        });
        released
    }
}
