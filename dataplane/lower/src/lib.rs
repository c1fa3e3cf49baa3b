//! From the model's world to data-plane tables and devices.
//!
//! [`Lowering`] follows the world: fed with the rows that have changed, it gives what is desired otherwise than before.
//! What nothing desired depends on costs nothing, and what changes costs the same in a small region and in a large one.
//! [`lower`] does it for a whole world at once; following must come to the same.
//!
//! Numbers that stand in the tables for VPCs, subnets, route tables and policies are given out once ([`Numbers`]);
//! identities have theirs from the region.
//!
//! Only interfaces attached to instances that run, or are to run, reach the tables. Everything else about an interface
//! is found nowhere by a packet, which is how EC2 treats it.
//!
//! *Invariant*: nothing here decides about a packet. Rules become rows; what rows mean is the pipeline's.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod delta;
mod desired;
mod edit;
mod endpoints;
mod interface;
mod layout;
mod lowering;
mod nat_gateways;
mod networks;
mod numbers;
mod placement;
mod policies;
mod policy;
mod recover;
mod resolver;
mod services;
mod stale;
mod tables;
mod uplink;
mod vport_number;

use eni_abi::Prefix;
use eni_model::resource::Instance;
use eni_model::{RegionSettings, World};
use eni_types::{InstanceId, IpCidr};

pub use delta::Delta;
pub use desired::{Desired, DesiredInstance, DesiredInterface, DesiredUplink};
pub use lowering::{Lowering, Update};
pub use numbers::Numbers;
pub use services::SERVICES_MAC;
pub use tables::{TableChange, TableKey, Tables};
pub use vport_number::{NoFreeVport, UPLINK_VPORT, VportNumbers};

/// What the agent is to bring about for `world`. What `numbers` and `vports` know keeps its number, what they do not gets
/// one; `numbers` then knows what is in use.
#[must_use]
pub fn lower(
    world: &World,
    settings: &RegionSettings,
    numbers: &mut Numbers,
    vports: &mut VportNumbers,
) -> Desired {
    let (lowering, _) = Lowering::new(world, settings, core::mem::take(numbers), vports);
    let (desired, in_use) = lowering.into_parts();
    *numbers = in_use;
    desired
}

/// A block, as the tries hold it.
fn prefix(block: IpCidr) -> Prefix {
    match block {
        IpCidr::V4(block) => Prefix::v4(block.network().into(), block.prefix_length()),
        IpCidr::V6(block) => Prefix::around(block.network().into(), block.prefix_length()),
    }
}

fn desired_instance(
    world: &World,
    settings: &RegionSettings,
    instance: &Instance,
) -> DesiredInstance {
    let eni = world.primary_network_interface(instance.instance_id);
    let primary = eni.and_then(|eni| eni.primary_private_ip_address());
    let is_ipv6_only = eni.is_some() && primary.is_none();
    let name = eni.and_then(|eni| settings.name_of_instance(instance, eni));
    let hostname = name.and_then(|name| Some(name.split_once('.')?.0.into()));
    DesiredInstance {
        boot_count: instance.boot_count,
        hostname: hostname.unwrap_or_else(|| alloc::format!("{}", instance.instance_id)),
        domain: settings.private_domain(),
        resolver: resolver::of_vpc(world, settings, instance.vpc_id, is_ipv6_only),
        user_data: instance.user_data.clone().unwrap_or_default(),
        first_boot: !instance.has_run,
        efa_devices: efa_devices(world, instance.instance_id),
        instance_type: instance.instance_type.name.into(),
        is_xen: !instance.instance_type.is_nitro(),
    }
}

fn efa_devices(world: &World, id: InstanceId) -> usize {
    let attached = world.attached_interfaces_of(id);
    attached
        .filter(|(eni, _)| eni.interface_type.has_efa())
        .count()
}
