//! Pages of IAM's listings: `Marker`, `MaxItems` and `IsTruncated`.

use alloc::string::String;

use eni_query::FromQuery;

use super::error::invalid;
use crate::describe::{decode_token, encode_token};
use crate::{Ec2Error, ErrorCode, Members};

/// Members of an answer where the request says nothing (IAM API reference, `ListRoles`).
const DEFAULT_ITEMS: u32 = 100;
/// Most members of an answer (as above).
const MOST_ITEMS: u32 = 1_000;

/// Which part of a listing is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct MarkerPage {
    marker: Option<String>,
    max_items: Option<u32>,
}

/// A part of a listing.
pub(super) struct Paged<T> {
    pub(super) members: Members<T>,
    pub(super) is_truncated: bool,
    pub(super) marker: Option<String>,
}

impl MarkerPage {
    /// The part of `rows`, which are in the order of the texts that `key` gives, shown by `show`. It begins where the row
    /// at the marker is, or would be.
    ///
    /// # Errors
    /// `ValidationError` for a marker that no answer had, and a size that is none.
    pub(super) fn of<R, T>(
        &self,
        rows: impl Iterator<Item = R>,
        key: impl Fn(&R) -> String,
        show: impl Fn(R) -> T,
    ) -> Result<Paged<T>, Ec2Error> {
        let most = self.max_items.unwrap_or(DEFAULT_ITEMS);
        if most == 0 {
            let constraint = "have value greater than or equal to 1";
            return Err(invalid("maxItems", most, constraint));
        }
        if most > MOST_ITEMS {
            let constraint = "have value less than or equal to 1000";
            return Err(invalid("maxItems", most, constraint));
        }
        let start = self.marker.as_deref().map(decode_token::<String>);
        let start = start.transpose().map_err(|_| {
            let message = "Invalid Marker: it is none that an answer had.";
            ErrorCode::ValidationError.with(message)
        })?;
        let mut rows = rows.skip_while(|row| start.as_ref().is_some_and(|start| key(row) < *start));
        let mut members = Members::default();
        for row in rows.by_ref().take(most as usize) {
            members.items.push(show(row));
        }
        let next = rows.next();
        Ok(Paged {
            members,
            is_truncated: next.is_some(),
            marker: next.map(|row| encode_token(key(&row))),
        })
    }
}
