//! How many connections each interface has, and what they share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::turns::Turns;

/// Connections of an interface that are served at once. The SDKs' clients of instance metadata keep one or a few.
pub const MAX_CONNECTIONS_PER_INTERFACE: usize = 32;
/// As many more wait for one of them to end; what comes beyond is reset.
pub const MAX_WAITING_PER_INTERFACE: usize = 32;
/// How long one waits, and is reset then.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connections of each interface that has ever had one: whoever connects anew has not more turns for it. As many as there
/// are vports at most ([`eni_abi::Service::of_address`]).
pub(crate) struct Places {
    interfaces: Mutex<BTreeMap<u32, Arc<Interface>>>,
    served: usize,
    waiting: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self::bounded(MAX_CONNECTIONS_PER_INTERFACE, MAX_WAITING_PER_INTERFACE)
    }
}

struct Interface {
    /// One of each connection that is there.
    present: Arc<Semaphore>,
    /// One of each that is served.
    served: Arc<Semaphore>,
    /// Told when one begins to wait.
    somebody_waits: Notify,
    turns: Arc<Turns>,
}

impl Interface {
    fn bounded(served: usize, waiting: usize) -> Self {
        Self {
            present: Arc::new(Semaphore::new(served + waiting)),
            served: Arc::new(Semaphore::new(served)),
            somebody_waits: Notify::new(),
            turns: Arc::default(),
        }
    }
}

/// A connection that is there, and not served yet.
pub(crate) struct Arrival {
    interface: Arc<Interface>,
    present: OwnedSemaphorePermit,
}

/// The place of one connection that is served. Dropped, it is free again.
pub(crate) struct Place {
    interface: Arc<Interface>,
    _present: OwnedSemaphorePermit,
    _served: OwnedSemaphorePermit,
}

impl Places {
    /// Of each interface so many connections are served, and so many wait.
    pub(crate) fn bounded(served: usize, waiting: usize) -> Self {
        Self {
            interfaces: Mutex::default(),
            served,
            waiting,
        }
    }

    /// A connection of `vport` arrives; `None` if as many as may are served and wait.
    pub(crate) fn arrive(&self, vport: u32) -> Option<Arrival> {
        let interfaces = self.interfaces.lock();
        let mut interfaces = interfaces.unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Interface::bounded(self.served, self.waiting));
        let interface = Arc::clone(interfaces.entry(vport).or_insert_with(new));
        let present = Arc::clone(&interface.present).try_acquire_owned().ok()?;
        Some(Arrival { interface, present })
    }
}

impl Arrival {
    /// Waits for a place, which those in the interface's places that are idle make; `None` after too long.
    pub(crate) async fn place(self) -> Option<Place> {
        let Self { interface, present } = self;
        let served = Arc::clone(&interface.served);
        let served = match Arc::clone(&served).try_acquire_owned() {
            Ok(served) => served,
            Err(_) => {
                let waiting = served.acquire_owned();
                interface.somebody_waits.notify_waiters();
                timeout(PATIENCE, waiting).await.ok()?.ok()?
            }
        };
        Some(Place {
            interface,
            _present: present,
            _served: served,
        })
    }
}

impl Place {
    /// The turns of the interface's connections.
    pub(crate) fn turns(&self) -> Arc<Turns> {
        Arc::clone(&self.interface.turns)
    }

    /// Completes when another connection of the interface begins to wait for a place.
    pub(crate) async fn is_wanted(&self) {
        self.interface.somebody_waits.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    async fn fill(places: &Places, vport: u32) -> Vec<Place> {
        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS_PER_INTERFACE {
            held.push(places.arrive(vport).unwrap().place().await.unwrap());
        }
        held
    }

    #[tokio::test(start_paused = true)]
    async fn each_interface_has_its_own_places_and_gets_them_back() {
        let places = Places::default();
        let mut held = fill(&places, 3).await;
        assert!(places.arrive(4).unwrap().place().await.is_some());
        // One waits, its neighbours are told, and the next that goes makes room.
        let neighbour = held.pop().unwrap();
        let another = held.pop();
        let waits = places.arrive(3).unwrap().place();
        let ((), place) = tokio::join!(
            async {
                neighbour.is_wanted().await;
                drop(another);
            },
            waits
        );
        assert!(place.is_some());
        drop((neighbour, held, place));
        assert_eq!(fill(&places, 3).await.len(), MAX_CONNECTIONS_PER_INTERFACE);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_wait_and_only_so_long() {
        let places = Places::default();
        let held = fill(&places, 3).await;
        let waiting: Vec<Arrival> = (0..MAX_WAITING_PER_INTERFACE)
            .map(|_| places.arrive(3).unwrap())
            .collect();
        assert!(places.arrive(3).is_none());
        let began = Instant::now();
        for waits in waiting {
            assert!(waits.place().await.is_none());
        }
        assert!(began.elapsed() >= PATIENCE);
        assert!(places.arrive(3).is_some());
        drop(held);
    }

    #[tokio::test]
    async fn an_interface_has_the_same_turns_on_every_connection() {
        let places = Places::default();
        let mut turns = Vec::new();
        for vport in [3, 3, 4] {
            // One connection after the other.
            turns.push(places.arrive(vport).unwrap().place().await.unwrap().turns());
        }
        assert!(Arc::ptr_eq(&turns[0], &turns[1]));
        assert!(!Arc::ptr_eq(&turns[0], &turns[2]));
    }
}
