//! Elastic IP addresses, and public addresses lent at launch.

pub(crate) mod pool;
