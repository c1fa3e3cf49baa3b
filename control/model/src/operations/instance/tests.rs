//! Launching instances, and what EC2 refuses.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::operations::image::Image;
use crate::testing::{TestWorld, check_invariants};
use serde_json::Value;

/// A launch of one instance with these further parameters.
pub(crate) fn launch<'a>(
    image: &'a str,
    parameters: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut all = Vec::from([("ImageId", image), ("InstanceType", instance_type())]);
    for required in ["MinCount", "MaxCount"] {
        if !parameters.iter().any(|(name, _)| *name == required) {
            all.push((required, "1"));
        }
    }
    all.retain(|(name, _)| !parameters.iter().any(|(given, _)| given == name));
    all.extend(parameters);
    all
}

pub(crate) fn image() -> String {
    Image::all()[0].image_id.to_string()
}

/// A type of three interfaces with six addresses each that the image runs on.
fn instance_type() -> &'static str {
    if Image::all()[0].architecture == "arm64" {
        "t4g.medium"
    } else {
        "t3.medium"
    }
}

/// Launches one instance and gives its description.
pub(crate) fn launched(region: &mut TestWorld, parameters: &[(&str, &str)]) -> Value {
    let image = image();
    let answer = region.must("RunInstances", &launch(&image, parameters));
    check_invariants(&region.world);
    answer.pointer("/instancesSet/item/0").unwrap().clone()
}

#[test]
fn a_launch_without_a_subnet_goes_to_the_default_vpc_with_a_public_address() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(&mut region, &[("Placement.AvailabilityZone", "us-east-1b")]);
    assert_eq!(instance["instanceState"]["name"], "pending");
    assert_eq!(instance["placement"]["availabilityZone"], "us-east-1b");
    let private = instance["privateIpAddress"].as_str().unwrap();
    let block: eni_types::Ipv4Cidr = "172.31.16.0/20".parse().unwrap();
    assert!(block.contains(private.parse().unwrap()), "{private}");
    assert_eq!(
        instance["privateDnsName"],
        alloc::format!("ip-{}.ec2.internal", private.replace('.', "-"))
    );
    let public = instance["ipAddress"].as_str().unwrap();
    assert!(public.starts_with("203.0.113."), "{public}");
    assert_eq!(
        instance["dnsName"],
        alloc::format!("ec2-{}.compute-1.amazonaws.com", public.replace('.', "-"))
    );
    let eni = &instance["networkInterfaceSet"]["item"][0];
    assert_eq!(eni["attachment"]["status"], "attaching");
    assert_eq!(eni["attachment"]["deleteOnTermination"], true);
    assert_eq!(eni["association"]["ipOwnerId"], "amazon");
    assert_eq!(eni["groupSet"]["item"][0]["groupName"], "default");
}

#[test]
fn the_same_token_launches_once() {
    let mut region = TestWorld::bootstrapped();
    let one = launched(&mut region, &[("ClientToken", "once")]);
    let again = launched(&mut region, &[("ClientToken", "once")]);
    assert_eq!(one["instanceId"], again["instanceId"]);
    let image = image();
    assert_eq!(
        region.refused(
            "RunInstances",
            &launch(&image, &[("ClientToken", "once"), ("KeyName", "other")])
        ),
        "IdempotentParameterMismatch: Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
    );
}

#[test]
fn several_instances_share_a_reservation_and_nothing_else() {
    let mut region = TestWorld::bootstrapped();
    let image = image();
    let answer = region.must(
        "RunInstances",
        &launch(&image, &[("MinCount", "2"), ("MaxCount", "5")]),
    );
    check_invariants(&region.world);
    let indexes: Vec<_> = answer["instancesSet"]["item"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instance| instance["amiLaunchIndex"].as_u64().unwrap())
        .collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4]);
    assert_eq!(region.world.network_interfaces.len(), 5);
    assert_eq!(region.world.addresses.len(), 5);
}

#[test]
fn an_existing_interface_becomes_the_primary_one_and_outlives_the_instance() {
    let mut region = TestWorld::bootstrapped();
    let subnet = subnet_in(&region, "us-east-1a");
    let eni = region.make(
        "CreateNetworkInterface",
        &[("SubnetId", &subnet)],
        "/networkInterface/networkInterfaceId",
    );
    let parameters = [
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.NetworkInterfaceId", eni.as_str()),
        ("NetworkInterface.2.DeviceIndex", "2"),
        ("NetworkInterface.2.SubnetId", subnet.as_str()),
        ("NetworkInterface.2.SecondaryPrivateIpAddressCount", "2"),
        ("TagSpecification.1.ResourceType", "network-interface"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "made"),
    ];
    let instance = launched(&mut region, &parameters);
    let shown = &instance["networkInterfaceSet"]["item"];
    assert_eq!(shown[0]["networkInterfaceId"], eni.as_str());
    assert_eq!(shown[0]["attachment"]["deleteOnTermination"], false);
    assert_eq!(shown[1]["attachment"]["deviceIndex"], 2);
    assert_eq!(shown[1]["attachment"]["deleteOnTermination"], true);
    assert_eq!(
        shown[1]["privateIpAddressesSet"]["item"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(instance["ipAddress"], Value::Null, "several interfaces");
    assert!(instance.get("tagSet").is_none(), "an instance without tags");
    assert_eq!(
        region.refused("RunInstances", &launch(&image(), &parameters[..2])),
        alloc::format!("InvalidNetworkInterface.InUse: Interface: [{eni}] in use.")
    );
}

/// The default subnet of a zone.
pub(super) fn subnet_in(region: &TestWorld, zone: &str) -> String {
    region
        .world
        .subnets
        .iter()
        .find(|subnet| subnet.availability_zone == zone)
        .unwrap()
        .subnet_id
        .to_string()
}

/// Launches that are refused, each with the start of what is answered.
fn check_refusals(region: &mut TestWorld, cases: &[(&[(&str, &str)], &str)]) {
    let image = image();
    for (parameters, want) in cases {
        let refusal = region.refused("RunInstances", &launch(&image, parameters));
        assert!(refusal.starts_with(want), "{parameters:?}: {refusal}");
    }
}

const DEVICE: [&str; 4] = [
    "NetworkInterface.1.DeviceIndex",
    "NetworkInterface.2.DeviceIndex",
    "NetworkInterface.3.DeviceIndex",
    "NetworkInterface.4.DeviceIndex",
];
const SUBNET: [&str; 2] = ["NetworkInterface.1.SubnetId", "NetworkInterface.2.SubnetId"];

#[test]
fn what_a_launch_with_an_existing_interface_cannot_ask_for() {
    let mut region = TestWorld::bootstrapped();
    let subnet = subnet_in(&region, "us-east-1a");
    let eni = region.make(
        "CreateNetworkInterface",
        &[("SubnetId", &subnet)],
        "/networkInterface/networkInterfaceId",
    );
    let existing = [
        (DEVICE[0], "0"),
        ("NetworkInterface.1.NetworkInterfaceId", eni.as_str()),
    ];
    let with = |more: &[(&'static str, &'static str)]| [existing.as_slice(), more].concat();
    check_refusals(
        &mut region,
        &[
            (
                &with(&[("NetworkInterface.1.DeleteOnTermination", "true")]),
                "InvalidParameterCombination: A network interface may not specify a network interface ID and delete on termination as true",
            ),
            (
                &with(&[
                    ("TagSpecification.1.ResourceType", "network-interface"),
                    ("TagSpecification.1.Tag.1.Key", "a"),
                ]),
                "InvalidParameterValue: You cannot specify tags for network interfaces if there are no network interfaces being created by the request.",
            ),
        ],
    );
    // Terraform's provider says that it stays.
    launched(
        &mut region,
        &with(&[("NetworkInterface.1.DeleteOnTermination", "false")]),
    );
}

/// Terraform's provider sends the placement with every instance.
#[test]
fn a_launch_takes_structures_without_values_as_none() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(
        &mut region,
        &[
            ("Placement.AvailabilityZone", ""),
            ("Placement.GroupName", ""),
            ("Placement.Tenancy", ""),
            ("Placement.HostId", ""),
            ("LaunchTemplate.LaunchTemplateName", ""),
            ("LaunchTemplate.Version", ""),
            ("InstanceMarketOptions.MarketType", ""),
            ("InstanceMarketOptions.SpotOptions.MaxPrice", ""),
            ("KeyName", ""),
            ("PrivateIpAddress", ""),
            ("ClientToken", ""),
        ],
    );
    assert!(instance.get("keyName").is_none());
    assert!(instance.get("clientToken").is_none_or(|token| token == ""));
}

#[test]
fn a_launch_takes_what_has_no_effect_here_only_as_ec2_sets_it() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(
        &mut region,
        &[
            ("InstanceType", "t3.medium"),
            ("IamInstanceProfile.Name", ""),
            ("Monitoring.Enabled", "false"),
            ("CreditSpecification.CpuCredits", ""),
            ("CpuOptions.CoreCount", "1"),
            ("CpuOptions.ThreadsPerCore", "2"),
            (
                "CapacityReservationSpecification.CapacityReservationPreference",
                "open",
            ),
            ("MaintenanceOptions.AutoRecovery", "default"),
            ("PrivateDnsNameOptions.HostnameType", "ip-name"),
            (
                "PrivateDnsNameOptions.EnableResourceNameDnsARecord",
                "false",
            ),
        ],
    );
    assert_eq!(instance["monitoring"]["state"], "disabled");
    launched(&mut region, &[("Monitoring.Enabled", "")]);
}

#[test]
fn a_launch_refuses_what_would_have_no_effect_here() {
    let mut region = TestWorld::bootstrapped();
    let reservation = "CapacityReservationSpecification.CapacityReservationPreference";
    let cases = [
        ("Monitoring.Enabled", "true", "Detailed monitoring"),
        ("LaunchTemplate.Version", "1", "Launching from a template"),
        (
            "LaunchTemplate.LaunchTemplateName",
            "web",
            "Launching from a template",
        ),
        (
            "InstanceMarketOptions.MarketType",
            "spot",
            "The spot market",
        ),
        (
            "CpuOptions.ThreadsPerCore",
            "1",
            "Another number of processors than the instance type has",
        ),
        (
            "CpuOptions.CoreCount",
            "2",
            "Another number of processors than the instance type has",
        ),
        (reservation, "none", "CapacityReservationPreference 'none'"),
        (
            "MaintenanceOptions.AutoRecovery",
            "disabled",
            "AutoRecovery 'disabled'",
        ),
    ];
    let image = image();
    for (parameter, value, feature) in cases {
        let parameters = [("InstanceType", "t3.medium"), (parameter, value)];
        assert_eq!(
            region.refused("RunInstances", &launch(&image, &parameters)),
            alloc::format!("UnsupportedOperation: {feature} is not supported in this region.")
        );
    }
    let parameters = [("MaintenanceOptions.AutoRecovery", "perhaps")];
    let refusal = region.refused("RunInstances", &launch(&image, &parameters));
    assert!(refusal.starts_with("InvalidParameterValue"), "{refusal}");
}

#[test]
fn a_launch_of_the_wrong_number_or_kind_is_refused() {
    let wrong_architecture = if instance_type().starts_with("t4g") {
        "t3.micro"
    } else {
        "t4g.micro"
    };
    check_refusals(
        &mut TestWorld::bootstrapped(),
        &[
            (
                &[("ImageId", "ami-00000000000000000")],
                "InvalidAMIID.NotFound",
            ),
            (&[("ImageId", "ami-x")], "InvalidAMIID.Malformed"),
            (
                &[("InstanceType", "t3.big")],
                "InvalidParameterValue: Invalid value 't3.big' for InstanceType.",
            ),
            (
                &[("InstanceType", wrong_architecture)],
                "InvalidParameterValue: The architecture",
            ),
            (
                &[("MinCount", "0")],
                "InvalidParameterValue: Value (0) for parameter minCount",
            ),
            (
                &[("MinCount", "2")],
                "InvalidParameterValue: Value (1) for parameter maxCount",
            ),
            (
                &[("MinCount", "1001"), ("MaxCount", "1001")],
                "InstanceLimitExceeded",
            ),
            (
                &[("Ipv6AddressCount", "1")],
                "InvalidParameterValue: The subnet",
            ),
            (&[("UserData", "not base64!")], "InvalidUserData.Malformed"),
            (
                &[("InstanceInitiatedShutdownBehavior", "sleep")],
                "InvalidParameterValue",
            ),
            (
                &[("MetadataOptions.HttpTokens", "maybe")],
                "InvalidParameterValue",
            ),
            (
                &[
                    ("TagSpecification.1.ResourceType", "vpc"),
                    ("TagSpecification.1.Tag.1.Key", "a"),
                ],
                "InvalidParameterValue: 'vpc' is not a valid taggable",
            ),
        ],
    );
}

#[test]
fn a_launch_to_the_wrong_place_is_refused() {
    let mut region = TestWorld::bootstrapped();
    let subnet = subnet_in(&region, "us-east-1a");
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let vpc = vpc.parse().unwrap();
    let group = region.world.default_security_group(vpc).unwrap().group_id;
    let group = group.to_string();
    let foreign = alloc::format!(
        "InvalidParameter: Security group {group} and subnet {subnet} belong to different networks."
    );
    let zone = alloc::format!(
        "InvalidParameterValue: Value (us-east-1b) for parameter availabilityZone is invalid. Subnet '{subnet}' is in"
    );
    check_refusals(
        &mut region,
        &[
            (
                &[("SubnetId", "subnet-00000000000000000")],
                "InvalidSubnetID.NotFound",
            ),
            (
                &[("Placement.AvailabilityZone", "us-west-1b")],
                "InvalidParameterValue: Invalid availability zone: [us-west-1b]",
            ),
            (
                &[("Placement.AvailabilityZoneId", "usw1-az1")],
                "InvalidParameterValue: Invalid availability zone: [usw1-az1]",
            ),
            (
                &[("SecurityGroupId.1", "")],
                "InvalidParameterValue: Value () for parameter groupId is invalid. The value cannot be empty",
            ),
            (
                &[("SubnetId", &subnet), ("SecurityGroupId.1", &group)],
                &foreign,
            ),
            (
                &[("SecurityGroup.1", "nobody")],
                "InvalidGroup.NotFound: The security group 'nobody' does not exist",
            ),
            (
                &[("SecurityGroup.1", "default"), ("SubnetId", &subnet)],
                "InvalidParameterCombination: The parameter groupName cannot be used with the parameter subnet",
            ),
            (
                &[
                    ("SubnetId", &subnet),
                    ("Placement.AvailabilityZone", "us-east-1b"),
                ],
                &zone,
            ),
            (
                &[("Placement.AvailabilityZone", "mars-1a")],
                "InvalidParameterValue",
            ),
            (
                &[("SubnetId", &subnet), ("PrivateIpAddress", "172.31.0.1")],
                "InvalidParameterValue",
            ),
            (
                &[("MaxCount", "2"), ("PrivateIpAddress", "172.31.0.9")],
                "InvalidParameterCombination: You may only specify private IP addresses when launching a single instance.",
            ),
        ],
    );
}

#[test]
fn a_launch_without_a_default_vpc_needs_a_subnet() {
    check_refusals(
        &mut TestWorld::empty(),
        &[(&[], "VPCIdNotSpecified: No default VPC for this user.")],
    );
}

#[test]
fn interfaces_that_do_not_fit_are_refused() {
    let mut region = TestWorld::bootstrapped();
    let (subnet, other) = (
        subnet_in(&region, "us-east-1a"),
        subnet_in(&region, "us-east-1b"),
    );
    let combination = |text: &str| alloc::format!("InvalidParameterCombination: {text}");
    check_refusals(
        &mut region,
        &[
            (
                &[("SubnetId", &subnet), (DEVICE[0], "0")],
                &combination(
                    "Network interfaces and an instance-level subnet ID may not be specified on the same request",
                ),
            ),
            (
                &[(SUBNET[0], &subnet)],
                &combination("Each network interface requires a device index."),
            ),
            (
                &[(DEVICE[0], "1"), (SUBNET[0], &subnet)],
                &combination("You must specify"),
            ),
            (
                &[(DEVICE[0], "0"), (DEVICE[1], "0")],
                &combination("Each network interface requires a unique"),
            ),
            (
                &[
                    (DEVICE[0], "0"),
                    (SUBNET[0], &subnet),
                    (DEVICE[1], "1"),
                    (SUBNET[1], &other),
                ],
                &combination(
                    "You may not attach a network interface to an instance if they are not in the same",
                ),
            ),
            (
                &[
                    (DEVICE[0], "0"),
                    ("NetworkInterface.1.AssociatePublicIpAddress", "true"),
                    (DEVICE[1], "1"),
                ],
                &combination(
                    "The associatePublicIPAddress parameter cannot be specified when launching with multiple",
                ),
            ),
            (
                &[
                    (DEVICE[0], "0"),
                    ("NetworkInterface.1.InterfaceType", "efa"),
                ],
                "UnsupportedOperation",
            ),
        ],
    );
}

#[test]
fn the_types_limits_hold_at_launch() {
    check_refusals(
        &mut TestWorld::bootstrapped(),
        &[
            (
                &[
                    (DEVICE[0], "0"),
                    ("NetworkInterface.1.SecondaryPrivateIpAddressCount", "6"),
                ],
                "InvalidInterface.IpAddressLimitExceeded: Address count 7 on interface-0 exceeds the limit for t",
            ),
            (
                &[
                    (DEVICE[0], "0"),
                    (DEVICE[1], "1"),
                    (DEVICE[2], "2"),
                    (DEVICE[3], "3"),
                ],
                "AttachmentLimitExceeded: Interface count 4 exceeds the limit for t",
            ),
            (
                &[
                    (DEVICE[0], "0"),
                    ("NetworkInterface.1.NetworkCardIndex", "1"),
                ],
                "InvalidParameterValue: The network card index 1 is not valid",
            ),
        ],
    );
}

#[test]
fn user_data_may_have_sixteen_kibibytes() {
    use base64::Engine as _;
    let mut region = TestWorld::bootstrapped();
    let encode =
        |length| base64::engine::general_purpose::STANDARD.encode(alloc::vec![b'x'; length]);
    launched(&mut region, &[("UserData", &encode(16 * 1024))]);
    assert_eq!(
        region.refused(
            "RunInstances",
            &launch(&image(), &[("UserData", &encode(16 * 1024 + 1))])
        ),
        "InvalidParameterValue: User data is limited to 16384 bytes"
    );
}
