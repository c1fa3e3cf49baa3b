//! Subnets.

mod attribute;
mod create;
mod default;
mod delete;
mod describe;
mod description;
#[cfg(test)]
mod tests;

pub use attribute::ModifySubnetAttribute;
pub use create::{CreateSubnet, CreateSubnetResponse};
pub use default::CreateDefaultSubnet;
pub use delete::DeleteSubnet;
pub use describe::{DescribeSubnets, DescribeSubnetsResponse};
pub use description::SubnetDescription;
