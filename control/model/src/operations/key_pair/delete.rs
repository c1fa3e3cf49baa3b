//! `DeleteKeyPair`.

use alloc::string::ToString;

use eni_query::read_id;

use super::named;
use crate::api::key_pair::{DeleteKeyPair, DeleteKeyPairResponse};
use crate::{ChangeSet, Context, Ec2Error, Operation, Planned, Row, World};

/// Forgets a key pair. Instances that were launched with it keep its key. One that is not there is gone already.
impl Operation for DeleteKeyPair {
    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let found = match (&self.key_name, &self.key_pair_id) {
            (_, Some(id)) => world.key_pairs.get(read_id(id)?),
            (Some(name), None) => named(world, name).ok(),
            (None, None) => return Err(Ec2Error::missing_parameter("KeyName")),
        };
        let mut changes = ChangeSet::none();
        if let Some(pair) = found {
            changes.delete(pair.id());
        }
        changes.answered(DeleteKeyPairResponse {
            r#return: true,
            key_pair_id: found.map(|pair| pair.key_pair_id.to_string()),
        })
    }
}
