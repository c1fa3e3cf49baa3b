//! What holds for the requests of all operations alike.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::testing::TestWorld;

/// A call that takes one id, the parameter, the prefix, the code for what has not the form of an id (none: the other
/// code), the code for what nothing has, and how the text calls the id.
type Kind<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, &'a str, &'a str);

const KINDS: [Kind<'_>; 14] = [
    (
        "DescribeVpcs",
        "VpcId.1",
        "vpc",
        None,
        "InvalidVpcID.NotFound",
        "vpc ID",
    ),
    (
        "DeleteSubnet",
        "SubnetId",
        "subnet",
        None,
        "InvalidSubnetID.NotFound",
        "subnet ID",
    ),
    (
        "DeleteNetworkInterface",
        "NetworkInterfaceId",
        "eni",
        Some("InvalidNetworkInterfaceId.Malformed"),
        "InvalidNetworkInterfaceID.NotFound",
        "networkInterface ID",
    ),
    (
        "DetachNetworkInterface",
        "AttachmentId",
        "eni-attach",
        Some("InvalidNetworkInterfaceAttachmentId.Malformed"),
        "InvalidAttachmentID.NotFound",
        "networkInterface attachment ID",
    ),
    (
        "DescribeSecurityGroups",
        "GroupId.1",
        "sg",
        Some("InvalidGroupId.Malformed"),
        "InvalidGroup.NotFound",
        "security group",
    ),
    (
        "DescribeSecurityGroupRules",
        "SecurityGroupRuleId.1",
        "sgr",
        Some("InvalidSecurityGroupRuleId.Malformed"),
        "InvalidSecurityGroupRuleId.NotFound",
        "security group rule ID",
    ),
    (
        "ReleaseAddress",
        "AllocationId",
        "eipalloc",
        None,
        "InvalidAllocationID.NotFound",
        "allocation ID",
    ),
    (
        "DisassociateAddress",
        "AssociationId",
        "eipassoc",
        None,
        "InvalidAssociationID.NotFound",
        "association ID",
    ),
    (
        "DeleteInternetGateway",
        "InternetGatewayId",
        "igw",
        Some("InvalidInternetGatewayId.Malformed"),
        "InvalidInternetGatewayID.NotFound",
        "internetGateway ID",
    ),
    (
        "DeleteRouteTable",
        "RouteTableId",
        "rtb",
        Some("InvalidRouteTableId.Malformed"),
        "InvalidRouteTableID.NotFound",
        "routeTable ID",
    ),
    (
        "DisassociateRouteTable",
        "AssociationId",
        "rtbassoc",
        None,
        "InvalidAssociationID.NotFound",
        "association ID",
    ),
    (
        "DeleteNetworkAcl",
        "NetworkAclId",
        "acl",
        Some("InvalidNetworkAclId.Malformed"),
        "InvalidNetworkAclID.NotFound",
        "networkAcl ID",
    ),
    (
        "TerminateInstances",
        "InstanceId.1",
        "i",
        Some("InvalidInstanceID.Malformed"),
        "InvalidInstanceID.NotFound",
        "instance ID",
    ),
    (
        "DescribeInstances",
        "InstanceId.1",
        "i",
        Some("InvalidInstanceID.Malformed"),
        "InvalidInstanceID.NotFound",
        "instance ID",
    ),
];

#[test]
fn a_text_that_is_the_id_of_nothing_is_malformed_or_not_found_by_its_kind() {
    let mut region = TestWorld::bootstrapped();
    for (action, parameter, prefix, malformed, not_found, noun) in KINDS {
        let mut refused = |id: &str| region.refused(action, &[(parameter, id)]);
        let absent = |id: &str| format!("{not_found}: The {noun} '{id}' does not exist");
        for digits in [
            "0",
            "123abc",
            "12345678",
            "000000000000",
            "0123456789abcdef0",
            "0123456789abcdef01",
            "0123456789abcdef0123456789abcdef0123456789abcdef",
            "4FC866A0",
        ] {
            let id = format!("{prefix}-{digits}");
            assert_eq!(refused(&id), absent(&id));
        }
        for (id, expecting) in [
            (format!("{prefix}-foo"), String::new()),
            (format!("{prefix}-"), String::new()),
            ("foo".into(), format!(" (expecting \"{prefix}-...\")")),
            (
                "tgw-12345678".into(),
                format!(" (expecting \"{prefix}-...\")"),
            ),
        ] {
            let want = malformed.map_or_else(
                || absent(&id),
                |code| format!("{code}: Invalid id: \"{id}\"{expecting}"),
            );
            assert_eq!(refused(&id), want);
        }
    }
}

#[test]
fn an_empty_id_is_none() {
    let mut region = TestWorld::bootstrapped();
    for (action, parameter, error) in [
        (
            "DescribeSubnets",
            "SubnetId.1",
            "InvalidSubnetID.NotFound: The subnet ID '' does not exist",
        ),
        (
            "DescribeSecurityGroups",
            "GroupId.1",
            "InvalidParameterValue: Value () for parameter groupId is invalid. The value cannot be empty",
        ),
        (
            "DescribeInstances",
            "InstanceId.1",
            "InvalidParameterValue: Value () for parameter instanceId is invalid. The value cannot be empty",
        ),
        (
            "DeleteInternetGateway",
            "InternetGatewayId",
            "InvalidInternetGatewayId.Malformed: Invalid id: \"\" (expecting \"igw-...\")",
        ),
    ] {
        assert_eq!(region.refused(action, &[(parameter, "")]), error);
    }
}

/// Every call with filters whose resources can have tags.
const TAGGED: [&str; 11] = [
    "DescribeAddresses",
    "DescribeImages",
    "DescribeInstances",
    "DescribeInternetGateways",
    "DescribeNetworkAcls",
    "DescribeNetworkInterfaces",
    "DescribeRouteTables",
    "DescribeSecurityGroupRules",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcs",
];

#[test]
fn every_call_that_finds_what_has_tags_filters_by_key_value_and_both() {
    let mut region = TestWorld::bootstrapped();
    for action in TAGGED {
        for name in ["tag:Name", "tag-key", "tag-value"] {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", "web")];
            region.must(action, &filter);
        }
        // A tag can have an empty value.
        for name in ["tag:Name", "tag-value"] {
            region.must(action, &[("Filter.1.Name", name), ("Filter.1.Value.1", "")]);
        }
    }
    let vpc = region.make(
        "CreateVpc",
        &[
            ("CidrBlock", "10.0.0.0/16"),
            ("TagSpecification.1.ResourceType", "vpc"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", "web"),
        ],
        "/vpc/vpcId",
    );
    for (name, value, is_found) in [
        ("tag-value", "web", true),
        ("tag-value", "w*", true),
        ("tag-value", "Name", false),
        ("tag-key", "Name", true),
        ("tag:Name", "web", true),
        ("tag:Name", "", false),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = region.must("DescribeVpcs", &filter);
        let found = TestWorld::texts(&answer, "/vpcSet", "/vpcId");
        assert_eq!(found.contains(&vpc), is_found, "{name} {value}");
    }
    let status = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "web")];
    assert_eq!(
        region.refused("DescribeInstanceStatus", &status),
        "InvalidParameterValue: The filter 'tag:Name' is invalid"
    );
}

#[test]
fn a_filter_without_a_value_is_refused_by_its_name() {
    let mut region = TestWorld::bootstrapped();
    for (action, name) in [
        ("DescribeAddresses", "public-ip"),
        ("DescribeAvailabilityZones", "zone-name"),
        ("DescribeImages", "name"),
        ("DescribeInstances", "instance-state-name"),
        ("DescribeInternetGateways", "attachment.vpc-id"),
        ("DescribeNetworkAcls", "vpc-id"),
        ("DescribeNetworkInterfaces", "subnet-id"),
        ("DescribeRouteTables", "vpc-id"),
        ("DescribeSecurityGroupRules", "group-id"),
        ("DescribeSecurityGroups", "vpc-id"),
        ("DescribeSubnets", "vpc-id"),
        ("DescribeTags", "resource-id"),
        ("DescribeVpcs", "vpc-id"),
        ("DescribeVpcs", "tag-key"),
    ] {
        let refused = format!("InvalidParameterValue: {name}");
        let name = ("Filter.1.Name", name);
        assert_eq!(region.refused(action, &[name]), refused, "{action}");
        let empty = [name, ("Filter.1.Value.1", "")];
        assert_eq!(region.refused(action, &empty), refused, "{action}");
        let one_is_empty = [name, ("Filter.1.Value.1", "x*"), ("Filter.1.Value.2", "")];
        assert_eq!(region.refused(action, &one_is_empty), refused, "{action}");
    }
    for nameless in [
        vec![("Filter.1.Value.1", "x")],
        vec![("Filter.1.Name", ""), ("Filter.1.Value.1", "x")],
    ] {
        assert_eq!(
            region.refused("DescribeVpcs", &nameless),
            "InvalidParameterValue: The filter 'null' is invalid"
        );
    }
}

/// A call, the parameter and the prefix of its ids, and what the text calls ids and page size.
type Paged<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

#[rustfmt::skip]
const PAGED: [Paged<'_>; 9] = [
    ("DescribeInstances", "InstanceId.1", "i", "instancesSet", "maxResults"),
    ("DescribeVpcs", "VpcId.1", "vpc", "VpcIds", "MaxResults"),
    ("DescribeSubnets", "SubnetId.1", "subnet", "SubnetIds", "MaxResults"),
    ("DescribeNetworkInterfaces", "NetworkInterfaceId.1", "eni", "NetworkInterfaceIds", "MaxResults"),
    ("DescribeSecurityGroups", "GroupId.1", "sg", "GroupIds", "MaxResults"),
    ("DescribeSecurityGroupRules", "SecurityGroupRuleId.1", "sgr", "SecurityGroupRuleIds", "MaxResults"),
    ("DescribeRouteTables", "RouteTableId.1", "rtb", "RouteTableIds", "MaxResults"),
    ("DescribeNetworkAcls", "NetworkAclId.1", "acl", "NetworkAclIds", "MaxResults"),
    ("DescribeInternetGateways", "InternetGatewayId.1", "igw", "InternetGatewayIds", "MaxResults"),
];

#[test]
fn ids_and_a_page_size_exclude_each_other_in_ec2s_words() {
    let mut region = TestWorld::bootstrapped();
    for (action, parameter, prefix, ids, page) in PAGED {
        let id = format!("{prefix}-12345678");
        assert_eq!(
            region.refused(action, &[(parameter, &id), ("MaxResults", "5")]),
            format!(
                "InvalidParameterCombination: The parameter {ids} cannot be used with the parameter {page}"
            )
        );
        for (results, bound) in [("4", "greater than 5"), ("1001", "less than 1000")] {
            assert_eq!(
                region.refused(action, &[("MaxResults", results)]),
                format!(
                    "InvalidParameterValue: Value ( {results} ) for parameter maxResults is invalid. Expecting a value {bound}."
                )
            );
        }
    }
    let image = format!("{}", super::image::Image::all()[0].image_id);
    assert_eq!(
        region.refused(
            "DescribeImages",
            &[("ImageId.1", &image), ("MaxResults", "5")]
        ),
        "InvalidParameterCombination: The parameter imageIdsSet cannot be used with the parameter maxResults"
    );
}

#[test]
fn several_ids_that_nothing_has_are_named_together_where_ec2_does_so() {
    let mut region = TestWorld::bootstrapped();
    for (action, parameters, error) in [
        (
            "DescribeInstances",
            ["InstanceId.1", "InstanceId.2"].map(|name| (name, ["i-00000001", "i-00000002"])),
            "InvalidInstanceID.NotFound: The instance IDs 'i-00000001, i-00000002' do not exist",
        ),
        (
            "StopInstances",
            ["InstanceId.1", "InstanceId.2"].map(|name| (name, ["i-00000001", "i-00000002"])),
            "InvalidInstanceID.NotFound: The instance IDs 'i-00000001, i-00000002' do not exist",
        ),
        (
            "DescribeImages",
            ["ImageId.1", "ImageId.2"].map(|name| (name, ["ami-00000001", "ami-00000002"])),
            "InvalidAMIID.NotFound: The image ids '[ami-00000001, ami-00000002]' do not exist",
        ),
        (
            "DescribeVpcs",
            ["VpcId.1", "VpcId.2"].map(|name| (name, ["vpc-00000001", "vpc-00000002"])),
            "InvalidVpcID.NotFound: The vpc ID 'vpc-00000001' does not exist",
        ),
    ] {
        let parameters: Vec<_> = parameters
            .iter()
            .enumerate()
            .map(|(place, (name, ids))| (*name, ids[place]))
            .collect();
        assert_eq!(region.refused(action, &parameters), error);
    }
}

/// Terraform's provider sends some parameters without a value; so do scripts whose variable is not set.
#[test]
fn an_optional_parameter_with_an_empty_value_is_not_given() {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let block = |block| [("VpcId", vpc.as_str()), ("CidrBlock", block)];
    let subnet = region.make(
        "CreateSubnet",
        &[
            block("10.0.1.0/24").as_slice(),
            &[
                ("AvailabilityZone", ""),
                ("AvailabilityZoneId", ""),
                ("Ipv6CidrBlock", ""),
                ("OutpostArn", ""),
            ],
        ]
        .concat(),
        "/subnet/subnetId",
    );
    for (token, number) in [("", 1), ("", 2)] {
        region.must(
            "CreateNetworkInterface",
            &[
                ("SubnetId", subnet.as_str()),
                ("PrivateIpAddress", ""),
                ("SecondaryPrivateIpAddressCount", ""),
                ("InterfaceType", ""),
                ("Description", ""),
                ("ClientToken", token),
            ],
        );
        let found = region.must(
            "DescribeNetworkInterfaces",
            &[("MaxResults", ""), ("NextToken", "")],
        );
        let ids = TestWorld::texts(&found, "/networkInterfaceSet", "/networkInterfaceId");
        assert_eq!(ids.len(), number, "an empty token is none");
    }
    region.must(
        "AllocateAddress",
        &[("Domain", ""), ("Address", ""), ("NetworkBorderGroup", "")],
    );
    assert_eq!(
        region.refused("CreateVpc", &[("CidrBlock", "")]),
        "MissingParameter: Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided."
    );
    for (name, description) in [("", "d"), ("n", "")] {
        let missing = if name.is_empty() {
            "GroupName"
        } else {
            "GroupDescription"
        };
        assert_eq!(
            region.refused(
                "CreateSecurityGroup",
                &[("GroupName", name), ("GroupDescription", description)]
            ),
            format!("MissingParameter: The request must contain the parameter {missing}")
        );
    }
}

/// A call that makes what has tags, its kind, and parameters that would do: values that begin with `$` stand for ids.
type Creating<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[rustfmt::skip]
const CREATING: [Creating<'_>; 10] = [
    ("CreateVpc", "vpc", &[("CidrBlock", "10.1.0.0/16")]),
    ("CreateSubnet", "subnet", &[("VpcId", "$vpc"), ("CidrBlock", "10.0.2.0/24")]),
    ("CreateInternetGateway", "internet-gateway", &[]),
    ("CreateRouteTable", "route-table", &[("VpcId", "$vpc")]),
    ("CreateNetworkAcl", "network-acl", &[("VpcId", "$vpc")]),
    ("CreateNetworkInterface", "network-interface", &[("SubnetId", "$subnet")]),
    ("AllocateAddress", "elastic-ip", &[]),
    ("CreateSecurityGroup", "security-group", &[("VpcId", "$vpc"), ("GroupName", "n"), ("GroupDescription", "d")]),
    ("AuthorizeSecurityGroupIngress", "security-group-rule",
     &[("GroupId", "$group"), ("IpProtocol", "-1"), ("CidrIp", "0.0.0.0/0")]),
    ("RunInstances", "instance",
     &[("ImageId", "$image"), ("MinCount", "1"), ("MaxCount", "1"), ("SubnetId", "$subnet")]),
];

const RESOURCE_TYPE: &str = "TagSpecification.1.ResourceType";
const KEY: &str = "TagSpecification.1.Tag.1.Key";

/// Specifications that are refused, in which `$kind` stands for the kind that the call makes.
#[rustfmt::skip]
const NO_SPECIFICATION: [(&[(&str, &str)], &str); 4] = [
    (&[(KEY, "Name")], "InvalidParameter: Tag specification resource type must have a value"),
    (&[(RESOURCE_TYPE, ""), (KEY, "Name")], "InvalidParameter: Tag specification resource type must have a value"),
    (&[(RESOURCE_TYPE, "$kind")], "InvalidParameter: Tag specification must have at least one tag"),
    (&[(RESOURCE_TYPE, "$kind"), (KEY, "Name"), ("TagSpecification.1.Tag.2.Key", "Name")],
     "InvalidParameterValue: Duplicate tag key 'Name' specified."),
];

#[test]
fn a_tag_specification_says_what_to_tag_and_with_what() {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let block = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.1.0/24")];
    let subnet = region.make("CreateSubnet", &block, "/subnet/subnetId");
    let group = [
        ("GroupName", "g"),
        ("GroupDescription", "d"),
        ("VpcId", &vpc),
    ];
    let group = region.make("CreateSecurityGroup", &group, "/groupId");
    let image = format!("{}", super::image::Image::all()[0].image_id);
    for (action, kind, parameters) in CREATING {
        let named = |(name, value): &(&'static str, &'static str)| {
            let value = match *value {
                "$vpc" => vpc.clone(),
                "$subnet" => subnet.clone(),
                "$group" => group.clone(),
                "$image" => image.clone(),
                "$kind" => kind.into(),
                literal => literal.into(),
            };
            (*name, value)
        };
        let own: Vec<(&str, String)> = parameters.iter().map(named).collect();
        let mut with = |specification: &[(&'static str, &'static str)]| {
            let all: Vec<_> = own
                .iter()
                .cloned()
                .chain(specification.iter().map(named))
                .collect();
            let all: Vec<_> = all
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            region
                .call(action, &all)
                .map_err(|error| format!("{error}"))
        };
        for (specification, error) in NO_SPECIFICATION {
            assert_eq!(with(specification).unwrap_err(), error, "{action}");
        }
        with(&[(RESOURCE_TYPE, "$kind"), (KEY, "Name")]).unwrap();
    }
}
