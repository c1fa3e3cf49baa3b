//! The way from observed to desired, as both change.

use alloc::collections::BTreeSet;

use eni_lower::{Delta, Desired, VportNumbers};

use crate::index::Index;
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
    touched: Touched,
    /// Vports that their interfaces have left: each is free when its device is gone, too.
    left: BTreeSet<u32>,
}

impl Convergence {
    /// Nothing is known of the way yet: the first plan looks at everything.
    #[must_use]
    pub fn new(desired: &Desired, observed: Observed) -> Self {
        let mut convergence = Self {
            index: Index::of(desired, &observed),
            touched: Touched::default(),
            observed,
            left: BTreeSet::new(),
        };
        convergence.touch_all(desired);
        convergence
    }

    /// What is observed.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Whether the last plan had no step, and nothing has changed since.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.touched.is_empty()
    }

    /// Follows what is desired: `desired` differs by `delta` from what it was.
    pub fn follow(&mut self, delta: &Delta, desired: &Desired) {
        self.index.follow(delta, desired);
        self.touched.add_delta(delta, desired);
        let before = delta.interfaces.values().flatten();
        self.left.extend(before.map(|interface| interface.vport));
    }

    /// Lets the next plan look at everything.
    pub fn touch_all(&mut self, desired: &Desired) {
        self.touched = Touched::all(desired, &self.observed);
        self.left.extend(self.observed.devices.keys());
    }

    /// What is left to do.
    pub fn plan(&mut self, desired: &Desired) -> Plan {
        let (observed, index) = (&self.observed, &self.index);
        self.touched.add_related(desired, observed, index);
        let comparison = Comparison {
            desired,
            observed,
            index,
            touched: &self.touched,
        };
        let plan = comparison.plan();
        self.touched = Touched::of_steps(&plan);
        plan
    }

    /// Takes over that a step has been done.
    pub fn done(&mut self, step: &Step) {
        self.touched.add_step(step);
        let concerned = Concerned::by(step, &self.observed, &self.index);
        self.index.forget(&concerned, &self.observed);
        self.observed.apply_to(step, &concerned);
        self.index.remember(step, &concerned, &self.observed);
    }

    /// Takes over what has been found on the machine, where it is not what was remembered.
    pub fn observe(&mut self, observed: Observed) {
        self.touched.add_observed(&self.observed, &observed);
        self.index.read_observed(&observed);
        self.observed = observed;
    }

    /// Frees the numbers of attachments that have left no trace.
    pub fn release_vports(&mut self, desired: &Desired, vports: &mut VportNumbers) {
        let observed = &self.observed;
        self.left.retain(|vport| {
            let Some(id) = vports.attachment(*vport) else {
                return false;
            };
            if desired.interfaces.contains_key(&id) {
                return false;
            }
            let leaves_trace = observed.devices.contains_key(vport) || observed.passes(*vport);
            if !leaves_trace {
                vports.release(id);
            }
            leaves_trace
        });
    }
}
