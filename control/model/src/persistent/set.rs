//! A set: a map without values.

use super::Map;

/// An ordered set. A copy costs nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Set<K: Ord>(Map<K, ()>);

impl<K: Ord> Set<K> {
    /// Number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.0.iter().map(|(key, ())| key)
    }

    /// The members from `from` on, in order; without it, all.
    pub fn iter_from(&self, from: Option<K>) -> impl DoubleEndedIterator<Item = &K> + use<'_, K> {
        let members = match from {
            Some(from) => self.0.range(from..),
            None => self.0.iter(),
        };
        members.map(|(key, ())| key)
    }
}

impl<K: Ord + Clone> Set<K> {
    /// Adds a member; whether it is new.
    pub fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&mut self, key: &K) -> bool {
        self.0.remove(key).is_some()
    }
}

impl<K: Ord> Clone for Set<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Ord> Default for Set<K> {
    fn default() -> Self {
        Self(Map::new())
    }
}

impl<K: Ord + Clone> FromIterator<K> for Set<K> {
    fn from_iter<I: IntoIterator<Item = K>>(members: I) -> Self {
        Self(members.into_iter().map(|member| (member, ())).collect())
    }
}
