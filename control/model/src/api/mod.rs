//! What the operations served are asked and answer, and the table of them.
//!
//! Written by `cargo xtask api` from the declarations in `control/model/api`.

pub(crate) mod account_setting;
pub(crate) mod address;
pub(crate) mod dhcp_options;
pub(crate) mod egress_only_internet_gateway;
pub(crate) mod iam_instance_profile;
pub(crate) mod iam_instance_profile_association;
pub(crate) mod iam_policy;
pub(crate) mod iam_role;
pub(crate) mod image;
pub(crate) mod instance;
pub(crate) mod instance_type;
pub(crate) mod internet_gateway;
pub(crate) mod key_pair;
pub(crate) mod nat_gateway;
pub(crate) mod network_acl;
pub(crate) mod network_interface;
pub(crate) mod prefix_list;
pub(crate) mod region;
pub(crate) mod route_table;
pub(crate) mod security_group;
pub(crate) mod subnet;
pub(crate) mod tag;
pub(crate) mod volume;
pub(crate) mod vpc;
pub(crate) mod vpc_endpoint;
pub(crate) mod vpc_endpoint_service;
pub(crate) mod vpc_peering_connection;

pub use account_setting::{
    DescribeVpcBlockPublicAccessOptions, GetAllowedImagesSettings, GetEbsEncryptionByDefault,
    GetImageBlockPublicAccessState, GetInstanceMetadataDefaults, GetSerialConsoleAccessStatus,
    GetSnapshotBlockPublicAccessState, ModifyInstanceMetadataDefaults,
};
pub use address::{
    AllocateAddress, AssociateAddress, DescribeAddresses, DescribeAddressesAttribute,
    DisassociateAddress, ReleaseAddress,
};
pub use dhcp_options::{
    AssociateDhcpOptions, CreateDhcpOptions, DeleteDhcpOptions, DescribeDhcpOptions,
};
pub use egress_only_internet_gateway::{
    CreateEgressOnlyInternetGateway, DeleteEgressOnlyInternetGateway,
    DescribeEgressOnlyInternetGateways,
};
pub use iam_instance_profile::{
    CreateInstanceProfile, DeleteInstanceProfile, GetInstanceProfile, ListInstanceProfileTags,
    ListInstanceProfiles, TagInstanceProfile, UntagInstanceProfile,
};
pub use iam_instance_profile_association::{
    AssociateIamInstanceProfile, DescribeIamInstanceProfileAssociations,
    DisassociateIamInstanceProfile, ReplaceIamInstanceProfileAssociation,
};
pub use iam_policy::{
    CreatePolicy, CreatePolicyVersion, DeletePolicy, DeletePolicyVersion, GetPolicy,
    GetPolicyVersion, ListPolicies, ListPolicyTags, ListPolicyVersions, SetDefaultPolicyVersion,
    TagPolicy, UntagPolicy,
};
pub use iam_role::{
    AddRoleToInstanceProfile, AttachRolePolicy, CreateRole, DeleteRole, DeleteRolePolicy,
    DetachRolePolicy, GetRole, GetRolePolicy, ListAttachedRolePolicies,
    ListInstanceProfilesForRole, ListRolePolicies, ListRoleTags, ListRoles, PutRolePolicy,
    RemoveRoleFromInstanceProfile, TagRole, UntagRole, UpdateAssumeRolePolicy, UpdateRole,
    UpdateRoleDescription,
};
pub use image::DescribeImages;
pub use instance::{
    DescribeInstanceAttribute, DescribeInstanceCreditSpecifications, DescribeInstanceImageMetadata,
    DescribeInstanceStatus, DescribeInstances, GetConsoleOutput, ModifyInstanceAttribute,
    ModifyInstanceMetadataOptions, ModifyPrivateDnsNameOptions, RebootInstances,
    ResetInstanceAttribute, RunInstances, StartInstances, StopInstances, TerminateInstances,
};
pub use instance_type::{DescribeInstanceTypeOfferings, DescribeInstanceTypes};
pub use internet_gateway::{
    AttachInternetGateway, CreateInternetGateway, DeleteInternetGateway, DescribeInternetGateways,
    DetachInternetGateway,
};
pub use key_pair::{CreateKeyPair, DeleteKeyPair, DescribeKeyPairs, ImportKeyPair};
pub use nat_gateway::{
    AssignPrivateNatGatewayAddress, AssociateNatGatewayAddress, CreateNatGateway, DeleteNatGateway,
    DescribeNatGateways, DisassociateNatGatewayAddress, UnassignPrivateNatGatewayAddress,
};
pub use network_acl::{
    CreateNetworkAcl, CreateNetworkAclEntry, DeleteNetworkAcl, DeleteNetworkAclEntry,
    DescribeNetworkAcls, ReplaceNetworkAclAssociation, ReplaceNetworkAclEntry,
};
pub use network_interface::{
    AssignIpv6Addresses, AssignPrivateIpAddresses, AttachNetworkInterface, CreateNetworkInterface,
    DeleteNetworkInterface, DescribeNetworkInterfaceAttribute, DescribeNetworkInterfaces,
    DetachNetworkInterface, ModifyNetworkInterfaceAttribute, ResetNetworkInterfaceAttribute,
    UnassignIpv6Addresses, UnassignPrivateIpAddresses,
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
    DescribeSecurityGroups, DescribeStaleSecurityGroups, GetSecurityGroupsForVpc,
    ModifySecurityGroupRules, RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
    UpdateSecurityGroupRuleDescriptionsEgress, UpdateSecurityGroupRuleDescriptionsIngress,
};
pub use subnet::{
    AssociateSubnetCidrBlock, CreateDefaultSubnet, CreateSubnet, DeleteSubnet, DescribeSubnets,
    DisassociateSubnetCidrBlock, ModifySubnetAttribute,
};
pub use tag::{CreateTags, DeleteTags, DescribeTags};
pub use volume::{DescribeVolumeAttribute, DescribeVolumeStatus, DescribeVolumes};
pub use vpc::{
    AssociateVpcCidrBlock, CreateDefaultVpc, CreateVpc, DeleteVpc, DescribeVpcAttribute,
    DescribeVpcClassicLink, DescribeVpcClassicLinkDnsSupport, DescribeVpcs, DisableVpcClassicLink,
    DisableVpcClassicLinkDnsSupport, DisassociateVpcCidrBlock, EnableVpcClassicLink,
    EnableVpcClassicLinkDnsSupport, ModifyVpcAttribute,
};
pub use vpc_endpoint::{
    CreateVpcEndpoint, DeleteVpcEndpoints, DescribeVpcEndpoints, ModifyVpcEndpoint,
};
pub use vpc_endpoint_service::DescribeVpcEndpointServices;
pub use vpc_peering_connection::{
    AcceptVpcPeeringConnection, CreateVpcPeeringConnection, DeleteVpcPeeringConnection,
    DescribeVpcPeeringConnections, ModifyVpcPeeringConnectionOptions, RejectVpcPeeringConnection,
};

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
            AcceptVpcPeeringConnection,
            AddRoleToInstanceProfile,
            AllocateAddress,
            AssignIpv6Addresses,
            AssignPrivateIpAddresses,
            AssignPrivateNatGatewayAddress,
            AssociateAddress,
            AssociateDhcpOptions,
            AssociateIamInstanceProfile,
            AssociateNatGatewayAddress,
            AssociateRouteTable,
            AssociateSubnetCidrBlock,
            AssociateVpcCidrBlock,
            AttachInternetGateway,
            AttachNetworkInterface,
            AttachRolePolicy,
            AuthorizeSecurityGroupEgress,
            AuthorizeSecurityGroupIngress,
            CreateDefaultSubnet,
            CreateDefaultVpc,
            CreateDhcpOptions,
            CreateEgressOnlyInternetGateway,
            CreateInstanceProfile,
            CreateInternetGateway,
            CreateKeyPair,
            CreateNatGateway,
            CreateNetworkAcl,
            CreateNetworkAclEntry,
            CreateNetworkInterface,
            CreatePolicy,
            CreatePolicyVersion,
            CreateRole,
            CreateRoute,
            CreateRouteTable,
            CreateSecurityGroup,
            CreateSubnet,
            CreateTags,
            CreateVpc,
            CreateVpcEndpoint,
            CreateVpcPeeringConnection,
            DeleteDhcpOptions,
            DeleteEgressOnlyInternetGateway,
            DeleteInstanceProfile,
            DeleteInternetGateway,
            DeleteKeyPair,
            DeleteNatGateway,
            DeleteNetworkAcl,
            DeleteNetworkAclEntry,
            DeleteNetworkInterface,
            DeletePolicy,
            DeletePolicyVersion,
            DeleteRole,
            DeleteRolePolicy,
            DeleteRoute,
            DeleteRouteTable,
            DeleteSecurityGroup,
            DeleteSubnet,
            DeleteTags,
            DeleteVpc,
            DeleteVpcEndpoints,
            DeleteVpcPeeringConnection,
            DescribeAccountAttributes,
            DescribeAddresses,
            DescribeAddressesAttribute,
            DescribeAvailabilityZones,
            DescribeDhcpOptions,
            DescribeEgressOnlyInternetGateways,
            DescribeIamInstanceProfileAssociations,
            DescribeImages,
            DescribeInstanceAttribute,
            DescribeInstanceCreditSpecifications,
            DescribeInstanceImageMetadata,
            DescribeInstanceStatus,
            DescribeInstanceTypeOfferings,
            DescribeInstanceTypes,
            DescribeInstances,
            DescribeInternetGateways,
            DescribeKeyPairs,
            DescribeManagedPrefixLists,
            DescribeNatGateways,
            DescribeNetworkAcls,
            DescribeNetworkInterfaceAttribute,
            DescribeNetworkInterfaces,
            DescribePrefixLists,
            DescribeRegions,
            DescribeRouteTables,
            DescribeSecurityGroupReferences,
            DescribeSecurityGroupRules,
            DescribeSecurityGroups,
            DescribeStaleSecurityGroups,
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
            DescribeVpcEndpoints,
            DescribeVpcPeeringConnections,
            DescribeVpcs,
            DetachInternetGateway,
            DetachNetworkInterface,
            DetachRolePolicy,
            DisableVpcClassicLink,
            DisableVpcClassicLinkDnsSupport,
            DisassociateAddress,
            DisassociateIamInstanceProfile,
            DisassociateNatGatewayAddress,
            DisassociateRouteTable,
            DisassociateSubnetCidrBlock,
            DisassociateVpcCidrBlock,
            EnableVpcClassicLink,
            EnableVpcClassicLinkDnsSupport,
            GetAllowedImagesSettings,
            GetConsoleOutput,
            GetEbsEncryptionByDefault,
            GetImageBlockPublicAccessState,
            GetInstanceMetadataDefaults,
            GetInstanceProfile,
            GetManagedPrefixListAssociations,
            GetManagedPrefixListEntries,
            GetPolicy,
            GetPolicyVersion,
            GetRole,
            GetRolePolicy,
            GetSecurityGroupsForVpc,
            GetSerialConsoleAccessStatus,
            GetSnapshotBlockPublicAccessState,
            ImportKeyPair,
            ListAttachedRolePolicies,
            ListInstanceProfileTags,
            ListInstanceProfiles,
            ListInstanceProfilesForRole,
            ListPolicies,
            ListPolicyTags,
            ListPolicyVersions,
            ListRolePolicies,
            ListRoleTags,
            ListRoles,
            ModifyInstanceAttribute,
            ModifyInstanceMetadataDefaults,
            ModifyInstanceMetadataOptions,
            ModifyNetworkInterfaceAttribute,
            ModifyPrivateDnsNameOptions,
            ModifySecurityGroupRules,
            ModifySubnetAttribute,
            ModifyVpcAttribute,
            ModifyVpcEndpoint,
            ModifyVpcPeeringConnectionOptions,
            PutRolePolicy,
            RebootInstances,
            RejectVpcPeeringConnection,
            ReleaseAddress,
            RemoveRoleFromInstanceProfile,
            ReplaceIamInstanceProfileAssociation,
            ReplaceNetworkAclAssociation,
            ReplaceNetworkAclEntry,
            ReplaceRoute,
            ReplaceRouteTableAssociation,
            ResetInstanceAttribute,
            ResetNetworkInterfaceAttribute,
            RevokeSecurityGroupEgress,
            RevokeSecurityGroupIngress,
            RunInstances,
            SetDefaultPolicyVersion,
            StartInstances,
            StopInstances,
            TagInstanceProfile,
            TagPolicy,
            TagRole,
            TerminateInstances,
            UnassignIpv6Addresses,
            UnassignPrivateIpAddresses,
            UnassignPrivateNatGatewayAddress,
            UntagInstanceProfile,
            UntagPolicy,
            UntagRole,
            UpdateAssumeRolePolicy,
            UpdateRole,
            UpdateRoleDescription,
            UpdateSecurityGroupRuleDescriptionsEgress,
            UpdateSecurityGroupRuleDescriptionsIngress,
        }
    };
}
