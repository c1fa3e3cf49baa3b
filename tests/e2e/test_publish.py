"""Ports of the host that lead to addresses of the region."""

import subprocess

import pytest

import region as regions
from network import Network, allow

PUBLIC = "203.0.113.25"
PRIVATE = "10.0.1.10"


def fetched(port, host="127.0.0.1", seconds=3):
    command = ["curl", "-sf", "-m", str(seconds), f"http://{host}:{port}/"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.fixture(name="published")
def region_with_ports(tmp_path):
    options = [
        word
        for port in (f"8080:{PUBLIC}:80", f"127.0.0.1:8081:{PRIVATE}:80", f"[::1]:8082:{PUBLIC}:80")
        for word in ("--publish", port)
    ]
    with regions.running(tmp_path, *options) as region:
        yield region, Network(region)


def test_a_port_leads_to_whoever_has_the_address(published):
    region, network = published
    assert fetched(8080) == ""
    ec2 = network.ec2
    closed, open_ = network.group("closed"), network.group("open", allow("tcp", port=80))
    interface = network.interface(network.subnet_a, closed, PrivateIpAddress=PRIVATE)
    instance = network.instance(interface["NetworkInterfaceId"])
    network.serve(instance, "first")
    allocated = ec2.allocate_address(Domain="vpc", Address=PUBLIC)
    own = {"AllocationId": allocated["AllocationId"]}
    ec2.associate_address(**own, NetworkInterfaceId=interface["NetworkInterfaceId"])
    # Groups are asked as of anything that comes in by the gateway.
    assert fetched(8080, seconds=1) == ""
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=[open_]
    )
    assert fetched(8080) == fetched(8081) == fetched(8082, "[::1]") == "first"

    second, other = network.host(network.subnet_b, open_)
    network.serve(second, "second")
    ec2.associate_address(**own, NetworkInterfaceId=other["NetworkInterfaceId"], AllowReassociation=True)
    assert fetched(8080) == "second"
    # The private address has no way out any more.
    assert fetched(8081) == ""
    # What is large passes whole, and in both directions.
    pages = region.directory / f"{second}-80"
    (pages / "large").write_bytes(b"x" * 3_000_000)
    done = subprocess.run(["curl", "-sf", "-m", "20", "http://127.0.0.1:8080/large"], capture_output=True, check=True)
    assert len(done.stdout) == 3_000_000


def test_what_cannot_be_published_is_said(tmp_path, region):
    command = [regions.OPENENI, "dev", "--listen", "127.0.0.1:4600", "--data-dir", str(tmp_path / "other")]
    for port, said in (
        ("80", "[HOST:]PORT:ADDRESS:PORT it must be"),
        ("8080:web:80", "web is no IPv4 address"),
        ("127.0.0.1:4599:203.0.113.25:80", "give another port by --publish"),
        ("192.0.2.99:8080:203.0.113.25:80", "this host has no such address"),
    ):
        done = subprocess.run(
            [*command, "--publish", port], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode != 0 and said in done.stderr, done.stderr
    assert region
