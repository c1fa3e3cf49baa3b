//! EC2's default quotas and fixed limits, each with its source.
//!
//! Sources: "Amazon VPC quotas" and "Quotas for Amazon EC2" in AWS's guides, and the EC2 API reference.

/// VPCs in a region (Amazon VPC quotas).
pub const VPCS_PER_REGION: usize = 5 * 20;
/// Prefix lengths of VPC and subnet blocks (VPC User Guide, "VPC CIDR blocks" and "Subnet sizing").
pub const VPC_PREFIX_LENGTHS: core::ops::RangeInclusive<u8> = 16..=28;
/// IPv4 blocks of a VPC, the primary one among them (Amazon VPC quotas).
pub const IPV4_BLOCKS_PER_VPC: usize = 5;
/// IPv6 blocks of a VPC (Amazon VPC quotas).
pub const IPV6_BLOCKS_PER_VPC: usize = 5;
/// The prefix length of the IPv6 blocks that Amazon provides (VPC User Guide, "VPC CIDR blocks").
pub const VPC_IPV6_PREFIX_LENGTH: u8 = 56;
/// Prefix lengths of subnets' IPv6 blocks, in steps of [`SUBNET_IPV6_PREFIX_STEP`] (VPC User Guide, "Subnet sizing").
pub const SUBNET_IPV6_PREFIX_LENGTHS: core::ops::RangeInclusive<u8> = 44..=64;
/// See [`SUBNET_IPV6_PREFIX_LENGTHS`].
pub const SUBNET_IPV6_PREFIX_STEP: u8 = 4;
/// IPv6 blocks of a subnet (EC2 API reference, `AssociateSubnetCidrBlock`).
pub const IPV6_BLOCKS_PER_SUBNET: usize = 1;
/// Subnets in a VPC (Amazon VPC quotas).
pub const SUBNETS_PER_VPC: usize = 200;
/// Network interfaces in a region: EC2's default is 5,000 and may be raised; ours is a raised one.
pub const NETWORK_INTERFACES_PER_REGION: usize = 100_000;
/// Private IPv4 addresses of a network interface: the most that any instance type takes (`DescribeInstanceTypes`).
pub const PRIVATE_ADDRESSES_PER_NETWORK_INTERFACE: usize = 50;
/// IPv6 addresses of a network interface: the most that any instance type takes (`DescribeInstanceTypes`).
pub const IPV6_ADDRESSES_PER_NETWORK_INTERFACE: usize = 50;
/// The prefix length of IPv4 blocks that are delegated to network interfaces (EC2 User Guide, "Prefix delegation").
pub const DELEGATED_IPV4_PREFIX_LENGTH: u8 = 28;
/// The prefix length of IPv6 blocks that are delegated to network interfaces (as above).
pub const DELEGATED_IPV6_PREFIX_LENGTH: u8 = 80;
/// Characters in a network interface's description.
pub const NETWORK_INTERFACE_DESCRIPTION_CHARACTERS: usize = 255;
/// Security groups in a region (Amazon VPC quotas).
pub const SECURITY_GROUPS_PER_REGION: usize = 2_500;
/// Rules in one direction of a security group: EC2's default is 60; raised so that the product below is the limit.
pub const RULES_PER_SECURITY_GROUP: usize = 1_000;
/// Security groups on a network interface: EC2's default is 5, raisable to 16.
pub const SECURITY_GROUPS_PER_NETWORK_INTERFACE: usize = 16;
/// Groups on an interface times rules in a group may not exceed this (Amazon VPC quotas).
pub const RULES_PER_NETWORK_INTERFACE: usize = 1_000;
/// Elastic IP addresses in a region: EC2's default is 5 and may be raised; the pool is the limit behind it.
pub const ADDRESSES_PER_REGION: usize = 250;
/// Internet gateways in a region (Amazon VPC quotas: as many as VPCs).
pub const INTERNET_GATEWAYS_PER_REGION: usize = VPCS_PER_REGION;
/// Egress-only internet gateways in a region (Amazon VPC quotas: as many as VPCs).
pub const EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION: usize = VPCS_PER_REGION;
/// Active VPC peering connections of a VPC (Amazon VPC quotas).
pub const ACTIVE_VPC_PEERING_CONNECTIONS_PER_VPC: usize = 50;
/// Requests for VPC peering connections of a VPC that wait (Amazon VPC quotas).
pub const OUTSTANDING_VPC_PEERING_CONNECTIONS: usize = 25;
/// Interface endpoints of a VPC (AWS PrivateLink quotas).
pub const INTERFACE_ENDPOINTS_PER_VPC: usize = 50;
/// After which a request for a VPC peering connection expires: 7 days (VPC Peering Guide, "lifecycle").
pub const VPC_PEERING_REQUEST_SECONDS: i64 = 7 * 24 * 3600;
/// How long a VPC peering connection is seen that has failed or was deleted: 2 hours (as above).
pub const ENDED_VPC_PEERING_SECONDS: i64 = 2 * 3600;
/// How long a request for one is seen that was rejected or has expired: 2 days (as above).
pub const REFUSED_VPC_PEERING_SECONDS: i64 = 2 * 24 * 3600;
/// NAT gateways in an Availability Zone (Amazon VPC quotas).
pub const NAT_GATEWAYS_PER_AVAILABILITY_ZONE: usize = 5;
/// Elastic IP addresses of a public NAT gateway: EC2's default is 2, raisable to 8 (Amazon VPC quotas).
pub const ELASTIC_IP_ADDRESSES_PER_NAT_GATEWAY: usize = 8;
/// Private IPv4 addresses of a private NAT gateway (Amazon VPC quotas).
pub const PRIVATE_ADDRESSES_PER_NAT_GATEWAY: usize = 8;
/// How long a NAT gateway is described that has failed or is deleted: about an hour (Amazon VPC User Guide, "NAT gateways").
pub const ENDED_NAT_GATEWAY_SECONDS: i64 = 3600;
/// Route tables in a VPC (Amazon VPC quotas).
pub const ROUTE_TABLES_PER_VPC: usize = 200;
/// Routes in a route table: EC2's default is 50 (now 500), raisable to 1,000.
pub const ROUTES_PER_ROUTE_TABLE: usize = 500;
/// Network ACLs in a VPC (Amazon VPC quotas).
pub const NETWORK_ACLS_PER_VPC: usize = 200;
/// Rules in one direction of a network ACL: EC2's default is 20, raisable to 40.
pub const RULES_PER_NETWORK_ACL: usize = 40;
/// Sets of DHCP options in a region: AWS's guides name no limit; a bound of ours.
pub const DHCP_OPTIONS_PER_REGION: usize = 1_000;
/// Characters in a key pair's name (EC2 API reference, `ImportKeyPair`).
pub const KEY_NAME_CHARACTERS: usize = 255;
/// Key pairs in a region (Quotas for Amazon EC2).
pub const KEY_PAIRS_PER_REGION: usize = 5_000;
/// Roles in an account (IAM User Guide, "IAM and AWS STS quotas", as all that follow).
pub const ROLES: usize = 1_000;
/// Instance profiles in an account.
pub const INSTANCE_PROFILES: usize = 1_000;
/// Roles in an instance profile.
pub const ROLES_PER_INSTANCE_PROFILE: usize = 1;
/// Managed policies that an account makes.
pub const POLICIES: usize = 1_500;
/// Managed policies that are attached to a role: IAM's default is 10, raisable to 25.
pub const POLICIES_PER_ROLE: usize = 25;
/// Versions of a managed policy.
pub const VERSIONS_PER_POLICY: usize = 5;
/// Characters of a managed policy's document, white space apart.
pub const POLICY_CHARACTERS: usize = 6_144;
/// Characters of all inline policies of a role, white space apart.
pub const INLINE_POLICY_CHARACTERS: usize = 10_240;
/// Characters of a role's trust policy, white space apart: IAM's default is 2,048, raisable to 8,192.
pub const TRUST_POLICY_CHARACTERS: usize = 8_192;
/// Characters of the description of a role or a policy (IAM API reference, `CreateRole`).
pub const IAM_DESCRIPTION_CHARACTERS: usize = 1_000;
/// How long sessions of a role may last that ask for it, in seconds (IAM API reference, `CreateRole`).
pub const SESSION_DURATIONS: core::ops::RangeInclusive<u32> = 3_600..=43_200;
/// Tags on a resource (EC2 User Guide, "Tag restrictions").
pub const TAGS_PER_RESOURCE: usize = 50;
/// Characters in a tag's key.
pub const TAG_KEY_CHARACTERS: usize = 128;
/// Characters in a tag's value.
pub const TAG_VALUE_CHARACTERS: usize = 256;
/// Characters in a client token.
pub const CLIENT_TOKEN_CHARACTERS: usize = 64;
/// Seconds for which a client token is remembered (EC2: "at least 24 hours").
pub const CLIENT_TOKEN_SECONDS: i64 = 24 * 3600;
/// Characters in a security group's name or description.
pub const SECURITY_GROUP_TEXT_CHARACTERS: usize = 255;
/// Bytes of user data before encoding (EC2 User Guide, "Run commands when you launch").
pub const USER_DATA_BYTES: usize = 16 * 1024;
/// Addresses that EC2 keeps at the start of each subnet: network, router, DNS, future use.
pub const RESERVED_FIRST_ADDRESSES: u64 = 4;
/// Addresses that EC2 keeps at the end of each subnet.
pub const RESERVED_LAST_ADDRESSES: u64 = 1;
/// Smallest and largest MaxResults of most Describe calls.
pub const PAGE_SIZES: core::ops::RangeInclusive<u32> = 5..=1000;
/// Smallest and largest MaxResults of `DescribeInstanceTypes` (EC2 API reference).
pub const INSTANCE_TYPE_PAGE_SIZES: core::ops::RangeInclusive<u32> = 5..=100;
/// Instance types named in one `DescribeInstanceTypes` (EC2 API reference).
pub const INSTANCE_TYPES_PER_CALL: usize = 100;
/// Instances in a region on one machine: a bound of ours, far above what two cores carry.
pub const INSTANCES_PER_REGION: usize = 1_000;
/// Seconds for which a terminated instance is still described (EC2: about an hour).
pub const TERMINATED_INSTANCE_SECONDS: i64 = 3600;
