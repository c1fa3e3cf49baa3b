"""Fixtures: regions, in a namespace that plays the host."""

import signal

import pytest

import region as regions
from beyond import LAN_MACHINE, PUBLIC, SERVER, neighbour
from namespaces import ip
from network import Network, allow

# What is ignored here would be ignored by the programs that are tested, whatever a test sends them: a suite in the
# background of a shell ignores SIGINT, one under nohup SIGHUP.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


@pytest.fixture(name="region")
def fresh_region(tmp_path):
    """A region for one test."""
    with regions.running(tmp_path) as region:
        yield region


@pytest.fixture(scope="module")
def shared_region(tmp_path_factory):
    """A region for the API tests of a file: they must not mind what the others made."""
    with regions.running(tmp_path_factory.mktemp("region")) as region:
        yield region


@pytest.fixture(scope="module")
def ec2(shared_region):
    """A client of the shared region."""
    return shared_region.client()


@pytest.fixture
def network(region):
    """A VPC with an internet gateway and two subnets, in a region of its own."""
    return Network(region)


@pytest.fixture
def outside(region):
    """The internet, at the host's default route, and a LAN; the host in the middle."""
    assert region
    with (
        neighbour("wan0", "192.0.2.1/24", "192.0.2.2/24", f"{SERVER}/32") as internet,
        neighbour("lan0", f"{LAN_MACHINE}/24", "192.168.7.1/24") as lan,
    ):
        ip("route", "add", "default", "via", "192.0.2.1")
        try:
            yield internet, lan
        finally:
            ip("route", "delete", "default")


@pytest.fixture
def guest(region, network):
    """An instance with the public address that the document speaks of."""
    group = network.group("open", allow("tcp", port=80), allow("icmp"))
    interface = network.interface(network.subnet_a, group)
    instance_id = network.instance(interface["NetworkInterfaceId"])
    allocated = network.ec2.allocate_address(Domain="vpc", Address=PUBLIC)
    network.ec2.associate_address(
        AllocationId=allocated["AllocationId"], NetworkInterfaceId=interface["NetworkInterfaceId"]
    )
    return instance_id
