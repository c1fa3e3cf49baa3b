//! From the changes of the world to steps, on one host.

use alloc::collections::BTreeSet;

use eni_lower::{Desired, Lowering, Numbers, Update, VportNumbers};
use eni_model::resource::ResourceKey;
use eni_model::{RegionSettings, World};

use crate::lanes::{InFlight, SeenDevices};
use crate::{Convergence, Observed, Plan, Step};

/// What is desired of a host, what is observed on it, and what lies between. It is fed with changes of the world
/// ([`Planner::follow`]), says what is left to do ([`Planner::plan`]), and is told of each step that has been done
/// ([`Planner::done`]).
#[derive(Clone, Debug)]
pub struct Planner {
    lowering: Lowering,
    convergence: Convergence,
    vports: VportNumbers,
}

impl Planner {
    /// Takes over a host on which this has been found. `vports` are the numbers to give out; those of devices that are
    /// there are kept, as are the numbers in the packet tables.
    #[must_use]
    pub fn new(
        world: &World,
        settings: &RegionSettings,
        observed: Observed,
        mut vports: VportNumbers,
    ) -> Self {
        for (vport, device) in &observed.devices {
            if let Some(plug) = device.plug {
                vports.adopt(plug.attachment_id, *vport);
            }
        }
        let numbers = Numbers::recover(world, &observed.tables, &mut vports);
        let (lowering, _) = Lowering::new(world, settings, numbers, &mut vports);
        let mut convergence = Convergence::new(observed);
        convergence.begin(lowering.desired());
        Self {
            lowering,
            convergence,
            vports,
        }
    }

    /// Follows the world `before`, the one last followed, to `after`; `changed` names all rows that differ.
    pub fn follow<'a>(
        &mut self,
        before: &World,
        after: &World,
        changed: impl IntoIterator<Item = &'a ResourceKey>,
    ) -> Update {
        let update = self
            .lowering
            .update(before, after, changed, &mut self.vports);
        self.convergence
            .follow(&update.delta, self.lowering.desired());
        update
    }

    /// What is left to do.
    pub fn plan(&mut self) -> Plan {
        self.convergence.plan(self.lowering.desired())
    }

    /// Takes over that a step has been done.
    pub fn done(&mut self, step: &Step) {
        self.convergence.done(step);
    }

    /// Takes over what has been found on the machine, but for the tables.
    pub fn take_over(&mut self, seen: SeenDevices) {
        self.convergence.take_over(seen, &BTreeSet::new());
    }

    /// Frees the vports of attachments that have left no trace.
    pub fn release_vports(&mut self) {
        let desired = self.lowering.desired();
        let in_flight = InFlight::default();
        self.convergence
            .release_vports(desired, &in_flight, &mut self.vports);
    }

    /// What is desired.
    #[must_use]
    pub fn desired(&self) -> &Desired {
        self.lowering.desired()
    }

    /// What is observed.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        self.convergence.observed()
    }

    /// Which attachment has which vport.
    #[must_use]
    pub fn vports(&self) -> &VportNumbers {
        &self.vports
    }
}
