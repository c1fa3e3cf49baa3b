//! A region of any size, for measurements.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::ops::Range;

use eni_types::{
    AttachmentId, AttachmentStatus, InstanceId, InstanceState, MacAddress, NetworkInterfaceId,
    ReservationId, TypedId, quota,
};

use super::TestWorld;
use crate::ChangeSet;
use crate::operations::image::Image;
use crate::resource::{Attachment, Instance, NetworkInterface};

/// Interfaces in a subnet: half of what its /20 has room for, so that a measurement can add to it.
const INTERFACES_PER_SUBNET: usize = 2_048;
/// Subnets in a VPC: what its /16 has room for.
const SUBNETS_PER_VPC: usize = 16;
/// Interfaces on an instance: what its type takes (`t3.medium`, `t4g.medium`).
const INTERFACES_PER_INSTANCE: usize = 3;

/// A region of `interfaces` network interfaces, all attached to running instances, three each (fewer on the last of a
/// subnet), in VPCs of 16 subnets of up to 2,048. Each has one private address and its VPC's default security group, as
/// a launch without further wishes gives it. Its rows are those that calls would make; making them takes microseconds
/// each.
///
/// # Panics
/// Above what 100 VPCs (`quota::VPCS_PER_REGION`) hold: 3,200,000.
#[must_use]
pub fn region_of(interfaces: usize) -> TestWorld {
    let mut region = TestWorld::bootstrapped();
    // Launches come first: beside all the instances none would be allowed any more (`quota::INSTANCES`).
    let mut patterns = Vec::new();
    let subnets = interfaces.div_ceil(INTERFACES_PER_SUBNET);
    for first in (0..subnets).step_by(SUBNETS_PER_VPC) {
        let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        for number in 0..SUBNETS_PER_VPC.min(subnets - first) {
            let block = alloc::format!("10.0.{}.0/20", number * 16);
            let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", &block)];
            let subnet = region.make("CreateSubnet", &parameters, "/subnet/subnetId");
            patterns.push(launch(&mut region, &subnet));
        }
    }
    let mut left = interfaces;
    for (instance, interface) in patterns {
        let here = left.min(INTERFACES_PER_SUBNET);
        let made = interfaces - left;
        fill(&mut region, &instance, &interface, made..made + here);
        left -= here;
    }
    region
}

/// Makes interfaces in the place of an instance and its interface, after their pattern; `serial` numbers those of
/// the region.
fn fill(
    region: &mut TestWorld,
    instance: &Instance,
    interface: &NetworkInterface,
    serial: Range<usize>,
) {
    let first_address = region
        .world
        .subnets
        .get(interface.subnet_id)
        .and_then(|subnet| subnet.cidr_block)
        .map_or(0, |block| block.network().to_bits())
        + quota::RESERVED_FIRST_ADDRESSES as u32;
    let mut changes = ChangeSet::none();
    changes.delete(interface.network_interface_id);
    changes.delete(instance.instance_id);
    let mut instance_id = instance.instance_id;
    for (number, serial) in serial.enumerate() {
        let device_index = (number % INTERFACES_PER_INSTANCE) as u8;
        if device_index == 0 {
            instance_id = InstanceId::generate(&mut region.ids);
            changes.put(Instance {
                instance_id,
                reservation_id: ReservationId::generate(&mut region.ids),
                state: InstanceState::Running,
                has_run: true,
                impaired_since: None,
                ..instance.clone()
            });
        }
        changes.put(NetworkInterface {
            network_interface_id: NetworkInterfaceId::generate(&mut region.ids),
            mac_address: MacAddress::locally_administered(serial as u64),
            private_ip_addresses: [Ipv4Addr::from_bits(first_address + number as u32)].into(),
            attachment: interface.attachment.as_ref().map(|attachment| Attachment {
                attachment_id: AttachmentId::generate(&mut region.ids),
                instance_id,
                device_index,
                status: AttachmentStatus::Attached,
                ..attachment.clone()
            }),
            ..interface.clone()
        });
    }
    region.world.apply(&changes);
}

/// An instance in the subnet, and its interface.
fn launch(region: &mut TestWorld, subnet: &str) -> (Instance, NetworkInterface) {
    let image = &Image::all()[0];
    let instance_type = match image.architecture {
        "arm64" => "t4g.medium",
        _ => "t3.medium",
    };
    let image_id = image.image_id.to_string();
    let parameters = [
        ("ImageId", image_id.as_str()),
        ("InstanceType", instance_type),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", subnet),
    ];
    let id = region.make(
        "RunInstances",
        &parameters,
        "/instancesSet/item/0/instanceId",
    );
    let instance_id: InstanceId = id.parse().expect("an answer's id");
    let world = &region.world;
    let instance = world.instances.get(instance_id);
    let interface = world.primary_network_interface(instance_id);
    let (instance, interface) = instance.zip(interface).expect("a launch makes both");
    (
        Instance::clone(instance),
        NetworkInterface::clone(interface),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_invariants;

    #[test]
    fn a_region_of_many_interfaces_is_one_that_calls_can_make() {
        let region = region_of(5_000);
        assert_eq!(region.world.network_interfaces.len(), 5_000);
        check_invariants(&region.world);
    }
}
