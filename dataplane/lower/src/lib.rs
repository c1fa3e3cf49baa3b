//! From the model's world to data-plane tables and devices.
//!
//! [`lower`] is a function: the same world, settings and vport numbers give the same [`Desired`]. Numbers that stand in
//! the tables for VPCs, subnets, route tables, policies and identities are hashes of what they stand for ([`number`]),
//! so that a restarted agent writes the same rows again, and a number does not come to mean something else.
//!
//! Only interfaces attached to instances that run, or are to run, reach the tables. Everything else about an interface
//! is found nowhere by a packet, which is how EC2 treats it.
//!
//! *Invariant*: nothing here decides about a packet. Rules become rows; what rows mean is the pipeline's.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod desired;
pub mod efa;
mod interface;
mod number;
mod policy;
mod route;
mod tables;
mod uplink;
mod vport_number;

pub use desired::{Desired, DesiredInstance, DesiredInterface, DesiredUplink};
pub use tables::{TableChange, TableKey, Tables};
pub use vport_number::{NoFreeVport, UPLINK_VPORT, VportNumbers};

use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eni_model::resource::{Attachment, Instance, NetworkInterface};
use eni_model::{RegionSettings, World};
use eni_types::{AttachmentId, AttachmentStatus, InstanceId, InstanceState};

use crate::policy::Policies;

/// What the agent is to bring about for `world`. Attachments without a number in `numbers` are left out: the agent
/// numbers [`wanted_attachments`] first.
#[must_use]
pub fn lower(world: &World, settings: &RegionSettings, numbers: &VportNumbers) -> Desired {
    let plugs: Vec<Plug<'_>> = plugs(world)
        .filter_map(|(eni, attachment)| Plug::new(world, eni, attachment, numbers))
        .collect();
    let mut tables = Tables::default();
    let mut policies = Policies::new(world, &plugs);
    interface::lower(world, &plugs, &policies, &mut tables);
    route::lower(world, &plugs, &mut tables);
    policies.write(&mut tables);
    let uplink = uplink::lower(settings, &mut tables);
    let desired_interface = |plug: &Plug<'_>| (plug.attachment.attachment_id, plug.desired(world));
    let instances = world.instances.iter().filter(|instance| runs(instance));
    Desired {
        instances: instances
            .map(|instance| {
                (
                    instance.instance_id,
                    desired_instance(world, settings, instance),
                )
            })
            .collect(),
        interfaces: plugs.iter().map(desired_interface).collect(),
        uplink,
        tables,
    }
}

/// The attachments that need a vport: all but those of interfaces that carry no IP. An `efa-only` interface is no
/// network device in the guest, as on EC2; see [`efa`] for what it is.
pub fn wanted_attachments(world: &World) -> impl Iterator<Item = AttachmentId> {
    plugs(world).map(|(_, attachment)| attachment.attachment_id)
}

/// An interface that is, or is to be, plugged into a running instance, with everything its rows need.
pub(crate) struct Plug<'a> {
    pub(crate) eni: &'a NetworkInterface,
    pub(crate) attachment: &'a Attachment,
    pub(crate) instance: &'a Instance,
    pub(crate) subnet: &'a eni_model::resource::Subnet,
    pub(crate) vport: u32,
}

impl<'a> Plug<'a> {
    fn new(
        world: &'a World,
        eni: &'a NetworkInterface,
        attachment: &'a Attachment,
        numbers: &VportNumbers,
    ) -> Option<Self> {
        Some(Self {
            eni,
            attachment,
            instance: world.instances.get(attachment.instance_id)?,
            subnet: world.subnets.get(eni.subnet_id)?,
            vport: numbers.get(attachment.attachment_id)?,
        })
    }
}

fn plugs(world: &World) -> impl Iterator<Item = (&NetworkInterface, &Attachment)> {
    attached(world).filter(|(eni, _)| eni.interface_type.carries_ip())
}

/// The interfaces that are, or are to be, at instances that run, or are to run.
fn attached(world: &World) -> impl Iterator<Item = (&NetworkInterface, &Attachment)> {
    world
        .instances
        .iter()
        .filter(|instance| runs(instance))
        .flat_map(|instance| attached_to(world, instance.instance_id))
}

/// The interfaces that are, or are to be, at an instance.
fn attached_to(
    world: &World,
    id: InstanceId,
) -> impl Iterator<Item = (&NetworkInterface, &Attachment)> {
    world
        .network_interfaces_of(id)
        .filter_map(|eni| Some((&**eni, eni.attachment.as_ref()?)))
        .filter(|(_, attachment)| {
            matches!(
                attachment.status,
                AttachmentStatus::Attaching | AttachmentStatus::Attached
            )
        })
}

fn runs(instance: &Instance) -> bool {
    matches!(
        instance.state,
        InstanceState::Pending | InstanceState::Running
    )
}

fn desired_instance(
    world: &World,
    settings: &RegionSettings,
    instance: &Instance,
) -> DesiredInstance {
    let primary = world
        .primary_network_interface(instance.instance_id)
        .and_then(|eni| eni.primary_private_ip_address());
    let hostname = primary.map(|address| {
        let [a, b, c, d] = address.octets();
        alloc::format!("ip-{a}-{b}-{c}-{d}")
    });
    // RunInstances and ModifyInstanceAttribute refuse user data that is not base64.
    let user_data = instance
        .user_data
        .as_deref()
        .and_then(|text| STANDARD.decode(text).ok());
    DesiredInstance {
        boot_count: instance.boot_count,
        hostname: hostname.unwrap_or_else(|| alloc::format!("{}", instance.instance_id)),
        domain: settings.private_domain(),
        user_data: user_data.unwrap_or_default(),
        first_boot: !instance.has_run,
        efa_devices: efa::interfaces_of(world, instance.instance_id).count(),
    }
}
