//! Internet gateways.

mod attachment;
mod create;
mod describe;
#[cfg(test)]
mod tests;
