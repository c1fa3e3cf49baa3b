//! VPCs.

pub(crate) mod contents;
mod create;
mod description;

pub use create::{CreateVpc, CreateVpcResponse};
pub use description::VpcDescription;
