//! The rules of EC2 networking: a world, a request, a change set.
#![no_std]
#![forbid(unsafe_code)]
