//! Hosts for programs that use EFA: what this package's program and its tests share.
#![forbid(unsafe_code)]

pub mod environment;
pub mod place;
