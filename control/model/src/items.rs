//! Shapes that answers share.

use alloc::vec::Vec;

use eni_query::{FromQuery, QueryError, QueryNode};
use serde::Serialize;

/// A list as EC2 writes it: `<groupSet><item>…</item><item>…</item></groupSet>`; without members, `<groupSet/>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemSet<T> {
    /// The members.
    #[serde(rename = "item")]
    pub items: Vec<T>,
}

impl<T> Default for ItemSet<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> From<Vec<T>> for ItemSet<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items }
    }
}

impl<T> FromIterator<T> for ItemSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        Self {
            items: members.into_iter().collect(),
        }
    }
}

/// A list as the services of the plain Query protocol read and write it: `Roles.member.1`, and
/// `<Roles><member>…</member></Roles>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Members<T> {
    /// The members.
    #[serde(rename = "member")]
    pub items: Vec<T>,
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> FromIterator<T> for Members<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        Self {
            items: members.into_iter().collect(),
        }
    }
}

impl<T: FromQuery> FromQuery for Members<T> {
    fn from_query(node: Option<&QueryNode>, path: &str) -> Result<Self, QueryError> {
        QueryNode::check_names(node, path, |name| name == "member")?;
        let items = QueryNode::read_child(node, path, "member")?;
        Ok(Self { items })
    }
}

/// The answer of operations that only say that they were done: `<return>true</return>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReturnTrue {
    r#return: bool,
}

impl Default for ReturnTrue {
    fn default() -> Self {
        Self { r#return: true }
    }
}
