//! Sets of DHCP options.

mod create;
mod describe;
#[cfg(test)]
mod tests;
