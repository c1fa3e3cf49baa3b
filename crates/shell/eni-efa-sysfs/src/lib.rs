//! What programs read in `/sys` about EFA devices, written where `SYSFS_PATH` can point.
//!
//! libibverbs, libfabric's `efa` provider and `ibv_devinfo` take `SYSFS_PATH` for `/sys`. The tree has what they read:
//! the devices' attributes, the driver that a device is bound to, and its PCI address.

use eni_efa_abi::control::DeviceAttributes;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// `class/infiniband_verbs/abi_version` of Linux (`IB_USER_VERBS_ABI_VERSION`).
const VERBS_ABI: &str = "6";
/// The driver's own version (`EFA_UVERBS_ABI_VERSION`).
const DRIVER_ABI: &str = "1";
/// PCI slot of the first device; an instance's network interfaces have the lower ones.
const FIRST_SLOT: usize = 6;
/// PCI slots of one bus.
const SLOTS: usize = 32;

/// The tree could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub struct WriteError {
    /// What.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Writes the tree for `devices` at `root`, in place of the one that is there. Readers see the old tree or the new one,
/// or for a moment none.
///
/// # Errors
/// [`WriteError`]; the old tree is as it was, unless the error is about `root` itself.
pub fn write(root: &Path, devices: &[DeviceAttributes]) -> Result<(), WriteError> {
    let mut name = root.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = Writer {
        root: root.with_file_name(name),
    };
    new.remove()?;
    let written = new.write_all(devices);
    if written.is_err() {
        // The error that is told is the one that came first.
        let _removed = new.remove();
        return written;
    }
    Writer {
        root: root.to_owned(),
    }
    .remove()?;
    fs::rename(&new.root, root).map_err(|source| WriteError {
        path: root.to_owned(),
        source,
    })
}

struct Writer {
    root: PathBuf,
}

impl Writer {
    fn remove(&self) -> Result<(), WriteError> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.error(&self.root, error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn error(&self, path: &Path, source: io::Error) -> WriteError {
        WriteError {
            path: path.to_owned(),
            source,
        }
    }

    fn folder(&self, path: &str) -> Result<(), WriteError> {
        let path = self.root.join(path);
        fs::create_dir_all(&path).map_err(|source| self.error(&path, source))
    }

    fn file(&self, path: &str, content: &str) -> Result<(), WriteError> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| self.error(folder, source))?;
        }
        fs::write(&path, format!("{content}\n")).map_err(|source| self.error(&path, source))
    }

    fn link(&self, path: &str, target: &str) -> Result<(), WriteError> {
        let path = self.root.join(path);
        symlink(target, &path).map_err(|source| self.error(&path, source))
    }

    fn write_all(&self, devices: &[DeviceAttributes]) -> Result<(), WriteError> {
        self.folder("class/infiniband")?;
        self.file("class/infiniband_verbs/abi_version", VERBS_ABI)?;
        self.folder("bus/pci/drivers/efa")?;
        for (index, device) in devices.iter().enumerate() {
            self.write_device(index, device)?;
        }
        Ok(())
    }

    fn write_device(&self, index: usize, device: &DeviceAttributes) -> Result<(), WriteError> {
        let slot = FIRST_SLOT + index;
        let address = format!("0000:{:02x}:{:02x}.0", slot / SLOTS, slot % SLOTS);
        let pci = format!("devices/pci0000:00/{address}");
        let name = &device.name;
        let here = format!("{pci}/infiniband/{name}");
        let guid = groups(device.node_guid);
        let gid = gid(&device.gid.0);
        let files = [
            ("vendor", "0x1d0f"),
            ("device", "0xefa1"),
            ("class", "0x020000"),
            ("numa_node", "0"),
        ];
        for (file, content) in files {
            self.file(&format!("{pci}/{file}"), content)?;
        }
        self.link(&format!("{pci}/driver"), "../../../bus/pci/drivers/efa")?;
        let files = [
            ("node_guid", guid.as_str()),
            ("sys_image_guid", guid.as_str()),
            ("node_type", "7: <unknown>"),
            ("fw_ver", "0.0.0.0"),
            ("ports/1/state", "4: ACTIVE"),
            ("ports/1/phys_state", "5: LinkUp"),
            ("ports/1/rate", "100 Gb/sec (4X EDR)"),
            ("ports/1/link_layer", "Unspecified"),
            ("ports/1/lid", "0x0"),
            ("ports/1/gids/0", gid.as_str()),
            ("ports/1/pkeys/0", "0xffff"),
        ];
        for (file, content) in files {
            self.file(&format!("{here}/{file}"), content)?;
        }
        self.link(&format!("{here}/device"), "../..")?;
        self.link(
            &format!("class/infiniband/{name}"),
            &format!("../../{here}"),
        )?;
        let verbs = format!("{pci}/infiniband_verbs/uverbs{index}");
        self.file(&format!("{verbs}/ibdev"), name)?;
        self.file(&format!("{verbs}/abi_version"), DRIVER_ABI)?;
        self.link(&format!("{verbs}/device"), "../..")?;
        self.link(
            &format!("class/infiniband_verbs/uverbs{index}"),
            &format!("../../{verbs}"),
        )
    }
}

/// A GUID as the kernel prints it.
fn groups(guid: u64) -> String {
    let part = |shift: u32| (guid >> shift) & 0xffff;
    format!(
        "{:04x}:{:04x}:{:04x}:{:04x}",
        part(48),
        part(32),
        part(16),
        part(0)
    )
}

/// A GID as the kernel prints it.
fn gid(gid: &[u8; 16]) -> String {
    let groups: Vec<String> = gid
        .chunks_exact(2)
        .map(|pair| format!("{:02x}{:02x}", pair[0], pair[1]))
        .collect();
    groups.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use eni_efa_abi::Gid;

    fn device(number: u8) -> DeviceAttributes {
        DeviceAttributes {
            name: format!("efa_{number}"),
            gid: Gid([
                0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, number,
            ]),
            mac: [2, 0, 0, 0, 0, number],
            subnet: "subnet-1".to_owned(),
            node_guid: 0x0011_22ff_fe33_4400 + u64::from(number),
            max_transfer: 8_928,
            max_endpoints: 256,
            reaches_other_hosts: false,
        }
    }

    #[test]
    fn a_devices_links_lead_to_its_driver_and_its_pci_address() {
        let folder = tempfile::tempdir().expect("a place");
        let root = folder.path().join("sys");
        write(&root, &[device(0), device(1)]).expect("written");
        for (name, address) in [("efa_0", "0000:00:06.0"), ("efa_1", "0000:00:07.0")] {
            let here = root.join("class/infiniband").join(name);
            let driver = here.join("device/driver").canonicalize().expect("a driver");
            assert_eq!(driver.file_name(), Some("efa".as_ref()));
            let pci = here.join("device").canonicalize().expect("a device");
            assert_eq!(pci.file_name(), Some(address.as_ref()));
        }
        let read = |path: &str| fs::read_to_string(root.join(path)).expect("there");
        assert_eq!(read("class/infiniband_verbs/uverbs1/ibdev"), "efa_1\n");
        assert_eq!(read("class/infiniband_verbs/abi_version"), "6\n");
        assert_eq!(
            read("class/infiniband/efa_0/node_guid"),
            "0011:22ff:fe33:4400\n"
        );
        assert_eq!(
            read("class/infiniband/efa_1/ports/1/gids/0"),
            "fe80:0000:0000:0000:0000:00ff:fe00:0001\n"
        );
    }

    #[test]
    fn writing_again_leaves_the_new_devices_only() {
        let folder = tempfile::tempdir().expect("a place");
        let root = folder.path().join("sys");
        write(&root, &[device(0), device(1)]).expect("written");
        write(&root, &[device(1)]).expect("written");
        let names: Vec<_> = fs::read_dir(root.join("class/infiniband"))
            .expect("there")
            .map(|entry| entry.expect("readable").file_name())
            .collect();
        assert_eq!(names, ["efa_1"]);
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
    }
}
