//! Keys, values and transactions.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;

/// Most operations in one transaction. etcd's own default is 128 (`--max-txn-ops`); one call of EC2 may launch or end
/// more instances than that, so an etcd cluster has to be started with at least this figure.
pub const MAX_TXN_OPERATIONS: usize = 4_096;
/// Most bytes of keys and values in one transaction. etcd's default is 1.5 MiB (`--max-request-bytes`); raised for the
/// same reason as [`MAX_TXN_OPERATIONS`].
pub const MAX_TXN_BYTES: usize = 8 * 1024 * 1024;
/// Longest key, in bytes. Ours are below 100.
pub const MAX_KEY_BYTES: usize = 1_024;

/// The number of the last transaction that changed something. A new store is at 0; the first change makes it 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of the next change.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A key with its value and its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// The value, as it was put.
    pub value: Bytes,
    /// The revision at which the key came to be, since it was last absent.
    pub create_revision: Revision,
    /// The revision of the last put.
    pub mod_revision: Revision,
    /// Puts since the key came to be: 1 for a new key.
    pub version: u64,
}

/// The keys a read or a watch is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRange {
    /// Exactly this key.
    Key(String),
    /// All keys that start with this text; the empty text is every key.
    Prefix(String),
}

impl KeyRange {
    /// Whether `key` is in the range.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        match self {
            Self::Key(one) => one == key,
            Self::Prefix(prefix) => key.starts_with(prefix.as_str()),
        }
    }

    /// The first key that can be in the range. All of its keys follow without a gap.
    pub(crate) fn start(&self) -> &str {
        match self {
            Self::Key(text) | Self::Prefix(text) => text,
        }
    }
}

/// What must hold for a transaction to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The key exists and was last put at this revision.
    ModRevision {
        /// The key compared.
        key: String,
        /// Its expected modification revision.
        revision: Revision,
    },
    /// The key exists.
    Exists {
        /// The key compared.
        key: String,
    },
    /// The key does not exist.
    Absent {
        /// The key compared.
        key: String,
    },
}

impl Guard {
    /// The key this guard compares.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::ModRevision { key, .. } | Self::Exists { key } | Self::Absent { key } => key,
        }
    }

    /// Whether the guard holds for a key last put at `actual`, or absent.
    pub(crate) fn holds(&self, actual: Option<Revision>) -> bool {
        match self {
            Self::ModRevision { revision, .. } => actual == Some(*revision),
            Self::Exists { .. } => actual.is_some(),
            Self::Absent { .. } => actual.is_none(),
        }
    }
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sets the key, whether or not it exists.
    Put {
        /// The key set.
        key: String,
        /// Its new value.
        value: Bytes,
    },
    /// Removes the key; an absent one stays absent and counts as no change.
    Delete {
        /// The key removed.
        key: String,
    },
}

impl Operation {
    /// The key this operation changes.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::Put { key, value } => key.len() + value.len(),
            Self::Delete { key } => key.len(),
        }
    }
}

/// If all guards hold, all operations happen, at one revision; otherwise none does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must hold. No guard always holds.
    pub guards: Vec<Guard>,
    /// What then happens. Each key at most once, as in etcd.
    pub operations: Vec<Operation>,
}

impl Txn {
    /// A transaction that does nothing, to add to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of its keys and values.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.operations.iter().map(Operation::size_bytes).sum()
    }

    /// Requires that `guard` holds.
    #[must_use]
    pub fn when(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }

    /// Sets `key` to `value`.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.operations.push(Operation::Put {
            key: key.into(),
            value: value.into(),
        });
        self
    }

    /// Removes `key`.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.operations.push(Operation::Delete { key: key.into() });
        self
    }

    /// Refuses what no implementation accepts, whatever the store holds: for who has to know before the batch is run.
    ///
    /// # Errors
    /// Any [`TxnRejection`] but a failed guard.
    pub fn check_shape(&self) -> Result<(), TxnRejection> {
        if self.operations.len() > MAX_TXN_OPERATIONS {
            return Err(TxnRejection::TooManyOperations {
                count: self.operations.len(),
            });
        }
        let size_bytes = self.size_bytes();
        if size_bytes > MAX_TXN_BYTES {
            return Err(TxnRejection::TooLarge { size_bytes });
        }
        let mut seen = HashSet::with_capacity(self.operations.len());
        for operation in &self.operations {
            let key = operation.key();
            if key.is_empty() || key.len() > MAX_KEY_BYTES {
                return Err(TxnRejection::KeyLength {
                    length_bytes: key.len(),
                });
            }
            if !seen.insert(key) {
                return Err(TxnRejection::DuplicateKey { key: key.into() });
            }
        }
        Ok(())
    }
}

/// A transaction that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnResponse {
    /// The store's revision after it: its own if it changed something, else the one it was compared at.
    pub revision: Revision,
}

/// Why a transaction did not happen. The store is as if it had never been asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TxnRejection {
    /// A guard did not hold.
    #[error("guard {guard:?} does not hold: the key's modification revision is {actual:?}")]
    GuardFailed {
        /// The first guard that did not hold.
        guard: Guard,
        /// The key's modification revision; `None` if it is absent.
        actual: Option<Revision>,
    },
    /// Two operations name one key.
    #[error("the key {key:?} is changed twice")]
    DuplicateKey {
        /// The key named twice.
        key: String,
    },
    /// More than [`MAX_TXN_OPERATIONS`].
    #[error("{count} operations are more than {MAX_TXN_OPERATIONS}")]
    TooManyOperations {
        /// Operations asked for.
        count: usize,
    },
    /// More than [`MAX_TXN_BYTES`].
    #[error("{size_bytes} bytes are more than {MAX_TXN_BYTES}")]
    TooLarge {
        /// Bytes of keys and values asked for.
        size_bytes: usize,
    },
    /// A key is empty or longer than [`MAX_KEY_BYTES`].
    #[error("a key of {length_bytes} bytes is empty or longer than {MAX_KEY_BYTES}")]
    KeyLength {
        /// Bytes of the key.
        length_bytes: usize,
    },
}
