//! Settings of an account in a region, as every account finds them. Nothing can change those that stand here.

use crate::api::account_setting::{
    DescribeVpcBlockPublicAccessOptions, DescribeVpcBlockPublicAccessOptionsResponse,
    GetAllowedImagesSettings, GetAllowedImagesSettingsResponse, GetEbsEncryptionByDefault,
    GetEbsEncryptionByDefaultResponse, GetImageBlockPublicAccessState,
    GetImageBlockPublicAccessStateResponse, GetSerialConsoleAccessStatus,
    GetSerialConsoleAccessStatusResponse, GetSnapshotBlockPublicAccessState,
    GetSnapshotBlockPublicAccessStateResponse, VpcBlockPublicAccessOptions,
};
use crate::{ChangeSet, Context, ItemSet, Operation, Planned, World};

/// Who has set what nobody has set.
pub(crate) const MANAGED_BY: &str = "account";

macro_rules! settings {
    ($($(#[$doc:meta])* $operation:ident: $response:expr;)*) => {
        $(
            $(#[$doc])*
            impl Operation for $operation {
                fn plan(self, _: &World, _: &mut Context<'_>) -> Planned<Self> {
                    Ok((ChangeSet::none(), $response))
                }
            }
        )*
    };
}

settings! {
    /// Whether new volumes are encrypted unless the call says otherwise: not.
    GetEbsEncryptionByDefault: GetEbsEncryptionByDefaultResponse {
        ebs_encryption_by_default: false,
        sse_type: "none",
    };
    /// Whether snapshots can be shared with everybody: not blocked.
    GetSnapshotBlockPublicAccessState: GetSnapshotBlockPublicAccessStateResponse {
        state: "unblocked",
        managed_by: MANAGED_BY,
    };
    /// Whether images can be shared with everybody: new ones not, as in accounts that have shared none.
    GetImageBlockPublicAccessState: GetImageBlockPublicAccessStateResponse {
        image_block_public_access_state: "block-new-sharing",
        managed_by: MANAGED_BY,
    };
    /// Which images can be seen and used: all.
    GetAllowedImagesSettings: GetAllowedImagesSettingsResponse {
        state: "disabled",
        image_criterion_set: ItemSet::default(),
        managed_by: MANAGED_BY,
    };
    /// Whether the serial console can be reached: not.
    GetSerialConsoleAccessStatus: GetSerialConsoleAccessStatusResponse {
        serial_console_access_enabled: false,
        managed_by: MANAGED_BY,
    };
}

/// Says whether VPCs are kept from the internet: not, as each VPC's own description says.
impl Operation for DescribeVpcBlockPublicAccessOptions {
    fn plan(self, _: &World, context: &mut Context<'_>) -> Planned<Self> {
        ChangeSet::none().answered(DescribeVpcBlockPublicAccessOptionsResponse {
            vpc_block_public_access_options: VpcBlockPublicAccessOptions {
                aws_account_id: context.region.account_id.clone(),
                aws_region: context.region.region.clone(),
                state: "default-state",
                internet_gateway_block_mode: "off",
                managed_by: MANAGED_BY,
                exclusions_allowed: "allowed",
            },
        })
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
