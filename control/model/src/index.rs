//! Which rows have a key.

use alloc::vec::Vec;
use core::iter;
use core::ops::RangeInclusive;

use crate::persistent::{Map, Set};

/// The ids of the rows that have a key. Most keys belong to one row, and cost no set of their own.
#[derive(Clone, Debug, PartialEq)]
enum Holders<Id: Ord> {
    One(Id),
    Several(Set<Id>),
}

/// The ids of the rows that were found, in order.
#[derive(Debug)]
pub struct Ids<'a, Id: Ord>(Option<&'a Holders<Id>>);

impl<Id: Ord> Clone for Ids<'_, Id> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Id: Ord> Copy for Ids<'_, Id> {}

impl<'a, Id: Ord> Ids<'a, Id> {
    /// How many.
    #[must_use]
    pub fn len(self) -> usize {
        match self.0 {
            None => 0,
            Some(Holders::One(_)) => 1,
            Some(Holders::Several(ids)) => ids.len(),
        }
    }

    /// Whether no row was found.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_none()
    }

    /// The ids, in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = &'a Id> {
        let (one, several) = self.split();
        one.into_iter()
            .chain(several.into_iter().flat_map(Set::iter))
    }

    /// The ids from `from` on, in order; without it, all.
    pub(crate) fn iter_from(self, from: Option<Id>) -> impl Iterator<Item = &'a Id> + use<'a, Id> {
        let (one, several) = self.split();
        let one = one.filter(|id| from.as_ref().is_none_or(|from| *id >= from));
        let several = several.map(|ids| ids.iter_from(from));
        one.into_iter().chain(several.into_iter().flatten())
    }

    fn split(self) -> (Option<&'a Id>, Option<&'a Set<Id>>) {
        match self.0 {
            None => (None, None),
            Some(Holders::One(id)) => (Some(id), None),
            Some(Holders::Several(ids)) => (None, Some(ids)),
        }
    }
}

/// Rows by a key that each may have none, one or several of.
#[derive(Clone, Debug, PartialEq)]
pub struct Index<K: Ord, Id: Ord>(Map<K, Holders<Id>>);

impl<K: Ord, Id: Ord> Default for Index<K, Id> {
    fn default() -> Self {
        Self(Map::new())
    }
}

impl<K: Ord, Id: Ord> Index<K, Id> {
    pub(crate) fn ids(&self, key: &K) -> Ids<'_, Id> {
        Ids(self.0.get(key))
    }

    pub(crate) fn keys_between<'a>(
        &'a self,
        range: &RangeInclusive<K>,
    ) -> impl Iterator<Item = &'a K> + use<'a, K, Id> {
        self.0
            .range(range.start()..=range.end())
            .map(|(key, _)| key)
    }
}

impl<K: Ord + Clone, Id: Ord + Clone> Index<K, Id> {
    /// Replaces the keys `old` of the row `id` by `new`.
    pub(crate) fn change(
        &mut self,
        id: &Id,
        old: impl Iterator<Item = K> + Clone,
        new: impl Iterator<Item = K> + Clone,
    ) {
        if old.clone().eq(new.clone()) {
            return;
        }
        old.for_each(|key| self.remove(&key, id));
        new.for_each(|key| self.insert(key, id));
    }

    fn insert(&mut self, key: K, id: &Id) {
        let Some(holders) = self.0.get_mut(&key) else {
            self.0.insert(key, Holders::One(id.clone()));
            return;
        };
        match holders {
            Holders::One(only) if only == id => {}
            Holders::One(only) => {
                *holders = Holders::Several([only.clone(), id.clone()].into_iter().collect())
            }
            Holders::Several(ids) => _ = ids.insert(id.clone()),
        }
    }

    fn remove(&mut self, key: &K, id: &Id) {
        match self.0.get_mut(key) {
            Some(Holders::One(only)) if only == id => _ = self.0.remove(key),
            Some(holders @ Holders::Several(_)) => holders.remove(id),
            _ => {}
        }
    }
}

impl<Id: Ord + Clone> Holders<Id> {
    /// Takes one out of several, of which at least one remains.
    fn remove(&mut self, id: &Id) {
        let Self::Several(ids) = self else {
            return;
        };
        ids.remove(id);
        let first = ids.iter().next().cloned();
        if let (1, Some(last)) = (ids.len(), first) {
            *self = Self::One(last);
        }
    }
}

impl<K: Ord + Clone, Id: Ord + Clone> FromIterator<(K, Id)> for Index<K, Id> {
    fn from_iter<I: IntoIterator<Item = (K, Id)>>(pairs: I) -> Self {
        let mut pairs: Vec<(K, Id)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut pairs = pairs.into_iter().peekable();
        let groups = iter::from_fn(|| {
            let (key, first) = pairs.next()?;
            let mut ids = Vec::new();
            while let Some((_, id)) = pairs.next_if(|(next, _)| *next == key) {
                ids.push(id);
            }
            if ids.is_empty() {
                return Some((key, Holders::One(first)));
            }
            ids.push(first);
            Some((key, Holders::Several(ids.into_iter().collect())))
        });
        Self(groups.collect())
    }
}

/// How much the rows of a key have of something, in all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tally<K: Ord>(Map<K, usize>);

impl<K: Ord> Default for Tally<K> {
    fn default() -> Self {
        Self(Map::new())
    }
}

impl<K: Ord + Clone> Tally<K> {
    pub(crate) fn of(&self, key: &K) -> usize {
        self.0.get(key).copied().unwrap_or_default()
    }

    pub(crate) fn change(&mut self, old: Option<(K, usize)>, new: Option<(K, usize)>) {
        if old == new {
            return;
        }
        if let Some((key, amount)) = new {
            self.set(&key, self.of(&key) + amount);
        }
        if let Some((key, amount)) = old {
            self.set(&key, self.of(&key) - amount);
        }
    }

    /// Nothing is written where there is nothing.
    fn set(&mut self, key: &K, amount: usize) {
        if amount == 0 {
            self.0.remove(key);
        } else {
            self.0.insert(key.clone(), amount);
        }
    }
}

/// Declares what a kind of row is found by: a name, the type of the key, and the keys that one row has. What follows a
/// `+` is a tally, with the key and the amount of one row.
macro_rules! indexes {
    (
        $row:ident, $indexes:ident:
        $($field:ident: $key:ty = |$name:ident| $keys:expr;)*
        $(+ $tally:ident: $tally_key:ty = |$tally_name:ident| $amount:expr;)*
    ) => {
        #[doc = concat!("What a [`", stringify!($row), "`] is found by.")]
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $indexes {
            $($field: $crate::index::Index<$key, <$row as $crate::Row>::Id>,)*
            $(pub(crate) $tally: $crate::index::Tally<$tally_key>,)*
        }

        impl $crate::table::Indexed for $row {
            type Indexes = $indexes;
        }

        #[allow(unused_variables, reason = "of rows that are found by nothing but id and tags")]
        impl $crate::table::Indexes<$row> for $indexes {
            fn change(&mut self, id: &<$row as $crate::Row>::Id, old: Option<&$row>, new: Option<&$row>) {
                $({
                    fn keys($name: &$row) -> impl Iterator<Item = $key> + Clone {
                        IntoIterator::into_iter($keys)
                    }
                    self.$field.change(id, old.into_iter().flat_map(keys), new.into_iter().flat_map(keys));
                })*
                $({
                    let amount = |$tally_name: &$row| $amount;
                    self.$tally.change(old.map(amount), new.map(amount));
                })*
            }

            fn of(rows: &[alloc::sync::Arc<$row>]) -> Self {
                #[allow(unused_mut, reason = "as above")]
                let mut made = Self::default();
                $({
                    fn keys($name: &$row) -> impl Iterator<Item = $key> {
                        IntoIterator::into_iter($keys)
                    }
                    let pairs = rows.iter().flat_map(|row| keys(row).map(|key| (key, $crate::Row::id(&**row))));
                    made.$field = pairs.collect();
                })*
                $(for row in rows {
                    let amount = |$tally_name: &$row| $amount;
                    made.$tally.change(None, Some(amount(row)));
                })*
                made
            }
        }

        $(impl $crate::table::FoundBy<$key> for $row {
            fn index(table: &$crate::Table<Self>) -> &$crate::index::Index<$key, <$row as $crate::Row>::Id> {
                &table.indexes().$field
            }
        })*
    };
}
pub(crate) use indexes;
