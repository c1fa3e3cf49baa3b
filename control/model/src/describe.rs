//! What the Describe calls share: filters and paging.

mod inventory;
mod listing;
mod made;
#[cfg(test)]
mod tests;

pub(crate) use inventory::listed;
pub use listing::{Listing, Part};
pub(crate) use listing::{RowListing, Rows, describes, find, lists, planned_whole};
pub(crate) use made::{Cursor, Made, MadeListing, Maker, Views};

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Display;
use core::net::Ipv6Addr;
use core::ops::RangeInclusive;
use core::str::FromStr;

use eni_query::{FromQuery, QueryError, QueryNode};
use eni_types::TypedId;

use crate::operations::lookup::not_found;
use crate::tags::Tags;
use crate::{Context, Ec2Error, ErrorCode, IdsOf, Indexed, ItemSet, RegionSettings, Table, World};

/// `Filter.N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Such as `vpc-id` or `tag:Name`.
    pub name: String,
    /// Any of these; `*` and `?` are wildcards, a backslash takes their meaning away.
    pub values: Vec<String>,
}

#[derive(FromQuery)]
struct FilterParameters {
    name: Option<String>,
    #[query(name = "Value")]
    values: Vec<String>,
}

impl FromQuery for Filter {
    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        let FilterParameters { name, values } = FilterParameters::from_query(node, path)?;
        let message = "The filter 'null' is invalid".into();
        let name = name.ok_or(QueryError::Worded { message })?;
        Ok(Self { name, values })
    }
}

impl Filter {
    /// Whether it is one of those by tags: `tag:KEY`, `tag-key` and `tag-value`.
    pub(crate) fn looks_at_tags(&self) -> bool {
        matches!(self.name.as_str(), "tag-key" | "tag-value") || self.name.starts_with("tag:")
    }
}

/// Filters and paging of a Describe call, flattened into its request.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct Page {
    /// All must match.
    #[query(name = "Filter")]
    pub filters: Vec<Filter>,
    /// Members of one answer.
    pub max_results: Option<u32>,
    /// Where the previous answer stopped.
    pub next_token: Option<String>,
}

/// What a filter may look at besides the row: zones' ids, the owner and private names follow from the settings.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Everything else in the region.
    pub world: &'a World,
    /// The region's settings.
    pub region: &'a RegionSettings,
}

impl<'a> Scope<'a> {
    /// The scope of a call planned against `world`.
    #[must_use]
    pub fn new<'r: 'a>(world: &'a World, context: &Context<'r>) -> Self {
        Self {
            world,
            region: context.region,
        }
    }
}

/// What a listing answers of one row, as `cargo xtask api` writes it.
pub(crate) trait Filtered {
    /// The filters that the listing knows, besides those of [`HAS_TAG_FILTERS`](Described::HAS_TAG_FILTERS).
    const FILTERS: &'static [&'static str];

    /// Gives every value that the answer has for the filter `name`, one of [`FILTERS`](Self::FILTERS).
    fn filter_values(&self, _name: &str, _give: &mut dyn FnMut(String)) {}
}

/// A row that a Describe call can filter.
pub(crate) trait Described {
    /// How answers show it.
    type Answer: Filtered;
    /// Whether it also knows `tag:KEY`, `tag-key` and `tag-value`.
    const HAS_TAG_FILTERS: bool = true;
    /// The filter whose values are ids of rows, where there is one.
    const ID_FILTER: Option<&'static str> = None;
    /// What EC2's error for ids together with a page size calls the two parameters: older calls by the members of their
    /// SOAP messages (`instancesSet`, `maxResults`), newer ones by their names (`VpcIds`, `MaxResults`).
    const IDS_AND_PAGE: (&'static str, &'static str);
    /// What EC2's error for several ids that do not exist calls them; others name the first one only.
    const PLURAL: Option<&'static str> = None;

    /// Refuses a filter value that EC2 refuses. What is empty is refused for all filters already.
    ///
    /// # Errors
    /// EC2's.
    fn check_filter_value(_name: &str, _value: &str) -> Result<(), Ec2Error> {
        Ok(())
    }

    /// The row as answers show it.
    fn describe(&self, scope: Scope<'_>) -> Self::Answer;

    /// Its tags.
    fn tag_set(&self) -> &Tags {
        Tags::NONE
    }

    /// Gives every value that the row has for the filter `name`. Kinds with many rows spare themselves the answer for
    /// rows that do not pass.
    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        let give = &mut |value: String| give(value.into());
        self.describe(scope).filter_values(name, give);
    }

    /// The ids of all rows with `value` for the filter `name`, where an index can answer.
    #[must_use]
    fn indexed<'a>(_table: &'a Table<Self>, _name: &str, _value: &str) -> Option<IdsOf<'a, Self>>
    where
        Self: Indexed + Sized,
    {
        None
    }
}

/// Whether all filters are known, and their values such as EC2 takes. It takes no filter without a value, and an empty
/// value only where something can have it: tags and descriptions.
///
/// # Errors
/// `InvalidParameterValue` for an unknown filter or one without a value; as [`Described::check_filter_value`].
pub(crate) fn check_filters<R: Described>(filters: &[Filter]) -> Result<(), Ec2Error> {
    for filter in filters {
        let Filter { name, values } = filter;
        let is_known = R::Answer::FILTERS.contains(&name.as_str());
        check_filter(
            filter,
            is_known || (R::HAS_TAG_FILTERS && filter.looks_at_tags()),
        )?;
        for value in values.iter().filter(|value| !has_wildcards(value)) {
            R::check_filter_value(name, value)?;
        }
    }
    Ok(())
}

/// As [`check_filters`], for one filter that is known or not.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn check_filter(filter: &Filter, is_known: bool) -> Result<(), Ec2Error> {
    let Filter { name, values } = filter;
    if !is_known {
        let message = format!("The filter '{name}' is invalid");
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    let may_be_empty = name.starts_with("tag:")
        || matches!(name.as_str(), "tag-value" | "value")
        || name.ends_with("description");
    if values.is_empty() || (!may_be_empty && values.iter().any(String::is_empty)) {
        return Err(refused_value(name));
    }
    Ok(())
}

/// EC2's error for a value that the filter `name` does not take: it names the filter and says no more.
pub(crate) fn refused_value(name: &str) -> Ec2Error {
    ErrorCode::InvalidParameterValue.with(name)
}

/// Whether a row passes all filters.
#[must_use]
pub(crate) fn passes<R: Described>(row: &R, filters: &[Filter], scope: Scope<'_>) -> bool {
    filters.iter().all(|filter| {
        let mut matched = false;
        let is_of_ipv6 = filter.name.ends_with("ipv6-address");
        // Shown in one of the forms that it may be written in.
        let fits = |pattern: &str, value: &str| match pattern.parse::<Ipv6Addr>() {
            Ok(address) if is_of_ipv6 => value.parse() == Ok(address),
            _ => matches(pattern, value),
        };
        let mut give = |value: Cow<'_, str>| {
            matched |= filter.values.iter().any(|pattern| fits(pattern, &value))
        };
        if let Some(key) = filter.name.strip_prefix("tag:") {
            row.tag_set()
                .get(key)
                .into_iter()
                .for_each(|value| give(value.into()));
        } else if filter.name == "tag-key" {
            row.tag_set().iter().for_each(|(key, _)| give(key.into()));
        } else if filter.name == "tag-value" {
            row.tag_set()
                .iter()
                .for_each(|(_, value)| give(value.into()));
        } else {
            row.filter_values(&filter.name, scope, &mut give);
        }
        matched
    })
}

/// Whether `text` matches a filter value: `*` stands for any characters, `?` for one, `\` for itself or what follows.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    fn walk(pattern: &[char], text: &[char]) -> bool {
        let (mut at, mut from) = (0, 0);
        let mut retry = None;
        while from < text.len() {
            match pattern.get(at) {
                Some('*') => {
                    retry = Some((at + 1, from + 1));
                    at += 1;
                    continue;
                }
                Some('?') => (at, from) = (at + 1, from + 1),
                Some('\\') if pattern.get(at + 1) == Some(&text[from]) => {
                    (at, from) = (at + 2, from + 1)
                }
                Some(same) if *same == text[from] => (at, from) = (at + 1, from + 1),
                _ => match retry {
                    Some((after, next)) => {
                        (at, from) = (after, next);
                        retry = Some((after, next + 1));
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|rest| *rest == '*')
    }
    if !has_wildcards(pattern) {
        return pattern == text;
    }
    walk(
        &pattern.chars().collect::<Vec<_>>(),
        &text.chars().collect::<Vec<_>>(),
    )
}

/// The rows with these ids, in their order.
///
/// # Errors
/// The kind's own for ids that do not exist; its code with a text that names them all, where EC2 does so.
pub(crate) fn named<'a, R>(table: &'a Table<R>, ids: &[R::Id]) -> Result<Vec<&'a Arc<R>>, Ec2Error>
where
    R: Described + Indexed,
    R::Id: TypedId,
{
    let absent: BTreeSet<_> = ids
        .iter()
        .filter(|id| table.get(**id).is_none())
        .copied()
        .collect();
    match (absent.first(), R::PLURAL) {
        (None, _) => Ok(ids.iter().filter_map(|id| table.get(*id)).collect()),
        (Some(first), Some(plural)) if absent.len() > 1 => {
            let absent: Vec<String> = absent.iter().map(|id| format!("{id}")).collect();
            let message = format!("The {plural} '{}' do not exist", absent.join(", "));
            Err(Ec2Error::new(not_found(*first).code, message))
        }
        (Some(first), _) => Err(not_found(*first)),
    }
}

/// What a Describe call asks for of rows of which a region has few: `rows`, in the order of their keys, are filtered and
/// cut.
///
/// # Errors
/// `InvalidParameterValue` for an unknown filter or a page size out of `sizes`, `InvalidParameterCombination` for a page
/// size together with keys, `InvalidNextToken`.
pub(crate) fn find_among<R: Described>(
    rows: impl Iterator<Item = R>,
    has_keys: bool,
    key: impl Fn(&R) -> String,
    page: &Page,
    sizes: &RangeInclusive<u32>,
    scope: Scope<'_>,
) -> Result<(Vec<R>, Option<String>), Ec2Error> {
    check_filters::<R>(&page.filters)?;
    check_page::<R>(page, has_keys, sizes)?;
    let limit = page
        .max_results
        .map_or(usize::MAX, |results| results as usize);
    let start = page
        .next_token
        .as_deref()
        .map(decode_token::<String>)
        .transpose()?;
    let mut found: Vec<R> = rows
        .filter(|row| start.as_ref().is_none_or(|start| key(row) >= *start))
        .filter(|row| passes(row, &page.filters, scope))
        .take(limit.saturating_add(1))
        .collect();
    let next_token = found.get(limit).map(|row| encode_token(key(row)));
    found.truncate(limit);
    Ok((found, next_token))
}

/// As [`find_among`]: the rows as an answer shows them.
///
/// # Errors
/// As [`find_among`].
pub(crate) fn answer_among<R: Described>(
    rows: impl Iterator<Item = R>,
    has_keys: bool,
    key: impl Fn(&R) -> String,
    page: &Page,
    sizes: &RangeInclusive<u32>,
    scope: Scope<'_>,
) -> Result<(ItemSet<R::Answer>, Option<String>), Ec2Error> {
    let (found, next_token) = find_among(rows, has_keys, key, page, sizes, scope)?;
    let described = found.iter().map(|row| row.describe(scope));
    Ok((described.collect(), next_token))
}

/// Whether a filter value may match more than one text.
pub(crate) fn has_wildcards(pattern: &str) -> bool {
    pattern.contains(['*', '?', '\\'])
}

fn check_page<R: Described>(
    page: &Page,
    has_ids: bool,
    sizes: &RangeInclusive<u32>,
) -> Result<(), Ec2Error> {
    let Some(results) = page.max_results else {
        return Ok(());
    };
    if has_ids {
        let (ids, page) = R::IDS_AND_PAGE;
        let message = format!("The parameter {ids} cannot be used with the parameter {page}");
        return Err(ErrorCode::InvalidParameterCombination.with(message));
    }
    check_size(results, sizes)
}

/// Whether an answer may have as many members.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn check_size(results: u32, sizes: &RangeInclusive<u32>) -> Result<(), Ec2Error> {
    let bound = if results < *sizes.start() {
        format!("greater than {}", sizes.start())
    } else if results > *sizes.end() {
        format!("less than {}", sizes.end())
    } else {
        return Ok(());
    };
    let message = format!(
        "Value ( {results} ) for parameter maxResults is invalid. Expecting a value {bound}."
    );
    Err(ErrorCode::InvalidParameterValue.with(message))
}

/// A token is the id that the next answer starts with and its checksum, in hex: opaque, valid even if that row has gone,
/// and nothing that a caller would make up.
pub(crate) fn encode_token(id: impl Display) -> String {
    let text = format!("{id}");
    let checksum = token_checksum(text.as_bytes());
    hex::encode(text) + &hex::encode(checksum)
}

/// The id in a token.
///
/// # Errors
/// `InvalidNextToken`.
pub(crate) fn decode_token<I: FromStr>(token: &str) -> Result<I, Ec2Error> {
    let bytes = hex::decode(token).map_err(|_| no_such_token())?;
    let (text, checksum) = bytes.split_last_chunk().ok_or_else(no_such_token)?;
    if *checksum != token_checksum(text) {
        return Err(no_such_token());
    }
    let text = core::str::from_utf8(text).map_err(|_| no_such_token())?;
    text.parse().map_err(|_| no_such_token())
}

/// FNV-1a, 32 bits.
fn token_checksum(text: &[u8]) -> [u8; 4] {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    text.iter().fold(0x811c_9dc5, step).to_be_bytes()
}

/// The error for a token that no answer had.
pub(crate) fn no_such_token() -> Ec2Error {
    ErrorCode::InvalidNextToken.with("The token provided is invalid.")
}
