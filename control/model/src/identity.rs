//! Identities: the sets of security groups that interfaces are in, by number.
//!
//! A rule whose peer is a group matches by the sender's identity, so a number must mean the same set wherever packets
//! meet it: identities are stored with what needs them, in the same transaction, and a number is never given twice.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use eni_types::SecurityGroupId;
use serde::{Deserialize, Serialize};

use crate::persistent::{Map, Set};
use crate::resource::{NetworkInterface, Resource, ResourceKey};
use crate::{Change, ChangeSet, World};

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

impl Identity {
    /// Its key.
    #[must_use]
    pub fn id(&self) -> IdentityNumber {
        self.number
    }
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

/// All identities, by number, by set and by group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Identities {
    by_number: Map<IdentityNumber, SecurityGroupSet>,
    by_set: Map<SecurityGroupSet, IdentityNumber>,
    by_group: Map<SecurityGroupId, Set<IdentityNumber>>,
}

impl Identities {
    pub(crate) fn put(&mut self, identity: Identity) {
        self.delete(identity.number);
        let Identity { number, group_ids } = identity;
        for group in &group_ids {
            match self.by_group.get_mut(group) {
                Some(numbers) => numbers.insert_mut(number),
                None => self
                    .by_group
                    .insert_mut(*group, [number].into_iter().collect()),
            }
        }
        let set = SecurityGroupSet::from(group_ids);
        self.by_set.insert_mut(Arc::clone(&set), number);
        self.by_number.insert_mut(number, set);
    }

    pub(crate) fn delete(&mut self, number: IdentityNumber) {
        let Some(set) = self.by_number.get(&number).cloned() else {
            return;
        };
        self.by_number.remove_mut(&number);
        self.by_set.remove_mut(&set);
        for group in set.iter() {
            if let Some(numbers) = self.by_group.get_mut(group) {
                numbers.remove_mut(&number);
                if numbers.is_empty() {
                    self.by_group.remove_mut(group);
                }
            }
        }
    }

    pub(crate) fn of(&self, set: &SecurityGroupSet) -> Option<IdentityNumber> {
        self.by_set.get(set).copied()
    }

    pub(crate) fn get(&self, number: IdentityNumber) -> Option<&SecurityGroupSet> {
        self.by_number.get(&number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Identity> {
        self.by_number.iter().map(|(number, set)| Identity {
            number: *number,
            group_ids: set.to_vec(),
        })
    }

    fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// The highest number. Its identity stays until there is a higher one, so that no later one gets the number again.
    fn last(&self) -> Option<IdentityNumber> {
        self.by_number.last().map(|(number, _)| *number)
    }

    fn with(&self, group: SecurityGroupId) -> impl Iterator<Item = IdentityNumber> {
        self.by_group
            .get(&group)
            .into_iter()
            .flat_map(|numbers| numbers.iter().copied())
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
                    if let Resource::NetworkInterface(eni) = &**resource {
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
    new: Identities,
    changes: ChangeSet,
}

impl<'a> Numbering<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            world,
            new: Identities::default(),
            changes: ChangeSet::none(),
        }
    }

    fn number(&mut self, eni: &NetworkInterface) {
        let known = self.world.identities();
        let set = eni.security_group_set();
        if known.of(&set).or(self.new.of(&set)).is_some() {
            return;
        }
        let last = self.new.last().or(known.last());
        if let Some(last) = known.last().filter(|_| self.new.is_empty()) {
            // It may have been kept for its number only.
            let is_gone =
                |group: &SecurityGroupId| self.world.security_groups.get(*group).is_none();
            if known
                .by_number
                .get(&last)
                .is_some_and(|set| set.iter().any(is_gone))
            {
                self.changes.delete(last);
            }
        }
        let identity = Identity {
            number: IdentityNumber(last.map_or(1, |last| last.0 + 1)),
            group_ids: set.to_vec(),
        };
        self.new.put(identity.clone());
        self.changes.put(identity);
    }

    fn forget(&mut self, group: SecurityGroupId) {
        let known = self.world.identities();
        let gone = known.with(group);
        gone.filter(|number| Some(*number) != known.last())
            .for_each(|number| self.changes.delete(number));
    }
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
        let left: Vec<_> = region.world.identities().iter().collect();
        let left: Vec<_> = left.iter().map(Identity::id).collect();
        assert_eq!(left, [IdentityNumber(3)]);
    }
}
