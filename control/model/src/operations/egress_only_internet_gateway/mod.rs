//! Egress-only internet gateways.

mod create;
mod describe;
#[cfg(test)]
mod tests;
