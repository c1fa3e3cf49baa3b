//! Calls about IPv6, further blocks, delegated prefixes, NAT gateways and endpoints.

use super::grammar::{Rule, Source, rule};
use super::population::{
    egress_only_internet_gateways, free_addresses, free_ipv6_addresses, further_nat_associations,
    instances, internet_gateways, ipv4_prefixes, ipv6_addresses, ipv6_blocks, ipv6_prefixes,
    large_nat_gateways, nat_gateways, network_interfaces, private_addresses, route_tables,
    security_groups, subnet_cidr_associations, subnets, vpc_cidr_associations, vpc_endpoints, vpcs,
};

use Source::{Any, Maybe, Of};

const BOOLEAN: Source = Any(&["true", "false"]);
const FEW: Source = Any(&["1", "2"]);
const TOKENS: Source = Any(&["third", "fourth"]);
const FURTHER_BLOCKS: Source = Any(&["10.2.0.0/16", "10.3.0.0/24", "100.64.0.0/24"]);
const DESTINATIONS: Source = Any(&["::/0", "2001:db8::/32", "64:ff9b::/96"]);
const IPV6_ROUTE: &[(&str, Source)] = &[
    ("RouteTableId", Of(route_tables)),
    ("DestinationIpv6CidrBlock", DESTINATIONS),
    (
        "EgressOnlyInternetGatewayId",
        Maybe(50, &Of(egress_only_internet_gateways)),
    ),
    ("GatewayId", Maybe(30, &Of(internet_gateways))),
    ("NetworkInterfaceId", Maybe(20, &Of(network_interfaces))),
];

const ENDPOINT_SERVICES: Source = Any(&[
    "com.amazonaws.us-east-1.ec2",
    "com.amazonaws.us-east-1.sts",
    "com.amazonaws.us-east-1.s3",
]);

pub(super) const FAMILIES: &[Rule] = &[
    rule(
        8,
        "CreateVpcEndpoint",
        &[
            ("VpcEndpointType", Any(&["Interface"])),
            ("VpcId", Of(vpcs)),
            ("ServiceName", ENDPOINT_SERVICES),
            ("SubnetId.1", Maybe(80, &Of(subnets))),
            ("SubnetId.2", Maybe(20, &Of(subnets))),
            ("SecurityGroupId.1", Maybe(50, &Of(security_groups))),
            ("PrivateDnsEnabled", BOOLEAN),
            ("ClientToken", Maybe(10, &TOKENS)),
        ],
    ),
    rule(
        4,
        "ModifyVpcEndpoint",
        &[
            ("VpcEndpointId", Of(vpc_endpoints)),
            ("AddSubnetId.1", Maybe(30, &Of(subnets))),
            ("RemoveSubnetId.1", Maybe(20, &Of(subnets))),
            ("AddSecurityGroupId.1", Maybe(30, &Of(security_groups))),
            ("RemoveSecurityGroupId.1", Maybe(20, &Of(security_groups))),
            ("PrivateDnsEnabled", Maybe(30, &BOOLEAN)),
        ],
    ),
    rule(
        2,
        "DeleteVpcEndpoints",
        &[("VpcEndpointId.1", Of(vpc_endpoints))],
    ),
    rule(
        2,
        "CreateVpc",
        &[
            ("CidrBlock", Any(&["10.0.0.0/16"])),
            ("AmazonProvidedIpv6CidrBlock", BOOLEAN),
        ],
    ),
    rule(
        3,
        "AssociateVpcCidrBlock",
        &[
            ("VpcId", Of(vpcs)),
            ("AmazonProvidedIpv6CidrBlock", Any(&["true"])),
        ],
    ),
    rule(
        3,
        "AssociateVpcCidrBlock",
        &[("VpcId", Of(vpcs)), ("CidrBlock", FURTHER_BLOCKS)],
    ),
    rule(
        2,
        "DisassociateVpcCidrBlock",
        &[("AssociationId", Of(vpc_cidr_associations))],
    ),
    rule(
        6,
        "CreateSubnet",
        &[
            ("VpcId", Of(vpcs)),
            (
                "CidrBlock",
                Maybe(60, &Any(&["10.0.2.0/24", "10.2.0.0/24", "10.0.3.0/28"])),
            ),
            ("Ipv6CidrBlock", Maybe(90, &Of(ipv6_blocks))),
            ("Ipv6Native", Maybe(40, &BOOLEAN)),
        ],
    ),
    rule(
        4,
        "AssociateSubnetCidrBlock",
        &[
            ("SubnetId", Of(subnets)),
            ("Ipv6CidrBlock", Of(ipv6_blocks)),
        ],
    ),
    rule(
        2,
        "DisassociateSubnetCidrBlock",
        &[("AssociationId", Of(subnet_cidr_associations))],
    ),
    rule(
        2,
        "ModifySubnetAttribute",
        &[
            ("SubnetId", Of(subnets)),
            ("AssignIpv6AddressOnCreation.Value", BOOLEAN),
        ],
    ),
    rule(
        8,
        "CreateNetworkInterface",
        &[
            ("SubnetId", Of(subnets)),
            ("Ipv6AddressCount", Maybe(50, &Any(&["0", "1", "3"]))),
            ("Ipv6PrefixCount", Maybe(30, &FEW)),
            ("Ipv4PrefixCount", Maybe(30, &FEW)),
            ("EnablePrimaryIpv6", Maybe(20, &BOOLEAN)),
        ],
    ),
    rule(
        5,
        "AssignIpv6Addresses",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("Ipv6AddressCount", Maybe(40, &FEW)),
            ("Ipv6PrefixCount", Maybe(20, &FEW)),
            ("Ipv6Addresses.1", Maybe(40, &Of(free_ipv6_addresses))),
            ("Ipv6Prefix.1", Maybe(10, &Of(ipv6_prefixes))),
        ],
    ),
    rule(
        12,
        "UnassignIpv6Addresses",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("Ipv6Addresses.1", Maybe(70, &Of(ipv6_addresses))),
            ("Ipv6Prefix.1", Maybe(40, &Of(ipv6_prefixes))),
        ],
    ),
    rule(
        3,
        "AssignPrivateIpAddresses",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("Ipv4PrefixCount", Maybe(80, &FEW)),
            (
                "Ipv4Prefix.1",
                Maybe(20, &Any(&["10.0.0.64/28", "10.0.2.16/28"])),
            ),
        ],
    ),
    rule(
        3,
        "UnassignPrivateIpAddresses",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("Ipv4Prefix.1", Of(ipv4_prefixes)),
        ],
    ),
    rule(
        2,
        "ModifyNetworkInterfaceAttribute",
        &[
            ("NetworkInterfaceId", Of(network_interfaces)),
            ("EnablePrimaryIpv6", BOOLEAN),
        ],
    ),
    rule(
        4,
        "RunInstances",
        &[
            ("ImageId", Any(&["ami-0e210000000008664"])),
            ("InstanceType", Any(&["t3.medium", "m5.large"])),
            ("MinCount", Any(&["1"])),
            ("MaxCount", FEW),
            ("SubnetId", Of(subnets)),
            ("Ipv6AddressCount", Maybe(60, &FEW)),
            ("EnablePrimaryIpv6", Maybe(20, &BOOLEAN)),
        ],
    ),
    rule(
        3,
        "CreateEgressOnlyInternetGateway",
        &[("VpcId", Of(vpcs)), ("ClientToken", Maybe(30, &TOKENS))],
    ),
    rule(
        1,
        "DeleteEgressOnlyInternetGateway",
        &[(
            "EgressOnlyInternetGatewayId",
            Of(egress_only_internet_gateways),
        )],
    ),
    rule(5, "CreateRoute", IPV6_ROUTE),
    rule(3, "ReplaceRoute", IPV6_ROUTE),
    rule(
        2,
        "DeleteRoute",
        &[
            ("RouteTableId", Of(route_tables)),
            ("DestinationIpv6CidrBlock", DESTINATIONS),
        ],
    ),
    rule(
        8,
        "CreateNatGateway",
        &[
            ("SubnetId", Of(subnets)),
            ("AllocationId", Of(free_addresses)),
            ("SecondaryAllocationId.1", Maybe(30, &Of(free_addresses))),
            ("ClientToken", Maybe(10, &TOKENS)),
        ],
    ),
    rule(
        4,
        "CreateNatGateway",
        &[
            ("SubnetId", Of(subnets)),
            ("ConnectivityType", Any(&["private"])),
            (
                "SecondaryPrivateIpAddressCount",
                Maybe(30, &Any(&["1", "7"])),
            ),
        ],
    ),
    rule(2, "DeleteNatGateway", &[("NatGatewayId", Of(nat_gateways))]),
    rule(
        4,
        "AssociateNatGatewayAddress",
        &[
            ("NatGatewayId", Of(nat_gateways)),
            ("AllocationId.1", Of(free_addresses)),
        ],
    ),
    rule(
        3,
        "DisassociateNatGatewayAddress",
        &[
            ("NatGatewayId", Of(large_nat_gateways)),
            ("AssociationId.1", Of(further_nat_associations)),
        ],
    ),
    rule(
        4,
        "AssignPrivateNatGatewayAddress",
        &[
            ("NatGatewayId", Of(nat_gateways)),
            ("PrivateIpAddressCount", Any(&["1", "2"])),
        ],
    ),
    rule(
        3,
        "UnassignPrivateNatGatewayAddress",
        &[
            ("NatGatewayId", Of(nat_gateways)),
            ("PrivateIpAddress.1", Of(private_addresses)),
        ],
    ),
    rule(1, "StopInstances", &[("InstanceId.1", Of(instances))]),
];
