//! A VPC as answers show it.

use alloc::string::{String, ToString};
use alloc::vec;

use eni_types::{VpcCidrAssociationId, VpcId, VpcState};
use serde::Serialize;

use crate::operations::dhcp_options::DEFAULT_DHCP_OPTIONS_ID;
use crate::resource::Vpc;
use crate::tags::TagItem;
use crate::{ItemSet, RegionSettings};

/// `vpc` in answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcDescription {
    vpc_id: VpcId,
    owner_id: String,
    state: VpcState,
    cidr_block: String,
    cidr_block_association_set: ItemSet<CidrBlockAssociation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_cidr_block_association_set: Option<ItemSet<()>>,
    dhcp_options_id: &'static str,
    tag_set: ItemSet<TagItem>,
    instance_tenancy: String,
    is_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_public_access_states: Option<BlockPublicAccessStates>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CidrBlockAssociation {
    association_id: VpcCidrAssociationId,
    cidr_block: String,
    cidr_block_state: CidrBlockState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct CidrBlockState {
    state: &'static str,
}

/// EC2's account-wide block of public access: not among our operations, so always off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockPublicAccessStates {
    internet_gateway_block_mode: &'static str,
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
            cidr_block_association_set: vec![CidrBlockAssociation {
                association_id: vpc.cidr_association_id,
                cidr_block: vpc.cidr_block.to_string(),
                cidr_block_state: CidrBlockState {
                    state: "associated",
                },
            }]
            .into(),
            ipv6_cidr_block_association_set: is_new.then(ItemSet::default),
            dhcp_options_id: DEFAULT_DHCP_OPTIONS_ID,
            tag_set: vpc.tags.to_items(),
            instance_tenancy: vpc.instance_tenancy.clone(),
            is_default: vpc.is_default,
            block_public_access_states: (!is_new).then_some(BlockPublicAccessStates::OFF),
        }
    }
}
