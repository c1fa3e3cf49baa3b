//! The bounded log of durable changes that watches read from.
//!
//! It lives in memory: everything that watches an embedded store lives in the same process, and after a restart reads
//! its range anew anyway. The file then holds each value once, and a commit writes half as much.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::store::{StoreError, Watch, WatchError, WatchEvent, WatchResponse};
use crate::txn::{KeyRange, Revision};

/// Changes kept for watches to resume from. At a thousand API calls a second with three changes each, 20 seconds.
const MAX_LOG_EVENTS: usize = 65_536;
/// Bytes of keys and values kept, so that large values cannot fill the memory.
const MAX_LOG_BYTES: usize = 64 * 1024 * 1024;

/// Shared by a store and its watches.
#[derive(Debug)]
pub(crate) struct ChangeLog {
    state: Mutex<LogState>,
    grown: Condvar,
}

#[derive(Debug)]
struct LogState {
    /// In ascending order of revisions, without a gap.
    changes: VecDeque<WatchResponse>,
    /// The last durable revision.
    revision: Revision,
    /// The oldest revision a watch can start from.
    oldest: Revision,
    events: usize,
    bytes: usize,
    closed: bool,
}

impl ChangeLog {
    /// The log of a store that was opened at `revision`: what led there is not known.
    pub(crate) fn starting_at(revision: Revision) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(LogState {
                changes: VecDeque::new(),
                revision,
                oldest: revision.next(),
                events: 0,
                bytes: 0,
                closed: false,
            }),
            grown: Condvar::new(),
        })
    }

    /// The last durable revision.
    pub(crate) fn revision(&self) -> Revision {
        self.state.lock().revision
    }

    /// Shows durable changes, which follow the last revision, to all watches.
    pub(crate) fn append(&self, changes: Vec<WatchResponse>) {
        if changes.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for change in changes {
            debug_assert_eq!(
                change.revision,
                state.revision.next(),
                "no revision is left out"
            );
            state.revision = change.revision;
            state.events += change.events.len();
            state.bytes += size_bytes(&change);
            state.changes.push_back(change);
        }
        while state.events > MAX_LOG_EVENTS || state.bytes > MAX_LOG_BYTES {
            state.forget_first();
        }
        drop(state);
        self.grown.notify_all();
    }

    /// Forgets changes before `at`.
    pub(crate) fn compact(&self, at: Revision) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if at > state.revision {
            return Err(StoreError::FutureRevision {
                current: state.revision,
            });
        }
        if at < state.oldest {
            return Err(StoreError::Compacted {
                oldest: state.oldest,
            });
        }
        while state
            .changes
            .front()
            .is_some_and(|first| first.revision < at)
        {
            state.forget_first();
        }
        Ok(())
    }

    /// A watch of `range` from `from`.
    pub(crate) fn watch(
        self: &Arc<Self>,
        range: KeyRange,
        from: Revision,
    ) -> Result<Box<dyn Watch>, StoreError> {
        let oldest = self.state.lock().oldest;
        if from < oldest {
            return Err(StoreError::Compacted { oldest });
        }
        Ok(Box::new(LogWatch {
            log: Arc::clone(self),
            range,
            next: from,
        }))
    }

    /// Ends all watches.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.grown.notify_all();
    }
}

impl LogState {
    fn forget_first(&mut self) {
        if let Some(first) = self.changes.pop_front() {
            self.events -= first.events.len();
            self.bytes -= size_bytes(&first);
            self.oldest = first.revision.next();
        }
    }

    /// The first change at or after `next` that touches `range`, reduced to it.
    fn find(&self, range: &KeyRange, next: Revision) -> Option<WatchResponse> {
        let skipped = self
            .changes
            .partition_point(|change| change.revision < next);
        self.changes.range(skipped..).find_map(|change| {
            let events: Vec<WatchEvent> = change
                .events
                .iter()
                .filter(|event| range.contains(event.key()))
                .cloned()
                .collect();
            (!events.is_empty()).then_some(WatchResponse {
                revision: change.revision,
                events,
            })
        })
    }
}

fn size_bytes(change: &WatchResponse) -> usize {
    let of_event = |event: &WatchEvent| match event {
        WatchEvent::Put(key_value) => key_value.key.len() + key_value.value.len(),
        WatchEvent::Delete { key } => key.len(),
    };
    change.events.iter().map(of_event).sum()
}

/// A watch holds a position in the log, no queue of its own: a slow one costs nothing and is told when it is too slow.
#[derive(Debug)]
struct LogWatch {
    log: Arc<ChangeLog>,
    range: KeyRange,
    next: Revision,
}

impl Watch for LogWatch {
    fn next(&mut self, timeout: Duration) -> Result<Option<WatchResponse>, WatchError> {
        let deadline = Instant::now() + timeout;
        let mut state = self.log.state.lock();
        loop {
            if self.next < state.oldest {
                return Err(WatchError::Compacted {
                    oldest: state.oldest,
                });
            }
            if let Some(found) = state.find(&self.range, self.next) {
                self.next = found.revision.next();
                return Ok(Some(found));
            }
            // Past changes outside the range must not hold the watch back when they are forgotten.
            self.next = self.next.max(state.revision.next());
            if state.closed {
                return Err(WatchError::Closed);
            }
            if self.log.grown.wait_until(&mut state, deadline).timed_out() {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::txn::KeyValue;
    use bytes::Bytes;

    fn change(revision: u64, value_bytes: usize) -> WatchResponse {
        WatchResponse {
            revision: Revision(revision),
            events: vec![WatchEvent::Put(KeyValue {
                key: "/k".into(),
                value: Bytes::from(vec![0; value_bytes]),
                create_revision: Revision(1),
                mod_revision: Revision(revision),
                version: revision,
            })],
        }
    }

    #[test]
    fn the_log_is_bounded_by_bytes_and_a_slow_watch_is_told() {
        let log = ChangeLog::starting_at(Revision(0));
        let mut slow = log
            .watch(KeyRange::Prefix(String::new()), Revision(1))
            .unwrap();
        let megabyte = 1024 * 1024;
        let count = (MAX_LOG_BYTES / megabyte) as u64 + 8;
        log.append((1..=count).map(|at| change(at, megabyte)).collect());
        assert!(log.state.lock().bytes <= MAX_LOG_BYTES);
        let error = slow.next(Duration::ZERO).unwrap_err();
        let WatchError::Compacted { oldest } = error else {
            panic!("{error:?}")
        };
        assert!(oldest > Revision(8), "{oldest}");
    }

    #[test]
    fn the_log_is_bounded_by_count() {
        let log = ChangeLog::starting_at(Revision(0));
        let count = MAX_LOG_EVENTS as u64 + 10;
        log.append((1..=count).map(|at| change(at, 1)).collect());
        assert_eq!(log.state.lock().events, MAX_LOG_EVENTS);
        assert_eq!(log.state.lock().oldest, Revision(11));
        assert_eq!(log.revision(), Revision(count));
    }

    #[test]
    fn a_watch_outside_the_changes_is_not_held_back_by_compaction() {
        let log = ChangeLog::starting_at(Revision(0));
        let mut idle = log
            .watch(KeyRange::Key("/other".into()), Revision(1))
            .unwrap();
        for at in 1..=10 {
            log.append(vec![change(at, 1)]);
            assert_eq!(idle.next(Duration::ZERO), Ok(None));
        }
        log.compact(Revision(10)).unwrap();
        assert_eq!(idle.next(Duration::ZERO), Ok(None));
    }

    #[test]
    fn closing_ends_a_waiting_watch() {
        let log = ChangeLog::starting_at(Revision(0));
        let mut watch = log.watch(KeyRange::Key("/k".into()), Revision(1)).unwrap();
        let waiting = std::thread::spawn(move || watch.next(Duration::from_secs(30)));
        log.close();
        assert_eq!(waiting.join().unwrap(), Err(WatchError::Closed));
    }
}
