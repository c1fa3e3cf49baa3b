//! VPC endpoints.

mod create;
mod delete;
mod describe;
mod modify;
mod place;
#[cfg(test)]
mod tests;
