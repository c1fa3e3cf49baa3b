//! The unsafe code of the loader: the claim that layouts are bytes, and the system calls that aya keeps to itself or lacks.

use eni_abi::Plain;
use std::cell::UnsafeCell;
use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
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

/// The head of Linux' `struct bpf_map_info`.
#[repr(C)]
#[derive(Default)]
struct MapInfo {
    kind: u32,
    id: u32,
    key_size: u32,
    value_size: u32,
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

/// Linux' `struct bpf_attr` for `BPF_MAP_LOOKUP_BATCH` and `BPF_MAP_UPDATE_BATCH`.
#[repr(C)]
struct Batch {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    element_flags: u64,
    flags: u64,
}

/// Linux' `struct bpf_attr` for `BPF_MAP_CREATE`, up to what is zero here.
#[repr(C)]
pub(crate) struct NewMap {
    /// Linux' `enum bpf_map_type`.
    pub(crate) kind: u32,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) flags: u32,
}

/// Linux' `struct bpf_attr` for one element of a map.
#[repr(C)]
struct Element {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Linux' `struct bpf_attr` for `BPF_PROG_TEST_RUN`.
#[repr(C)]
struct TestRun {
    program_fd: u32,
    return_value: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_size_in: u32,
    context_size_out: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

/// Linux' `struct bpf_attr` for `BPF_MAP_GET_FD_BY_ID`.
#[repr(C)]
struct ById {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

/// Linux' `enum bpf_map_type`.
pub(crate) const BPF_MAP_TYPE_HASH: u32 = 1;
/// Linux' `enum bpf_map_type`.
pub(crate) const BPF_MAP_TYPE_LRU_HASH: u32 = 9;
/// Memory is taken as entries come.
pub(crate) const BPF_F_NO_PREALLOC: u32 = 1;

const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_MAP_LOOKUP_ELEM: libc::c_long = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_long = 2;
const BPF_MAP_DELETE_ELEM: libc::c_long = 3;
const BPF_OBJ_GET: libc::c_long = 7;
const BPF_PROG_TEST_RUN: libc::c_long = 10;
const BPF_MAP_GET_FD_BY_ID: libc::c_long = 14;
const BPF_MAP_LOOKUP_BATCH: libc::c_long = 24;
const BPF_MAP_UPDATE_BATCH: libc::c_long = 26;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const BPF_ANY: u64 = 0;
const BPF_NOEXIST: u64 = 1;

/// What becomes of an entry that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// It is replaced.
    Always,
    /// It stays.
    IfAbsent,
}

/// The interface index that the tcx link pinned at `path` is attached to, or 0 when its device is gone.
///
/// aya knows links, but gives neither their descriptors nor this part of their information out.
pub(crate) fn tcx_link_ifindex(path: &Path) -> io::Result<u32> {
    let link = open_pin(path)?;
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

/// A descriptor of what is pinned at `path`.
pub(crate) fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let get = ObjectGet {
        path: path.as_ptr() as u64,
        fd: 0,
        flags: 0,
    };
    // SAFETY: `get` and the path it points to live through the call.
    let fd = unsafe { bpf(BPF_OBJ_GET, &get)? };
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Bytes of a map's keys and values.
pub(crate) fn entry_sizes(map: BorrowedFd<'_>) -> io::Result<(usize, usize)> {
    let mut info = MapInfo::default();
    let attributes = InfoByFd {
        fd: map.as_raw_fd() as u32,
        length: size_of::<MapInfo>() as u32,
        info: (&raw mut info) as u64,
    };
    // SAFETY: `attributes` and the `info` it points to live through the call and have the sizes given.
    unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes)? };
    Ok((info.key_size as usize, info.value_size as usize))
}

/// Entries asked for by one call; a hash map's bucket must fit.
const BATCH: usize = 1_024;

/// Where a walk through a map has come to; at first nowhere.
#[derive(Debug, Default)]
pub(crate) struct Position(Option<Vec<u8>>);

/// The next entries of a walk through a map, at most [`BATCH`]; whether those were the last. Entries that change meanwhile may be
/// missing or there twice.
pub(crate) fn lookup_next<K: Plain, V: Plain>(
    map: BorrowedFd<'_>,
    position: &mut Position,
    entries: &mut Vec<(K, V)>,
) -> io::Result<bool> {
    let mut keys = Vec::<K>::with_capacity(BATCH);
    let mut values = Vec::<V>::with_capacity(BATCH);
    // A key or, in hash maps, a bucket's number.
    let mut next_position = vec![0_u8; size_of::<K>().max(size_of::<u32>())];
    let attributes = Batch {
        in_batch: position.0.as_ref().map_or(0, |bytes| bytes.as_ptr() as u64),
        out_batch: next_position.as_mut_ptr() as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: BATCH as u32,
        map_fd: map.as_raw_fd() as u32,
        element_flags: 0,
        flags: 0,
    };
    // The kernel writes the count back into the attributes.
    let attributes = UnsafeCell::new(attributes);
    // SAFETY: all buffers live through the call and have room for what is asked for.
    let result = unsafe { bpf(BPF_MAP_LOOKUP_BATCH, &attributes) };
    let ended = match result {
        Ok(_) => false,
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
        Err(error) => return Err(error),
    };
    let found = (attributes.into_inner().count as usize).min(BATCH);
    // SAFETY: the kernel has written so many, within the capacity, and any bytes are a `Plain` value.
    unsafe {
        keys.set_len(found);
        values.set_len(found);
    }
    entries.extend(keys.into_iter().zip(values));
    position.0 = Some(next_position);
    Ok(ended)
}

/// All entries of the array, hash map or trie behind `map`, by few system calls instead of two for each entry.
///
/// `K` and `V` must be what the map was made with: the kernel writes their sizes.
pub(crate) fn lookup_all<K: Plain, V: Plain>(map: BorrowedFd<'_>) -> io::Result<Vec<(K, V)>> {
    let (mut entries, mut position) = (Vec::new(), Position::default());
    while !lookup_next(map, &mut position, &mut entries)? {}
    Ok(entries)
}

/// The bytes of plain values, one behind the other.
pub(crate) fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: a `Plain` value has no padding, so that all its bytes are initialized, and `u8` needs no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// A map of its own, which lives as long as something holds it.
pub(crate) fn create_map(map: &NewMap) -> io::Result<OwnedFd> {
    // SAFETY: `map` has no pointers.
    let fd = unsafe { bpf(BPF_MAP_CREATE, map)? };
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Puts each of `inner` at its index of the array of maps `outer`, in place of what is there. One call, since the kernel
/// waits for all running programs after each (`maybe_wait_bpf_programs`: a grace period, 10 to 20 ms). After an error some
/// may be in place.
pub(crate) fn put_inner_maps(outer: BorrowedFd<'_>, inner: &[(u32, OwnedFd)]) -> io::Result<()> {
    let keys: Vec<u32> = inner.iter().map(|(index, _)| *index).collect();
    let values: Vec<u32> = inner
        .iter()
        .map(|(_, map)| map.as_raw_fd() as u32)
        .collect();
    let attributes = UnsafeCell::new(Batch {
        in_batch: 0,
        out_batch: 0,
        keys: keys.as_ptr() as u64,
        values: values.as_ptr() as u64,
        count: inner.len() as u32,
        map_fd: outer.as_raw_fd() as u32,
        element_flags: 0,
        flags: 0,
    });
    // SAFETY: keys and values live through the call; those of an array of maps are of 32 bits. The kernel writes only the
    // count, back into the attributes.
    unsafe { bpf(BPF_MAP_UPDATE_BATCH, &attributes) }.map(drop)
}

/// The number that the kernel has given the map at `index` of the array of maps `outer`.
pub(crate) fn inner_map_identifier(outer: BorrowedFd<'_>, index: u32) -> io::Result<Option<u32>> {
    let mut identifier = 0_u32;
    let attributes = Element {
        value: (&raw mut identifier) as u64,
        ..Element::of(outer, &index)
    };
    // SAFETY: key and value live through the call; those of an array of maps are of 32 bits.
    match unsafe { bpf(BPF_MAP_LOOKUP_ELEM, &attributes) } {
        Ok(_) => Ok(Some(identifier)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A descriptor of the map of this number.
pub(crate) fn map_by_identifier(id: u32) -> io::Result<OwnedFd> {
    let attributes = ById {
        id,
        next_id: 0,
        open_flags: 0,
    };
    // SAFETY: `attributes` has no pointers.
    let fd = unsafe { bpf(BPF_MAP_GET_FD_BY_ID, &attributes)? };
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds an entry, unless it is there and is to stay. `K` and `V` must be what the map was made with: the kernel reads their
/// sizes.
pub(crate) fn insert<K: Plain, V: Plain>(
    map: BorrowedFd<'_>,
    key: &K,
    value: &V,
    insertion: Insertion,
) -> io::Result<()> {
    let value: *const V = value;
    let attributes = Element {
        value: value as u64,
        flags: match insertion {
            Insertion::Always => BPF_ANY,
            Insertion::IfAbsent => BPF_NOEXIST,
        },
        ..Element::of(map, key)
    };
    // SAFETY: key and value live through the call and are of the map's sizes.
    match unsafe { bpf(BPF_MAP_UPDATE_ELEM, &attributes) } {
        Err(error)
            if insertion == Insertion::IfAbsent && error.kind() == io::ErrorKind::AlreadyExists => {
        }
        result => {
            result?;
        }
    }
    Ok(())
}

/// Removes one entry. `K` must be what the map was made with.
pub(crate) fn delete<K: Plain>(map: BorrowedFd<'_>, key: &K) -> io::Result<()> {
    // SAFETY: the key lives through the call and is of the map's size.
    unsafe { bpf(BPF_MAP_DELETE_ELEM, &Element::of(map, key))? };
    Ok(())
}

/// `CLOCK_MONOTONIC`, as the program reads it.
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` lives through the call. It cannot fail: the clock is there on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Runs a program once on a frame in the context of a `struct __sk_buff`; what it returned.
pub(crate) fn test_run(program: BorrowedFd<'_>, frame: &[u8], context: &[u8]) -> io::Result<u32> {
    let attributes = UnsafeCell::new(TestRun {
        program_fd: program.as_raw_fd() as u32,
        return_value: 0,
        data_size_in: frame.len() as u32,
        data_size_out: 0,
        data_in: frame.as_ptr() as u64,
        data_out: 0,
        repeat: 1,
        duration: 0,
        context_size_in: context.len() as u32,
        context_size_out: 0,
        context_in: context.as_ptr() as u64,
        context_out: 0,
        flags: 0,
        cpu: 0,
        batch_size: 0,
        padding: 0,
    });
    // SAFETY: frame and context live through the call and have the sizes given. The kernel writes only into the attributes.
    unsafe { bpf(BPF_PROG_TEST_RUN, &attributes)? };
    Ok(attributes.into_inner().return_value)
}

impl Element {
    fn of<K: Plain>(map: BorrowedFd<'_>, key: &K) -> Self {
        let key: *const K = key;
        Self {
            map_fd: map.as_raw_fd() as u32,
            padding: 0,
            key: key as u64,
            value: 0,
            flags: 0,
        }
    }
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
