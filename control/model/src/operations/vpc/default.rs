//! The default VPC: `CreateDefaultVpc`, and what a region starts with.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_types::{
    IdSequence, InternetGatewayId, Ipv4Cidr, NetworkAclAssociationId, SubnetId, TypedId,
    VpcCidrAssociationId, VpcId, VpcState,
};

use super::contents::VpcContents;
use super::create::check_quota;
use crate::api::vpc::{CreateDefaultVpc, CreateDefaultVpcResponse, VpcDescription};
use crate::resource::{
    InternetGateway, NetworkAclAssociation, Route, RouteOrigin, RouteTarget, Subnet, Vpc,
};
use crate::tags::Tags;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, RegionSettings, World};

/// The prefix length of default subnets ("Default subnets" in the VPC User Guide).
pub(crate) const DEFAULT_SUBNET_PREFIX_LENGTH: u8 = 20;

/// A default VPC with everything that makes it ready for use.
pub(crate) struct DefaultVpc {
    contents: VpcContents,
    internet_gateway: InternetGateway,
    subnets: Vec<Subnet>,
}

impl DefaultVpc {
    pub(crate) fn new(region: &RegionSettings, ids: &mut IdSequence) -> Self {
        let cidr_block = Ipv4Cidr::new(Ipv4Addr::new(172, 31, 0, 0), 16)
            .expect("16 bits are a prefix of an IPv4 address");
        let vpc = Vpc {
            vpc_id: VpcId::generate(ids),
            cidr_block,
            cidr_association_id: VpcCidrAssociationId::generate(ids),
            ipv4_cidr_block_associations: Vec::new(),
            ipv6_cidr_block_associations: Vec::new(),
            dhcp_options_id: Vpc::default_dhcp_options_id(),
            instance_tenancy: "default".into(),
            is_default: true,
            enable_dns_support: true,
            enable_dns_hostnames: true,
            enable_network_address_usage_metrics: false,
            tags: Tags::default(),
        };
        let mut contents = VpcContents::new(vpc, ids);
        let internet_gateway = InternetGateway {
            internet_gateway_id: InternetGatewayId::generate(ids),
            vpc_id: Some(contents.vpc.vpc_id),
            tags: Tags::default(),
        };
        contents.main_route_table.routes.push(Route {
            destination: Ipv4Cidr::ANY.into(),
            target: RouteTarget::InternetGateway(internet_gateway.internet_gateway_id),
            origin: RouteOrigin::CreateRoute,
        });
        let subnets: Vec<_> = default_blocks(cidr_block)
            .zip(&region.availability_zones)
            .map(|(block, zone)| default_subnet(contents.vpc.vpc_id, block, zone, ids))
            .collect();
        for subnet in &subnets {
            contents
                .default_network_acl
                .associations
                .push(NetworkAclAssociation {
                    association_id: NetworkAclAssociationId::generate(ids),
                    subnet_id: subnet.subnet_id,
                });
        }
        Self {
            contents,
            internet_gateway,
            subnets,
        }
    }

    pub(crate) fn into_changes(self) -> ChangeSet {
        let mut changes = self.contents.into_changes();
        changes.put(self.internet_gateway);
        for subnet in self.subnets {
            changes.put(subnet);
        }
        changes
    }
}

/// The blocks that default subnets may have, in order.
pub(crate) fn default_blocks(vpc_block: Ipv4Cidr) -> impl Iterator<Item = Ipv4Cidr> {
    let size = 1 << (32 - DEFAULT_SUBNET_PREFIX_LENGTH);
    (0..vpc_block.size() / size).filter_map(move |index| {
        Ipv4Cidr::new(vpc_block.nth(index * size)?, DEFAULT_SUBNET_PREFIX_LENGTH)
    })
}

/// A default subnet.
pub(crate) fn default_subnet(
    vpc_id: VpcId,
    cidr_block: Ipv4Cidr,
    zone: &str,
    ids: &mut IdSequence,
) -> Subnet {
    Subnet {
        subnet_id: SubnetId::generate(ids),
        vpc_id,
        cidr_block: Some(cidr_block),
        ipv6_cidr_block_association: None,
        assign_ipv6_address_on_creation: false,
        availability_zone: zone.into(),
        map_public_ip_on_launch: true,
        private_dns_names: Default::default(),
        default_for_az: true,
        tags: Tags::default(),
    }
}

/// Makes the default VPC anew after it was deleted.
impl Operation for CreateDefaultVpc {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        if world.default_vpc().is_some() {
            let message = "A Default VPC already exists for this account in this region.";
            return Err(ErrorCode::DefaultVpcAlreadyExists.with(message));
        }
        check_quota(world)?;
        let made = DefaultVpc::new(context.region, context.ids);
        let response = CreateDefaultVpcResponse {
            vpc: VpcDescription::new(&made.contents.vpc, VpcState::Pending, context.region),
        };
        Ok((made.into_changes(), response))
    }
}
