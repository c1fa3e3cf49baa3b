//! What requests name: an instance profile, and an association.

use alloc::format;
use alloc::sync::Arc;

use eni_types::{IamInstanceProfileAssociationId, InstanceId, TypedId};

use crate::api::iam_instance_profile_association::IamInstanceProfile;
use crate::resource::{IamInstanceProfileAssociation, InstanceProfile};
use crate::{Context, Ec2Error, ErrorCode, RegionSettings, World};

impl IamInstanceProfile {
    /// The profile that is named, by its name or its ARN.
    ///
    /// # Errors
    /// `InvalidParameterValue` for one that is not there, or whose name is not that in the ARN given beside it.
    /// `MissingParameter` without both.
    pub(crate) fn known<'a>(
        &self,
        world: &'a World,
        region: &RegionSettings,
    ) -> Result<&'a Arc<InstanceProfile>, Ec2Error> {
        let invalid = |member: &str, value: &str, what: &str| {
            let message = format!(
                "Value ({value}) for parameter iamInstanceProfile.{member} is invalid. Invalid IAM Instance Profile {what}"
            );
            ErrorCode::InvalidParameterValue.with(message)
        };
        let by_name = |name: &str| world.instance_profiles.get(name.parse().ok()?);
        if let Some(arn) = &self.arn {
            let name = arn.rsplit('/').next().unwrap_or_default();
            let found = by_name(name).filter(|profile| profile.arn(region) == *arn);
            let is_named = self.name.as_deref().is_none_or(|given| given == name);
            return found
                .filter(|_| is_named)
                .ok_or_else(|| invalid("arn", arn, "ARN"));
        }
        let name = self.name.as_deref();
        let name = name.ok_or_else(|| Ec2Error::missing_parameter("IamInstanceProfile.Name"))?;
        by_name(name).ok_or_else(|| invalid("name", name, "name"))
    }

    /// Whether it names nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.arn.is_none() && self.name.is_none()
    }
}

impl IamInstanceProfileAssociation {
    /// A new association of `profile` with an instance.
    pub(crate) fn new(
        instance_id: InstanceId,
        profile: &InstanceProfile,
        context: &mut Context<'_>,
    ) -> Self {
        Self {
            association_id: IamInstanceProfileAssociationId::generate(context.ids),
            instance_id,
            instance_profile_id: profile.instance_profile_id,
            instance_profile_arn: profile.arn(context.region),
            timestamp: context.now,
        }
    }
}

/// The association with this id.
///
/// # Errors
/// `InvalidParameterValue` for a text that is no such id (github.com/aws/aws-cli/issues/2570),
/// `InvalidAssociationID.NotFound` (EC2 API reference, "Error codes").
pub(super) fn association<'a>(
    world: &'a World,
    id: &str,
) -> Result<&'a Arc<IamInstanceProfileAssociation>, Ec2Error> {
    let read = id.parse::<IamInstanceProfileAssociationId>();
    let id = read
        .map_err(|_| ErrorCode::InvalidParameterValue.with("Invalid value for associationId."))?;
    world.iam_instance_profile_associations.known(id)
}
