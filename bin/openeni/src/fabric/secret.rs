//! The secret that hosts share, from a file.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// Bytes of a secret: AES-256's.
const LENGTH: usize = 32;
/// Most bytes of a secret's file: the longer of both forms and some white space.
const MAX_FILE: u64 = 128;
/// Permissions of group and others, none of which the file may give.
const OTHERS: u32 = 0o077;

/// Why a file gives no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// Not to be read.
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// Others may have read it.
    #[error("{path} has mode {mode:04o}: a secret is its owner's alone (chmod 600)")]
    Mode { path: PathBuf, mode: u32 },
    /// Whoever owns it knows what is in it.
    #[error("{path} is neither root's nor the service's user's own, but of user {owner}")]
    Owner { path: PathBuf, owner: u32 },
    /// A pipe, say, would be waited for.
    #[error("{path} is not an ordinary file")]
    Kind { path: PathBuf },
    /// Not 32 bytes. What it is instead is nobody's business.
    #[error("{path}: give {LENGTH} random bytes in hexadecimal or base64 (openssl rand -hex 32)")]
    Form { path: PathBuf },
}

/// What the hosts of a fabric share and derive the keys of pairs from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) [u8; LENGTH]);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Secret {
    /// From a file that holds it in hexadecimal or base64 and that nobody but its owner may read.
    pub(crate) fn read(path: &Path) -> Result<Self, SecretError> {
        let failed = |source| SecretError::Read {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let file = options.open(path).map_err(failed)?;
        // Of what was opened, whatever is at the path by then.
        let found = file.metadata().map_err(failed)?;
        let path = path.to_owned();
        if !found.is_file() {
            return Err(SecretError::Kind { path });
        }
        let (mode, owner) = (found.mode() & 0o7777, found.uid());
        if mode & OTHERS != 0 {
            return Err(SecretError::Mode { path, mode });
        }
        if owner != 0 && owner != geteuid().as_raw() {
            return Err(SecretError::Owner { path, owner });
        }
        let mut text = Vec::new();
        // One byte more tells a file that is too long.
        if let Err(source) = file.take(MAX_FILE + 1).read_to_end(&mut text) {
            return Err(SecretError::Read { path, source });
        }
        if text.len() as u64 > MAX_FILE {
            return Err(SecretError::Form { path });
        }
        Self::parse(&text).ok_or(SecretError::Form { path })
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        // 64 digits would be 48 bytes of base64, so no text is both.
        let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text)).ok()?;
        bytes.try_into().map(Self).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_written_in_hexadecimal_or_base64() {
        let want = Some(Secret([0xa5; LENGTH]));
        assert_eq!(Secret::parse("a5".repeat(32).as_bytes()), want);
        assert_eq!(Secret::parse("A5".repeat(32).as_bytes()), want);
        let base64 = STANDARD.encode([0xa5; LENGTH]) + "\n";
        assert_eq!(Secret::parse(base64.as_bytes()), want);
        for wrong in [
            "",
            "a5",
            &"a5".repeat(31),
            &"a5".repeat(33),
            &"x".repeat(64),
        ] {
            assert_eq!(Secret::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Secret::parse(&[0xa5; LENGTH]), None);
    }

    #[test]
    fn a_secret_that_others_may_read_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "a5".repeat(32)).unwrap();
        for (mode, right) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = Secret::read(&path);
            assert_eq!(read.is_ok(), right, "{mode:o}: {read:?}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "a5".repeat(32) + &" ".repeat(100)).unwrap();
        let long = Secret::read(&path).unwrap_err();
        assert!(matches!(long, SecretError::Form { .. }), "{long}");
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRUSR).unwrap();
        let pipe = Secret::read(&pipe).unwrap_err();
        assert!(matches!(pipe, SecretError::Kind { .. }), "{pipe}");
        let missing = Secret::read(&directory.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("cannot read"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret([0xa5; LENGTH])), "Secret");
    }
}
