//! What every driver does.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;

use eni_plan::{DesiredInstance, DesiredInterface, ObservedDevice, ObservedInstance};
use eni_types::{AttachmentId, InstanceId};

use crate::InstanceError;

/// Makes instances and plugs interfaces into them. Every call may be repeated; see the crate's docs. Calls for
/// different instances may come at the same time from several threads, those for one instance one after the other.
pub trait InstanceDriver: Send + Sync {
    /// Makes the instance's place with a network for this boot, without processes: interfaces can be plugged from now on.
    /// The network of another boot is replaced: its devices are unplugged and its processes stopped before.
    ///
    /// # Errors
    /// Whatever keeps the place from being made; a repetition goes on from there.
    fn create(&self, id: InstanceId, boot_count: u64) -> Result<(), InstanceError>;

    /// Boots the instance, and returns when its first process has started.
    ///
    /// # Errors
    /// [`InstanceError::Boot`] when it does not come up.
    fn start(&self, id: InstanceId, instance: &DesiredInstance) -> Result<(), InstanceError>;

    /// Tells an instance that runs who resolves its names from now on, as resolv.conf(5) has it. What the guest has made of
    /// what it was told before is lost, as when a DHCP lease is renewed.
    ///
    /// # Errors
    /// When it cannot be written; a repetition goes on from there.
    fn resolve(&self, id: InstanceId, resolver: &str) -> Result<(), InstanceError>;

    /// Ends all processes of the instance. Its place stays.
    ///
    /// # Errors
    /// [`InstanceError::Unkillable`] when they do not end.
    fn stop(&self, id: InstanceId) -> Result<(), InstanceError>;

    /// Removes the instance's place, with what still runs in it.
    ///
    /// # Errors
    /// Whatever cannot be removed; a repetition goes on from there.
    fn destroy(&self, id: InstanceId) -> Result<(), InstanceError>;

    /// Makes the interface's device: the fabric end at its vport, the guest end in the instance.
    ///
    /// # Errors
    /// An error for which [`eni_netlink::NetlinkError::is_already_there`] holds when the vport is taken. A guest that has
    /// a device of the interface's name makes it get another one.
    fn plug(&self, id: AttachmentId, interface: &DesiredInterface) -> Result<(), InstanceError>;

    /// Brings the guest's addresses, routes and rules for the interface up to date: what is wanted and was not brought is
    /// brought, what was brought and is not wanted any more is taken away, and nothing else is touched. A device that is
    /// down gets no routes: it is observed to have lost them once it is up. One that the guest has moved away, into a
    /// network namespace of its own, is the guest's to configure.
    ///
    /// # Errors
    /// When the kernel refuses; a repetition goes on from there.
    fn configure(
        &self,
        id: AttachmentId,
        interface: &DesiredInterface,
    ) -> Result<(), InstanceError>;

    /// Takes from the instance what [`InstanceDriver::configure`] has brought for an attachment, the device (if it is still
    /// there) apart.
    ///
    /// # Errors
    /// When the kernel refuses; a repetition goes on from there.
    fn withdraw(&self, id: AttachmentId, instance_id: InstanceId) -> Result<(), InstanceError>;

    /// Deletes the device at `vport`. This takes the kernel some 20 ms, during which other changes of devices wait.
    ///
    /// # Errors
    /// When the kernel keeps the device.
    fn unplug(&self, vport: u32) -> Result<(), InstanceError>;

    /// Forgets the consoles of all instances but `known`.
    ///
    /// # Errors
    /// The first that cannot be removed; the others are removed nevertheless.
    fn forget_consoles(&self, known: &BTreeSet<InstanceId>) -> Result<(), InstanceError>;

    /// Whether something has been heard that [`InstanceDriver::devices`] may tell otherwise than when it was last called: a
    /// device or a route that a guest has changed. Does not wait.
    fn has_news(&self) -> bool;

    /// A descriptor that is readable when [`InstanceDriver::heard_of_an_end`] may have something to tell.
    ///
    /// # Errors
    /// When the kernel gives none.
    fn ends(&self) -> Result<OwnedFd, InstanceError>;

    /// Whether it was heard since the last call that all processes of an instance have ended, though nobody had stopped it.
    /// Does not wait.
    fn heard_of_an_end(&self) -> bool;

    /// The instances of this region that are on the machine.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn instances(&self) -> Result<BTreeMap<InstanceId, ObservedInstance>, InstanceError>;

    /// The attachments that something was brought for and not withdrawn, and their instances.
    ///
    /// # Errors
    /// When the instances cannot be listed.
    fn brought(&self) -> Result<BTreeMap<AttachmentId, InstanceId>, InstanceError>;

    /// The interfaces' devices, by vport.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn devices(&self) -> Result<BTreeMap<u32, ObservedDevice>, InstanceError>;

    /// Removes all instances, and what the driver has made besides.
    ///
    /// # Errors
    /// The first thing that could not be removed; the others are removed nevertheless.
    fn remove_all(&self) -> Result<(), InstanceError>;
}
