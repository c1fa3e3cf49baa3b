//! What the agents of hosts follow, and how they answer. In one process a region is both; over several hosts something
//! between that follows the region's store will be.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;

use eni_types::Timestamp;

use crate::{ChangeSet, RegionSettings, Transition, World};

/// A world as it was published. It never changes.
pub trait Published: Send + Sync {
    /// The world.
    fn world(&self) -> &World;

    /// Its revision: later worlds have higher ones.
    fn revision(&self) -> u64;

    /// The change sets that made this world of the one at `revision`, oldest first. `None` where they are not all known:
    /// whoever follows then begins anew from this world.
    fn changes_since(&self, revision: u64) -> Option<Vec<Arc<ChangeSet>>>;
}

/// Where the agent of a host learns what is wanted.
pub trait Source: Send + Sync {
    /// The region's settings.
    fn settings(&self) -> &RegionSettings;

    /// The region's time.
    fn now(&self) -> Timestamp;

    /// What is published at the moment. Does not wait.
    fn published(&self) -> Arc<dyn Published>;

    /// Wakes `waker` after each publication from now on.
    fn wake_on_publication(&self, waker: Waker);
}

/// Where the agent of a host tells what has come about.
pub trait Reports: Send + Sync {
    /// Tells it, without waiting until it is published. It may be lost: whoever reports looks at what is published, and
    /// reports again.
    fn report(&self, transitions: Vec<Transition>);

    /// Tells it that the packet tables are as the world of `revision` wants them, apart from rows that could not be written.
    fn followed(&self, revision: u64);

    /// Lets the region forget what EC2 forgets with time ([`crate::expire`]).
    fn expire(&self);
}
