//! VPC peering connections.

mod answer;
mod create;
mod describe;
#[cfg(test)]
mod tests;
