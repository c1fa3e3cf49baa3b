//! VPCs.

pub(crate) mod contents;
mod create;
mod default;
mod description;

pub use create::{CreateVpc, CreateVpcResponse};
pub use default::{CreateDefaultVpc, CreateDefaultVpcResponse};
pub(crate) use default::{DefaultVpc, default_blocks, default_subnet};
pub use description::VpcDescription;
