//! Views of packet headers.
//!
//! Every header is an array of 16-bit words in network byte order: all fields that matter start at even offsets, arrays
//! of a known length are indexed by constants (no panic path, which BPF could not carry), and two-byte alignment is what
//! a frame in kernel memory really has.
//!
//! Promises: no allocation, no panic, no unsafe; a view never reads past its words.
#![no_std]
#![forbid(unsafe_code)]

mod address;

pub use address::{Ipv4, Mac, Port};
