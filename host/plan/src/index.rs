//! By what else things are found than by their keys.

use alloc::collections::{BTreeMap, BTreeSet};

use eni_abi::{Mac, Mapping, Vport};
use eni_lower::{Delta, Desired, DesiredInterface};
use eni_types::{AttachmentId, InstanceId};

use crate::observed::Concerned;
use crate::{Observed, ObservedDevice, Step};

/// Desired interfaces and vports, and observed devices, by what they have in common; and the highest generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    interfaces_by_vport: BTreeMap<u32, AttachmentId>,
    /// With N of `ethN`.
    interfaces: Members<InstanceId, (u16, AttachmentId)>,
    /// By VPC and subnet, with its MAC: who is told of addresses that move. All of a subnet lie together.
    guests: BTreeMap<(u32, u32, u32), Mac>,
    /// By subnet: those that take packets for addresses of others.
    takers: BTreeSet<(u32, u32)>,
    /// With N of `ethN`.
    devices: Members<InstanceId, (u16, u32)>,
    brought: Members<InstanceId, AttachmentId>,
    /// By policy, the vports whose observed rows name it.
    named: Members<u32, u32>,
    last_generation: u64,
}

impl Index {
    pub(crate) fn of(desired: &Desired, observed: &Observed) -> Self {
        let mut index = Self::default();
        for (id, interface) in &desired.interfaces {
            index.add_interface(*id, interface);
        }
        for (vport, row) in &desired.tables.vports {
            index.add_row(*vport, row);
        }
        index.read_observed(observed);
        index
    }

    /// Whether it finds what is desired and observed at a vport.
    pub(crate) fn agrees_at(&self, vport: u32, desired: &Desired, observed: &Observed) -> bool {
        let interface = self.interface_at(vport).map(|id| {
            let interface = desired.interfaces.get(&id);
            interface.is_some_and(|interface| {
                let member = (interface.device_number, id);
                interface.vport == vport && self.interfaces.contains(interface.instance_id, &member)
            })
        });
        let row = desired.tables.vports.get(&vport);
        let guest = row.filter(|row| is_guests(row));
        let guest = guest.map(|row| {
            let takes = self.takers.contains(&(row.subnet, vport));
            self.guests.get(&(row.vpc, row.subnet, vport)) == Some(&row.mac)
                && takes != row.has(Vport::SOURCE_DEST_CHECK)
        });
        let device = observed.devices.get(&vport);
        let device = device.and_then(|device| device.plug).map(|plug| {
            let member = (plug.device_number, vport);
            self.devices.contains(plug.instance_id, &member)
        });
        let found = observed.tables.vports.get(&vport);
        let mut names = found.into_iter().flat_map(names_of);
        let named = names.all(|policy| self.named.contains(policy, &vport));
        let all = [interface, guest, device, Some(named)];
        all.into_iter().flatten().all(|agrees| agrees)
            // Each interface has its vport.
            && self.interfaces_by_vport.len() == desired.interfaces.len()
    }

    /// Of what is observed only.
    pub(crate) fn of_observed(observed: &Observed) -> Self {
        let mut index = Self::default();
        index.read_observed(observed);
        index
    }

    /// Follows what is desired.
    pub(crate) fn follow(&mut self, delta: &Delta, desired: &Desired) {
        for (id, before) in &delta.interfaces {
            if let Some(interface) = before {
                self.remove_interface(*id, interface);
            }
        }
        for (vport, before) in &delta.vports {
            if let Some(row) = before {
                self.guests.remove(&(row.vpc, row.subnet, *vport));
                self.takers.remove(&(row.subnet, *vport));
            }
        }
        for id in delta.interfaces.keys() {
            if let Some(interface) = desired.interfaces.get(id) {
                self.add_interface(*id, interface);
            }
        }
        for vport in delta.vports.keys() {
            if let Some(row) = desired.tables.vports.get(vport) {
                self.add_row(*vport, row);
            }
        }
    }

    /// Forgets what was observed before, and takes this for it.
    pub(crate) fn read_observed(&mut self, observed: &Observed) {
        self.devices = Members::default();
        for (vport, device) in &observed.devices {
            self.add_device(*vport, device);
        }
        self.brought = Members::default();
        for (id, instance) in &observed.brought {
            self.brought.insert(*instance, *id);
        }
        self.named = Members::default();
        for (vport, row) in &observed.tables.vports {
            self.add_names(*vport, row);
        }
        let rows = observed.tables.vports.values();
        let generations = rows.map(|row| row.generation & !Vport::IN_TRANSITION);
        let topology = observed.globals.topology_generation;
        self.last_generation = generations.fold(topology, u64::max);
    }

    fn add_interface(&mut self, id: AttachmentId, interface: &DesiredInterface) {
        self.interfaces_by_vport.insert(interface.vport, id);
        let member = (interface.device_number, id);
        self.interfaces.insert(interface.instance_id, member);
    }

    fn remove_interface(&mut self, id: AttachmentId, interface: &DesiredInterface) {
        if self.interface_at(interface.vport) == Some(id) {
            self.interfaces_by_vport.remove(&interface.vport);
        }
        let member = (interface.device_number, id);
        self.interfaces.remove(interface.instance_id, &member);
    }

    fn add_row(&mut self, vport: u32, row: &Vport) {
        if !is_guests(row) {
            return;
        }
        self.guests.insert((row.vpc, row.subnet, vport), row.mac);
        if !row.has(Vport::SOURCE_DEST_CHECK) {
            self.takers.insert((row.subnet, vport));
        }
    }

    fn add_device(&mut self, vport: u32, device: &ObservedDevice) {
        if let Some(plug) = device.plug {
            let member = (plug.device_number, vport);
            self.devices.insert(plug.instance_id, member);
        }
    }

    fn add_names(&mut self, vport: u32, row: &Vport) {
        for policy in names_of(row) {
            self.named.insert(policy, vport);
        }
    }

    /// Before a step is taken over: forgets what it concerns.
    pub(crate) fn forget(&mut self, step: &Step, concerned: &Concerned, observed: &Observed) {
        if let Step::Cut(vport, _) | Step::WriteVport(vport, _) | Step::Forget(vport, _) = step
            && let Some(row) = observed.tables.vports.get(vport)
        {
            for policy in names_of(row) {
                self.named.remove(policy, vport);
            }
        }
        if let Some(vport) = concerned.device
            && let Some(plug) = observed.devices.get(&vport).and_then(|device| device.plug)
        {
            let member = (plug.device_number, vport);
            self.devices.remove(plug.instance_id, &member);
        }
        for id in &concerned.brought {
            if let Some(instance) = observed.brought.get(id) {
                self.brought.remove(*instance, id);
            }
        }
    }

    /// After a step has been taken over.
    pub(crate) fn remember(&mut self, step: &Step, concerned: &Concerned, observed: &Observed) {
        if let Some(vport) = concerned.device
            && let Some(device) = observed.devices.get(&vport)
        {
            self.add_device(vport, device);
        }
        for id in &concerned.brought {
            if let Some(instance) = observed.brought.get(id) {
                self.brought.insert(*instance, *id);
            }
        }
        match step {
            Step::Cut(vport, row) | Step::WriteVport(vport, row) | Step::Forget(vport, row) => {
                self.add_names(*vport, row);
                self.see_generation(row.generation);
            }
            Step::WriteGlobals(globals) => self.see_generation(globals.topology_generation),
            _ => {}
        }
    }

    fn see_generation(&mut self, generation: u64) {
        let generation = generation & !Vport::IN_TRANSITION;
        self.last_generation = self.last_generation.max(generation);
    }

    /// The highest generation of any row, and of the globals.
    pub(crate) fn last_generation(&self) -> u64 {
        self.last_generation
    }

    /// The vports whose rows stand and name a policy.
    pub(crate) fn naming(&self, policy: u32) -> impl Iterator<Item = u32> {
        self.named.of(policy).copied()
    }

    /// The desired interface whose vport it is.
    pub(crate) fn interface_at(&self, vport: u32) -> Option<AttachmentId> {
        self.interfaces_by_vport.get(&vport).copied()
    }

    /// The desired interfaces of an instance, the primary one first.
    pub(crate) fn interfaces_of(&self, id: InstanceId) -> impl Iterator<Item = AttachmentId> {
        self.interfaces.of(id).map(|(_, id)| *id)
    }

    /// Whether a desired interface of the instance has that number.
    pub(crate) fn has_interface(&self, id: InstanceId, device_number: u16) -> bool {
        let mut interfaces = self.interfaces.of(id);
        interfaces.any(|(number, _)| *number == device_number)
    }

    /// The devices in an instance, by vport.
    pub(crate) fn devices_of(&self, id: InstanceId) -> BTreeSet<u32> {
        self.devices.of(id).map(|(_, vport)| *vport).collect()
    }

    /// The attachments for which something was brought into an instance.
    pub(crate) fn brought_into(&self, id: InstanceId) -> impl Iterator<Item = AttachmentId> {
        self.brought.of(id).copied()
    }

    /// The vports of a subnet, and their guests' MACs.
    pub(crate) fn guests(&self, vpc: u32, subnet: u32) -> impl Iterator<Item = (u32, Mac)> {
        let all = (vpc, subnet, u32::MIN)..=(vpc, subnet, u32::MAX);
        let guests = self.guests.range(all);
        guests.map(|((_, _, vport), mac)| (*vport, *mac))
    }

    /// Whether another interface of its subnet would take what is sent to an address.
    pub(crate) fn has_taker_besides(&self, row: &Mapping) -> bool {
        let all = (row.subnet, u32::MIN)..=(row.subnet, u32::MAX);
        let mut takers = self.takers.range(all);
        takers.any(|(_, vport)| Some(*vport) != row.location.vport_here())
    }
}

/// Whether there is a guest behind the row, who knows neighbors and is known by them.
fn is_guests(row: &Vport) -> bool {
    !row.has(Vport::UPLINK) && !row.has(Vport::SERVICES) && !row.is_endpoint()
}

/// The policies that a row names, if it stands.
fn names_of(row: &Vport) -> impl Iterator<Item = u32> + use<> {
    let policies = [row.security_policy, row.network_acl_policy];
    policies.into_iter().filter({
        let stands = row.has(Vport::PRESENT);
        move |_| stands
    })
}

/// Sets by key, none of them empty.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Members<K, M>(BTreeMap<K, BTreeSet<M>>);

impl<K, M> Default for Members<K, M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, M: Ord> Members<K, M> {
    fn insert(&mut self, key: K, member: M) {
        self.0.entry(key).or_default().insert(member);
    }

    fn remove(&mut self, key: K, member: &M) {
        if let Some(members) = self.0.get_mut(&key) {
            members.remove(member);
            if members.is_empty() {
                self.0.remove(&key);
            }
        }
    }

    fn contains(&self, key: K, member: &M) -> bool {
        let members = self.0.get(&key);
        members.is_some_and(|members| members.contains(member))
    }

    fn of(&self, key: K) -> impl Iterator<Item = &M> {
        self.0.get(&key).into_iter().flatten()
    }
}
