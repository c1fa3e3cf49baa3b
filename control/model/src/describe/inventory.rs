//! Listings of what every account finds in a region, which is not in the world.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::{Described, Page, Scope, answer_among};
use crate::{Ec2Error, ItemSet};

/// Of `rows`, in the order of their keys, those that the call names (all, if it names none), filtered and cut.
///
/// # Errors
/// `missing` for a name that no row has; else as [`answer_among`].
pub(crate) fn listed<R: Described>(
    rows: impl Iterator<Item = R>,
    names: &[String],
    key: impl Fn(&R) -> String,
    missing: impl Fn(&str) -> Ec2Error,
    page: &Page,
    sizes: &RangeInclusive<u32>,
    scope: Scope<'_>,
) -> Result<(ItemSet<R::Answer>, Option<String>), Ec2Error> {
    let mut rows: Vec<(String, R)> = rows.map(|row| (key(&row), row)).collect();
    let unknown = names
        .iter()
        .find(|name| rows.iter().all(|(key, _)| key != *name));
    if let Some(unknown) = unknown {
        return Err(missing(unknown));
    }
    rows.retain(|(key, _)| names.is_empty() || names.contains(key));
    let rows = rows.into_iter().map(|(_, row)| row);
    answer_among(rows, !names.is_empty(), key, page, sizes, scope)
}
