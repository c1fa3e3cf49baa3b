//! `DescribeAvailabilityZones`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_types::quota;

use super::OPT_IN_NOT_REQUIRED;
use super::names::long_name;
use crate::api::region::{
    DescribeAvailabilityZones, DescribeAvailabilityZonesResponse, ZoneDescription,
};
use crate::describe::{Described, Page, Scope, answer_among};
use crate::operations::zone;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, Planned, RegionSettings, World};

impl ZoneDescription {
    fn new(zone: &str, region: &RegionSettings) -> Self {
        Self {
            zone_name: zone.into(),
            zone_id: region.availability_zone_id(zone),
            zone_state: "available",
            zone_type: "availability-zone",
            region_name: region.region.clone(),
            group_name: format!("{}-zg-1", region.region),
            group_long_name: format!("{} 1", long_name(&region.region)),
            network_border_group: region.region.clone(),
            opt_in_status: OPT_IN_NOT_REQUIRED,
            message_set: ItemSet::default(),
        }
    }
}

/// Finds the region's availability zones.
impl Operation for DescribeAvailabilityZones {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let zones: Vec<_> = context
            .region
            .availability_zones
            .iter()
            .map(|zone| ZoneDescription::new(zone, context.region))
            .collect();
        check_known(&self.zone_names, |name| {
            zones.iter().any(|zone| zone.zone_name == name)
        })?;
        check_known(&self.zone_ids, |id| {
            zones.iter().any(|zone| zone.zone_id == id)
        })?;
        let is_wanted = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        let named = zones.into_iter().filter(|zone| {
            is_wanted(&self.zone_names, &zone.zone_name) && is_wanted(&self.zone_ids, &zone.zone_id)
        });
        let page = Page {
            filters: self.filters,
            ..Page::default()
        };
        let (availability_zone_info, _) = answer_among(
            named,
            false,
            |zone| zone.zone_name.clone(),
            &page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        ChangeSet::none().answered(DescribeAvailabilityZonesResponse {
            availability_zone_info,
        })
    }
}

fn check_known(given: &[String], is_known: impl Fn(&str) -> bool) -> Result<(), Ec2Error> {
    match given.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(unknown) => Err(zone::no_such_zone(unknown)),
    }
}

impl Described for ZoneDescription {
    type Answer = Self;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("ZoneNames", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> Self {
        self.clone()
    }
}
