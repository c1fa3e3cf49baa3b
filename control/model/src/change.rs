//! What an operation changes.

use alloc::vec::Vec;

use crate::Ec2Error;
use crate::resource::{Resource, ResourceKey};

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Insert or replace.
    Put(Resource),
    /// Remove; nothing happens where there is nothing.
    Delete(ResourceKey),
}

impl Change {
    /// The key that is written.
    #[must_use]
    pub fn key(&self) -> ResourceKey {
        match self {
            Self::Put(resource) => resource.key(),
            Self::Delete(key) => key.clone(),
        }
    }
}

/// The writes of one operation, applied and stored whole or not at all. A later write to the same key wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeSet {
    changes: Vec<Change>,
}

impl ChangeSet {
    /// No change: what reads give.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The insertion or replacement of one resource.
    #[must_use]
    pub fn putting(resource: impl Into<Resource>) -> Self {
        let mut changes = Self::none();
        changes.put(resource);
        changes
    }

    /// Adds an insertion or replacement.
    pub fn put(&mut self, resource: impl Into<Resource>) {
        self.changes.push(Change::Put(resource.into()));
    }

    /// Adds a removal.
    pub fn delete(&mut self, key: impl Into<ResourceKey>) {
        self.changes.push(Change::Delete(key.into()));
    }

    /// Adds all of `other`'s writes after these.
    pub fn append(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
    }

    /// These changes, with the answer of the call that makes them.
    ///
    /// # Errors
    /// None: this is what planning ends with.
    pub(crate) fn answered<R>(self, response: R) -> Result<(Self, R), Ec2Error> {
        Ok((self, response))
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many writes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// The writes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }
}
