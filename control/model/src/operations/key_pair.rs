//! `DescribeKeyPairs`: nothing logs in to instances with keys, so that a key pair is a name that instances carry.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use eni_types::InstanceId;
use eni_types::quota;

use crate::api::key_pair::{DescribeKeyPairs, DescribeKeyPairsResponse, KeyPairDescription};
use crate::describe::{Described, Page, Scope, answer_among};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Describes the key pairs that instances name, so that what an instance's description names can be looked at.
impl Operation for DescribeKeyPairs {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let all = in_use(world);
        for name in &self.key_names {
            if all.iter().all(|pair| pair.key_name != *name) {
                return Err(no_key_pair(&format!(
                    "The key pair '{name}' does not exist"
                )));
            }
        }
        for id in &self.key_pair_ids {
            check_id(id, &all)?;
        }
        let wanted = all.into_iter().filter(|pair| {
            (self.key_names.is_empty() || self.key_names.contains(&pair.key_name))
                && (self.key_pair_ids.is_empty() || self.key_pair_ids.contains(&pair.key_pair_id))
        });
        let page = Page {
            filters: self.filters,
            ..Page::default()
        };
        let scope = Scope::new(world, context);
        let name = |pair: &KeyPairDescription| pair.key_name.clone();
        let (key_set, _) = answer_among(wanted, false, name, &page, &quota::PAGE_SIZES, scope)?;
        Ok((ChangeSet::none(), DescribeKeyPairsResponse { key_set }))
    }
}

/// The key pairs that instances name, by name. Each has the digits of the first of its instances in its id.
fn in_use(world: &World) -> Vec<KeyPairDescription> {
    let mut first: BTreeMap<&str, InstanceId> = BTreeMap::new();
    for instance in world.instances.iter() {
        if let Some(name) = instance.key_name.as_deref().filter(|name| !name.is_empty()) {
            first.entry(name).or_insert(instance.instance_id);
        }
    }
    let pairs = first
        .into_iter()
        .map(|(name, instance)| KeyPairDescription {
            key_pair_id: instance.to_string().replacen("i-", "key-", 1),
            key_name: name.into(),
        });
    pairs.collect()
}

/// Refuses an id that no key pair has.
///
/// # Errors
/// `InvalidKeyPair.NotFound`.
pub(crate) fn check_known(id: &str, world: &World) -> Result<(), Ec2Error> {
    check_id(id, &in_use(world))
}

fn check_id(id: &str, all: &[KeyPairDescription]) -> Result<(), Ec2Error> {
    if all.iter().any(|pair| pair.key_pair_id == id) {
        return Ok(());
    }
    Err(no_key_pair(&format!(
        "The key pair ID '{id}' does not exist"
    )))
}

fn no_key_pair(message: &str) -> Ec2Error {
    ErrorCode::InvalidKeyPairNotFound.with(message)
}

impl Described for KeyPairDescription {
    type Answer = Self;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("KeyNames", "MaxResults");

    fn describe(&self, _: Scope<'_>) -> Self {
        self.clone()
    }
}
