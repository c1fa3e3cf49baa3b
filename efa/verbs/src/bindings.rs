//! Structures and constants of `<infiniband/verbs.h>` and `<infiniband/efadv.h>`.
#![allow(
    missing_docs,
    dead_code,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unnecessary_transmutes,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    unsafe_op_in_unsafe_fn,
    reason = "generated"
)]

include!(concat!(env!("OUT_DIR"), "/verbs.rs"));
