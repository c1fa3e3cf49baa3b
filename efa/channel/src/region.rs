//! Regions: memfds with a ring in them, made by one side and read by the other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use eni_efa_abi::region::{
    BELL_OFFSET, CLOSING, CONSUMED_OFFSET, MAGIC, RING_UNITS_OFFSET, STATE_OFFSET, UNIT, VERSION,
    VERSION_OFFSET, is_ring_units, ring_units_of, size,
};
use rustix::fs::{MemfdFlags, SealFlags};

use crate::sys::{Mapping, fence_streams};

/// The memfd's name, as `/proc/PID/maps` shows it.
pub(crate) const MEMFD_NAME: &str = "openeni-efa";
/// What keeps a region what it is. `WRITE` cannot be among them: the owner's own mapping writes.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);

/// A region that cannot be made or trusted.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// The kernel refused.
    #[error("cannot make or map a region")]
    System(#[from] io::Error),
    /// Rings are powers of two between the limits.
    #[error("a ring cannot have this size")]
    RingSize,
    /// Not a memfd, or one without the seals.
    #[error("a region is not sealed")]
    NotSealed,
    /// Not this version of a region, or its size is another than it says.
    #[error("a region is not of this version or size")]
    Malformed,
}

impl From<rustix::io::Errno> for RegionError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::System(error.into())
    }
}

/// What a descriptor of a region proves to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegionShape {
    /// Units of the ring.
    pub ring_units: u32,
    /// The file's inode number: with the device's, what `/proc/PID/maps` shows.
    pub inode: u64,
    /// The device that the inode is on.
    pub device: u64,
}

impl RegionShape {
    /// Checks that `file` is a sealed memfd of a region's size. Its contents are not looked at: they may change.
    ///
    /// # Errors
    /// [`RegionError`] for anything else.
    pub fn of(file: BorrowedFd<'_>) -> Result<Self, RegionError> {
        let seals = rustix::fs::fcntl_get_seals(file).map_err(|_| RegionError::NotSealed)?;
        if !seals.contains(SEALS) {
            return Err(RegionError::NotSealed);
        }
        let status = rustix::fs::fstat(file)?;
        let size = u64::try_from(status.st_size).map_err(|_| RegionError::Malformed)?;
        Ok(Self {
            ring_units: ring_units_of(size).ok_or(RegionError::Malformed)?,
            inode: status.st_ino,
            device: status.st_dev,
        })
    }
}

/// A region of ours.
#[derive(Debug)]
pub struct OwnRegion {
    pub(crate) mapping: Mapping,
    pub(crate) ring_units: u32,
}

impl OwnRegion {
    /// Makes a region with a ring of `ring_bytes`, and gives the sealed descriptor for the other side.
    ///
    /// # Errors
    /// [`RegionError::RingSize`] or [`RegionError::System`].
    pub fn create(ring_bytes: u32) -> Result<(Self, OwnedFd), RegionError> {
        let ring_units = ring_bytes / UNIT as u32;
        if !is_ring_units(ring_units) {
            return Err(RegionError::RingSize);
        }
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::NOEXEC_SEAL;
        let file = rustix::fs::memfd_create(MEMFD_NAME, flags)?;
        rustix::fs::ftruncate(&file, size(ring_units) as u64)?;
        let mapping = Mapping::new(file.as_fd(), size(ring_units), true)?;
        // After the mapping: FUTURE_WRITE forbids every later one that writes.
        rustix::fs::fcntl_add_seals(&file, SEALS)?;
        mapping.store_half(VERSION_OFFSET, VERSION, Ordering::Relaxed);
        mapping.store_half(RING_UNITS_OFFSET, ring_units, Ordering::Relaxed);
        mapping.store_word(0, MAGIC, Ordering::Release);
        let region = Self {
            mapping,
            ring_units,
        };
        Ok((region, file))
    }

    /// Says that no more will be written.
    pub fn close(&self) {
        fence_streams();
        self.mapping
            .store_half(STATE_OFFSET, CLOSING, Ordering::Release);
    }

    /// Says that we sleep, by a number that is not 0, or that we are awake, by 0.
    pub fn set_bell(&self, sleep: u32) {
        self.mapping
            .store_half(BELL_OFFSET, sleep, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn publish_consumed(&self, units: u32) {
        self.mapping
            .store_half(CONSUMED_OFFSET, units, Ordering::Release);
    }

    /// Stops sharing the memory: private memory with the same contents takes its place, whoever uses it meanwhile.
    ///
    /// # Errors
    /// The kernel's, where memory is short; the memory is still shared then.
    pub fn vacate(&self) -> io::Result<()> {
        self.mapping.vacate()
    }
}

/// A region of the other side.
#[derive(Debug)]
pub struct PeerRegion {
    pub(crate) mapping: Mapping,
    pub(crate) ring_units: u32,
}

impl PeerRegion {
    /// Maps a region read-only.
    ///
    /// # Errors
    /// [`RegionError`] for a descriptor that [`RegionShape::of`] would not pass, or contents of another version.
    pub fn map(file: BorrowedFd<'_>) -> Result<Self, RegionError> {
        let shape = RegionShape::of(file)?;
        let mapping = Mapping::new(file, size(shape.ring_units), false)?;
        let agrees = mapping.load_word(0, Ordering::Acquire) == MAGIC
            && mapping.load_half(VERSION_OFFSET, Ordering::Relaxed) == VERSION
            && mapping.load_half(RING_UNITS_OFFSET, Ordering::Relaxed) == shape.ring_units;
        if !agrees {
            return Err(RegionError::Malformed);
        }
        Ok(Self {
            mapping,
            ring_units: shape.ring_units,
        })
    }

    /// Whether the owner has said that it will write no more.
    pub fn is_closing(&self) -> bool {
        self.mapping.load_half(STATE_OFFSET, Ordering::Acquire) == CLOSING
    }

    /// What the owner last said by [`OwnRegion::set_bell`].
    pub fn bell(&self) -> u32 {
        self.mapping.load_half(BELL_OFFSET, Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn consumed(&self) -> u32 {
        self.mapping.load_half(CONSUMED_OFFSET, Ordering::Acquire)
    }

    /// See [`OwnRegion::vacate`].
    ///
    /// # Errors
    /// The kernel's, where memory is short; the memory is still shared then.
    pub fn vacate(&self) -> io::Result<()> {
        self.mapping.vacate()
    }
}
