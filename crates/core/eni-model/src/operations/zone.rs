//! Availability zones as requests name them.

use alloc::format;
use alloc::string::String;

use crate::{Ec2Error, ErrorCode, RegionSettings};

/// The zone that a request names by name or id; the first one where it names none, as EC2 chooses then.
///
/// # Errors
/// `InvalidParameterValue` for a zone that the region does not have, `InvalidParameterCombination` for a name and an id.
pub(crate) fn chosen<'a>(
    name: Option<&str>,
    id: Option<&str>,
    region: &'a RegionSettings,
) -> Result<&'a str, Ec2Error> {
    let zones = &region.availability_zones;
    let (parameter, given, found) = match (name, id) {
        (Some(_), Some(_)) => {
            let message =
                "The parameters availabilityZone and availabilityZoneId cannot be used together.";
            return Err(Ec2Error::new(
                ErrorCode::InvalidParameterCombination,
                message,
            ));
        }
        (None, None) => return zones.first().map(String::as_str).ok_or_else(no_zone),
        (Some(name), None) => (
            "availabilityZone",
            name,
            zones.iter().find(|zone| *zone == name),
        ),
        (None, Some(id)) => (
            "availabilityZoneId",
            id,
            zones
                .iter()
                .find(|zone| region.availability_zone_id(zone) == id),
        ),
    };
    found.map(String::as_str).ok_or_else(|| {
        let message = format!(
            "Value ({given}) for parameter {parameter} is invalid. Subnets can currently only be created in the following availability zones: {}.",
            zones.join(", ")
        );
        Ec2Error::new(ErrorCode::InvalidParameterValue, message)
    })
}

fn no_zone() -> Ec2Error {
    Ec2Error::new(
        ErrorCode::Unavailable,
        "The region has no availability zone.",
    )
}
