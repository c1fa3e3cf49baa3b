//! Parameters that are known by name only.

use crate::{FromQuery, QueryError, QueryNode};

/// A parameter of any shape that is not read: of a request that refuses it whole, or that does without it.
///
/// ```
/// use eni_query::{FromQuery, QueryTree, Unread};
///
/// #[derive(FromQuery)]
/// struct Request {
///     options: Option<Unread>,
/// }
/// let tree = QueryTree::from_pairs([("Options.1.Deep.Name", "x")]).unwrap();
/// assert!(tree.read::<Request>().unwrap().options.is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread;

impl FromQuery for Unread {
    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        node.map(|_| Self).ok_or_else(|| QueryError::missing(path))
    }
}
