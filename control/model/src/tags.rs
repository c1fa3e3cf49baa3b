//! Tags.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::quota;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Ec2Error, ErrorCode, ItemSet};

/// A tag. Its copies share the texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// The key.
    pub key: Arc<str>,
    /// The value.
    pub value: Arc<str>,
}

impl Tag {
    /// The tag of this key and value.
    #[must_use]
    pub fn new(key: &str, value: &str) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// The tags of one resource, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

/// As a map.
impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<String, String>::deserialize(deserializer)?;
        let tags = all.iter().map(|(key, value)| Tag::new(key, value));
        Ok(Self(tags.collect()))
    }
}

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
    pub const NONE: &'static Self = &Self(Vec::new());

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
        Self([Tag::new(key, value)].into())
    }

    /// Adds or overwrites `tags`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a key or value EC2 does not take or a key given twice, `TagLimitExceeded` beyond 50.
    pub fn insert(&mut self, tags: &[TagParameter]) -> Result<(), Ec2Error> {
        let mut seen = BTreeSet::new();
        for tag in tags {
            let value = tag.value.as_deref().unwrap_or_default();
            check(&tag.key, value)?;
            if !seen.insert(&tag.key) {
                let message = format!("Duplicate tag key '{}' specified.", tag.key);
                return Err(ErrorCode::InvalidParameterValue.with(message));
            }
            self.set(Tag::new(&tag.key, value));
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
        self.0
            .retain(|tag| &*tag.key != key || value.is_some_and(|value| &*tag.value != value));
    }

    /// Removes all but `aws:` tags (`DeleteTags` without tags).
    pub fn clear(&mut self) {
        self.0.retain(|tag| tag.key.starts_with("aws:"));
    }

    /// The value of the tag `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(self.position(key).ok()?).map(|tag| &*tag.value)
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|tag| (&*tag.key, &*tag.value))
    }

    /// The tags, by key.
    pub fn all(&self) -> core::slice::Iter<'_, Tag> {
        self.0.iter()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|tag| (*tag.key).cmp(key))
    }

    /// Adds or overwrites a tag that is known to be legal.
    pub(crate) fn set(&mut self, tag: Tag) {
        match self.position(&tag.key) {
            Ok(at) => self.0[at] = tag,
            Err(at) => self.0.insert(at, tag),
        }
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
