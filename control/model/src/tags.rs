//! Tags.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::quota;
use serde::{Deserialize, Serialize};

use crate::{Ec2Error, ErrorCode, ItemSet};

/// The tags of one resource, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

/// A tag in a request: `Tag.1.Key`, `Tag.1.Value`.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct TagParameter {
    /// The key.
    pub key: String,
    /// The value; absent means empty where tags are made, and any value where they are removed.
    #[query(keep_empty)]
    pub value: Option<String>,
}

/// `TagSpecification.N` of the Create calls.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct TagSpecification {
    /// The kind of resource to tag: `network-interface`.
    pub resource_type: Option<String>,
    /// The tags.
    #[query(name = "Tag")]
    pub tags: Vec<TagParameter>,
}

/// A tag in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagItem {
    key: String,
    value: String,
}

impl TagSpecification {
    /// The kind of resource to tag.
    ///
    /// # Errors
    /// `InvalidParameter` where there is none, or no tag.
    pub(crate) fn checked_type(&self) -> Result<&str, Ec2Error> {
        let message = match &self.resource_type {
            Some(_) if self.tags.is_empty() => "Tag specification must have at least one tag",
            Some(resource_type) => return Ok(resource_type),
            None => "Tag specification resource type must have a value",
        };
        Err(ErrorCode::InvalidParameter.with(message))
    }
}

impl Tags {
    /// No tags: what resources of EC2's own have.
    pub const NONE: &'static Self = &Self(BTreeMap::new());

    /// The tags that `specifications` give to the kind `resource_type` of a Create call that makes only that kind.
    ///
    /// # Errors
    /// `InvalidParameterValue` for another kind; as [`TagSpecification::checked_type`]; as [`insert`](Self::insert) for
    /// the tags themselves.
    pub fn for_created(
        resource_type: &str,
        specifications: &[TagSpecification],
    ) -> Result<Self, Ec2Error> {
        let mut tags = Self::default();
        for specification in specifications {
            let given = specification.checked_type()?;
            if given != resource_type {
                let message =
                    format!("'{given}' is not a valid taggable resource type for this operation.");
                return Err(ErrorCode::InvalidParameterValue.with(message));
            }
            tags.insert(&specification.tags)?;
        }
        Ok(tags)
    }

    /// A single tag.
    #[must_use]
    pub fn one(key: &str, value: &str) -> Self {
        Self(BTreeMap::from([(key.into(), value.into())]))
    }

    /// Adds or overwrites `tags`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a key or value EC2 does not take or a key given twice, `TagLimitExceeded` beyond 50.
    pub fn insert(&mut self, tags: &[TagParameter]) -> Result<(), Ec2Error> {
        let mut seen = BTreeSet::new();
        for tag in tags {
            let value = tag.value.clone().unwrap_or_default();
            check(&tag.key, &value)?;
            if !seen.insert(&tag.key) {
                let message = format!("Duplicate tag key '{}' specified.", tag.key);
                return Err(ErrorCode::InvalidParameterValue.with(message));
            }
            self.0.insert(tag.key.clone(), value);
        }
        if self.0.len() > quota::TAGS_PER_RESOURCE {
            let message = format!(
                "A resource may have no more than {} tags.",
                quota::TAGS_PER_RESOURCE
            );
            return Err(ErrorCode::TagLimitExceeded.with(message));
        }
        Ok(())
    }

    /// Removes the tag `key`; with a `value`, only if it has that value (`DeleteTags`).
    pub fn remove(&mut self, key: &str, value: Option<&str>) {
        if value.is_none_or(|value| self.get(key) == Some(value)) {
            self.0.remove(key);
        }
    }

    /// Removes all but `aws:` tags (`DeleteTags` without tags).
    pub fn clear(&mut self) {
        self.0.retain(|key, _| key.starts_with("aws:"));
    }

    /// The value of the tag `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// As answers carry them that EC2 writes without a tag set where there are no tags.
    #[must_use]
    pub fn to_items_if_any(&self) -> Option<ItemSet<TagItem>> {
        (!self.0.is_empty()).then(|| self.to_items())
    }

    /// As answers carry them.
    #[must_use]
    pub fn to_items(&self) -> ItemSet<TagItem> {
        self.iter()
            .map(|(key, value)| TagItem {
                key: key.into(),
                value: value.into(),
            })
            .collect()
    }
}

fn check(key: &str, value: &str) -> Result<(), Ec2Error> {
    let message = if key.is_empty() || key.chars().count() > quota::TAG_KEY_CHARACTERS {
        format!(
            "Tag key exceeds the maximum length of {} characters or is empty",
            quota::TAG_KEY_CHARACTERS
        )
    } else if key.to_ascii_lowercase().starts_with("aws:") {
        "Tag keys starting with 'aws:' are reserved for internal use".into()
    } else if value.chars().count() > quota::TAG_VALUE_CHARACTERS {
        format!(
            "Tag value exceeds the maximum length of {} characters",
            quota::TAG_VALUE_CHARACTERS
        )
    } else {
        return Ok(());
    };
    Err(ErrorCode::InvalidParameterValue.with(message))
}
