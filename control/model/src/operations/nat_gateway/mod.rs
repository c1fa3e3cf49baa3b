//! NAT gateways.

mod address;
mod create;
mod delete;
mod describe;
#[cfg(test)]
mod tests;
