//! The data directory: who may use it, and what is where.
//!
//! ```text
//! store.redb     the region's state
//! credentials    the key pair, mode 0600
//! authority.key  the key of the region's certificate authority, mode 0600
//! authority.pem  its certificate
//! identity.key   the key that signs instances' identity documents, mode 0600
//! identity.pem   its certificate
//! lock           held by the running region
//! uplink.json    what was before `openeni uplink on`, as long as it is on
//! console/       what instances have printed
//! run/           derived: sockets, namespaces, pins; the region's endpoint
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use eni_client::KeyPair;
use eni_instance::{CONSOLES, RunDirectory};
use eni_types::Ipv4Cidr;
use nix::fcntl::{Flock, FlockArg};
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};

use crate::uplink::Record;

/// What can be wrong with a data directory. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// Another process runs a region there.
    #[error(
        "another region is running in {}: stop that one, or give this one a directory of its own by --data-dir", path.display()
    )]
    Locked { path: PathBuf },
    /// No region runs there.
    #[error(
        "no region is running in {path}: start one with `sudo openeni dev --data-dir {path}`, or name another's directory by \
         --data-dir", path = path.display()
    )]
    NotRunning { path: PathBuf },
    /// This user may not read it.
    #[error("{} is closed to this user: it needs root (sudo), as the region does", path.display())]
    Denied { path: PathBuf },
    /// A file.
    #[error("{} is not a directory: name a region's by --data-dir", path.display())]
    NotADirectory { path: PathBuf },
    /// A directory of something else, in which a region would leave its files.
    #[error("{} is not empty and holds no region: name an empty or a new directory by --data-dir", path.display())]
    NotARegion { path: PathBuf },
    /// A file there is not what it should be.
    #[error(
        "{} is not as a region has written it: put it back from a copy, or remove it, and the next start makes a new one",
        path.display()
    )]
    Corrupt { path: PathBuf },
    /// A file there cannot be used.
    #[error("cannot use {}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = PathBuf::from(path);
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied => DirectoryError::Denied { path },
        io::ErrorKind::NotADirectory => DirectoryError::NotADirectory { path },
        _ => DirectoryError::Io { path, source },
    }
}

/// What a region keeps in its directory: one that has none of it and is not empty is something else's.
const CONTENTS: [&str; 10] = [
    STORE,
    CREDENTIALS,
    eni_authority::KEY,
    eni_authority::CERTIFICATE,
    eni_authority::IDENTITY_KEY,
    eni_authority::IDENTITY_CERTIFICATE,
    LOCK,
    UPLINK,
    RUN,
    CONSOLES,
];
const STORE: &str = "store.redb";
const CREDENTIALS: &str = "credentials";
const LOCK: &str = "lock";
const UPLINK: &str = "uplink.json";
const RUN: &str = "run";
/// What a new file system has in it.
const LOST_AND_FOUND: &str = "lost+found";

/// How long a region that starts waits for the lock: those who ask whether one runs hold it for a moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
const LOCK_POLL: Duration = Duration::from_millis(10);

/// Where the running region answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) listen: SocketAddr,
    pub(crate) region: String,
    pub(crate) public_pool: Ipv4Cidr,
}

impl Endpoint {
    /// Where a client on this machine finds it: a listener on every address is reached by loopback.
    pub(crate) fn url(&self) -> String {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }
}

/// A data directory, perhaps without a region yet.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

/// Held while the uplink is turned on or off.
pub(crate) struct UplinkLock {
    _directory: Flock<File>,
}

/// Held while a region runs; released with the process, however it ends.
pub(crate) struct RegionLock {
    _file: Flock<File>,
}

impl Directory {
    /// The directory at `path`, which must exist or be creatable, and hold a region or nothing. The path is made
    /// absolute: names derived from it must not depend on where the process was started.
    pub(crate) fn open_or_create(path: &Path) -> Result<Self, DirectoryError> {
        if path.exists() && !path.is_dir() {
            return Err(DirectoryError::NotADirectory { path: path.into() });
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io_error(path))?;
        let directory = Self::open(path)?;
        let mut others = false;
        for entry in fs::read_dir(&directory.path).map_err(io_error(path))? {
            let name = entry.map_err(io_error(path))?.file_name();
            if CONTENTS.iter().any(|ours| name == *ours) {
                return Ok(directory);
            }
            others |= name != LOST_AND_FOUND;
        }
        if others {
            return Err(DirectoryError::NotARegion {
                path: directory.path,
            });
        }
        Ok(directory)
    }

    /// The directory at `path`, which must exist.
    pub(crate) fn open(path: &Path) -> Result<Self, DirectoryError> {
        let absolute = fs::canonicalize(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => DirectoryError::NotRunning { path: path.into() },
            _ => io_error(path)(source),
        })?;
        if !absolute.is_dir() {
            return Err(DirectoryError::NotADirectory { path: absolute });
        }
        Ok(Self { path: absolute })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where everything derived is.
    pub(crate) fn run_directory(&self) -> Result<RunDirectory, DirectoryError> {
        RunDirectory::of(&self.path).map_err(io_error(&self.path))
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// The certificate of the region's authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.path.join(eni_authority::CERTIFICATE)
    }

    /// The certificate by which instances' identity documents are verified.
    pub(crate) fn identity(&self) -> PathBuf {
        self.path.join(eni_authority::IDENTITY_CERTIFICATE)
    }

    /// Where `openeni status` asks.
    pub(crate) fn status_socket(&self) -> PathBuf {
        self.run().join("status.sock")
    }

    fn run(&self) -> PathBuf {
        self.path.join(RUN)
    }

    /// Takes the directory for this process.
    pub(crate) fn lock(&self) -> Result<RegionLock, DirectoryError> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match self.try_lock(OpenOptions::new().create(true).truncate(false)) {
                Err(DirectoryError::Locked { .. }) if Instant::now() < deadline => {
                    thread::sleep(LOCK_POLL);
                }
                other => return other,
            }
        }
    }

    fn try_lock(&self, options: &mut OpenOptions) -> Result<RegionLock, DirectoryError> {
        let path = self.path.join(LOCK);
        let file = options.write(true).open(&path).map_err(io_error(&path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(RegionLock { _file: file }),
            Err((_, nix::Error::EWOULDBLOCK)) => Err(DirectoryError::Locked {
                path: self.path.clone(),
            }),
            Err((_, errno)) => Err(io_error(&path)(errno.into())),
        }
    }

    /// Whether a process runs the region. Leaves nothing behind: the directory may be none of ours.
    pub(crate) fn is_running(&self) -> Result<bool, DirectoryError> {
        match self.try_lock(&mut OpenOptions::new()) {
            Err(DirectoryError::Locked { .. }) => Ok(true),
            Err(DirectoryError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(false)
            }
            Err(other) => Err(other),
            Ok(_) => Ok(false),
        }
    }

    /// The region's key pair, made at the first start.
    pub(crate) fn key_pair(&self) -> Result<KeyPair, DirectoryError> {
        let path = self.path.join(CREDENTIALS);
        if let Some(kept) = self.read(&path)? {
            return Ok(kept);
        }
        let mut rng = rand::rng();
        let made = KeyPair {
            access_key_id: format!(
                "AKIA{}",
                Alphanumeric.sample_string(&mut rng, 16).to_uppercase()
            ),
            secret_access_key: Alphanumeric.sample_string(&mut rng, 40),
        };
        write_durably(&path, &made, 0o600)?;
        Ok(made)
    }

    /// Whether anything of a region's is there.
    pub(crate) fn holds_region(&self) -> bool {
        CONTENTS.iter().any(|name| self.path.join(name).exists())
    }

    /// Waits until nobody else turns the uplink on or off. The directory itself is locked, which leaves nothing in it.
    pub(crate) fn lock_uplink(&self) -> Result<UplinkLock, DirectoryError> {
        let directory = File::open(&self.path).map_err(io_error(&self.path))?;
        match Flock::lock(directory, FlockArg::LockExclusive) {
            Ok(directory) => Ok(UplinkLock {
                _directory: directory,
            }),
            Err((_, errno)) => Err(io_error(&self.path)(errno.into())),
        }
    }

    pub(crate) fn uplink_file(&self) -> PathBuf {
        self.path.join(UPLINK)
    }

    /// What was before the uplink was turned on, if it is.
    pub(crate) fn uplink(&self) -> Result<Option<Record>, DirectoryError> {
        self.read(&self.uplink_file())
    }

    pub(crate) fn keep_uplink(&self, record: &Record) -> Result<(), DirectoryError> {
        write_durably(&self.uplink_file(), record, 0o644)
    }

    pub(crate) fn forget_uplink(&self) -> Result<(), DirectoryError> {
        match fs::remove_file(self.uplink_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error(&self.uplink_file())(error))
            }
            _ => Ok(()),
        }
    }

    /// Says where the region answers.
    pub(crate) fn publish_endpoint(&self, endpoint: &Endpoint) -> Result<(), DirectoryError> {
        let run = self.run();
        fs::create_dir_all(&run).map_err(io_error(&run))?;
        write_durably(&run.join("endpoint.json"), endpoint, 0o644)
    }

    /// Takes the saying back, and the status socket with it.
    pub(crate) fn withdraw_endpoint(&self) {
        // A file left behind is overwritten by the next start, and `lock` tells whether a region runs.
        let _ = fs::remove_file(self.run().join("endpoint.json"));
        let _ = fs::remove_file(self.status_socket());
    }

    /// Where the running region answers.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, DirectoryError> {
        let endpoint = match self.is_running()? {
            true => self.read(&self.run().join("endpoint.json"))?,
            false => None,
        };
        endpoint.ok_or_else(|| DirectoryError::NotRunning {
            path: self.path.clone(),
        })
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, path: &Path) -> Result<Option<T>, DirectoryError> {
        let mut text = String::new();
        match File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
            Ok(_) => {
                let read = serde_json::from_str(&text).map(Some);
                read.map_err(|_| DirectoryError::Corrupt { path: path.into() })
            }
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error(path)(source)),
        }
    }
}

/// Writes `value` so that a crash leaves the old file or the new one, never half of one.
fn write_durably(path: &Path, value: &impl Serialize, mode: u32) -> Result<(), DirectoryError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(mode)
            .open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    };
    write().map_err(io_error(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_a_region_keeps_is_its_owners_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("region");
        Directory::open_or_create(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_directory_of_something_else_is_left_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        fs::create_dir(path.join(LOST_AND_FOUND)).unwrap();
        assert!(!Directory::open(path).unwrap().is_running().unwrap());
        assert!(!path.join(LOCK).exists());
        let directory = Directory::open_or_create(path).unwrap();
        fs::write(path.join("mail"), "").unwrap();
        let refused = Directory::open_or_create(path).unwrap_err();
        assert!(
            matches!(refused, DirectoryError::NotARegion { .. }),
            "{refused}"
        );
        directory.key_pair().unwrap();
        Directory::open_or_create(path).unwrap();
        for refused in [
            Directory::open_or_create(&path.join("mail")).unwrap_err(),
            Directory::open_or_create(&path.join("mail/box")).unwrap_err(),
            Directory::open(&path.join("mail")).unwrap_err(),
        ] {
            let is_file = matches!(refused, DirectoryError::NotADirectory { .. });
            assert!(is_file, "{refused}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_reached_by_loopback() {
        for (listen, want) in [
            ("127.0.0.1:4599", "http://127.0.0.1:4599"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:4599", "http://[::1]:4599"),
            ("192.0.2.7:1", "http://192.0.2.7:1"),
        ] {
            let endpoint = Endpoint {
                listen: listen.parse().unwrap(),
                region: "us-east-1".into(),
                public_pool: "203.0.113.0/24".parse().unwrap(),
            };
            assert_eq!(endpoint.url(), want);
        }
    }

    #[test]
    fn only_one_region_at_a_time_runs_in_a_directory() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open_or_create(temporary.path()).unwrap();
        let held = directory.lock().unwrap();
        assert!(matches!(
            directory.lock(),
            Err(DirectoryError::Locked { .. })
        ));
        drop(held);
        assert!(directory.lock().is_ok());
    }

    #[test]
    fn the_key_pair_is_kept_and_only_its_owner_may_read_it() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open_or_create(temporary.path()).unwrap();
        let first = directory.key_pair().unwrap();
        assert!(first == directory.key_pair().unwrap());
        assert_eq!(first.access_key_id.len(), 20);
        let mode = fs::metadata(temporary.path().join("credentials"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_pair_that_is_not_there_is_made_and_one_that_is_spoilt_is_named() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open_or_create(temporary.path()).unwrap();
        let path = directory.path().join(CREDENTIALS);
        for spoilt in ["", "{}", "{\"access_key_id\": \"AKIA"] {
            fs::write(&path, spoilt).unwrap();
            let said = directory.key_pair().err().unwrap().to_string();
            let begin = format!("{} is not as a region has written it", path.display());
            assert!(said.starts_with(&begin), "{said}");
        }
        fs::remove_file(&path).unwrap();
        directory.key_pair().unwrap();
    }

    #[test]
    fn a_directory_without_a_running_region_says_so() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open_or_create(temporary.path()).unwrap();
        assert!(matches!(
            directory.endpoint(),
            Err(DirectoryError::NotRunning { .. })
        ));
        let endpoint = Endpoint {
            listen: "127.0.0.1:1".parse().unwrap(),
            region: "us-east-1".into(),
            public_pool: "203.0.113.0/24".parse().unwrap(),
        };
        directory.publish_endpoint(&endpoint).unwrap();
        assert!(matches!(
            directory.endpoint(),
            Err(DirectoryError::NotRunning { .. })
        ));
        let _held = directory.lock().unwrap();
        assert_eq!(directory.endpoint().unwrap().listen, endpoint.listen);
    }
}
