//! What a plan has to look at.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_lower::{Delta, Desired, TableKey, Tables, UPLINK_VPORT};
use eni_types::InstanceId;

use crate::index::Index;
use crate::lanes::Queue;
use crate::{Observed, Step};

/// Things of which what is desired or what is observed has changed, or for which there may be something left to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// With their interfaces.
    pub(crate) instances: BTreeSet<InstanceId>,
    /// With their devices; the uplink is touched with its vport.
    pub(crate) vports: BTreeSet<u32>,
    pub(crate) rows: BTreeSet<TableKey>,
}

impl Touched {
    /// Everything.
    pub(crate) fn all(desired: &Desired, observed: &Observed) -> Self {
        let instances = desired.instances.keys().chain(observed.instances.keys());
        let interfaces = desired.interfaces.values();
        let instances = instances.chain(observed.brought.values());
        let instances = instances.chain(interfaces.map(|interface| &interface.instance_id));
        let (tables, found) = (&desired.tables, &observed.tables);
        let vports = tables.vports.keys().chain(found.vports.keys());
        let vports = vports.chain(observed.devices.keys()).copied();
        Self {
            instances: instances.copied().collect(),
            vports: vports.chain([UPLINK_VPORT]).collect(),
            rows: tables.keys().chain(found.keys()).collect(),
        }
    }

    /// Adds all of `other`.
    pub(crate) fn add(&mut self, mut other: Self) {
        self.instances.append(&mut other.instances);
        self.vports.append(&mut other.vports);
        self.rows.append(&mut other.rows);
    }

    /// Adds what is desired otherwise than before.
    pub(crate) fn add_delta(&mut self, delta: &Delta, desired: &Desired) {
        self.instances.extend(delta.instances.keys());
        for (id, before) in &delta.interfaces {
            let both = [before.as_ref(), desired.interfaces.get(id)];
            for interface in both.into_iter().flatten() {
                self.instances.insert(interface.instance_id);
                self.vports.insert(interface.vport);
            }
        }
        self.vports.extend(delta.vports.keys());
        self.rows.extend(&delta.rows);
    }

    /// Adds what is observed otherwise than before, but in the tables.
    pub(crate) fn add_observed(&mut self, before: &Observed, after: &Observed) {
        add_differences(&before.instances, &after.instances, &mut self.instances);
        for (before, after) in [(before, after), (after, before)] {
            let brought = before.brought.iter();
            let gone = brought.filter(|(id, instance)| after.brought.get(id) != Some(instance));
            self.instances.extend(gone.map(|(_, instance)| *instance));
        }
        let mut devices = BTreeSet::new();
        add_differences(&before.devices, &after.devices, &mut devices);
        for vport in devices {
            for observed in [before, after] {
                self.add_vport(vport, observed);
            }
        }
        let guarded = before.guarded.symmetric_difference(&after.guarded);
        let linked = before.linked.symmetric_difference(&after.linked);
        self.vports.extend(guarded.chain(linked));
        if before.uplink != after.uplink {
            self.vports.insert(UPLINK_VPORT);
        }
    }

    /// Adds what is in the tables otherwise than before.
    pub(crate) fn add_tables(&mut self, before: &Tables, after: &Tables) {
        add_differences(&before.vports, &after.vports, &mut self.vports);
        before.add_differences(after, &mut self.rows);
    }

    /// What steps are about.
    pub(crate) fn of_steps<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Self {
        let mut touched = Self::default();
        let steps = steps.into_iter();
        steps.for_each(|step| touched.add_step(step));
        touched
    }

    /// Leaves out all of `other`.
    pub(crate) fn remove(&mut self, other: &Self) {
        // One may be much larger than the other.
        remove_all(&mut self.instances, &other.instances);
        remove_all(&mut self.vports, &other.vports);
        remove_all(&mut self.rows, &other.rows);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty() && self.vports.is_empty() && self.rows.is_empty()
    }

    /// Adds a vport, and the instance that its device is in.
    pub(crate) fn add_vport(&mut self, vport: u32, observed: &Observed) {
        self.vports.insert(vport);
        let device = observed.devices.get(&vport);
        let plug = device.and_then(|device| device.plug);
        self.instances.extend(plug.map(|plug| plug.instance_id));
    }

    /// Adds what a queue's steps are about.
    pub(crate) fn add_queue(&mut self, queue: Queue) {
        match queue {
            Queue::Uplink => self.vports.insert(UPLINK_VPORT),
            Queue::Instance(id) => self.instances.insert(id),
            Queue::Vport(vport) => self.vports.insert(vport),
        };
    }

    /// The queues in which there may be steps about it.
    pub(crate) fn queues(&self) -> BTreeSet<Queue> {
        let instances = self.instances.iter().copied().map(Queue::Instance);
        let vports = self.vports.iter().map(|vport| match *vport {
            UPLINK_VPORT => Queue::Uplink,
            vport => Queue::Vport(vport),
        });
        instances.chain(vports).collect()
    }

    /// Adds what a step is about.
    pub(crate) fn add_step(&mut self, step: &Step) {
        self.instances.extend(step.instance_id());
        self.vports.extend(step.vport());
        match step {
            Step::Withdraw(_, instance) => {
                self.instances.insert(*instance);
            }
            Step::Table(change) => {
                self.rows.insert(change.key());
            }
            Step::Announce(announcement) => {
                self.rows.insert(TableKey::Mapping(announcement.key));
            }
            _ => {}
        }
    }

    /// Adds what decides about the same steps: of a vport the instances that it is in and is to be in, of an instance all
    /// its vports, and so on. No step is about something of it and something else.
    pub(crate) fn add_related(&mut self, desired: &Desired, observed: &Observed, index: &Index) {
        let mut vports: Vec<u32> = self.vports.iter().copied().collect();
        let mut instances: Vec<InstanceId> = self.instances.iter().copied().collect();
        loop {
            while let Some(vport) = vports.pop() {
                let device = observed.devices.get(&vport);
                let plug = device.and_then(|device| device.plug);
                let interface = index.interface_at(vport);
                let interface = interface.and_then(|id| desired.interfaces.get(&id));
                let here = plug.map(|plug| plug.instance_id);
                let both = [here, interface.map(|interface| interface.instance_id)];
                let new = both.into_iter().flatten();
                instances.extend(new.filter(|id| self.instances.insert(*id)));
            }
            let Some(id) = instances.pop() else {
                return;
            };
            let interfaces = index.interfaces_of(id);
            let interfaces = interfaces.filter_map(|id| desired.interfaces.get(&id));
            let all = interfaces.map(|interface| interface.vport);
            let all = all.chain(index.devices_of(id));
            vports.extend(all.filter(|vport| self.vports.insert(*vport)));
        }
    }
}

fn remove_all<K: Ord>(keys: &mut BTreeSet<K>, others: &BTreeSet<K>) {
    if keys.len() > others.len() {
        for key in others {
            keys.remove(key);
        }
    } else {
        keys.retain(|key| !others.contains(key));
    }
}

fn add_differences<K: Ord + Copy, V: PartialEq>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    keys: &mut BTreeSet<K>,
) {
    let both = before.keys().chain(after.keys());
    keys.extend(both.filter(|key| before.get(key) != after.get(key)));
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use eni_lower::{Lowering, Numbers, VportNumbers};

    use super::*;
    use crate::Convergence;

    #[test]
    fn a_device_that_vanishes_is_a_matter_of_the_instance_it_was_in() {
        let region = eni_model::testing::region_of(3);
        let settings = region.region.clone();
        let (mut vports, numbers) = (VportNumbers::default(), Numbers::default());
        let (lowering, _) = Lowering::new(&region.world, &settings, numbers, &mut vports);
        let mut settled = Convergence::new(Observed::default());
        settled.begin(lowering.desired());
        for step in settled.plan(lowering.desired()).steps() {
            settled.done(step);
        }
        let before = settled.observed();
        assert!(!before.devices.is_empty());
        for (vport, device) in &before.devices {
            let instance = device.plug.map(|plug| plug.instance_id);
            let mut after = before.clone();
            after.devices.remove(vport);
            for (before, after) in [(before, &after), (&after, before)] {
                let mut touched = Touched::default();
                touched.add_observed(before, after);
                assert_eq!(touched.vports, BTreeSet::from([*vport]));
                assert_eq!(touched.instances, instance.into_iter().collect());
            }
        }
    }
}
