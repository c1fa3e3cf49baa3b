//! Revisions, guarded transactions and watches, over an embedded file.
//!
//! [`Store`] is the contract, with the semantics of etcd's KV, Txn and Watch: one global revision, per key its create
//! and modification revision and its version, transactions that compare before they write, range reads at the current
//! revision, and watches that start at a revision. [`EmbeddedStore`] keeps it in one `redb` file, [`MemoryStore`] in
//! memory for tests. `conformance` (a feature) holds the cases each implementation must pass.
//!
//! Promises of every implementation:
//!
//! - An answered transaction is durable; a transaction is whole or absent, whatever happens to the process or the disk.
//! - Nothing is seen by a reader or a watcher before it is durable.
//! - A watcher sees every change of its range once, in order, all changes of one revision together, or is told that the
//!   log no longer reaches back far enough ([`WatchError::Compacted`]) and has to read the range anew.
//!
//! Leases are not part of the contract: nothing here relies on one. Ownership is fenced by guards on revisions, since a
//! lease can be lost without its holder noticing (jepsen.io/analyses/etcd-3.4.3).
#![forbid(unsafe_code)]

mod apply;
mod change_log;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod embedded;
mod file;
mod memory;
mod store;
mod trial;
mod txn;

pub use embedded::EmbeddedStore;
pub use memory::MemoryStore;
pub use store::{RangeResponse, Store, StoreError, Watch, WatchError, WatchEvent, WatchResponse};
pub use txn::{
    Guard, KeyRange, KeyValue, MAX_KEY_BYTES, MAX_TXN_BYTES, MAX_TXN_OPERATIONS, Operation,
    Revision, Txn, TxnRejection, TxnResponse,
};
