use alloc::vec::Vec;

use serde_json::Value;

use super::{Net, addresses_of, id_of};
use crate::testing::{TestWorld, check_invariants};

/// Gives `private` of `eni` an Elastic IP address.
fn translate(net: &mut Net, eni: &str, private: &str) -> Value {
    let allocation = net.region.make("AllocateAddress", &[], "/allocationId");
    let associate = [
        ("AllocationId", allocation.as_str()),
        ("NetworkInterfaceId", eni),
        ("PrivateIpAddress", private),
    ];
    net.region.must("AssociateAddress", &associate);
    check_invariants(&net.region.world);
    let answer = net
        .region
        .must("DescribeAddresses", &[("AllocationId.1", &allocation)]);
    answer["addressesSet"]["item"][0].clone()
}

#[test]
fn assigned_addresses_are_answered_and_can_be_unassigned() {
    let mut net = Net::new();
    let eni = id_of(&net.create(&[("PrivateIpAddress", "10.0.1.10")]));
    let id = ("NetworkInterfaceId", eni.as_str());
    let answer = net.region.must(
        "AssignPrivateIpAddresses",
        &[
            id,
            ("PrivateIpAddress.1", "10.0.1.11"),
            ("PrivateIpAddress.2", "10.0.1.12"),
        ],
    );
    let set = "/assignedPrivateIpAddressesSet";
    assert_eq!(
        TestWorld::texts(&answer, set, "/privateIpAddress"),
        ["10.0.1.11", "10.0.1.12"]
    );
    let answer = net.region.must(
        "AssignPrivateIpAddresses",
        &[id, ("SecondaryPrivateIpAddressCount", "1")],
    );
    let free = TestWorld::texts(&answer, set, "/privateIpAddress");
    check_invariants(&net.region.world);
    assert_eq!(
        addresses_of(&net.describe(&eni)),
        ["10.0.1.10", "10.0.1.11", "10.0.1.12", &free[0]]
    );

    translate(&mut net, &eni, "10.0.1.11");
    net.region.must(
        "UnassignPrivateIpAddresses",
        &[
            id,
            ("PrivateIpAddress.1", "10.0.1.11"),
            ("PrivateIpAddress.2", &free[0]),
        ],
    );
    check_invariants(&net.region.world);
    assert_eq!(
        addresses_of(&net.describe(&eni)),
        ["10.0.1.10", "10.0.1.12"]
    );
    let address = net.region.world.addresses.iter().next().unwrap();
    assert_eq!(
        address.association, None,
        "the Elastic IP address stays allocated"
    );
}

#[test]
fn a_reassigned_address_moves_with_its_elastic_ip_address() {
    let mut net = Net::new();
    let from = id_of(&net.create(&[
        ("PrivateIpAddress", "10.0.1.10"),
        ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.11"),
    ]));
    let to = id_of(&net.create(&[("PrivateIpAddress", "10.0.1.20")]));
    let translated = translate(&mut net, &from, "10.0.1.11");
    let id = ("NetworkInterfaceId", to.as_str());
    let address = ("PrivateIpAddress.1", "10.0.1.11");
    assert_eq!(
        net.region
            .refused("AssignPrivateIpAddresses", &[id, address]),
        "InvalidParameterValue: [10.0.1.11] assigned, but move is not allowed."
    );
    let allow = ("AllowReassignment", "true");
    net.region
        .must("AssignPrivateIpAddresses", &[id, address, allow]);
    check_invariants(&net.region.world);
    assert_eq!(addresses_of(&net.describe(&from)), ["10.0.1.10"]);
    let moved = net.describe(&to);
    assert_eq!(addresses_of(&moved), ["10.0.1.20", "10.0.1.11"]);
    let association = &moved["privateIpAddressesSet"]["item"][1]["association"];
    assert_eq!(association["publicIp"], translated["publicIp"]);
    assert_eq!(association["associationId"], translated["associationId"]);

    let before = net.region.world.resources().collect::<Vec<_>>();
    net.region
        .must("AssignPrivateIpAddresses", &[id, address, allow]);
    assert_eq!(
        net.region.world.resources().collect::<Vec<_>>(),
        before,
        "a repeated move"
    );
    assert_eq!(
        net.region.refused(
            "AssignPrivateIpAddresses",
            &[id, ("PrivateIpAddress.1", "10.0.1.10"), allow]
        ),
        "InvalidParameterValue: The primary private IP address 10.0.1.10 cannot be reassigned."
    );
}

#[test]
fn what_assigning_refuses() {
    let mut net = Net::new();
    let instance = net.instance("t3.micro", "running");
    let eni = id_of(&net.create(&[
        ("PrivateIpAddress", "10.0.1.10"),
        ("SecondaryPrivateIpAddressCount", "1"),
    ]));
    net.attach(&eni, &instance, "1");
    let id = ("NetworkInterfaceId", eni.as_str());
    for (action, parameters, error) in [
        (
            "AssignPrivateIpAddresses",
            Vec::new(),
            "MissingParameter: Either privateIpAddresses or secondaryPrivateIpAddressCount must be specified.",
        ),
        (
            "AssignPrivateIpAddresses",
            Vec::from([
                ("PrivateIpAddress.1", "10.0.1.30"),
                ("SecondaryPrivateIpAddressCount", "1"),
            ]),
            "InvalidParameterCombination: You may not specify both privateIpAddresses and secondaryPrivateIpAddressCount.",
        ),
        (
            "AssignPrivateIpAddresses",
            Vec::from([("SecondaryPrivateIpAddressCount", "0")]),
            "InvalidParameterValue: Value (0) for parameter secondaryPrivateIpAddressCount is invalid. A positive number is expected.",
        ),
        (
            "AssignPrivateIpAddresses",
            Vec::from([("PrivateIpAddress.1", "10.0.2.30")]),
            "InvalidParameterValue: Address 10.0.2.30 does not fall within the subnet's address range",
        ),
        (
            "AssignPrivateIpAddresses",
            Vec::from([
                ("PrivateIpAddress.1", "10.0.1.30"),
                ("PrivateIpAddress.2", "10.0.1.30"),
            ]),
            "InvalidParameterValue: The address 10.0.1.30 is specified more than once.",
        ),
        (
            "AssignPrivateIpAddresses",
            Vec::from([("SecondaryPrivateIpAddressCount", "1")]),
            "PrivateIpAddressLimitExceeded: Number of private addresses will exceed limit.",
        ),
    ] {
        let parameters: Vec<_> = [id].into_iter().chain(parameters).collect();
        assert_eq!(
            net.region.refused(action, &parameters),
            error,
            "{action} {parameters:?}"
        );
    }
}

#[test]
fn what_unassigning_refuses() {
    let mut net = Net::new();
    let eni = id_of(&net.create(&[("PrivateIpAddress", "10.0.1.10")]));
    let id = ("NetworkInterfaceId", eni.as_str());
    let not_assigned = alloc::format!(
        "InvalidParameterValue: Some of the specified addresses are not assigned to interface {eni}"
    );
    for (action, parameters, error) in [
        (
            "UnassignPrivateIpAddresses",
            Vec::new(),
            "MissingParameter: The request must contain the parameter privateIpAddresses",
        ),
        (
            "UnassignPrivateIpAddresses",
            Vec::from([("PrivateIpAddress.1", "10.0.1.10")]),
            "InvalidParameterValue: The primary private IP address 10.0.1.10 cannot be unassigned.",
        ),
        (
            "UnassignPrivateIpAddresses",
            Vec::from([("PrivateIpAddress.1", "10.0.1.99")]),
            &not_assigned,
        ),
    ] {
        let parameters: Vec<_> = [id].into_iter().chain(parameters).collect();
        assert_eq!(
            net.region.refused(action, &parameters),
            error,
            "{action} {parameters:?}"
        );
    }
}
