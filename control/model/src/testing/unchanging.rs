//! A region in which nothing happens any more, as an agent sees it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;

use eni_types::Timestamp;

use super::TestWorld;
use crate::{ChangeSet, Published, RegionSettings, Source, World};

/// Always the same world, at the same moment.
#[derive(Debug)]
pub struct Unchanging {
    published: Arc<OnlyWorld>,
    settings: RegionSettings,
    now: Timestamp,
}

#[derive(Debug)]
struct OnlyWorld(World);

impl From<TestWorld> for Unchanging {
    fn from(region: TestWorld) -> Self {
        Self {
            published: Arc::new(OnlyWorld(region.world)),
            settings: region.region,
            now: region.now,
        }
    }
}

impl Published for OnlyWorld {
    fn world(&self) -> &World {
        &self.0
    }

    fn revision(&self) -> u64 {
        1
    }

    fn changes_since(&self, _: u64) -> Option<Vec<Arc<ChangeSet>>> {
        None
    }
}

impl Source for Unchanging {
    fn settings(&self) -> &RegionSettings {
        &self.settings
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn published(&self) -> Arc<dyn Published> {
        Arc::clone(&self.published) as _
    }

    fn wake_on_publication(&self, _: Waker) {}
}
