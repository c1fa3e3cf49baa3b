//! The unsafe code of the loader: the claim that layouts are bytes, and two system calls that aya keeps to itself.

use eni_abi::Plain;
use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A layout of `eni-abi`, as aya wants it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Raw<T: Plain>(pub(crate) T);

// SAFETY: `Plain` is sealed to `repr(C)` types of plain integers without padding.
unsafe impl<T: Plain> aya::Pod for Raw<T> {}

impl<T: Plain + fmt::Debug> fmt::Debug for Raw<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The head of Linux' `struct bpf_link_info`, as far as tcx links fill it.
#[repr(C)]
#[derive(Default)]
struct TcxLinkInfo {
    link_type: u32,
    id: u32,
    program_id: u32,
    padding: u32,
    ifindex: u32,
    attach_type: u32,
    rest: [u64; 8],
}

/// Linux' `struct bpf_attr` for `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
struct InfoByFd {
    fd: u32,
    length: u32,
    info: u64,
}

/// Linux' `struct bpf_attr` for `BPF_OBJ_GET`.
#[repr(C)]
struct ObjectGet {
    path: u64,
    fd: u32,
    flags: u32,
}

const BPF_OBJ_GET: libc::c_long = 7;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;

/// The interface index that the tcx link pinned at `path` is attached to, or 0 when its device is gone.
///
/// aya knows links, but gives neither their descriptors nor this part of their information out.
pub(crate) fn tcx_link_ifindex(path: &Path) -> io::Result<u32> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let get = ObjectGet {
        path: path.as_ptr() as u64,
        fd: 0,
        flags: 0,
    };
    // SAFETY: `get` and the path it points to live through the call.
    let fd = unsafe { bpf(BPF_OBJ_GET, &get)? };
    // SAFETY: the kernel has just given us this descriptor.
    let link = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut info = TcxLinkInfo::default();
    let attributes = InfoByFd {
        fd: link.as_raw_fd() as u32,
        length: size_of::<TcxLinkInfo>() as u32,
        info: (&raw mut info) as u64,
    };
    // SAFETY: `attributes` and the `info` it points to live through the call and have the sizes given.
    unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes)? };
    Ok(info.ifindex)
}

/// # Safety
/// `attributes` must be what `command` reads, and its pointers valid for it.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<i32> {
    let attributes: *const T = attributes;
    // SAFETY: by the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as i32)
    }
}
