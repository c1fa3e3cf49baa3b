//! Lays out what a program needs to find EFA devices, beside whatever RDMA software the machine has.
//!
//! Nothing is installed over anything: a folder of links makes the loader find our libraries under the names of
//! libibverbs and libefa, and another folder looks like the part of `/sys` in which programs look for devices. Programs
//! are pointed at both by their environment, and others are not touched.
//!
//! ```text
//! DIRECTORY/lib/libibverbs.so.1                       the library of face A
//! DIRECTORY/lib/libefa.so.1                           the same
//! DIRECTORY/lib/libfabric/libopeneni-fi.so            face B
//! DIRECTORY/sys/class/infiniband/efa_0/device         what a program asks of an RDMA device
//! DIRECTORY/sys/class/infiniband_verbs/uverbs0/...
//! ```
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The library of face A, as cargo names it.
pub const VERBS_LIBRARY: &str = "libopeneni_efa.so";
/// The library of face B. libfabric loads what ends in `-fi.so` (fi_provider(7), "Installing providers").
pub const PROVIDER_LIBRARY: &str = "libopeneni_fi.so";

/// The names that face A goes by: the sonames of rdma-core's libibverbs and libefa.
const VERBS_NAMES: [&str; 2] = ["libibverbs.so.1", "libefa.so.1"];
/// What libfabric looks for in `FI_PROVIDER_PATH`.
const PROVIDER_NAME: &str = "libopeneni-fi.so";

/// What rdma-core's libibverbs finds in `infiniband_verbs/abi_version` (`IB_USER_VERBS_ABI_VERSION`, `ib_user_verbs.h`).
const VERBS_ABI_VERSION: &str = "6\n";
/// Amazon's vendor and the first EFA device's number, as PCI says them (`drivers/infiniband/hw/efa/efa_main.c`).
const PCI_VENDOR: &str = "0x1d0f\n";
const PCI_DEVICE: &str = "0xefa1\n";
/// The PCI slot that the first device seems to be in, as on EC2's smaller types.
const FIRST_SLOT: usize = 6;

/// Those of the two libraries that are not in `directory`.
#[must_use]
pub fn missing_libraries(directory: &Path) -> Vec<&'static str> {
    let mut libraries = vec![VERBS_LIBRARY, PROVIDER_LIBRARY];
    libraries.retain(|library| !directory.join(library).is_file());
    libraries
}

/// Why nothing could be laid out.
#[derive(Debug, thiserror::Error)]
#[error("cannot lay out {}: {source}", path.display())]
pub struct InstallError {
    /// What.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// What to lay out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation<'a> {
    /// Where; made anew if it exists. Programs must be able to read it.
    pub directory: &'a Path,
    /// Where the two libraries are; one that is missing is left out.
    pub libraries: &'a Path,
    /// The fabric service's socket.
    pub socket: &'a Path,
    /// How many devices there are: `efa_0` and on.
    pub devices: usize,
}

impl Installation<'_> {
    /// Lays it out.
    ///
    /// # Errors
    /// What the file system refused; what is there by then stays, to be made anew.
    pub fn install(&self) -> Result<(), InstallError> {
        remove(self.directory)?;
        self.link_libraries()?;
        for device in 0..self.devices {
            self.look_like_a_device(device)?;
        }
        write(
            &self.class("infiniband_verbs").join("abi_version"),
            VERBS_ABI_VERSION,
        )
    }

    /// What a program's environment must say. Nothing points at a library that is not there: with neither of them a
    /// program finds what it would without us, which are no devices.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = Vec::new();
        let missing = missing_libraries(self.libraries);
        if !missing.contains(&VERBS_LIBRARY) {
            variables.extend([
                ("SYSFS_PATH", self.sys().into()),
                ("LD_LIBRARY_PATH", self.library_directory().into()),
                // Before 2.x libfabric's efa provider uses a device's RDMA only where it is told to, as on EC2's p4d
                // (fi_efa(7)). It copies large messages once less that way.
                ("FI_EFA_USE_DEVICE_RDMA", "1".into()),
            ]);
        }
        if !missing.contains(&PROVIDER_LIBRARY) {
            variables.push(("FI_PROVIDER_PATH", self.provider_directory().into()));
        }
        if !variables.is_empty() {
            variables.push(("OPENENI_FABRIC_SOCKET", self.socket.into()));
        }
        variables
    }

    fn sys(&self) -> PathBuf {
        self.directory.join("sys")
    }

    fn class(&self, name: &str) -> PathBuf {
        self.sys().join("class").join(name)
    }

    fn library_directory(&self) -> PathBuf {
        self.directory.join("lib")
    }

    fn provider_directory(&self) -> PathBuf {
        self.library_directory().join("libfabric")
    }

    fn link_libraries(&self) -> Result<(), InstallError> {
        make(&self.provider_directory())?;
        let verbs = self.libraries.join(VERBS_LIBRARY);
        if verbs.exists() {
            for name in VERBS_NAMES {
                link(&verbs, &self.library_directory().join(name))?;
            }
        }
        let provider = self.libraries.join(PROVIDER_LIBRARY);
        if provider.exists() {
            link(&provider, &self.provider_directory().join(PROVIDER_NAME))?;
        }
        Ok(())
    }

    fn look_like_a_device(&self, number: usize) -> Result<(), InstallError> {
        let slot = FIRST_SLOT + number;
        let device = self
            .sys()
            .join("devices/pci0000:00")
            .join(format!("0000:00:{slot:02x}.0"));
        let driver = self.sys().join("bus/pci/drivers/efa");
        make(&driver)?;
        link(&driver, &device.join("driver"))?;
        write(&device.join("vendor"), PCI_VENDOR)?;
        write(&device.join("device"), PCI_DEVICE)?;
        let name = format!("efa_{number}");
        let infiniband = self.class("infiniband").join(&name);
        link(&device, &infiniband.join("device"))?;
        write(&infiniband.join("node_type"), "7: <unknown>\n")?;
        let verbs = self
            .class("infiniband_verbs")
            .join(format!("uverbs{number}"));
        link(&device, &verbs.join("device"))?;
        write(&verbs.join("ibdev"), &format!("{name}\n"))
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    move |source| InstallError {
        path: path.into(),
        source,
    }
}

fn remove(path: &Path) -> Result<(), InstallError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path)(error)),
        _ => Ok(()),
    }
}

fn make(path: &Path) -> Result<(), InstallError> {
    fs::create_dir_all(path).map_err(failed(path))
}

fn link(target: &Path, path: &Path) -> Result<(), InstallError> {
    path.parent().map_or(Ok(()), make)?;
    symlink(target, path).map_err(failed(path))
}

fn write(path: &Path, text: &str) -> Result<(), InstallError> {
    path.parent().map_or(Ok(()), make)?;
    fs::write(path, text).map_err(failed(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_look_like_efa_devices_and_libraries_go_by_the_names_that_programs_look_for() {
        let temporary = tempfile::tempdir().unwrap();
        let libraries = temporary.path().join("libraries");
        fs::create_dir(&libraries).unwrap();
        fs::write(libraries.join(VERBS_LIBRARY), "verbs").unwrap();
        fs::write(libraries.join(PROVIDER_LIBRARY), "provider").unwrap();
        let directory = temporary.path().join("efa");
        let installation = Installation {
            directory: &directory,
            libraries: &libraries,
            socket: Path::new("/run/efa.sock"),
            devices: 2,
        };
        // Twice: an instance that is booted again may have another number of devices.
        Installation {
            devices: 3,
            ..installation.clone()
        }
        .install()
        .unwrap();
        installation.install().unwrap();

        let environment: std::collections::BTreeMap<_, _> =
            installation.environment().into_iter().collect();
        let path = |name: &str| PathBuf::from(&environment[name]);
        let read = |path: PathBuf| fs::read_to_string(path).unwrap();
        assert_eq!(
            read(path("LD_LIBRARY_PATH").join("libibverbs.so.1")),
            "verbs"
        );
        assert_eq!(read(path("LD_LIBRARY_PATH").join("libefa.so.1")), "verbs");
        assert_eq!(
            read(path("FI_PROVIDER_PATH").join("libopeneni-fi.so")),
            "provider"
        );
        let class = path("SYSFS_PATH").join("class");
        let driver = fs::canonicalize(class.join("infiniband/efa_1/device/driver")).unwrap();
        assert_eq!(driver.file_name().unwrap(), "efa");
        assert_eq!(
            read(class.join("infiniband/efa_1/device/vendor")),
            "0x1d0f\n"
        );
        assert_eq!(
            read(class.join("infiniband_verbs/uverbs1/ibdev")),
            "efa_1\n"
        );
        assert!(!class.join("infiniband/efa_2").exists());
        assert_eq!(path("OPENENI_FABRIC_SOCKET"), Path::new("/run/efa.sock"));
    }

    /// What programs are pointed at is there, whichever of the two libraries is.
    #[test]
    fn a_library_that_is_not_there_is_left_out_and_pointed_at_by_nothing() {
        let temporary = tempfile::tempdir().unwrap();
        for (present, missing, variables) in [
            (&[][..], &[VERBS_LIBRARY, PROVIDER_LIBRARY][..], &[][..]),
            (
                &[PROVIDER_LIBRARY],
                &[VERBS_LIBRARY],
                &["FI_PROVIDER_PATH", "OPENENI_FABRIC_SOCKET"],
            ),
            (
                &[VERBS_LIBRARY],
                &[PROVIDER_LIBRARY],
                &[
                    "SYSFS_PATH",
                    "LD_LIBRARY_PATH",
                    "FI_EFA_USE_DEVICE_RDMA",
                    "OPENENI_FABRIC_SOCKET",
                ],
            ),
        ] {
            let libraries = temporary.path().join(format!("libraries {present:?}"));
            fs::create_dir(&libraries).unwrap();
            for library in present {
                fs::write(libraries.join(library), "").unwrap();
            }
            assert_eq!(missing_libraries(&libraries), missing);
            let directory = libraries.join("efa");
            let installation = Installation {
                directory: &directory,
                libraries: &libraries,
                socket: Path::new("/run/efa.sock"),
                devices: 1,
            };
            installation.install().unwrap();
            let environment = installation.environment();
            let names: Vec<_> = environment.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, variables);
            for (name, value) in environment {
                let is_path = name.ends_with("_PATH");
                assert!(!is_path || Path::new(&value).read_dir().unwrap().count() > 0);
            }
            assert!(directory.join("sys/class/infiniband/efa_0").exists());
        }
    }
}
