"""IPv6, further blocks and delegated prefixes through boto3 and the AWS CLI."""

import ipaddress

import pytest

from region import refused


def block_of(ec2, vpc_id):
    """The VPC's IPv6 block."""
    [vpc] = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"]
    [association] = vpc["Ipv6CidrBlockAssociationSet"]
    assert association["Ipv6CidrBlockState"]["State"] == "associated"
    return ipaddress.ip_network(association["Ipv6CidrBlock"])


def subnets_of(block):
    return [str(part) for part in block.subnets(new_prefix=64)]


@pytest.fixture(name="vpc")
def vpc_of_both_families(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]


@pytest.fixture(name="subnet")
def subnet_of_both_families(ec2, vpc):
    block = subnets_of(block_of(ec2, vpc))[1]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", Ipv6CidrBlock=block)["Subnet"]
    assert made["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] == block
    return made["SubnetId"]


def test_blocks_are_associated_and_disassociated(ec2, shared_region):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"]
    assert made["CidrBlockState"]["State"] == "associating"
    with refused("InvalidVpc.Range"):
        ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="192.168.0.0/16")
    answer = shared_region.aws("ec2", "associate-vpc-cidr-block", "--vpc-id", vpc, "--amazon-provided-ipv6-cidr-block")
    ipv6 = answer["Ipv6CidrBlockAssociation"]
    block = block_of(ec2, vpc)
    assert ipv6["Ipv6CidrBlock"] == str(block) and block.prefixlen == 56
    [found] = ec2.describe_vpcs(
        Filters=[{"Name": "ipv6-cidr-block-association.ipv6-cidr-block", "Values": [str(block)]}]
    )["Vpcs"]
    assert found["VpcId"] == vpc
    [table] = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    local = {route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"] for route in table["Routes"]}
    assert local == {"10.0.0.0/16", "10.1.0.0/16", str(block)}
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    part = subnets_of(block)[7]
    given = ec2.associate_subnet_cidr_block(SubnetId=subnet, Ipv6CidrBlock=part)["Ipv6CidrBlockAssociation"]
    for association in (made, ipv6):
        with refused("InvalidCidrBlock.InUse"):
            ec2.disassociate_vpc_cidr_block(AssociationId=association["AssociationId"])
    ec2.disassociate_subnet_cidr_block(AssociationId=given["AssociationId"])
    ec2.disassociate_vpc_cidr_block(AssociationId=ipv6["AssociationId"])
    assert "Ipv6CidrBlockAssociationSet" not in ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]


def test_interfaces_have_addresses_and_prefixes(ec2, vpc, subnet):
    network = ipaddress.ip_network(subnets_of(block_of(ec2, vpc))[1])
    made = ec2.create_network_interface(SubnetId=subnet, Ipv6AddressCount=2, EnablePrimaryIpv6=True)["NetworkInterface"]
    eni = made["NetworkInterfaceId"]
    addresses = [one["Ipv6Address"] for one in made["Ipv6Addresses"]]
    assert [one["IsPrimaryIpv6"] for one in made["Ipv6Addresses"]] == [True, False]
    assert all(ipaddress.ip_address(address) in network for address in addresses)
    named = str(network[0x77])
    answer = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6Addresses=[named])
    assert answer["AssignedIpv6Addresses"] == [named]
    with refused("InvalidIPAddress.InUse"):
        ec2.create_network_interface(SubnetId=subnet, Ipv6Addresses=[{"Ipv6Address": named}])
    [prefix] = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6PrefixCount=1)["AssignedIpv6Prefixes"]
    assert ipaddress.ip_network(prefix).prefixlen == 80
    answer = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, Ipv4PrefixCount=1)
    [ipv4] = [one["Ipv4Prefix"] for one in answer["AssignedIpv4Prefixes"]]
    filters = [{"Name": "ipv6-addresses.ipv6-address", "Values": [named]}]
    [found] = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    assert found["Ipv6Prefixes"] == [{"Ipv6Prefix": prefix}]
    assert found["Ipv4Prefixes"] == [{"Ipv4Prefix": ipv4}]
    with refused("InvalidParameterValue", "The primary IPv6 address"):
        ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6Addresses=[addresses[0]])
    ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6Addresses=[named], Ipv6Prefixes=[prefix])
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni, Ipv4Prefixes=[ipv4])
    with refused("InvalidParameterCombination"):
        ec2.assign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6AddressCount=1, Ipv6PrefixCount=1)


def test_subnets_of_ipv6_only_and_those_that_give_addresses(ec2, vpc, subnet):
    native = ec2.create_subnet(VpcId=vpc, Ipv6CidrBlock=subnets_of(block_of(ec2, vpc))[2], Ipv6Native=True)["Subnet"]
    assert "CidrBlock" not in native and native["Ipv6Native"] and native["AssignIpv6AddressOnCreation"]
    made = ec2.create_network_interface(SubnetId=native["SubnetId"])["NetworkInterface"]
    assert made["PrivateIpAddresses"] == [] and len(made["Ipv6Addresses"]) == 1 and made["Ipv6Native"]
    ec2.modify_subnet_attribute(SubnetId=subnet, AssignIpv6AddressOnCreation={"Value": True})
    made = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    assert len(made["Ipv6Addresses"]) == len(made["PrivateIpAddresses"]) == 1
    eni = made["NetworkInterfaceId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, EnablePrimaryIpv6=True)
    [found] = ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"]
    assert found["Ipv6Addresses"][0]["IsPrimaryIpv6"]


def test_egress_only_internet_gateways_are_routed_to(ec2, vpc):
    made = ec2.create_egress_only_internet_gateway(
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "egress-only-internet-gateway", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["EgressOnlyInternetGateway"]
    gateway = made["EgressOnlyInternetGatewayId"]
    assert made["Attachments"] == [{"State": "attached", "VpcId": vpc}]
    [found] = ec2.describe_egress_only_internet_gateways(Filters=[{"Name": "tag:a", "Values": ["b"]}])[
        "EgressOnlyInternetGateways"
    ]
    assert found == made
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    route = {"RouteTableId": table, "DestinationIpv6CidrBlock": "::/0"}
    ec2.create_route(**route, EgressOnlyInternetGatewayId=gateway)
    with refused("RouteAlreadyExists"):
        ec2.create_route(**route, EgressOnlyInternetGatewayId=gateway)
    ec2.delete_route(**route)
    with refused("InvalidRoute.NotFound", "destination-ipv6-cidr-block ::/0"):
        ec2.delete_route(**route)
    assert ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=gateway)["ReturnCode"] is True
    with refused("InvalidEgressOnlyInternetGatewayId.NotFound"):
        ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=gateway)
