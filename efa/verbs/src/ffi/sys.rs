//! Exports, `errno` and strings.

use libc::{c_char, c_int};
use std::ffi::CStr;

/// Defines functions that the library exports under a symbol version of libibverbs or libefa. After the body's type
/// stands what the function gives should the body panic.
///
/// A test's executable is linked without the version script and exports nothing.
macro_rules! export {
    ($(
        $version:literal
        unsafe fn $name:ident($($argument:ident: $kind:ty),* $(,)?) -> $result:ty, else $fallback:expr;
        $body:block
    )*) => {$(
        #[cfg(not(test))]
        core::arch::global_asm!(concat!(
            ".symver openeni_", stringify!($name), ", ", stringify!($name), "@@", $version
        ));

        #[unsafe(export_name = concat!("openeni_", stringify!($name)))]
        pub(crate) unsafe extern "C" fn $name($($argument: $kind),*) -> $result {
            $crate::ffi::guard($fallback, || $body)
        }
    )*};
}
pub(crate) use export;

pub(crate) fn set_errno(errno: c_int) {
    // SAFETY: the location is the calling thread's own.
    unsafe { *libc::__errno_location() = errno };
}

/// Copies text and its final zero, cut where the field ends.
pub(crate) fn set_text(field: &mut [c_char], text: &str) {
    let room = field.len().saturating_sub(1);
    for (place, byte) in field.iter_mut().zip(text.bytes().take(room).chain([0])) {
        *place = byte as c_char;
    }
}

/// A program's string, if it is one.
///
/// # Safety
/// `text` is null or points to a string that ends and outlives the result's use.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller promises that it ends.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}
