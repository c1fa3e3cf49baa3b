//! A file under trial: what is written to it stays in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Bound;

use parking_lot::Mutex;
use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

/// Writes are kept in blocks of this size. It divides redb's pages.
const BLOCK_BYTES: u64 = 4096;

/// Reads the file, and keeps writes to itself.
#[derive(Debug)]
pub(crate) struct Trial {
    file: FileBackend,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// Of the file as it would be.
    length: u64,
    /// Bytes of the file below this are the file's own, where no block covers them.
    intact: u64,
    /// Whole blocks, by number.
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Trial {
    pub(crate) fn of(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let file = FileBackend::new(file).map_err(|error| match error {
            DatabaseError::Storage(redb::StorageError::Io(error)) => error,
            other => io::Error::other(other),
        })?;
        let blocks = BTreeMap::new();
        Ok(Self {
            file,
            written: Mutex::new(Written {
                length,
                intact: length,
                blocks,
            }),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written.lock().length == 0
    }

    /// A block as it stands, whole: zeros where neither the file nor a write has anything.
    fn block(&self, written: &Written, number: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = written.blocks.get(&number) {
            return Ok(block.clone());
        }
        let start = number * BLOCK_BYTES;
        let mut block = vec![0; BLOCK_BYTES as usize];
        let own = written.intact.saturating_sub(start).min(BLOCK_BYTES);
        self.file.read(start, &mut block[..own as usize])?;
        Ok(block)
    }
}

/// The parts of `bytes` bytes from `offset` by block: its number, where in it, how many bytes.
fn parts(offset: u64, bytes: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + bytes as u64;
    (offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES)).map(move |number| {
        let start = number * BLOCK_BYTES;
        let from = offset.max(start);
        let until = end.min(start + BLOCK_BYTES);
        (number, (from - start) as usize, (until - from) as usize)
    })
}

impl StorageBackend for Trial {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written.lock();
        if offset.saturating_add(out.len() as u64) > written.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        for (number, from, bytes) in parts(offset, out.len()) {
            let block = self.block(&written, number)?;
            out[done..done + bytes].copy_from_slice(&block[from..from + bytes]);
            done += bytes;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        if length < written.length {
            let last = length / BLOCK_BYTES;
            let mut block = self.block(&written, last)?;
            block[(length % BLOCK_BYTES) as usize..].fill(0);
            written.blocks.split_off(&last);
            written.blocks.insert(last, block);
        }
        written.intact = written.intact.min(length);
        written.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written.lock();
        let mut done = 0;
        for (number, from, bytes) in parts(offset, data.len()) {
            let mut block = self.block(&written, number)?;
            block[from..from + bytes].copy_from_slice(&data[done..done + bytes]);
            written.blocks.insert(number, block);
            done += bytes;
        }
        written.length = written.length.max(offset + data.len() as u64);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
