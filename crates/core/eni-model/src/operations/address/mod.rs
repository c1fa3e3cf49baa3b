//! Elastic IP addresses, and public addresses lent at launch.

pub(crate) mod pool;
pub(crate) mod release;
