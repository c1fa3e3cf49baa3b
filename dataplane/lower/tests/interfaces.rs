//! Devices of instances with several interfaces.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use eni_lower::{Desired, DesiredInterface, Numbers, VportNumbers, lower};
use eni_model::testing::TestWorld;
use eni_types::Ipv4Cidr;

/// `count` instances with two interfaces in 10.0.1.0/24 and one, on another network card, in 10.0.2.0/24.
fn launched(count: &str) -> (TestWorld, Desired) {
    let mut model = TestWorld::bootstrapped();
    let vpc = model.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let [near, far] = ["10.0.1.0/24", "10.0.2.0/24"].map(|block| {
        let parameters = [
            ("VpcId", vpc.as_str()),
            ("CidrBlock", block),
            ("AvailabilityZone", "us-east-1a"),
        ];
        model.make("CreateSubnet", &parameters, "/subnet/subnetId")
    });
    let images = model.must("DescribeImages", &[]);
    let image = &images["imagesSet"]["item"][0];
    // A type of two network cards.
    let instance_type = match image["architecture"].as_str() {
        Some("arm64") => "c8gn.48xlarge",
        _ => "c6in.32xlarge",
    };
    model.must(
        "RunInstances",
        &[
            ("ImageId", image["imageId"].as_str().unwrap()),
            ("InstanceType", instance_type),
            ("MinCount", count),
            ("MaxCount", count),
            ("NetworkInterface.1.DeviceIndex", "0"),
            ("NetworkInterface.1.SubnetId", &near),
            ("NetworkInterface.2.DeviceIndex", "1"),
            ("NetworkInterface.2.SubnetId", &near),
            ("NetworkInterface.3.DeviceIndex", "1"),
            ("NetworkInterface.3.NetworkCardIndex", "1"),
            ("NetworkInterface.3.SubnetId", &far),
        ],
    );
    let (mut numbers, mut vports) = (Numbers::default(), VportNumbers::default());
    let desired = lower(&model.world, &model.region, &mut numbers, &mut vports);
    (model, desired)
}

#[test]
fn a_secondary_interface_knows_the_primary_ones_subnet_if_it_is_another_one() {
    let (model, desired) = launched("1");
    let mut interfaces: Vec<&DesiredInterface> = desired.interfaces.values().collect();
    interfaces.sort_by_key(|interface| interface.device_number);
    let primary_subnets: Vec<_> = interfaces
        .iter()
        .map(|interface| (interface.device_number, interface.primary_subnet))
        .collect();
    let near: Ipv4Cidr = "10.0.1.0/24".parse().unwrap();
    assert_eq!(primary_subnets, [(0, None), (1, None), (0x101, Some(near))]);
    for interface in interfaces {
        let eni = model
            .world
            .network_interfaces
            .get(interface.network_interface_id);
        assert_eq!(eni.unwrap().mac_address, interface.mac_address);
    }
}

#[test]
fn the_interfaces_of_an_instance_share_what_is_remembered_for_it_and_with_nobody_else() {
    let (_, desired) = launched("2");
    let mut primaries = BTreeMap::new();
    for interface in desired.interfaces.values() {
        if interface.device_number == 0 {
            primaries.insert(interface.instance_id, interface.vport);
        }
    }
    assert_eq!((primaries.len(), desired.interfaces.len()), (2, 6));
    for interface in desired.interfaces.values() {
        let row = &desired.tables.vports[&interface.vport];
        assert_eq!(row.instance, primaries[&interface.instance_id]);
    }
}
