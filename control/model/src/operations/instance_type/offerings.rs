//! `DescribeInstanceTypeOfferings`.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use eni_types::quota;

use crate::api::instance_type::{
    DescribeInstanceTypeOfferings, DescribeInstanceTypeOfferingsResponse, Offering,
};
use crate::describe::{Described, Scope, answer_among};
use crate::instance_types::InstanceType;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, RegionSettings, World};

/// Says where instance types can be launched: everywhere, as all zones are on one machine.
impl Operation for DescribeInstanceTypeOfferings {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let location_type = self.location_type.as_deref().unwrap_or("region");
        let locations = locations(location_type, context.region)?;
        let offerings = InstanceType::all().flat_map(|row| {
            locations.iter().map(move |location| Offering {
                instance_type: row.name,
                location_type: location_type.into(),
                location: location.clone(),
            })
        });
        let key = |row: &Offering| format!("{} {}", row.instance_type, row.location);
        let scope = Scope::new(world, context);
        let (instance_type_offering_set, next_token) =
            answer_among(offerings, false, key, &self.page, &quota::PAGE_SIZES, scope)?;
        ChangeSet::none().answered(DescribeInstanceTypeOfferingsResponse {
            instance_type_offering_set,
            next_token,
        })
    }
}

fn locations(location_type: &str, region: &RegionSettings) -> Result<Vec<String>, Ec2Error> {
    let zones = &region.availability_zones;
    match location_type {
        "region" => Ok(vec![region.region.clone()]),
        "availability-zone" => Ok(zones.clone()),
        "availability-zone-id" => Ok(zones
            .iter()
            .map(|zone| region.availability_zone_id(zone))
            .collect()),
        other => {
            let message = format!("Value ({other}) for parameter locationType is invalid.");
            Err(ErrorCode::InvalidParameterValue.with(message))
        }
    }
}

impl Described for Offering {
    type Answer = Self;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("InstanceTypes", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestWorld;

    #[test]
    fn a_type_is_offered_in_every_zone() {
        let mut region = TestWorld::bootstrapped();
        for (location_type, want) in [
            ("region", &["us-east-1"][..]),
            (
                "availability-zone",
                &["us-east-1a", "us-east-1b", "us-east-1c"],
            ),
            (
                "availability-zone-id",
                &["use1-az1", "use1-az2", "use1-az3"],
            ),
        ] {
            let parameters = [
                ("LocationType", location_type),
                ("Filter.1.Name", "instance-type"),
                ("Filter.1.Value.1", "t3.micro"),
            ];
            let answer = region.must("DescribeInstanceTypeOfferings", &parameters);
            assert_eq!(
                TestWorld::texts(&answer, "/instanceTypeOfferingSet", "/location"),
                want
            );
        }
        assert_eq!(
            region.refused(
                "DescribeInstanceTypeOfferings",
                &[("LocationType", "outpost")]
            ),
            "InvalidParameterValue: Value (outpost) for parameter locationType is invalid."
        );
    }
}
