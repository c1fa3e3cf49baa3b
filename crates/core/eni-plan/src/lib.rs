//! Desired against observed: the ordered steps between them.
#![no_std]
#![forbid(unsafe_code)]
