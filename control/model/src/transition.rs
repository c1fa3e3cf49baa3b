//! What the agent completes: reports, planned like calls.
//!
//! A report may come late or twice. One about a boot, or a state, that has been left behind changes nothing.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::{
    AttachmentId, AttachmentStatus, InstanceId, InstanceState, NetworkInterfaceId, Timestamp, quota,
};

use crate::operations::address::release;
use crate::operations::instance::{booted_anew, instance_initiated};
use crate::resource::{Ageing, Instance, NetworkInterface, VpcPeeringConnectionStatus};
use crate::{ChangeSet, World};

/// Something that has come about on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transition {
    /// The instance runs.
    InstanceRunning {
        /// Which.
        instance_id: InstanceId,
        /// The boot that was completed.
        boot_count: u64,
    },
    /// All processes of a running instance have ended by themselves, or it has some again.
    InstanceReachable {
        /// Which.
        instance_id: InstanceId,
        /// The boot whose processes they are.
        boot_count: u64,
        /// Whether it has processes.
        is_reachable: bool,
    },
    /// A running instance has powered itself off.
    GuestPoweredOff {
        /// Which.
        instance_id: InstanceId,
        /// The boot that it has ended.
        boot_count: u64,
    },
    /// A running instance wants to boot anew.
    GuestRebooted {
        /// Which.
        instance_id: InstanceId,
        /// The boot that it has ended.
        boot_count: u64,
    },
    /// The instance's processes and devices have gone, to be started again.
    InstanceStopped {
        /// Which.
        instance_id: InstanceId,
        /// The boot that was ended.
        boot_count: u64,
    },
    /// The instance's processes and devices have gone for good.
    InstanceTerminated {
        /// Which.
        instance_id: InstanceId,
    },
    /// Packets cross.
    AttachmentAttached {
        /// Which.
        attachment_id: AttachmentId,
    },
    /// The device has gone; nothing crosses.
    AttachmentDetached {
        /// Which.
        attachment_id: AttachmentId,
    },
}

/// What `transitions`, in order, change. Pure; without a change where nothing is news.
#[must_use]
pub fn plan_transitions(world: &World, transitions: &[Transition], now: Timestamp) -> ChangeSet {
    let mut draft = Draft::new(world);
    for transition in transitions {
        match *transition {
            Transition::InstanceRunning {
                instance_id,
                boot_count,
            } => draft.running(instance_id, boot_count),
            Transition::InstanceReachable {
                instance_id,
                boot_count,
                is_reachable,
            } => draft.reachable(instance_id, boot_count, is_reachable, now),
            Transition::GuestPoweredOff {
                instance_id,
                boot_count,
            } => draft.powered_off(instance_id, boot_count, now),
            Transition::GuestRebooted {
                instance_id,
                boot_count,
            } => draft.rebooted(instance_id, boot_count),
            Transition::InstanceStopped {
                instance_id,
                boot_count,
            } => draft.stopped(instance_id, boot_count, now),
            Transition::InstanceTerminated { instance_id } => draft.terminated(instance_id, now),
            Transition::AttachmentAttached { attachment_id } => draft.attached(attachment_id),
            Transition::AttachmentDetached { attachment_id } => draft.detached(attachment_id),
        }
    }
    draft.into_changes()
}

/// Forgets what EC2 forgets with time: terminated instances, NAT gateways that are gone and client tokens.
#[must_use]
pub fn expire(world: &World, now: Timestamp) -> ChangeSet {
    let mut changes = ChangeSet::none();
    for instance in world.instances.iter() {
        let since = instance
            .transition
            .as_ref()
            .map_or(instance.launch_time, |transition| transition.time);
        if instance.state == InstanceState::Terminated
            && now.0 - since.0 > quota::TERMINATED_INSTANCE_SECONDS * 1000
        {
            changes.delete(instance.instance_id);
        }
    }
    for connection in world.vpc_peering_connections.iter() {
        match connection.ageing(now) {
            Ageing::None => {}
            Ageing::Expires => {
                changes.put(connection.become_at(VpcPeeringConnectionStatus::Expired, now));
            }
            Ageing::Vanishes => changes.delete(connection.vpc_peering_connection_id),
        }
    }
    for gateway in world.nat_gateways.iter() {
        if gateway.has_vanished(now) {
            changes.delete(gateway.nat_gateway_id);
        }
    }
    for token in world.client_tokens.iter() {
        if now.0 - token.time.0 > quota::CLIENT_TOKEN_SECONDS * 1000 {
            changes.delete(token.key.clone());
        }
    }
    changes
}

/// Rows as the transitions before have left them: later ones of the same list build on them.
struct Draft<'a> {
    world: &'a World,
    instances: BTreeMap<InstanceId, Instance>,
    /// `None` for a deleted interface.
    network_interfaces: BTreeMap<NetworkInterfaceId, Option<NetworkInterface>>,
    /// Changes to public addresses and instance profiles, which only one transition of a list can make.
    others: ChangeSet,
}

impl<'a> Draft<'a> {
    fn new(world: &'a World) -> Self {
        Self {
            world,
            instances: BTreeMap::new(),
            network_interfaces: BTreeMap::new(),
            others: ChangeSet::none(),
        }
    }

    fn into_changes(self) -> ChangeSet {
        let mut changes = ChangeSet::none();
        for (_, instance) in self.instances {
            changes.put(instance);
        }
        for (id, eni) in self.network_interfaces {
            match eni {
                Some(eni) => changes.put(eni),
                None => changes.delete(id),
            }
        }
        changes.append(self.others);
        changes
    }

    fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.instances
            .get(&id)
            .or_else(|| self.world.instances.get(id).map(Arc::as_ref))
    }

    fn network_interface(&self, id: NetworkInterfaceId) -> Option<&NetworkInterface> {
        match self.network_interfaces.get(&id) {
            Some(drafted) => drafted.as_ref(),
            None => self.world.network_interfaces.get(id).map(Arc::as_ref),
        }
    }

    /// The interface that has this attachment. Transitions never add one, so the world's index finds all.
    fn of_attachment(&self, id: AttachmentId) -> Option<&NetworkInterface> {
        let indexed = self.world.network_interface_of_attachment(id)?;
        self.network_interface(indexed.network_interface_id)
            .filter(|eni| {
                eni.attachment
                    .as_ref()
                    .is_some_and(|attachment| attachment.attachment_id == id)
            })
    }

    fn of_instance(&self, id: InstanceId) -> Vec<NetworkInterface> {
        self.world
            .network_interfaces_of(id)
            .filter_map(|eni| self.network_interface(eni.network_interface_id))
            .filter(|eni| eni.attachment.is_some())
            .cloned()
            .collect()
    }

    fn put(&mut self, eni: NetworkInterface) {
        self.network_interfaces
            .insert(eni.network_interface_id, Some(eni));
    }

    fn running(&mut self, id: InstanceId, boot_count: u64) {
        let pending = self.instance(id).filter(|instance| {
            (instance.state, instance.boot_count) == (InstanceState::Pending, boot_count)
        });
        if let Some(instance) = pending {
            let instance = Instance {
                state: InstanceState::Running,
                has_run: true,
                ..instance.clone()
            };
            self.instances.insert(id, instance);
        }
    }

    /// The instance, if it runs in this boot.
    fn in_boot(&self, id: InstanceId, boot_count: u64) -> Option<&Instance> {
        let found = self.instance(id)?;
        let is_in = (found.state, found.boot_count) == (InstanceState::Running, boot_count);
        is_in.then_some(found)
    }

    /// What `InstanceInitiatedShutdownBehavior` says comes of it. Protection against termination does not keep an instance from
    /// ending itself (EC2 User Guide, "Change instance termination protection").
    fn powered_off(&mut self, id: InstanceId, boot_count: u64, now: Timestamp) {
        if let Some(instance) = self.in_boot(id, boot_count) {
            let instance = instance_initiated(instance, now);
            self.instances.insert(id, instance);
        }
    }

    fn rebooted(&mut self, id: InstanceId, boot_count: u64) {
        if let Some(instance) = self.in_boot(id, boot_count) {
            let instance = booted_anew(instance);
            self.instances.insert(id, instance);
        }
    }

    fn reachable(&mut self, id: InstanceId, boot_count: u64, is_reachable: bool, now: Timestamp) {
        let running = self.in_boot(id, boot_count);
        let news = running.filter(|instance| instance.impaired_since.is_none() != is_reachable);
        if let Some(instance) = news {
            let instance = Instance {
                impaired_since: (!is_reachable).then_some(now),
                ..instance.clone()
            };
            self.instances.insert(id, instance);
        }
    }

    fn stopped(&mut self, id: InstanceId, boot_count: u64, now: Timestamp) {
        let stopping = self.instance(id).filter(|instance| {
            (instance.state, instance.boot_count) == (InstanceState::Stopping, boot_count)
        });
        let Some(instance) = stopping else { return };
        let instance = moved_on(instance, InstanceState::Stopped, now);
        self.instances.insert(id, instance);
        for mut eni in self.of_instance(id) {
            self.release_lent(eni.network_interface_id);
            if let Some(attachment) = &mut eni.attachment {
                match attachment.status {
                    AttachmentStatus::Attaching => attachment.status = AttachmentStatus::Attached,
                    AttachmentStatus::Detaching => eni.leave(),
                    AttachmentStatus::Attached | AttachmentStatus::Detached => continue,
                }
                self.put(eni);
            }
        }
    }

    fn terminated(&mut self, id: InstanceId, now: Timestamp) {
        let ending = self
            .instance(id)
            .filter(|instance| instance.state == InstanceState::ShuttingDown);
        let Some(instance) = ending else { return };
        let instance = moved_on(instance, InstanceState::Terminated, now);
        self.instances.insert(id, instance);
        for association in self.world.iam_instance_profile_associations.by(&id) {
            self.others.delete(association.association_id);
        }
        for mut eni in self.of_instance(id) {
            let goes = eni
                .attachment
                .take()
                .is_some_and(|attachment| attachment.delete_on_termination);
            if goes {
                self.release_all(eni.network_interface_id);
                self.network_interfaces
                    .insert(eni.network_interface_id, None);
            } else {
                self.release_lent(eni.network_interface_id);
                self.put(eni);
            }
        }
    }

    fn attached(&mut self, id: AttachmentId) {
        self.move_attachment(id, AttachmentStatus::Attaching, |eni| {
            if let Some(attachment) = &mut eni.attachment {
                attachment.status = AttachmentStatus::Attached;
            }
        });
    }

    fn detached(&mut self, id: AttachmentId) {
        self.move_attachment(id, AttachmentStatus::Detaching, NetworkInterface::leave);
    }

    fn move_attachment(
        &mut self,
        id: AttachmentId,
        from: AttachmentStatus,
        change: impl FnOnce(&mut NetworkInterface),
    ) {
        let found = self.of_attachment(id).filter(|eni| {
            eni.attachment
                .as_ref()
                .is_some_and(|attachment| attachment.status == from)
        });
        if let Some(mut eni) = found.cloned() {
            change(&mut eni);
            self.put(eni);
        }
    }

    /// Takes back what was lent to an interface at launch.
    fn release_lent(&mut self, id: NetworkInterfaceId) {
        for address in self.world.addresses.by(&id) {
            if address.lent {
                self.others.delete(address.allocation_id);
            }
        }
    }

    /// Leaves no public address at an interface that goes.
    fn release_all(&mut self, id: NetworkInterfaceId) {
        for address in self.world.addresses.by(&id) {
            release::disassociate(address, &mut self.others);
        }
    }
}

/// The instance in its next state; the reason stays, the time is that of arrival.
fn moved_on(instance: &Instance, state: InstanceState, now: Timestamp) -> Instance {
    let mut instance = instance.clone();
    instance.state = state;
    if let Some(transition) = &mut instance.transition {
        transition.time = now;
    }
    instance
}
