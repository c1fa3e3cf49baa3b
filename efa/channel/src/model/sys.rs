//! The shared memory as loom has it, in place of [`sys`](crate): each access is one that loom may reorder as the memory model
//! allows, so that a test sees every order in which the other side could see it. Built under `--cfg loom` only.

use std::collections::HashMap;
use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use eni_efa_abi::region::{
    BELL_OFFSET, CONSUMED_OFFSET, RING_OFFSET, RING_UNITS_OFFSET, STATE_OFFSET, UNIT,
    VERSION_OFFSET,
};
use eni_efa_abi::short;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Units at the beginning of the ring that a model has; it uses no others.
const UNITS: usize = 6;
/// What is no word.
const HALVES: [usize; 5] = [
    VERSION_OFFSET,
    RING_UNITS_OFFSET,
    CONSUMED_OFFSET,
    STATE_OFFSET,
    BELL_OFFSET,
];

/// The memory of a region.
#[derive(Debug)]
struct Memory {
    words: HashMap<usize, AtomicU64>,
    halves: HashMap<usize, AtomicU32>,
}

impl Memory {
    fn new() -> Self {
        let ring = (0..UNITS * short::WORDS).map(|word| RING_OFFSET + word * 8);
        let words = std::iter::once(0).chain(ring);
        Self {
            words: words.map(|offset| (offset, AtomicU64::new(0))).collect(),
            halves: HALVES.map(|offset| (offset, AtomicU32::new(0))).into(),
        }
    }
}

/// Memory that both mappings of a region share, by the region's inode.
static MEMORIES: Mutex<Option<HashMap<u64, Weak<Memory>>>> = Mutex::new(None);

/// A region's memory.
#[derive(Debug)]
pub(crate) struct Mapping {
    memory: Arc<Memory>,
    writable: bool,
}

impl Mapping {
    pub(crate) fn new(file: BorrowedFd<'_>, _length: usize, writable: bool) -> io::Result<Self> {
        let inode = rustix::fs::fstat(file)?.st_ino;
        let mut memories = MEMORIES.lock().unwrap_or_else(PoisonError::into_inner);
        let memories = memories.get_or_insert_default();
        let found = memories.get(&inode).and_then(Weak::upgrade);
        let memory = found
            .filter(|_| !writable)
            .unwrap_or_else(|| Arc::new(Memory::new()));
        memories.insert(inode, Arc::downgrade(&memory));
        Ok(Self { memory, writable })
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        self.memory.words.get(&offset).expect("a word of the model")
    }

    fn half(&self, offset: usize) -> &AtomicU32 {
        self.memory
            .halves
            .get(&offset)
            .expect("a half of the model")
    }

    pub(crate) fn load_word(&self, offset: usize, ordering: Ordering) -> u64 {
        self.word(offset).load(ordering)
    }

    pub(crate) fn load_half(&self, offset: usize, ordering: Ordering) -> u32 {
        self.half(offset).load(ordering)
    }

    pub(crate) fn store_word(&self, offset: usize, value: u64, ordering: Ordering) {
        assert!(self.writable);
        self.word(offset).store(value, ordering);
    }

    pub(crate) fn store_half(&self, offset: usize, value: u32, ordering: Ordering) {
        assert!(self.writable);
        self.half(offset).store(value, ordering);
    }

    pub(crate) fn load_rest(&self, offset: usize) -> [u64; short::WORDS - 1] {
        std::array::from_fn(|index| self.load_word(offset + (index + 1) * 8, Ordering::Relaxed))
    }

    pub(crate) fn prefetch(&self, _offset: usize) {}

    pub(crate) fn store_unit(&self, offset: usize, words: &[u64; short::WORDS]) {
        for (index, word) in words.iter().enumerate().skip(1) {
            self.store_word(offset + index * 8, *word, Ordering::Relaxed);
        }
        self.store_word(offset, words[0], Ordering::Release);
    }

    /// Others see the words in any order, as after stores past the cache.
    pub(crate) fn stream_unit(&self, offset: usize, words: &[u64; short::WORDS]) {
        assert!(offset.is_multiple_of(UNIT));
        for (index, word) in words.iter().enumerate() {
            self.store_word(offset + index * 8, *word, Ordering::Relaxed);
        }
    }

    /// # Safety
    /// `length` bytes at `source` are readable.
    pub(crate) unsafe fn write_from(&self, offset: usize, source: *const u8, length: usize) {
        // SAFETY: by the function's promise.
        let bytes = unsafe { std::slice::from_raw_parts(source, length) };
        for (index, chunk) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.store_word(
                offset + index * 8,
                u64::from_ne_bytes(word),
                Ordering::Relaxed,
            );
        }
    }

    pub(crate) fn payload(&self, offset: usize, length: usize) -> Payload<'_> {
        let words = (0..length.div_ceil(8))
            .map(|index| self.load_word(offset + index * 8, Ordering::Relaxed));
        let mut bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        bytes.truncate(length);
        Payload {
            // A model runs for seconds, and a payload has few bytes.
            bytes: bytes.leak(),
            memory: PhantomData,
        }
    }

    /// Models do not do it.
    pub(crate) fn vacate(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The payload of a record, as it was when it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    bytes: &'static [u8],
    memory: PhantomData<&'a Mapping>,
}

impl<'a> Payload<'a> {
    pub(crate) fn of_words(words: &'a [u64; short::PAYLOAD_WORDS], length: usize) -> Self {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        Self {
            bytes: &bytes.leak()[..length],
            memory: PhantomData,
        }
    }
}

impl Payload<'_> {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Copies the bytes from `offset` on into all of `target`.
    pub fn copy_to(&self, offset: usize, target: &mut [u8]) {
        target.copy_from_slice(&self.bytes[offset..offset + target.len()]);
    }

    /// The bytes as a vector.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.to_vec()
    }
}

/// What is stored here needs no fence: [`Mapping::stream_unit`].
pub(crate) fn fence_streams() {}
