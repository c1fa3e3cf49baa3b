//! What each client has, of those that share places.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// Counts what each client holds; those that hold nothing are not remembered.
#[derive(Debug)]
pub(crate) struct Shares<K: Ord> {
    held: Held<K>,
    handshakes: usize,
}

type Held<K> = Arc<Mutex<BTreeMap<K, Own>>>;

#[derive(Debug)]
struct Own {
    held: usize,
    handshakes: Arc<Semaphore>,
}

/// One of a client's. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Share<K: Ord + Copy> {
    held: Held<K>,
    client: K,
    /// One of each handshake of the client's that is worked on.
    pub(crate) handshakes: Arc<Semaphore>,
}

impl<K: Ord + Copy> Shares<K> {
    /// Of each client so many handshakes are worked on at once.
    pub(crate) fn with_handshakes(handshakes: usize) -> Self {
        Self {
            held: Arc::default(),
            handshakes,
        }
    }

    /// One more for `client`; `None` if it holds `most`.
    pub(crate) fn take(&self, client: K, most: usize) -> Option<Share<K>> {
        let mut held = lock(&self.held);
        let own = held.entry(client).or_insert_with(|| Own {
            held: 0,
            handshakes: Arc::new(Semaphore::new(self.handshakes)),
        });
        if own.held >= most {
            return None;
        }
        own.held += 1;
        Some(Share {
            held: Arc::clone(&self.held),
            client,
            handshakes: Arc::clone(&own.handshakes),
        })
    }
}

impl<K: Ord + Copy> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(own) = held.get_mut(&self.client) {
            own.held -= 1;
            if own.held == 0 {
                held.remove(&self.client);
            }
        }
    }
}

/// A panic leaves counts there, which are whole.
fn lock<K>(held: &Mutex<BTreeMap<K, Own>>) -> MutexGuard<'_, BTreeMap<K, Own>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_takes_its_share_and_nobody_elses() {
        let shares = Shares::with_handshakes(1);
        let first = [(); 2].map(|()| shares.take("first", 2).unwrap());
        assert!(shares.take("first", 2).is_none());
        let other = shares.take("other", 2).unwrap();
        // A handshake that does not end keeps its client's waiting, and nobody else's.
        let _endless = first[0].handshakes.try_acquire().unwrap();
        assert!(first[1].handshakes.try_acquire().is_err());
        assert!(other.handshakes.try_acquire().is_ok());
        drop(other);
        assert_eq!(
            lock(&shares.held).len(),
            1,
            "who has nothing is not remembered"
        );
    }
}
