//! `CreateKeyPair`.

use alloc::format;
use alloc::string::String;

use eni_types::{KeyPairId, TypedId, quota};

use super::new_key_pair::{KeyFormat, KeyType, WantedKeyPair};
use crate::api::key_pair::{CreateKeyPair, CreateKeyPairResponse};
use crate::operations::create::check_quota;
use crate::resource::{KeyName, KeyPair};
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// Gives a new key pair away, and keeps its public half.
impl Operation for CreateKeyPair {
    fn wants_key_pair(&self, world: &World) -> Result<Option<WantedKeyPair>, Ec2Error> {
        check_name(&self.key_name, world)?;
        Tags::for_created("key-pair", &self.tag_specifications)?;
        let key_type = named("keyType", self.key_type.as_deref(), KeyType::of)?;
        let format = named("keyFormat", self.key_format.as_deref(), KeyFormat::of)?;
        Ok(Some(WantedKeyPair {
            name: self.key_name.clone(),
            key_type,
            format,
        }))
    }

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let wanted = self.wants_key_pair(world)?;
        // A dry run has none, and nothing comes of it.
        let made = context.key_pair.take();
        let is_dry = made.is_none();
        let made = made.unwrap_or_default();
        let pair = KeyPair {
            key_pair_id: KeyPairId::generate(context.ids),
            key_name: KeyName(self.key_name),
            key_type: wanted.map_or_else(String::new, |wanted| wanted.key_type.name().into()),
            public_key: made.public_key,
            fingerprint: made.fingerprint,
            create_time: context.now,
            tags: Tags::for_created("key-pair", &self.tag_specifications)?,
        };
        let response = CreateKeyPairResponse {
            key_fingerprint: pair.fingerprint.clone(),
            key_material: made.key_material,
            key_name: pair.key_name.0.clone(),
            key_pair_id: pair.key_pair_id,
            tag_set: pair.tags.to_items(),
        };
        if is_dry {
            return ChangeSet::none().answered(response);
        }
        ChangeSet::putting(pair).answered(response)
    }
}

/// The value of this parameter; the first of them where it is not given.
fn named<T: Default>(
    parameter: &str,
    text: Option<&str>,
    read: fn(&str) -> Option<T>,
) -> Result<T, Ec2Error> {
    let Some(text) = text else {
        return Ok(T::default());
    };
    read(text).ok_or_else(|| {
        let message = format!("Value ({text}) for parameter {parameter} is invalid.");
        ErrorCode::InvalidParameterValue.with(message)
    })
}

/// Refuses a name that no key pair can have, or that one has ("It can't include leading or trailing spaces", EC2 API Reference,
/// CreateKeyPair), and one key pair more than there may be.
pub(super) fn check_name(name: &str, world: &World) -> Result<(), Ec2Error> {
    let is_name = (1..=quota::KEY_NAME_CHARACTERS).contains(&name.len())
        && name.chars().all(|one| one == ' ' || one.is_ascii_graphic())
        && name.trim() == name;
    if !is_name {
        let message = format!("Value ({name}) for parameter keyName is invalid.");
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    if world.key_pairs.count(&KeyName(name.into())) > 0 {
        let message = format!("The keypair '{name}' already exists.");
        return Err(ErrorCode::InvalidKeyPairDuplicate.with(message));
    }
    let (count, most) = (world.key_pairs.len(), quota::KEY_PAIRS_PER_REGION);
    check_quota(count, most, ErrorCode::KeyPairLimitExceeded, "key pairs")
}
