//! What a plan has to look at.

use alloc::collections::{BTreeMap, BTreeSet};

use eni_lower::{Delta, Desired, TableKey, Tables, UPLINK_VPORT};
use eni_types::InstanceId;

use crate::index::Index;
use crate::{Observed, Plan, Step};

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
        add_differences(&before.devices, &after.devices, &mut self.vports);
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

    /// What the steps of a plan are about.
    pub(crate) fn of_steps(plan: &Plan) -> Self {
        let mut touched = Self::default();
        plan.steps().for_each(|step| touched.add_step(step));
        touched
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
    /// its vports.
    pub(crate) fn add_related(&mut self, desired: &Desired, observed: &Observed, index: &Index) {
        for vport in &self.vports {
            let device = observed.devices.get(vport);
            let plug = device.and_then(|device| device.plug);
            self.instances.extend(plug.map(|plug| plug.instance_id));
            let interface = index.interface_at(*vport);
            let interface = interface.and_then(|id| desired.interfaces.get(&id));
            self.instances
                .extend(interface.map(|interface| interface.instance_id));
        }
        for id in &self.instances {
            let interfaces = index.interfaces_of(*id);
            let interfaces = interfaces.filter_map(|id| desired.interfaces.get(&id));
            self.vports
                .extend(interfaces.map(|interface| interface.vport));
            self.vports.extend(index.devices_of(*id));
        }
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
