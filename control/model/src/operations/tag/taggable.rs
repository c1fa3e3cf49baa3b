//! What can be tagged.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::{self, Vec};

use eni_types::{ResourceId, TypedId};

use crate::resource::each_kind;
use crate::tags::{Tag, Tags};
use crate::{Ec2Error, ErrorCode, Resource, Row, World};

/// The tags of one resource, and its kind as EC2 names it.
pub(super) struct Tagged<'a> {
    pub(super) resource_type: &'static str,
    pub(super) tags: &'a Tags,
}

macro_rules! taggable {
    (
        with_tags { $($(#[$doc:meta])* $table:ident: $kind:ident, $id:ident, $name:literal, $type:literal;)* }
        without_tags { $($others:tt)* }
    ) => {
        /// The resource `id` with its tags changed.
        ///
        /// # Errors
        /// The kind's own error for a resource that does not exist, `InvalidID` for a kind that has no tags, and what
        /// `change` gives.
        pub(super) fn with_tags(
            world: &World,
            id: ResourceId,
            change: impl FnOnce(&mut Tags) -> Result<(), Ec2Error>,
        ) -> Result<Resource, Ec2Error> {
            match id {
                $(ResourceId::$id(id) => {
                    let mut row = (**world.$table.known(id)?).clone();
                    change(&mut row.tags)?;
                    Ok(row.into())
                })*
                _ => Err(not_taggable(&id.to_string())),
            }
        }

        /// The tags of the resource `id`, of a kind that can have some.
        pub(super) fn tagged(world: &World, id: ResourceId) -> Option<Tagged<'_>> {
            match id {
                $(ResourceId::$id(id) => world.$table.get(id).map(|row| Tagged {
                    resource_type: $type,
                    tags: row.tags(),
                }),)*
                _ => None,
            }
        }

        /// The resource after `last`, by the texts of ids: by prefix, then as in its table. The first, without one.
        fn after(last: Option<ResourceId>, world: &World) -> Option<ResourceId> {
            let (passed, next) = match last {
                $(Some(ResourceId::$id(id)) => {
                    let next = world.$table.iter_from(id).find(|row| row.id() != id);
                    (Some(eni_types::$id::PREFIX), next.map(|row| row.id().into()))
                })*
                _ => (None, None),
            };
            if next.is_some() {
                return next;
            }
            let kinds = [$((
                eni_types::$id::PREFIX,
                world.$table.iter().next().map(|row| ResourceId::from(row.id())),
            )),*];
            let later = kinds.into_iter().filter(|(prefix, _)| Some(*prefix) > passed);
            let (_, first) = later.filter_map(|(prefix, first)| Some((prefix, first?))).min()?;
            Some(first)
        }

        /// The resources with one of these tags.
        fn with_one_of(tags: &[Tag], world: &World) -> Vec<ResourceId> {
            let mut found = Vec::new();
            for tag in tags {
                $(found.extend(world.$table.ids(tag).iter().map(|id| ResourceId::from(*id)));)*
            }
            found
        }
    };
}

each_kind!(taggable);

/// Goes over resources that can have tags, by the texts of their ids.
pub(super) enum Resources {
    /// All from the first, or after this one.
    After(Option<ResourceId>),
    /// These.
    Named(vec::IntoIter<ResourceId>),
}

impl Resources {
    /// All.
    pub(super) fn all() -> Self {
        Self::After(None)
    }

    /// These, each once.
    pub(super) fn named(ids: impl Iterator<Item = ResourceId>) -> Self {
        let mut ids: Vec<_> = ids.collect();
        ids.sort_by_cached_key(ResourceId::to_string);
        ids.dedup();
        Self::Named(ids.into_iter())
    }

    /// Those with one of these tags.
    pub(super) fn with_one_of(tags: &[Tag], world: &World) -> Self {
        Self::named(with_one_of(tags, world).into_iter())
    }

    /// The next one, which may not exist.
    pub(super) fn next(&mut self, world: &World) -> Option<ResourceId> {
        match self {
            Self::After(last) => {
                *last = Some(after(*last, world)?);
                *last
            }
            Self::Named(ids) => ids.next(),
        }
    }
}

/// EC2's error for a text that names nothing that has tags.
pub(super) fn not_taggable(id: &str) -> Ec2Error {
    let message = format!("The ID '{id}' is not valid");
    ErrorCode::InvalidId.with(message)
}
