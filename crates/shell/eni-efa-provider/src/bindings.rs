//! libfabric's types and numbers.
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
    clippy::too_many_lines,
    reason = "generated"
)]

include!(concat!(env!("OUT_DIR"), "/libfabric.rs"));
