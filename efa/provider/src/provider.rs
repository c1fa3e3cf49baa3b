//! The provider's entry, `fi_getinfo`, and fabrics.

mod info;
pub(crate) mod sys;

/// The provider's name.
pub(crate) const NAME: &std::ffi::CStr = c"openeni";
/// The provider's own version, 1.0, in libfabric's encoding.
const VERSION: u32 = 1 << 16;
/// The interface that it was written against, 2.6: libfabric asks only that it is not older than what programs want.
const INTERFACE: u32 = (2 << 16) | 6;

/// The name of the fabric that a device's subnet makes up.
pub(crate) fn fabric_name(subnet: &str) -> String {
    format!("openeni-{subnet}")
}
