//! `AssociateIamInstanceProfile` and `ReplaceIamInstanceProfileAssociation`.

use alloc::format;

use eni_types::InstanceState;

use super::describe::described;
use super::named::association;
use crate::api::iam_instance_profile_association::{
    AssociateIamInstanceProfile, AssociateIamInstanceProfileResponse,
    ReplaceIamInstanceProfileAssociation, ReplaceIamInstanceProfileAssociationResponse,
};
use crate::resource::IamInstanceProfileAssociation;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, Row, World};

/// What answers show: the next call finds the association `associated`.
const ASSOCIATING: &str = "associating";

/// Gives an instance profile to an instance that has none.
impl Operation for AssociateIamInstanceProfile {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let instance = world.instances.known(self.instance_id)?;
        let profile = self.iam_instance_profile.known(world, context.region)?;
        let id = instance.instance_id;
        if matches!(
            instance.state,
            InstanceState::ShuttingDown | InstanceState::Terminated
        ) {
            let message = format!("The instance '{id}' is in the '{}' state.", instance.state);
            return Err(ErrorCode::IncorrectInstanceState.with(message));
        }
        if world.iam_instance_profile_associations.count(&id) > 0 {
            let message = format!("There is an existing association for instance {id}");
            return Err(ErrorCode::IncorrectState.with(message));
        }
        let made = IamInstanceProfileAssociation::new(id, profile, context);
        let response = AssociateIamInstanceProfileResponse {
            iam_instance_profile_association: described(&made, ASSOCIATING),
        };
        ChangeSet::putting(made).answered(response)
    }
}

/// Gives an instance another profile. The association is a new one.
impl Operation for ReplaceIamInstanceProfileAssociation {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let old = association(world, &self.association_id)?;
        let profile = self.iam_instance_profile.known(world, context.region)?;
        let made = IamInstanceProfileAssociation::new(old.instance_id, profile, context);
        let response = ReplaceIamInstanceProfileAssociationResponse {
            iam_instance_profile_association: described(&made, ASSOCIATING),
        };
        let mut changes = ChangeSet::putting(made);
        changes.delete(old.id());
        changes.answered(response)
    }
}
