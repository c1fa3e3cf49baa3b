//! The faces under libfabric's own programs, under MPI, and when something dies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hosts;
mod provider;
mod support;
