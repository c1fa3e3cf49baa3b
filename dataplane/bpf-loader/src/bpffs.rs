//! The BPF file system that holds the pins.

use crate::DataPlaneError;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::{FsType, statfs};
use std::path::Path;

/// Linux' `BPF_FS_MAGIC` (`include/uapi/linux/magic.h`).
const BPF_FS_MAGIC: FsType = FsType(0xcafe_4a11);

/// Makes `directory` and mounts a bpffs on it, unless one is there. Seen in the caller's mount namespace only.
///
/// # Errors
/// [`DataPlaneError::Io`].
pub fn mount_bpffs(directory: &Path) -> Result<(), DataPlaneError> {
    let failed = |call, source| DataPlaneError::Io {
        call,
        path: directory.to_owned(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(|source| failed("create_dir_all", source))?;
    let found = statfs(directory).map_err(|errno| failed("statfs", errno.into()))?;
    if found.filesystem_type() == BPF_FS_MAGIC {
        return Ok(());
    }
    mount(
        Some("bpf"),
        directory,
        Some("bpf"),
        MsFlags::empty(),
        Some("mode=0700"),
    )
    .map_err(|errno| failed("mount bpf", errno.into()))
}

/// Unmounts what [`mount_bpffs`] mounted, and with it removes all pins. Absent is success.
///
/// # Errors
/// [`DataPlaneError::Io`].
pub fn unmount_bpffs(directory: &Path) -> Result<(), DataPlaneError> {
    match umount2(directory, MntFlags::MNT_DETACH) {
        Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => Ok(()),
        Err(errno) => Err(DataPlaneError::Io {
            call: "umount",
            path: directory.to_owned(),
            source: errno.into(),
        }),
    }
}
