//! Loads, pins and attaches the eBPF program; reads and writes its maps.
