//! `CreateTags` and `DeleteTags`.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

use eni_types::{MalformedId, ResourceId};

use super::taggable::{not_taggable, with_tags};
use crate::api::tag::{CreateTags, DeleteTags};
use crate::operations::instance::metadata_options::check_tags;
use crate::operations::unsupported::refuse;
use crate::operations::{image, lookup, volume};
use crate::resource::DhcpOptions;
use crate::tags::Tags;
use crate::{
    Change, ChangeSet, Context, Ec2Error, Operation, Planned, Resource, ReturnTrue, World,
};

/// Adds tags to resources, or overwrites those with the same keys: to all of the resources or to none.
impl Operation for CreateTags {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        if self.tags.is_empty() {
            return Err(Ec2Error::missing_parameter("tagSet"));
        }
        let changes = change_all(&self.resource_ids, world, |tags| tags.insert(&self.tags))?;
        check_instances(&changes)?;
        Ok((changes, ReturnTrue::default()))
    }
}

/// Removes tags from resources: those named, with a value only where they have it; without any named, all.
impl Operation for DeleteTags {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let changes = change_all(&self.resource_ids, world, |tags| {
            if self.tags.is_empty() {
                tags.clear();
            }
            for tag in &self.tags {
                tags.remove(&tag.key, tag.value.as_deref());
            }
            Ok(())
        })?;
        Ok((changes, ReturnTrue::default()))
    }
}

/// An instance whose tags stand in its metadata takes only those that can.
fn check_instances(changes: &ChangeSet) -> Result<(), Ec2Error> {
    for change in changes.iter() {
        if let Change::Put(Resource::Instance(instance)) = change {
            check_tags(&instance.metadata_options, &instance.tags)?;
        }
    }
    Ok(())
}

fn change_all(
    ids: &[String],
    world: &World,
    change: impl Fn(&mut Tags) -> Result<(), Ec2Error>,
) -> Result<ChangeSet, Ec2Error> {
    if ids.is_empty() {
        return Err(Ec2Error::missing_parameter("resourceIdSet"));
    }
    let ids = ids
        .iter()
        .map(|id| {
            refuse_without_tags(id, world)?;
            id.parse().map_err(|reason| refused(id, reason))
        })
        .collect::<Result<BTreeSet<ResourceId>, _>>()?;
    let mut changes = ChangeSet::none();
    for id in ids {
        changes.put(with_tags(world, id, &change)?);
    }
    Ok(changes)
}

/// Refuses what EC2 tags and a region here only describes, from what something else says of it.
///
/// # Errors
/// `UnsupportedOperation`; the kind's own error for what does not exist.
fn refuse_without_tags(id: &str, world: &World) -> Result<(), Ec2Error> {
    let kind = match id.split_once('-') {
        Some(("ami", _)) => match id.parse() {
            Ok(image) => image::known(image).map(|_| "images")?,
            Err(_) => return Ok(()),
        },
        Some(("dopt", _)) if id.parse() == Ok(DhcpOptions::default_id()) => {
            "the default DHCP options set"
        }
        Some(("vol", _)) => volume::check_known(id, world).map(|()| "volumes")?,
        _ => return Ok(()),
    };
    refuse(&format!("Tagging {kind}"), true)
}

/// The error for a text that is no id: it may look like one that nothing has.
fn refused(id: &str, reason: MalformedId) -> Ec2Error {
    match ResourceId::errors_of(id).filter(|_| reason == MalformedId::NeverGiven) {
        Some(errors) => lookup::nothing_has(id, errors),
        None => not_taggable(id),
    }
}
