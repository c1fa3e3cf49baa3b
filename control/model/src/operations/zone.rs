//! Availability zones as requests name them.

use alloc::format;
use alloc::string::String;

use crate::{Ec2Error, ErrorCode, RegionSettings};

/// The zone that a request for a subnet names by name or id; the first one where it names none, as EC2 chooses then.
///
/// # Errors
/// `InvalidParameterValue` for a zone that the region does not have, `InvalidParameterCombination` for a name and an id.
pub(crate) fn chosen<'a>(
    name: Option<&str>,
    id: Option<&str>,
    region: &'a RegionSettings,
) -> Result<&'a str, Ec2Error> {
    let zones = &region.availability_zones;
    let (parameter, given) = match (name, id) {
        (None, None) => return zones.first().map(String::as_str).ok_or_else(no_zone),
        (Some(name), _) => ("availabilityZone", name),
        (None, Some(id)) => ("availabilityZoneId", id),
    };
    find(name, id, region)?.ok_or_else(|| {
        let message = format!(
            "Value ({given}) for parameter {parameter} is invalid. Subnets can currently only be created in the following availability zones: {}.",
            zones.join(", ")
        );
        ErrorCode::InvalidParameterValue.with(message)
    })
}

/// The zone that a launch names by name or id, if it names one.
///
/// # Errors
/// As [`chosen`].
pub(crate) fn of_launch<'a>(
    name: Option<&str>,
    id: Option<&str>,
    region: &'a RegionSettings,
) -> Result<Option<&'a str>, Ec2Error> {
    let Some(given) = name.or(id) else {
        return Ok(None);
    };
    let found = find(name, id, region)?;
    found.map(Some).ok_or_else(|| no_such_zone(given))
}

fn find<'a>(
    name: Option<&str>,
    id: Option<&str>,
    region: &'a RegionSettings,
) -> Result<Option<&'a str>, Ec2Error> {
    if name.is_some() && id.is_some() {
        let message =
            "The parameters availabilityZone and availabilityZoneId cannot be used together.";
        return Err(ErrorCode::InvalidParameterCombination.with(message));
    }
    let mut zones = region.availability_zones.iter().map(String::as_str);
    Ok(zones.find(|zone| match (name, id) {
        (Some(name), _) => *zone == name,
        (None, id) => id == Some(region.availability_zone_id(zone).as_str()),
    }))
}

/// The error of calls other than those that make subnets for a zone that the region does not have.
pub(crate) fn no_such_zone(given: &str) -> Ec2Error {
    let message = format!("Invalid availability zone: [{given}]");
    ErrorCode::InvalidParameterValue.with(message)
}

fn no_zone() -> Ec2Error {
    ErrorCode::Unavailable.with("The region has no availability zone.")
}
