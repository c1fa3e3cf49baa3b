//! Security groups and their rules.

mod authorize;
mod create;
mod delete;
mod describe;
mod describe_rules;
mod description;
mod descriptions;
pub(crate) mod membership;
mod modify;
mod named;
mod permission;
mod protocol;
mod references;
mod revoke;
mod rule;
#[cfg(test)]
mod tests;

pub use authorize::{
    AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, AuthorizeSecurityGroupResponse,
};
pub use create::{CreateSecurityGroup, CreateSecurityGroupResponse};
pub use delete::{DeleteSecurityGroup, DeleteSecurityGroupResponse};
pub use describe::{DescribeSecurityGroups, DescribeSecurityGroupsResponse};
pub use describe_rules::{DescribeSecurityGroupRules, DescribeSecurityGroupRulesResponse};
pub use description::{
    IpPermissionDescription, SecurityGroupDescription, SecurityGroupRuleDescription,
};
pub use descriptions::{
    SecurityGroupRuleDescriptionUpdate, UpdateSecurityGroupRuleDescriptionsEgress,
    UpdateSecurityGroupRuleDescriptionsIngress,
};
pub use modify::{ModifySecurityGroupRules, SecurityGroupRuleRequest, SecurityGroupRuleUpdate};
pub use permission::{
    IpPermission, IpRange, Ipv6Range, PermissionParameters, PrefixListId, UserIdGroupPair,
};
pub use references::{
    DescribeSecurityGroupReferences, DescribeSecurityGroupReferencesResponse,
    GetSecurityGroupsForVpc, GetSecurityGroupsForVpcResponse,
};
pub use revoke::{
    RevokeSecurityGroupEgress, RevokeSecurityGroupIngress, RevokeSecurityGroupResponse,
    RevokedSecurityGroupRule,
};
