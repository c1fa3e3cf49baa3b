//! Rows, by id and by what else they are found by.

#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::ops::RangeInclusive;

use crate::index::{Ids, Index};
use crate::persistent::Map;
use crate::tags::{Tag, Tags};

/// A kind of row.
pub trait Row {
    /// Its id.
    type Id: Clone + Ord;
    /// The row's id.
    fn id(&self) -> Self::Id;
    /// The row's tags.
    fn tags(&self) -> &Tags {
        Tags::NONE
    }
    /// Whether calls show the row at all.
    fn is_shown(&self) -> bool {
        true
    }
}

/// The ids of the rows of a kind that were found.
pub type IdsOf<'a, R> = Ids<'a, <R as Row>::Id>;

/// A kind of row that a region keeps in a table.
pub trait Indexed: Row {
    /// What such rows are found by, besides id and tags.
    type Indexes: Indexes<Self>;
}

/// All indexes of a kind of row; `index::indexes!` declares them.
pub trait Indexes<R: Row + ?Sized>: Clone + Debug + Default + PartialEq {
    /// Replaces the keys of `old` by those of `new`, both rows of this id.
    fn change(&mut self, id: &R::Id, old: Option<&R>, new: Option<&R>);
    /// The indexes of these rows.
    fn of(rows: &[Arc<R>]) -> Self;
}

/// Rows of this kind are found by a `K`. What no row is found by does not compile.
pub trait FoundBy<K: Ord>: Indexed + Sized {
    /// The index.
    fn index(table: &Table<Self>) -> &Index<K, Self::Id>;
}

impl<R: Indexed> FoundBy<Tag> for R {
    fn index(table: &Table<Self>) -> &Index<Tag, R::Id> {
        &table.tags
    }
}

/// All rows of one kind, in the order of their ids. A copy costs nothing: it shares all rows, and the indexes as far as
/// they are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Table<R: Indexed> {
    rows: Map<R::Id, Arc<R>>,
    indexes: R::Indexes,
    tags: Index<Tag, R::Id>,
}

impl<R: Indexed> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: Map::new(),
            indexes: R::Indexes::default(),
            tags: Index::default(),
        }
    }
}

impl<R: Indexed> Table<R> {
    /// The row with this id.
    pub fn get(&self, id: R::Id) -> Option<&Arc<R>> {
        self.rows.get(&id)
    }

    /// All rows, by id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<R>> {
        self.rows.values()
    }

    /// The rows from `id` on, by id.
    pub fn iter_from(&self, id: R::Id) -> impl DoubleEndedIterator<Item = &Arc<R>> {
        self.rows.range(id..).map(|(_, row)| row)
    }

    /// The rows found by `key`, by id.
    pub fn by<'a, K: Ord + 'a>(
        &'a self,
        key: &K,
    ) -> impl DoubleEndedIterator<Item = &'a Arc<R>> + use<'a, K, R>
    where
        R: FoundBy<K>,
    {
        self.rows_of(self.ids(key))
    }

    /// The ids of the rows found by `key`.
    #[must_use]
    pub fn ids<'a, K: Ord + 'a>(&'a self, key: &K) -> Ids<'a, R::Id>
    where
        R: FoundBy<K>,
    {
        R::index(self).ids(key)
    }

    /// The rows with these ids.
    pub(crate) fn rows_of<'a>(
        &'a self,
        ids: Ids<'a, R::Id>,
    ) -> impl DoubleEndedIterator<Item = &'a Arc<R>> + use<'a, R> {
        ids.iter().filter_map(|id| self.rows.get(id))
    }

    /// Of the rows with these ids, those from `from` on; without it, all.
    pub(crate) fn rows_from<'a>(
        &'a self,
        ids: Ids<'a, R::Id>,
        from: Option<R::Id>,
    ) -> impl Iterator<Item = &'a Arc<R>> + use<'a, R> {
        ids.iter_from(from).filter_map(|id| self.rows.get(id))
    }

    /// The keys in `range` that find a row, in order.
    pub fn keys_between<'a, K: Ord + 'a>(
        &'a self,
        range: &RangeInclusive<K>,
    ) -> impl Iterator<Item = &'a K> + use<'a, K, R>
    where
        R: FoundBy<K>,
    {
        R::index(self).keys_between(range)
    }

    /// How many rows `key` finds.
    #[must_use]
    pub fn count<K: Ord>(&self, key: &K) -> usize
    where
        R: FoundBy<K>,
    {
        self.ids(key).len()
    }

    /// The first row found by `key`: for keys that only one row can have.
    #[must_use]
    pub fn one<'a, K: Ord + 'a>(&'a self, key: &K) -> Option<&'a Arc<R>>
    where
        R: FoundBy<K>,
    {
        self.by(key).next()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What rows are found by, for the implementations of [`FoundBy`].
    pub(crate) fn indexes(&self) -> &R::Indexes {
        &self.indexes
    }

    pub(crate) fn put(&mut self, row: Arc<R>) {
        let id = row.id();
        let old = self.rows.insert(id.clone(), Arc::clone(&row));
        self.index(&id, old.as_deref(), Some(&row));
    }

    pub(crate) fn delete(&mut self, id: &R::Id) {
        if let Some(old) = self.rows.remove(id) {
            self.index(id, Some(&old), None);
        }
    }

    fn index(&mut self, id: &R::Id, old: Option<&R>, new: Option<&R>) {
        self.indexes.change(id, old, new);
        let old = old.map_or(Tags::NONE, Row::tags).all();
        let new = new.map_or(Tags::NONE, Row::tags).all();
        self.tags.change(id, old.cloned(), new.cloned());
    }
}

/// Of rows with the same id, the last remains.
impl<R: Indexed> FromIterator<Arc<R>> for Table<R> {
    fn from_iter<I: IntoIterator<Item = Arc<R>>>(rows: I) -> Self {
        let rows: Map<R::Id, Arc<R>> = rows.into_iter().map(|row| (row.id(), row)).collect();
        let by_id: Vec<Arc<R>> = rows.values().cloned().collect();
        let tags = by_id.iter().flat_map(|row| {
            let id = row.id();
            row.tags().all().map(move |tag| (tag.clone(), id.clone()))
        });
        Self {
            indexes: R::Indexes::of(&by_id),
            tags: tags.collect(),
            rows,
        }
    }
}
