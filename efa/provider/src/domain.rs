//! Domains: everything that a program opened on one device, under one lock.

pub(crate) mod sys;

use crate::address_vector::AddressVector;
use crate::buffer::ProgramBuffer;
use crate::counter::Counter;
use crate::endpoint::EndpointState;
use crate::lock::{Guard, Lock};
use crate::queue::Queue;
use crate::slots::Slots;
use eni_efa_client::Fabric;
use eni_efa_messaging::Regions;

/// Shared by the handles of a domain.
pub(crate) struct Domain {
    /// The connection to the service; endpoints are made through it.
    pub(crate) fabric: Fabric,
    /// Index of the device.
    pub(crate) device: usize,
    /// Peers name a region's bytes by their addresses, not by their offsets.
    pub(crate) uses_addresses: bool,
    /// The provider chooses keys.
    pub(crate) chooses_keys: bool,
    pub(crate) state: Lock<State>,
}

/// What the lock guards.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) regions: Regions<ProgramBuffer>,
    pub(crate) endpoints: Slots<EndpointState>,
    pub(crate) queues: Slots<Queue>,
    pub(crate) counters: Slots<Counter>,
    pub(crate) vectors: Slots<AddressVector>,
}

impl Domain {
    pub(crate) fn new(fabric: Fabric, device: usize) -> Self {
        Self {
            fabric,
            device,
            uses_addresses: false,
            chooses_keys: false,
            state: Lock::new(State::default()),
        }
    }

    /// Whether several threads may come at once.
    pub(crate) fn is_contended(&self) -> bool {
        self.state.is_contended()
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }
}
