//! An ordered map of which a copy shares with the original all that has not changed since.
//!
//! A B+ tree of shared nodes: entries lie in the leaves, and a change copies the nodes on the way to its leaf that are
//! shared with another map, some 1 KiB each. docs/BENCHMARKS.md compares it with the crates that were measured.

mod set;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::mem;
use core::ops::{Bound, RangeBounds};

pub use set::Set;

/// Entries of a leaf and children of a branch, at most. More make copying dearer, fewer make finding slower.
const MAX_WIDTH: usize = 32;
/// Below this a node is joined with its neighbour.
const MIN_WIDTH: usize = MAX_WIDTH / 4;

/// An ordered map. A copy costs nothing.
pub struct Map<K, V> {
    root: Arc<Node<K, V>>,
    len: usize,
}

#[derive(Clone)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    Branch(Vec<Child<K, V>>),
}

#[derive(Clone)]
struct Child<K, V> {
    /// At most the first key below this child, and more than every key below the child before it.
    from: K,
    node: Arc<Node<K, V>>,
}

impl<K, V> Child<K, V> {
    fn new(node: Node<K, V>) -> Self
    where
        K: Clone,
    {
        Self {
            from: node.first_key().clone(),
            node: Arc::new(node),
        }
    }
}

/// The child that `key` is below, if it is anywhere.
fn position<K: Borrow<Q>, V, Q: Ord + ?Sized>(children: &[Child<K, V>], key: &Q) -> usize {
    children
        .partition_point(|child| child.from.borrow() <= key)
        .saturating_sub(1)
}

impl<K, V> Node<K, V> {
    fn width(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Branch(children) => children.len(),
        }
    }

    /// A lower bound of the keys; of a leaf, its first.
    fn first_key(&self) -> &K {
        match self {
            Self::Leaf(entries) => &entries[0].0,
            Self::Branch(children) => &children[0].from,
        }
    }

    fn first_leaf(&self) -> &[(K, V)] {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(entries) => return entries,
                Self::Branch(children) => node = &children[0].node,
            }
        }
    }

    fn last_leaf(&self) -> &[(K, V)] {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(entries) => return entries,
                Self::Branch(children) => node = &children[children.len() - 1].node,
            }
        }
    }

    /// The leaf that `key` is in, if it is anywhere, and the nodes beside the way there that come just before and after
    /// that leaf.
    fn leaf_of<Q: Ord + ?Sized>(&self, key: &Q) -> Way<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let (mut node, mut before, mut after) = (self, None, None);
        loop {
            match node {
                Self::Leaf(entries) => {
                    return Way {
                        before,
                        leaf: entries,
                        after,
                    };
                }
                Self::Branch(children) => {
                    let at = position(children, key);
                    if at > 0 {
                        before = Some(&*children[at - 1].node);
                    }
                    if let Some(next) = children.get(at + 1) {
                        after = Some(&*next.node);
                    }
                    node = &children[at].node;
                }
            }
        }
    }
}

struct Way<'a, K, V> {
    before: Option<&'a Node<K, V>>,
    leaf: &'a [(K, V)],
    after: Option<&'a Node<K, V>>,
}

impl<K: Ord + Clone, V: Clone> Node<K, V> {
    /// Puts the entry below this node. What then is too much for the node is given back as its next neighbour.
    fn insert(&mut self, key: K, value: V) -> (Option<V>, Option<Self>) {
        let (old, at) = match self {
            Self::Leaf(entries) => match entries.binary_search_by(|entry| entry.0.cmp(&key)) {
                Ok(at) => return (Some(mem::replace(&mut entries[at].1, value)), None),
                Err(at) => {
                    entries.insert(at, (key, value));
                    (None, at)
                }
            },
            Self::Branch(children) => {
                let at = position(children, &key);
                let child = &mut children[at];
                if key < child.from {
                    child.from = key.clone();
                }
                let (old, split) = Arc::make_mut(&mut child.node).insert(key, value);
                let Some(split) = split else {
                    return (old, None);
                };
                children.insert(at + 1, Child::new(split));
                (old, at + 1)
            }
        };
        (old, self.split_if_too_wide(at))
    }

    /// `grown_at` is where something was added: behind the end, a new node is begun, so that keys that come in order fill
    /// their nodes.
    fn split_if_too_wide(&mut self, grown_at: usize) -> Option<Self> {
        let width = self.width();
        (width > MAX_WIDTH).then(|| {
            self.split_off(if grown_at + 1 == width {
                MAX_WIDTH
            } else {
                width / 2
            })
        })
    }

    fn split_off(&mut self, at: usize) -> Self {
        match self {
            Self::Leaf(entries) => Self::Leaf(part(entries, at)),
            Self::Branch(children) => Self::Branch(part(children, at)),
        }
    }

    fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::Leaf(entries) => {
                let at = entries
                    .binary_search_by(|entry| entry.0.borrow().cmp(key))
                    .ok()?;
                Some(entries.remove(at).1)
            }
            Self::Branch(children) => {
                let at = position(children, key);
                let node = Arc::make_mut(&mut children[at].node);
                let removed = node.remove(key);
                match node.width() {
                    0 => drop(children.remove(at)),
                    1..MIN_WIDTH => join(children, at),
                    _ => {}
                }
                removed
            }
        }
    }

    fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::Leaf(entries) => {
                let at = entries
                    .binary_search_by(|entry| entry.0.borrow().cmp(key))
                    .ok()?;
                Some(&mut entries[at].1)
            }
            Self::Branch(children) => {
                let at = position(children, key);
                Arc::make_mut(&mut children[at].node).get_mut(key)
            }
        }
    }

    /// Adds what is in `next`, a node of the same height whose keys follow.
    fn append(&mut self, next: Self) {
        match (self, next) {
            (Self::Leaf(entries), Self::Leaf(mut more)) => entries.append(&mut more),
            (Self::Branch(children), Self::Branch(mut more)) => children.append(&mut more),
            _ => unreachable!("all leaves are equally deep"),
        }
    }
}

/// What is behind `at`. Both parts give back memory that they do not need.
fn part<T>(all: &mut Vec<T>, at: usize) -> Vec<T> {
    let rest = all.split_off(at);
    all.shrink_to(MAX_WIDTH);
    rest
}

/// Joins the child at `at`, which has become narrow, with a neighbour, and parts the two evenly where they are too much
/// for one node.
fn join<K: Ord + Clone, V: Clone>(children: &mut Vec<Child<K, V>>, at: usize) {
    if children.len() == 1 {
        return;
    }
    let at = at.min(children.len() - 2);
    let next = Arc::unwrap_or_clone(children.remove(at + 1).node);
    let joined = Arc::make_mut(&mut children[at].node);
    joined.append(next);
    if joined.width() > MAX_WIDTH {
        let half = joined.split_off(joined.width() / 2);
        children.insert(at + 1, Child::new(half));
    }
}

impl<K, V> Map<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self {
            root: Arc::new(Node::Leaf(Vec::new())),
            len: 0,
        }
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first entry.
    #[must_use]
    pub fn first(&self) -> Option<(&K, &V)> {
        self.root
            .first_leaf()
            .first()
            .map(|(key, value)| (key, value))
    }
}

impl<K: Ord, V> Map<K, V> {
    /// All entries, by key.
    pub fn iter(&self) -> Iter<'_, K, V> {
        let (first, last) = (self.root.first_leaf(), self.root.last_leaf());
        Iter::new(&self.root, (first, 0), (last, last.len()))
    }

    /// All values, by key.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The value of `key`.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let leaf = self.root.leaf_of(key).leaf;
        let at = leaf
            .binary_search_by(|entry| entry.0.borrow().cmp(key))
            .ok()?;
        Some(&leaf[at].1)
    }

    /// The entries whose keys lie in `range`, by key.
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let below = |entries: &[(K, V)], bound: &Q| {
            entries.partition_point(|entry| entry.0.borrow() < bound)
        };
        let up_to = |entries: &[(K, V)], bound: &Q| {
            entries.partition_point(|entry| entry.0.borrow() <= bound)
        };
        let (first, start) = match range.start_bound() {
            Bound::Unbounded => (self.root.first_leaf(), 0),
            Bound::Included(key) => {
                let leaf = self.root.leaf_of(key).leaf;
                (leaf, below(leaf, key))
            }
            Bound::Excluded(key) => {
                let leaf = self.root.leaf_of(key).leaf;
                (leaf, up_to(leaf, key))
            }
        };
        let (last, end) = match range.end_bound() {
            Bound::Unbounded => {
                let leaf = self.root.last_leaf();
                (leaf, leaf.len())
            }
            Bound::Included(key) => {
                let leaf = self.root.leaf_of(key).leaf;
                (leaf, up_to(leaf, key))
            }
            Bound::Excluded(key) => {
                let leaf = self.root.leaf_of(key).leaf;
                (leaf, below(leaf, key))
            }
        };
        Iter::new(&self.root, (first, start), (last, end))
    }
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    /// Inserts or replaces; gives the value that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let root = Arc::make_mut(&mut self.root);
        let (old, split) = root.insert(key, value);
        if let Some(split) = split {
            let low = mem::replace(root, Node::Branch(Vec::new()));
            *root = Node::Branch([Child::new(low), Child::new(split)].into());
        }
        self.len += usize::from(old.is_none());
        old
    }

    /// Removes the entry of `key`; gives its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        // What is not there must not cost a copy of the way to it.
        self.get(key)?;
        let removed = Arc::make_mut(&mut self.root).remove(key);
        while let Node::Branch(children) = &*self.root {
            match &children[..] {
                [] => self.root = Arc::new(Node::Leaf(Vec::new())),
                [only] => self.root = Arc::clone(&only.node),
                _ => break,
            }
        }
        self.len -= 1;
        removed
    }

    /// The value of `key`, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.get(key)?;
        Arc::make_mut(&mut self.root).get_mut(key)
    }

    /// A map of entries in the ascending order of their keys, in time proportional to their number.
    fn from_ascending(entries: Vec<(K, V)>) -> Self {
        let len = entries.len();
        let mut level = in_chunks(entries, Node::Leaf);
        while level.len() > 1 {
            let children = level.into_iter().map(Child::new).collect();
            level = in_chunks(children, Node::Branch);
        }
        level.pop().map_or_else(Self::new, |root| Self {
            root: Arc::new(root),
            len,
        })
    }
}

fn in_chunks<T, N>(all: Vec<T>, node: impl Fn(Vec<T>) -> N) -> Vec<N> {
    let mut nodes = Vec::with_capacity(all.len().div_ceil(MAX_WIDTH));
    let mut all = all.into_iter();
    while all.len() > 0 {
        let mut chunk = Vec::with_capacity(all.len().min(MAX_WIDTH));
        chunk.extend(all.by_ref().take(MAX_WIDTH));
        nodes.push(node(chunk));
    }
    nodes
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for Map<K, V> {
    /// Of entries with the same key, the last remains.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<(K, V)> = entries.into_iter().collect();
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                mem::swap(later, kept);
            }
            same
        });
        Self::from_ascending(entries)
    }
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self {
            root: Arc::clone(&self.root),
            len: self.len,
        }
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
            || (self.len == other.len && self.iter().eq(other.iter()))
    }
}

impl<K: Ord, V: Eq> Eq for Map<K, V> {}

impl<K: Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

/// Entries of a [`Map`], by key.
pub struct Iter<'a, K, V> {
    root: &'a Node<K, V>,
    /// What is left of the leaf that is read from the front.
    front: &'a [(K, V)],
    /// The last key of that leaf and the first key of the one that is read from the back, while others lie between.
    between: Option<(&'a K, &'a K)>,
    /// What is left of the leaf that is read from the back, where it is another.
    back: &'a [(K, V)],
}

impl<'a, K, V> Iter<'a, K, V> {
    /// From `start` in the leaf `first` to before `end` in the leaf `last`.
    fn new(
        root: &'a Node<K, V>,
        (first, start): (&'a [(K, V)], usize),
        (last, end): (&'a [(K, V)], usize),
    ) -> Self
    where
        K: Ord,
    {
        let mut made = Self {
            root,
            front: &[],
            between: None,
            back: &[],
        };
        if core::ptr::eq(first, last) {
            made.front = first.get(start..end).unwrap_or_default();
        } else if let (Some((before, _)), Some((after, _))) = (first.last(), last.first())
            && before < after
        {
            made.between = Some((before, after));
            (made.front, made.back) = (&first[start..], &last[..end]);
        }
        made
    }
}

impl<'a, K: Ord, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        while self.front.is_empty() {
            let next = self.between.take().and_then(|(before, end)| {
                let leaf = self.root.leaf_of(before).after?.first_leaf();
                let ((first, _), (last, _)) = (leaf.first()?, leaf.last()?);
                (!core::ptr::eq(first, end)).then_some((leaf, (last, end)))
            });
            if let Some((leaf, between)) = next {
                (self.front, self.between) = (leaf, Some(between));
            } else if self.back.is_empty() {
                return None;
            } else {
                self.front = mem::take(&mut self.back);
            }
        }
        let ((key, value), rest) = self.front.split_first()?;
        self.front = rest;
        Some((key, value))
    }
}

impl<K: Ord, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.back.is_empty() {
            let next = self.between.take().and_then(|(start, after)| {
                let leaf = self.root.leaf_of(after).before?.last_leaf();
                let ((first, _), (last, _)) = (leaf.first()?, leaf.last()?);
                (!core::ptr::eq(last, start)).then_some((leaf, (start, first)))
            });
            if let Some((leaf, between)) = next {
                (self.back, self.between) = (leaf, Some(between));
            } else if self.front.is_empty() {
                return None;
            } else {
                self.back = mem::take(&mut self.front);
            }
        }
        let ((key, value), rest) = self.back.split_last()?;
        self.back = rest;
        Some((key, value))
    }
}

#[cfg(test)]
mod tests;
