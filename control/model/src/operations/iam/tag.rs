//! Tags as IAM takes them.

use alloc::string::String;
use alloc::vec::Vec;

use eni_types::quota;

use super::error::invalid;
use super::marker::{MarkerPage, Paged};
use crate::api::iam_role::IamTag;
use crate::tags::{Tag, Tags};
use crate::{Ec2Error, ErrorCode, Members};

/// Adds `given` to `tags`, or replaces those with the same keys. Keys that differ in case only are the same (IAM User Guide,
/// "Tagging IAM resources").
///
/// # Errors
/// `InvalidInput` for a key given twice or reserved, `ValidationError` for one that is too long, `LimitExceeded`.
pub(super) fn add(tags: &mut Tags, given: &Members<IamTag>) -> Result<(), Ec2Error> {
    let mut seen: Vec<String> = Vec::new();
    for IamTag { key, value } in &given.items {
        let folded = key.to_lowercase();
        if key.is_empty() || key.chars().count() > quota::TAG_KEY_CHARACTERS {
            let constraint = "have length between 1 and 128";
            return Err(invalid("tags.member.key", key, constraint));
        }
        if value.chars().count() > quota::TAG_VALUE_CHARACTERS {
            let constraint = "have length less than or equal to 256";
            return Err(invalid("tags.member.value", value, constraint));
        }
        if folded.starts_with("aws:") {
            let message = "Tag keys starting with 'aws:' are reserved for internal use.";
            return Err(ErrorCode::InvalidInput.with(message));
        }
        if seen.contains(&folded) {
            let message =
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(ErrorCode::InvalidInput.with(message));
        }
        remove(tags, core::slice::from_ref(key));
        tags.set(Tag::new(key, value));
        seen.push(folded);
    }
    if tags.all().len() > quota::TAGS_PER_RESOURCE {
        let message = "The number of tags has reached the maximum limit.";
        return Err(ErrorCode::LimitExceeded.with(message));
    }
    Ok(())
}

/// Removes the tags with these keys, as far as there are any.
pub(super) fn remove(tags: &mut Tags, keys: &[String]) {
    for key in keys {
        let folded = key.to_lowercase();
        let alike: Vec<String> = tags
            .iter()
            .filter(|(own, _)| own.to_lowercase() == folded)
            .map(|(own, _)| own.into())
            .collect();
        alike.iter().for_each(|own| tags.remove(own, None));
    }
}

/// The tags as a listing of them shows them.
///
/// # Errors
/// As [`MarkerPage::of`].
pub(super) fn listed(tags: &Tags, page: &MarkerPage) -> Result<Paged<IamTag>, Ec2Error> {
    let show = |(key, value): (&str, &str)| IamTag {
        key: key.into(),
        value: value.into(),
    };
    page.of(tags.iter(), |(key, _)| String::from(*key), show)
}

/// The tags as descriptions show them, without a list where there are none.
pub(super) fn shown(tags: &Tags) -> Option<Members<IamTag>> {
    let members: Members<IamTag> = tags
        .iter()
        .map(|(key, value)| IamTag {
            key: key.into(),
            value: value.into(),
        })
        .collect();
    (!members.items.is_empty()).then_some(members)
}
