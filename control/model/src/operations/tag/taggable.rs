//! What can be tagged.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use eni_types::ResourceId;

use crate::resource::each_kind;
use crate::tags::{Tag, Tags};
use crate::{Ec2Error, ErrorCode, Indexed, Resource, Row, Table, World};

/// The tags of one resource, with its id and its kind as EC2 names it.
pub(super) struct Tagged<'a> {
    pub(super) resource_id: ResourceId,
    pub(super) resource_type: &'static str,
    pub(super) tags: &'a Tags,
}

/// Where to look for tags: by the best index that the filters offer.
pub(super) enum Which {
    /// These resources.
    Resources(Vec<ResourceId>),
    /// Resources with one of these tags.
    WithTag(Vec<Tag>),
    /// All.
    All,
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

        /// Gives the tags of `id`, or of everything that has one of some tags, or of everything.
        pub(super) fn for_each_tagged<'a>(
            world: &'a World,
            which: &Which,
            give: &mut dyn FnMut(Tagged<'a>),
        ) {
            $(
                let own = |id: ResourceId| match id {
                    ResourceId::$id(id) => Some(id),
                    _ => None,
                };
                each(&world.$table, which, own, &mut |row: &'a _| give(Tagged {
                    resource_id: row.id().into(),
                    resource_type: $type,
                    tags: row.tags(),
                }));
            )*
        }
    };
}

each_kind!(taggable);

/// Gives the rows of one table among `which`; `own` picks the ids of the table's kind.
fn each<'a, R: Indexed>(
    table: &'a Table<R>,
    which: &Which,
    own: impl Fn(ResourceId) -> Option<R::Id>,
    give: &mut dyn FnMut(&'a R),
) {
    match which {
        Which::Resources(ids) => {
            for row in ids.iter().filter_map(|id| table.get(own(*id)?)) {
                give(row);
            }
        }
        Which::WithTag(tags) => {
            for row in tags.iter().flat_map(|tag| table.by(tag)) {
                give(row);
            }
        }
        Which::All => table.iter().for_each(|row| give(row)),
    }
}

/// EC2's error for a text that names nothing that has tags.
pub(super) fn not_taggable(id: &str) -> Ec2Error {
    let message = format!("The ID '{id}' is not valid");
    ErrorCode::InvalidId.with(message)
}
