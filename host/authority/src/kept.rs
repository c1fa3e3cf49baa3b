//! The authority's files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::KeyPair;

use crate::AuthorityError;

/// The authority's certificate in the data directory, in PEM: what clients outside of instances are told to trust.
pub const CERTIFICATE: &str = "authority.pem";
/// Its key, mode 0600.
pub const KEY: &str = "authority.key";

/// The two files of a key.
#[derive(Clone, Copy)]
pub(crate) struct Files {
    pub(crate) key: &'static str,
    pub(crate) certificate: &'static str,
}

/// The authority's.
pub(crate) const AUTHORITY: Files = Files {
    key: KEY,
    certificate: CERTIFICATE,
};

/// Key and certificate; none where one of them is missing, as after the end of a process that was making them.
pub(crate) fn read(
    directory: &Path,
    files: Files,
) -> Result<Option<(KeyPair, String)>, AuthorityError> {
    let key_path = directory.join(files.key);
    let (Some(key), Some(certificate)) = (
        text(&key_path)?,
        text(&directory.join(files.certificate))?.filter(|text| !text.is_empty()),
    ) else {
        return Ok(None);
    };
    match KeyPair::from_pem(&key) {
        Ok(key) => Ok(Some((key, certificate))),
        Err(_) => Err(AuthorityError::Corrupt { path: key_path }),
    }
}

pub(crate) fn write(
    directory: &Path,
    files: Files,
    key: &KeyPair,
    certificate: &str,
) -> Result<(), AuthorityError> {
    // A certificate that is there belongs to a key that is lost.
    let old = directory.join(files.certificate);
    match fs::remove_file(&old) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(AuthorityError::Io { path: old, source });
        }
        _ => {}
    }
    write_durably(&directory.join(files.key), &key.serialize_pem(), 0o600)?;
    write_durably(&directory.join(files.certificate), certificate, 0o644)
}

fn text(path: &Path) -> Result<Option<String>, AuthorityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuthorityError::Io {
            path: path.into(),
            source,
        }),
    }
}

/// A crash leaves the old file, or the new one.
fn write_durably(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(mode);
        let mut file = options.open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    };
    write().map_err(|source| AuthorityError::Io {
        path: path.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use eni_types::Timestamp;

    use super::*;
    use crate::Authority;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn an_authority_is_made_once_and_its_key_is_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Authority::open(directory.path(), "us-east-1", NOW).unwrap();
        let first = open().certificate().to_owned();
        assert_eq!(open().certificate(), first);
        let mode = |name| {
            let metadata = fs::metadata(directory.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode(KEY), 0o600);
        // What was half made is made anew, and never a certificate of another key.
        for missing in [KEY, CERTIFICATE] {
            let before = open().certificate().to_owned();
            fs::remove_file(directory.path().join(missing)).unwrap();
            assert_ne!(open().certificate(), before);
        }
    }

    #[test]
    fn a_spoilt_key_is_named() {
        let directory = tempfile::tempdir().unwrap();
        drop(Authority::open(directory.path(), "us-east-1", NOW).unwrap());
        let path = directory.path().join(KEY);
        fs::write(&path, "x").unwrap();
        let error = Authority::open(directory.path(), "us-east-1", NOW)
            .err()
            .unwrap();
        assert!(error.to_string().contains("authority.key"), "{error}");
    }
}
