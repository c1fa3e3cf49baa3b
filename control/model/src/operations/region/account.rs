//! `DescribeAccountAttributes`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::quota;
use serde::Serialize;

use crate::{ChangeSet, Context, Ec2Error, ErrorCode, ItemSet, Operation, World};

/// Says what the account has and may have in the region.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeAccountAttributes {
    /// Only these.
    #[query(name = "AttributeName")]
    pub attribute_names: Vec<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeAccountAttributesResponse {
    account_attribute_set: ItemSet<AccountAttribute>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountAttribute {
    attribute_name: &'static str,
    attribute_value_set: ItemSet<AccountAttributeValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountAttributeValue {
    attribute_value: String,
}

impl Operation for DescribeAccountAttributes {
    const NAME: &'static str = "DescribeAccountAttributes";
    const MUTATES: bool = false;
    type Response = DescribeAccountAttributesResponse;

    fn plan(
        self,
        world: &World,
        _context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
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
            return Err(Ec2Error::new(ErrorCode::InvalidParameterValue, message));
        }
        let response = DescribeAccountAttributesResponse {
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
        };
        Ok((ChangeSet::none(), response))
    }
}
