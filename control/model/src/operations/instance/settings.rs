//! Checks of settings that several calls take.

use alloc::format;

use eni_types::quota;

use crate::resource::UserData;
use crate::tags::{TagSpecification, Tags};
use crate::{Ec2Error, ErrorCode};

/// Kinds of resources that a launch can tag. The last exists nowhere here.
const LAUNCH_TAGGABLE: [&str; 4] = [
    "instance",
    "network-interface",
    "volume",
    "spot-instances-request",
];

/// Refuses a value that is none of `choices`.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check_choice(parameter: &str, value: &str, choices: &[&str]) -> Result<(), Ec2Error> {
    if choices.contains(&value) {
        return Ok(());
    }
    let message = format!("Value ({value}) for parameter {parameter} is invalid.");
    Err(ErrorCode::InvalidParameterValue.with(message))
}

/// Reads user data: none where the text is empty.
///
/// # Errors
/// `InvalidUserData.Malformed` for what is not base64, `InvalidParameterValue` for more than fits.
pub(super) fn read_user_data(text: &str) -> Result<Option<UserData>, Ec2Error> {
    let user_data: UserData = text.parse().map_err(|_| {
        let message = "Invalid BASE64 encoding of user data";
        ErrorCode::InvalidUserDataMalformed.with(message)
    })?;
    if user_data.len() > quota::USER_DATA_BYTES {
        let message = format!("User data is limited to {} bytes", quota::USER_DATA_BYTES);
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    Ok(Some(user_data).filter(|bytes| !bytes.is_empty()))
}

/// The tags that a launch gives to its resources of the kind `resource_type`.
///
/// # Errors
/// `InvalidParameterValue` for a kind that a launch does not make; as [`TagSpecification::checked_type`] and
/// [`Tags::insert`].
pub(super) fn tags_of(
    resource_type: &str,
    specifications: &[TagSpecification],
) -> Result<Tags, Ec2Error> {
    let mut tags = Tags::default();
    for specification in specifications {
        let given = specification.checked_type()?;
        if !LAUNCH_TAGGABLE.contains(&given) {
            let message =
                format!("'{given}' is not a valid taggable resource type for this operation.");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        if given == resource_type {
            tags.insert(&specification.tags)?;
        }
    }
    Ok(tags)
}
