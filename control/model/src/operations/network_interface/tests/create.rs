use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use serde_json::json;

use super::{Net, addresses_of, id_of};
use crate::testing::TestWorld;

#[test]
fn a_created_interface_is_described_as_it_was_answered() {
    let mut net = Net::new();
    let made = net.create(&[
        ("Description", "web"),
        ("PrivateIpAddress", "10.0.1.10"),
        ("ConnectionTrackingSpecification.UdpTimeout", "45"),
        ("TagSpecification.1.ResourceType", "network-interface"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "web"),
    ]);
    for (pointer, want) in [
        ("/description", json!("web")),
        ("/status", json!("available")),
        ("/privateIpAddress", json!("10.0.1.10")),
        ("/sourceDestCheck", json!(true)),
        ("/interfaceType", json!("interface")),
        ("/requesterId", json!("123456789012")),
        ("/requesterManaged", json!(false)),
        ("/ownerId", json!("123456789012")),
        ("/vpcId", json!(net.vpc)),
        ("/subnetId", json!(net.subnet)),
        ("/availabilityZone", json!("us-east-1a")),
        ("/availabilityZoneId", json!("use1-az1")),
        ("/groupSet/item/0/groupName", json!("default")),
        (
            "/connectionTrackingConfiguration",
            json!({"udpTimeout": 45}),
        ),
        ("/privateIpAddressesSet/item/0/primary", json!(true)),
        (
            "/tagSet",
            json!({"item": [{"key": "Name", "value": "web"}]}),
        ),
    ] {
        assert_eq!(made.pointer(pointer), Some(&want), "{pointer} of {made:#}");
    }
    // The VPC's attribute enableDnsHostnames is off unless set.
    assert_eq!(made.get("privateDnsName"), None);
    assert_eq!(net.describe(&id_of(&made)), made);
}

#[test]
fn addresses_are_those_asked_for_and_free_ones_of_the_subnet_for_the_rest() {
    let mut net = Net::new();
    let made = net.create(&[
        ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.20"),
        ("PrivateIpAddresses.2.PrivateIpAddress", "10.0.1.21"),
        ("PrivateIpAddresses.2.Primary", "true"),
    ]);
    assert_eq!(addresses_of(&made), ["10.0.1.21", "10.0.1.20"]);
    // Where none is called primary the first is, and none comes in addition.
    let made = net.create(&[
        ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.31"),
        ("PrivateIpAddresses.2.PrivateIpAddress", "10.0.1.30"),
        ("PrivateIpAddresses.2.Primary", "false"),
    ]);
    assert_eq!(addresses_of(&made), ["10.0.1.31", "10.0.1.30"]);
    let made = net.create(&[
        ("PrivateIpAddress", "10.0.1.40"),
        ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.41"),
    ]);
    assert_eq!(addresses_of(&made), ["10.0.1.40", "10.0.1.41"]);
    let made = net.create(&[("SecondaryPrivateIpAddressCount", "3")]);
    assert_eq!(addresses_of(&made).len(), 4);

    // A /28 has eleven addresses for interfaces: 16 but for the first four and the last.
    net.subnet = net.subnet("10.0.2.0/28");
    let mut given: Vec<Ipv4Addr> = (0..11)
        .flat_map(|_| addresses_of(&net.create(&[])))
        .map(|address| address.parse().unwrap())
        .collect();
    given.sort_unstable();
    let want: Vec<_> = (4..=14).map(|last| Ipv4Addr::new(10, 0, 2, last)).collect();
    assert_eq!(given, want);
    assert_eq!(
        net.refused(&[]),
        "InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request."
    );
}

/// What a call of its own parameters breaks, whatever else there is.
const REFUSED: &[(&[(&str, &str)], &str)] = &[
    (
        &[("PrivateIpAddress", "10.0.2.5")],
        "InvalidParameterValue: Address 10.0.2.5 does not fall within the subnet's address range",
    ),
    (
        &[("PrivateIpAddress", "10.0.1.3")],
        "InvalidParameterValue: Address 10.0.1.3 is in subnet's reserved address range",
    ),
    (
        &[("PrivateIpAddress", "10.0.1.255")],
        "InvalidParameterValue: Address 10.0.1.255 is in subnet's reserved address range",
    ),
    (
        &[("PrivateIpAddress", "10.0.1")],
        "InvalidParameterValue: Value (10.0.1) for parameter privateIpAddress is invalid. An IPv4 address is expected.",
    ),
    (
        &[
            ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.7"),
            ("PrivateIpAddresses.2.PrivateIpAddress", "10.0.1.7"),
        ],
        "InvalidParameterValue: The address 10.0.1.7 is specified more than once.",
    ),
    (
        &[
            ("PrivateIpAddress", "10.0.1.8"),
            ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.7"),
            ("PrivateIpAddresses.1.Primary", "true"),
        ],
        "InvalidParameterCombination: Only one primary private IP address can be specified.",
    ),
    (
        &[
            ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.7"),
            ("PrivateIpAddresses.2.PrivateIpAddress", "10.0.1.8"),
            ("SecondaryPrivateIpAddressCount", "1"),
        ],
        "InvalidParameterCombination: You may not specify both privateIpAddresses and secondaryPrivateIpAddressCount.",
    ),
    (
        &[("SecondaryPrivateIpAddressCount", "50")],
        "PrivateIpAddressLimitExceeded: Number of private addresses will exceed limit.",
    ),
    (
        &[("SecurityGroupId.1", "sg-12345678")],
        "InvalidGroup.NotFound: The security group 'sg-12345678' does not exist",
    ),
    (
        &[("InterfaceType", "branch")],
        "UnsupportedOperation: The interface type 'branch' is not supported in this region.",
    ),
    (
        &[("InterfaceType", "lambda")],
        "InvalidParameterValue: Value (lambda) for parameter interfaceType is invalid.",
    ),
    (
        &[("Ipv4PrefixCount", "50")],
        "PrivateIpAddressLimitExceeded: Number of private addresses will exceed limit.",
    ),
    (
        &[(
            "ConnectionTrackingSpecification.TcpEstablishedTimeout",
            "59",
        )],
        "InvalidParameterValue: Value (59) for parameter tcpEstablishedTimeout is invalid. Valid values are from 60 to 432000.",
    ),
    (
        &[
            ("TagSpecification.1.ResourceType", "subnet"),
            ("TagSpecification.1.Tag.1.Key", "a"),
        ],
        "InvalidParameterValue: 'subnet' is not a valid taggable resource type for this operation.",
    ),
];

#[test]
fn what_create_network_interface_refuses() {
    let mut net = Net::new();
    for (parameters, error) in REFUSED {
        assert_eq!(net.refused(parameters), *error, "{parameters:?}");
    }
    let long = "x".repeat(256);
    assert_eq!(
        net.refused(&[("Description", &long)]),
        "InvalidParameterValue: Description exceeds the maximum length of 255 characters."
    );
    net.subnet = "subnet-12345678".into();
    assert_eq!(
        net.refused(&[]),
        "InvalidSubnetID.NotFound: The subnet ID 'subnet-12345678' does not exist"
    );
}

#[test]
fn an_interface_takes_no_address_in_use_and_no_group_of_another_vpc() {
    let mut net = Net::new();
    net.create(&[("PrivateIpAddress", "10.0.1.10")]);
    assert_eq!(
        net.refused(&[("PrivateIpAddress", "10.0.1.10")]),
        "InvalidIPAddress.InUse: The specified address is already in use."
    );
    let default_vpc = net.region.world.default_vpc().unwrap().vpc_id;
    let foreign = net
        .region
        .world
        .default_security_group(default_vpc)
        .unwrap()
        .group_id
        .to_string();
    assert_eq!(
        net.refused(&[("SecurityGroupId.1", &foreign)]),
        "InvalidGroup.NotFound: You have specified two resources that belong to different networks."
    );
}

#[test]
fn a_client_token_makes_the_call_idempotent() {
    let mut net = Net::new();
    let made = net.create(&[("ClientToken", "once")]);
    assert_eq!(net.create(&[("ClientToken", "once")]), made);
    assert_eq!(net.region.world.network_interfaces.len(), 1);
    let error = net.refused(&[("ClientToken", "once"), ("Description", "other")]);
    assert!(error.starts_with("IdempotentParameterMismatch"), "{error}");
}

/// Two interfaces in subnets of their own, of which the first is the one that most filters want.
fn two_interfaces() -> (Net, serde_json::Value, serde_json::Value) {
    let mut net = Net::new();
    net.region.must(
        "ModifyVpcAttribute",
        &[
            ("VpcId", &net.vpc.clone()),
            ("EnableDnsHostnames.Value", "true"),
        ],
    );
    let other_subnet = net.subnet("10.0.2.0/24");
    let wanted = net.create(&[
        ("PrivateIpAddress", "10.0.1.10"),
        ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.11"),
        ("Description", "wanted"),
        ("TagSpecification.1.ResourceType", "network-interface"),
        ("TagSpecification.1.Tag.1.Key", "Role"),
        ("TagSpecification.1.Tag.1.Value", "web"),
    ]);
    net.subnet = other_subnet;
    let other = net.create(&[]);
    (net, wanted, other)
}

#[test]
fn each_filter_finds_what_it_names_and_nothing_else() {
    let (mut net, wanted, other) = two_interfaces();
    let member = |name: &str| wanted[name].as_str().unwrap();
    let id = member("networkInterfaceId");
    let group = wanted
        .pointer("/groupSet/item/0/groupId")
        .unwrap()
        .as_str()
        .unwrap();
    let both = Vec::from([id.to_string(), id_of(&other)]);
    let (only, neither) = (Vec::from([id.to_string()]), Vec::new());
    let cases = [
        ("network-interface-id", id, &only),
        ("network-interface-id", "eni-*", &both),
        ("network-interface-id", "nothing", &neither),
        ("subnet-id", member("subnetId"), &only),
        ("vpc-id", member("vpcId"), &both),
        ("group-id", group, &both),
        ("group-name", "default", &both),
        ("mac-address", member("macAddress"), &only),
        ("private-ip-address", "10.0.1.10", &only),
        // The address of the interface is its primary one.
        ("private-ip-address", "10.0.1.11", &neither),
        ("addresses.private-ip-address", "10.0.1.11", &only),
        ("addresses.primary", "false", &only),
        ("private-dns-name", "ip-10-0-1-10.ec2.internal", &only),
        ("description", "want??", &only),
        ("tag:Role", "web", &only),
        ("tag-key", "Role", &only),
        ("status", "available", &both),
        ("status", "in-use", &neither),
        ("source-dest-check", "true", &both),
        ("requester-managed", "false", &both),
        ("owner-id", "123456789012", &both),
        ("availability-zone", "us-east-1a", &both),
        ("availability-zone-id", "use1-az1", &both),
        ("interface-type", "interface", &both),
        ("operator.managed", "false", &both),
        ("attachment.status", "attached", &neither),
        ("association.public-ip", "*", &neither),
        ("ipv6-addresses.ipv6-address", "*", &neither),
    ];
    for (name, value, want) in cases {
        let parameters = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = net.region.must("DescribeNetworkInterfaces", &parameters);
        let mut found = TestWorld::texts(&answer, "/networkInterfaceSet", "/networkInterfaceId");
        let mut want = want.clone();
        found.sort();
        want.sort();
        assert_eq!(found, want, "{name}={value}");
    }
    let error = net
        .region
        .refused("DescribeNetworkInterfaces", &[("Filter.1.Name", "color")]);
    assert_eq!(
        error,
        "InvalidParameterValue: The filter 'color' is invalid"
    );
}

#[test]
fn pages_together_give_every_interface_once() {
    let mut net = Net::new();
    let mut made: Vec<_> = (0..12).map(|_| id_of(&net.create(&[]))).collect();
    made.sort();
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut parameters = Vec::from([("MaxResults", "5")]);
        parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
        let answer = net.region.must("DescribeNetworkInterfaces", &parameters);
        found.extend(TestWorld::texts(
            &answer,
            "/networkInterfaceSet",
            "/networkInterfaceId",
        ));
        token = answer["nextToken"].as_str().map(Into::into);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, made);
    for (parameters, code) in [
        (
            [("NetworkInterfaceId.1", "eni-12345678")].as_slice(),
            "InvalidNetworkInterfaceID.NotFound: The networkInterface ID 'eni-12345678' does not exist",
        ),
        (
            &[
                ("NetworkInterfaceId.1", made[0].as_str()),
                ("MaxResults", "5"),
            ],
            "InvalidParameterCombination: The parameter NetworkInterfaceIds cannot be used with the parameter MaxResults",
        ),
        (
            &[("NextToken", "zz")],
            "InvalidNextToken: The token provided is invalid.",
        ),
    ] {
        assert_eq!(
            net.region.refused("DescribeNetworkInterfaces", parameters),
            code,
            "{parameters:?}"
        );
    }
}
