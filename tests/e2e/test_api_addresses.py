"""Elastic IPs and internet gateways through boto3."""

import pytest

from region import refused

NO_ALLOCATION = "eipalloc-0123456789abcdef0"


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def gateway(ec2, vpc):
    made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=vpc)
    return made


@pytest.fixture
def eni(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    return ec2.create_network_interface(SubnetId=subnet, SecondaryPrivateIpAddressCount=1)["NetworkInterface"]


@pytest.fixture
def allocate(ec2):
    """Allocates addresses and releases what is left of them: the quota is 250."""
    made = []

    def one(**more):
        made.append(ec2.allocate_address(Domain="vpc", **more))
        return made[-1]

    yield one
    for address in ec2.describe_addresses()["Addresses"]:
        if "AssociationId" in address:
            ec2.disassociate_address(AssociationId=address["AssociationId"])
        ec2.release_address(AllocationId=address["AllocationId"])


def test_addresses_are_allocated_described_and_released(ec2, allocate):
    tags = [{"Key": "for", "Value": "web"}]
    made = allocate(TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}])
    assert made["Domain"] == "vpc" and made["PublicIp"].startswith("203.0.113.")
    (found,) = ec2.describe_addresses(AllocationIds=[made["AllocationId"]])["Addresses"]
    assert found["PublicIp"] == made["PublicIp"] and found["Tags"] == tags
    by_ip = ec2.describe_addresses(PublicIps=[made["PublicIp"]])["Addresses"]
    assert by_ip[0]["AllocationId"] == made["AllocationId"]
    assert len(ec2.describe_addresses(Filters=[{"Name": "tag:for", "Values": ["web"]}])["Addresses"]) == 1
    ec2.release_address(AllocationId=made["AllocationId"])
    with refused("InvalidAllocationID.NotFound"):
        ec2.release_address(AllocationId=made["AllocationId"])
    with refused("InvalidAllocationID.NotFound"):
        ec2.describe_addresses(AllocationIds=[made["AllocationId"]])
    attributes = ec2.describe_addresses_attribute(Attribute="domain-name")["Addresses"]
    assert made["AllocationId"] not in [found["AllocationId"] for found in attributes]
    with refused("InvalidAddress.NotFound"):
        ec2.describe_addresses(PublicIps=[made["PublicIp"]])


def test_an_account_has_250_addresses(allocate):
    """EC2's quota of 5, raised; the pool has 253 to give (a /24 without three)."""
    for _ in range(250):
        allocate()
    with refused("AddressLimitExceeded", "The maximum number of addresses has been reached."):
        allocate()


def test_an_address_is_associated_with_a_private_one(ec2, allocate, gateway, eni):
    assert gateway
    name = eni["NetworkInterfaceId"]
    first, second = allocate(), allocate()
    made = ec2.associate_address(AllocationId=first["AllocationId"], NetworkInterfaceId=name)
    association = ec2.describe_network_interfaces(NetworkInterfaceIds=[name])["NetworkInterfaces"][0][
        "Association"
    ]
    assert association["PublicIp"] == first["PublicIp"]
    assert association["AssociationId"] == made["AssociationId"]
    # The primary address is taken unless another is named.
    (found,) = ec2.describe_addresses(AllocationIds=[first["AllocationId"]])["Addresses"]
    assert found["PrivateIpAddress"] == eni["PrivateIpAddress"]
    with refused("Resource.AlreadyAssociated"):
        ec2.associate_address(
            AllocationId=first["AllocationId"],
            NetworkInterfaceId=name,
            PrivateIpAddress=eni["PrivateIpAddresses"][1]["PrivateIpAddress"],
            AllowReassociation=False,
        )
    with refused("Resource.AlreadyAssociated"):
        ec2.associate_address(
            AllocationId=second["AllocationId"], NetworkInterfaceId=name, AllowReassociation=False
        )
    secondary = eni["PrivateIpAddresses"][1]["PrivateIpAddress"]
    ec2.associate_address(
        AllocationId=second["AllocationId"], NetworkInterfaceId=name, PrivateIpAddress=secondary
    )
    by_filter = ec2.describe_addresses(Filters=[{"Name": "private-ip-address", "Values": [secondary]}])
    assert by_filter["Addresses"][0]["PublicIp"] == second["PublicIp"]
    with refused("InvalidParameterValue"):
        ec2.associate_address(
            AllocationId=second["AllocationId"], NetworkInterfaceId=name, PrivateIpAddress="10.0.1.250"
        )


def test_a_released_address_is_not_associated(ec2, allocate, gateway, eni):
    assert gateway
    made = allocate()
    associated = ec2.associate_address(
        AllocationId=made["AllocationId"], NetworkInterfaceId=eni["NetworkInterfaceId"]
    )
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=made["AllocationId"])
    with refused("InvalidParameterValue", "You must specify an allocation id"):
        ec2.release_address(PublicIp=made["PublicIp"])
    with refused("InvalidParameterValue", "You must specify an association id"):
        ec2.disassociate_address(PublicIp=made["PublicIp"])
    ec2.disassociate_address(AssociationId=associated["AssociationId"])
    with refused("InvalidAssociationID.NotFound"):
        ec2.disassociate_address(AssociationId=associated["AssociationId"])
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=[eni["NetworkInterfaceId"]])
    assert "Association" not in found["NetworkInterfaces"][0]


def test_association_needs_a_gateway_and_something_to_associate(ec2, allocate, vpc, eni):
    made = allocate()
    with refused("Gateway.NotAttached", f"Network {vpc} is not attached to any internet gateway"):
        ec2.associate_address(
            AllocationId=made["AllocationId"], NetworkInterfaceId=eni["NetworkInterfaceId"]
        )
    with refused("InvalidAllocationID.NotFound"):
        ec2.associate_address(AllocationId=NO_ALLOCATION, NetworkInterfaceId=eni["NetworkInterfaceId"])
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.associate_address(
            AllocationId=made["AllocationId"], NetworkInterfaceId="eni-0123456789abcdef0"
        )


def test_a_moved_private_address_takes_its_elastic_ip_along(ec2, allocate, gateway, eni):
    assert gateway
    secondary = eni["PrivateIpAddresses"][1]["PrivateIpAddress"]
    made = allocate()
    ec2.associate_address(
        AllocationId=made["AllocationId"],
        NetworkInterfaceId=eni["NetworkInterfaceId"],
        PrivateIpAddress=secondary,
    )
    other = ec2.create_network_interface(SubnetId=eni["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
    ec2.assign_private_ip_addresses(
        NetworkInterfaceId=other, PrivateIpAddresses=[secondary], AllowReassignment=True
    )
    (found,) = ec2.describe_addresses(AllocationIds=[made["AllocationId"]])["Addresses"]
    assert (found["NetworkInterfaceId"], found["PrivateIpAddress"]) == (other, secondary)
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=[secondary])
    (found,) = ec2.describe_addresses(AllocationIds=[made["AllocationId"]])["Addresses"]
    assert "AssociationId" not in found


def test_internet_gateways_are_made_attached_detached_and_deleted(ec2, allocate, vpc, gateway, eni):
    (found,) = ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]
    assert [(one["VpcId"], one["State"]) for one in found["Attachments"]] == [(vpc, "available")]
    by_vpc = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])
    assert by_vpc["InternetGateways"][0]["InternetGatewayId"] == gateway
    with refused("Resource.AlreadyAssociated"):
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused("DependencyViolation"):
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
    made = allocate()
    associated = ec2.associate_address(
        AllocationId=made["AllocationId"], NetworkInterfaceId=eni["NetworkInterfaceId"]
    )
    with refused("DependencyViolation", "has some mapped public address(es)"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.disassociate_address(AssociationId=associated["AssociationId"])
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused("Gateway.NotAttached"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    with refused("InvalidInternetGatewayID.NotFound"):
        ec2.describe_internet_gateways(InternetGatewayIds=[gateway])
