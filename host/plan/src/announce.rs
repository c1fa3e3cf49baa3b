//! Addresses that change their MAC, and whom to tell.
//!
//! A guest that remembers an address's old MAC sends there until its entry is old, 15 to 45 seconds and more while its
//! connections confirm it. Where the old owner takes what is not its own (its source/destination check is off), the
//! pipeline must deliver by MAC, as such an interface may be the next hop: so the guests are told. That they are yet to be
//! is kept in the row ([`Mapping::unannounced`]), so that it is done even if the process ends in between.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use eni_abi::{Mapping, MappingKey, Vport};
use eni_lower::{TableChange, Tables};

use crate::{Announcement, Step};

/// The rows of [`Tables::mappings`] to be written or removed.
pub(crate) fn changes(desired: &Tables, observed: &Tables, changes: &mut Vec<TableChange>) {
    let takers = Takers::of(desired);
    for (key, row) in &desired.mappings {
        let found = observed.mappings.get(key);
        if found.is_some_and(|found| announced(found) == *row) {
            continue;
        }
        let moved = match found {
            Some(found) => found.mac != row.mac || found.unannounced != 0,
            // Whose it was before is not known any more; it matters only where somebody would take what goes there.
            None => takers.besides(row),
        };
        let row = Mapping {
            unannounced: moved.into(),
            ..*row
        };
        changes.push(TableChange::Mapping(*key, Some(row)));
    }
    let gone = observed.mappings.keys();
    let gone = gone.filter(|key| !desired.mappings.contains_key(key));
    changes.extend(gone.map(|key| TableChange::Mapping(*key, None)));
}

/// What is to be told when `changes` have been made.
pub(crate) fn steps(
    desired: &Tables,
    observed: &Tables,
    changes: &[TableChange],
    steps: &mut Vec<Step>,
) {
    let written = changes.iter().filter_map(|change| match change {
        TableChange::Mapping(key, Some(row)) => Some((key, row)),
        _ => None,
    });
    // Those that an earlier process left.
    let left = observed.mappings.iter().filter(|(key, row)| {
        let wanted = desired.mappings.get(key);
        wanted.is_some_and(|wanted| *wanted == announced(row))
    });
    let unannounced = written.chain(left).filter(|(_, row)| row.unannounced != 0);
    steps.extend(unannounced.map(|(key, row)| Step::Announce(announcement(*key, row, desired))));
}

fn announced(row: &Mapping) -> Mapping {
    Mapping {
        unannounced: 0,
        ..*row
    }
}

fn announcement(key: MappingKey, row: &Mapping, desired: &Tables) -> Announcement {
    let hears = |(vport, guest): &(&u32, &Vport)| {
        guest.vpc == key.vpc && guest.subnet == row.subnet && **vport != row.vport
    };
    let hearers = desired.vports.iter().filter(hears);
    Announcement {
        key,
        mapping: announced(row),
        hearers: hearers.map(|(vport, guest)| (*vport, guest.mac)).collect(),
    }
}

/// Interfaces that take packets for addresses of others, by subnet.
struct Takers(BTreeSet<(u32, u32)>);

impl Takers {
    fn of(tables: &Tables) -> Self {
        let takes = |(vport, row): (&u32, &Vport)| {
            let checked = row.has(Vport::SOURCE_DEST_CHECK) || row.has(Vport::UPLINK);
            (!checked).then_some((row.subnet, *vport))
        };
        Self(tables.vports.iter().filter_map(takes).collect())
    }

    /// Whether another interface of the subnet is one.
    fn besides(&self, row: &Mapping) -> bool {
        let of_subnet = (row.subnet, 0)..=(row.subnet, u32::MAX);
        self.0
            .range(of_subnet)
            .any(|(_, vport)| *vport != row.vport)
    }
}
