//! Where a region keeps what it derives.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use eni_netlink::Namespace;
use eni_types::{InstanceId, fnv1a};

/// The directory `run` in a region's data directory: namespaces, pins, instances. Derived: it may be deleted when the
/// region is stopped.
///
/// The *key* tells regions of one machine apart where names are the machine's (cgroups): it is made of the data
/// directory's path, so that it is the same after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
    key: String,
}

impl RunDirectory {
    /// The run directory of `data_directory`, which must exist. Creates nothing.
    ///
    /// # Errors
    /// When the path cannot be resolved.
    pub fn of(data_directory: &Path) -> io::Result<Self> {
        let data_directory = fs::canonicalize(data_directory)?;
        let key = fnv1a(data_directory.as_os_str().as_encoded_bytes());
        Ok(Self {
            path: data_directory.join("run"),
            key: format!("{key:016x}"),
        })
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// 16 hex digits.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The file that the fabric's network namespace is mounted on.
    #[must_use]
    pub fn fabric(&self) -> PathBuf {
        self.path.join("fabric")
    }

    /// The file that the services' network namespace is mounted on.
    #[must_use]
    pub fn services(&self) -> PathBuf {
        self.path.join("services")
    }

    /// The mount point of the region's BPF filesystem.
    #[must_use]
    pub fn bpf(&self) -> PathBuf {
        self.path.join("bpf")
    }

    /// The socket of the region's EFA fabric service.
    #[must_use]
    pub fn efa_socket(&self) -> PathBuf {
        self.path.join("efa.sock")
    }

    /// The directory of the instances' directories.
    #[must_use]
    pub fn instances(&self) -> PathBuf {
        self.path.join("instances")
    }

    /// The directory of one instance.
    #[must_use]
    pub fn instance(&self, id: InstanceId) -> PathBuf {
        self.instances().join(id.to_string())
    }

    /// The directory of the instances' consoles. It is not derived, and lies beside the run directory.
    #[must_use]
    pub fn consoles(&self) -> PathBuf {
        self.path.with_file_name(CONSOLES)
    }

    /// The file of an instance's console.
    pub(crate) fn console(&self, id: InstanceId) -> PathBuf {
        self.consoles().join(id.to_string())
    }

    /// The file that an instance's network namespace is mounted on.
    #[must_use]
    pub fn network_namespace(&self, id: InstanceId) -> PathBuf {
        self.instance(id).join(NETWORK_NAMESPACE)
    }

    /// The same, if a namespace is mounted there.
    #[must_use]
    pub fn existing_network_namespace(&self, id: InstanceId) -> Option<PathBuf> {
        Some(self.network_namespace(id)).filter(|path| Namespace::exists(path))
    }
}

/// The directory of consoles in the data directory.
pub const CONSOLES: &str = "console";

/// Names of the files in an instance's directory.
pub(crate) const NETWORK_NAMESPACE: &str = "net";
/// The boot that the namespace was made for; missing while it is unfinished.
pub(crate) const NETWORK_BOOT: &str = "net.boot";
/// What the instance was last told of who resolves its names; its `resolv.conf` is its own.
pub(crate) const RESOLVER: &str = "resolver";
pub(crate) const USER_DATA: &str = "user-data";
pub(crate) const BOOT_RECORD: &str = "boot";
/// How the guest has ended itself, and in which boot.
pub(crate) const GUEST_END: &str = "end";
pub(crate) const ENVIRONMENT: &str = "environment";
pub(crate) const EFA: &str = "efa";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_two_data_directories_have_two_keys() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = |path: &Path| RunDirectory::of(path).unwrap().key().to_owned();
        assert_eq!(key(first.path()), key(&first.path().join(".")));
        assert_ne!(key(first.path()), key(second.path()));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c); // RFC 9923, test vectors
    }
}
