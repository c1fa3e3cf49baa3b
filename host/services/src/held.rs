//! The connections of endpoints' vports, which are reset when the endpoint goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The connections at each vport that has some.
#[derive(Debug, Default)]
pub(crate) struct HeldConnections {
    vports: Mutex<BTreeMap<u32, Vport>>,
    /// One has ended.
    ended: Condvar,
}

#[derive(Debug)]
struct Vport {
    count: usize,
    /// Becomes true when all are to end.
    gone: watch::Sender<bool>,
}

/// A connection that is there. To be dropped after what it stands for.
pub(crate) struct Held {
    vport: u32,
    gone: watch::Receiver<bool>,
    all: Arc<HeldConnections>,
}

impl HeldConnections {
    /// A connection of `vport` has come.
    pub(crate) fn hold(self: &Arc<Self>, vport: u32) -> Held {
        let mut vports = self.lock();
        let new = || Vport {
            count: 0,
            gone: watch::Sender::new(false),
        };
        let at = vports.entry(vport).or_insert_with(new);
        // Those before are somebody else's, and have been told.
        if *at.gone.borrow() {
            at.gone = watch::Sender::new(false);
        }
        at.count += 1;
        Held {
            vport,
            gone: at.gone.subscribe(),
            all: Arc::clone(self),
        }
    }

    /// Has the connections of `vports` end, and waits until they have, at most so long.
    pub(crate) fn end(&self, vports: &[u32], patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut held = self.lock();
        for vport in vports {
            if let Some(at) = held.get(vport) {
                at.gone.send_replace(true);
            }
        }
        while vports.iter().any(|vport| held.contains_key(vport)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.ended.wait_timeout(held, left);
            (held, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A panic elsewhere leaves the numbers whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Vport>> {
        self.vports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Completes when the connection is to end.
    pub(crate) async fn is_gone(&mut self) {
        // Its sender lives as long as a connection is held.
        drop(self.gone.wait_for(|gone| *gone).await);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut vports = self.all.lock();
        if let Some(at) = vports.get_mut(&self.vport) {
            at.count -= 1;
            if at.count == 0 {
                vports.remove(&self.vport);
                self.all.ended.notify_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test(flavor = "multi_thread")]
    async fn the_connections_of_a_vport_end_before_who_ends_them_goes_on() {
        let all = Arc::new(HeldConnections::default());
        let other = all.hold(4);
        let (ended, order) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let mut held = all.hold(3);
            let ended = ended.clone();
            tokio::spawn(async move {
                held.is_gone().await;
                ended.send("connection").unwrap();
                drop(held);
            });
        }
        let ends = Arc::clone(&all);
        let waits = tokio::task::spawn_blocking(move || ends.end(&[3, 5], PATIENCE));
        waits.await.unwrap();
        ended.send("who ends them").unwrap();
        let order: Vec<&str> = order.try_iter().collect();
        assert_eq!(
            order,
            ["connection", "connection", "connection", "who ends them"]
        );
        // The next one's are not ended with them.
        let mut next = all.hold(3);
        assert!(!*next.gone.borrow_and_update());
        assert!(!*other.gone.borrow());
    }

    #[test]
    fn nobody_waits_long_for_one_that_does_not_end() {
        let all = Arc::new(HeldConnections::default());
        let held = all.hold(3);
        let began = Instant::now();
        all.end(&[3], Duration::from_millis(50));
        assert!(began.elapsed() >= Duration::from_millis(50));
        assert!(*held.gone.borrow());
        assert!(!*all.hold(3).gone.borrow(), "the next one's");
    }
}
