//! The policies and identities in use, and who uses them.
//!
//! Contents that are equal are one policy. Rules that change are other contents: their policy keeps its number where it may
//! be edited in place (the module `edit`), and nobody else has it; otherwise they get another one.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_model::resource::NetworkAcl;
use eni_model::{SecurityGroupSet, World};
use eni_types::{NetworkAclId, SecurityGroupId};

use crate::delta::Draft;
use crate::layout::Layout;
use crate::numbers::Numbers;
use crate::policy::Content;

/// See [the module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    group_sets: BTreeMap<SecurityGroupSet, User>,
    network_acls: BTreeMap<NetworkAclId, User>,
    /// By number.
    policies: BTreeMap<u32, UsedPolicy>,
    /// The sets in use that hold a group.
    sets_with: BTreeMap<SecurityGroupId, BTreeSet<SecurityGroupSet>>,
    /// The policies in use with rules whose peer is a group.
    policies_about: BTreeMap<SecurityGroupId, BTreeSet<u32>>,
    update: Update,
}

/// A set of groups or a network ACL, and the policy that it has now.
#[derive(Clone, Debug)]
struct User {
    interfaces: usize,
    policy: u32,
    /// Of a set of groups; 0 of a network ACL.
    identity: u32,
}

#[derive(Clone, Debug)]
struct UsedPolicy {
    layout: Layout,
    /// Sets of groups and network ACLs.
    users: usize,
}

/// What the update under way has still to settle.
#[derive(Clone, Debug, Default)]
struct Update {
    new_sets: BTreeSet<SecurityGroupSet>,
    new_policies: BTreeSet<u32>,
    /// Those that were left by their last user; another may have come since.
    left_sets: BTreeSet<SecurityGroupSet>,
    left_network_acls: BTreeSet<NetworkAclId>,
    left_policies: BTreeSet<u32>,
}

impl Policies {
    /// An interface begins to use a set of groups: the numbers of its policy and of its identity.
    pub(crate) fn use_groups(
        &mut self,
        set: &SecurityGroupSet,
        world: &World,
        numbers: &mut Numbers,
    ) -> (u32, u32) {
        if let Some(user) = self.group_sets.get_mut(set) {
            user.interfaces += 1;
            return (user.policy, user.identity);
        }
        // Without one, no rule is about it.
        let identity = world.identity_of(set).map_or(0, |number| number.0);
        let content = Arc::new(Content::of_groups(world, set));
        let policy = self.use_policy(content, numbers);
        let user = User {
            interfaces: 1,
            policy,
            identity,
        };
        self.group_sets.insert(set.clone(), user);
        for group in set.iter() {
            self.sets_with
                .entry(*group)
                .or_default()
                .insert(set.clone());
        }
        self.update.new_sets.insert(set.clone());
        (policy, identity)
    }

    /// An interface ceases to use a set of groups.
    pub(crate) fn leave_groups(&mut self, set: &SecurityGroupSet) {
        if let Some(user) = self.group_sets.get_mut(set) {
            user.interfaces -= 1;
            if user.interfaces == 0 {
                self.update.left_sets.insert(set.clone());
            }
        }
    }

    /// An interface begins to use a network ACL: the number of its policy.
    pub(crate) fn use_network_acl(&mut self, acl: &NetworkAcl, numbers: &mut Numbers) -> u32 {
        if let Some(user) = self.network_acls.get_mut(&acl.network_acl_id) {
            user.interfaces += 1;
            return user.policy;
        }
        let policy = self.use_policy(Arc::new(Content::of_network_acl(acl)), numbers);
        let user = User {
            interfaces: 1,
            policy,
            identity: 0,
        };
        self.network_acls.insert(acl.network_acl_id, user);
        policy
    }

    /// An interface ceases to use a network ACL.
    pub(crate) fn leave_network_acl(&mut self, id: NetworkAclId) {
        if let Some(user) = self.network_acls.get_mut(&id) {
            user.interfaces -= 1;
            if user.interfaces == 0 {
                self.update.left_network_acls.insert(id);
            }
        }
    }

    /// Reads rules of groups that have changed. Gives the sets whose policy has another number: interfaces that have them are
    /// to be lowered again.
    pub(crate) fn read_groups_again(
        &mut self,
        groups: &BTreeSet<SecurityGroupId>,
        world: &World,
        numbers: &mut Numbers,
        draft: &mut Draft,
    ) -> Vec<SecurityGroupSet> {
        let with = groups.iter().filter_map(|group| self.sets_with.get(group));
        let sets: BTreeSet<SecurityGroupSet> = with.flatten().cloned().collect();
        let mut exchanged = Vec::new();
        for set in sets {
            let before = self.group_sets[&set].policy;
            let content = Arc::new(Content::of_groups(world, &set));
            if self.edit(before, &content, numbers, draft) {
                continue;
            }
            let policy = self.exchange(before, content, numbers);
            if policy != before {
                if let Some(user) = self.group_sets.get_mut(&set) {
                    user.policy = policy;
                }
                exchanged.push(set);
            }
        }
        exchanged
    }

    /// Reads network ACLs that have changed. Interfaces in their subnets are to be lowered again.
    pub(crate) fn read_network_acls_again(
        &mut self,
        network_acls: &BTreeSet<NetworkAclId>,
        world: &World,
        numbers: &mut Numbers,
    ) {
        for id in network_acls {
            let Some(before) = self.network_acls.get(id).map(|user| user.policy) else {
                continue;
            };
            let Some(acl) = world.network_acls.get(*id) else {
                continue;
            };
            let content = Arc::new(Content::of_network_acl(acl));
            let policy = self.exchange(before, content, numbers);
            if let Some(user) = self.network_acls.get_mut(id) {
                user.policy = policy;
            }
        }
    }

    /// All groups in sets, and all network ACLs, that are in use.
    pub(crate) fn in_use(&self) -> (BTreeSet<SecurityGroupId>, BTreeSet<NetworkAclId>) {
        let groups = self.sets_with.keys().copied().collect();
        (groups, self.network_acls.keys().copied().collect())
    }

    /// Forgets the numbers of what is not in use.
    pub(crate) fn forget_others(&self, numbers: &mut Numbers) {
        let policies = &self.policies;
        numbers
            .policies
            .retain(|_, number| policies.contains_key(&number));
        numbers
            .layouts
            .retain(|number, _| policies.contains_key(number));
    }

    /// Makes `content` the rules of a policy in place, if that may be.
    fn edit(
        &mut self,
        number: u32,
        content: &Arc<Content>,
        numbers: &mut Numbers,
        draft: &mut Draft,
    ) -> bool {
        let Some(policy) = self.policies.get_mut(&number) else {
            return false;
        };
        let is_shared = policy.users != 1 || numbers.policies.get(content).is_some();
        if is_shared || self.update.new_policies.contains(&number) {
            return false;
        }
        let Some(edit) = policy.layout.edit(content) else {
            return false;
        };
        let (sets_with, group_sets) = (&self.sets_with, &self.group_sets);
        edit.write(number, draft, |group| {
            let sets = sets_with.get(&group).into_iter().flatten();
            let identities = sets.filter_map(|set| Some(group_sets.get(set)?.identity));
            identities.filter(|identity| *identity != 0).collect()
        });
        let before = core::mem::replace(&mut policy.layout, edit.layout);
        numbers.edit(number, before.content(), &policy.layout);
        for group in before.content().peer_groups() {
            remove(&mut self.policies_about, &group, &number);
        }
        for group in content.peer_groups() {
            self.policies_about.entry(group).or_default().insert(number);
        }
        true
    }

    /// The number for `content` in place of the policy `before`.
    fn exchange(&mut self, before: u32, content: Arc<Content>, numbers: &mut Numbers) -> u32 {
        if *self.policies[&before].layout.content() == content {
            return before;
        }
        self.leave_policy(before);
        self.use_policy(content, numbers)
    }

    fn use_policy(&mut self, content: Arc<Content>, numbers: &mut Numbers) -> u32 {
        let number = numbers.policies.assign(&content);
        let update = &mut self.update;
        let about = &mut self.policies_about;
        let policy = self.policies.entry(number).or_insert_with(|| {
            update.new_policies.insert(number);
            for group in content.peer_groups() {
                about.entry(group).or_default().insert(number);
            }
            let edited = numbers.layouts.get(&number).cloned();
            UsedPolicy {
                layout: edited.unwrap_or_else(|| Layout::new(content)),
                users: 0,
            }
        });
        policy.users += 1;
        number
    }

    fn leave_policy(&mut self, number: u32) {
        if let Some(policy) = self.policies.get_mut(&number) {
            policy.users -= 1;
            if policy.users == 0 {
                self.update.left_policies.insert(number);
            }
        }
    }

    /// Ends an update: rows of what has come are written, those of what has gone removed.
    pub(crate) fn settle(&mut self, numbers: &mut Numbers, draft: &mut Draft) {
        let mut update = core::mem::take(&mut self.update);
        for set in &update.left_sets {
            if self.group_sets.get(set).is_some_and(User::is_idle) {
                self.forget_groups(set, draft);
            }
        }
        for id in &update.left_network_acls {
            if self.network_acls.get(id).is_some_and(User::is_idle)
                && let Some(user) = self.network_acls.remove(id)
            {
                self.leave_policy(user.policy);
            }
        }
        update.left_policies.append(&mut self.update.left_policies);
        for number in update.left_policies {
            if self
                .policies
                .get(&number)
                .is_some_and(|policy| policy.users == 0)
            {
                self.forget_policy(number, numbers, draft);
            }
        }
        for number in update.new_policies {
            draft.change_all(self.policy_rows(number), true);
        }
        for set in update.new_sets {
            if self.group_sets.contains_key(&set) {
                draft.change_all(self.rows_about(&set), true);
            }
        }
    }

    fn forget_groups(&mut self, set: &SecurityGroupSet, draft: &mut Draft) {
        draft.change_all(self.rows_about(set), false);
        for group in set.iter() {
            remove(&mut self.sets_with, group, set);
        }
        if let Some(user) = self.group_sets.remove(set) {
            self.leave_policy(user.policy);
        }
    }

    fn forget_policy(&mut self, number: u32, numbers: &mut Numbers, draft: &mut Draft) {
        draft.change_all(self.policy_rows(number), false);
        if let Some(policy) = self.policies.remove(&number) {
            for group in policy.layout.content().peer_groups() {
                remove(&mut self.policies_about, &group, &number);
            }
            numbers.policies.release(policy.layout.content());
            numbers.layouts.remove(&number);
        }
    }

    /// All rows of a policy; none where it is not in use any more.
    fn policy_rows(&self, number: u32) -> Vec<crate::TableChange> {
        let mut rows = Vec::new();
        if let Some(UsedPolicy { layout, .. }) = self.policies.get(&number) {
            layout.rows(number, &mut rows);
            let groups = layout.content().peer_groups().into_iter();
            let sets = groups.filter_map(|group| self.sets_with.get(&group));
            let sets: BTreeSet<&SecurityGroupSet> = sets.flatten().collect();
            for set in sets {
                if let Some(identity) = self.identity_of(set) {
                    layout.identity_rows(number, set, identity, &mut rows);
                }
            }
        }
        rows
    }

    /// The rows of all policies by the identity of a set.
    fn rows_about(&self, set: &SecurityGroupSet) -> Vec<crate::TableChange> {
        let mut rows = Vec::new();
        let about = set
            .iter()
            .filter_map(|group| self.policies_about.get(group));
        let policies: BTreeSet<u32> = about.flatten().copied().collect();
        if let Some(identity) = self.identity_of(set) {
            for number in policies {
                let layout = &self.policies[&number].layout;
                layout.identity_rows(number, set, identity, &mut rows);
            }
        }
        rows
    }

    fn identity_of(&self, set: &SecurityGroupSet) -> Option<u32> {
        let identity = self.group_sets.get(set)?.identity;
        (identity != 0).then_some(identity)
    }
}

impl User {
    fn is_idle(&self) -> bool {
        self.interfaces == 0
    }
}

/// Takes a member out of the set at `key`, and the set with its last one.
fn remove<K: Ord, M: Ord>(sets: &mut BTreeMap<K, BTreeSet<M>>, key: &K, member: &M) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(member);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
