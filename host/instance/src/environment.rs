//! The environment of an instance's commands.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Command;

use crate::run_directory::ENVIRONMENT;

/// The search path of root's shells (Debian's `ENV_SUPATH`).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What an instance's commands find in their environment besides root's: kept in the instance's directory as
/// `NAME=VALUE`, each with a zero byte after it, like `/proc/PID/environ`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    variables: Vec<(OsString, OsString)>,
}

impl<N: Into<OsString>> FromIterator<(N, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, OsString)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Self {
            variables: variables
                .map(|(name, value)| (name.into(), value))
                .collect(),
        }
    }
}

impl Environment {
    /// What the instance of this directory was last booted with; empty if that cannot be read.
    pub(crate) fn read(directory: &Path) -> Self {
        let bytes = fs::read(directory.join(ENVIRONMENT)).unwrap_or_default();
        let variables = bytes.split(|byte| *byte == 0).filter_map(|variable| {
            let end = variable.iter().position(|byte| *byte == b'=')?;
            let (name, value) = variable.split_at(end);
            let value = value.strip_prefix(b"=")?;
            Some((
                OsStr::from_bytes(name).to_owned(),
                OsString::from_vec(value.to_vec()),
            ))
        });
        Self {
            variables: variables.collect(),
        }
    }

    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let variables = self
            .variables
            .iter()
            .flat_map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
        fs::write(directory.join(ENVIRONMENT), variables.collect::<Vec<u8>>())
    }

    /// Gives a command of the instance root's environment and this, and nothing of this process's.
    pub(crate) fn give(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", "/root")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Environment::read(directory.path()), Environment::default());
        let written: Environment = [
            ("SYSFS_PATH", OsString::from("/a b/c=d")),
            ("EMPTY", OsString::new()),
        ]
        .into_iter()
        .collect();
        written.write(directory.path()).unwrap();
        assert_eq!(Environment::read(directory.path()), written);
    }
}
