//! Hints to [`Wanted`], [`Offer`] to `fi_info`.

use crate::address_vector::ADDRESS;
use crate::buffer::STRETCHES;
use crate::limits_of_domain as limits;
use crate::offer::{CONTEXTS, INJECT, MAX_MESSAGE, MESSAGE_ORDER, Offer, Wanted};
use eni_libfabric_sys as fi;
use std::ffi::{CStr, CString};
use std::os::raw::c_char;

/// Bytes behind every structure: a newer libfabric copies as many as its own, longer structure has.
const SLACK: usize = 512;

/// A structure of libfabric's, zeroed, for libfabric to `free`.
///
/// # Safety
/// All zeros is a `T`.
unsafe fn zeroed<T>() -> *mut T {
    // SAFETY: any size can be asked for. Without memory nothing below can go on, so the process ends like on any
    // failed allocation of Rust's.
    let memory = unsafe { libc::calloc(1, size_of::<T>() + SLACK) };
    if memory.is_null() {
        std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>());
    }
    memory.cast()
}

/// Text for libfabric to `free`.
fn duplicate(text: &str) -> *mut c_char {
    let text = CString::new(text).unwrap_or_default();
    // SAFETY: `text` ends with a zero.
    unsafe { libc::strdup(text.as_ptr()) }
}

/// # Safety
/// `text` is null or ends with a zero.
unsafe fn owned(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller promises the zero.
    Some(
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned(),
    )
}

/// What a program's hints say.
///
/// # Safety
/// `hints` is null or points at a complete `fi_info` of at least this provider's libfabric.
pub(in super::super) unsafe fn read(hints: *const fi::fi_info) -> Wanted {
    let mut wanted = Wanted::default();
    // SAFETY: all pointers are null or complete, as the caller promises.
    unsafe {
        let Some(hints) = hints.as_ref() else {
            return wanted;
        };
        wanted.capabilities = hints.caps;
        wanted.address_format = hints.addr_format;
        if let Some(endpoint) = hints.ep_attr.as_ref() {
            wanted.endpoint_type = endpoint.type_;
            wanted.protocol = endpoint.protocol;
            wanted.message_length = endpoint.max_msg_size;
            let shared = fi::FI_SHARED_CONTEXT as usize;
            wanted.shared_contexts = endpoint.tx_ctx_cnt == shared || endpoint.rx_ctx_cnt == shared;
        }
        if let Some(fabric) = hints.fabric_attr.as_ref() {
            wanted.fabric = owned(fabric.name);
        }
        if let Some(domain) = hints.domain_attr.as_ref() {
            wanted.domain = owned(domain.name);
            wanted.threading = domain.threading;
            wanted.data_progress = domain.data_progress;
            wanted.address_vector = domain.av_type;
            wanted.region_mode = domain.mr_mode.unsigned_abs();
            wanted.data_length = domain.cq_data_size;
        }
        if let Some(transmit) = hints.tx_attr.as_ref() {
            wanted.transmit_capabilities = transmit.caps;
            wanted.transmit_flags = transmit.op_flags;
            wanted.message_order |= transmit.msg_order;
            wanted.completion_order |= transmit.comp_order;
            wanted.inject = transmit.inject_size;
            wanted.stretches = transmit.iov_limit;
            wanted.remote_stretches = transmit.rma_iov_limit;
        }
        if let Some(receive) = hints.rx_attr.as_ref() {
            wanted.receive_capabilities = receive.caps;
            wanted.receive_flags = receive.op_flags;
            wanted.message_order |= receive.msg_order;
            wanted.completion_order |= receive.comp_order;
            wanted.stretches = wanted.stretches.max(receive.iov_limit);
        }
    }
    wanted
}

/// An `fi_info` for libfabric, which frees it part by part with `free`.
pub(in super::super) fn write(offer: &Offer, domain: &str, fabric: &str) -> *mut fi::fi_info {
    // SAFETY: all of these are integers and pointers, so zeros are valid; each points at fresh memory.
    unsafe {
        let info: *mut fi::fi_info = zeroed();
        *info = fi::fi_info {
            caps: offer.capabilities,
            addr_format: fi::FI_FORMAT_UNSPEC,
            tx_attr: zeroed(),
            rx_attr: zeroed(),
            ep_attr: zeroed(),
            domain_attr: zeroed(),
            fabric_attr: zeroed(),
            ..fi::fi_info::default()
        };
        *(*info).tx_attr = fi::fi_tx_attr {
            caps: offer.transmit_capabilities,
            op_flags: offer.transmit_flags,
            msg_order: MESSAGE_ORDER,
            inject_size: INJECT,
            size: CONTEXTS,
            iov_limit: STRETCHES,
            rma_iov_limit: 1,
            ..fi::fi_tx_attr::default()
        };
        *(*info).rx_attr = fi::fi_rx_attr {
            caps: offer.receive_capabilities,
            op_flags: offer.receive_flags,
            msg_order: MESSAGE_ORDER,
            size: CONTEXTS,
            iov_limit: STRETCHES,
            ..fi::fi_rx_attr::default()
        };
        *(*info).ep_attr = endpoint_attributes();
        *(*info).domain_attr = domain_attributes(offer, domain);
        // libfabric itself fills in the provider's name and version.
        *(*info).fabric_attr = fi::fi_fabric_attr {
            name: duplicate(fabric),
            ..fi::fi_fabric_attr::default()
        };
        info
    }
}

fn endpoint_attributes() -> fi::fi_ep_attr {
    fi::fi_ep_attr {
        type_: fi::FI_EP_RDM,
        protocol: fi::FI_PROTO_UNSPEC,
        protocol_version: 1,
        max_msg_size: MAX_MESSAGE,
        // All bits of a tag are the program's.
        mem_tag_format: u64::MAX / 3 * 2,
        tx_ctx_cnt: 1,
        rx_ctx_cnt: 1,
        ..fi::fi_ep_attr::default()
    }
}

fn domain_attributes(offer: &Offer, name: &str) -> fi::fi_domain_attr {
    fi::fi_domain_attr {
        name: duplicate(name),
        threading: offer.threading,
        control_progress: fi::FI_PROGRESS_AUTO,
        data_progress: fi::FI_PROGRESS_MANUAL,
        resource_mgmt: fi::FI_RM_ENABLED,
        av_type: offer.address_vector,
        mr_mode: offer.region_mode.cast_signed(),
        mr_key_size: size_of::<u64>(),
        cq_data_size: size_of::<u64>(),
        cq_cnt: limits::QUEUES,
        ep_cnt: limits::ENDPOINTS,
        tx_ctx_cnt: limits::ENDPOINTS,
        rx_ctx_cnt: limits::ENDPOINTS,
        max_ep_tx_ctx: 1,
        max_ep_rx_ctx: 1,
        cntr_cnt: limits::COUNTERS,
        mr_iov_limit: 1,
        caps: fi::FI_LOCAL_COMM | fi::FI_REMOTE_COMM,
        mr_cnt: eni_efa_messaging::limits::REGIONS,
        ..fi::fi_domain_attr::default()
    }
}

const _: () = assert!(
    ADDRESS <= 64,
    "Open MPI's mtl/ofi keeps addresses in 64 bytes"
);
