//! `DescribeVpcs`: a VPC as answers show it.

use alloc::string::ToString;
use core::iter;

use eni_types::{Ipv4Cidr, Ipv6Cidr, VpcCidrAssociationId, VpcState};

use super::cidr_block::{ASSOCIATED, ASSOCIATING};
use crate::RegionSettings;
use crate::api::vpc::{
    BlockPublicAccessStates, DescribeVpcs, DescribeVpcsResponse,
    VpcCidrBlockAssociationDescription, VpcCidrBlockStateDescription, VpcDescription,
    VpcIpv6CidrBlockAssociationDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::operations::dhcp_options::NO_SET;
use crate::resource::{AssociatedBlock, Vpc};
use crate::tags::Tags;

/// The pool of the blocks that Amazon provides.
const AMAZON_POOL: &str = "Amazon";

describes! {
    /// Finds VPCs.
    DescribeVpcs: vpc_ids in vpcs, DescribeVpcsResponse { vpc_set }
}

impl Described for Vpc {
    type Answer = VpcDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("VpcIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("vpc-id");

    fn describe(&self, scope: Scope<'_>) -> VpcDescription {
        VpcDescription::new(self, VpcState::Available, scope.region)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }
}

impl BlockPublicAccessStates {
    pub(crate) const OFF: Self = Self {
        internet_gateway_block_mode: "off",
    };
}

impl VpcDescription {
    /// The answer that makes a VPC, alone, shows where it has no IPv6 blocks; only later ones say what is blocked.
    pub(crate) fn new(vpc: &Vpc, state: VpcState, region: &RegionSettings) -> Self {
        let is_new = state == VpcState::Pending;
        let primary = AssociatedBlock {
            association_id: vpc.cidr_association_id,
            cidr_block: vpc.cidr_block,
        };
        Self {
            vpc_id: vpc.vpc_id,
            owner_id: region.account_id.clone(),
            state,
            cidr_block: vpc.cidr_block.to_string(),
            cidr_block_association_set: iter::once(primary)
                .chain(vpc.ipv4_cidr_block_associations.iter().copied())
                .map(|one| VpcCidrBlockAssociationDescription::new(one, ASSOCIATED))
                .collect(),
            ipv6_cidr_block_association_set: (is_new || vpc.has_ipv6()).then(|| {
                let blocks = vpc.ipv6_cidr_block_associations.iter();
                let state = if is_new { ASSOCIATING } else { ASSOCIATED };
                blocks
                    .map(|one| VpcIpv6CidrBlockAssociationDescription::new(*one, state, region))
                    .collect()
            }),
            dhcp_options_id: vpc
                .dhcp_options_id
                .map_or_else(|| NO_SET.into(), |id| id.to_string()),
            tag_set: vpc.tags.to_items(),
            instance_tenancy: vpc.instance_tenancy.clone(),
            is_default: vpc.is_default,
            block_public_access_states: (!is_new).then_some(BlockPublicAccessStates::OFF),
        }
    }
}

impl VpcCidrBlockAssociationDescription {
    pub(super) fn new(
        block: AssociatedBlock<VpcCidrAssociationId, Ipv4Cidr>,
        state: &'static str,
    ) -> Self {
        Self {
            association_id: block.association_id,
            cidr_block: block.cidr_block.to_string(),
            cidr_block_state: VpcCidrBlockStateDescription { state },
        }
    }
}

impl VpcIpv6CidrBlockAssociationDescription {
    pub(super) fn new(
        block: AssociatedBlock<VpcCidrAssociationId, Ipv6Cidr>,
        state: &'static str,
        region: &RegionSettings,
    ) -> Self {
        Self {
            association_id: block.association_id,
            ipv6_cidr_block: block.cidr_block.to_string(),
            ipv6_cidr_block_state: VpcCidrBlockStateDescription { state },
            network_border_group: region.region.clone(),
            ipv6_pool: AMAZON_POOL.into(),
            ipv6_address_attribute: "public",
            ip_source: "amazon",
        }
    }
}
