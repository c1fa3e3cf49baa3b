//! What programs in an instance need to find its Elastic Fabric Adapters.

use std::ffi::OsString;
use std::path::Path;

/// An error of whoever lays out the files.
pub type AdapterFilesError = Box<dyn std::error::Error + Send + Sync>;

/// Lays out what programs in an instance need to find its Elastic Fabric Adapters. Supplied by whoever serves the adapters.
pub trait AdapterFiles: Send + Sync {
    /// Lays out the files for `devices` adapters, at least one, in `directory`, which is made anew if it exists. Gives the
    /// environment variables that point programs there.
    ///
    /// # Errors
    /// What the file system refused; a repetition begins anew.
    fn lay_out(
        &self,
        directory: &Path,
        devices: usize,
    ) -> Result<Vec<(&'static str, OsString)>, AdapterFilesError>;
}

/// For regions without adapters: an instance that has some finds no files for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAdapterFiles;

impl AdapterFiles for NoAdapterFiles {
    fn lay_out(
        &self,
        _directory: &Path,
        _devices: usize,
    ) -> Result<Vec<(&'static str, OsString)>, AdapterFilesError> {
        Ok(Vec::new())
    }
}
