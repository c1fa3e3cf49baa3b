//! The functions of address vectors.

use super::{ADDRESS, AddressVector, from_bytes};
use crate::domain::Domain;
use crate::domain::sys::domain_of;
use crate::endpoint::NO_ADDRESS;
use crate::fid::negative;
use crate::fid::sys::{Table, give, head, no_control, table, take};
use eni_libfabric_sys as fi;
use std::os::raw::{c_char, c_int, c_void};
use std::sync::Arc;

/// An address vector as libfabric sees it.
#[repr(C)]
pub(crate) struct AddressVectorObject {
    head: fi::fid_av,
    domain: Arc<Domain>,
    pub(crate) number: usize,
}

static TABLE: Table<fi::fi_ops> = table(close, bind, no_control);

static OPERATIONS: Table<fi::fi_ops_av> = Table::new(fi::fi_ops_av {
    size: size_of::<fi::fi_ops_av>(),
    insert: Some(insert),
    insertsvc: Some(no_insertsvc),
    insertsym: Some(no_insertsym),
    remove: Some(remove),
    lookup: Some(lookup),
    straddr: Some(straddr),
    av_set: Some(no_set),
});

pub(crate) unsafe extern "C" fn av_open(
    domain: *mut fi::fid_domain,
    attributes: *mut fi::fi_av_attr,
    out: *mut *mut fi::fid_av,
    context: *mut c_void,
) -> c_int {
    // SAFETY: libfabric hands in a domain of this provider and complete attributes.
    let (domain, attributes) = unsafe { (domain_of(domain), &mut *attributes) };
    // Not by several processes under a name, not with events, not for several receive contexts.
    if !attributes.name.is_null()
        || attributes.flags & fi::FI_EVENT != 0
        || attributes.rx_ctx_bits != 0
    {
        return negative(libc::ENOSYS);
    }
    if attributes.type_ == fi::FI_AV_UNSPEC {
        attributes.type_ = fi::FI_AV_TABLE;
    }
    let number = domain.lock().vectors.insert(AddressVector::default());
    let object = AddressVectorObject {
        head: fi::fid_av {
            fid: head(fi::FI_CLASS_AV, context, &TABLE),
            ops: OPERATIONS.pointer(),
        },
        domain,
        number,
    };
    // SAFETY: libfabric asks for the object in `out`.
    unsafe { give(object, out) }
}

unsafe extern "C" fn close(handle: *mut fi::fid) -> c_int {
    // SAFETY: libfabric closes what `av_open` gave.
    let object = unsafe { take::<AddressVectorObject>(handle) };
    object.domain.lock().vectors.remove(object.number);
    0
}

/// An event queue may be bound; nothing is ever told through it.
unsafe extern "C" fn bind(_: *mut fi::fid, _: *mut fi::fid, _: u64) -> c_int {
    0
}

unsafe extern "C" fn insert(
    vector: *mut fi::fid_av,
    addresses: *const c_void,
    count: usize,
    numbers: *mut u64,
    flags: u64,
    errors: *mut c_void,
) -> c_int {
    // SAFETY: the program promises the vector.
    let object = unsafe { &*vector.cast::<AddressVectorObject>() };
    let mut state = object.domain.lock();
    let Some(vector) = state.vectors.get_mut(object.number) else {
        return negative(libc::EINVAL);
    };
    if addresses.is_null() && count > 0 {
        return negative(libc::EINVAL);
    }
    let mut inserted = 0;
    for index in 0..count {
        // SAFETY: the program promises `count` addresses.
        let bytes = unsafe { *addresses.cast::<[u8; ADDRESS]>().add(index) };
        let number = from_bytes(&bytes).and_then(|peer| vector.insert(peer));
        inserted += c_int::from(number.is_some());
        // SAFETY: the program promises room for `count` numbers, and for as many errors if it asks for them.
        unsafe {
            if !numbers.is_null() {
                *numbers.add(index) = number.unwrap_or(NO_ADDRESS);
            }
            if flags & fi::FI_SYNC_ERR != 0 {
                *errors.cast::<c_int>().add(index) =
                    if number.is_some() { 0 } else { libc::EINVAL };
            }
        }
    }
    inserted
}

unsafe extern "C" fn remove(
    vector: *mut fi::fid_av,
    numbers: *mut u64,
    count: usize,
    _flags: u64,
) -> c_int {
    // SAFETY: the program promises the vector.
    let object = unsafe { &*vector.cast::<AddressVectorObject>() };
    let mut state = object.domain.lock();
    let mut code = 0;
    for index in 0..count {
        // SAFETY: the program promises `count` numbers.
        let number = unsafe { *numbers.add(index) };
        let removed = state
            .vectors
            .get_mut(object.number)
            .and_then(|vector| vector.remove(number));
        if removed.is_none() {
            code = negative(libc::EINVAL);
            continue;
        }
        for endpoint in state.endpoints.iter_mut() {
            if endpoint.vector == Some(object.number) {
                endpoint.forget(number);
            }
        }
    }
    code
}

unsafe extern "C" fn lookup(
    vector: *mut fi::fid_av,
    number: u64,
    target: *mut c_void,
    length: *mut usize,
) -> c_int {
    // SAFETY: the program promises the vector.
    let object = unsafe { &*vector.cast::<AddressVectorObject>() };
    let state = object.domain.lock();
    let Some(peer) = state
        .vectors
        .get(object.number)
        .and_then(|vector| vector.peer(number))
    else {
        return negative(libc::EINVAL);
    };
    let bytes = super::to_bytes(peer);
    // SAFETY: the program promises `length` bytes at `target`.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), target.cast(), ADDRESS.min(*length));
        *length = ADDRESS;
    }
    0
}

unsafe extern "C" fn straddr(
    _: *mut fi::fid_av,
    address: *const c_void,
    target: *mut c_char,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: the program promises an address, and `length` bytes at `target`.
    unsafe {
        let text = match from_bytes(&*address.cast::<[u8; ADDRESS]>()) {
            Some(peer) => format!("openeni://[{}]:{}\0", peer.gid, peer.queue_pair),
            None => "openeni://?\0".to_owned(),
        };
        let fits = text.len().min(*length);
        if fits > 0 {
            std::ptr::copy_nonoverlapping(text.as_ptr(), target.cast(), fits);
            *target.add(fits - 1) = 0;
        }
        *length = text.len();
    }
    target
}

unsafe extern "C" fn no_insertsvc(
    _: *mut fi::fid_av,
    _: *const c_char,
    _: *const c_char,
    _: *mut u64,
    _: u64,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_insertsym(
    _: *mut fi::fid_av,
    _: *const c_char,
    _: usize,
    _: *const c_char,
    _: usize,
    _: *mut u64,
    _: u64,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}

unsafe extern "C" fn no_set(
    _: *mut fi::fid_av,
    _: *mut fi::fi_av_set_attr,
    _: *mut *mut fi::fid_av_set,
    _: *mut c_void,
) -> c_int {
    negative(libc::ENOSYS)
}
