//! `DescribeTags`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::ResourceId;

use super::taggable::{Resources, tagged};
use crate::api::tag::{DescribeTags, DescribeTagsResponse, TagDescription};
use crate::describe::{
    Described, Filter, Listing, Made, MadeListing, Maker, Scope, has_wildcards, lists,
};
use crate::tags::{Tag, Tags};
use crate::{Ec2Error, World};

/// One tag of one resource, as a row that filters look at.
struct TagRow {
    resource_id: ResourceId,
    resource_type: &'static str,
    only: Tags,
}

/// Goes over tags, by the texts of their resources' ids, then by key.
struct TagRows {
    resources: Resources,
    /// The resource that is looked at, and which of its tags is next.
    at: Option<(ResourceId, usize)>,
}

impl Maker for TagRows {
    type Row = TagRow;

    fn look(&mut self, scope: Scope<'_>) -> Option<Option<TagRow>> {
        let world = scope.world;
        if let Some((resource_id, number)) = self.at
            && let Some(tagged) = tagged(world, resource_id)
            && let Some((key, value)) = tagged.tags.iter().nth(number)
        {
            self.at = Some((resource_id, number + 1));
            return Some(Some(TagRow {
                resource_id,
                resource_type: tagged.resource_type,
                only: Tags::one(key, value),
            }));
        }
        self.at = Some((self.resources.next(world)?, 0));
        Some(None)
    }
}

impl DescribeTags {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeTagsResponse> + use<>, Ec2Error> {
        let rows = TagRows {
            resources: which(&self.page.filters, world),
            at: None,
        };
        MadeListing::asked_for(rows, false, &self.page, |tag_set, next_token| {
            DescribeTagsResponse {
                tag_set,
                next_token,
            }
        })
    }
}

lists! {
    /// Finds tags of resources of all kinds.
    DescribeTags
}

impl TagRow {
    fn key_and_value(&self) -> (&str, &str) {
        self.only.iter().next().unwrap_or_default()
    }
}

impl Made for TagRow {
    fn key(&self) -> String {
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

/// The resources that can have tags which pass the filters: as few as an index tells.
fn which(filters: &[Filter], world: &World) -> Resources {
    let exact = |name: &str| {
        filters
            .iter()
            .find(|filter| filter.name == name)
            .map(|filter| &filter.values)
            .filter(|values| !values.iter().any(|value| has_wildcards(value)))
    };
    if let Some(ids) = exact("resource-id") {
        return Resources::named(ids.iter().filter_map(|id| id.parse().ok()));
    }
    let named = filters.iter().find_map(|filter| {
        let key = filter.name.strip_prefix("tag:")?;
        let is_exact = !filter.values.iter().any(|value| has_wildcards(value));
        is_exact.then(|| all_tags(&[key.into()], &filter.values))
    });
    match (named, exact("key"), exact("value")) {
        (Some(tags), _, _) => Resources::with_one_of(&tags, world),
        (None, Some(names), Some(values)) => {
            Resources::with_one_of(&all_tags(names, values), world)
        }
        _ => Resources::all(),
    }
}

fn all_tags(names: &[String], values: &[String]) -> Vec<Tag> {
    names
        .iter()
        .flat_map(|name| values.iter().map(|value| Tag::new(name, value)))
        .collect()
}
