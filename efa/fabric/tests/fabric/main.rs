//! The service with programs around it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod endings;
mod forged;
mod killed;
mod namespaces;
mod one_host;
mod support;
mod two_hosts;
