//! How many connections each interface has, and what they share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::turns::Turns;

/// Connections that an interface may have at once; more are reset. The SDKs' clients of instance metadata keep one or a few.
pub const MAX_CONNECTIONS_PER_INTERFACE: usize = 32;

/// The connections of each interface that has ever had one: whoever connects anew has not more turns for it. As many as there
/// are vports at most ([`eni_abi::Service::of_address`]).
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<BTreeMap<u32, Interface>>>);

#[derive(Default)]
struct Interface {
    connections: usize,
    turns: Arc<Turns>,
}

/// The place of one connection. Dropped, it is free again.
pub(crate) struct Place {
    places: Places,
    vport: u32,
    turns: Arc<Turns>,
}

impl Place {
    /// The turns of the interface's connections.
    pub(crate) fn turns(&self) -> Arc<Turns> {
        Arc::clone(&self.turns)
    }
}

impl Places {
    /// A place for a connection of `vport`; `None` if it has all that it may.
    pub(crate) fn take(&self, vport: u32) -> Option<Place> {
        let mut taken = self.lock();
        let interface = taken.entry(vport).or_default();
        if interface.connections >= MAX_CONNECTIONS_PER_INTERFACE {
            return None;
        }
        interface.connections += 1;
        Some(Place {
            places: self.clone(),
            vport,
            turns: Arc::clone(&interface.turns),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Interface>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(interface) = taken.get_mut(&self.vport) {
            interface.connections -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_its_own_places_and_gets_them_back() {
        let places = Places::default();
        let held: Vec<Place> = (0..MAX_CONNECTIONS_PER_INTERFACE)
            .map(|_| places.take(3).unwrap())
            .collect();
        assert!(places.take(3).is_none());
        let other = places.take(4);
        assert!(other.is_some());
        drop(held);
        assert!(places.take(3).is_some());
        drop(other);
        let held = |interface: &Interface| interface.connections;
        assert_eq!(places.lock().values().map(held).sum::<usize>(), 0);
    }

    #[test]
    fn an_interface_has_the_same_turns_on_every_connection() {
        let places = Places::default();
        let turns = |vport| places.take(vport).unwrap().turns();
        // One connection after the other.
        assert!(Arc::ptr_eq(&turns(3), &turns(3)));
        assert!(!Arc::ptr_eq(&turns(3), &turns(4)));
    }
}
