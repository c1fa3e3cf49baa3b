//! `DescribeRegions`.

use alloc::borrow::Cow;
use alloc::format;

use eni_types::quota;

use super::OPT_IN_NOT_REQUIRED;
use crate::api::region::{DescribeRegions, DescribeRegionsResponse, RegionDescription};
use crate::describe::{Described, Page, Scope, find_among};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, IndexKey, Operation, Planned, Row, World};

/// Finds regions: this one is all there is.
impl Operation for DescribeRegions {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let own = &context.region.region;
        if let Some(unknown) = self.region_names.iter().find(|name| *name != own) {
            let message = format!("Invalid region provided: [{unknown}]");
            return Err(Ec2Error::new(ErrorCode::InvalidParameterValue, message));
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
        let (found, _) = find_among(
            [region].into_iter(),
            false,
            |region| region.region_name.clone(),
            &page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        let response = DescribeRegionsResponse {
            region_info: found.into(),
        };
        Ok((ChangeSet::none(), response))
    }
}

impl Row for RegionDescription {
    type Id = ();
    fn id(&self) {}
    fn tags(&self) -> &Tags {
        Tags::NONE
    }
    fn index_keys(&self, _add: &mut dyn FnMut(IndexKey)) {}
}

impl Described for RegionDescription {
    const FILTERS: &'static [&'static str] = &["endpoint", "opt-in-status", "region-name"];
    const IDS_AND_PAGE: (&'static str, &'static str) = ("RegionNames", "MaxResults");

    fn filter_values<'a>(
        &'a self,
        name: &str,
        _scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        give(match name {
            "endpoint" => self.region_endpoint.as_str().into(),
            "opt-in-status" => self.opt_in_status.into(),
            _ => self.region_name.as_str().into(),
        });
    }
}
