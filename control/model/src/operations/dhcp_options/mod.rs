//! Sets of DHCP options.

mod associate;
mod create;
mod delete;
mod describe;
#[cfg(test)]
mod tests;

pub(crate) use associate::NO_SET;
