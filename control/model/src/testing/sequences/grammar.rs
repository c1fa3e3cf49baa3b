//! Which calls a sequence is made of.

use alloc::string::String;
use alloc::vec::Vec;

use super::families::FAMILIES;
use super::population::{
    address_associations, addresses, attachments, dhcp_options, everything, instances,
    internet_gateways, nat_gateways, network_acl_associations, network_acls, network_interfaces,
    private_addresses, route_table_associations, route_tables, security_group_rules,
    security_groups, subnets, vpc_peering_connections, vpcs,
};
use super::profiles::PROFILES;
use crate::World;

/// A call that sequences make: how often, and where its parameters come from.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) weight: u32,
    pub(super) action: &'static str,
    pub(super) parameters: &'static [(&'static str, Source)],
}

/// Where the value of a parameter comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// One of these.
    Any(&'static [&'static str]),
    /// One of what exists, and now and then of what does not.
    Of(fn(&World) -> Vec<String>),
    /// In so many of 100 calls from there; otherwise the parameter is absent.
    Maybe(usize, &'static Source),
}

use Source::{Any, Maybe, Of};

const BOOLEAN: Source = Any(&["true", "false"]);
const BLOCKS: Source = Any(&["10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/24", "10.0.0.0/8"]);
const SUBNET_BLOCKS: Source = Any(&[
    "10.0.0.0/24",
    "10.0.1.0/28",
    "10.1.0.0/24",
    "172.31.48.0/20",
    "172.31.64.0/28",
]);
const DESTINATIONS: Source = Any(&[
    "0.0.0.0/0",
    "192.168.0.0/16",
    "10.0.0.0/16",
    "10.0.0.0/24",
    "172.31.0.0/16",
    "172.31.16.0/20",
]);
const ZONES: Source = Any(&["us-east-1a", "us-east-1b", "us-east-1c"]);
const NUMBERS: Source = Any(&["1", "2", "100", "32767"]);
const PROTOCOLS: Source = Any(&["-1", "tcp", "udp", "icmp", "50"]);
const PORTS: Source = Any(&["22", "80", "443"]);
const NAMES: Source = Any(&["web", "Web", "db", "default"]);
const REMOTES: Source = Any(&["0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32"]);
const INDEXES: Source = Any(&["0", "1", "2"]);
const TOKENS: Source = Any(&["first", "second"]);
/// The images of the namespace driver are the same in every region; t3 is x86.
const IMAGE: Source = Any(&["ami-0e210000000008664"]);
/// The last takes Elastic Fabric Adapters, one on each of its two cards.
const TYPES: Source = Any(&["t3.micro", "t3.medium", "m5.large", "c6in.32xlarge"]);
const EFA_TYPE: Source = Any(&["c6in.32xlarge"]);
const CARDS: Source = Any(&["0", "1"]);
const SWITCH: Source = Any(&["enabled", "disabled"]);
const HOSTNAME_TYPES: Source = Any(&["ip-name", "resource-name"]);
const HTTP_TOKENS: Source = Any(&["optional", "required"]);
const INTERFACE_TYPES: Source = Any(&["efa", "efa-only", "interface"]);

pub(super) const fn rule(
    weight: u32,
    action: &'static str,
    parameters: &'static [(&'static str, Source)],
) -> Rule {
    Rule {
        weight,
        action,
        parameters,
    }
}

const PERMISSION: &[(&str, Source)] = &[
    ("GroupId", Of(security_groups)),
    ("IpPermissions.1.IpProtocol", PROTOCOLS),
    ("IpPermissions.1.FromPort", PORTS),
    ("IpPermissions.1.ToPort", PORTS),
    ("IpPermissions.1.IpRanges.1.CidrIp", Maybe(60, &REMOTES)),
    (
        "IpPermissions.1.Groups.1.GroupId",
        Maybe(50, &Of(security_groups)),
    ),
];
const REVOCATION: &[(&str, Source)] = &[
    ("GroupId", Of(security_groups)),
    ("SecurityGroupRuleId.1", Of(security_group_rules)),
];
const RULE_DESCRIPTION: &[(&str, Source)] = &[
    ("GroupId", Of(security_groups)),
    (
        "SecurityGroupRuleDescription.1.SecurityGroupRuleId",
        Of(security_group_rules),
    ),
    ("SecurityGroupRuleDescription.1.Description", NAMES),
];
const ACL_ENTRY: &[(&str, Source)] = &[
    ("NetworkAclId", Of(network_acls)),
    ("RuleNumber", NUMBERS),
    ("Egress", BOOLEAN),
    ("Protocol", PROTOCOLS),
    ("RuleAction", Any(&["allow", "deny"])),
    ("CidrBlock", Maybe(90, &REMOTES)),
    ("Ipv6CidrBlock", Maybe(10, &Any(&["2001:db8::/32", "::/0"]))),
    ("PortRange.From", Maybe(70, &Any(&["80"]))),
    ("PortRange.To", Maybe(70, &Any(&["90"]))),
    ("Icmp.Type", Maybe(70, &Any(&["-1", "8"]))),
    ("Icmp.Code", Maybe(70, &Any(&["-1", "0"]))),
];
const ROUTE: &[(&str, Source)] = &[
    ("RouteTableId", Of(route_tables)),
    ("DestinationCidrBlock", DESTINATIONS),
    ("GatewayId", Maybe(40, &Of(internet_gateways))),
    ("NetworkInterfaceId", Maybe(40, &Of(network_interfaces))),
    ("InstanceId", Maybe(20, &Of(instances))),
    ("NatGatewayId", Maybe(20, &Of(nat_gateways))),
    (
        "VpcPeeringConnectionId",
        Maybe(20, &Of(vpc_peering_connections)),
    ),
];
const PEERING: &[(&str, Source)] = &[("VpcPeeringConnectionId", Of(vpc_peering_connections))];
const THE_INSTANCE: &[(&str, Source)] = &[("InstanceId.1", Of(instances))];

/// All rules.
pub(super) fn rules() -> impl Iterator<Item = &'static Rule> {
    GRAMMAR.iter().chain(FAMILIES).chain(PROFILES)
}

const GRAMMAR: &[Rule] = &[
    rule(2, "CreateVpc", &[("CidrBlock", BLOCKS)]),
    rule(
        2,
        "CreateDhcpOptions",
        &[
            ("DhcpConfiguration.1.Key", Any(&["domain-name-servers"])),
            (
                "DhcpConfiguration.1.Value.1",
                Any(&["AmazonProvidedDNS", "10.0.0.2", "none"]),
            ),
        ],
    ),
    rule(
        3,
        "AssociateDhcpOptions",
        &[
            ("DhcpOptionsId", Any(&["default", "dopt-0d0e5ca7109b3f62a"])),
            ("VpcId", Of(vpcs)),
        ],
    ),
    rule(
        3,
        "AssociateDhcpOptions",
        &[("DhcpOptionsId", Of(dhcp_options)), ("VpcId", Of(vpcs))],
    ),
    rule(
        1,
        "DeleteDhcpOptions",
        &[("DhcpOptionsId", Of(dhcp_options))],
    ),
    rule(1, "DeleteVpc", &[("VpcId", Of(vpcs))]),
    rule(1, "CreateDefaultVpc", &[]),
    rule(
        1,
        "ModifyVpcAttribute",
        &[
            ("VpcId", Of(vpcs)),
            ("EnableDnsSupport.Value", Maybe(50, &BOOLEAN)),
            ("EnableDnsHostnames.Value", Maybe(50, &BOOLEAN)),
        ],
    ),
    rule(
        4,
        "CreateSubnet",
        &[
            ("VpcId", Of(vpcs)),
            ("CidrBlock", SUBNET_BLOCKS),
            ("AvailabilityZone", ZONES),
        ],
    ),
    rule(2, "DeleteSubnet", &[("SubnetId", Of(subnets))]),
    rule(4, "CreateDefaultSubnet", &[("AvailabilityZone", ZONES)]),
    rule(
        1,
        "ModifySubnetAttribute",
        &[
            ("SubnetId", Of(subnets)),
            ("MapPublicIpOnLaunch.Value", BOOLEAN),
        ],
    ),
    rule(2, "CreateInternetGateway", &[]),
    rule(
        3,
        "AttachInternetGateway",
        &[
            ("InternetGatewayId", Of(internet_gateways)),
            ("VpcId", Of(vpcs)),
        ],
    ),
    rule(
        3,
        "DetachInternetGateway",
        &[
            ("InternetGatewayId", Of(internet_gateways)),
            ("VpcId", Of(vpcs)),
        ],
    ),
    rule(
        1,
        "DeleteInternetGateway",
        &[("InternetGatewayId", Of(internet_gateways))],
    ),
    rule(
        4,
        "CreateVpcPeeringConnection",
        &[("VpcId", Of(vpcs)), ("PeerVpcId", Of(vpcs))],
    ),
    rule(4, "AcceptVpcPeeringConnection", PEERING),
    rule(
        1,
        "ModifyVpcPeeringConnectionOptions",
        &[
            ("VpcPeeringConnectionId", Of(vpc_peering_connections)),
            (
                "AccepterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc",
                BOOLEAN,
            ),
        ],
    ),
    rule(1, "RejectVpcPeeringConnection", PEERING),
    rule(1, "DeleteVpcPeeringConnection", PEERING),
    rule(
        2,
        "CreateRouteTable",
        &[("VpcId", Of(vpcs)), ("ClientToken", Maybe(30, &TOKENS))],
    ),
    rule(1, "DeleteRouteTable", &[("RouteTableId", Of(route_tables))]),
    rule(5, "CreateRoute", ROUTE),
    rule(5, "ReplaceRoute", ROUTE),
    rule(
        1,
        "ReplaceRoute",
        &[
            ("RouteTableId", Of(route_tables)),
            ("DestinationCidrBlock", DESTINATIONS),
            ("LocalTarget", BOOLEAN),
        ],
    ),
    rule(
        3,
        "DeleteRoute",
        &[
            ("RouteTableId", Of(route_tables)),
            ("DestinationCidrBlock", DESTINATIONS),
        ],
    ),
    rule(
        4,
        "AssociateRouteTable",
        &[
            ("RouteTableId", Of(route_tables)),
            ("SubnetId", Of(subnets)),
        ],
    ),
    rule(
        2,
        "AssociateRouteTable",
        &[
            ("RouteTableId", Of(route_tables)),
            ("GatewayId", Of(internet_gateways)),
        ],
    ),
    rule(
        2,
        "DisassociateRouteTable",
        &[("AssociationId", Of(route_table_associations))],
    ),
    rule(
        3,
        "ReplaceRouteTableAssociation",
        &[
            ("AssociationId", Of(route_table_associations)),
            ("RouteTableId", Of(route_tables)),
        ],
    ),
    rule(
        2,
        "CreateNetworkAcl",
        &[("VpcId", Of(vpcs)), ("ClientToken", Maybe(30, &TOKENS))],
    ),
    rule(1, "DeleteNetworkAcl", &[("NetworkAclId", Of(network_acls))]),
    rule(4, "CreateNetworkAclEntry", ACL_ENTRY),
    rule(4, "ReplaceNetworkAclEntry", ACL_ENTRY),
    rule(
        3,
        "DeleteNetworkAclEntry",
        &[
            ("NetworkAclId", Of(network_acls)),
            ("RuleNumber", NUMBERS),
            ("Egress", BOOLEAN),
        ],
    ),
    rule(
        4,
        "ReplaceNetworkAclAssociation",
        &[
            ("AssociationId", Of(network_acl_associations)),
            ("NetworkAclId", Of(network_acls)),
        ],
    ),
    rule(
        3,
        "CreateSecurityGroup",
        &[
            ("GroupName", NAMES),
            ("GroupDescription", NAMES),
            ("VpcId", Of(vpcs)),
        ],
    ),
    rule(
        2,
        "DeleteSecurityGroup",
        &[("GroupId", Of(security_groups))],
    ),
    rule(5, "AuthorizeSecurityGroupIngress", PERMISSION),
    rule(3, "AuthorizeSecurityGroupEgress", PERMISSION),
    rule(3, "RevokeSecurityGroupIngress", REVOCATION),
    rule(2, "RevokeSecurityGroupIngress", PERMISSION),
    rule(3, "RevokeSecurityGroupEgress", REVOCATION),
    rule(
        3,
        "ModifySecurityGroupRules",
        &[
            ("GroupId", Of(security_groups)),
            (
                "SecurityGroupRule.1.SecurityGroupRuleId",
                Of(security_group_rules),
            ),
            (
                "SecurityGroupRule.1.SecurityGroupRule.IpProtocol",
                PROTOCOLS,
            ),
            ("SecurityGroupRule.1.SecurityGroupRule.FromPort", PORTS),
            ("SecurityGroupRule.1.SecurityGroupRule.ToPort", PORTS),
            ("SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", REMOTES),
        ],
    ),
    rule(
        3,
        "UpdateSecurityGroupRuleDescriptionsIngress",
        RULE_DESCRIPTION,
    ),
    rule(
        3,
        "UpdateSecurityGroupRuleDescriptionsEgress",
        RULE_DESCRIPTION,
    ),
    rule(
        8,
        "CreateNetworkInterface",
        &[
            ("SubnetId", Of(subnets)),
            ("SecurityGroupId.1", Maybe(40, &Of(security_groups))),
            (
                "SecondaryPrivateIpAddressCount",
                Maybe(40, &Any(&["1", "3"])),
            ),
            ("InterfaceType", Maybe(30, &INTERFACE_TYPES)),
            ("ClientToken", Maybe(20, &TOKENS)),
        ],
    ),
    rule(
        3,
        "DeleteNetworkInterface",
        &[("NetworkInterfaceId", Of(network_interfaces))],
    ),
    rule(
        6,
        "AttachNetworkInterface",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("InstanceId", Of(instances)),
            ("DeviceIndex", INDEXES),
            ("NetworkCardIndex", Maybe(20, &CARDS)),
        ],
    ),
    rule(
        4,
        "DetachNetworkInterface",
        &[
            ("AttachmentId", Of(attachments)),
            ("Force", Maybe(50, &BOOLEAN)),
        ],
    ),
    rule(
        5,
        "AssignPrivateIpAddresses",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            (
                "SecondaryPrivateIpAddressCount",
                Maybe(50, &Any(&["1", "2"])),
            ),
            ("PrivateIpAddress.1", Maybe(50, &Of(private_addresses))),
            ("AllowReassignment", BOOLEAN),
        ],
    ),
    rule(
        4,
        "UnassignPrivateIpAddresses",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("PrivateIpAddress.1", Of(private_addresses)),
        ],
    ),
    rule(
        4,
        "ModifyNetworkInterfaceAttribute",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("SourceDestCheck.Value", Maybe(40, &BOOLEAN)),
            ("SecurityGroupId.1", Maybe(50, &Of(security_groups))),
        ],
    ),
    rule(
        1,
        "ResetNetworkInterfaceAttribute",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("SourceDestCheck", Any(&["true"])),
        ],
    ),
    rule(
        8,
        "RunInstances",
        &[
            ("ImageId", IMAGE),
            ("InstanceType", TYPES),
            ("MinCount", Any(&["1"])),
            ("MaxCount", Any(&["1", "2"])),
            ("SubnetId", Maybe(80, &Of(subnets))),
            ("ClientToken", Maybe(10, &TOKENS)),
        ],
    ),
    rule(
        4,
        "RunInstances",
        &[
            ("ImageId", IMAGE),
            ("InstanceType", TYPES),
            ("MinCount", Any(&["1"])),
            ("MaxCount", Any(&["1"])),
            ("NetworkInterface.1.DeviceIndex", Any(&["0"])),
            (
                "NetworkInterface.1.NetworkInterfaceId",
                Of(network_interfaces),
            ),
            ("NetworkInterface.2.DeviceIndex", Any(&["1"])),
            ("NetworkInterface.2.SubnetId", Of(subnets)),
        ],
    ),
    rule(
        3,
        "RunInstances",
        &[
            ("ImageId", IMAGE),
            ("InstanceType", EFA_TYPE),
            ("MinCount", Any(&["1"])),
            ("MaxCount", Any(&["1"])),
            ("NetworkInterface.1.DeviceIndex", Any(&["0"])),
            (
                "NetworkInterface.1.InterfaceType",
                Maybe(50, &INTERFACE_TYPES),
            ),
            ("NetworkInterface.2.DeviceIndex", INDEXES),
            ("NetworkInterface.2.NetworkCardIndex", CARDS),
            (
                "NetworkInterface.2.InterfaceType",
                Maybe(80, &INTERFACE_TYPES),
            ),
        ],
    ),
    rule(4, "StartInstances", THE_INSTANCE),
    rule(4, "StopInstances", THE_INSTANCE),
    rule(1, "RebootInstances", THE_INSTANCE),
    rule(3, "TerminateInstances", THE_INSTANCE),
    rule(
        3,
        "ModifyInstanceAttribute",
        &[
            ("InstanceId", Of(instances)),
            ("InstanceType.Value", Maybe(40, &TYPES)),
            ("GroupId.1", Maybe(30, &Of(security_groups))),
            ("DisableApiTermination.Value", Maybe(30, &Any(&["false"]))),
        ],
    ),
    rule(
        2,
        "ModifyPrivateDnsNameOptions",
        &[
            ("InstanceId", Of(instances)),
            ("PrivateDnsHostnameType", Maybe(50, &HOSTNAME_TYPES)),
            ("EnableResourceNameDnsARecord", Maybe(50, &BOOLEAN)),
        ],
    ),
    rule(
        2,
        "ModifyInstanceMetadataOptions",
        &[
            ("InstanceId", Of(instances)),
            ("HttpTokens", Maybe(50, &HTTP_TOKENS)),
            ("HttpPutResponseHopLimit", Maybe(50, &INDEXES)),
            ("HttpProtocolIpv6", Maybe(50, &SWITCH)),
        ],
    ),
    rule(
        1,
        "ModifyInstanceMetadataDefaults",
        &[
            ("HttpTokens", Maybe(50, &HTTP_TOKENS)),
            (
                "HttpTokensEnforced",
                Maybe(50, &Any(&["disabled", "no-preference"])),
            ),
        ],
    ),
    rule(
        1,
        "ResetInstanceAttribute",
        &[
            ("InstanceId", Of(instances)),
            ("Attribute", Any(&["sourceDestCheck"])),
        ],
    ),
    rule(4, "AllocateAddress", &[]),
    rule(
        8,
        "AssociateAddress",
        &[
            ("AllocationId", Of(addresses)),
            ("NetworkInterfaceId", Maybe(60, &Of(network_interfaces))),
            ("InstanceId", Maybe(40, &Of(instances))),
            ("PrivateIpAddress", Maybe(30, &Of(private_addresses))),
            ("AllowReassociation", Maybe(50, &BOOLEAN)),
        ],
    ),
    rule(
        3,
        "DisassociateAddress",
        &[("AssociationId", Of(address_associations))],
    ),
    rule(2, "ReleaseAddress", &[("AllocationId", Of(addresses))]),
    rule(
        3,
        "CreateTags",
        &[
            ("ResourceId.1", Of(everything)),
            ("ResourceId.2", Maybe(50, &Of(everything))),
            ("Tag.1.Key", NAMES),
            ("Tag.1.Value", NAMES),
        ],
    ),
    rule(
        2,
        "DeleteTags",
        &[
            ("ResourceId.1", Of(everything)),
            ("Tag.1.Key", Maybe(50, &NAMES)),
        ],
    ),
];
