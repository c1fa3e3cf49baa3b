use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::operations::instance::tests::launched;
use crate::testing::{TestWorld, check_invariants};
use crate::{Transition, plan_transitions};

fn allocate(region: &mut TestWorld, parameters: &[(&str, &str)]) -> (String, String) {
    let answer = region.must("AllocateAddress", parameters);
    check_invariants(&region.world);
    (text(&answer["allocationId"]), text(&answer["publicIp"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().into()
}

/// Launches an instance in the default VPC and lets it run. Gives it and its interface.
fn running(region: &mut TestWorld) -> (String, String) {
    let instance = launched(region, &[]);
    let id = text(&instance["instanceId"]);
    let instance_id = id.parse().unwrap();
    let running = Transition::InstanceRunning {
        instance_id,
        boot_count: 1,
    };
    let changes = plan_transitions(&region.world, &[running], Timestamp(0));
    region.world.apply(&changes);
    (
        id,
        text(&instance["networkInterfaceSet"]["item"][0]["networkInterfaceId"]),
    )
}

fn interface_in_default_vpc(region: &mut TestWorld, parameters: &[(&str, &str)]) -> String {
    let subnet = region
        .world
        .subnets
        .iter()
        .next()
        .unwrap()
        .subnet_id
        .to_string();
    let parameters = [[("SubnetId", subnet.as_str())].as_slice(), parameters].concat();
    region.make(
        "CreateNetworkInterface",
        &parameters,
        "/networkInterface/networkInterfaceId",
    )
}

fn association_of(region: &mut TestWorld, eni: &str) -> Value {
    let answer = region.must(
        "DescribeNetworkInterfaces",
        &[("NetworkInterfaceId.1", eni)],
    );
    answer["networkInterfaceSet"]["item"][0]["association"].clone()
}

#[test]
fn an_allocated_address_is_described_until_it_is_released() {
    let mut region = TestWorld::bootstrapped();
    let (id, ip) = allocate(
        &mut region,
        &[
            ("Domain", "vpc"),
            ("TagSpecification.1.ResourceType", "elastic-ip"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", "web"),
        ],
    );
    let want = json!([{
        "publicIp": ip,
        "allocationId": id,
        "domain": "vpc",
        "tagSet": {"item": [{"key": "Name", "value": "web"}]},
        "publicIpv4Pool": "amazon",
        "networkBorderGroup": "us-east-1",
    }]);
    for parameters in [
        [].as_slice(),
        &[("AllocationId.1", &*id)],
        &[("PublicIp.1", &*ip)],
    ] {
        let answer = region.must("DescribeAddresses", parameters);
        assert_eq!(answer["addressesSet"]["item"], want);
    }
    assert_eq!(
        region.refused("DescribeAddressesAttribute", &[("Attribute", "color")]),
        "InvalidParameterValue: Value (color) for parameter attribute is invalid. Unknown attribute."
    );
    let attribute = [("Attribute", "domain-name"), ("AllocationId.1", &id)];
    assert_eq!(
        region.must("DescribeAddressesAttribute", &attribute)["addressSet"]["item"],
        json!([{"publicIp": ip, "allocationId": id}])
    );
    region.must("ReleaseAddress", &[("AllocationId", &id)]);
    assert_eq!(
        region.must("DescribeAddresses", &[])["addressesSet"]["item"],
        json!([])
    );
    assert_eq!(
        allocate(&mut region, &[("Address", &ip)]).1,
        ip,
        "recovered"
    );
}

#[test]
fn what_allocating_and_releasing_refuse() {
    let mut region = TestWorld::bootstrapped();
    let (id, ip) = allocate(&mut region, &[]);
    let (_, eni) = running(&mut region);
    let lent = text(&association_of(&mut region, &eni)["publicIp"]);
    let (id, ip) = (("AllocationId", &*id), ("PublicIp", &*ip));
    let taken = format!("InvalidAddress.NotFound: Address '{}' not found.", ip.1);
    let not_lent = format!("InvalidAddress.NotFound: Address '{lent}' not found.");
    let unknown =
        "InvalidAllocationID.NotFound: The allocation ID 'eipalloc-12345678' does not exist";
    for (action, parameters, error) in [
        (
            "AllocateAddress",
            Vec::from([("Address", ip.1)]),
            taken.as_str(),
        ),
        (
            "AllocateAddress",
            Vec::from([("Address", "203.0.113.1")]),
            "InvalidAddress.NotFound: Address '203.0.113.1' not found.",
        ),
        (
            "AllocateAddress",
            Vec::from([("Domain", "standard")]),
            "InvalidParameterValue: Value (standard) for parameter domain is invalid. Only 'vpc' is available.",
        ),
        (
            "AllocateAddress",
            Vec::from([("IpamPoolId", "ipam-1")]),
            "UnsupportedOperation: An IPAM pool is not supported in this region.",
        ),
        (
            "ReleaseAddress",
            Vec::new(),
            "MissingParameter: Either public IP or allocation ID must be specified.",
        ),
        (
            "ReleaseAddress",
            Vec::from([id, ip]),
            "InvalidParameterCombination: You may specify public IP or allocation ID, but not both in the same call.",
        ),
        (
            "ReleaseAddress",
            Vec::from([("AllocationId", "eipalloc-12345678")]),
            unknown,
        ),
        (
            "ReleaseAddress",
            Vec::from([("PublicIp", &*lent)]),
            &not_lent,
        ),
        (
            "DescribeAddresses",
            Vec::from([("AllocationId.1", "eipalloc-12345678")]),
            unknown,
        ),
        (
            "DescribeAddresses",
            Vec::from([("PublicIp.1", &*lent)]),
            &not_lent,
        ),
    ] {
        assert_eq!(
            region.refused(action, &parameters),
            error,
            "{action} {parameters:?}"
        );
    }
}

#[test]
fn what_associating_refuses() {
    let mut region = TestWorld::bootstrapped();
    let (id, ip) = allocate(&mut region, &[]);
    let (instance, eni) = running(&mut region);
    let pending = text(&launched(&mut region, &[])["instanceId"]);
    let id = ("AllocationId", &*id);
    let eni = ("NetworkInterfaceId", &*eni);
    let is_pending = format!(
        "IncorrectInstanceState: The pending instance '{pending}' is not in a valid state for this operation."
    );
    let not_its_own = format!(
        "InvalidParameterValue: The private IP address 10.9.9.9 is not mapped to the interface {}",
        eni.1
    );
    for (parameters, error) in [
        (
            Vec::from([id]),
            "MissingParameter: Either instance ID or network interface ID must be specified.",
        ),
        (
            Vec::from([id, eni, ("InstanceId", &*instance)]),
            "InvalidParameterCombination: You may specify instance ID or network interface ID, but not both in the same call.",
        ),
        (Vec::from([id, ("InstanceId", &*pending)]), &is_pending),
        (
            Vec::from([id, eni, ("PrivateIpAddress", "10.9.9.9")]),
            &not_its_own,
        ),
    ] {
        assert_eq!(
            region.refused("AssociateAddress", &parameters),
            error,
            "{parameters:?}"
        );
    }
    for (parameters, error) in [
        (
            [].as_slice(),
            "MissingParameter: Either public IP or association ID must be specified.",
        ),
        (
            &[("AssociationId", "eipassoc-12345678")],
            "InvalidAssociationID.NotFound: The association ID 'eipassoc-12345678' does not exist",
        ),
    ] {
        assert_eq!(region.refused("DisassociateAddress", parameters), error);
    }
    assert_eq!(
        region.refused("DisassociateAddress", &[("PublicIp", &ip)]),
        "InvalidParameterValue: You must specify an association id when unmapping an address from a VPC instance"
    );
}

#[test]
fn a_vpc_without_an_internet_gateway_takes_no_elastic_ip_address() {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.0.0/24")];
    let subnet = region.make("CreateSubnet", &subnet, "/subnet/subnetId");
    let eni = region.make(
        "CreateNetworkInterface",
        &[("SubnetId", &subnet)],
        "/networkInterface/networkInterfaceId",
    );
    let (id, ip) = allocate(&mut region, &[]);
    let parameters = [("AllocationId", &*id), ("NetworkInterfaceId", &*eni)];
    assert_eq!(
        region.refused("AssociateAddress", &parameters),
        format!("Gateway.NotAttached: Network {vpc} is not attached to any internet gateway")
    );
    let gateway = region.make(
        "CreateInternetGateway",
        &[],
        "/internetGateway/internetGatewayId",
    );
    region.must(
        "AttachInternetGateway",
        &[("InternetGatewayId", &gateway), ("VpcId", &vpc)],
    );
    region.must("AssociateAddress", &parameters);
    // In a VPC that is not the default one, an associated address is not released.
    assert_eq!(
        region.refused("ReleaseAddress", &[("AllocationId", &id)]),
        format!("InvalidIPAddress.InUse: Address {ip} is in use.")
    );
}

#[test]
fn an_association_moves_unless_the_call_forbids_it() {
    let mut region = TestWorld::bootstrapped();
    let first = interface_in_default_vpc(&mut region, &[]);
    let second = interface_in_default_vpc(&mut region, &[]);
    let (id, ip) = allocate(&mut region, &[]);
    let (other, _) = allocate(&mut region, &[]);
    let id = ("AllocationId", &*id);
    let to_first = ("NetworkInterfaceId", &*first);
    let association = region.make("AssociateAddress", &[id, to_first], "/associationId");
    let again = region.make(
        "AssociateAddress",
        &[id, to_first, ("AllowReassociation", "false")],
        "/associationId",
    );
    assert_eq!(association, again, "the same association is idempotent");
    assert_eq!(association_of(&mut region, &first)["publicIp"], json!(ip));

    let forbid = ("AllowReassociation", "false");
    let to_second = ("NetworkInterfaceId", &*second);
    let refusal = format!(
        "Resource.AlreadyAssociated: resource {} is already associated with associate-id {association}",
        id.1
    );
    assert_eq!(
        region.refused("AssociateAddress", &[id, to_second, forbid]),
        refusal
    );
    assert_eq!(
        region.refused(
            "AssociateAddress",
            &[("AllocationId", &other), to_first, forbid]
        ),
        refusal,
        "the private address has one already"
    );
    let moved = region.make("AssociateAddress", &[id, to_second], "/associationId");
    check_invariants(&region.world);
    assert_ne!(moved, association);
    assert_eq!(association_of(&mut region, &first), Value::Null);
    let answer = region.must("DescribeAddresses", &[("AllocationId.1", id.1)]);
    let described = &answer["addressesSet"]["item"][0];
    assert_eq!(described["networkInterfaceId"], json!(second));
    assert_eq!(described["networkInterfaceOwnerId"], "123456789012");
    for (name, value, number) in [
        ("allocation-id", id.1, 1),
        ("association-id", &moved, 1),
        ("association-id", &association, 0),
        ("network-interface-id", &second, 1),
        (
            "private-ip-address",
            described["privateIpAddress"].as_str().unwrap(),
            1,
        ),
        ("public-ip", &ip, 1),
        ("instance-id", "*", 0),
        ("domain", "vpc", 2),
        ("network-border-group", "us-east-1", 2),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let found = region.must("DescribeAddresses", &filter);
        let found = TestWorld::texts(&found, "/addressesSet", "/publicIp");
        assert_eq!(found.len(), number, "{name}={value}");
    }
    // Another address in its place: the first stays allocated.
    region.must("AssociateAddress", &[("AllocationId", &other), to_second]);
    check_invariants(&region.world);
    region.must("DeleteNetworkInterface", &[to_second]);
    check_invariants(&region.world);
    assert_eq!(region.world.addresses.len(), 2);
}

#[test]
fn an_elastic_ip_address_takes_the_place_of_a_lent_one_and_gives_it_back() {
    let mut region = TestWorld::bootstrapped();
    let (instance, eni) = running(&mut region);
    let (id, ip) = allocate(&mut region, &[]);
    assert_eq!(association_of(&mut region, &eni)["ipOwnerId"], "amazon");
    let on_instance = [("AllocationId", &*id), ("InstanceId", &*instance)];
    let association = region.make("AssociateAddress", &on_instance, "/associationId");
    check_invariants(&region.world);
    assert_eq!(region.world.addresses.len(), 1, "the lent address has gone");
    assert_eq!(association_of(&mut region, &eni)["publicIp"], json!(ip));
    let answer = region.must("DescribeAddresses", &[]);
    assert_eq!(
        answer["addressesSet"]["item"][0]["instanceId"],
        json!(instance)
    );

    region.must("DisassociateAddress", &[("AssociationId", &association)]);
    check_invariants(&region.world);
    assert_eq!(association_of(&mut region, &eni)["ipOwnerId"], "amazon");
    assert_eq!(
        region.must("DescribeAddresses", &[])["addressesSet"]["item"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    // In the default VPC a release ends the association.
    region.must("AssociateAddress", &on_instance);
    assert_eq!(
        region.refused("ReleaseAddress", &[("PublicIp", &ip)]),
        "InvalidParameterValue: You must specify an allocation id when releasing a VPC elastic IP address"
    );
    region.must("ReleaseAddress", &[("AllocationId", &id)]);
    check_invariants(&region.world);
    assert_eq!(association_of(&mut region, &eni)["ipOwnerId"], "amazon");
}

#[test]
fn an_instance_with_two_interfaces_does_not_say_which() {
    let mut region = TestWorld::bootstrapped();
    let (instance, primary) = running(&mut region);
    let subnet = region
        .world
        .network_interfaces
        .get(primary.parse().unwrap())
        .unwrap()
        .subnet_id
        .to_string();
    let second = region.make(
        "CreateNetworkInterface",
        &[("SubnetId", &subnet)],
        "/networkInterface/networkInterfaceId",
    );
    let attach = [
        ("NetworkInterfaceId", &*second),
        ("InstanceId", &*instance),
        ("DeviceIndex", "1"),
    ];
    region.must("AttachNetworkInterface", &attach);
    let (id, _) = allocate(&mut region, &[]);
    let id = ("AllocationId", &*id);
    assert_eq!(
        region.refused("AssociateAddress", &[id, ("InstanceId", &instance)]),
        format!(
            "InvalidInstanceID: There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the operation instead."
        )
    );
    // With two interfaces, the primary one is lent nothing when it loses its address.
    let association = region.make(
        "AssociateAddress",
        &[id, ("NetworkInterfaceId", &primary)],
        "/associationId",
    );
    region.must("DisassociateAddress", &[("AssociationId", &association)]);
    assert_eq!(association_of(&mut region, &primary), Value::Null);
}

#[test]
fn the_pool_and_the_quota_bound_what_is_allocated() {
    let mut region = TestWorld::bootstrapped();
    region.region.public_pool = "203.0.113.0/29".parse().unwrap();
    let mut given: Vec<_> = (0..5).map(|_| allocate(&mut region, &[]).1).collect();
    given.sort();
    assert_eq!(
        given,
        [
            "203.0.113.2",
            "203.0.113.3",
            "203.0.113.4",
            "203.0.113.5",
            "203.0.113.6"
        ]
    );
    assert_eq!(
        region.refused("AllocateAddress", &[]),
        "InsufficientAddressCapacity: Not enough available public addresses to satisfy your request."
    );
    region.region.public_pool = "198.51.100.0/23".parse().unwrap();
    for _ in 5..250 {
        allocate(&mut region, &[]);
    }
    assert_eq!(
        region.refused("AllocateAddress", &[]),
        "AddressLimitExceeded: The maximum number of addresses has been reached."
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is associated, moved and released, each public address has one private one and the other way round.
    #[test]
    fn associations_stay_one_to_one(calls in proptest::collection::vec((0_u8..5, 0_usize..3, 0_usize..3), 1..20)) {
        let mut region = TestWorld::bootstrapped();
        let (_, eni) = running(&mut region);
        let mut enis = Vec::from([eni]);
        for _ in 0..2 {
            enis.push(interface_in_default_vpc(&mut region, &[]));
        }
        let mut ids: Vec<_> = (0..3).map(|_| allocate(&mut region, &[]).0).collect();
        for (call, address, eni) in calls {
            let id = ids[address].clone();
            let (id, eni) = (("AllocationId", id.as_str()), ("NetworkInterfaceId", enis[eni].as_str()));
            match call {
                0 | 1 => drop(region.call("AssociateAddress", &[id, eni])),
                2 => drop(region.call("AssociateAddress", &[id, eni, ("AllowReassociation", "false")])),
                3 => {
                    let answer = region.must("DescribeAddresses", &[("AllocationId.1", id.1)]);
                    if let Some(association) = answer["addressesSet"]["item"][0]["associationId"].as_str() {
                        region.must("DisassociateAddress", &[("AssociationId", association)]);
                    }
                }
                _ => {
                    region.must("ReleaseAddress", &[id]);
                    ids[address] = allocate(&mut region, &[]).0;
                }
            }
            check_invariants(&region.world);
        }
    }
}
