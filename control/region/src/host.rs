//! The region as the agent of a host in the same process sees it.

use std::sync::Arc;
use std::task::Waker;

use eni_model::{
    ChangeSet, Published, RegionSettings, Reports, Source, Transition, World, expire,
    plan_transitions,
};
use eni_store::Revision;
use eni_types::Timestamp;

use crate::{Region, Snapshot};

impl Published for Snapshot {
    fn world(&self) -> &World {
        self.world()
    }

    fn revision(&self) -> u64 {
        self.revision().0
    }

    fn changes_since(&self, revision: u64) -> Option<Vec<Arc<ChangeSet>>> {
        let changes = self.changes_since(Revision(revision))?;
        Some(changes.map(|(_, changes)| Arc::clone(changes)).collect())
    }
}

impl Source for Region {
    fn settings(&self) -> &RegionSettings {
        self.settings()
    }

    fn now(&self) -> Timestamp {
        self.now()
    }

    fn published(&self) -> Arc<dyn Published> {
        self.snapshot()
    }

    fn wake_on_publication(&self, waker: Waker) {
        self.add_waker(waker);
    }
}

impl Reports for Region {
    fn report(&self, transitions: Vec<Transition>) {
        // Whoever reports does not wait for the answer.
        drop(self.submit(self.owner(), 0, move |world, context| {
            Ok((plan_transitions(world, &transitions, context.now), ()))
        }));
    }

    fn followed(&self, revision: u64) {
        self.has_followed(Revision(revision));
    }

    fn expire(&self) {
        if !expire(self.snapshot().world(), self.now()).is_empty() {
            drop(self.submit(self.owner(), 0, |world, context| {
                Ok((expire(world, context.now), ()))
            }));
        }
    }
}
