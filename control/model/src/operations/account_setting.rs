//! Settings of an account in a region, as every account finds them. Nothing here can change them.

use alloc::string::String;

use eni_query::FromQuery;
use serde::Serialize;

use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, World};

/// Who has set what nobody has set.
const MANAGED_BY: &str = "account";

macro_rules! settings {
    ($($(#[$doc:meta])* $operation:ident, $response:ident { $($field:ident: $type:ty = $value:expr,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
            pub struct $operation {}

            /// The answer.
            #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
            #[serde(rename_all = "camelCase")]
            pub struct $response { $($field: $type,)* }

            impl Operation for $operation {
                const NAME: &'static str = stringify!($operation);
                const MUTATES: bool = false;
                type Response = $response;

                fn plan(
                    self,
                    _world: &World,
                    _context: &mut Context<'_>,
                ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
                    Ok((ChangeSet::none(), $response { $($field: $value,)* }))
                }
            }
        )*
    };
}

settings! {
    /// Whether new volumes are encrypted unless the call says otherwise: not.
    GetEbsEncryptionByDefault, GetEbsEncryptionByDefaultResponse {
        ebs_encryption_by_default: bool = false,
        sse_type: &'static str = "none",
    }
    /// Whether snapshots can be shared with everybody: not blocked.
    GetSnapshotBlockPublicAccessState, GetSnapshotBlockPublicAccessStateResponse {
        state: &'static str = "unblocked",
        managed_by: &'static str = MANAGED_BY,
    }
    /// Whether images can be shared with everybody: new ones not, as in accounts that have shared none.
    GetImageBlockPublicAccessState, GetImageBlockPublicAccessStateResponse {
        image_block_public_access_state: &'static str = "block-new-sharing",
        managed_by: &'static str = MANAGED_BY,
    }
    /// Which images can be seen and used: all.
    GetAllowedImagesSettings, GetAllowedImagesSettingsResponse {
        state: &'static str = "disabled",
        image_criterion_set: ItemSet<()> = ItemSet::default(),
        managed_by: &'static str = MANAGED_BY,
    }
    /// What launches set of the metadata service unless they say otherwise: nothing, so that EC2's own defaults hold.
    GetInstanceMetadataDefaults, GetInstanceMetadataDefaultsResponse {
        account_level: NoDefaults = NoDefaults {},
    }
    /// Whether the serial console can be reached: not.
    GetSerialConsoleAccessStatus, GetSerialConsoleAccessStatusResponse {
        serial_console_access_enabled: bool = false,
        managed_by: &'static str = MANAGED_BY,
    }
}

/// No preference for any setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NoDefaults {}

/// Says whether VPCs are kept from the internet: not, as each VPC's own description says.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribeVpcBlockPublicAccessOptions {}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcBlockPublicAccessOptionsResponse {
    vpc_block_public_access_options: VpcBlockPublicAccessOptions,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct VpcBlockPublicAccessOptions {
    aws_account_id: String,
    aws_region: String,
    state: &'static str,
    internet_gateway_block_mode: &'static str,
    managed_by: &'static str,
    exclusions_allowed: &'static str,
}

impl Operation for DescribeVpcBlockPublicAccessOptions {
    const NAME: &'static str = "DescribeVpcBlockPublicAccessOptions";
    const MUTATES: bool = false;
    type Response = DescribeVpcBlockPublicAccessOptionsResponse;

    fn plan(
        self,
        _world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let response = DescribeVpcBlockPublicAccessOptionsResponse {
            vpc_block_public_access_options: VpcBlockPublicAccessOptions {
                aws_account_id: context.region.account_id.clone(),
                aws_region: context.region.region.clone(),
                state: "default-state",
                internet_gateway_block_mode: "off",
                managed_by: MANAGED_BY,
                exclusions_allowed: "allowed",
            },
        };
        Ok((ChangeSet::none(), response))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestWorld;

    #[test]
    fn settings_are_those_of_a_new_account() {
        let mut region = TestWorld::bootstrapped();
        for (action, want) in [
            (
                "GetEbsEncryptionByDefault",
                json!({"ebsEncryptionByDefault": false, "sseType": "none"}),
            ),
            (
                "GetSnapshotBlockPublicAccessState",
                json!({"state": "unblocked", "managedBy": "account"}),
            ),
            (
                "GetImageBlockPublicAccessState",
                json!({"imageBlockPublicAccessState": "block-new-sharing", "managedBy": "account"}),
            ),
            (
                "GetAllowedImagesSettings",
                json!({"state": "disabled", "imageCriterionSet": {"item": []}, "managedBy": "account"}),
            ),
            ("GetInstanceMetadataDefaults", json!({"accountLevel": {}})),
            (
                "GetSerialConsoleAccessStatus",
                json!({"serialConsoleAccessEnabled": false, "managedBy": "account"}),
            ),
            (
                "DescribeVpcBlockPublicAccessOptions",
                json!({"vpcBlockPublicAccessOptions": {
                    "awsAccountId": "123456789012",
                    "awsRegion": "us-east-1",
                    "state": "default-state",
                    "internetGatewayBlockMode": "off",
                    "managedBy": "account",
                    "exclusionsAllowed": "allowed",
                }}),
            ),
        ] {
            assert_eq!(region.must(action, &[]), want, "{action}");
        }
    }
}
