//! The meaning of a packet: one pipeline, run by every data plane.
#![no_std]
#![forbid(unsafe_code)]
