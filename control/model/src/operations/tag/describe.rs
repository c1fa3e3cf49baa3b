//! `DescribeTags`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{ResourceId, quota};

use super::taggable::{Which, for_each_tagged};
use crate::api::tag::{DescribeTags, DescribeTagsResponse, TagDescription};
use crate::describe::{Described, Filter, Scope, answer_among, has_wildcards};
use crate::tags::{Tag, Tags};
use crate::{ChangeSet, Context, Operation, Planned, World};

/// One tag of one resource, as a row that filters look at.
struct TagRow {
    resource_id: ResourceId,
    resource_type: &'static str,
    only: Tags,
}

/// Finds tags of resources of all kinds.
impl Operation for DescribeTags {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let mut rows = Vec::new();
        for_each_tagged(world, &which(&self.page.filters), &mut |tagged| {
            rows.extend(tagged.tags.iter().map(|(key, value)| TagRow {
                resource_id: tagged.resource_id,
                resource_type: tagged.resource_type,
                only: Tags::one(key, value),
            }));
        });
        rows.sort_by_cached_key(TagRow::position);
        // A resource with two of the tags that were looked for was found twice.
        rows.dedup_by(|row, other| {
            (row.resource_id, &row.only) == (other.resource_id, &other.only)
        });
        let (tag_set, next_token) = answer_among(
            rows.into_iter(),
            false,
            TagRow::position,
            &self.page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        ChangeSet::none().answered(DescribeTagsResponse {
            tag_set,
            next_token,
        })
    }
}

impl TagRow {
    fn key_and_value(&self) -> (&str, &str) {
        self.only.iter().next().unwrap_or_default()
    }

    /// Where the row stands among all: by resource, then by key.
    fn position(&self) -> String {
        format!("{} {}", self.resource_id, self.key_and_value().0)
    }
}

impl Described for TagRow {
    type Answer = TagDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("resourceIdSet", "maxResults");

    fn describe(&self, _: Scope<'_>) -> TagDescription {
        let (key, value) = self.key_and_value();
        TagDescription {
            resource_id: self.resource_id.to_string(),
            resource_type: self.resource_type,
            key: key.into(),
            value: value.into(),
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.only
    }
}

/// Where tags that pass the filters can be.
fn which(filters: &[Filter]) -> Which {
    let exact = |name: &str| {
        filters
            .iter()
            .find(|filter| filter.name == name)
            .map(|filter| &filter.values)
            .filter(|values| !values.iter().any(|value| has_wildcards(value)))
    };
    if let Some(ids) = exact("resource-id") {
        return Which::Resources(ids.iter().filter_map(|id| id.parse().ok()).collect());
    }
    let named = filters.iter().find_map(|filter| {
        let key = filter.name.strip_prefix("tag:")?;
        let is_exact = !filter.values.iter().any(|value| has_wildcards(value));
        is_exact.then(|| all_tags(&[key.into()], &filter.values))
    });
    match (named, exact("key"), exact("value")) {
        (Some(tags), _, _) => Which::WithTag(tags),
        (None, Some(names), Some(values)) => Which::WithTag(all_tags(names, values)),
        _ => Which::All,
    }
}

fn all_tags(names: &[String], values: &[String]) -> Vec<Tag> {
    names
        .iter()
        .flat_map(|name| values.iter().map(|value| Tag::new(name, value)))
        .collect()
}
