//! Devices, opening them, and what they say of themselves.

pub(crate) mod sys;

use eni_efa_client::DeviceAttributes;
use eni_efa_device as efa;

/// PCI vendor Amazon.
pub(crate) const VENDOR: u32 = 0x1d0f;
/// PCI device of the second generation of EFA.
pub(crate) const DEVICE: u32 = 0xefa1;
/// The only port.
pub(crate) const PORT: u8 = 1;
/// Pages of memory that can be registered: any of 4 KiB and larger.
pub(crate) const PAGE_SIZES: u64 = 0xffff_f000;
/// Queue pair numbers have 16 bits. libfabric's provider looks queue pairs up by the low bits of their number, as many
/// as `max_qp` has; a smaller number would let two queue pairs of one program meet.
pub(crate) const QUEUE_PAIR_NUMBERS: i32 = 1 << 16;

/// A count of the model as libibverbs says it.
pub(crate) fn count(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

/// Largest datagram of a device.
pub(crate) fn max_transfer(attributes: &DeviceAttributes) -> u32 {
    attributes.max_transfer.min(efa::MAX_TRANSFER)
}

/// `EFADV_DEVICE_ATTR_CAPS_RDMA_WRITE`, which the headers of rdma-core 44 do not have yet.
const RDMA_WRITE: u32 = 1 << 3;

/// What the device can, as `efadv_device_attr.device_caps`.
pub(crate) fn capabilities() -> u32 {
    use crate::bindings::{
        EFADV_DEVICE_ATTR_CAPS_CQ_WITH_SGID, EFADV_DEVICE_ATTR_CAPS_RDMA_READ,
        EFADV_DEVICE_ATTR_CAPS_RNR_RETRY,
    };
    EFADV_DEVICE_ATTR_CAPS_RDMA_READ
        | EFADV_DEVICE_ATTR_CAPS_RNR_RETRY
        | EFADV_DEVICE_ATTR_CAPS_CQ_WITH_SGID
        | RDMA_WRITE
}
