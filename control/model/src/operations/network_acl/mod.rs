//! Network ACLs, their entries and their associations.

mod association;
mod create;
mod delete;
mod describe;
mod description;
mod entry;
#[cfg(test)]
mod tests;

pub use association::{ReplaceNetworkAclAssociation, ReplaceNetworkAclAssociationResponse};
pub use create::{CreateNetworkAcl, CreateNetworkAclResponse};
pub use delete::DeleteNetworkAcl;
pub use describe::{DescribeNetworkAcls, DescribeNetworkAclsResponse};
pub use description::NetworkAclDescription;
pub use entry::{
    CreateNetworkAclEntry, DeleteNetworkAclEntry, IcmpParameters, NetworkAclEntryParameters,
    PortRangeParameters, ReplaceNetworkAclEntry,
};
