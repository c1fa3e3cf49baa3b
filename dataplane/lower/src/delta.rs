//! What an update changes of what is desired.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::Vport;
use eni_types::{AttachmentId, InstanceId, NetworkInterfaceId};

use crate::{Desired, DesiredInstance, DesiredInterface, TableChange, TableKey};

/// Everything in which what is desired after an update differs from what was before; the instances, interfaces and vports
/// with what stood in their place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// Of [`Desired::instances`].
    pub instances: BTreeMap<InstanceId, Option<DesiredInstance>>,
    /// Of [`Desired::interfaces`].
    pub interfaces: BTreeMap<AttachmentId, Option<DesiredInterface>>,
    /// Of [`Desired::endpoints`].
    pub endpoints: BTreeMap<NetworkInterfaceId, Option<u32>>,
    /// Of [`crate::Tables::vports`].
    pub vports: BTreeMap<u32, Option<Vport>>,
    /// Of the other packet tables.
    pub rows: BTreeSet<TableKey>,
}

impl Delta {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
            && self.interfaces.is_empty()
            && self.endpoints.is_empty()
            && self.vports.is_empty()
            && self.rows.is_empty()
    }

    /// The differences between two whole results, those of uplinks left out: a region has one for all its life.
    #[must_use]
    pub fn between(before: &Desired, after: &Desired) -> Self {
        let mut rows = BTreeSet::new();
        before.tables.add_differences(&after.tables, &mut rows);
        Self {
            instances: differences(&before.instances, &after.instances),
            interfaces: differences(&before.interfaces, &after.interfaces),
            endpoints: differences(&before.endpoints, &after.endpoints),
            vports: differences(&before.tables.vports, &after.tables.vports),
            rows,
        }
    }
}

fn differences<K: Ord + Copy, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> BTreeMap<K, Option<V>> {
    let keys = before.keys().chain(after.keys());
    keys.filter(|key| before.get(key) != after.get(key))
        .map(|key| (*key, before.get(key).cloned()))
        .collect()
}

/// What is desired, and what the update under way has found in the places that it has changed.
///
/// Most of what an update takes back it gives again, as an instance is lowered with all its interfaces: what is taken back
/// leaves at [`Draft::let_go`], if it has not been given again.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) desired: Desired,
    instances: BTreeMap<InstanceId, Option<DesiredInstance>>,
    interfaces: BTreeMap<AttachmentId, Option<DesiredInterface>>,
    endpoints: BTreeMap<NetworkInterfaceId, Option<u32>>,
    vports: BTreeMap<u32, Option<Vport>>,
    rows: BTreeMap<TableKey, TableChange>,
    leaving_interfaces: BTreeSet<AttachmentId>,
    leaving_endpoints: BTreeSet<NetworkInterfaceId>,
    leaving_vports: BTreeSet<u32>,
    leaving_rows: BTreeSet<TableKey>,
}

impl Draft {
    pub(crate) fn new(desired: Desired) -> Self {
        Self {
            desired,
            instances: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            vports: BTreeMap::new(),
            rows: BTreeMap::new(),
            leaving_interfaces: BTreeSet::new(),
            leaving_endpoints: BTreeSet::new(),
            leaving_vports: BTreeSet::new(),
            leaving_rows: BTreeSet::new(),
        }
    }

    pub(crate) fn set_instance(&mut self, id: InstanceId, instance: Option<DesiredInstance>) {
        set(
            &mut self.desired.instances,
            &mut self.instances,
            id,
            instance,
        );
    }

    pub(crate) fn set_interface(
        &mut self,
        id: AttachmentId,
        interface: DesiredInterface,
        row: Vport,
    ) {
        let vport = interface.vport;
        self.leaving_interfaces.remove(&id);
        self.leaving_vports.remove(&vport);
        let interfaces = &mut self.desired.interfaces;
        set(interfaces, &mut self.interfaces, id, Some(interface));
        let rows = &mut self.desired.tables.vports;
        set(rows, &mut self.vports, vport, Some(row));
    }

    /// Takes an interface back, with its vport.
    pub(crate) fn take_interface(&mut self, id: AttachmentId, vport: u32) {
        self.leaving_interfaces.insert(id);
        self.leaving_vports.insert(vport);
    }

    pub(crate) fn set_endpoint(&mut self, id: NetworkInterfaceId, vport: u32, row: Vport) {
        self.leaving_endpoints.remove(&id);
        self.leaving_vports.remove(&vport);
        let endpoints = &mut self.desired.endpoints;
        set(endpoints, &mut self.endpoints, id, Some(vport));
        let rows = &mut self.desired.tables.vports;
        set(rows, &mut self.vports, vport, Some(row));
    }

    /// Takes the interface of an endpoint back, with its vport.
    pub(crate) fn take_endpoint(&mut self, id: NetworkInterfaceId) {
        self.leaving_endpoints.insert(id);
        let vport = self.desired.endpoints.get(&id);
        self.leaving_vports.extend(vport);
    }

    /// Writes a row.
    pub(crate) fn change(&mut self, change: &TableChange) {
        let (tables, key) = (&mut self.desired.tables, change.key());
        self.leaving_rows.remove(&key);
        let before = tables.change(key);
        if before != *change {
            tables.apply(change);
            self.rows.entry(key).or_insert(before);
        }
    }

    /// Writes rows, or takes back those that were written.
    pub(crate) fn change_all(&mut self, rows: Vec<TableChange>, is_there: bool) {
        for row in rows {
            if is_there {
                self.change(&row);
            } else {
                self.leaving_rows.insert(row.key());
            }
        }
    }

    /// What was taken back and has not been given again leaves.
    pub(crate) fn let_go(&mut self) {
        for id in core::mem::take(&mut self.leaving_interfaces) {
            set(&mut self.desired.interfaces, &mut self.interfaces, id, None);
        }
        for id in core::mem::take(&mut self.leaving_endpoints) {
            set(&mut self.desired.endpoints, &mut self.endpoints, id, None);
        }
        for vport in core::mem::take(&mut self.leaving_vports) {
            let rows = &mut self.desired.tables.vports;
            set(rows, &mut self.vports, vport, None);
        }
        for key in core::mem::take(&mut self.leaving_rows) {
            self.change(&TableChange::removal(key));
        }
    }

    /// Ends the update.
    pub(crate) fn take_delta(&mut self) -> Delta {
        self.let_go();
        let tables = &self.desired.tables;
        let rows = core::mem::take(&mut self.rows).into_iter();
        let rows = rows.filter(|(key, before)| tables.change(*key) != *before);
        Delta {
            rows: rows.map(|(key, _)| key).collect(),
            instances: changed(&mut self.instances, &self.desired.instances),
            interfaces: changed(&mut self.interfaces, &self.desired.interfaces),
            endpoints: changed(&mut self.endpoints, &self.desired.endpoints),
            vports: changed(&mut self.vports, &tables.vports),
        }
    }
}

fn set<K: Ord + Copy, V: PartialEq>(
    map: &mut BTreeMap<K, V>,
    before: &mut BTreeMap<K, Option<V>>,
    key: K,
    value: Option<V>,
) {
    if map.get(&key) == value.as_ref() {
        return;
    }
    let found = match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
    before.entry(key).or_insert(found);
}

fn changed<K: Ord, V: PartialEq>(
    before: &mut BTreeMap<K, Option<V>>,
    map: &BTreeMap<K, V>,
) -> BTreeMap<K, Option<V>> {
    let before = core::mem::take(before).into_iter();
    before
        .filter(|(key, found)| map.get(key) != found.as_ref())
        .collect()
}
