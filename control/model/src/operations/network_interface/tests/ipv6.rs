//! IPv6 addresses and delegated blocks of both families.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv6Addr;

use eni_types::InstanceState;
use serde_json::{Value, json};

use crate::ChangeSet;
use crate::operations::instance::tests::{image, launch, launched};
use crate::resource::Instance;
use crate::testing::{TestWorld, check_invariants};

/// A VPC with an IPv6 block; subnets of both families (10.0.1.0/24) and of IPv6 only in it.
struct Net {
    region: TestWorld,
    both: String,
    native: String,
    /// The first three groups of the VPC's block and all but the last two digits of the fourth.
    block: String,
}

impl Net {
    fn new() -> Self {
        let mut region = TestWorld::bootstrapped();
        let vpc = [
            ("CidrBlock", "10.0.0.0/16"),
            ("AmazonProvidedIpv6CidrBlock", "true"),
        ];
        let answer = region.must("CreateVpc", &vpc);
        let vpc = answer["vpc"]["vpcId"].as_str().unwrap().to_string();
        let block = &answer["vpc"]["ipv6CidrBlockAssociationSet"]["item"][0]["ipv6CidrBlock"];
        let block = block.as_str().unwrap().strip_suffix("00::/56").unwrap();
        let block = block.to_string();
        let part = |number: &str| format!("{block}{number}::/64");
        let mut make = |more: &[(&str, &str)]| {
            let parameters = [&[("VpcId", vpc.as_str())], more].concat();
            region.make("CreateSubnet", &parameters, "/subnet/subnetId")
        };
        let both = make(&[("CidrBlock", "10.0.1.0/24"), ("Ipv6CidrBlock", &part("01"))]);
        let native = make(&[("Ipv6CidrBlock", &part("02")), ("Ipv6Native", "true")]);
        Self {
            region,
            both,
            native,
            block,
        }
    }

    fn address(&self, end: &str) -> String {
        format!("{}01::{end}", self.block)
    }

    fn call(&mut self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.region.must(action, parameters);
        check_invariants(&self.region.world);
        answer
    }

    fn create(&mut self, subnet: &str, more: &[(&str, &str)]) -> Value {
        let parameters = [&[("SubnetId", subnet)], more].concat();
        self.call("CreateNetworkInterface", &parameters)["networkInterface"].clone()
    }

    fn id(&mut self, more: &[(&str, &str)]) -> String {
        let subnet = self.both.clone();
        let eni = self.create(&subnet, more);
        eni["networkInterfaceId"].as_str().unwrap().into()
    }
}

fn count(list: &Value) -> usize {
    list["item"].as_array().map_or(0, Vec::len)
}

#[test]
fn an_interface_gets_as_many_addresses_and_blocks_as_it_asks_for() {
    let mut net = Net::new();
    let (both, native) = (net.both.clone(), net.native.clone());
    for (subnet, parameters, want) in [
        (&both, &[][..], [1, 0, 0, 0]),
        (&both, &[("Ipv6AddressCount", "3")], [1, 3, 0, 0]),
        (&both, &[("Ipv6PrefixCount", "2")], [1, 0, 0, 2]),
        (&both, &[("Ipv4PrefixCount", "2")], [1, 0, 2, 0]),
        (
            &both,
            &[("Ipv4PrefixCount", "1"), ("Ipv6PrefixCount", "1")],
            [1, 0, 1, 1],
        ),
        (&native, &[], [0, 1, 0, 0]),
        (&native, &[("Ipv6AddressCount", "0")], [0, 1, 0, 0]),
        (&native, &[("Ipv6PrefixCount", "1")], [0, 1, 0, 1]),
        (&native, &[("InterfaceType", "efa-only")], [0, 0, 0, 0]),
    ] {
        let eni = net.create(subnet, parameters);
        let got = [
            count(&eni["privateIpAddressesSet"]),
            count(&eni["ipv6AddressesSet"]),
            count(&eni["ipv4PrefixSet"]),
            count(&eni["ipv6PrefixSet"]),
        ];
        assert_eq!(got, want, "{parameters:?}: {eni:#}");
    }
}

#[test]
fn a_subnet_gives_new_interfaces_an_ipv6_address_where_it_says_so() {
    let mut net = Net::new();
    let both = net.both.clone();
    let attribute = [
        ("SubnetId", both.as_str()),
        ("AssignIpv6AddressOnCreation.Value", "true"),
    ];
    net.call("ModifySubnetAttribute", &attribute);
    for (parameters, want) in [
        (&[][..], 1),
        (&[("Ipv6AddressCount", "0")], 0),
        (&[("Ipv6AddressCount", "2")], 2),
        (&[("Ipv6PrefixCount", "1")], 0),
    ] {
        let eni = net.create(&both, parameters);
        assert_eq!(count(&eni["ipv6AddressesSet"]), want, "{parameters:?}");
    }
}

#[test]
fn named_addresses_are_given_and_the_primary_one_comes_first() {
    let mut net = Net::new();
    let (both, one, two) = (net.both.clone(), net.address("10"), net.address("11"));
    let parameters = [
        ("Ipv6Addresses.1.Ipv6Address", one.as_str()),
        ("Ipv6Addresses.2.Ipv6Address", &two),
        ("Ipv6Addresses.2.IsPrimaryIpv6", "true"),
    ];
    let eni = net.create(&both, &parameters);
    let want = json!({"item": [
        {"ipv6Address": two, "isPrimaryIpv6": true},
        {"ipv6Address": one, "isPrimaryIpv6": false},
    ]});
    assert_eq!(eni["ipv6AddressesSet"], want);
    assert_eq!(eni["ipv6Address"], json!(two));
    let id = eni["networkInterfaceId"].as_str().unwrap();
    let eni = ("NetworkInterfaceId", id);
    assert_eq!(
        net.region
            .refused("UnassignIpv6Addresses", &[eni, ("Ipv6Addresses.1", &two)]),
        format!("InvalidParameterValue: The primary IPv6 address {two} cannot be unassigned.")
    );
    let answer = net.call("UnassignIpv6Addresses", &[eni, ("Ipv6Addresses.1", &one)]);
    assert_eq!(answer["unassignedIpv6Addresses"], json!({"item": [one]}));
    let attribute = [eni, ("EnablePrimaryIpv6", "false")];
    assert_eq!(
        net.region
            .refused("ModifyNetworkInterfaceAttribute", &attribute),
        "InvalidParameterValue: The primary IPv6 address cannot be disabled once it is enabled."
    );
}

#[test]
fn addresses_and_blocks_are_assigned_and_taken_away() {
    let mut net = Net::new();
    let id = net.id(&[]);
    let eni = ("NetworkInterfaceId", id.as_str());
    let answer = net.call("AssignIpv6Addresses", &[eni, ("Ipv6AddressCount", "2")]);
    assert_eq!(count(&answer["assignedIpv6Addresses"]), 2, "{answer:#}");
    let answer = net.call("AssignIpv6Addresses", &[eni, ("Ipv6PrefixCount", "1")]);
    let prefix = answer["assignedIpv6PrefixSet"]["item"][0].as_str().unwrap();
    assert!(prefix.ends_with("/80"), "{prefix}");
    net.call("UnassignIpv6Addresses", &[eni, ("Ipv6Prefix.1", prefix)]);
    let four = [eni, ("Ipv4Prefix.1", "10.0.1.64/28")];
    let answer = net.call("AssignPrivateIpAddresses", &four);
    let want = json!({"item": [{"ipv4Prefix": "10.0.1.64/28"}]});
    assert_eq!(answer["assignedIpv4PrefixSet"], want);
    let subnet = ("SubnetId.1", net.both.as_str());
    let subnets = net.region.must("DescribeSubnets", &[subnet]);
    let available = &subnets["subnetSet"]["item"][0]["availableIpAddressCount"];
    assert_eq!(available, &json!(256 - 5 - 1 - 16));
    net.call("UnassignPrivateIpAddresses", &four);
    assert_eq!(
        net.region.refused("UnassignPrivateIpAddresses", &four),
        format!(
            "InvalidParameterValue: Some of the specified prefixes are not assigned to interface {id}"
        )
    );
    let limit = [eni, ("Ipv6AddressCount", "49")];
    assert_eq!(
        net.region.refused("AssignIpv6Addresses", &limit),
        "PrivateIpAddressLimitExceeded: Number of IPv6 addresses will exceed limit."
    );
}

/// No address is given that is in a delegated block, and no block that has an address: down to the last of a subnet.
#[test]
fn addresses_and_delegated_blocks_never_meet() {
    let mut net = Net::new();
    let id = net.id(&[("PrivateIpAddress", "10.0.1.20")]);
    let eni = ("NetworkInterfaceId", id.as_str());
    for (parameters, error) in [
        (
            ("Ipv4Prefix.1", "10.0.1.16/28"),
            "InvalidCidrBlock.InUse: The specified prefix 10.0.1.16/28 is already in use.",
        ),
        (
            ("Ipv4Prefix.1", "10.0.1.0/28"),
            "InvalidParameterValue: Prefix 10.0.1.0/28 is in subnet's reserved address range",
        ),
        (
            ("Ipv4Prefix.1", "10.0.1.240/28"),
            "InvalidParameterValue: Prefix 10.0.1.240/28 is in subnet's reserved address range",
        ),
        (
            ("Ipv4Prefix.1", "10.0.1.32/27"),
            "InvalidParameterValue: Invalid prefix length for 10.0.1.32/27. Prefixes must be /28.",
        ),
        (
            ("Ipv4Prefix.1", "10.0.2.16/28"),
            "InvalidParameterValue: Prefix 10.0.2.16/28 does not fall within the subnet's address range",
        ),
        (
            ("Ipv4PrefixCount", "14"),
            "InsufficientCidrBlocks: The specified subnet does not have enough free cidr blocks to satisfy the request",
        ),
    ] {
        let refused = net
            .region
            .refused("AssignPrivateIpAddresses", &[eni, parameters]);
        assert_eq!(refused, error);
    }
    // All others: 16 without the first, the last and the one with the address.
    net.call(
        "AssignPrivateIpAddresses",
        &[eni, ("Ipv4PrefixCount", "13")],
    );
    let inside = [eni, ("PrivateIpAddress.1", "10.0.1.200")];
    assert_eq!(
        net.region.refused("AssignPrivateIpAddresses", &inside),
        "InvalidParameterValue: [10.0.1.200] assigned, but move is not allowed."
    );
    let both = net.both.clone();
    let named = [
        ("SubnetId", both.as_str()),
        ("PrivateIpAddress", "10.0.1.200"),
    ];
    assert_eq!(
        net.region.refused("CreateNetworkInterface", &named),
        "InvalidIPAddress.InUse: The specified address is already in use."
    );
    // 16 blocks of 16, less 13 delegated ones, the five that EC2 keeps, and the one address.
    for _ in 0..256 - 13 * 16 - 5 - 1 {
        net.create(&both, &[]);
    }
    assert_eq!(
        net.region
            .refused("CreateNetworkInterface", &[("SubnetId", &both)]),
        "InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request."
    );
}

#[test]
fn what_the_ipv6_parameters_refuse() {
    let mut net = Net::new();
    let (both, native) = (net.both.clone(), net.native.clone());
    let taken = net.address("10");
    net.id(&[("Ipv6Addresses.1.Ipv6Address", &taken)]);
    let (kept, outside) = (net.address("3"), "2001:db8:ffff:ffff::9");
    for (subnet, parameters, error) in [
        (
            &both,
            &[("Ipv6AddressCount", "1"), ("Ipv6PrefixCount", "1")][..],
            "InvalidParameterCombination: The parameter ipv6AddressCount cannot be used with the parameter ipv6PrefixCount",
        ),
        (
            &both,
            &[
                ("SecondaryPrivateIpAddressCount", "1"),
                ("Ipv4PrefixCount", "1"),
            ],
            "InvalidParameterCombination: The parameter secondaryPrivateIpAddressCount cannot be used with the parameter ipv4PrefixCount",
        ),
        (
            &both,
            &[("Ipv6Addresses.1.Ipv6Address", &taken)],
            "InvalidIPAddress.InUse: The specified address is already in use.",
        ),
        (
            &both,
            &[("Ipv6Addresses.1.Ipv6Address", &kept)],
            &format!("InvalidParameterValue: Address {kept} is in subnet's reserved address range"),
        ),
        (
            &both,
            &[("Ipv6Addresses.1.Ipv6Address", outside)],
            &format!(
                "InvalidParameterValue: Address {outside} does not fall within the subnet's address range"
            ),
        ),
        (
            &both,
            &[("EnablePrimaryIpv6", "true")],
            "InvalidParameterValue: A primary IPv6 address can be enabled only on a network interface with an IPv6 address.",
        ),
        (
            &both,
            &[("Ipv6AddressCount", "51")],
            "PrivateIpAddressLimitExceeded: Number of IPv6 addresses will exceed limit.",
        ),
        (
            &native,
            &[("SecondaryPrivateIpAddressCount", "1")],
            &format!(
                "InvalidParameterCombination: The subnet '{native}' is an IPv6-only subnet: private IPv4 addresses cannot be specified."
            ),
        ),
        (
            &both,
            &[("InterfaceType", "efa-only"), ("Ipv6AddressCount", "1")],
            "InvalidParameterCombination: IP addresses cannot be specified for interfaces of type 'efa-only'.",
        ),
    ] {
        let parameters = [&[("SubnetId", subnet.as_str())], parameters].concat();
        let refused = net.region.refused("CreateNetworkInterface", &parameters);
        assert_eq!(refused, *error, "{parameters:?}");
    }
}

#[test]
fn an_instance_is_launched_with_ipv6_and_its_type_limits_it() {
    let mut net = Net::new();
    let (both, native) = (net.both.clone(), net.native.clone());
    let launch = |subnet, count| {
        [
            ("ImageId", "ami-0e210000000008664"),
            ("InstanceType", "t3.micro"),
            ("MinCount", "2"),
            ("MaxCount", "2"),
            ("SubnetId", subnet),
            ("Ipv6AddressCount", count),
        ]
    };
    let answer = net.call("RunInstances", &launch(&both, "2"));
    let instance = &answer["instancesSet"]["item"][1];
    let eni = &instance["networkInterfaceSet"]["item"][0];
    assert_eq!(count(&eni["ipv6AddressesSet"]), 2, "{eni:#}");
    assert_eq!(
        instance["ipv6Address"],
        eni["ipv6AddressesSet"]["item"][0]["ipv6Address"]
    );
    let answer = net.call("RunInstances", &launch(&native, "1"));
    let instance = &answer["instancesSet"]["item"][0];
    assert_eq!(instance.get("privateIpAddress"), None, "{instance:#}");
    assert_eq!(
        net.region.refused("RunInstances", &launch(&both, "3")),
        "InvalidInterface.IpAddressLimitExceeded: Address count 3 on interface-0 exceeds the limit for t3.micro"
    );
}

#[test]
fn an_ipv6_only_subnet_has_nothing_of_ipv4() {
    let mut net = Net::new();
    let native = net.native.clone();
    let eni = net.create(&native, &[]);
    let eni = eni["networkInterfaceId"].as_str().unwrap();
    assert_eq!(
        net.region.refused(
            "AssignPrivateIpAddresses",
            &[
                ("NetworkInterfaceId", eni),
                ("SecondaryPrivateIpAddressCount", "1")
            ]
        ),
        format!(
            "InvalidParameterCombination: The interface {eni} is in an IPv6-only subnet: private IPv4 addresses cannot be assigned."
        )
    );
    let on = [
        ("SubnetId", &*native),
        ("MapPublicIpOnLaunch.Value", "true"),
    ];
    assert_eq!(
        net.region.refused("ModifySubnetAttribute", &on),
        format!(
            "InvalidParameterValue: The subnet '{native}' is an IPv6-only subnet: mapPublicIpOnLaunch cannot be enabled."
        )
    );
    let off = [
        ("SubnetId", &*native),
        ("MapPublicIpOnLaunch.Value", "false"),
    ];
    net.call("ModifySubnetAttribute", &off);
    let image = image();
    let public = [
        ("InstanceType", "t3.medium"),
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.SubnetId", &native),
        ("NetworkInterface.1.AssociatePublicIpAddress", "true"),
    ];
    assert_eq!(
        net.region.refused("RunInstances", &launch(&image, &public)),
        format!(
            "InvalidParameterCombination: The subnet '{native}' is an IPv6-only subnet: a public IPv4 address cannot be associated."
        )
    );
}

#[test]
fn types_that_are_not_of_nitro_have_no_ipv6_only_subnets_and_no_blocks() {
    let mut net = Net::new();
    let (both, native) = (net.both.clone(), net.native.clone());
    let image = image();
    let refused = |what: &str| {
        format!(
            "InvalidParameterCombination: The instance type t2.micro does not support {what}: it is not built on the Nitro System."
        )
    };
    let (only, blocks) = (refused("an IPv6-only subnet"), refused("prefix delegation"));
    for (subnet, more, error) in [
        (&native, None, &only),
        (
            &both,
            Some(("NetworkInterface.1.Ipv4PrefixCount", "1")),
            &blocks,
        ),
        (
            &both,
            Some(("NetworkInterface.1.Ipv6PrefixCount", "1")),
            &blocks,
        ),
    ] {
        let on = |instance_type| {
            let place = [
                ("InstanceType", instance_type),
                ("NetworkInterface.1.DeviceIndex", "0"),
                ("NetworkInterface.1.SubnetId", &**subnet),
            ];
            place.into_iter().chain(more).collect::<Vec<_>>()
        };
        let refused = net
            .region
            .refused("RunInstances", &launch(&image, &on("t2.micro")));
        assert_eq!(refused, *error);
        launched(&mut net.region, &on("t3.micro"));
    }

    // An interface that is there already, and one that runs.
    let instance = [("InstanceType", "t2.micro"), ("SubnetId", &*both)];
    let instance = launched(&mut net.region, &instance);
    let own = &instance["networkInterfaceSet"]["item"][0]["networkInterfaceId"];
    let own = ("NetworkInterfaceId", own.as_str().unwrap());
    for (action, count) in [
        ("AssignPrivateIpAddresses", "Ipv4PrefixCount"),
        ("AssignIpv6Addresses", "Ipv6PrefixCount"),
    ] {
        let refused = net.region.refused(action, &[own, (count, "1")]);
        assert_eq!(refused, blocks, "{action}");
    }
    let id = instance["instanceId"].as_str().unwrap();
    let instances = &net.region.world.instances;
    let runs = Instance {
        state: InstanceState::Running,
        ..Instance::clone(instances.get(id.parse().unwrap()).unwrap())
    };
    net.region.world.apply(&ChangeSet::putting(runs));
    let id = ("InstanceId", id);
    for (subnet, more, error) in [
        (&native, &[][..], &only),
        (&both, &[("Ipv4PrefixCount", "1")][..], &blocks),
    ] {
        let place = [&[("SubnetId", &**subnet)], more].concat();
        let eni = net.region.must("CreateNetworkInterface", &place);
        let eni = eni["networkInterface"]["networkInterfaceId"].as_str();
        let eni = ("NetworkInterfaceId", eni.unwrap());
        let refused = net
            .region
            .refused("AttachNetworkInterface", &[id, eni, ("DeviceIndex", "1")]);
        assert_eq!(refused, *error);
    }
}

#[test]
fn an_ipv6_address_is_found_however_it_is_written() {
    let mut net = Net::new();
    let short = net.address("ab");
    let id = net.id(&[("Ipv6Addresses.1.Ipv6Address", &short)]);
    let long: Ipv6Addr = short.parse().unwrap();
    let long: Vec<_> = long.segments().map(|part| format!("{part:04X}")).into();
    for written in [&*short, &long.join(":"), &short.replace("::ab", "::*b")] {
        for name in ["ipv6-addresses.ipv6-address", "tag:none"] {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", written)];
            let answer = net.region.must("DescribeNetworkInterfaces", &filter);
            let found = answer["networkInterfaceSet"]["item"][0]["networkInterfaceId"].as_str();
            let expected = (name != "tag:none").then_some(&*id);
            assert_eq!(found, expected, "{name}={written}");
        }
    }
}

#[test]
fn an_instance_with_a_block_is_given_no_type_that_has_none() {
    let mut net = Net::new();
    let both = net.both.clone();
    let place = [
        ("InstanceType", "t3.micro"),
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.SubnetId", &*both),
        ("NetworkInterface.1.Ipv4PrefixCount", "1"),
    ];
    let instance = launched(&mut net.region, &place);
    let id = instance["instanceId"].as_str().unwrap();
    let instances = &net.region.world.instances;
    let stopped = Instance {
        state: InstanceState::Stopped,
        ..Instance::clone(instances.get(id.parse().unwrap()).unwrap())
    };
    net.region.world.apply(&ChangeSet::putting(stopped));
    let change = |instance_type| [("InstanceId", id), ("InstanceType.Value", instance_type)];
    assert_eq!(
        net.region
            .refused("ModifyInstanceAttribute", &change("t2.micro")),
        "InvalidParameterCombination: The instance type t2.micro does not support prefix delegation: it is not built on the Nitro System."
    );
    net.region
        .must("ModifyInstanceAttribute", &change("t3.small"));
}
