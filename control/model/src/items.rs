//! Shapes that answers share.

use alloc::vec::Vec;

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
