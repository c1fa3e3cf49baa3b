use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::testing::{TestWorld, check_invariants};

fn region_with_vpc() -> (TestWorld, String) {
    let mut region = TestWorld::bootstrapped();
    let id = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    (region, id)
}

#[test]
fn a_subnet_uses_its_vpcs_main_route_table_and_default_network_acl() {
    let (mut region, vpc) = region_with_vpc();
    let before: Vec<_> = region.world.resources().collect();
    let id = region.make(
        "CreateSubnet",
        &[
            ("VpcId", &vpc),
            ("CidrBlock", "10.0.1.7/24"),
            ("AvailabilityZoneId", "use1-az2"),
        ],
        "/subnet/subnetId",
    );
    check_invariants(&region.world);
    let subnet = region.world.subnets.get(id.parse().unwrap()).unwrap();
    assert_eq!(
        (
            subnet.cidr_block.unwrap().to_string().as_str(),
            subnet.availability_zone.as_str()
        ),
        ("10.0.1.0/24", "us-east-1b")
    );
    assert_eq!(region.world.available_ip_address_count(subnet), 251);
    assert!(region.world.route_table_of(subnet).unwrap().is_main());
    assert!(
        region
            .world
            .network_acl_of(subnet.subnet_id)
            .unwrap()
            .is_default
    );
    region.must("DeleteSubnet", &[("SubnetId", &id)]);
    assert_eq!(region.world.resources().collect::<Vec<_>>(), before);
}

#[test]
fn what_create_subnet_refuses() {
    let (mut region, vpc) = region_with_vpc();
    let vpc = ("VpcId", vpc.as_str());
    let block = ("CidrBlock", "10.0.0.0/24");
    region.must("CreateSubnet", &[vpc, block]);
    for (parameters, error) in [
        (
            &[vpc][..],
            "MissingParameter: Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.",
        ),
        (
            &[block],
            "MissingParameter: The request must contain the parameter VpcId",
        ),
        (
            &[("VpcId", "vpc-12345678"), block],
            "InvalidVpcID.NotFound: The vpc ID 'vpc-12345678' does not exist",
        ),
        (
            &[vpc, ("CidrBlock", "10.1.0.0/24")],
            "InvalidSubnet.Range: The CIDR '10.1.0.0/24' is invalid.",
        ),
        (
            &[vpc, ("CidrBlock", "10.0.9.0/29")],
            "InvalidSubnet.Range: The CIDR '10.0.9.0/29' is invalid.",
        ),
        (
            &[vpc, ("CidrBlock", "10.0.0.128/25")],
            "InvalidSubnet.Conflict: The CIDR '10.0.0.128/25' conflicts with another subnet",
        ),
        (
            &[
                vpc,
                ("CidrBlock", "10.0.9.0/24"),
                ("AvailabilityZone", "us-east-1z"),
            ],
            "InvalidParameterValue: Value (us-east-1z) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: us-east-1a, us-east-1b, us-east-1c.",
        ),
        (
            &[
                vpc,
                ("CidrBlock", "10.0.9.0/24"),
                ("AvailabilityZone", "us-east-1a"),
                ("AvailabilityZoneId", "use1-az1"),
            ],
            "InvalidParameterCombination: The parameters availabilityZone and availabilityZoneId cannot be used together.",
        ),
        (
            &[
                vpc,
                ("CidrBlock", "10.0.9.0/24"),
                ("Ipv6CidrBlock", "fd00::/64"),
            ],
            "InvalidSubnet.Range: The CIDR 'fd00::/64' is invalid.",
        ),
        (
            &[
                vpc,
                block,
                ("OutpostArn", "arn:aws:outposts:::outpost/op-1"),
            ],
            "UnsupportedOperation: AWS Outposts is not supported in this region.",
        ),
    ] {
        assert_eq!(region.refused("CreateSubnet", parameters), error);
    }
}

#[test]
fn a_vpc_holds_as_many_subnets_as_its_quota_says() {
    let (mut region, vpc) = region_with_vpc();
    for number in 0..=eni_types::quota::SUBNETS_PER_VPC {
        let block = format!("10.0.{number}.0/24");
        let made = region.call("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", &block)]);
        if number < eni_types::quota::SUBNETS_PER_VPC {
            assert!(made.is_ok(), "{block}");
        } else {
            assert_eq!(
                made.unwrap_err().to_string(),
                "SubnetLimitExceeded: The maximum number of subnets has been reached."
            );
        }
    }
}

#[test]
fn a_lost_default_subnet_is_made_anew_in_the_first_free_block() {
    let mut region = TestWorld::bootstrapped();
    let zone = ("AvailabilityZone", "us-east-1b");
    let vpc_id = region.world.default_vpc().unwrap().vpc_id;
    let existing = region
        .world
        .subnets
        .by(&vpc_id)
        .find(|subnet| subnet.availability_zone == zone.1)
        .unwrap()
        .subnet_id
        .to_string();
    assert_eq!(
        region.refused("CreateDefaultSubnet", &[zone]),
        format!(
            "DefaultSubnetAlreadyExistsInAvailabilityZone: '{existing}' is already the default subnet in us-east-1b."
        )
    );
    region.must("DeleteSubnet", &[("SubnetId", &existing)]);
    let block = region.make("CreateDefaultSubnet", &[zone], "/subnet/cidrBlock");
    assert_eq!(block, "172.31.16.0/20");
    check_invariants(&region.world);
    assert_eq!(
        region.refused("CreateDefaultSubnet", &[]),
        "MissingParameter: The request must contain the parameter availabilityZone"
    );
    assert_eq!(
        TestWorld::empty().refused("CreateDefaultSubnet", &[zone]),
        "DefaultVpcDoesNotExist: No default VPC exists for this account in this region."
    );
}

#[test]
fn subnets_are_found_by_every_filter() {
    let (mut region, vpc) = region_with_vpc();
    let id = region.make(
        "CreateSubnet",
        &[
            ("VpcId", &vpc),
            ("CidrBlock", "10.0.1.0/24"),
            ("AvailabilityZone", "us-east-1c"),
        ],
        "/subnet/subnetId",
    );
    for (filter, value, is_found) in [
        ("availability-zone", "us-east-1c", true),
        ("availabilityZone", "us-east-1a", false),
        ("availability-zone-id", "use1-az3", true),
        ("available-ip-address-count", "251", true),
        ("cidr", "10.0.1.0/24", true),
        ("cidr-block", "172.*", false),
        ("default-for-az", "false", true),
        ("ipv6-native", "false", true),
        ("map-public-ip-on-launch", "true", false),
        ("outpost-arn", "*", false),
        ("owner-id", "123456789012", true),
        (
            "private-dns-name-options-on-launch.hostname-type",
            "ip-name",
            true,
        ),
        ("state", "available", true),
        (
            "subnet-arn",
            "arn:aws:ec2:us-east-1:123456789012:subnet/*",
            true,
        ),
        ("subnet-id", &id, true),
        ("vpc-id", &vpc, true),
        ("vpc-id", "vpc-12345678", false),
    ] {
        let answer = region.must(
            "DescribeSubnets",
            &[("Filter.1.Name", filter), ("Filter.1.Value.1", value)],
        );
        let found = TestWorld::texts(&answer, "/subnetSet", "/subnetId");
        assert_eq!(found.contains(&id), is_found, "{filter}={value}");
    }
}

#[test]
fn pages_give_every_subnet_once() {
    let (mut region, vpc) = region_with_vpc();
    for number in 0..12 {
        let block = format!("10.0.{number}.0/24");
        region.must("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", &block)]);
    }
    let filter = [
        ("Filter.1.Name", "vpc-id"),
        ("Filter.1.Value.1", vpc.as_str()),
    ];
    let all = region.must("DescribeSubnets", &filter);
    let mut paged = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut parameters = filter.to_vec();
        parameters.push(("MaxResults", "5"));
        if let Some(token) = &token {
            parameters.push(("NextToken", token));
        }
        let answer = region.must("DescribeSubnets", &parameters);
        paged.extend(TestWorld::texts(&answer, "/subnetSet", "/subnetId"));
        token = answer
            .pointer("/nextToken")
            .and_then(|token| token.as_str())
            .map(String::from);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(paged, TestWorld::texts(&all, "/subnetSet", "/subnetId"));
    for (parameters, error) in [
        (
            [("NextToken", "zz"), ("MaxResults", "5")],
            "InvalidNextToken: The token provided is invalid.",
        ),
        (
            [("MaxResults", "4"), ("NextToken", "")],
            "InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
        ),
        (
            [("MaxResults", "5"), ("SubnetId.1", "subnet-12345678")],
            "InvalidParameterCombination: The parameter SubnetIds cannot be used with the parameter MaxResults",
        ),
    ] {
        assert_eq!(region.refused("DescribeSubnets", &parameters), error);
    }
}

#[test]
fn a_subnet_attribute_is_changed_or_refused() {
    let (mut region, vpc) = region_with_vpc();
    let id = region.make(
        "CreateSubnet",
        &[("VpcId", &vpc), ("CidrBlock", "10.0.1.0/24")],
        "/subnet/subnetId",
    );
    let subnet = ("SubnetId", id.as_str());
    region.must(
        "ModifySubnetAttribute",
        &[subnet, ("MapPublicIpOnLaunch.Value", "true")],
    );
    let row = region.world.subnets.get(id.parse().unwrap()).unwrap();
    assert!(row.map_public_ip_on_launch);
    // Clients send these with the values that every subnet has.
    for same in [
        ("AssignIpv6AddressOnCreation.Value", "false"),
        ("EnableDns64.Value", "false"),
        ("PrivateDnsHostnameTypeOnLaunch", "ip-name"),
        ("EnableResourceNameDnsARecordOnLaunch.Value", "false"),
        ("EnableResourceNameDnsAAAARecordOnLaunch.Value", "false"),
        ("MapCustomerOwnedIpOnLaunch.Value", "false"),
        ("DisableLniAtDeviceIndex.Value", "true"),
    ] {
        region.must("ModifySubnetAttribute", &[subnet, same]);
    }
    for (asked, what) in [
        (("EnableDns64.Value", "true"), "DNS64"),
        (("EnableLniAtDeviceIndex", "1"), "AWS Outposts"),
    ] {
        assert_eq!(
            region.refused("ModifySubnetAttribute", &[subnet, asked]),
            format!("UnsupportedOperation: {what} is not supported in this region.")
        );
    }
    assert_eq!(
        region.refused("ModifySubnetAttribute", &[subnet]),
        "InvalidParameterCombination: No attributes specified."
    );
    assert_eq!(
        region.refused(
            "ModifySubnetAttribute",
            &[
                ("SubnetId", "subnet-12345678"),
                ("MapPublicIpOnLaunch.Value", "true")
            ]
        ),
        "InvalidSubnetID.NotFound: The subnet ID 'subnet-12345678' does not exist"
    );
}

#[test]
fn a_default_vpc_without_a_free_block_gets_no_default_subnet() {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.world.default_vpc().unwrap().clone();
    let lost = region.world.subnets.iter().next().unwrap().subnet_id;
    let zone = region
        .world
        .subnets
        .get(lost)
        .unwrap()
        .availability_zone
        .clone();
    region.must("DeleteSubnet", &[("SubnetId", &lost.to_string())]);
    let id = vpc.vpc_id.to_string();
    for block in crate::operations::vpc::default_blocks(vpc.cidr_block) {
        // Blocks of the other default subnets are taken already.
        let block = block.to_string();
        let _ = region.call("CreateSubnet", &[("VpcId", &id), ("CidrBlock", &block)]);
    }
    assert_eq!(
        region.refused("CreateDefaultSubnet", &[("AvailabilityZone", &zone)]),
        "InsufficientCidrBlocks: The default VPC has no free block of the size of a default subnet."
    );
}
