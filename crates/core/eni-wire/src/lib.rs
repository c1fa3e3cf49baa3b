//! Views of packet headers.
#![no_std]
#![forbid(unsafe_code)]
