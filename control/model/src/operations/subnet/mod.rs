//! Subnets.

mod attribute;
mod create;
mod default;
mod delete;
mod describe;
#[cfg(test)]
mod tests;
