//! Registered memory: what peers may read, write and change.

use crate::buffer::Buffer;
use crate::completion::Fault;
use crate::limits::REGIONS;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

/// What peers may do with a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Read it.
    pub read: bool,
    /// Write it.
    pub write: bool,
}

/// One region.
#[derive(Clone, Debug)]
pub struct Region<B> {
    /// The memory.
    pub buffer: B,
    /// What peers call its first byte: its address, or 0.
    pub base: u64,
    /// What they may do.
    pub access: Access,
}

/// Why a region was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError {
    /// The key names another region.
    KeyInUse,
    /// The domain has as many as it may.
    TooMany,
}

/// The regions of a domain by key.
#[derive(Debug)]
pub struct Regions<B> {
    by_key: BTreeMap<u64, Region<B>>,
}

impl<B> Default for Regions<B> {
    fn default() -> Self {
        Self {
            by_key: BTreeMap::new(),
        }
    }
}

impl<B: Buffer> Regions<B> {
    /// Lets peers use `region` under `key`.
    ///
    /// # Errors
    /// [`RegionError`]; nothing has changed.
    pub fn register(&mut self, key: u64, region: Region<B>) -> Result<(), RegionError> {
        if self.by_key.len() >= REGIONS {
            return Err(RegionError::TooMany);
        }
        match self.by_key.entry(key) {
            Entry::Occupied(_) => Err(RegionError::KeyInUse),
            Entry::Vacant(entry) => {
                entry.insert(region);
                Ok(())
            }
        }
    }

    /// Takes `key` back: from now on it names nothing.
    pub fn deregister(&mut self, key: u64) {
        self.by_key.remove(&key);
    }

    /// The memory of `key` and where in it `address` lies, if all `length` bytes are within and may be used like this.
    pub(crate) fn find(
        &self,
        key: u64,
        address: u64,
        length: usize,
        wanted: Access,
    ) -> Result<(&B, usize), Fault> {
        let region = self.by_key.get(&key).ok_or(Fault::Key)?;
        if (wanted.read && !region.access.read) || (wanted.write && !region.access.write) {
            return Err(Fault::Access);
        }
        let offset = address.checked_sub(region.base).ok_or(Fault::Bounds)?;
        let offset = usize::try_from(offset).map_err(|_| Fault::Bounds)?;
        let end = offset.checked_add(length).ok_or(Fault::Bounds)?;
        if end > region.buffer.len() {
            return Err(Fault::Bounds);
        }
        Ok((&region.buffer, offset))
    }
}
