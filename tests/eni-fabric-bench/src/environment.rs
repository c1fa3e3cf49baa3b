//! What leads programs to the devices of their side.

use crate::place::Place;
use eni_efa_install::Installation;
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// What the processes of each side find in their environment.
#[derive(Debug)]
pub struct Environment([Vec<(&'static str, OsString)>; 2]);

impl Environment {
    /// Lays out the faces of `libraries`, the folder that cargo builds them in, for both sides.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn new(place: &Place, libraries: &Path) -> io::Result<Self> {
        let libraries = std::fs::canonicalize(libraries)
            .map_err(|error| io::Error::other(format!("{}: {error}", libraries.display())))?;
        let lay_out = |side: usize| {
            let directory = place.directory().join(format!("side-{side}"));
            let socket = place.socket(side);
            let installation = Installation {
                directory: &directory,
                libraries: &libraries,
                socket: &socket,
                devices: place.devices(),
            };
            installation.install().map_err(io::Error::other)?;
            Ok::<_, io::Error>(installation.environment())
        };
        Ok(Self([lay_out(0)?, lay_out(1)?]))
    }

    /// What the processes of `side` find.
    #[must_use]
    pub fn of(&self, side: usize) -> &[(&'static str, OsString)] {
        &self.0[side]
    }
}
