//! VPCs.

mod attribute;
mod classic_link;
pub(crate) mod contents;
mod create;
mod default;
mod delete;
mod describe;
mod description;
#[cfg(test)]
mod tests;

pub use attribute::{DescribeVpcAttribute, DescribeVpcAttributeResponse, ModifyVpcAttribute};
pub use classic_link::{
    DescribeVpcClassicLink, DescribeVpcClassicLinkDnsSupport, DisableVpcClassicLink,
    DisableVpcClassicLinkDnsSupport, EnableVpcClassicLink, EnableVpcClassicLinkDnsSupport,
};
pub(crate) use create::no_block;
pub use create::{CreateVpc, CreateVpcResponse};
pub use default::{CreateDefaultVpc, CreateDefaultVpcResponse};
pub(crate) use default::{DefaultVpc, default_blocks, default_subnet};
pub use delete::DeleteVpc;
pub use describe::{DescribeVpcs, DescribeVpcsResponse};
pub(crate) use description::BlockPublicAccessStates;
pub use description::VpcDescription;
