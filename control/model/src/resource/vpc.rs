//! VPCs, subnets and internet gateways.

use alloc::string::String;
use alloc::vec::Vec;
use core::iter;
use core::net::Ipv4Addr;

use eni_types::{
    DhcpOptionsId, EgressOnlyInternetGatewayId, InternetGatewayId, IpCidr, Ipv4Cidr, Ipv6Cidr,
    SubnetCidrAssociationId, SubnetId, VpcCidrAssociationId, VpcId,
};
use serde::{Deserialize, Serialize};

use super::{DhcpOptions, HostnameType, PrivateDnsNames};
use crate::Row;
use crate::index::indexes;
use crate::tags::Tags;

/// A block, and the id under which EC2 lists its association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssociatedBlock<I, B> {
    /// Of the association.
    pub association_id: I,
    /// The block.
    pub cidr_block: B,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub vpc_id: VpcId,
    /// Its primary block, /16 to /28, for life.
    pub cidr_block: Ipv4Cidr,
    /// The id under which EC2 lists the primary block's association.
    pub cidr_association_id: VpcCidrAssociationId,
    /// Further IPv4 blocks, in the order in which they came.
    #[serde(default)]
    pub ipv4_cidr_block_associations: Vec<AssociatedBlock<VpcCidrAssociationId, Ipv4Cidr>>,
    /// IPv6 blocks, in the order in which they came.
    #[serde(default)]
    pub ipv6_cidr_block_associations: Vec<AssociatedBlock<VpcCidrAssociationId, Ipv6Cidr>>,
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

    /// All its IPv4 blocks, the primary one first.
    pub fn ipv4_blocks(&self) -> impl Iterator<Item = Ipv4Cidr> {
        let further = self.ipv4_cidr_block_associations.iter();
        iter::once(self.cidr_block).chain(further.map(|one| one.cidr_block))
    }

    /// All its IPv6 blocks.
    pub fn ipv6_blocks(&self) -> impl Iterator<Item = Ipv6Cidr> {
        let blocks = self.ipv6_cidr_block_associations.iter();
        blocks.map(|one| one.cidr_block)
    }

    /// Whether it has IPv6 blocks.
    #[must_use]
    pub fn has_ipv6(&self) -> bool {
        !self.ipv6_cidr_block_associations.is_empty()
    }

    /// All its blocks, those of IPv4 first.
    pub fn blocks(&self) -> impl Iterator<Item = IpCidr> {
        let ipv4 = self.ipv4_blocks().map(IpCidr::V4);
        ipv4.chain(self.ipv6_blocks().map(IpCidr::V6))
    }

    /// Where its resolver answers, beside the link-local address: the block's third address (Amazon VPC User Guide, "Amazon
    /// DNS server"). `None` where attribute `enableDnsSupport` is off.
    #[must_use]
    pub fn resolver_address(&self) -> Option<Ipv4Addr> {
        const OFFSET: u64 = 2;
        let address = self.cidr_block.nth(OFFSET)?;
        self.enable_dns_support.then_some(address)
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
    cidr_association: VpcCidrAssociationId = |vpc| {
        let further = vpc.ipv4_cidr_block_associations.iter().map(|one| one.association_id);
        let ipv6 = vpc.ipv6_cidr_block_associations.iter().map(|one| one.association_id);
        iter::once(vpc.cidr_association_id).chain(further).chain(ipv6)
    };
    ipv6_block: Ipv6Cidr = |vpc| vpc.ipv6_cidr_block_associations.iter().map(|one| one.cidr_block);
}

/// A subnet: a part of a VPC's blocks in one availability zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub subnet_id: SubnetId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its IPv4 block, within one of the VPC's; none in a subnet of IPv6 only.
    pub cidr_block: Option<Ipv4Cidr>,
    /// Its IPv6 block, within one of the VPC's. Never absent where there is no IPv4 block.
    #[serde(default)]
    pub ipv6_cidr_block_association: Option<AssociatedBlock<SubnetCidrAssociationId, Ipv6Cidr>>,
    /// Whether interfaces made here get an IPv6 address.
    #[serde(default)]
    pub assign_ipv6_address_on_creation: bool,
    /// The zone's name: `us-east-1a`.
    pub availability_zone: String,
    /// Whether instances launched here get a public address.
    pub map_public_ip_on_launch: bool,
    /// How the private names of instances that are launched here are made; see [`Self::private_dns_names_on_launch`].
    #[serde(default)]
    pub private_dns_names: PrivateDnsNames,
    /// Whether this is the zone's default subnet.
    pub default_for_az: bool,
    /// Its tags.
    pub tags: Tags,
}

impl Subnet {
    /// Its IPv6 block.
    #[must_use]
    pub fn ipv6_cidr_block(&self) -> Option<Ipv6Cidr> {
        let association = self.ipv6_cidr_block_association;
        association.map(|association| association.cidr_block)
    }

    /// Its blocks: at least one.
    pub fn blocks(&self) -> impl Iterator<Item = IpCidr> + use<> {
        let ipv6 = self.ipv6_cidr_block().map(IpCidr::V6);
        self.cidr_block.map(IpCidr::V4).into_iter().chain(ipv6)
    }

    /// How the private names of instances that are launched here are made: without IPv4 addresses, of ids.
    #[must_use]
    pub fn private_dns_names_on_launch(&self) -> PrivateDnsNames {
        let mut names = self.private_dns_names;
        if self.is_ipv6_native() {
            names.hostname_type = HostnameType::ResourceName;
        }
        names
    }

    /// Whether it is of IPv6 only.
    #[must_use]
    pub fn is_ipv6_native(&self) -> bool {
        self.cidr_block.is_none()
    }
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
    cidr_association: SubnetCidrAssociationId = |subnet| {
        subnet.ipv6_cidr_block_association.iter().map(|association| association.association_id)
    };
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

/// An egress-only internet gateway: the way out of its VPC for IPv6, and the way back for answers. It is attached to its VPC
/// for life, and a VPC has at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressOnlyInternetGateway {
    /// Its id.
    pub egress_only_internet_gateway_id: EgressOnlyInternetGatewayId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its tags.
    pub tags: Tags,
}

impl Row for EgressOnlyInternetGateway {
    type Id = EgressOnlyInternetGatewayId;
    fn id(&self) -> EgressOnlyInternetGatewayId {
        self.egress_only_internet_gateway_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    EgressOnlyInternetGateway, EgressOnlyInternetGatewayIndexes:
    vpc: VpcId = |gateway| [gateway.vpc_id];
}
