//! Listings of what no table holds as it is shown: other views of a table's rows, and what rows have several of.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::{self, Vec};
use core::ops::RangeInclusive;
use core::str::FromStr;

use eni_types::{TypedId, quota};

use super::{
    Described, Filter, Listing, Page, Part, Scope, check_filters, check_page, decode_token,
    encode_token, named, passes,
};
use crate::{Ec2Error, Indexed, ItemSet, RegionSettings, Table, World};

/// A row that is made to be shown.
pub(crate) trait Made: Described {
    /// How many of them an answer may be asked to have.
    const PAGE_SIZES: RangeInclusive<u32> = quota::PAGE_SIZES;

    /// Where it stands among all, which go by this text.
    fn key(&self) -> String;
}

/// Makes the rows of a listing, one after the other, by their keys.
pub(crate) trait Maker: Send {
    /// What it makes.
    type Row: Made;

    /// Looks at the next place where a row may be; `None` after the last, `Some(None)` where none is.
    fn look(&mut self, scope: Scope<'_>) -> Option<Option<Self::Row>>;

    /// Passes over what comes before a key, where that takes no look at each.
    fn skip_to(&mut self, _key: &str) {}
}

/// The listing of made rows, each as its answer shows it.
pub(crate) struct MadeListing<M: Maker, T> {
    maker: M,
    filters: Vec<Filter>,
    /// Rows before this key were in the answers before.
    from: Option<String>,
    /// How many rows the answer may still have.
    room: usize,
    /// The answer with these members and this token.
    answer: fn(Members<M>, Option<String>) -> T,
}

type Members<M> = ItemSet<<<M as Maker>::Row as Described>::Answer>;

impl<M: Maker, T> MadeListing<M, T> {
    /// What a call asks for of what `maker` makes.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an unknown filter or a page size out of range, `InvalidParameterCombination` for a
    /// page size together with ids, `InvalidNextToken`.
    pub(crate) fn asked_for(
        mut maker: M,
        has_ids: bool,
        page: &Page,
        answer: fn(Members<M>, Option<String>) -> T,
    ) -> Result<Self, Ec2Error> {
        check_filters::<M::Row>(&page.filters)?;
        check_page::<M::Row>(page, has_ids, &M::Row::PAGE_SIZES)?;
        let token = page.next_token.as_deref();
        let from: Option<String> = token.map(decode_token).transpose()?;
        if let Some(key) = &from {
            maker.skip_to(key);
        }
        Ok(Self {
            maker,
            filters: page.filters.clone(),
            from,
            room: page
                .max_results
                .map_or(usize::MAX, |results| results as usize),
            answer,
        })
    }
}

impl<M: Maker, T> Listing<T> for MadeListing<M, T> {
    fn next(&mut self, world: &World, region: &RegionSettings, rows: usize) -> Part<T> {
        let scope = Scope { world, region };
        let mut members = Vec::new();
        let part = |is_last, next_token, members: Vec<_>| Part {
            is_empty: members.is_empty(),
            answer: (self.answer)(members.into(), next_token),
            is_last,
        };
        for _ in 0..rows {
            let Some(place) = self.maker.look(scope) else {
                return part(true, None, members);
            };
            let Some(row) = place else {
                continue;
            };
            if self.from.as_ref().is_some_and(|from| row.key() < *from)
                || !passes(&row, &self.filters, scope)
            {
                continue;
            }
            if self.room == 0 {
                return part(true, Some(encode_token(row.key())), members);
            }
            self.room -= 1;
            members.push(row.describe(scope));
        }
        part(false, None, members)
    }
}

/// Goes over the rows of a table, by id: all, or those with some ids.
pub(crate) enum Cursor<Id> {
    /// All from the first, or after the one with this id.
    After(Option<Id>),
    /// All from the one with this id, or what comes next.
    From(Id),
    /// These.
    Ids(vec::IntoIter<Id>),
}

impl<Id: TypedId> Cursor<Id> {
    /// Over the rows with these ids, each once, or all of the table.
    ///
    /// # Errors
    /// As [`named`].
    pub(crate) fn over<R>(table: &Table<R>, ids: &[Id]) -> Result<Self, Ec2Error>
    where
        R: Described + Indexed<Id = Id>,
    {
        if ids.is_empty() {
            return Ok(Self::After(None));
        }
        named(table, ids)?;
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        Ok(Self::Ids(ids.into_iter()))
    }

    /// The next row.
    pub(crate) fn next<'a, R>(&mut self, table: &'a Table<R>) -> Option<&'a Arc<R>>
    where
        R: Indexed<Id = Id>,
    {
        let row = match *self {
            Self::After(Some(last)) => table.iter_from(last).find(|row| row.id() != last)?,
            Self::After(None) => table.iter().next()?,
            Self::From(id) => table.iter_from(id).next()?,
            Self::Ids(ref mut ids) => return ids.find_map(|id| table.get(id)),
        };
        *self = Self::After(Some(row.id()));
        Some(row)
    }

    /// Passes over the rows before the one with this id. None has been given yet.
    fn skip_to(&mut self, id: Id) {
        match self {
            Self::After(_) | Self::From(_) => *self = Self::From(id),
            Self::Ids(ids) => {
                let before = ids.as_slice().partition_point(|other| *other < id);
                ids.by_ref().take(before).for_each(drop);
            }
        }
    }
}

/// Shows the rows of a table in another way than the table's own listing.
pub(crate) struct Views<R: Indexed, V> {
    pub(crate) cursor: Cursor<R::Id>,
    pub(crate) table: fn(&World) -> &Table<R>,
    /// The row as it is shown; `None` for one that is not.
    pub(crate) view: fn(&Arc<R>) -> Option<V>,
}

impl<R, V> Maker for Views<R, V>
where
    R: Indexed,
    R::Id: TypedId + FromStr + Send,
    V: Made,
{
    type Row = V;

    /// Views go by the ids of their rows.
    fn skip_to(&mut self, key: &str) {
        if let Ok(id) = key.parse() {
            self.cursor.skip_to(id);
        }
    }

    fn look(&mut self, scope: Scope<'_>) -> Option<Option<V>> {
        let row = self.cursor.next((self.table)(scope.world))?;
        Some((self.view)(row))
    }
}
