//! What readers see.

use std::sync::Arc;

use arc_swap::ArcSwap;
use eni_model::{ChangeSet, World};
use eni_store::Revision;

use crate::history::History;

/// One published revision: the world, and the change sets that led to it. It never changes, so that whoever holds it
/// sees one moment for as long as it likes, and holds up nobody.
#[derive(Debug)]
pub struct Snapshot {
    world: World,
    revision: Revision,
    history: History,
}

impl Snapshot {
    /// A world whose past is not known, as one read from the store.
    pub(crate) fn without_history(world: World, revision: Revision) -> Self {
        Self {
            world,
            revision,
            history: History::starting_at(revision),
        }
    }

    /// The snapshot that follows when `changes`, each at its revision, have led to `world`.
    pub(crate) fn followed_by(
        &self,
        world: World,
        changes: impl IntoIterator<Item = (Revision, Arc<ChangeSet>)>,
    ) -> Self {
        let mut history = self.history.clone();
        for (revision, changes) in changes {
            history.push(revision, changes);
        }
        Self {
            world,
            revision: history.end(),
            history,
        }
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world's revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The change sets that made this world of the one at `revision`, oldest first, each with the revision that it led
    /// to. `None` where they are not all known, because `revision` is too old or not of this region's past: whoever
    /// follows the region then starts anew from this world.
    #[must_use]
    pub fn changes_since(
        &self,
        revision: Revision,
    ) -> Option<impl Iterator<Item = (Revision, &Arc<ChangeSet>)>> {
        self.history.since(revision)
    }
}

/// The snapshot that readers are given. Readers and the writer never wait for each other.
#[derive(Debug)]
pub(crate) struct Published(ArcSwap<Snapshot>);

impl Published {
    pub(crate) fn new(first: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// The last one, for as long as the caller likes.
    pub(crate) fn get(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    pub(crate) fn replace(&self, next: Snapshot) {
        self.0.store(Arc::new(next));
    }
}
