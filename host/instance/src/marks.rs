//! What tells programs in an instance that they are on EC2, and on which instance: what its firmware says of itself, where Linux shows
//! that (EC2 User Guide, "Detect whether a host is an EC2 instance").
//!
//! The files lie in the instance's directory, and are mounted where the host has its own, in the instance's mount namespace.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use eni_plan::DesiredInstance;
use eni_types::{InstanceId, fnv1a};
use nix::mount::{MsFlags, mount};

/// In the instance's directory.
const MARKS: &str = "marks";
/// Where what is in place of a directory of `/sys` is put together.
const STAGING: &str = "staging";
/// What firmware says (SMBIOS), as Linux shows it.
const FIRMWARE: (&str, &str) = ("dmi", "/sys/class/dmi/id");
/// What Xen says.
const HYPERVISOR: (&str, &str) = ("hypervisor", "/sys/hypervisor");
const VENDOR: &str = "Amazon EC2";
/// What Linux shows to root alone, as it tells machines apart.
const SECRET: [&str; 3] = ["product_serial", "product_uuid", "board_asset_tag"];

/// Writes what an instance is to find.
pub(crate) fn lay_out(
    directory: &Path,
    id: InstanceId,
    instance: &DesiredInstance,
) -> io::Result<()> {
    let marks = directory.join(MARKS);
    match fs::remove_dir_all(&marks) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let uuid = uuid(id);
    let write = |name: &str, files: &[(&str, &str)]| {
        let directory = marks.join(name);
        fs::create_dir_all(&directory)?;
        files.iter().try_for_each(|(name, text)| {
            let path = directory.join(name);
            fs::write(&path, format!("{text}\n"))?;
            let mode = if SECRET.contains(name) { 0o400 } else { 0o444 };
            fs::set_permissions(path, Permissions::from_mode(mode))
        })
    };
    if instance.is_xen {
        write(FIRMWARE.0, &of_xen(&uuid.to_uppercase()))?;
        write(HYPERVISOR.0, &[("type", "xen"), ("uuid", &uuid)])
    } else {
        let id = id.to_string();
        write(FIRMWARE.0, &of_nitro(&id, &uuid, &instance.instance_type))?;
        write(HYPERVISOR.0, &[])
    }
}

/// As on the Nitro System.
fn of_nitro<'a>(
    id: &'a str,
    uuid: &'a str,
    instance_type: &'a str,
) -> [(&'static str, &'a str); 13] {
    [
        ("bios_date", "10/16/2017"),
        ("bios_release", "1.0"),
        ("bios_vendor", VENDOR),
        ("bios_version", "1.0"),
        ("board_asset_tag", id),
        ("board_vendor", VENDOR),
        ("chassis_asset_tag", VENDOR),
        ("chassis_type", "1"),
        ("chassis_vendor", VENDOR),
        ("product_name", instance_type),
        ("product_serial", uuid),
        ("product_uuid", uuid),
        ("sys_vendor", VENDOR),
    ]
}

/// As on Xen, where nothing but the number says whose machine it is.
fn of_xen(uuid: &str) -> [(&'static str, &str); 10] {
    [
        ("bios_date", "08/24/2006"),
        ("bios_vendor", "Xen"),
        ("bios_version", "4.11.amazon"),
        ("chassis_type", "1"),
        ("chassis_vendor", "Xen"),
        ("product_name", "HVM domU"),
        ("product_serial", uuid),
        ("product_uuid", uuid),
        ("product_version", "4.11.amazon"),
        ("sys_vendor", "Xen"),
    ]
}

/// The machine's number, which begins as those of all EC2's do. It is the instance's for life.
fn uuid(id: InstanceId) -> String {
    let id = id.to_string();
    let own = id.trim_start_matches("i-");
    let digits = format!("ec2{own}{:016x}", fnv1a(id.as_bytes()));
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let parts = [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ];
    parts.join("-")
}

/// In the mount namespace of the instance of this directory, once its `/sys` is mounted: what was laid out takes the place of the
/// host's, or gets one.
pub(crate) fn mount_over(directory: &Path) -> io::Result<()> {
    let none: Option<&str> = None;
    for (name, place) in [HYPERVISOR, FIRMWARE] {
        let own = directory.join(MARKS).join(name);
        let place = Path::new(place);
        let has_some = fs::read_dir(&own).is_ok_and(|mut entries| entries.next().is_some());
        if !has_some && !place.exists() {
            continue;
        }
        let place = with_room(place, &directory.join(MARKS).join(STAGING))?;
        mount(Some(&own), &place, none, MsFlags::MS_BIND, none)?;
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(none, &place, none, read_only, none)?;
    }
    Ok(())
}

/// Where `place` really is; made, if this machine has none. Nothing can be made in `/sys` itself: the directory above that is there
/// gives way to one with the same entries and room for more.
fn with_room(place: &Path, staging: &Path) -> io::Result<PathBuf> {
    if !place.exists() {
        let mut above = place.ancestors().skip(1);
        let above = above.find(|directory| directory.is_dir());
        let above = above.ok_or(io::ErrorKind::NotFound)?;
        let below = place.strip_prefix(above).map_err(io::Error::other)?;
        fs::create_dir_all(staging)?;
        let (none, tmpfs): (Option<&str>, _) = (None, Some("tmpfs"));
        mount(tmpfs, staging, tmpfs, MsFlags::empty(), Some("mode=755"))?;
        for entry in fs::read_dir(above)? {
            let entry = entry?;
            if entry.path().is_dir() {
                let seen = staging.join(entry.file_name());
                fs::create_dir(&seen)?;
                let whole = MsFlags::MS_BIND | MsFlags::MS_REC;
                mount(Some(&entry.path()), &seen, none, whole, none)?;
            }
        }
        fs::create_dir_all(staging.join(below))?;
        mount(Some(staging), above, none, MsFlags::MS_MOVE, none)?;
    }
    fs::canonicalize(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(is_xen: bool) -> DesiredInstance {
        DesiredInstance {
            boot_count: 1,
            hostname: String::new(),
            domain: String::new(),
            resolver: String::new(),
            user_data: Default::default(),
            first_boot: true,
            efa_devices: 0,
            instance_type: "t3.micro".into(),
            is_xen,
        }
    }

    #[test]
    fn an_instances_number_is_its_own_and_begins_as_those_of_ec2() {
        let [one, two] =
            ["i-0123456789abcdef0", "i-0123456789abcdef1"].map(|id| uuid(id.parse().unwrap()));
        assert_eq!(one.len(), 36);
        assert!(one.starts_with("ec201234-5678-9abc-def0-"), "{one}");
        assert_ne!(one, two);
    }

    #[test]
    fn what_was_laid_out_for_another_type_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let id = "i-0123456789abcdef0".parse().unwrap();
        let read = |name: &str| fs::read_to_string(directory.path().join(MARKS).join(name)).ok();
        lay_out(directory.path(), id, &instance(false)).unwrap();
        assert_eq!(read("dmi/sys_vendor").as_deref(), Some("Amazon EC2\n"));
        assert_eq!(read("dmi/product_name").as_deref(), Some("t3.micro\n"));
        assert_eq!(
            read("dmi/board_asset_tag").as_deref(),
            Some("i-0123456789abcdef0\n")
        );
        assert_eq!(read("hypervisor/uuid"), None);
        lay_out(directory.path(), id, &instance(true)).unwrap();
        assert_eq!(read("dmi/sys_vendor").as_deref(), Some("Xen\n"));
        assert_eq!(read("dmi/board_asset_tag"), None);
        let uuid = format!("{}\n", uuid(id));
        assert_eq!(read("hypervisor/uuid"), Some(uuid.clone()));
        assert_eq!(read("dmi/product_uuid"), Some(uuid.to_uppercase()));
    }
}
