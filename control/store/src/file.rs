//! The store's file: made whole, examined before it is written to, and opened.

use std::cell::Cell;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;
use std::thread;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use redb::{Builder, Database, DatabaseError, StorageError};

use crate::embedded::{create_tables, read_revision, unavailable};
use crate::store::StoreError;
use crate::trial::Trial;

/// Memory that `redb` may use for pages. The world is read from memory, so that only writes profit from it.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Makes the file at `path` if there is none. It gets its name when it is whole: whatever is found under the name later
/// and cannot be read has been damaged. The caller is the only one to do so at a time.
pub(crate) fn create_if_missing(path: &Path) -> Result<(), StoreError> {
    if path.try_exists().map_err(|error| on(path, error))? {
        return Ok(());
    }
    let new = path.with_extension("new");
    remove_if_there(&new).map_err(|error| on(&new, error))?;
    let made = open_file(&new, true).and_then(|database| create_tables(&database));
    let named = made.and_then(|()| name(&new, path).map_err(|error| on(path, error)));
    if named.is_err() {
        // The error says more than a failure to tidy up after it would.
        let _ = fs::remove_file(&new);
    }
    named
}

/// Renames durably.
fn name(new: &Path, path: &Path) -> io::Result<()> {
    fs::rename(new, path)?;
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens the existing file at `path`, with none of its pages cached from before.
pub(crate) fn open_existing(path: &Path) -> Result<Database, StoreError> {
    open_file(path, false)
}

fn open_file(path: &Path, create_new: bool) -> Result<Database, StoreError> {
    let open = || -> io::Result<File> {
        let file = open_to_write(path, create_new)?;
        // Only clean pages can be dropped; what is still to be written must reach the disk before anyone reads it.
        file.sync_all()?;
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
        Ok(file)
    };
    let file = open().map_err(|error| on(path, error))?;
    Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create_file(file)
        .map_err(|error| of_database(path, error))
}

fn open_to_write(path: &Path, create_new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(create_new);
    options.open(path)
}

/// Reads the whole file at `path` and checks every page against its checksum, after the repair that a crash calls for.
/// Nothing is written to it: what a damaged one still holds is left as it is.
///
/// # Errors
/// [`StoreError::Damaged`] when it is not what was written, [`StoreError::InUse`], or whatever keeps it from being read.
pub(crate) fn examine(path: &Path) -> Result<(), StoreError> {
    // Opened to write because redb's lock asks for it.
    let file = open_to_write(path, false).map_err(|error| on(path, error))?;
    let trial = Trial::of(file).map_err(|error| on(path, error))?;
    if trial.is_empty() {
        // redb takes an empty file for one to be made.
        return Err(damaged(path, "it is empty"));
    }
    // redb walks its trees before it compares checksums, and panics when their pages are none.
    let checked = quietly(|| {
        let mut database = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(trial)
            .map_err(|error| of_database(path, error))?;
        let checked = database.check_integrity();
        checked.map_err(|error| of_database(path, error))?;
        read_revision(&database).map(drop)
    });
    match checked {
        // The file could be read; what is in it could not.
        Ok(Err(StoreError::Unavailable(cause))) => Err(damaged(path, cause)),
        Ok(other) => other,
        Err(_) => Err(damaged(path, "its pages contradict each other")),
    }
}

thread_local! {
    /// Whether this thread's panics are answers.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `examination` gives or panics with, without a word about panics on the terminal. Other threads' panics are told
/// as before.
fn quietly<T>(examination: impl FnOnce() -> T) -> thread::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                told(panic);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(examination));
    QUIET.set(false);
    result
}

fn damaged(path: &Path, cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        source: cause.into(),
    }
}

/// An error of the system about `path`.
fn on(path: &Path, error: io::Error) -> StoreError {
    let text = format!("{}: {error}", path.display());
    unavailable(io::Error::new(error.kind(), text))
}

fn of_database(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse,
        DatabaseError::Storage(StorageError::Io(error)) if !tells_damage(&error) => on(path, error),
        other => damaged(path, other),
    }
}

/// redb's header does not match, or the file is shorter than its header says.
fn tells_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    matches!(error.kind(), InvalidData | UnexpectedEof)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
