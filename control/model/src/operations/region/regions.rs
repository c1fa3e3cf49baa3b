//! `DescribeRegions`.

use alloc::format;

use eni_types::quota;

use super::OPT_IN_NOT_REQUIRED;
use crate::api::region::{DescribeRegions, DescribeRegionsResponse, RegionDescription};
use crate::describe::{Described, Page, Scope, answer_among};
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, World};

/// Finds regions: this one is all there is.
impl Operation for DescribeRegions {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let own = &context.region.region;
        if let Some(unknown) = self.region_names.iter().find(|name| *name != own) {
            let message = format!("Invalid region provided: [{unknown}]");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let region = RegionDescription {
            region_name: own.clone(),
            region_endpoint: format!("ec2.{own}.amazonaws.com"),
            opt_in_status: OPT_IN_NOT_REQUIRED,
        };
        let page = Page {
            filters: self.filters,
            ..Page::default()
        };
        let (region_info, _) = answer_among(
            [region].into_iter(),
            false,
            |region| region.region_name.clone(),
            &page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        Ok((ChangeSet::none(), DescribeRegionsResponse { region_info }))
    }
}

impl Described for RegionDescription {
    type Answer = Self;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("RegionNames", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> Self {
        self.clone()
    }
}
