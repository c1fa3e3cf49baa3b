//! `DescribeIamInstanceProfileAssociations`, and what instances show of theirs.

use alloc::string::ToString;

use eni_types::InstanceId;

use crate::IdsOf;
use crate::Table;
use crate::api::iam_instance_profile_association::{
    DescribeIamInstanceProfileAssociations, DescribeIamInstanceProfileAssociationsResponse,
    IamInstanceProfileAssociationDescription, IamInstanceProfileDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::resource::IamInstanceProfileAssociation;

describes! {
    /// Finds associations of instance profiles with instances.
    DescribeIamInstanceProfileAssociations: association_ids in iam_instance_profile_associations,
        DescribeIamInstanceProfileAssociationsResponse { iam_instance_profile_association_set }
}

/// Every association that is there: it is made and gone at once.
const ASSOCIATED: &str = "associated";

impl Described for IamInstanceProfileAssociation {
    type Answer = IamInstanceProfileAssociationDescription;
    const HAS_TAG_FILTERS: bool = false;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("AssociationIds", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> IamInstanceProfileAssociationDescription {
        described(self, ASSOCIATED)
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        let id = || value.parse::<InstanceId>().ok();
        (name == "instance-id").then(|| Some(table.ids(&id()?)))?
    }
}

/// The association in a state that its row does not tell.
pub(super) fn described(
    association: &IamInstanceProfileAssociation,
    state: &'static str,
) -> IamInstanceProfileAssociationDescription {
    IamInstanceProfileAssociationDescription {
        association_id: association.association_id,
        instance_id: association.instance_id,
        iam_instance_profile: association.into(),
        state,
    }
}

impl From<&IamInstanceProfileAssociation> for IamInstanceProfileDescription {
    fn from(association: &IamInstanceProfileAssociation) -> Self {
        Self {
            arn: association.instance_profile_arn.clone(),
            id: association.instance_profile_id.to_string(),
        }
    }
}

/// The profile that an instance has, as its description shows it.
pub(crate) fn shown_at(
    instance_id: InstanceId,
    scope: Scope<'_>,
) -> Option<IamInstanceProfileDescription> {
    let associations = &scope.world.iam_instance_profile_associations;
    Some((&**associations.one(&instance_id)?).into())
}
