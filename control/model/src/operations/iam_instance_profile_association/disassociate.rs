//! `DisassociateIamInstanceProfile`.

use super::describe::described;
use super::named::association;
use crate::api::iam_instance_profile_association::{
    DisassociateIamInstanceProfile, DisassociateIamInstanceProfileResponse,
};
use crate::{ChangeSet, Context, Operation, Planned, Row, World};

/// Takes its profile from an instance. Credentials that it has been given hold until they expire, as EC2's do.
impl Operation for DisassociateIamInstanceProfile {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let association = association(world, &self.association_id)?;
        let mut changes = ChangeSet::none();
        changes.delete(association.id());
        changes.answered(DisassociateIamInstanceProfileResponse {
            iam_instance_profile_association: described(association, "disassociating"),
        })
    }
}
