//! How many connections each interface has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections that an interface may have at once; more are closed. The SDKs' clients of instance metadata keep one or a few.
pub const MAX_CONNECTIONS_PER_INTERFACE: usize = 32;

/// The connections of each interface that has any.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<BTreeMap<u32, usize>>>);

/// The place of one connection. Dropped, it is free again.
pub(crate) struct Place {
    places: Places,
    vport: u32,
}

impl Places {
    /// A place for a connection of `vport`; `None` if it has all that it may.
    pub(crate) fn take(&self, vport: u32) -> Option<Place> {
        let mut taken = self.lock();
        let count = taken.entry(vport).or_default();
        if *count >= MAX_CONNECTIONS_PER_INTERFACE {
            return None;
        }
        *count += 1;
        Some(Place {
            places: self.clone(),
            vport,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.vport) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.vport);
            }
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
        assert!(places.lock().is_empty());
    }
}
