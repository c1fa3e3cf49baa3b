//! VPCs, subnets and internet gateways.

use alloc::string::String;

use eni_types::{
    DhcpOptionsId, InternetGatewayId, Ipv4Cidr, SubnetId, VpcCidrAssociationId, VpcId,
};
use serde::{Deserialize, Serialize};

use super::DhcpOptions;
use crate::Row;
use crate::index::indexes;
use crate::tags::Tags;

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub vpc_id: VpcId,
    /// Its block, /16 to /28.
    pub cidr_block: Ipv4Cidr,
    /// The id under which EC2 lists the block's association.
    pub cidr_association_id: VpcCidrAssociationId,
    /// The set of DHCP options that its instances are given; none for no options.
    #[serde(default = "Vpc::default_dhcp_options_id")]
    pub dhcp_options_id: Option<DhcpOptionsId>,
    /// `default` or `dedicated`; described, without effect.
    pub instance_tenancy: String,
    /// Whether this is the region's default VPC.
    pub is_default: bool,
    /// Attribute `enableDnsSupport`, true unless modified.
    pub enable_dns_support: bool,
    /// Attribute `enableDnsHostnames`, true only in default VPCs unless modified.
    pub enable_dns_hostnames: bool,
    /// Attribute `enableNetworkAddressUsageMetrics`; described, without effect.
    #[serde(default)]
    pub enable_network_address_usage_metrics: bool,
    /// Its tags.
    pub tags: Tags,
}

impl Vpc {
    /// What a VPC begins with.
    #[expect(clippy::unnecessary_wraps, reason = "serde asks for the member's type")]
    pub(crate) fn default_dhcp_options_id() -> Option<DhcpOptionsId> {
        Some(DhcpOptions::default_id())
    }

    /// Whether public and private addresses have names: EC2 gives them where both attributes are set.
    #[must_use]
    pub fn has_dns_hostnames(&self) -> bool {
        self.enable_dns_support && self.enable_dns_hostnames
    }
}

impl Row for Vpc {
    type Id = VpcId;
    fn id(&self) -> VpcId {
        self.vpc_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    Vpc, VpcIndexes:
    dhcp_options: DhcpOptionsId = |vpc| vpc.dhcp_options_id;
}

/// A subnet: a part of a VPC's block in one availability zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub subnet_id: SubnetId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its block, within the VPC's.
    pub cidr_block: Ipv4Cidr,
    /// The zone's name: `us-east-1a`.
    pub availability_zone: String,
    /// Whether instances launched here get a public address.
    pub map_public_ip_on_launch: bool,
    /// Whether this is the zone's default subnet.
    pub default_for_az: bool,
    /// Its tags.
    pub tags: Tags,
}

impl Row for Subnet {
    type Id = SubnetId;
    fn id(&self) -> SubnetId {
        self.subnet_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    Subnet, SubnetIndexes:
    vpc: VpcId = |subnet| [subnet.vpc_id];
}

/// An internet gateway: attached to at most one VPC, and a VPC has at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Its id.
    pub internet_gateway_id: InternetGatewayId,
    /// The VPC it is attached to.
    pub vpc_id: Option<VpcId>,
    /// Its tags.
    pub tags: Tags,
}

impl Row for InternetGateway {
    type Id = InternetGatewayId;
    fn id(&self) -> InternetGatewayId {
        self.internet_gateway_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    InternetGateway, InternetGatewayIndexes:
    vpc: VpcId = |gateway| gateway.vpc_id;
}
