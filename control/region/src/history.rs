//! The last change sets, for whoever follows the region.

use std::sync::Arc;

use eni_model::ChangeSet;
use eni_model::persistent::Map;
use eni_store::Revision;

/// Change sets kept: two seconds' worth at two thousand calls a second. Whoever lags by more reads the world anew.
const MAX_CHANGE_SETS: usize = 4_096;
/// Single changes kept in them, since each may keep a row alive that the world has left behind.
const MAX_CHANGES: usize = 16_384;

/// Change sets by the revision that each led to, without a gap.
#[derive(Clone, Debug)]
pub(crate) struct History {
    change_sets: Map<Revision, Arc<ChangeSet>>,
    changes: usize,
    /// The revision that the first of them was made on.
    start: Revision,
    /// The revision that the last of them led to.
    end: Revision,
}

impl History {
    /// Of a world whose past is not known.
    pub(crate) fn starting_at(revision: Revision) -> Self {
        Self {
            change_sets: Map::default(),
            changes: 0,
            start: revision,
            end: revision,
        }
    }

    /// The revision that all of it led to.
    pub(crate) fn end(&self) -> Revision {
        self.end
    }

    /// Adds what led to `revision`, and forgets what is too much.
    pub(crate) fn push(&mut self, revision: Revision, change_set: Arc<ChangeSet>) {
        // A transaction that changed nothing, such as the removal of what was not there, has no revision of its own.
        if revision <= self.end {
            return;
        }
        self.changes += change_set.len();
        self.change_sets.insert(revision, change_set);
        self.end = revision;
        while self.change_sets.len() > MAX_CHANGE_SETS || self.changes > MAX_CHANGES {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some((&revision, change_set)) = self.change_sets.first() else {
            return;
        };
        self.changes -= change_set.len();
        self.start = revision;
        self.change_sets.remove(&revision);
    }

    /// What led from `revision` to the end, oldest first; `None` where that is not all here.
    pub(crate) fn since(
        &self,
        revision: Revision,
    ) -> Option<impl Iterator<Item = (Revision, &Arc<ChangeSet>)>> {
        (self.start..=self.end).contains(&revision).then(|| {
            let later = self.change_sets.range(revision.next()..);
            later.map(|(revision, change_set)| (*revision, change_set))
        })
    }
}

#[cfg(test)]
mod tests {
    use eni_model::Change;
    use eni_model::resource::ResourceKey;
    use eni_types::{IdSequence, TypedId, VpcId};
    use proptest::prelude::*;

    use super::*;

    fn change_set(changes: usize) -> Arc<ChangeSet> {
        let mut made = ChangeSet::none();
        let id = VpcId::generate(&mut IdSequence::default());
        for _ in 0..changes {
            made.delete(id);
        }
        assert!(
            made.iter()
                .all(|change| matches!(change, Change::Delete(ResourceKey::Vpc(_))))
        );
        Arc::new(made)
    }

    fn revisions_since(history: &History, revision: u64) -> Option<Vec<u64>> {
        let found = history.since(Revision(revision))?;
        Some(found.map(|(revision, _)| revision.0).collect())
    }

    proptest! {
        #[test]
        fn all_or_nothing_is_told(start in 0..50_u64, sizes in prop::collection::vec(0..900_usize, 0..60), asked in 0..120_u64) {
            let mut history = History::starting_at(Revision(start));
            for (revision, size) in (start + 1..).zip(&sizes) {
                history.push(Revision(revision), change_set(*size));
            }
            let end = start + sizes.len() as u64;
            prop_assert_eq!(history.end(), Revision(end));
            match revisions_since(&history, asked) {
                Some(told) => prop_assert_eq!(told, (asked + 1..=end).collect::<Vec<_>>()),
                None => {
                    let missed = asked.saturating_sub(start).min(sizes.len() as u64) as usize;
                    let kept: usize = sizes[missed..].iter().sum();
                    prop_assert!(asked < start || asked > end || kept > MAX_CHANGES, "{} changes are not kept", kept);
                }
            }
        }
    }

    #[test]
    fn the_number_of_change_sets_is_bounded() {
        let mut history = History::starting_at(Revision(0));
        let last = MAX_CHANGE_SETS as u64 + 10;
        for revision in 1..=last {
            history.push(Revision(revision), change_set(1));
        }
        assert_eq!(revisions_since(&history, 9), None);
        assert_eq!(
            revisions_since(&history, 10).map(|told| told.len()),
            Some(MAX_CHANGE_SETS)
        );
    }

    #[test]
    fn a_transaction_without_a_revision_hides_none() {
        let mut history = History::starting_at(Revision(3));
        history.push(Revision(4), change_set(1));
        history.push(Revision(4), change_set(2));
        let told: Vec<_> = history
            .since(Revision(3))
            .unwrap()
            .map(|(_, set)| set.len())
            .collect();
        assert_eq!(told, [1]);
    }
}
