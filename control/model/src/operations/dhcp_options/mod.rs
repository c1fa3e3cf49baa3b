//! Sets of DHCP options.

mod describe;
#[cfg(test)]
mod tests;

pub(crate) use describe::check_known;
