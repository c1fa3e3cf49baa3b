//! `DescribeInstanceTypeOfferings`.

use alloc::format;
use alloc::string::String;
use alloc::vec::{self, Vec};

use crate::api::instance_type::{
    DescribeInstanceTypeOfferings, DescribeInstanceTypeOfferingsResponse, Offering,
};
use crate::describe::{Described, Listing, Made, MadeListing, Maker, Scope, lists};
use crate::instance_types::InstanceType;
use crate::{Ec2Error, ErrorCode, RegionSettings, World};

impl DescribeInstanceTypeOfferings {
    fn listed(
        &self,
        _: &World,
    ) -> Result<impl Listing<DescribeInstanceTypeOfferingsResponse> + use<>, Ec2Error> {
        let location_type = self.location_type.as_deref().unwrap_or("region");
        let offerings = Offerings {
            types: InstanceType::all().collect::<Vec<_>>().into_iter(),
            location_type: location_type.into(),
            locations: locations(location_type)?,
            location: 0,
        };
        MadeListing::asked_for(
            offerings,
            false,
            &self.page,
            |instance_type_offering_set, next_token| DescribeInstanceTypeOfferingsResponse {
                instance_type_offering_set,
                next_token,
            },
        )
    }
}

lists! {
    /// Says where instance types can be launched: everywhere, as all zones are on one machine.
    DescribeInstanceTypeOfferings
}

/// Goes over types by name, and over the locations of each.
struct Offerings {
    types: vec::IntoIter<&'static InstanceType>,
    location_type: String,
    locations: Locations,
    /// The next of the first type's.
    location: usize,
}

impl Maker for Offerings {
    type Row = Offering;

    fn look(&mut self, scope: Scope<'_>) -> Option<Option<Offering>> {
        let first = self.types.as_slice().first()?;
        let Some(location) = (self.locations)(scope.region, self.location) else {
            self.types.next();
            self.location = 0;
            return Some(None);
        };
        self.location += 1;
        Some(Some(Offering {
            instance_type: first.name,
            location_type: self.location_type.clone(),
            location,
        }))
    }
}

impl Made for Offering {
    fn key(&self) -> String {
        format!("{} {}", self.instance_type, self.location)
    }
}

/// The location with this number, if there are so many.
type Locations = fn(&RegionSettings, usize) -> Option<String>;

fn locations(location_type: &str) -> Result<Locations, Ec2Error> {
    match location_type {
        "region" => Ok(|region, number| (number == 0).then(|| region.region.clone())),
        "availability-zone" => Ok(|region, number| region.availability_zones.get(number).cloned()),
        "availability-zone-id" => Ok(|region, number| {
            let zone = region.availability_zones.get(number)?;
            Some(region.availability_zone_id(zone))
        }),
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
