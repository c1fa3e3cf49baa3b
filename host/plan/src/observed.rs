//! What the machine looks like.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use eni_abi::{Globals, Vport};
use eni_lower::{DesiredInterface, DesiredUplink, Tables, UPLINK_VPORT};
use eni_types::{AttachmentId, InstanceId, IpCidr};

use crate::Step;
use crate::index::Index;

/// Everything of ours found on the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Instances that have a place: a namespace, a directory or processes.
    pub instances: BTreeMap<InstanceId, ObservedInstance>,
    /// The attachments for which something was brought into a guest beside their devices, and where: it stays there,
    /// device or not, until it is withdrawn.
    pub brought: BTreeMap<AttachmentId, InstanceId>,
    /// Veth pairs, by vport; the uplink's is not among them.
    pub devices: BTreeMap<u32, ObservedDevice>,
    /// Vports whose fabric end runs our program; the uplink's among them.
    pub guarded: BTreeSet<u32>,
    /// Those of them that run it by a link.
    pub linked: BTreeSet<u32>,
    /// The way to the host, if it is complete.
    pub uplink: Option<DesiredUplink>,
    /// The packet tables. Rows of [`Tables::vports`] carry their generations; rows that are not
    /// [`eni_abi::Vport::PRESENT`] only keep the number that must not come again.
    pub tables: Tables,
    /// The one row of the globals.
    pub globals: Globals,
}

impl Observed {
    /// Whether packets pass at `vport`: its row is there and not cut.
    #[must_use]
    pub fn passes(&self, vport: u32) -> bool {
        let row = self.tables.vports.get(&vport);
        row.is_some_and(|row| row.has(Vport::PRESENT) && !row.has(Vport::BLOCKED))
    }

    /// What is observed after `step` has been done.
    pub fn apply(&mut self, step: &Step) {
        let index = match step {
            Step::Withdraw(..) | Step::CreateInstance(..) | Step::DestroyInstance(_) => {
                Index::of_observed(self)
            }
            _ => Index::default(),
        };
        let concerned = Concerned::by(step, self, &index);
        self.apply_to(step, &concerned);
    }

    /// The same, where it is known what the step concerns.
    pub(crate) fn apply_to(&mut self, step: &Step, concerned: &Concerned) {
        for id in &concerned.brought {
            self.brought.remove(id);
        }
        match step {
            Step::Cut(vport, row) | Step::WriteVport(vport, row) | Step::Forget(vport, row) => {
                self.tables.vports.insert(*vport, *row);
            }
            Step::Unplug(vport) => {
                self.devices.remove(vport);
                self.guarded.remove(vport);
                self.linked.remove(vport);
            }
            Step::PlugUplink(uplink) => {
                self.guarded.remove(&UPLINK_VPORT);
                self.linked.remove(&UPLINK_VPORT);
                self.uplink = Some(uplink.clone());
            }
            Step::CreateInstance(id, boot_count) => {
                self.instances.entry(*id).or_default().network = Some(*boot_count);
            }
            Step::Plug(id, interface) => {
                let device = ObservedDevice {
                    plug: Some(Plug::of(*id, interface)),
                    ..ObservedDevice::default()
                };
                self.devices.insert(interface.vport, device);
            }
            Step::Guard(vport) => {
                self.guarded.insert(*vport);
            }
            Step::Link(vport) => {
                self.linked.insert(*vport);
            }
            Step::Withdraw(..) => {
                let device = concerned.device;
                if let Some(device) = device.and_then(|vport| self.devices.get_mut(&vport)) {
                    device.configured.clear();
                }
            }
            Step::Configure(id, interface) => {
                self.brought.insert(*id, interface.instance_id);
                let device = self.devices.entry(interface.vport).or_default();
                device.has_lost_routes = false;
                device.configured = interface.blocks().collect();
            }
            Step::Table(change) => self.tables.apply(change),
            Step::WriteGlobals(globals) => self.globals = *globals,
            Step::Announce(announcement) => {
                let mappings = &mut self.tables.mappings;
                mappings.insert(announcement.key, announcement.mapping);
            }
            Step::Boot(id, _) => self.instances.entry(*id).or_default().apply(step),
            Step::Halt(id) | Step::Resolve(id, _) => {
                if let Some(instance) = self.instances.get_mut(id) {
                    instance.apply(step);
                }
            }
            Step::DestroyInstance(id) => {
                self.instances.remove(id);
            }
        }
    }
}

/// What of [`Observed`] a step changes that its own keys do not name.
pub(crate) struct Concerned {
    /// The device that comes, goes or is not configured any more.
    pub(crate) device: Option<u32>,
    /// For which attachments what was brought goes, or comes.
    pub(crate) brought: Vec<AttachmentId>,
}

impl Concerned {
    pub(crate) fn by(step: &Step, observed: &Observed, index: &Index) -> Self {
        let is_theirs = |vport: &u32, id: &AttachmentId| {
            let device = observed.devices.get(vport);
            let plug = device.and_then(|device| device.plug);
            plug.is_some_and(|plug| plug.attachment_id == *id)
        };
        Self {
            device: match step {
                Step::Unplug(vport) => Some(*vport),
                Step::Plug(_, interface) => Some(interface.vport),
                Step::Withdraw(id, instance) => {
                    let mut devices = index.devices_of(*instance).into_iter();
                    devices.find(|vport| is_theirs(vport, id))
                }
                _ => None,
            },
            brought: match step {
                Step::Withdraw(id, _) | Step::Configure(id, _) => Vec::from([*id]),
                Step::CreateInstance(id, _) | Step::DestroyInstance(id) => {
                    index.brought_into(*id).collect()
                }
                _ => Vec::new(),
            },
        }
    }
}

/// How a guest ends itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestEnd {
    /// It has halted or powered off.
    PoweredOff,
    /// It wants to boot anew.
    Rebooted,
}

/// An instance that has a place on the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedInstance {
    /// The boot it was last started for; none if it was never started, or not since the machine was.
    pub boot_count: Option<u64>,
    /// Whether any of its processes lives.
    pub alive: bool,
    /// How the guest has ended this boot by itself, if it has.
    pub guest_end: Option<GuestEnd>,
    /// The boot that its network namespace was made for; none if it has none, or an unfinished one.
    pub network: Option<u64>,
    /// What it was last told of who resolves its names; what the guest has made of it since does not matter.
    pub resolver: Option<String>,
}

impl ObservedInstance {
    /// What is observed after a step of its own.
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Halt(_) => self.alive = false,
            Step::Boot(_, instance) => {
                self.boot_count = Some(instance.boot_count);
                self.alive = true;
                self.guest_end = None;
                self.resolver = Some(instance.resolver.clone());
            }
            Step::Resolve(_, resolver) => self.resolver = Some(resolver.clone()),
            _ => {}
        }
    }
}

/// A veth pair of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedDevice {
    /// Whose it is; none while it is unfinished, as a crash leaves it.
    pub plug: Option<Plug>,
    /// What the guest end was last configured with ([`DesiredInterface::blocks`]); empty before the first time.
    pub configured: Vec<IpCidr>,
    /// Whether the guest has set the device down and up since it was configured: the kernel has dropped its routes.
    pub has_lost_routes: bool,
}

/// What a veth pair is there for; kept in its alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plug {
    /// The attachment.
    pub attachment_id: AttachmentId,
    /// The instance that has the guest end.
    pub instance_id: InstanceId,
    /// N of `ethN`.
    pub device_number: u16,
}

impl Plug {
    /// That of a desired interface.
    #[must_use]
    pub fn of(id: AttachmentId, interface: &DesiredInterface) -> Self {
        Self {
            attachment_id: id,
            instance_id: interface.instance_id,
            device_number: interface.device_number,
        }
    }
}
