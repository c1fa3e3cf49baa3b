//! Listings of a table's rows, whole or a part at a time.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::str::FromStr;

use eni_types::{TypedId, quota};

use super::{
    Described, Filter, Page, Scope, check_filters, check_page, decode_token, encode_token,
    has_wildcards, named, passes,
};
use crate::tags::Tag;
use crate::{
    ChangeSet, Context, Ec2Error, IdsOf, Indexed, ItemSet, Operation, Planned, RegionSettings,
    Table, World,
};

/// A part of an answer that lists rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// An answer with the members that follow those of the parts before. What an answer has beside them is in the last.
    pub answer: T,
    /// Whether it has no members: then it may be left out, unless it is the last.
    pub is_empty: bool,
    /// Whether no other part follows.
    pub is_last: bool,
}

/// An answer that is made a part at a time, so that one of any length is begun at once and holds up nobody. What its
/// request can be refused for has been judged.
pub trait Listing<T>: Send {
    /// The next part, for which `rows` rows at most are looked at. `world` is the one that the listing was made for.
    fn next(&mut self, world: &World, region: &RegionSettings, rows: usize) -> Part<T>;
}

/// Which rows can be among those asked for.
enum Among<Id> {
    /// Those of the table.
    All,
    /// Those that one key of an index finds.
    OneKey,
    /// The ones with these ids, in order.
    Ids(Vec<Id>),
}

/// What a Describe call asks for and has not been given yet: found by ids, else by the best index that a filter offers,
/// else among all; filtered, and cut to the page.
pub(crate) struct Rows<R: Indexed> {
    among: Among<R::Id>,
    filters: Vec<Filter>,
    /// The id of the row that is looked at next, or what comes before it; `None` for the first.
    from: Option<R::Id>,
    /// How many rows the answer may still have.
    room: usize,
}

/// What a walk over some rows came to.
pub(crate) struct Walked {
    /// Whether there is nothing left to look at.
    pub(crate) is_over: bool,
    /// Where the next answer starts, if there is more than this one has room for.
    pub(crate) next_token: Option<String>,
}

impl<R> Rows<R>
where
    R: Described + Indexed,
    R::Id: TypedId + FromStr,
{
    /// # Errors
    /// The kind's own for an id that does not exist; `InvalidParameterValue` for an unknown filter or a page size out of
    /// range, `InvalidParameterCombination` for a page size together with ids, `InvalidNextToken`.
    pub(crate) fn asked_for(
        table: &Table<R>,
        ids: &[R::Id],
        page: &Page,
    ) -> Result<Self, Ec2Error> {
        check_filters::<R>(&page.filters)?;
        check_page::<R>(page, !ids.is_empty(), &quota::PAGE_SIZES)?;
        let room = page.max_results;
        let token = page.next_token.as_deref();
        Ok(Self {
            from: token.map(decode_token::<R::Id>).transpose()?,
            among: among(table, ids, &page.filters)?,
            filters: page.filters.clone(),
            room: room.map_or(usize::MAX, |results| results as usize),
        })
    }

    /// Looks at the next rows, `most` at most, and gives those that are asked for.
    pub(crate) fn walk<'a>(
        &mut self,
        table: &'a Table<R>,
        scope: Scope<'_>,
        most: usize,
        mut give: impl FnMut(&'a Arc<R>),
    ) -> Walked {
        let over = |next_token| Walked {
            is_over: true,
            next_token,
        };
        let (filters, from) = (&self.filters, self.from);
        let mut looked_at = 0;
        let mut look = |row: &'a Arc<R>| {
            if looked_at == most {
                self.from = Some(row.id());
                return Some(Walked {
                    is_over: false,
                    next_token: None,
                });
            }
            looked_at += 1;
            if !passes(&**row, filters, scope) {
                return None;
            }
            if self.room == 0 {
                return Some(over(Some(encode_token(row.id()))));
            }
            self.room -= 1;
            give(row);
            None
        };
        let walked = match &self.among {
            Among::All => match from {
                Some(from) => table.iter_from(from).find_map(&mut look),
                None => table.iter().find_map(&mut look),
            },
            Among::OneKey => match best_index(table, filters).as_deref() {
                Some([ids]) => table.rows_from(*ids, from).find_map(&mut look),
                _ => None,
            },
            Among::Ids(ids) => {
                let start = from.map_or(0, |from| ids.partition_point(|id| *id < from));
                let mut rows = ids[start..].iter().filter_map(|id| table.get(*id));
                rows.find_map(&mut look)
            }
        };
        walked.unwrap_or_else(|| over(None))
    }
}

/// One answer of a Describe call.
pub(crate) struct Found<R> {
    /// The rows, by id.
    pub(crate) rows: Vec<Arc<R>>,
    /// Where the next answer starts, if there is more.
    pub(crate) next_token: Option<String>,
}

/// Finds all that a Describe call asks for at once, of a table that has few rows.
///
/// # Errors
/// As [`Rows::asked_for`].
pub(crate) fn find<R>(
    table: &Table<R>,
    ids: &[R::Id],
    page: &Page,
    scope: Scope<'_>,
) -> Result<Found<R>, Ec2Error>
where
    R: Described + Indexed,
    R::Id: TypedId + FromStr,
{
    let mut rows = Vec::new();
    let mut asked_for = Rows::asked_for(table, ids, page)?;
    let walked = asked_for.walk(table, scope, usize::MAX, |row| rows.push(Arc::clone(row)));
    Ok(Found {
        rows,
        next_token: walked.next_token,
    })
}

/// The listing of a table's rows.
pub(crate) struct RowListing<R: Indexed, M, T> {
    /// What is left of it.
    pub(crate) rows: Rows<R>,
    /// The table.
    pub(crate) table: fn(&World) -> &Table<R>,
    /// A row as the answer shows it; `None` for one that is found and not shown.
    pub(crate) member: fn(&R, Scope<'_>) -> Option<M>,
    /// The answer with these members and this token.
    pub(crate) answer: fn(ItemSet<M>, Option<String>) -> T,
}

impl<R, M, T> Listing<T> for RowListing<R, M, T>
where
    R: Described + Indexed,
    R::Id: TypedId + FromStr + Send,
{
    fn next(&mut self, world: &World, region: &RegionSettings, rows: usize) -> Part<T> {
        let scope = Scope { world, region };
        let mut members = Vec::new();
        let table = (self.table)(world);
        let walked = self.rows.walk(table, scope, rows, |row| {
            members.extend((self.member)(row, scope));
        });
        Part {
            is_empty: members.is_empty(),
            answer: (self.answer)(members.into(), walked.next_token),
            is_last: walked.is_over,
        }
    }
}

/// Describes the rows of a table: `OPERATION: IDS in TABLE, RESPONSE { SET }`; `as VIEW` before the comma, for a listing
/// that shows and filters them in its own way, each as a `VIEW(row)`.
macro_rules! describes {
    ($(#[$doc:meta])* $operation:ident: $ids:ident in $table:ident, $response:ident { $set:ident }) => {
        impl $operation {
            fn listed(
                &self,
                world: &crate::World,
            ) -> Result<impl crate::describe::Listing<$response> + use<>, crate::Ec2Error> {
                let rows = crate::describe::Rows::asked_for(&world.$table, &self.$ids, &self.page)?;
                Ok(crate::describe::RowListing {
                    rows,
                    table: |world| &world.$table,
                    member: |row, scope| Some(row.describe(scope)),
                    answer: |$set, next_token| $response { $set, next_token },
                })
            }
        }

        crate::describe::lists! {
            $(#[$doc])*
            $operation
        }
    };
    ($(#[$doc:meta])* $operation:ident: $ids:ident in $table:ident as $view:ident, $response:ident { $set:ident }) => {
        impl $operation {
            fn listed(
                &self,
                world: &crate::World,
            ) -> Result<impl crate::describe::Listing<$response> + use<>, crate::Ec2Error> {
                let views = crate::describe::Views {
                    cursor: crate::describe::Cursor::over(&world.$table, &self.$ids)?,
                    table: |world| &world.$table,
                    view: |row| Some($view(alloc::sync::Arc::clone(row))),
                };
                let has_ids = !self.$ids.is_empty();
                crate::describe::MadeListing::asked_for(
                    views,
                    has_ids,
                    &self.page,
                    |$set, next_token| $response { $set, next_token },
                )
            }
        }

        crate::describe::lists! {
            $(#[$doc])*
            $operation
        }
    };
}
pub(crate) use describes;

/// The operation whose answer, whole or in parts, is what its `listed` finds.
macro_rules! lists {
    ($(#[$doc:meta])* $operation:ident) => {
        $(#[$doc])*
        impl crate::Operation for $operation {
            fn plan(
                self,
                world: &crate::World,
                context: &mut crate::Context<'_>,
            ) -> crate::Planned<Self> {
                crate::describe::planned_whole::<Self>(self.listed(world)?, world, context)
            }

            fn listing(&self, world: &crate::World) -> crate::Listed<Self> {
                Ok(Some(alloc::boxed::Box::new(self.listed(world)?)))
            }
        }
    };
}
pub(crate) use lists;

/// The answer of a listing in one part.
pub(crate) fn planned_whole<O: Operation>(
    mut listing: impl Listing<O::Response>,
    world: &World,
    context: &Context<'_>,
) -> Planned<O> {
    ChangeSet::none().answered(listing.next(world, context.region, usize::MAX).answer)
}

/// Where the rows are that can be among those asked for: as few as ids or an index tell.
fn among<R>(table: &Table<R>, ids: &[R::Id], filters: &[Filter]) -> Result<Among<R::Id>, Ec2Error>
where
    R: Described + Indexed,
    R::Id: TypedId + FromStr,
{
    let ordered = |ids: &mut dyn Iterator<Item = R::Id>| {
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        Among::Ids(ids)
    };
    if !ids.is_empty() {
        named(table, ids)?;
        return Ok(ordered(&mut ids.iter().copied()));
    }
    if let Some(mut ids) = ids_of_filter::<R>(filters) {
        return Ok(ordered(&mut ids));
    }
    Ok(match best_index(table, filters).as_deref() {
        Some([_]) => Among::OneKey,
        Some(keys) => ordered(&mut keys.iter().flat_map(|ids| ids.iter().copied())),
        None => Among::All,
    })
}

/// The ids that a filter for ids lets pass; a value that is no id lets none pass.
fn ids_of_filter<R: Described + Indexed>(filters: &[Filter]) -> Option<impl Iterator<Item = R::Id>>
where
    R::Id: FromStr,
{
    let filter = filters
        .iter()
        .find(|filter| Some(filter.name.as_str()) == R::ID_FILTER)?;
    if filter.values.iter().any(|value| has_wildcards(value)) {
        return None;
    }
    Some(filter.values.iter().filter_map(|value| value.parse().ok()))
}

/// What each value of a filter finds, of the filter whose index finds fewest rows.
fn best_index<'a, R: Described + Indexed>(
    table: &'a Table<R>,
    filters: &[Filter],
) -> Option<Vec<IdsOf<'a, R>>> {
    let ids_of = |filter: &Filter| {
        filter
            .values
            .iter()
            .map(|value| {
                if has_wildcards(value) {
                    return None;
                }
                match filter.name.strip_prefix("tag:") {
                    Some(key) => Some(table.ids(&Tag::new(key, value))),
                    None => R::indexed(table, &filter.name, value),
                }
            })
            .collect::<Option<Vec<_>>>()
    };
    filters
        .iter()
        .filter_map(ids_of)
        .min_by_key(|found| found.iter().map(|ids| ids.len()).sum::<usize>())
}
