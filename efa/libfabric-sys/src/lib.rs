//! libfabric's types and numbers, and the few of its functions that are not inline in its headers, as bindgen reads
//! them on this machine. Nothing is linked: who calls a function links libfabric.
#![allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unnecessary_transmutes,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    reason = "generated"
)]

include!(concat!(env!("OUT_DIR"), "/libfabric.rs"));
