//! `DescribeSubnets`.

use crate::tags::Tags;

use crate::IndexKey;
use crate::api::subnet::{DescribeSubnets, DescribeSubnetsResponse, SubnetDescription};
use crate::describe::{Described, Scope, describes};
use crate::resource::Subnet;

describes! {
    /// Finds subnets.
    DescribeSubnets: subnet_ids in subnets, DescribeSubnetsResponse { subnet_set }
}

impl Described for Subnet {
    type Answer = SubnetDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("SubnetIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("subnet-id");

    fn describe(&self, scope: Scope<'_>) -> SubnetDescription {
        SubnetDescription::new(self, scope)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn index_key(name: &str, value: &str) -> Option<IndexKey> {
        match name {
            "vpc-id" => value.parse().ok().map(IndexKey::Vpc),
            _ => None,
        }
    }
}
