//! The console: what boot scripts print, bounded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use eni_types::InstanceId;

use crate::RunDirectory;

/// EC2 keeps the most recent 64 KB (`GetConsoleOutput`).
pub const CONSOLE_BYTES: usize = 64 * 1024;
/// How often whoever follows a console looks at it.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// The end of what is printed to a file: at least the last [`CONSOLE_BYTES`], and at most twice as many.
#[derive(Debug)]
pub(crate) struct Console {
    path: PathBuf,
    file: File,
    length: usize,
}

impl Console {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = append_to(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            path: path.into(),
            file,
            length: usize::try_from(length).unwrap_or(usize::MAX),
        })
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length = self.length.saturating_add(bytes.len());
        if self.length > 2 * CONSOLE_BYTES {
            // Readers, and whoever comes after a crash, find the whole or its end.
            let new = self.path.with_extension("new");
            let tail = tail(&mut File::open(&self.path)?)?;
            fs::write(&new, &tail)?;
            fs::rename(new, &self.path)?;
            self.file = append_to(&self.path)?;
            self.length = tail.len();
        }
        Ok(())
    }
}

/// An instance's console, to be read: it is kept beside the run directory, since EC2 shows it of instances that do not run
/// as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleFile(PathBuf);

impl ConsoleFile {
    /// That of this instance, which may have printed nothing yet.
    #[must_use]
    pub fn of(run: &RunDirectory, id: InstanceId) -> Self {
        Self(run.console(id))
    }

    /// Its last [`CONSOLE_BYTES`], and when the last of them was printed; none of an instance that has not booted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self) -> io::Result<Option<(Vec<u8>, SystemTime)>> {
        let mut file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let written = file.metadata()?.modified()?;
        Ok(Some((tail(&mut file)?, written)))
    }

    /// Gives `print` what is there, and then what comes, as long as there `is_more` to come, or until printing fails.
    ///
    /// # Errors
    /// When it cannot be read, and what `print` fails with.
    pub fn follow(
        &self,
        is_more: impl Fn() -> bool,
        mut print: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut reader = Reader::default();
        loop {
            // Asked before it is read: what was printed last is not missed.
            let is_last = !is_more();
            print(&reader.news(&self.0)?)?;
            if is_last {
                return Ok(());
            }
            thread::sleep(FOLLOW_INTERVAL);
        }
    }
}

/// Reads a console on.
#[derive(Default)]
struct Reader {
    /// The file as it was opened. One that has been cut since keeps all that was printed before.
    file: Option<File>,
    position: u64,
}

impl Reader {
    /// What has come since. Of a console that has been cut twice since, a part is missing.
    fn news(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        // Looked up before the old file is read: once it is another's, nothing is added to the old one.
        let current = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut news = Vec::new();
        if let Some(old) = &mut self.file {
            old.seek(SeekFrom::Start(self.position))?;
            old.read_to_end(&mut news)?;
            self.position += news.len() as u64;
            if old.metadata()?.ino() == current.metadata()?.ino() {
                return Ok(news);
            }
            // The new one begins with the end of the old one.
            self.position = self.position.min(CONSOLE_BYTES as u64);
        }
        let file = self.file.insert(current);
        file.seek(SeekFrom::Start(self.position))?;
        let read = file.read_to_end(&mut news)?;
        self.position += read as u64;
        Ok(news)
    }
}

/// The last line of the console at `path`, if it can be read and has one.
pub(crate) fn last_line(path: &Path) -> Option<String> {
    let text = tail(&mut File::open(path).ok()?).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next_back()?;
    Some(line.to_owned())
}

/// A console's file, for what is printed before there is a process that cuts it.
pub(crate) fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
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
        let file = ConsoleFile(path.clone());
        assert_eq!(file.read().unwrap(), None);
        for round in 0..100_u32 {
            let mut console = Console::open(&path).unwrap();
            console.append(&[b'.'; 10_000]).unwrap();
            console.append(format!("round {round}").as_bytes()).unwrap();
            assert!(std::fs::metadata(&path).unwrap().len() <= 2 * CONSOLE_BYTES as u64);
        }
        let (kept, _) = file.read().unwrap().unwrap();
        assert_eq!(kept.len(), CONSOLE_BYTES);
        assert!(kept.ends_with(b"round 99"));
    }

    #[test]
    fn whoever_follows_sees_the_last_line_and_then_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console");
        let mut console = Console::open(&path).unwrap();
        console.append(b"first\n").unwrap();
        let looks = std::cell::Cell::new(0);
        let console = std::cell::RefCell::new(console);
        let is_more = || {
            looks.set(looks.get() + 1);
            if looks.get() == 2 {
                console.borrow_mut().append(b"last\n").unwrap();
            }
            looks.get() < 2
        };
        let mut followed = Vec::new();
        let print = |bytes: &[u8]| {
            followed.extend_from_slice(bytes);
            Ok(())
        };
        ConsoleFile(path.clone()).follow(is_more, print).unwrap();
        assert_eq!(followed, b"first\nlast\n");
    }

    #[test]
    fn whoever_follows_sees_everything_once_though_the_file_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console");
        let mut console = Console::open(&path).unwrap();
        let mut reader = Reader::default();
        let (mut followed, mut printed) = (Vec::new(), Vec::<u8>::new());
        for round in 0..3_000_u32 {
            let line: &[u8] = match round % 5 {
                0 => b"one line that is not like the others\n",
                _ => b"the same, and the same, and the same again, and so on, and so forth\n",
            };
            printed.extend(line);
            console.append(line).unwrap();
            if round % 7 == 0 {
                followed.extend(reader.news(&path).unwrap());
                assert_eq!(followed.len(), printed.len(), "round {round}");
                assert_eq!(reader.news(&path).unwrap(), b"");
            }
        }
        followed.extend(reader.news(&path).unwrap());
        assert!(printed.len() > 2 * CONSOLE_BYTES);
        assert_eq!(followed, printed);
    }
}
