"""Network interfaces through boto3, without instances."""

import pytest

from region import refused

NO_INTERFACE = "eni-0123456789abcdef0"


class Place:
    """A VPC with a subnet and a group."""

    def __init__(self, ec2):
        self.vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet_id = ec2.create_subnet(VpcId=self.vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.group_id = ec2.create_security_group(GroupName="g", Description="g", VpcId=self.vpc_id)["GroupId"]


@pytest.fixture(scope="module")
def place(ec2):
    return Place(ec2)


@pytest.fixture
def eni(ec2, place):
    return ec2.create_network_interface(SubnetId=place.subnet_id)["NetworkInterface"]["NetworkInterfaceId"]


def described(ec2, eni):
    return ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]


def test_a_new_interface_has_ec2s_defaults(ec2, place):
    made = ec2.create_network_interface(SubnetId=place.subnet_id)["NetworkInterface"]
    assert made["Status"] in ("pending", "available")
    found = described(ec2, made["NetworkInterfaceId"])
    assert found["Status"] == "available"
    assert found["SourceDestCheck"] is True
    assert found["InterfaceType"] == "interface"
    assert found["RequesterManaged"] is False
    assert found["VpcId"] == place.vpc_id
    assert [group["GroupName"] for group in found["Groups"]] == ["default"]
    assert [address["Primary"] for address in found["PrivateIpAddresses"]] == [True]
    assert found["PrivateIpAddresses"][0]["PrivateIpAddress"] == found["PrivateIpAddress"]
    # Unicast and locally administered.
    assert int(found["MacAddress"].split(":")[0], 16) & 0b11 == 0b10
    assert "Attachment" not in found


def test_addresses_are_chosen_by_the_caller_or_by_ec2(ec2):
    place = Place(ec2)
    made = ec2.create_network_interface(
        SubnetId=place.subnet_id,
        Description="with addresses",
        PrivateIpAddresses=[
            {"PrivateIpAddress": "10.0.1.100", "Primary": True},
            {"PrivateIpAddress": "10.0.1.101", "Primary": False},
        ],
    )["NetworkInterface"]
    assert made["PrivateIpAddress"] == "10.0.1.100"
    assert len(made["PrivateIpAddresses"]) == 2
    counted = ec2.create_network_interface(SubnetId=place.subnet_id, SecondaryPrivateIpAddressCount=3)
    assert len(counted["NetworkInterface"]["PrivateIpAddresses"]) == 4
    with refused("InvalidIPAddress.InUse"):
        ec2.create_network_interface(SubnetId=place.subnet_id, PrivateIpAddress="10.0.1.101")
    for outside in ["10.0.2.5", "10.0.1.1", "10.0.1.255"]:
        with refused("InvalidParameterValue"):
            ec2.create_network_interface(SubnetId=place.subnet_id, PrivateIpAddress=outside)
    with refused("InvalidParameterCombination"):
        ec2.create_network_interface(
            SubnetId=place.subnet_id,
            PrivateIpAddresses=[
                {"PrivateIpAddress": "10.0.1.120", "Primary": True},
                {"PrivateIpAddress": "10.0.1.121", "Primary": False},
            ],
            SecondaryPrivateIpAddressCount=1,
        )


def test_creation_refuses_what_does_not_exist_or_fit(ec2, place):
    with refused("InvalidSubnetID.NotFound", "does not exist"):
        ec2.create_network_interface(SubnetId="subnet-0123456789abcdef0")
    with refused("MissingParameter"):
        ec2.create_network_interface()
    with refused("InvalidGroup.NotFound"):
        ec2.create_network_interface(SubnetId=place.subnet_id, Groups=["sg-0123456789abcdef0"])
    elsewhere = Place(ec2)
    with refused("InvalidGroup.NotFound", "different networks"):
        ec2.create_network_interface(SubnetId=place.subnet_id, Groups=[elsewhere.group_id])
    groups = [
        ec2.create_security_group(GroupName=f"many-{n}", Description="n", VpcId=place.vpc_id)["GroupId"]
        for n in range(17)
    ]
    with refused("SecurityGroupsPerInterfaceLimitExceeded"):
        ec2.create_network_interface(SubnetId=place.subnet_id, Groups=groups)
    small = ec2.create_subnet(VpcId=place.vpc_id, CidrBlock="10.0.9.0/28")["Subnet"]["SubnetId"]
    ec2.create_network_interface(SubnetId=small, SecondaryPrivateIpAddressCount=10)
    with refused("InsufficientFreeAddressesInSubnet"):
        ec2.create_network_interface(SubnetId=small)


def test_a_client_token_makes_creation_idempotent(ec2, place):
    first = ec2.create_network_interface(SubnetId=place.subnet_id, ClientToken="once", Description="one")
    again = ec2.create_network_interface(SubnetId=place.subnet_id, ClientToken="once", Description="one")
    ids = {made["NetworkInterface"]["NetworkInterfaceId"] for made in (first, again)}
    assert len(ids) == 1
    with refused("IdempotentParameterMismatch"):
        ec2.create_network_interface(SubnetId=place.subnet_id, ClientToken="once", Description="two")


def test_describe_finds_interfaces_by_filter(ec2, place):
    made = ec2.create_network_interface(
        SubnetId=place.subnet_id,
        Description="the one to find",
        Groups=[place.group_id],
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [{"Key": "role", "Value": "db"}]}],
    )["NetworkInterface"]
    assert made["TagSet"] == [{"Key": "role", "Value": "db"}]
    filters = {
        "addresses.private-ip-address": made["PrivateIpAddress"],
        "availability-zone": made["AvailabilityZone"],
        "description": "the one*",
        "group-id": place.group_id,
        "interface-type": "interface",
        "mac-address": made["MacAddress"],
        "network-interface-id": made["NetworkInterfaceId"],
        "owner-id": made["OwnerId"],
        "private-ip-address": made["PrivateIpAddress"],
        "requester-managed": "false",
        "source-dest-check": "true",
        "status": "available",
        "subnet-id": place.subnet_id,
        "tag:role": "db",
        "tag-key": "role",
        "vpc-id": place.vpc_id,
    }
    for name, value in filters.items():
        found = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])
        ids = [found["NetworkInterfaceId"] for found in found["NetworkInterfaces"]]
        assert made["NetworkInterfaceId"] in ids, name
        none = [{"Name": name, "Values": [value]}, {"Name": "description", "Values": ["nothing like it"]}]
        assert ec2.describe_network_interfaces(Filters=none)["NetworkInterfaces"] == [], name
    with refused("InvalidParameterValue"):
        ec2.describe_network_interfaces(Filters=[{"Name": "colour", "Values": ["red"]}])
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=[NO_INTERFACE])
    with refused("InvalidParameterCombination"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=[made["NetworkInterfaceId"]], MaxResults=5)


def test_attributes_are_modified_described_and_reset(ec2, place, eni):
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Description={"Value": "new words"})
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Groups=[place.group_id])
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": False})
    describe = ec2.describe_network_interface_attribute
    assert describe(NetworkInterfaceId=eni, Attribute="description")["Description"]["Value"] == "new words"
    groups = describe(NetworkInterfaceId=eni, Attribute="groupSet")["Groups"]
    assert [group["GroupId"] for group in groups] == [place.group_id]
    check = describe(NetworkInterfaceId=eni, Attribute="sourceDestCheck")["SourceDestCheck"]
    assert check == {"Value": False}
    ec2.reset_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck="true")
    assert described(ec2, eni)["SourceDestCheck"] is True
    with refused("InvalidParameterCombination", "No attributes specified"):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=eni)
    with refused("InvalidParameterCombination"):
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=eni, Description={"Value": "x"}, SourceDestCheck={"Value": True}
        )
    with refused("InvalidGroup.NotFound"):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Groups=["sg-0123456789abcdef0"])
    with refused("InvalidAttachmentID.NotFound"):
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=eni,
            Attachment={"AttachmentId": "eni-attach-0123456789abcdef0", "DeleteOnTermination": True},
        )
    with refused("InvalidParameterCombination"):
        describe(NetworkInterfaceId=eni)
    with refused("InvalidParameterValue"):
        describe(NetworkInterfaceId=eni, Attribute="colour")
    with refused("InvalidNetworkInterfaceID.NotFound"):
        describe(NetworkInterfaceId=NO_INTERFACE, Attribute="description")


def test_private_addresses_are_assigned_moved_and_unassigned(ec2):
    place = Place(ec2)  # its addresses are chosen at random: in a shared subnet 10.0.1.200 may be taken
    eni = ec2.create_network_interface(SubnetId=place.subnet_id, PrivateIpAddress="10.0.1.10")
    eni = eni["NetworkInterface"]["NetworkInterfaceId"]
    assigned = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=["10.0.1.200"])
    assert assigned["NetworkInterfaceId"] == eni
    assert [found["PrivateIpAddress"] for found in assigned["AssignedPrivateIpAddresses"]] == ["10.0.1.200"]
    other = ec2.create_network_interface(SubnetId=place.subnet_id, PrivateIpAddress="10.0.1.11")
    other = other["NetworkInterface"]["NetworkInterfaceId"]
    # Those are chosen at random, and must not be the others.
    ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, SecondaryPrivateIpAddressCount=2)
    assert len(described(ec2, eni)["PrivateIpAddresses"]) == 4
    with refused("InvalidParameterValue", "[10.0.1.200] assigned, but move is not allowed."):
        ec2.assign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["10.0.1.200"])
    ec2.assign_private_ip_addresses(
        NetworkInterfaceId=other, PrivateIpAddresses=["10.0.1.200"], AllowReassignment=True
    )
    owners = {
        found["PrivateIpAddress"]: name
        for name in (eni, other)
        for found in described(ec2, name)["PrivateIpAddresses"]
    }
    assert owners["10.0.1.200"] == other
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["10.0.1.200"])
    assert len(described(ec2, other)["PrivateIpAddresses"]) == 1
    with refused("InvalidParameterValue"):
        primary = described(ec2, other)["PrivateIpAddress"]
        ec2.unassign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=[primary])
    with refused("InvalidParameterValue", "are not assigned to interface"):
        ec2.unassign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["10.0.1.201"])
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.assign_private_ip_addresses(NetworkInterfaceId=NO_INTERFACE, SecondaryPrivateIpAddressCount=1)


def test_interfaces_are_deleted(ec2, eni):
    with refused("DryRunOperation"):
        ec2.delete_network_interface(NetworkInterfaceId=eni, DryRun=True)
    ec2.delete_network_interface(NetworkInterfaceId=eni)
    with refused("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{eni}' does not exist"):
        ec2.delete_network_interface(NetworkInterfaceId=eni)
    with refused("InvalidNetworkInterfaceId.Malformed"):
        ec2.delete_network_interface(NetworkInterfaceId="eni-xyz")


def test_what_an_interface_uses_cannot_be_deleted(ec2):
    place = Place(ec2)
    eni = ec2.create_network_interface(SubnetId=place.subnet_id, Groups=[place.group_id])
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=place.subnet_id)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=place.group_id)
    ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterface"]["NetworkInterfaceId"])
    ec2.delete_security_group(GroupId=place.group_id)
    ec2.delete_subnet(SubnetId=place.subnet_id)
