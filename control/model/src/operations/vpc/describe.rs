//! `DescribeVpcs`: a VPC as answers show it.

use alloc::string::ToString;
use alloc::vec;

use eni_types::VpcState;

use crate::api::vpc::{
    BlockPublicAccessStates, DescribeVpcs, DescribeVpcsResponse,
    VpcCidrBlockAssociationDescription, VpcCidrBlockStateDescription, VpcDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::operations::dhcp_options::NO_SET;
use crate::resource::Vpc;
use crate::tags::Tags;
use crate::{ItemSet, RegionSettings};

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
    /// The answer that makes a VPC, alone, shows that it has no IPv6 blocks; only later ones say what is blocked.
    pub(crate) fn new(vpc: &Vpc, state: VpcState, region: &RegionSettings) -> Self {
        let is_new = state == VpcState::Pending;
        Self {
            vpc_id: vpc.vpc_id,
            owner_id: region.account_id.clone(),
            state,
            cidr_block: vpc.cidr_block.to_string(),
            cidr_block_association_set: vec![VpcCidrBlockAssociationDescription {
                association_id: vpc.cidr_association_id,
                cidr_block: vpc.cidr_block.to_string(),
                cidr_block_state: VpcCidrBlockStateDescription {
                    state: "associated",
                },
            }]
            .into(),
            ipv6_cidr_block_association_set: is_new.then(ItemSet::default),
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
