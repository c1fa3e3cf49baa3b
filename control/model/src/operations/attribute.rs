//! Single attributes, as the Modify and Describe attribute calls carry them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use eni_query::FromQuery;
use serde::Serialize;

use crate::{Ec2Error, ErrorCode};

/// A boolean attribute: `MapPublicIpOnLaunch.Value=true` in a request, `<value>true</value>` in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQuery, Serialize)]
pub(crate) struct AttributeBooleanValue {
    /// The value.
    pub value: bool,
}

/// A text attribute: `Description.Value=web` in a request, `<value>web</value>` in an answer.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery, Serialize)]
pub(crate) struct AttributeValue {
    /// The value.
    pub value: String,
}

/// The value, as filters see it.
impl fmt::Display for AttributeValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.value)
    }
}

/// Refuses a Modify call that gives no attribute, or more than one: EC2 changes one at a time.
///
/// # Errors
/// `InvalidParameterCombination` with EC2's texts.
pub(crate) fn only_one(given: &[(&str, bool)]) -> Result<(), Ec2Error> {
    let names: Vec<&str> = given
        .iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| *name)
        .collect();
    let message: String = match names.as_slice() {
        [_] => return Ok(()),
        [] => "No attributes specified.".into(),
        several => format!(
            "Fields for multiple attribute types specified: {}",
            several.join(", ")
        ),
    };
    Err(ErrorCode::InvalidParameterCombination.with(message))
}

/// The error of a Describe attribute call for a name that is none of its attributes.
pub(crate) fn unknown_attribute(name: &str) -> Ec2Error {
    let message = format!("Value ({name}) for parameter attribute is invalid. Unknown attribute.");
    ErrorCode::InvalidParameterValue.with(message)
}
