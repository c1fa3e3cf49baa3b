//! Addresses that change their MAC, and whom to tell.
//!
//! A guest that remembers an address's old MAC sends there until its entry is old, 15 to 45 seconds and more while its
//! connections confirm it. Where the old owner takes what is not its own (its source/destination check is off), the
//! pipeline must deliver by MAC, as such an interface may be the next hop: so the guests are told. That they are yet to be
//! is kept in the row ([`Mapping::unannounced`]), so that it is done even if the process ends in between.

use alloc::vec::Vec;

use eni_abi::{Mapping, MappingKey};
use eni_lower::{TableChange, TableKey};

use crate::plan::Comparison;
use crate::{Announcement, Step};

/// The row of [`eni_lower::Tables::mappings`] at `key`, if it is to be written or removed.
pub(crate) fn change(comparison: &Comparison<'_>, key: MappingKey) -> Option<TableChange> {
    let found = comparison.observed.tables.mappings.get(&key);
    let Some(row) = comparison.desired.tables.mappings.get(&key) else {
        return found.map(|_| TableChange::Mapping(key, None));
    };
    if found.is_some_and(|found| announced(found) == *row) {
        return None;
    }
    let moved = match found {
        Some(found) => found.mac != row.mac || found.unannounced != 0,
        // Whose it was before is not known any more; it matters only where somebody would take what goes there.
        None => comparison.index.has_taker_besides(row),
    };
    let row = Mapping {
        unannounced: moved.into(),
        ..*row
    };
    Some(TableChange::Mapping(key, Some(row)))
}

/// What is to be told when `changes` have been made.
pub(crate) fn steps(comparison: &Comparison<'_>, changes: &[TableChange]) -> Vec<Step> {
    let written = changes.iter().filter_map(|change| match change {
        TableChange::Mapping(key, Some(row)) => Some((*key, row)),
        _ => None,
    });
    // Those that an earlier process left.
    let left = comparison.touched.rows.iter().filter_map(|key| {
        let TableKey::Mapping(key) = key else {
            return None;
        };
        let row = comparison.observed.tables.mappings.get(key)?;
        let wanted = comparison.desired.tables.mappings.get(key)?;
        (*wanted == announced(row)).then_some((*key, row))
    });
    let unannounced = written.chain(left).filter(|(_, row)| row.unannounced != 0);
    unannounced
        .map(|(key, row)| Step::Announce(announcement(comparison, key, row)))
        .collect()
}

impl Announcement {
    /// Whether `row` is what guests were told, and yet to be written as announced.
    #[must_use]
    pub fn is_of(&self, row: &Mapping) -> bool {
        row.unannounced != 0 && announced(row) == self.mapping
    }
}

fn announced(row: &Mapping) -> Mapping {
    Mapping {
        unannounced: 0,
        ..*row
    }
}

fn announcement(comparison: &Comparison<'_>, key: MappingKey, row: &Mapping) -> Announcement {
    let guests = comparison.index.guests(key.vpc, row.subnet);
    let hearers = guests.filter(|(vport, _)| Some(*vport) != row.location.vport_here());
    Announcement {
        key,
        mapping: announced(row),
        hearers: hearers.collect(),
    }
}
