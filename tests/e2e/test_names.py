"""Names, by packets to 169.254.169.253 and to the VPC's own resolver."""

import contextlib
import json
import pathlib
import re
import subprocess
import sys

import pytest

from namespaces import until
from network import Network
from region import running

SERVER = pathlib.Path(__file__).with_name("name_server.py")
LINK_LOCAL = "169.254.169.253"
PORT = "5353"


def dig(region, instance, *query):
    """Status, flags and records of an answer; no status where none comes."""
    command = ["dig", "+time=2", "+tries=1", "+noauthority", *query]
    shown = region.openeni("exec", instance, "--", *command, check=False).stdout
    status = re.search(r"status: (\w+)", shown)
    flags = re.search(r"flags: ([a-z ]*);", shown)
    records = [line.split(None, 4) for line in shown.splitlines() if line and not line.startswith(";")]
    return status and status[1], flags[1].split() if flags else [], records


def data(region, instance, *query):
    status, _, records = dig(region, instance, *query)
    assert status == "NOERROR", query
    return [record[4] for record in records]


def hyphens(address):
    return address.replace(".", "-")


class Upstream:
    """The resolver that the host asks, and what it was asked."""

    def __init__(self, directory):
        self.asked_file = directory / "asked"
        self.process = subprocess.Popen([sys.executable, str(SERVER), PORT, str(self.asked_file)])
        until(self.asked_file.exists, "the name server does not start")

    def asked(self):
        return [json.loads(line) for line in self.asked_file.read_text().splitlines()]

    def count(self, name):
        return sum(asked["name"] == name for asked in self.asked())


@contextlib.contextmanager
def with_upstream(directory):
    with running(directory, "--dns-upstream", f"127.0.0.1:{PORT}") as region:
        upstream = Upstream(directory)
        try:
            yield region, upstream
        finally:
            upstream.process.kill()
            upstream.process.wait()


@pytest.fixture(name="resolved")
def region_with_upstream(tmp_path):
    with with_upstream(tmp_path) as (region, upstream):
        yield region, upstream, Network(region)


def with_hostnames(network):
    network.ec2.modify_vpc_attribute(VpcId=network.vpc_id, EnableDnsHostnames={"Value": True})


def test_names_of_the_vpc_resolve_both_ways_by_clients_of_debians(region, network):
    with_hostnames(network)
    # No rule keeps names away.
    instance, interface = network.host(network.subnet_a, network.group("closed"))
    other, there = network.host(network.subnet_b, network.group("web"))
    address = there["PrivateIpAddress"]
    name = f"ip-{hyphens(address)}.ec2.internal"
    for server in (LINK_LOCAL, "10.0.0.2"):
        for transport in ("+notcp", "+tcp"):
            assert data(region, instance, f"@{server}", transport, name) == [address], (server, transport)
        assert data(region, instance, f"@{server}", "-x", address) == [name + "."]
    assert f"{name} has address {address}" in region.run(instance, f"host {name}")
    assert f"domain name pointer {name}." in region.run(instance, f"host {address}")
    # By resolv.conf, and its search list.
    assert region.run(instance, f"getent ahostsv4 {name} | head -1").split()[0] == address
    assert region.run(instance, f"getent hosts ip-{hyphens(address)}").split() == [address, name]
    assert region.run(instance, f"getent hosts {address}").split() == [address, name]
    described = network.describe(there["NetworkInterfaceId"])
    assert described["PrivateDnsName"] == name
    # What is not there.
    status, _, records = dig(region, instance, "ip-10-0-1-250.ec2.internal")
    assert (status, records) == ("NXDOMAIN", [])
    status, _, records = dig(region, instance, name, "AAAA")
    assert (status, records) == ("NOERROR", [])
    # A secondary address has a name as soon as the call is answered, and none afterwards.
    eni = there["NetworkInterfaceId"]
    network.ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=["10.0.2.99"])
    assert data(region, instance, "ip-10-0-2-99.ec2.internal") == ["10.0.2.99"]
    network.ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=["10.0.2.99"])
    assert dig(region, instance, "ip-10-0-2-99.ec2.internal")[0] == "NXDOMAIN"
    assert interface["PrivateIpAddress"] != address and other != instance


def test_a_public_name_is_the_private_address_inside_and_vpcs_with_the_same_addresses_are_apart(region, network):
    with_hostnames(network)
    inside, interface = network.host(network.subnet_a, network.group("web"))
    public = network.elastic_address(interface["NetworkInterfaceId"])
    private = interface["PrivateIpAddress"]
    name = network.describe(interface["NetworkInterfaceId"])["Association"]["PublicDnsName"]
    # Another VPC with the same block, where the same address is somebody else's and has no public one.
    vpc = network.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = network.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    elsewhere = network.instance(network.interface(subnet)["NetworkInterfaceId"])
    for server in (LINK_LOCAL, "10.0.0.2"):
        assert data(region, inside, f"@{server}", name) == [private]
        assert data(region, elsewhere, f"@{server}", name) == [public]
        assert data(region, elsewhere, f"@{server}", "-x", public) == [name + "."]
    only_here = "ip-10-0-1-77.ec2.internal"
    network.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=interface["NetworkInterfaceId"], PrivateIpAddresses=["10.0.1.77"]
    )
    assert data(region, inside, only_here) == ["10.0.1.77"]
    assert dig(region, elsewhere, only_here)[0] == "NXDOMAIN"
    assert dig(region, elsewhere, "-x", "10.0.1.77")[0] == "NXDOMAIN"


def test_without_dns_support_nothing_resolves(region, network):
    instance, interface = network.host(network.subnet_a, network.group("web"))
    name = f"ip-{hyphens(interface['PrivateIpAddress'])}.ec2.internal"
    assert dig(region, instance, name)[0] == "NOERROR"
    network.ec2.modify_vpc_attribute(VpcId=network.vpc_id, EnableDnsSupport={"Value": False})
    for server in (LINK_LOCAL, "10.0.0.2"):
        for transport in ("+notcp", "+tcp"):
            assert dig(region, instance, f"@{server}", transport, name)[0] is None
    drops = region.drops(interface["NetworkInterfaceId"])
    assert drops["service_unreachable"] > 0 and drops["unknown_address"] > 0, drops
    told = lambda: region.run(instance, "cat /etc/resolv.conf")
    until(lambda: "nameserver" not in told(), "it is told of a server all the same")
    network.ec2.modify_vpc_attribute(VpcId=network.vpc_id, EnableDnsSupport={"Value": True})
    assert dig(region, instance, f"@{LINK_LOCAL}", name)[0] == "NOERROR"
    until(lambda: "nameserver 10.0.0.2\n" in told(), "it is not told of its server")


def test_other_names_are_asked_upstream_once_and_private_ones_never(resolved):
    region, upstream, network = resolved
    instance, _ = network.host(network.subnet_a, network.group("web"))
    for spelled in ("www.example.test", "WWW.eXample.test"):
        status, flags, records = dig(region, instance, spelled)
        assert (status, records[0][0], records[0][4]) == ("NOERROR", spelled + ".", "192.0.2.80")
        assert 290 <= int(records[0][1]) <= 300 and "ra" in flags
    assert upstream.count("www.example.test") == 1
    # Another instance finds it as well.
    other, _ = network.host(network.subnet_b, network.group("other"))
    assert data(region, other, "www.example.test") == ["192.0.2.80"]
    assert upstream.count("www.example.test") == 1
    assert dig(region, instance, "none.example.test")[0] == "NXDOMAIN"
    assert dig(region, instance, "none.example.test")[0] == "NXDOMAIN"
    assert upstream.count("none.example.test") == 1
    # Too large for a datagram, there and here.
    assert len(data(region, instance, "big.example.test", "TXT")) == 40
    assert "tc" in dig(region, instance, "+ignore", "big.example.test", "TXT")[1]
    transports = [asked["transport"] for asked in upstream.asked() if asked["name"] == "big.example.test"]
    assert transports == ["udp", "tcp"]
    before = len(upstream.asked())
    for name in ("ip-10-9-9-9.ec2.internal", "a.eu-west-1.compute.internal", "ip-10-9-9-9", "a.localhost"):
        dig(region, instance, "+nosearch", name)
    for address in ("10.9.9.9", "192.168.1.1", "169.254.169.254", "203.0.113.250", "100.64.0.1", "fd00::1"):
        dig(region, instance, "-x", address)
    region.run(instance, "getent hosts ip-10-9-9-9", check=False)
    assert upstream.asked()[before:] == []
    numbers = {asked["number"] for asked in upstream.asked()}
    ports = {asked["port"] for asked in upstream.asked()}
    assert len(numbers) > 2 and len(ports) > 2, upstream.asked()


def test_who_asks_what_nobody_answers_holds_up_nobody(resolved):
    region, upstream, network = resolved
    noisy, _ = network.host(network.subnet_a, network.group("web"))
    quiet, interface = network.host(network.subnet_b, network.group("other"))
    flood = (
        "import os, socket, time\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "tail = b'\\x06silent\\x07example\\x04test\\0\\0\\x01\\0\\x01'\n"
        "end = time.monotonic() + 12\n"
        "while time.monotonic() < end:\n"
        f"    s.sendto(os.urandom(2) + b'\\1\\0\\0\\1' + bytes(6) + tail, ('{LINK_LOCAL}', 53))\n"
    )
    (region.directory / "flood.py").write_text(flood)
    region.run(noisy, f"setsid python3 {region.directory}/flood.py </dev/null >/dev/null 2>&1 &")
    until(lambda: upstream.count("silent.example.test") > 10, "nobody is asked")
    name = f"ip-{hyphens(interface['PrivateIpAddress'])}.ec2.internal"
    for _ in range(3):
        assert data(region, quiet, name) == [interface["PrivateIpAddress"]]
        assert data(region, quiet, "www.example.test") == ["192.0.2.80"]
    assert dig(region, noisy, "+time=6", "+timeout=6", "silent.example.test")[0] in ("SERVFAIL", None)


def test_names_outlive_the_regions_process_and_a_region_without_upstream_refuses(tmp_path):
    with running(tmp_path, "--dns-upstream", "none") as region:
        network = Network(region)
        instance, interface = network.host(network.subnet_a, network.group("web"))
        assert dig(region, instance, "www.example.test")[0] == "REFUSED"
        region.restart_after_kill()
        name = f"ip-{hyphens(interface['PrivateIpAddress'])}.ec2.internal"
        assert data(region, instance, f"@{LINK_LOCAL}", name) == [interface["PrivateIpAddress"]]
