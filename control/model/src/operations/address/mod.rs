//! Elastic IP addresses, and public addresses lent at launch.

mod allocate;
mod association;
mod describe;
mod named;
pub(crate) mod pool;
pub(crate) mod release;
#[cfg(test)]
mod tests;

/// The domain of every address since EC2 has VPCs only.
const DOMAIN: &str = "vpc";
/// EC2's name for its own pool of addresses.
const AMAZON_POOL: &str = "amazon";
