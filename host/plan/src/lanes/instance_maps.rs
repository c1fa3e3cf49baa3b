//! Which instances have connection tables that rows may name.
//!
//! An instance's number ([`eni_abi::Vport::instance`]) leads to tables of its own. They are made before the first row names
//! the number, and taken away some time after the last. A number that comes to be another instance's gets new ones, so that
//! nothing is found there of the instance before.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::Vport;

/// The numbers whose tables are there, and the rows that name them. Number 0 is none.
#[derive(Clone, Debug, Default)]
pub struct InstanceMaps {
    /// Fit to be named.
    ready: BTreeSet<u32>,
    /// Of instances that no row names any more.
    used: BTreeSet<u32>,
    /// The instance that each row names, and how many rows name an instance.
    named: BTreeMap<u32, u32>,
    rows_of: BTreeMap<u32, usize>,
}

impl InstanceMaps {
    /// Of these tables and rows, as they are found.
    #[must_use]
    pub fn found(tables: impl IntoIterator<Item = u32>, rows: &BTreeMap<u32, Vport>) -> Self {
        let mut found = Self::default();
        for (vport, row) in rows {
            found.row_written(*vport, row.instance);
        }
        // A process may have ended between a table and its row.
        let (ready, used) = tables
            .into_iter()
            .partition(|instance| found.rows_of.contains_key(instance));
        Self {
            ready,
            used,
            ..found
        }
    }

    /// All numbers that have tables.
    pub fn instances(&self) -> impl Iterator<Item = u32> + '_ {
        self.ready.iter().chain(&self.used).copied()
    }

    /// Whether a row may name `instance`.
    #[must_use]
    pub fn is_ready(&self, instance: u32) -> bool {
        instance == 0 || self.ready.contains(&instance)
    }

    /// New, empty tables are there for `instance`.
    pub fn made(&mut self, instance: u32) {
        self.used.remove(&instance);
        self.ready.insert(instance);
    }

    /// The row of `vport` names `instance`.
    pub fn row_written(&mut self, vport: u32, instance: u32) {
        if instance != 0 {
            *self.rows_of.entry(instance).or_default() += 1;
        }
        let before = self.named.insert(vport, instance).unwrap_or(0);
        let Some(rows) = self.rows_of.get_mut(&before) else {
            return;
        };
        *rows -= 1;
        if *rows == 0 {
            self.rows_of.remove(&before);
            if self.ready.remove(&before) {
                self.used.insert(before);
            }
        }
    }

    /// Up to `limit` numbers whose tables nobody needs: no row names them, and none of the rows `wanted` will.
    pub fn unneeded<'a>(
        &self,
        wanted: impl IntoIterator<Item = &'a Vport>,
        limit: usize,
    ) -> Vec<u32> {
        let unnamed = |instance: &&u32| !self.rows_of.contains_key(instance);
        let mut candidates: BTreeSet<u32> = self.ready.iter().filter(unnamed).copied().collect();
        candidates.extend(&self.used);
        if candidates.is_empty() {
            return Vec::new();
        }
        for row in wanted {
            candidates.remove(&row.instance);
        }
        candidates.into_iter().take(limit).collect()
    }

    /// The tables of `instance` are being taken away.
    pub fn removed(&mut self, instance: u32) {
        self.ready.remove(&instance);
        self.used.remove(&instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(instance: u32) -> Vport {
        Vport {
            instance,
            ..Vport::default()
        }
    }

    #[test]
    fn tables_are_ready_while_a_row_names_them_and_made_anew_for_the_next_instance() {
        let rows = [(3, row(7)), (4, row(7)), (5, row(0))].into();
        let mut maps = InstanceMaps::found([7, 8], &rows);
        assert!(maps.is_ready(0) && maps.is_ready(7));
        assert!(!maps.is_ready(8), "of before");
        assert_eq!(maps.unneeded(&[], 9), [8]);
        assert_eq!(maps.unneeded(&[row(8)], 9), [0; 0]);
        maps.row_written(3, 0);
        assert!(maps.is_ready(7));
        maps.row_written(4, 9);
        assert!(!maps.is_ready(7), "what is remembered there is another's");
        maps.made(7);
        assert!(maps.is_ready(7));
        assert_eq!(maps.unneeded(&[row(7)], 9), [8]);
        assert_eq!(maps.unneeded(&[], 1), [7], "nobody ever named it");
        maps.removed(7);
        assert!(!maps.is_ready(7));
        assert_eq!(maps.unneeded(&[], 9), [8]);
    }
}
