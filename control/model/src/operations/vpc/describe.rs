//! `DescribeVpcs`.

use crate::tags::Tags;

use eni_types::VpcState;

use crate::api::vpc::{DescribeVpcs, DescribeVpcsResponse, VpcDescription};
use crate::describe::{Described, Scope, describes};
use crate::resource::Vpc;

describes! {
    /// Finds VPCs.
    DescribeVpcs: vpc_ids in vpcs, DescribeVpcsResponse { vpc_set }
}

impl Described for Vpc {
    type Answer = VpcDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("VpcIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("vpc-id");

    fn describe(&self, scope: Scope<'_>) -> VpcDescription {
        VpcDescription::new(self, VpcState::Available, scope.region)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }
}
