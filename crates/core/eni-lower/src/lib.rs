//! From the model's world to data-plane tables and devices.
#![no_std]
#![forbid(unsafe_code)]
