//! VPC peering connections.

mod answer;
mod create;
mod describe;
mod options;
#[cfg(test)]
mod tests;
