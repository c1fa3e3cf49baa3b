//! Types that are their bytes.

/// A type without padding, pointers or invalid bit patterns: it may be copied to and from a map as bytes.
///
/// Sealed: the loader's only `unsafe` claim about layouts rests on this crate implementing it, checked at compile time.
pub trait Plain: Copy + 'static + sealed::Sealed {}

pub(crate) mod sealed {
    /// Keeps [`super::Plain`] to this crate.
    pub trait Sealed {}
}

/// Declares [`Plain`] for a `repr(C)` struct and proves at compile time that its fields leave no padding.
macro_rules! plain {
    ($($name:ident { $($field:ident : $type:ty),+ $(,)? })+) => {$(
        const _: () = {
            let bytes = 0 $(+ size_of::<$type>())+;
            assert!(size_of::<$name>() == bytes, "padding in a map layout");
            // Names every field: a field missing from the list above would not compile.
            #[allow(dead_code)]
            fn fields(value: &$name) {
                let $name { $($field),+ } = value;
                $(let _: &$type = $field;)+
            }
        };
        impl $crate::plain::sealed::Sealed for $name {}
        impl $crate::Plain for $name {}
    )+};
}
pub(crate) use plain;

impl sealed::Sealed for u32 {}
impl Plain for u32 {}
impl sealed::Sealed for u64 {}
impl Plain for u64 {}
impl sealed::Sealed for crate::Ipv4 {}
impl Plain for crate::Ipv4 {}
impl sealed::Sealed for crate::Address {}
impl Plain for crate::Address {}

/// The key of a longest-prefix-match trie: the first `prefix_length` bits of `data` count.
///
/// The same layout as the kernel's `struct bpf_lpm_trie_key_u8`. Each key type names the constructor that adds its
/// fixed fields' bits to the prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct LpmKey<K> {
    /// In bits, fixed fields included.
    pub prefix_length: u32,
    /// The fixed fields, then the prefix.
    pub data: K,
}

impl<K: Plain> sealed::Sealed for LpmKey<K> {}
impl<K: Plain> Plain for LpmKey<K> {}
