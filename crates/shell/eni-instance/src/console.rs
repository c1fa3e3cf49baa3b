//! The console: what boot scripts print, bounded.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// EC2 keeps the most recent 64 KB (`GetConsoleOutput`).
pub const CONSOLE_BYTES: usize = 64 * 1024;

/// A file that keeps at least the last [`CONSOLE_BYTES`] written to it, and at most twice as many.
#[derive(Debug)]
pub(crate) struct Console {
    file: File,
    length: usize,
}

impl Console {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Self {
            file,
            length: usize::try_from(length).unwrap_or(usize::MAX),
        })
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length = self.length.saturating_add(bytes.len());
        if self.length > 2 * CONSOLE_BYTES {
            let tail = tail(&mut self.file)?;
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(&tail)?;
            self.length = tail.len();
        }
        Ok(())
    }
}

/// The last [`CONSOLE_BYTES`] of the console at `path`; nothing if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    match File::open(path) {
        Ok(mut file) => tail(&mut file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The last line of the console at `path`, if it can be read and has one.
pub(crate) fn last_line(path: &Path) -> Option<String> {
    let text = read(path).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next_back()?;
    Some(line.to_owned())
}

fn tail(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(CONSOLE_BYTES as u64)))?;
    let mut bytes = Vec::with_capacity(CONSOLE_BYTES);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_keeps_its_end_and_stays_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console");
        assert_eq!(read(&path).unwrap(), b"");
        for round in 0..100_u32 {
            let mut console = Console::open(&path).unwrap();
            console.append(&[b'.'; 10_000]).unwrap();
            console.append(format!("round {round}").as_bytes()).unwrap();
            assert!(std::fs::metadata(&path).unwrap().len() <= 2 * CONSOLE_BYTES as u64);
        }
        let kept = read(&path).unwrap();
        assert_eq!(kept.len(), CONSOLE_BYTES);
        assert!(kept.ends_with(b"round 99"));
    }
}
