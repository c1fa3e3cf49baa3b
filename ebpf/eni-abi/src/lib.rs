//! The layouts shared by the pipeline, the eBPF maps and the lowering.
#![no_std]
#![forbid(unsafe_code)]
