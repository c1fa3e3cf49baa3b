//! Address handles: the devices that a program wants to talk to.

use crate::Gid;
use crate::device::DomainId;
use crate::slab::Slab;
use alloc::collections::BTreeMap;

/// An address handle of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressHandleId(pub u32);

#[derive(Debug)]
struct Handle {
    gid: Gid,
    domain: DomainId,
    number: u16,
}

#[derive(Debug)]
struct Number {
    number: u16,
    handles: u32,
}

/// The address handles of one device. Handles to the same GID share their number, as on EFA.
#[derive(Debug)]
pub(crate) struct AddressHandles {
    handles: Slab<Handle>,
    numbers: BTreeMap<Gid, Number>,
    /// Grows whenever the number of some GID changes.
    epoch: u64,
}

impl AddressHandles {
    pub(crate) fn new() -> Self {
        Self {
            handles: Slab::new(crate::MAX_ADDRESS_HANDLES),
            numbers: BTreeMap::new(),
            epoch: 0,
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// `number` is what the service gave for `gid`; an earlier handle's number stays.
    pub(crate) fn create(
        &mut self,
        domain: DomainId,
        gid: Gid,
        number: u16,
    ) -> Option<AddressHandleId> {
        let number = self.numbers.get(&gid).map_or(number, |known| known.number);
        let handle = Handle {
            gid,
            domain,
            number,
        };
        let id = self.handles.insert(handle).ok()?;
        let shared = self
            .numbers
            .entry(gid)
            .or_insert(Number { number, handles: 0 });
        shared.handles += 1;
        self.epoch += 1;
        Some(AddressHandleId(id))
    }

    pub(crate) fn destroy(&mut self, id: AddressHandleId) -> Option<DomainId> {
        let handle = self.handles.remove(id.0)?;
        if let Some(shared) = self.numbers.get_mut(&handle.gid) {
            shared.handles -= 1;
            if shared.handles == 0 {
                self.numbers.remove(&handle.gid);
            }
        }
        self.epoch += 1;
        Some(handle.domain)
    }

    pub(crate) fn gid(&self, id: AddressHandleId) -> Option<Gid> {
        self.handles.get(id.0).map(|handle| handle.gid)
    }

    pub(crate) fn number(&self, id: AddressHandleId) -> Option<u16> {
        self.handles.get(id.0).map(|handle| handle.number)
    }

    /// The number under which the program knows `gid`.
    pub(crate) fn number_of(&self, gid: &Gid) -> Option<u16> {
        self.numbers.get(gid).map(|shared| shared.number)
    }
}
