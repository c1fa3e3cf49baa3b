//! Internet gateways.

mod attachment;
mod create;
mod delete;
mod describe;
#[cfg(test)]
mod tests;
