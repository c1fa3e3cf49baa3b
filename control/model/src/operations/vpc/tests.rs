use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::json;

use crate::testing::{TestWorld, check_invariants};

#[test]
fn a_vpc_comes_with_its_own_parts_and_takes_them_away_with_it() {
    let mut region = TestWorld::bootstrapped();
    let before: Vec<_> = region.world.resources().collect();
    let id = region.make("CreateVpc", &[("CidrBlock", "10.1.2.3/16")], "/vpc/vpcId");
    check_invariants(&region.world);
    let key: eni_types::VpcId = id.parse().unwrap();
    let group = region
        .world
        .default_security_group(id.parse().unwrap())
        .unwrap();
    let rules = region.world.security_group_rules.count(&group.group_id);
    assert_eq!((region.world.route_tables.count(&key), rules), (1, 2));
    region.must("DeleteVpc", &[("VpcId", &id)]);
    assert_eq!(region.world.resources().collect::<Vec<_>>(), before);
}

/// The answer that makes a VPC says what blocks of IPv6 it has, later ones what is blocked.
#[test]
fn a_vpc_is_answered_otherwise_when_it_is_made_than_when_it_is_found() {
    let mut region = TestWorld::bootstrapped();
    let answer = region.must("CreateVpc", &[("CidrBlock", "10.0.0.0/16")]);
    let made = &answer["vpc"];
    assert_eq!(made["ipv6CidrBlockAssociationSet"], json!({"item": []}));
    assert!(made.get("blockPublicAccessStates").is_none());
    let id = made["vpcId"].as_str().unwrap();
    for name in ["cidr", "cidr-block", "cidrBlock"] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", "10.0.0.0/16")];
        let found = region.must("DescribeVpcs", &filter)["vpcSet"]["item"][0].clone();
        assert_eq!(found["vpcId"], id);
        assert!(found.get("ipv6CidrBlockAssociationSet").is_none());
        assert_eq!(
            found["blockPublicAccessStates"],
            json!({"internetGatewayBlockMode": "off"})
        );
    }
}

#[test]
fn what_create_vpc_refuses() {
    let mut region = TestWorld::bootstrapped();
    for (parameters, error) in [
        (
            &[][..],
            "MissingParameter: Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.",
        ),
        (
            &[("CidrBlock", "10.0.0.0/15")],
            "InvalidVpc.Range: The CIDR '10.0.0.0/15' is invalid.",
        ),
        (
            &[("CidrBlock", "10.0.0.0/29")],
            "InvalidVpc.Range: The CIDR '10.0.0.0/29' is invalid.",
        ),
        (
            &[("CidrBlock", "169.254.0.0/20")],
            "InvalidVpc.Range: The CIDR '169.254.0.0/20' is invalid.",
        ),
        (
            &[("CidrBlock", "10.0.0.0")],
            "InvalidParameterValue: Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        ),
        (
            &[
                ("CidrBlock", "10.0.0.0/16"),
                ("Ipv6Pool", "ipv6pool-ec2-1"),
                ("Ipv6CidrBlock", "2001:db8::/56"),
            ],
            "UnsupportedOperation: Bringing your own IPv6 addresses is not supported in this region.",
        ),
        (
            &[
                ("Ipv4IpamPoolId", "ipam-pool-1"),
                ("Ipv4NetmaskLength", "16"),
            ],
            "UnsupportedOperation: IPAM is not supported in this region.",
        ),
        (
            &[
                ("CidrBlock", "10.0.0.0/16"),
                ("VpcEncryptionControl.Mode", "monitor"),
            ],
            "UnsupportedOperation: VPC encryption control is not supported in this region.",
        ),
        (
            &[("CidrBlock", "10.0.0.0/16"), ("InstanceTenancy", "host")],
            "InvalidParameterValue: Value (host) for parameter instanceTenancy is invalid. Expected 'default' or 'dedicated'.",
        ),
        (
            &[
                ("CidrBlock", "10.0.0.0/16"),
                ("TagSpecification.1.ResourceType", "subnet"),
                ("TagSpecification.1.Tag.1.Key", "a"),
            ],
            "InvalidParameterValue: 'subnet' is not a valid taggable resource type for this operation.",
        ),
    ] {
        assert_eq!(region.refused("CreateVpc", parameters), error);
    }
}

#[test]
fn a_region_holds_as_many_vpcs_as_its_quota_says() {
    let mut region = TestWorld::bootstrapped();
    let block = [("CidrBlock", "10.0.0.0/16")];
    for _ in 1..eni_types::quota::VPCS_PER_REGION {
        region.must("CreateVpc", &block);
    }
    assert_eq!(
        region.refused("CreateVpc", &block),
        "VpcLimitExceeded: The maximum number of VPCs has been reached."
    );
}

#[test]
fn a_vpc_that_something_lies_in_cannot_be_deleted() {
    let mut region = TestWorld::bootstrapped();
    let id = region.world.default_vpc().unwrap().vpc_id.to_string();
    assert_eq!(
        region.refused("DeleteVpc", &[("VpcId", &id)]),
        format!("DependencyViolation: The vpc '{id}' has dependencies and cannot be deleted.")
    );
    assert_eq!(
        region.refused("DeleteVpc", &[("VpcId", "vpc-12345678")]),
        "InvalidVpcID.NotFound: The vpc ID 'vpc-12345678' does not exist"
    );
    assert_eq!(
        region.refused("DeleteVpc", &[("VpcId", "subnet-1")]),
        "InvalidVpcID.NotFound: The vpc ID 'subnet-1' does not exist"
    );
}

#[test]
fn a_second_default_vpc_is_refused_and_a_lost_one_is_made_anew() {
    let mut region = TestWorld::bootstrapped();
    assert_eq!(
        region.refused("CreateDefaultVpc", &[]),
        "DefaultVpcAlreadyExists: A Default VPC already exists for this account in this region."
    );
    let mut region = TestWorld::empty();
    let id = region.make("CreateDefaultVpc", &[], "/vpc/vpcId");
    assert_eq!(region.world.default_vpc().unwrap().vpc_id.to_string(), id);
    check_invariants(&region.world);
}

#[test]
fn vpcs_are_found_by_id_and_by_every_filter() {
    let mut region = TestWorld::bootstrapped();
    let id = region.make(
        "CreateVpc",
        &[
            ("CidrBlock", "10.0.0.0/16"),
            ("TagSpecification.1.ResourceType", "vpc"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", "blue"),
        ],
        "/vpc/vpcId",
    );
    for (filter, value, is_found) in [
        ("cidr", "10.0.0.0/16", true),
        ("cidr", "10.0.*", true),
        ("cidr-block-association.cidr-block", "10.0.0.0/16", true),
        ("cidr-block-association.state", "associated", true),
        ("dhcp-options-id", "dopt-*", true),
        ("is-default", "false", true),
        ("isDefault", "true", false),
        ("ipv6-cidr-block-association.state", "*", false),
        ("owner-id", "123456789012", true),
        ("owner-id", "210987654321", false),
        ("state", "available", true),
        ("tag:Name", "blue", true),
        ("tag:Name", "red", false),
        ("tag-key", "Name", true),
        ("vpc-id", &id, true),
    ] {
        let answer = region.must(
            "DescribeVpcs",
            &[("Filter.1.Name", filter), ("Filter.1.Value.1", value)],
        );
        let found = TestWorld::texts(&answer, "/vpcSet", "/vpcId");
        assert_eq!(found.contains(&id), is_found, "{filter}={value}");
    }
    let answer = region.must("DescribeVpcs", &[("VpcId.1", &id)]);
    assert_eq!(TestWorld::texts(&answer, "/vpcSet", "/vpcId"), [id]);
    assert_eq!(
        region.refused("DescribeVpcs", &[("VpcId.1", "vpc-12345678")]),
        "InvalidVpcID.NotFound: The vpc ID 'vpc-12345678' does not exist"
    );
    assert_eq!(
        region.refused(
            "DescribeVpcs",
            &[("Filter.1.Name", "color"), ("Filter.1.Value.1", "x")]
        ),
        "InvalidParameterValue: The filter 'color' is invalid"
    );
}

#[test]
fn one_attribute_is_changed_and_read_at_a_time() {
    let mut region = TestWorld::bootstrapped();
    let id = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let vpc = ("VpcId", id.as_str());
    for (attribute, parameter, was) in [
        ("enableDnsSupport", "EnableDnsSupport.Value", true),
        ("enableDnsHostnames", "EnableDnsHostnames.Value", false),
        (
            "enableNetworkAddressUsageMetrics",
            "EnableNetworkAddressUsageMetrics.Value",
            false,
        ),
    ] {
        let pointer = format!("/{attribute}/value");
        let answer = region.must("DescribeVpcAttribute", &[vpc, ("Attribute", attribute)]);
        assert_eq!(answer.pointer(&pointer), Some(&was.into()), "{answer}");
        region.must("ModifyVpcAttribute", &[vpc, (parameter, "true")]);
        let answer = region.must("DescribeVpcAttribute", &[vpc, ("Attribute", attribute)]);
        assert_eq!(answer.pointer(&pointer), Some(&true.into()), "{answer}");
    }
    region.must(
        "ModifyVpcAttribute",
        &[vpc, ("EnableDnsSupport.Value", "false")],
    );
    for (parameters, error) in [
        (
            &[vpc][..],
            "InvalidParameterCombination: No attributes specified.",
        ),
        (
            &[
                vpc,
                ("EnableDnsSupport.Value", "true"),
                ("EnableDnsHostnames.Value", "true"),
            ],
            "InvalidParameterCombination: Fields for multiple attribute types specified: enableDnsSupport, enableDnsHostnames",
        ),
        (
            &[vpc, ("EnableDnsHostnames.Value", "true")],
            "InvalidParameterValue: You can only enable DNS hostnames if you've enabled DNS support.",
        ),
    ] {
        assert_eq!(region.refused("ModifyVpcAttribute", parameters), error);
    }
    assert_eq!(
        region.refused("DescribeVpcAttribute", &[vpc, ("Attribute", "color")]),
        "InvalidParameterValue: Value (color) for parameter attribute is invalid. Unknown attribute."
    );
}

#[test]
fn classic_link_is_refused_as_ec2_refuses_it_since_its_retirement() {
    let mut region = TestWorld::bootstrapped();
    let id = region.world.default_vpc().unwrap().vpc_id.to_string();
    let refusal =
        "UnsupportedOperation: The functionality you requested is not available in this region.";
    for (action, parameter) in [
        ("DescribeVpcClassicLink", "VpcId.1"),
        ("DescribeVpcClassicLinkDnsSupport", "VpcIds.1"),
        ("EnableVpcClassicLink", "VpcId"),
        ("DisableVpcClassicLink", "VpcId"),
        ("EnableVpcClassicLinkDnsSupport", "VpcId"),
        ("DisableVpcClassicLinkDnsSupport", "VpcId"),
    ] {
        assert_eq!(region.refused(action, &[(parameter, &id)]), refusal);
    }
}
