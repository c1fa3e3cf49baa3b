//! What a look at the devices tells while some of them are being changed.

use alloc::collections::{BTreeMap, BTreeSet};

use eni_types::{AttachmentId, InstanceId};

use super::Queue;
use crate::{DesiredUplink, Observed, ObservedDevice, ObservedInstance, UPLINK_VPORT};

/// What was found at a look: all of [`Observed`] but the tables, which nobody else writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenDevices {
    /// See [`Observed::instances`].
    pub instances: BTreeMap<InstanceId, ObservedInstance>,
    /// See [`Observed::brought`].
    pub brought: BTreeMap<AttachmentId, InstanceId>,
    /// See [`Observed::devices`].
    pub devices: BTreeMap<u32, ObservedDevice>,
    /// See [`Observed::linked`].
    pub linked: BTreeSet<u32>,
    /// See [`Observed::uplink`].
    pub uplink: Option<DesiredUplink>,
}

impl Observed {
    /// Takes over what was `seen`, but for queues that were being `changed` meanwhile: of those the outcomes of their steps
    /// tell, and the next look.
    pub fn take_over(&mut self, seen: SeenDevices, changed: &BTreeSet<Queue>) {
        let is_changed = |id: &InstanceId| changed.contains(&Queue::Instance(*id));
        let any_instance = changed
            .iter()
            .any(|queue| matches!(queue, Queue::Instance(_)));
        let device_is_changed = |vport: &u32, device: &ObservedDevice| match device.plug {
            Some(plug) => is_changed(&plug.instance_id),
            // Perhaps one that is just being made.
            None => any_instance || changed.contains(&Queue::Vport(*vport)),
        };
        let mut kept = BTreeSet::new();
        for devices in [&self.devices, &seen.devices] {
            let changed = devices
                .iter()
                .filter(|(vport, device)| device_is_changed(vport, device));
            kept.extend(changed.map(|(vport, _)| *vport));
        }
        if changed.contains(&Queue::Uplink) {
            kept.insert(UPLINK_VPORT);
        } else {
            self.uplink = seen.uplink;
        }
        self.instances.retain(|id, _| is_changed(id));
        let instances = seen.instances.into_iter();
        self.instances
            .extend(instances.filter(|(id, _)| !is_changed(id)));
        self.brought.retain(|_, instance| is_changed(instance));
        let brought = seen.brought.into_iter();
        self.brought
            .extend(brought.filter(|(_, instance)| !is_changed(instance)));
        self.devices.retain(|vport, _| kept.contains(vport));
        let devices = seen.devices.into_iter();
        self.devices
            .extend(devices.filter(|(vport, _)| !kept.contains(vport)));
        self.linked.retain(|vport| kept.contains(vport));
        let linked = seen.linked.into_iter();
        self.linked
            .extend(linked.filter(|vport| !kept.contains(vport)));
        // Filters are not listed. Those put in place by this process stay as long as their devices.
        let (devices, uplink) = (&self.devices, &self.uplink);
        self.guarded.retain(|vport| {
            kept.contains(vport)
                || devices.contains_key(vport)
                || *vport == UPLINK_VPORT && uplink.is_some()
        });
        self.guarded.extend(&self.linked);
    }
}
