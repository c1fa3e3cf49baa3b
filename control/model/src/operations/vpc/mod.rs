//! VPCs.

mod attribute;
#[cfg(test)]
mod block_tests;
mod cidr_block;
mod classic_link;
pub(crate) mod contents;
mod create;
mod default;
mod delete;
mod describe;
mod ipv6;
#[cfg(test)]
mod tests;

pub(crate) use create::no_block;
pub(crate) use default::{DefaultVpc, default_blocks, default_subnet};
