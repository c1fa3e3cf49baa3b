//! `DescribeSubnets`: a subnet as answers show it.

use alloc::string::{String, ToString};

use eni_types::{Ipv6Cidr, SubnetCidrAssociationId, SubnetState, VpcId};

use super::cidr_block::ASSOCIATED;
use crate::api::subnet::{
    DescribeSubnets, DescribeSubnetsResponse, PrivateDnsNameOptionsOnLaunch,
    SubnetCidrBlockStateDescription, SubnetDescription, SubnetIpv6CidrBlockAssociationDescription,
};
use crate::api::vpc::BlockPublicAccessStates;
use crate::describe::{Described, Scope, describes};
use crate::resource::{AssociatedBlock, Subnet};
use crate::tags::Tags;
use crate::{IdsOf, RegionSettings, Table};

describes! {
    /// Finds subnets.
    DescribeSubnets: subnet_ids in subnets, DescribeSubnetsResponse { subnet_set }
}

impl Described for Subnet {
    type Answer = SubnetDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("SubnetIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("subnet-id");

    fn describe(&self, scope: Scope<'_>) -> SubnetDescription {
        SubnetDescription::new(self, scope)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        match name {
            "vpc-id" => Some(table.ids(&value.parse::<VpcId>().ok()?)),
            _ => None,
        }
    }
}

impl SubnetDescription {
    pub(crate) fn new(subnet: &Subnet, scope: Scope<'_>) -> Self {
        let Scope { world, region } = scope;
        let names = subnet.private_dns_names_on_launch();
        Self {
            subnet_id: subnet.subnet_id,
            subnet_arn: arn(subnet, region),
            state: SubnetState::Available,
            owner_id: region.account_id.clone(),
            vpc_id: subnet.vpc_id,
            cidr_block: subnet.cidr_block.map(|block| block.to_string()),
            ipv6_cidr_block_association_set: subnet
                .ipv6_cidr_block_association
                .iter()
                .map(|one| SubnetIpv6CidrBlockAssociationDescription::new(*one, ASSOCIATED))
                .collect(),
            available_ip_address_count: world.available_ip_address_count(subnet),
            availability_zone: subnet.availability_zone.clone(),
            availability_zone_id: region.availability_zone_id(&subnet.availability_zone),
            default_for_az: subnet.default_for_az,
            map_public_ip_on_launch: subnet.map_public_ip_on_launch,
            map_customer_owned_ip_on_launch: false,
            assign_ipv6_address_on_creation: subnet.assign_ipv6_address_on_creation,
            ipv6_native: subnet.is_ipv6_native(),
            enable_dns64: false,
            private_dns_name_options_on_launch: PrivateDnsNameOptionsOnLaunch {
                hostname_type: names.hostname_type.name(),
                enable_resource_name_dns_a_record: names.a_record,
                enable_resource_name_dns_aaaa_record: names.aaaa_record,
            },
            block_public_access_states: BlockPublicAccessStates::OFF,
            tag_set: subnet.tags.to_items(),
        }
    }
}

impl SubnetIpv6CidrBlockAssociationDescription {
    pub(super) fn new(
        block: AssociatedBlock<SubnetCidrAssociationId, Ipv6Cidr>,
        state: &'static str,
    ) -> Self {
        Self {
            association_id: block.association_id,
            ipv6_cidr_block: block.cidr_block.to_string(),
            ipv6_cidr_block_state: SubnetCidrBlockStateDescription { state },
            ipv6_address_attribute: "public",
            ip_source: "amazon",
        }
    }
}

/// The subnet's Amazon resource name.
pub(crate) fn arn(subnet: &Subnet, region: &RegionSettings) -> String {
    region.arn("subnet", subnet.subnet_id)
}
