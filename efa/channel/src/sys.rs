//! Shared memory: every access is checked against the mapping's length, and none makes a reference to memory that
//! another process may write.

use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Mutex, PoisonError};

use eni_efa_abi::region::UNIT;
use eni_efa_abi::short;
use rustix::mm::{self, Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags};

/// Memory shared with another process, or what has taken its place.
#[derive(Debug)]
pub(crate) struct Mapping {
    address: NonNull<u8>,
    length: usize,
    writable: bool,
    /// The process that has the mapping: a child of `fork` has not, and something else may be there.
    process: rustix::process::Pid,
    /// Whether the shared memory has been replaced.
    vacated: Mutex<bool>,
}

// SAFETY: the memory is reached through atomics and raw copies only, and stays mapped as long as the value lives.
unsafe impl Send for Mapping {}
// SAFETY: as above; `vacate`, the only change of the mapping itself, is serialised by its mutex and atomic to others.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `length` bytes of `file`, for writing where `writable`. A child of `fork` does not inherit it.
    pub(crate) fn new(file: BorrowedFd<'_>, length: usize, writable: bool) -> io::Result<Self> {
        let protection = protection(writable);
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice aliases nothing.
        let address = unsafe { mm::mmap(ptr::null_mut(), length, protection, flags, file, 0)? };
        let address = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let mapping = Self {
            address,
            length,
            writable,
            process: rustix::process::getpid(),
            vacated: Mutex::new(false),
        };
        // SAFETY: the range is the mapping just made; the advice changes only what a forked child sees.
        unsafe { mm::madvise(address.as_ptr().cast(), length, Advice::LinuxDontFork)? };
        Ok(mapping)
    }

    #[inline]
    fn at(&self, offset: usize, length: usize) -> *mut u8 {
        assert!(offset <= self.length && length <= self.length - offset);
        // SAFETY: the offset is within the mapping.
        unsafe { self.address.as_ptr().add(offset) }
    }

    #[inline]
    fn word(&self, offset: usize) -> &AtomicU64 {
        let at = self.at(offset, 8);
        assert!(offset.is_multiple_of(8));
        // SAFETY: within the mapping, aligned (a mapping begins at a page), alive as long as self. Others write the
        // word from other processes; all accesses here are atomic. A read-only mapping is only loaded from.
        unsafe { AtomicU64::from_ptr(at.cast()) }
    }

    #[inline]
    fn half(&self, offset: usize) -> &AtomicU32 {
        let at = self.at(offset, 4);
        assert!(offset.is_multiple_of(4));
        // SAFETY: as for `word`.
        unsafe { AtomicU32::from_ptr(at.cast()) }
    }

    #[inline]
    pub(crate) fn load_word(&self, offset: usize, ordering: Ordering) -> u64 {
        self.word(offset).load(ordering)
    }

    #[inline]
    pub(crate) fn load_half(&self, offset: usize, ordering: Ordering) -> u32 {
        self.half(offset).load(ordering)
    }

    #[inline]
    pub(crate) fn store_word(&self, offset: usize, value: u64, ordering: Ordering) {
        assert!(self.writable);
        self.word(offset).store(value, ordering);
    }

    #[inline]
    pub(crate) fn store_half(&self, offset: usize, value: u32, ordering: Ordering) {
        assert!(self.writable);
        self.half(offset).store(value, ordering);
    }

    /// The words of a unit.
    #[inline(always)]
    fn unit(&self, offset: usize) -> [&AtomicU64; short::WORDS] {
        let at = self.at(offset, UNIT).cast::<u64>();
        assert!(offset.is_multiple_of(8));
        // SAFETY: as for `word`, for each of the unit's words.
        std::array::from_fn(|index| unsafe { AtomicU64::from_ptr(at.add(index)) })
    }

    /// Loads the words of a unit after its first.
    #[inline(always)]
    pub(crate) fn load_rest(&self, offset: usize) -> [u64; short::WORDS - 1] {
        let unit = self.unit(offset);
        std::array::from_fn(|index| unit[index + 1].load(Ordering::Relaxed))
    }

    /// Has the processor fetch what is at an offset, if anything is.
    #[inline(always)]
    pub(crate) fn prefetch(&self, offset: usize) {
        #[cfg(target_arch = "x86_64")]
        if offset < self.length {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: an instruction of SSE, which is part of x86-64, and a hint that cannot fault.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.address.as_ptr().add(offset).cast()) };
        }
    }

    /// Stores a unit that its first word publishes.
    #[inline(always)]
    pub(crate) fn store_unit(&self, offset: usize, words: &[u64; short::WORDS]) {
        assert!(self.writable);
        let unit = self.unit(offset);
        for (place, word) in unit.iter().zip(words).skip(1) {
            place.store(*word, Ordering::Relaxed);
        }
        unit[0].store(words[0], Ordering::Release);
    }

    /// Stores a unit past the cache. Others see its words soon, in any order.
    #[inline(always)]
    pub(crate) fn stream_unit(&self, offset: usize, words: &[u64; short::WORDS]) {
        #[cfg(target_arch = "x86_64")]
        {
            assert!(self.writable && offset.is_multiple_of(UNIT));
            let at = self.at(offset, UNIT);
            // SAFETY: `at` is a unit of the mapping, aligned as mappings are; no reference to it exists.
            unsafe { stream_words(at, words) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.store_unit(offset, words);
    }

    /// # Safety
    /// `length` bytes at `source` are readable.
    #[inline]
    pub(crate) unsafe fn write_from(&self, offset: usize, source: *const u8, length: usize) {
        assert!(self.writable);
        let at = self.at(offset, length);
        // SAFETY: the caller promises the source, `at` checked the destination, and no reference to it exists.
        unsafe { copy_past_cache(source, at, length) };
    }

    #[inline]
    pub(crate) fn payload(&self, offset: usize, length: usize) -> Payload<'_> {
        let at = self.at(offset, length);
        Payload {
            // SAFETY: an address within a mapping is not null.
            address: unsafe { NonNull::new_unchecked(at) },
            length,
            memory: PhantomData,
        }
    }

    /// Puts private memory with the same contents in the shared memory's place: at the same address, in one step,
    /// so that a thread that reads or writes meanwhile finds either.
    pub(crate) fn vacate(&self) -> io::Result<()> {
        let mut vacated = self.vacated.lock().unwrap_or_else(PoisonError::into_inner);
        if *vacated {
            return Ok(());
        }
        let (null, length) = (ptr::null_mut(), self.length);
        // SAFETY: a new mapping at an address of the kernel's choice aliases nothing.
        let copy =
            unsafe { mm::mmap_anonymous(null, length, protection(true), MapFlags::PRIVATE)? };
        self.snapshot(copy.cast());
        // SAFETY: both ranges are ours, of the same length; references into neither exist, only raw accesses, which
        // find the old pages or the new ones.
        let moved = unsafe { move_over(copy, self.address.as_ptr().cast(), length, self.writable) };
        if let Err(error) = moved {
            // SAFETY: the copy is ours, and nothing refers to it.
            unsafe { mm::munmap(copy, length)? };
            return Err(error);
        }
        *vacated = true;
        Ok(())
    }

    /// Copies in ascending order, each unit's first word before the rest: where that word publishes a long record, the
    /// record was complete, and what is copied after it is too. A short one may be copied in part; its words tell.
    fn snapshot(&self, copy: *mut u8) {
        for unit in (0..self.length).step_by(UNIT) {
            let first = self.load_word(unit, Ordering::Acquire);
            let rest = self.load_rest(unit);
            for (index, word) in [first].iter().chain(&rest).enumerate() {
                // SAFETY: the copy is as long as the mapping, whose length is a multiple of a unit.
                unsafe { copy.add(unit).cast::<u64>().add(index).write(*word) };
            }
        }
        fence(Ordering::Release);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if rustix::process::getpid() != self.process {
            return;
        }
        // SAFETY: the mapping is ours, and whoever reads it borrows self. Unmapping a range of ours cannot fail.
        let _unmapped = unsafe { mm::munmap(self.address.as_ptr().cast(), self.length) };
    }
}

fn protection(writable: bool) -> ProtFlags {
    if writable {
        ProtFlags::READ | ProtFlags::WRITE
    } else {
        ProtFlags::READ
    }
}

/// # Safety
/// Both ranges of `length` bytes are the caller's, and nothing refers to either by reference.
unsafe fn move_over(
    from: *mut c_void,
    to: *mut c_void,
    length: usize,
    writable: bool,
) -> io::Result<()> {
    // SAFETY: by the function's promise.
    unsafe {
        if !writable {
            mm::mprotect(from, length, MprotectFlags::READ)?;
        }
        mm::mremap_fixed(from, length, length, MremapFlags::MAYMOVE, to)?;
    }
    Ok(())
}

/// The payload of a record: that of a long one is still in the ring, where the other side may change it at any time (read
/// a byte once), that of a short one is the reader's own.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    address: NonNull<u8>,
    length: usize,
    memory: PhantomData<&'a Mapping>,
}

impl<'a> Payload<'a> {
    /// The first `length` bytes of what was a record's payload.
    ///
    /// # Panics
    /// Where there are not as many.
    #[inline]
    pub(crate) fn of_words(words: &'a [u64; short::PAYLOAD_WORDS], length: usize) -> Self {
        assert!(length <= size_of_val(words));
        Self {
            address: NonNull::from(words).cast(),
            length,
            memory: PhantomData,
        }
    }
}

impl Payload<'_> {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Copies the bytes from `offset` on into all of `target`.
    ///
    /// # Panics
    /// Where the payload does not have as many.
    #[inline]
    pub fn copy_to(&self, offset: usize, target: &mut [u8]) {
        // SAFETY: a mutable slice is writable.
        unsafe { self.copy_to_pointer(offset, target.as_mut_ptr(), target.len()) }
    }

    /// Copies `length` bytes from `offset` on.
    ///
    /// # Panics
    /// Where the payload does not have as many.
    ///
    /// # Safety
    /// `length` bytes at `target` are writable, and nobody else uses them meanwhile.
    #[inline]
    pub unsafe fn copy_to_pointer(&self, offset: usize, target: *mut u8, length: usize) {
        assert!(offset <= self.length && length <= self.length - offset);
        // SAFETY: the source is within the payload; the caller promises the target.
        unsafe { ptr::copy(self.address.as_ptr().add(offset), target, length) };
    }

    /// The bytes as a vector.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        self.copy_to(0, &mut bytes);
        bytes
    }

    /// The payload without its first bytes.
    ///
    /// # Panics
    /// Where the payload does not have as many.
    #[inline]
    #[must_use]
    pub fn skip(&self, bytes: usize) -> Self {
        assert!(bytes <= self.length);
        Self {
            // SAFETY: at most one past the payload's end, in the same memory.
            address: unsafe { self.address.add(bytes) },
            length: self.length - bytes,
            memory: PhantomData,
        }
    }
}

/// Bytes from which a copy goes past the writer's cache. Below, a record is better read from there while it is warm.
const PAST_CACHE_LENGTH: usize = 4096;

/// Copies so that the bytes do not stay in this processor's cache, out of which another processor would have to fetch
/// them line by line: that takes several times as long as reading memory in a stream. What is stored after it is seen
/// after it.
///
/// # Safety
/// As for [`ptr::copy`].
#[inline]
unsafe fn copy_past_cache(source: *const u8, target: *mut u8, length: usize) {
    #[cfg(target_arch = "x86_64")]
    if length >= PAST_CACHE_LENGTH {
        // SAFETY: by the function's promise.
        unsafe { stream(source, target, length) };
        return;
    }
    // SAFETY: by the function's promise.
    unsafe { ptr::copy(source, target, length) };
}

/// [`copy_past_cache`] by the stores that x86-64 has for it (Intel SDM, volume 1, 10.4.6.2: they are ordered before
/// later stores by a fence only).
///
/// # Safety
/// As for [`ptr::copy`], and the two do not overlap.
#[cfg(target_arch = "x86_64")]
unsafe fn stream(source: *const u8, target: *mut u8, length: usize) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
    const WORD: usize = size_of::<__m128i>();
    let head = target.align_offset(WORD).min(length);
    let words = (length - head) / WORD;
    let tail = head + words * WORD;
    // SAFETY: head, words and tail are the range that the caller promises; every target is aligned by `head`; sources
    // need not be. SSE2 is part of x86-64.
    unsafe {
        ptr::copy(source, target, head);
        let from = source.add(head).cast::<__m128i>();
        let to = target.add(head).cast::<__m128i>();
        for word in 0..words {
            _mm_stream_si128(to.add(word), _mm_loadu_si128(from.add(word)));
        }
        ptr::copy(source.add(tail), target.add(tail), length - tail);
        _mm_sfence();
    }
}

/// Stores a unit past the cache, as a whole where the processor can: it then need not fetch what was there.
///
/// `_mm_stream_si128` asks for a fence before anybody looks, which would make each record wait for memory. None is needed:
/// a reader looks word by word whether it has arrived, a word is stored at once (Intel SDM, volume 3, 9.1.1), and the unit
/// is not stored to again before its reader has consumed it.
///
/// # Safety
/// A unit at `target`, aligned, is writable and nobody's by reference.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn stream_words(target: *mut u8, words: &[u64; short::WORDS]) {
    use std::arch::asm;
    use std::arch::x86_64::{__m128i, _mm_loadu_si128};
    let source = words.as_ptr().cast::<__m128i>();
    let target = target.cast::<__m128i>();
    for index in 0..UNIT / size_of::<__m128i>() {
        // SAFETY: within the words and the unit; what else reads the unit expects its words at any time. SSE2 is part of
        // x86-64.
        unsafe {
            asm!(
                "movntdq [{to}], {value}",
                to = in(reg) target.add(index),
                value = in(xmm_reg) _mm_loadu_si128(source.add(index)),
                options(nostack, preserves_flags),
            );
        }
    }
}

/// Lets others see what was stored past the cache before what is stored from now on.
#[inline]
pub(crate) fn fence_streams() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: an instruction of SSE, which is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    };
}
