//! Identities: the sets of security groups that interfaces are in, by number.
//!
//! A rule whose peer is a group matches by the sender's identity, so a number must mean the same set wherever packets
//! meet it: identities are stored with what needs them, in the same transaction, and a number is never given twice.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use eni_types::SecurityGroupId;
use serde::{Deserialize, Serialize};

use crate::index::indexes;
use crate::resource::{NetworkInterface, Resource, ResourceKey};
use crate::{Change, ChangeSet, Row, World};

/// The groups of an interface, in order and once each.
pub type SecurityGroupSet = Arc<[SecurityGroupId]>;

/// The number of an [`Identity`]: 1 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdentityNumber(pub u32);

impl fmt::Display for IdentityNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A set of security groups and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its number.
    pub number: IdentityNumber,
    /// In order and once each.
    pub group_ids: Vec<SecurityGroupId>,
}

impl Row for Identity {
    type Id = IdentityNumber;
    fn id(&self) -> IdentityNumber {
        self.number
    }
}

indexes! {
    Identity, IdentityIndexes:
    set: SecurityGroupSet = |identity| [SecurityGroupSet::from(&identity.group_ids[..])];
    group: SecurityGroupId = |identity| identity.group_ids.iter().copied();
}

impl NetworkInterface {
    /// The set of its groups.
    #[must_use]
    pub fn security_group_set(&self) -> SecurityGroupSet {
        let mut groups = self.group_ids.clone();
        groups.sort_unstable();
        groups.dedup();
        groups.into()
    }
}

impl ChangeSet {
    /// Adds the identities that interfaces written here need and `world` has not, and the deletion of those that none can
    /// have any more, as a group of theirs is deleted.
    pub fn add_identities(&mut self, world: &World) {
        let mut numbering = Numbering::of(world);
        for change in self.iter() {
            match change {
                Change::Put(resource) => {
                    if let Resource::NetworkInterface(eni) = resource {
                        numbering.number(eni);
                    }
                }
                Change::Delete(ResourceKey::SecurityGroup(id)) => numbering.forget(*id),
                Change::Delete(_) => {}
            }
        }
        self.append(numbering.changes);
    }

    /// The identities that `world` lacks: those of all interfaces, where it was stored before there were any.
    #[must_use]
    pub fn missing_identities(world: &World) -> Self {
        let mut numbering = Numbering::of(world);
        let enis = world.network_interfaces.iter();
        enis.for_each(|eni| numbering.number(eni));
        numbering.changes
    }
}

/// Gives numbers to sets that have none.
struct Numbering<'a> {
    world: &'a World,
    new: BTreeMap<SecurityGroupSet, IdentityNumber>,
    /// The highest number. Its identity stays until there is a higher one, so that no later one gets the number again.
    last: Option<IdentityNumber>,
    changes: ChangeSet,
}

impl<'a> Numbering<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            world,
            new: BTreeMap::new(),
            last: last_of(world).map(|identity| identity.number),
            changes: ChangeSet::none(),
        }
    }

    /// Who is in no group has no identity: no rule can name it.
    fn number(&mut self, eni: &NetworkInterface) {
        let set = eni.security_group_set();
        if eni.group_ids.is_empty()
            || self.world.identity_of(&set).is_some()
            || self.new.contains_key(&set)
        {
            return;
        }
        if let Some(last) = last_of(self.world).filter(|_| self.new.is_empty()) {
            // It may have been kept for its number only.
            let is_gone =
                |group: &SecurityGroupId| self.world.security_groups.get(*group).is_none();
            if last.group_ids.iter().any(is_gone) {
                self.changes.delete(last.number);
            }
        }
        let number = IdentityNumber(self.last.map_or(1, |last| last.0 + 1));
        self.changes.put(Identity {
            number,
            group_ids: set.to_vec(),
        });
        self.last = Some(number);
        self.new.insert(set, number);
    }

    fn forget(&mut self, group: SecurityGroupId) {
        let last = last_of(self.world).map(|identity| identity.number);
        for identity in self.world.identities.by(&group) {
            if Some(identity.number) != last {
                self.changes.delete(identity.number);
            }
        }
    }
}

fn last_of(world: &World) -> Option<&Arc<Identity>> {
    world.identities.iter().next_back()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestWorld;

    #[test]
    fn a_set_has_one_number_and_no_other_set_gets_it_when_it_has_gone() {
        let mut region = TestWorld::bootstrapped();
        let vpc = region.world.default_vpc().unwrap().vpc_id;
        let (vpc_text, subnet) = (
            alloc::format!("{vpc}"),
            region.world.subnets.iter().next().unwrap().subnet_id,
        );
        let subnet = alloc::format!("{subnet}");
        let number_of = |region: &mut TestWorld, name: &str| {
            let parameters = [
                ("GroupName", name),
                ("GroupDescription", name),
                ("VpcId", &vpc_text),
            ];
            let group = region.make("CreateSecurityGroup", &parameters, "/groupId");
            let parameters = [("SubnetId", &*subnet), ("SecurityGroupId.1", &group)];
            let id = "/networkInterface/networkInterfaceId";
            let eni = region.make("CreateNetworkInterface", &parameters, id);
            let again = region.make("CreateNetworkInterface", &parameters, id);
            let numbers = [&eni, &again].map(|id| {
                let eni = region.world.network_interfaces.get(id.parse().unwrap());
                region.world.identity_of(&eni.unwrap().security_group_set())
            });
            assert_eq!(numbers[0], numbers[1]);
            for id in [eni, again] {
                region.must("DeleteNetworkInterface", &[("NetworkInterfaceId", &id)]);
            }
            region.must("DeleteSecurityGroup", &[("GroupId", &group)]);
            numbers[0].unwrap()
        };
        let numbers = ["a", "b", "c"].map(|name| number_of(&mut region, name));
        assert_eq!(numbers, [1, 2, 3].map(IdentityNumber));
        // Only the last number is kept, with nothing that has it.
        let left: Vec<_> = region.world.identities.iter().collect();
        let left: Vec<_> = left.iter().map(|identity| identity.number).collect();
        assert_eq!(left, [IdentityNumber(3)]);
    }
}
