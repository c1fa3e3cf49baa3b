//! The service with programs around it.

mod endings;
mod forged;
mod one_host;
mod support;
mod two_hosts;
