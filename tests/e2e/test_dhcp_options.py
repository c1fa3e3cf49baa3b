"""Sets of DHCP options: kept by the API, and what instances are told of them."""

import pytest

from namespaces import until
from network import Network
from region import refused

RESOLVER = "cat /etc/resolv.conf"
WITHOUT_SERVER = "options timeout:1 attempts:1\n"


@pytest.fixture(name="net", scope="module")
def shared_network(shared_region):
    return Network(shared_region)


def created(ec2, **options):
    configurations = [{"Key": key.replace("_", "-"), "Values": values} for key, values in options.items()]
    return ec2.create_dhcp_options(DhcpConfigurations=configurations)["DhcpOptions"]["DhcpOptionsId"]


def test_a_set_of_dhcp_options_is_made_described_and_deleted(ec2):
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "ntp-servers", "Values": ["10.0.0.5", "fd00::5"]}],
        TagSpecifications=[{"ResourceType": "dhcp-options", "Tags": [{"Key": "Name", "Value": "time"}]}],
    )["DhcpOptions"]
    set_id = made["DhcpOptionsId"]
    named = [{"Name": "tag:Name", "Values": ["time"]}]
    assert ec2.describe_dhcp_options(Filters=named)["DhcpOptions"] == [made]
    with refused("InvalidParameterValue", "Unknown DHCP option"):
        created(ec2, colour=["red"])
    ec2.delete_dhcp_options(DhcpOptionsId=set_id)
    with refused("InvalidDhcpOptionsID.NotFound"):
        ec2.delete_dhcp_options(DhcpOptionsId=set_id)


def test_instances_follow_their_vpcs_set_of_dhcp_options(shared_region, ec2, net):
    corporate = created(ec2, domain_name=["corp.test"], domain_name_servers=["10.0.1.53", "10.0.2.53"])
    running, _ = net.host(net.subnet_a)
    assert shared_region.run(running, RESOLVER) == "search ec2.internal\nnameserver 10.0.0.2\n"

    ec2.associate_dhcp_options(DhcpOptionsId=corporate, VpcId=net.vpc_id)
    told = "search corp.test\nnameserver 10.0.1.53\nnameserver 10.0.2.53\n"
    until(lambda: shared_region.run(running, RESOLVER) == told, "the instance is not told")
    launched, _ = net.host(net.subnet_b)
    assert shared_region.run(launched, RESOLVER) == told
    with refused("DependencyViolation"):
        ec2.delete_dhcp_options(DhcpOptionsId=corporate)

    # What a guest makes of it stays, as on a machine between two leases.
    shared_region.run(launched, "echo nameserver 9.9.9.9 >>/etc/resolv.conf")
    ec2.create_tags(Resources=[launched], Tags=[{"Key": "k", "Value": "v"}])
    assert shared_region.run(launched, RESOLVER).endswith("nameserver 9.9.9.9\n")

    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=net.vpc_id)
    for instance in (running, launched):
        until(lambda i=instance: shared_region.run(i, RESOLVER) == WITHOUT_SERVER, "it still has servers")
    ec2.delete_dhcp_options(DhcpOptionsId=corporate)
