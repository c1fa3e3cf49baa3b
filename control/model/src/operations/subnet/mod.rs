//! Subnets.

mod attribute;
mod cidr_block;
mod create;
mod default;
mod delete;
mod describe;
#[cfg(test)]
mod tests;
