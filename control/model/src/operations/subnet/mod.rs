//! Subnets.

mod attribute;
mod create;
mod default;
mod delete;
mod describe;
mod description;
#[cfg(test)]
mod tests;
