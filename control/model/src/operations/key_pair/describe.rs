//! `DescribeKeyPairs`.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::named;
use crate::api::key_pair::{DescribeKeyPairs, DescribeKeyPairsResponse, KeyPairDescription};
use crate::describe::{Described, Page, Scope, find};
use crate::resource::KeyPair;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Operation, Planned, Row, World};

/// Describes key pairs by their names, their ids or filters.
impl Operation for DescribeKeyPairs {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let mut ids = self.key_pair_ids;
        let of_names = self.key_names.iter();
        let of_names = of_names.map(|name| named(world, name).map(|pair| pair.id()));
        ids.extend(of_names.collect::<Result<Vec<_>, _>>()?);
        let page = Page {
            filters: self.filters,
            ..Page::default()
        };
        let scope = Scope::new(world, context);
        let found = find(&world.key_pairs, &ids, &page, scope)?;
        let shows_key = self.include_public_key == Some(true);
        let described = found.rows.iter().map(|pair| KeyPairDescription {
            public_key: shows_key.then(|| pair.public_key.clone()),
            ..pair.describe(scope)
        });
        ChangeSet::none().answered(DescribeKeyPairsResponse {
            key_set: described.collect(),
        })
    }
}

impl Described for KeyPair {
    type Answer = KeyPairDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("KeyPairIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("key-pair-id");

    fn describe(&self, _: Scope<'_>) -> KeyPairDescription {
        KeyPairDescription {
            key_pair_id: self.key_pair_id,
            key_fingerprint: self.fingerprint.clone(),
            key_name: self.key_name.0.clone(),
            key_type: self.key_type.clone(),
            tag_set: self.tags.to_items(),
            public_key: None,
            create_time: self.create_time.to_string(),
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }
}
