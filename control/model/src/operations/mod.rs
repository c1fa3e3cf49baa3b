//! One module for each family of operations.
//!
//! An operation is registered by its name in [`for_each_operation!`](crate::for_each_operation) and its re-export here.

pub mod account_setting;
pub mod address;
mod attribute;
pub(crate) mod claims;
mod dependency;
pub mod dhcp_options;
pub mod empty_family;
#[cfg(test)]
mod filter_tests;
pub mod image;
pub mod instance;
pub mod instance_type;
pub mod internet_gateway;
mod inventory;
pub mod key_pair;
pub(crate) mod lookup;
pub mod network_acl;
pub mod network_interface;
#[cfg(test)]
mod order_tests;
pub mod prefix_list;
pub mod region;
#[cfg(test)]
mod request_tests;
pub mod route_table;
pub mod security_group;
pub mod subnet;
pub mod tag;
mod unsupported;
pub mod volume;
pub mod vpc;
pub mod vpc_endpoint_service;
mod zone;

pub use account_setting::{
    DescribeVpcBlockPublicAccessOptions, GetAllowedImagesSettings, GetEbsEncryptionByDefault,
    GetImageBlockPublicAccessState, GetInstanceMetadataDefaults, GetSerialConsoleAccessStatus,
    GetSnapshotBlockPublicAccessState,
};
pub use address::{
    AllocateAddress, AssociateAddress, DescribeAddresses, DescribeAddressesAttribute,
    DisassociateAddress, ReleaseAddress,
};
pub use dhcp_options::DescribeDhcpOptions;
pub use image::DescribeImages;
pub use instance::{
    DescribeInstanceAttribute, DescribeInstanceCreditSpecifications, DescribeInstanceStatus,
    DescribeInstances, GetConsoleOutput, ModifyInstanceAttribute, RebootInstances,
    ResetInstanceAttribute, RunInstances, StartInstances, StopInstances, TerminateInstances,
};
pub use instance_type::{DescribeInstanceTypeOfferings, DescribeInstanceTypes};
pub use internet_gateway::{
    AttachInternetGateway, CreateInternetGateway, DeleteInternetGateway, DescribeInternetGateways,
    DetachInternetGateway,
};
pub use key_pair::DescribeKeyPairs;
pub use network_acl::{
    CreateNetworkAcl, CreateNetworkAclEntry, DeleteNetworkAcl, DeleteNetworkAclEntry,
    DescribeNetworkAcls, ReplaceNetworkAclAssociation, ReplaceNetworkAclEntry,
};
pub use network_interface::{
    AssignPrivateIpAddresses, AttachNetworkInterface, CreateNetworkInterface,
    DeleteNetworkInterface, DescribeNetworkInterfaceAttribute, DescribeNetworkInterfaces,
    DetachNetworkInterface, ModifyNetworkInterfaceAttribute, ResetNetworkInterfaceAttribute,
    UnassignPrivateIpAddresses,
};
pub use prefix_list::{
    DescribeManagedPrefixLists, DescribePrefixLists, GetManagedPrefixListAssociations,
    GetManagedPrefixListEntries,
};
pub use region::{DescribeAccountAttributes, DescribeAvailabilityZones, DescribeRegions};
pub use route_table::{
    AssociateRouteTable, CreateRoute, CreateRouteTable, DeleteRoute, DeleteRouteTable,
    DescribeRouteTables, DisassociateRouteTable, ReplaceRoute, ReplaceRouteTableAssociation,
};
pub use security_group::{
    AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, CreateSecurityGroup,
    DeleteSecurityGroup, DescribeSecurityGroupReferences, DescribeSecurityGroupRules,
    DescribeSecurityGroups, GetSecurityGroupsForVpc, ModifySecurityGroupRules,
    RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
    UpdateSecurityGroupRuleDescriptionsEgress, UpdateSecurityGroupRuleDescriptionsIngress,
};
pub use subnet::{
    CreateDefaultSubnet, CreateSubnet, DeleteSubnet, DescribeSubnets, ModifySubnetAttribute,
};
pub use tag::{CreateTags, DeleteTags, DescribeTags};
pub use volume::{DescribeVolumeAttribute, DescribeVolumeStatus, DescribeVolumes};
pub use vpc::{
    CreateDefaultVpc, CreateVpc, DeleteVpc, DescribeVpcAttribute, DescribeVpcClassicLink,
    DescribeVpcClassicLinkDnsSupport, DescribeVpcs, DisableVpcClassicLink,
    DisableVpcClassicLinkDnsSupport, EnableVpcClassicLink, EnableVpcClassicLinkDnsSupport,
    ModifyVpcAttribute,
};
pub use vpc_endpoint_service::DescribeVpcEndpointServices;

/// Calls the macro `callback` with the request types of all operations, by name.
///
/// ```
/// macro_rules! names {
///     ($($operation:ident,)*) => { [$(stringify!($operation)),*] };
/// }
/// assert!(eni_model::for_each_operation!(names).contains(&"CreateVpc"));
/// ```
#[macro_export]
macro_rules! for_each_operation {
    ($callback:ident) => {
        $callback! {
            AllocateAddress,
            AssignPrivateIpAddresses,
            AssociateAddress,
            AssociateRouteTable,
            AttachInternetGateway,
            AttachNetworkInterface,
            AuthorizeSecurityGroupEgress,
            AuthorizeSecurityGroupIngress,
            CreateDefaultSubnet,
            CreateDefaultVpc,
            CreateInternetGateway,
            CreateNetworkAcl,
            CreateNetworkAclEntry,
            CreateNetworkInterface,
            CreateRoute,
            CreateRouteTable,
            CreateSecurityGroup,
            CreateSubnet,
            CreateTags,
            CreateVpc,
            DeleteInternetGateway,
            DeleteNetworkAcl,
            DeleteNetworkAclEntry,
            DeleteNetworkInterface,
            DeleteRoute,
            DeleteRouteTable,
            DeleteSecurityGroup,
            DeleteSubnet,
            DeleteTags,
            DeleteVpc,
            DescribeAccountAttributes,
            DescribeAddresses,
            DescribeAddressesAttribute,
            DescribeAvailabilityZones,
            DescribeDhcpOptions,
            DescribeImages,
            DescribeInstanceAttribute,
            DescribeInstanceCreditSpecifications,
            DescribeInstanceStatus,
            DescribeInstanceTypeOfferings,
            DescribeInstanceTypes,
            DescribeInstances,
            DescribeInternetGateways,
            DescribeKeyPairs,
            DescribeManagedPrefixLists,
            DescribeNetworkAcls,
            DescribeNetworkInterfaceAttribute,
            DescribeNetworkInterfaces,
            DescribePrefixLists,
            DescribeRegions,
            DescribeRouteTables,
            DescribeSecurityGroupReferences,
            DescribeSecurityGroupRules,
            DescribeSecurityGroups,
            DescribeSubnets,
            DescribeTags,
            DescribeVolumeAttribute,
            DescribeVolumeStatus,
            DescribeVolumes,
            DescribeVpcAttribute,
            DescribeVpcBlockPublicAccessOptions,
            DescribeVpcClassicLink,
            DescribeVpcClassicLinkDnsSupport,
            DescribeVpcEndpointServices,
            DescribeVpcs,
            DetachInternetGateway,
            DetachNetworkInterface,
            DisableVpcClassicLink,
            DisableVpcClassicLinkDnsSupport,
            DisassociateAddress,
            DisassociateRouteTable,
            EnableVpcClassicLink,
            EnableVpcClassicLinkDnsSupport,
            GetAllowedImagesSettings,
            GetConsoleOutput,
            GetEbsEncryptionByDefault,
            GetImageBlockPublicAccessState,
            GetInstanceMetadataDefaults,
            GetManagedPrefixListAssociations,
            GetManagedPrefixListEntries,
            GetSecurityGroupsForVpc,
            GetSerialConsoleAccessStatus,
            GetSnapshotBlockPublicAccessState,
            ModifyInstanceAttribute,
            ModifyNetworkInterfaceAttribute,
            ModifySecurityGroupRules,
            ModifySubnetAttribute,
            ModifyVpcAttribute,
            RebootInstances,
            ReleaseAddress,
            ReplaceNetworkAclAssociation,
            ReplaceNetworkAclEntry,
            ReplaceRoute,
            ReplaceRouteTableAssociation,
            ResetInstanceAttribute,
            ResetNetworkInterfaceAttribute,
            RevokeSecurityGroupEgress,
            RevokeSecurityGroupIngress,
            RunInstances,
            StartInstances,
            StopInstances,
            TerminateInstances,
            UnassignPrivateIpAddresses,
            UpdateSecurityGroupRuleDescriptionsEgress,
            UpdateSecurityGroupRuleDescriptionsIngress,
        }
    };
}
