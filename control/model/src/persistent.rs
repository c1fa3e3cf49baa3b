//! Maps and sets of which a copy shares with the original all that has not changed since.

/// An ordered map. A copy costs nothing.
pub type Map<K, V> = rpds::RedBlackTreeMapSync<K, V>;
/// An ordered set. A copy costs nothing.
pub type Set<K> = rpds::RedBlackTreeSetSync<K>;
