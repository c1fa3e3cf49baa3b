//! `DescribeAccountAttributes`.

use alloc::format;
use alloc::string::{String, ToString};

use eni_types::quota;

use crate::api::region::{
    AccountAttribute, AccountAttributeValue, DescribeAccountAttributes,
    DescribeAccountAttributesResponse,
};
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, World};

/// Says what the account has and may have in the region.
impl Operation for DescribeAccountAttributes {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let default_vpc = world.default_vpc();
        let all = [
            ("supported-platforms", "VPC".into()),
            (
                "default-vpc",
                default_vpc.map_or_else(|| "none".into(), |vpc| vpc.vpc_id.to_string()),
            ),
            (
                "vpc-max-security-groups-per-interface",
                quota::SECURITY_GROUPS_PER_NETWORK_INTERFACE.to_string(),
            ),
            ("max-instances", quota::INSTANCES_PER_REGION.to_string()),
            ("max-elastic-ips", quota::ADDRESSES_PER_REGION.to_string()),
            (
                "vpc-max-elastic-ips",
                quota::ADDRESSES_PER_REGION.to_string(),
            ),
        ];
        let names = &self.attribute_names;
        let is_known = |name: &&String| all.iter().any(|(known, _)| known == name);
        if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
            let message = format!(
                "Value ({unknown}) for parameter attributeName is invalid. Unknown attribute."
            );
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        ChangeSet::none().answered(DescribeAccountAttributesResponse {
            account_attribute_set: all
                .into_iter()
                .filter(|(name, _)| names.is_empty() || names.iter().any(|given| given == name))
                .map(|(attribute_name, attribute_value)| AccountAttribute {
                    attribute_name,
                    attribute_value_set: [AccountAttributeValue { attribute_value }]
                        .into_iter()
                        .collect(),
                })
                .collect(),
        })
    }
}
