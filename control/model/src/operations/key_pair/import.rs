//! `ImportKeyPair`.

use alloc::string::String;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eni_types::{KeyPairId, TypedId};

use super::create::check_name;
use super::public_key::PublicKey;
use crate::api::key_pair::{ImportKeyPair, ImportKeyPairResponse};
use crate::resource::{KeyName, KeyPair};
use crate::tags::Tags;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, World};

/// Keeps a public key under a name.
impl Operation for ImportKeyPair {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let name = self.key_name;
        check_name(&name, world)?;
        let text = STANDARD.decode(self.public_key_material.trim()).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.as_deref().map(str::trim);
        let read = text.and_then(|text| Some((text, PublicKey::read(text)?)));
        let (text, key) = read.ok_or_else(|| {
            let message = "Key is not in valid OpenSSH public key format";
            ErrorCode::InvalidKeyFormat.with(message)
        })?;
        let pair = KeyPair {
            key_pair_id: KeyPairId::generate(context.ids),
            key_name: KeyName(name),
            key_type: key.key_type.into(),
            public_key: text.into(),
            fingerprint: key.fingerprint,
            create_time: context.now,
            tags: Tags::for_created("key-pair", &self.tag_specifications)?,
        };
        let response = ImportKeyPairResponse {
            key_fingerprint: pair.fingerprint.clone(),
            key_name: pair.key_name.0.clone(),
            key_pair_id: pair.key_pair_id,
            tag_set: pair.tags.to_items(),
        };
        ChangeSet::putting(pair).answered(response)
    }
}
