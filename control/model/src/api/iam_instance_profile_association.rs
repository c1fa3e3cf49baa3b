//! Instance profiles of instances: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/iam_instance_profile_association.toml`.

use crate::ItemSet;
use crate::describe::{Filtered, Page};
use crate::operation::Action;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use eni_query::FromQuery;
use eni_types::{IamInstanceProfileAssociationId, InstanceId};
use serde::Serialize;

/// What `AssociateIamInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct AssociateIamInstanceProfile {
    pub(crate) iam_instance_profile: IamInstanceProfile,
    pub(crate) instance_id: InstanceId,
}

/// What `AssociateIamInstanceProfile` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateIamInstanceProfileResponse {
    pub(crate) iam_instance_profile_association: IamInstanceProfileAssociationDescription,
}

impl Action for AssociateIamInstanceProfile {
    const NAME: &'static str = "AssociateIamInstanceProfile";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = AssociateIamInstanceProfileResponse;
}

/// What `DescribeIamInstanceProfileAssociations` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeIamInstanceProfileAssociations {
    #[query(name = "AssociationId")]
    pub(crate) association_ids: Vec<IamInstanceProfileAssociationId>,
    #[query(flatten)]
    pub(crate) page: Page,
}

/// What `DescribeIamInstanceProfileAssociations` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeIamInstanceProfileAssociationsResponse {
    pub(crate) iam_instance_profile_association_set:
        ItemSet<IamInstanceProfileAssociationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeIamInstanceProfileAssociations {
    const NAME: &'static str = "DescribeIamInstanceProfileAssociations";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = false;
    type Response = DescribeIamInstanceProfileAssociationsResponse;
}

impl Filtered for IamInstanceProfileAssociationDescription {
    const FILTERS: &'static [&'static str] = &["instance-id", "state"];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "instance-id" => give(self.instance_id.to_string()),
            "state" => give(self.state.to_string()),
            _ => {}
        }
    }
}

/// What `DisassociateIamInstanceProfile` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DisassociateIamInstanceProfile {
    pub(crate) association_id: String,
}

/// What `DisassociateIamInstanceProfile` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisassociateIamInstanceProfileResponse {
    pub(crate) iam_instance_profile_association: IamInstanceProfileAssociationDescription,
}

impl Action for DisassociateIamInstanceProfile {
    const NAME: &'static str = "DisassociateIamInstanceProfile";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = DisassociateIamInstanceProfileResponse;
}

/// What `ReplaceIamInstanceProfileAssociation` is asked.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct ReplaceIamInstanceProfileAssociation {
    pub(crate) iam_instance_profile: IamInstanceProfile,
    pub(crate) association_id: String,
}

/// What `ReplaceIamInstanceProfileAssociation` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplaceIamInstanceProfileAssociationResponse {
    pub(crate) iam_instance_profile_association: IamInstanceProfileAssociationDescription,
}

impl Action for ReplaceIamInstanceProfileAssociation {
    const NAME: &'static str = "ReplaceIamInstanceProfileAssociation";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = false;
    type Response = ReplaceIamInstanceProfileAssociationResponse;
}

/// `IamInstanceProfileSpecification` of EC2's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub(crate) struct IamInstanceProfile {
    pub(crate) arn: Option<String>,
    pub(crate) name: Option<String>,
}

/// `IamInstanceProfileAssociation` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IamInstanceProfileAssociationDescription {
    pub(crate) association_id: IamInstanceProfileAssociationId,
    pub(crate) instance_id: InstanceId,
    pub(crate) iam_instance_profile: IamInstanceProfileDescription,
    pub(crate) state: &'static str,
}

/// `IamInstanceProfile` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IamInstanceProfileDescription {
    pub(crate) arn: String,
    pub(crate) id: String,
}
