"""VPCs and subnets through boto3."""

import pytest

from region import refused


@pytest.fixture(name="vpc")
def fresh_vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def test_a_region_starts_with_a_default_vpc(ec2):
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert [vpc["CidrBlock"] for vpc in vpcs] == ["172.31.0.0/16"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpcs[0]["VpcId"]]}])["Subnets"]
    assert all(subnet["DefaultForAz"] and subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert len(subnets) == len(zones)
    with refused("DefaultVpcAlreadyExists"):
        ec2.create_default_vpc()
    with refused("DefaultSubnetAlreadyExistsInAvailabilityZone"):
        ec2.create_default_subnet(AvailabilityZone=zones[0]["ZoneName"])


def test_vpcs_are_created_described_and_deleted(ec2):
    tags = [{"Key": "Name", "Value": "first"}]
    made = ec2.create_vpc(
        CidrBlock="100.68.0.18/18", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
    )["Vpc"]
    # EC2 canonicalises blocks.
    assert made["CidrBlock"] == "100.68.0.0/18"
    assert made["Tags"] == tags
    assert made["IsDefault"] is False
    vpc_id = made["VpcId"]
    assert ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["State"] == "available"
    ec2.delete_vpc(VpcId=vpc_id)
    with refused("InvalidVpcID.NotFound"):
        ec2.describe_vpcs(VpcIds=[vpc_id])
    with refused("InvalidVpcID.NotFound"):
        ec2.delete_vpc(VpcId=vpc_id)


@pytest.mark.parametrize("cidr", ["10.0.0.0/15", "10.0.0.0/29"])
def test_vpc_blocks_are_between_16_and_28(ec2, cidr):
    with refused("InvalidVpc.Range"):
        ec2.create_vpc(CidrBlock=cidr)


def test_malformed_input_has_ec2s_codes(ec2):
    with refused("InvalidParameterValue"):
        ec2.create_vpc(CidrBlock="10.0.0.0/33")
    with refused("MissingParameter"):
        ec2.create_subnet(CidrBlock="10.0.0.0/24")
    with refused("InvalidParameterValue", "Value (10.0.0.0) for parameter cidrBlock is invalid."):
        ec2.create_vpc(CidrBlock="10.0.0.0")
    with refused("InvalidVpcID.NotFound", "The vpc ID 'vpc-foo' does not exist"):
        ec2.delete_vpc(VpcId="vpc-foo")
    with refused("InvalidSubnetID.NotFound"):
        ec2.delete_subnet(SubnetId="sub-0123456789abcdef0")
    with refused("InvalidParameterValue"):
        ec2.describe_vpcs(Filters=[{"Name": "no-such-filter", "Values": ["x"]}])
    with refused("InvalidParameterValue", "vpc-id"):
        ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [""]}])
    with refused("InvalidParameterCombination", "VpcIds cannot be used with the parameter MaxResults"):
        ec2.describe_vpcs(VpcIds=["vpc-0123456789abcdef0"], MaxResults=5)
    with refused("InvalidNextToken"):
        ec2.describe_vpcs(NextToken="bm90LW9uZQ")


def test_a_tag_specification_without_a_tag_makes_nothing(ec2, vpc):
    before = ec2.describe_subnets()["Subnets"]
    subnet = {"VpcId": vpc, "CidrBlock": "10.0.77.0/24"}
    with refused("InvalidParameter", "Tag specification must have at least one tag"):
        ec2.create_subnet(**subnet, TagSpecifications=[{"ResourceType": "subnet", "Tags": []}])
    with refused("InvalidParameter", "Tag specification resource type must have a value"):
        ec2.create_subnet(**subnet, TagSpecifications=[{"Tags": [{"Key": "a", "Value": "b"}]}])
    assert ec2.describe_subnets()["Subnets"] == before


def test_a_vpc_is_found_by_its_block_and_by_the_values_of_its_tags(ec2):
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Owner", "Value": "a-certain-value"}]}]
    vpc = ec2.create_vpc(CidrBlock="10.66.0.0/16", TagSpecifications=tags)["Vpc"]
    assert vpc["Ipv6CidrBlockAssociationSet"] == []
    for name, value in [("cidr-block", "10.66.0.0/16"), ("tag-value", "a-certain-*")]:
        (found,) = ec2.describe_vpcs(Filters=[{"Name": name, "Values": [value]}])["Vpcs"]
        assert found["VpcId"] == vpc["VpcId"]
    ec2.delete_vpc(VpcId=vpc["VpcId"])


def test_dry_run_changes_nothing(ec2, vpc):
    with refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set"):
        ec2.delete_vpc(VpcId=vpc, DryRun=True)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    with refused("DryRunOperation"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", DryRun=True)
    assert ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"] == []


def test_vpc_attributes(ec2, vpc):
    hostnames = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert hostnames["EnableDnsHostnames"] == {"Value": False}
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    hostnames = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert hostnames["EnableDnsHostnames"] == {"Value": True}
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"]
    with refused("InvalidParameterValue"):
        ec2.describe_vpc_attribute(VpcId=vpc, Attribute="colour")


def test_subnets_are_created_described_and_deleted(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1b")["Subnet"]
    # Four addresses at the start and the last one are EC2's.
    assert subnet["AvailableIpAddressCount"] == 251
    assert subnet["AvailabilityZone"] == "us-east-1b"
    assert subnet["State"] == "available"
    with refused("InvalidSubnet.Conflict"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.128/25")
    with refused("InvalidSubnet.Range"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")
    with refused("InvalidVpcID.NotFound"):
        ec2.create_subnet(VpcId="vpc-0123456789abcdef0", CidrBlock="10.0.2.0/24")
    with refused("InvalidParameterValue"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.2.0/24", AvailabilityZone="mars-north-1a")
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": True})
    found = ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])["Subnets"][0]
    assert found["MapPublicIpOnLaunch"] is True
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    with refused("InvalidSubnetID.NotFound"):
        ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])
    ec2.delete_vpc(VpcId=vpc)


def test_describe_pages_and_filters(ec2, vpc):
    wanted = {
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24")["Subnet"]["SubnetId"]
        for index in range(12)
    }
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    pages = list(
        ec2.get_paginator("describe_subnets").paginate(Filters=of_vpc, PaginationConfig={"PageSize": 5})
    )
    assert [len(page["Subnets"]) for page in pages] == [5, 5, 2]
    assert {subnet["SubnetId"] for page in pages for subnet in page["Subnets"]} == wanted
    # Filters narrow each other; values of one widen it; * and ? are wildcards.
    some = ec2.describe_subnets(Filters=[*of_vpc, {"Name": "cidr-block", "Values": ["10.0.1?.0/24", "10.0.2.*"]}])
    assert {subnet["CidrBlock"] for subnet in some["Subnets"]} == {"10.0.10.0/24", "10.0.11.0/24", "10.0.2.0/24"}
    with refused("InvalidParameterValue"):
        ec2.describe_subnets(MaxResults=4)


def test_tags_are_created_described_filtered_and_deleted(ec2, vpc):
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "red"}, {"Key": "stage", "Value": "test"}])
    found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc]}])["Tags"]
    assert {(tag["Key"], tag["Value"], tag["ResourceType"]) for tag in found} == {
        ("team", "red", "vpc"),
        ("stage", "test", "vpc"),
    }
    filters = [{"Name": "tag:team", "Values": ["r*"]}, {"Name": "tag-key", "Values": ["stage"]}]
    assert [found["VpcId"] for found in ec2.describe_vpcs(Filters=filters)["Vpcs"]] == [vpc]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "blue"}])
    # A tag given with another value stays.
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "red"}, {"Key": "stage"}])
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"] == [{"Key": "team", "Value": "blue"}]
    with refused("InvalidVpcID.NotFound"):
        ec2.create_tags(Resources=["vpc-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "b"}])
    with refused("InvalidParameterValue"):
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "aws:reserved", "Value": "b"}])
