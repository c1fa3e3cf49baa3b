"""NAT gateways: instances without public addresses reach what lies outside, and are not reached."""

import contextlib
import socket
import subprocess
import threading

import pytest

from namespaces import until
from network import EVERYONE, allow
from region import refused
from test_exec import started

# The host's own address, and one that it has beside.
HOST = "203.0.113.1"
PORT = 7007
# What a guest does with a connection or a socket of its own: the first line that the other end says, for ever if it goes on.
ASK_TCP = """
import socket
peer = socket.create_connection(("{host}", {port}), timeout=3)
print(peer.makefile().readline().strip())
"""
ASK_UDP = """
import socket
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.settimeout(3)
peer.sendto(b"who", ("{host}", {port}))
print(peer.recv(100).decode())
"""
# Says a line every tenth of a second, and notes each that comes back.
CONVERSE = """
import socket, time
peer = socket.create_connection(("{host}", {port}), timeout=10)
lines = peer.makefile("rw")
with open("{notes}", "w", buffering=1) as notes:
    notes.write(lines.readline())
    for number in range(1000):
        lines.write(f"{{number}}\\n")
        lines.flush()
        notes.write(lines.readline())
        time.sleep(0.1)
"""


# Asks who it is outside, and hears what else comes for two seconds.
HEAR = """
import socket
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.settimeout(3)
peer.sendto(b"who", ("{host}", {port}))
print(peer.recv(100).decode(), flush=True)
peer.settimeout(2)
try:
    print(peer.recv(100).decode())
except TimeoutError:
    print("nothing")
"""
# Answers a gateway's flow by UDP in its other end's name, and says that its packets are too large.
FORGE = """
import socket, struct
inner, host = socket.inet_aton("{inner}"), socket.inet_aton("{host}")
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
def datagram(source, destination, protocol, payload):
    length = 20 + len(payload)
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, protocol, 0, source, destination) + payload
def udp(source, destination):
    return struct.pack("!HHHH", source, destination, 14, 0) + b"forged"
raw.sendto(datagram(host, inner, 17, udp({port}, {own})), ("{inner}", 0))
quote = datagram(inner, host, 17, udp({own}, {port}))
quote += bytes(len(quote) % 2)
words = struct.unpack(f"!{{len(quote) // 2}}H", quote)
total = sum(words) + 0x0304 + 600
while total >> 16:
    total = (total & 0xffff) + (total >> 16)
error = struct.pack("!BBHHH", 3, 4, ~total & 0xffff, 0, 600) + quote
raw.sendto(datagram(host, inner, 1, error), ("{inner}", 0))
"""


class Server:
    """On the host: tells who calls, by TCP and UDP, and says after callers what else they say."""

    def __init__(self):
        self.tcp = socket.create_server((HOST, PORT))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((HOST, PORT))
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._answer, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                caller, address = self.tcp.accept()
                threading.Thread(target=self._serve, args=(caller, address), daemon=True).start()

    @staticmethod
    def _serve(caller, address):
        with contextlib.suppress(OSError), caller:
            caller.sendall(f"{address[0]} {address[1]}\n".encode())
            while said := caller.recv(65536):
                caller.sendall(said)

    def _answer(self):
        with contextlib.suppress(OSError):
            while True:
                said, address = self.udp.recvfrom(65536)
                told = f"{address[0]} {address[1]}".encode()
                self.udp.sendto(told if said == b"who" else said, address)

    def close(self):
        self.tcp.close()
        self.udp.close()


class Zone:
    """A public subnet with a NAT gateway, a private one whose default route leads there, and an instance in that."""

    def __init__(self, network, number, zone):
        ec2 = self.ec2 = network.ec2
        self.public, self.private = (
            ec2.create_subnet(VpcId=network.vpc_id, CidrBlock=f"10.0.{block}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for block in (100 + number, 110 + number)
        )
        allocated = ec2.allocate_address(Domain="vpc")
        self.allocation_id, self.address = allocated["AllocationId"], allocated["PublicIp"]
        made = ec2.create_nat_gateway(SubnetId=self.public, AllocationId=self.allocation_id)["NatGateway"]
        assert made["State"] == "pending"
        self.gateway = made["NatGatewayId"]
        ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[self.gateway])
        self.table = ec2.create_route_table(VpcId=network.vpc_id)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=self.table, SubnetId=self.private)
        ec2.create_route(RouteTableId=self.table, DestinationCidrBlock=EVERYONE, NatGatewayId=self.gateway)
        self.instance, self.interface = network.host(self.private, network.group(f"zone-{number}", allow("icmp")))

    def described(self):
        return self.ec2.describe_nat_gateways(NatGatewayIds=[self.gateway])["NatGateways"][0]


@pytest.fixture(name="server")
def host_server(region):
    """The server outside."""
    assert region
    server = Server()
    yield server
    server.close()


@pytest.fixture(name="zone")
def one_zone(network):
    """A zone's subnets, gateway and instance."""
    return Zone(network, 0, "us-east-1a")


def asks(region, instance, script, host=HOST, port=PORT):
    """The address that the other end has seen, or None."""
    script = script.format(host=host, port=port)
    done = region.openeni("exec", instance, "--", "python3", "-c", script, check=False)
    return done.stdout.split()[0] if done.returncode == 0 else None


def test_each_zone_goes_out_by_its_own_gateway_and_nobody_comes_in(region, network, server):
    assert server
    zones = [Zone(network, number, zone) for number, zone in enumerate(("us-east-1a", "us-east-1b"))]
    unattached = {interface["belongs_to"] for interface in region.status()["unattached"]}
    assert {zone.gateway for zone in zones} <= unattached
    for zone in zones:
        assert asks(region, zone.instance, ASK_TCP) == zone.address
        assert asks(region, zone.instance, ASK_UDP) == zone.address
        assert network.pings(zone.instance, HOST)
    for zone in zones:
        knock = ["curl", "-s", "-m", "1", f"http://{zone.address}/"]
        assert subprocess.run(knock, check=False, capture_output=True).returncode != 0
        ping = ["ping", "-nqc1", "-W1", zone.address]
        assert subprocess.run(ping, check=False, capture_output=True).returncode != 0
    # Each other they reach by the VPC itself.
    assert network.pings(zones[0].instance, zones[1].interface["PrivateIpAddress"])
    # A public instance of the region is outside, too, by its public address.
    group = network.group("outside", allow("-1"))
    public, interface = network.host(network.subnet_a, group)
    elastic = network.elastic_address(interface["NetworkInterfaceId"])
    network.serve(public, "beyond")
    assert network.fetches(zones[0].instance, f"http://{elastic}/") == "beyond"


def test_nobody_inside_speaks_in_the_name_of_the_internet(region, network, zone, server):
    assert server
    forger, interface = network.host(network.subnet_b, network.group("forger"))
    forger_id = interface["NetworkInterfaceId"]
    network.ec2.modify_network_interface_attribute(NetworkInterfaceId=forger_id, SourceDestCheck={"Value": False})
    inner = zone.described()["NatGatewayAddresses"][0]["PrivateIp"]
    ask = HEAR.format(host=HOST, port=PORT)
    with started(region, zone.instance, "python3", "-c", ask, text=True) as guest:
        address, own = guest.stdout.readline().split()
        assert address == zone.address
        forge = FORGE.format(inner=inner, host=HOST, port=PORT, own=own)
        region.openeni("exec", forger, "--", "python3", "-c", forge)
        said, _ = guest.communicate(timeout=30)
    assert said.split() == ["nothing"]
    until(lambda: region.drops(forger_id).get("nat_unsolicited", 0) == 2, "they are not dropped as what they are")
    assert "mtu" not in region.run(zone.instance, f"ip route get {HOST}")


def test_large_packets_find_their_size(region, network, zone, server):
    assert server
    assert network.pings(zone.instance, HOST, "-M do -s 1472")
    done = region.openeni("exec", zone.instance, "--", "ping", "-nc1", "-W1", "-M", "do", "-s", "1473", HOST, check=False)
    assert done.returncode != 0
    assert "mtu" in (done.stdout + done.stderr).lower()
    # Segments that a guest with an MTU of 9,001 bytes sends, and what comes back.
    script = (
        "import socket\n"
        f"peer = socket.create_connection(('{HOST}', {PORT}), timeout=10)\n"
        "lines = peer.makefile('rb')\n"
        "lines.readline()\n"
        "sent = bytes(range(256)) * 4000\n"
        "peer.sendall(sent[:60000])\n"
        "assert lines.read(60000) == sent[:60000]\n"
        "for part in range(0, len(sent), 64000):\n"
        "    peer.sendall(sent[part:part + 64000])\n"
        "    assert lines.read(64000) == sent[part:part + 64000]\n"
        "print('whole')\n"
    )
    assert region.openeni("exec", zone.instance, "--", "python3", "-c", script).stdout == "whole\n"
    # Datagrams that the guest sends in fragments of its own size, which are cut again; those that come back are whole again.
    script = (
        "import socket\n"
        "peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "peer.settimeout(5)\n"
        "IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0\n"
        "peer.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)\n"
        "for size in (1472, 1473, 8900, 60000):\n"
        "    said = bytes(number % 251 for number in range(size))\n"
        f"    peer.sendto(said, ('{HOST}', {PORT}))\n"
        "    assert peer.recv(65536) == said, size\n"
        "print('whole')\n"
    )
    assert region.openeni("exec", zone.instance, "--", "python3", "-c", script).stdout == "whole\n"


def test_a_connection_goes_on_through_a_kill(region, network, zone, server):
    assert server
    notes = region.directory / "notes"
    script = CONVERSE.format(host=HOST, port=PORT, notes=notes)
    path = region.directory / "converse.py"
    path.write_text(script)
    region.run(zone.instance, f"setsid python3 {path} </dev/null >/dev/null 2>&1 &")
    lines = lambda: notes.read_text().splitlines() if notes.exists() else []
    until(lambda: len(lines()) > 5, "nothing is said")
    assert lines()[0].split()[0] == zone.address
    region.kill()
    killed = len(lines())
    until(lambda: len(lines()) > killed + 10, "the connection does not go on without the region")
    region.start()
    started = len(lines())
    until(lambda: len(lines()) > started + 10, "the connection does not go on after the restart")
    assert lines()[1:] == [str(number) for number in range(len(lines()) - 1)]
    assert zone.described()["State"] == "available"
    assert asks(region, zone.instance, ASK_UDP) == zone.address


def test_what_cuts_a_gateway(region, network, zone, server):
    assert server
    ec2 = zone.ec2
    acl = ec2.create_network_acl(VpcId=network.vpc_id)["NetworkAcl"]["NetworkAclId"]
    found = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [zone.public]}])
    [before] = [
        association
        for association in found["NetworkAcls"][0]["Associations"]
        if association["SubnetId"] == zone.public
    ]
    assert network.pings(zone.instance, HOST)
    replaced = ec2.replace_network_acl_association(
        AssociationId=before["NetworkAclAssociationId"], NetworkAclId=acl
    )["NewAssociationId"]
    assert not network.pings(zone.instance, HOST)
    for egress in (False, True):
        ec2.create_network_acl_entry(
            NetworkAclId=acl, RuleNumber=100, Protocol="-1", RuleAction="allow", Egress=egress, CidrBlock=EVERYONE
        )
    assert network.pings(zone.instance, HOST)
    assert asks(region, zone.instance, ASK_TCP) == zone.address
    ec2.replace_network_acl_association(AssociationId=replaced, NetworkAclId=before["NetworkAclId"])

    ec2.delete_nat_gateway(NatGatewayId=zone.gateway)
    assert not network.pings(zone.instance, HOST)
    assert asks(region, zone.instance, ASK_TCP) is None
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[zone.gateway])
    routes = ec2.describe_route_tables(RouteTableIds=[zone.table])["RouteTables"][0]["Routes"]
    assert [route["State"] for route in routes if route.get("NatGatewayId")] == ["blackhole"]
    assert region.drops(zone.interface["NetworkInterfaceId"])["blackhole"] > 0
    # Another one takes over, with the same address.
    made = ec2.create_nat_gateway(SubnetId=zone.public, AllocationId=zone.allocation_id)["NatGateway"]
    ec2.replace_route(
        RouteTableId=zone.table, DestinationCidrBlock=EVERYONE, NatGatewayId=made["NatGatewayId"]
    )
    assert asks(region, zone.instance, ASK_TCP) == zone.address


def test_a_gateway_is_read_as_infrastructure_tools_read_it(network, zone):
    """The calls by which Terraform's `aws_nat_gateway` is made, read, changed and destroyed, in their order."""
    ec2 = zone.ec2
    [address] = zone.described()["NatGatewayAddresses"]
    assert (address["AllocationId"], address["PublicIp"]) == (zone.allocation_id, zone.address)
    assert address["IsPrimary"] and address["Status"] == "succeeded"
    [interface] = ec2.describe_network_interfaces(NetworkInterfaceIds=[address["NetworkInterfaceId"]])[
        "NetworkInterfaces"
    ]
    assert interface["InterfaceType"] == "nat_gateway"
    assert interface["Description"] == f"Interface for NAT Gateway {zone.gateway}"
    assert interface["PrivateIpAddress"] == address["PrivateIp"]
    with refused("AuthFailure"):
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface["NetworkInterfaceId"], SourceDestCheck={"Value": True}
        )
    ec2.create_tags(Resources=[zone.gateway], Tags=[{"Key": "Name", "Value": "out"}])
    filters = [{"Name": "tag:Name", "Values": ["out"]}, {"Name": "state", "Values": ["available"]}]
    [found] = ec2.describe_nat_gateways(Filters=filters)["NatGateways"]
    assert found["NatGatewayId"] == zone.gateway
    second = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_nat_gateway_address(NatGatewayId=zone.gateway, AllocationIds=[second])
    added = zone.described()["NatGatewayAddresses"][1]
    assert added["AllocationId"] == second
    ec2.disassociate_nat_gateway_address(NatGatewayId=zone.gateway, AssociationIds=[added["AssociationId"]])
    ec2.release_address(AllocationId=second)
    private = ec2.create_nat_gateway(SubnetId=zone.public, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    assigned = ec2.assign_private_nat_gateway_address(NatGatewayId=private, PrivateIpAddressCount=1)
    [one] = assigned["NatGatewayAddresses"]
    ec2.unassign_private_nat_gateway_address(NatGatewayId=private, PrivateIpAddresses=[one["PrivateIp"]])
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=zone.public)
    for gateway in (private, zone.gateway):
        ec2.delete_nat_gateway(NatGatewayId=gateway)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[private, zone.gateway])
    ec2.release_address(AllocationId=zone.allocation_id)
    ec2.delete_subnet(SubnetId=zone.public)


def test_a_private_gateway_hides_its_senders_inside(region, network):
    """To an appliance's subnet by a gateway of the zone, under its private address."""
    ec2 = network.ec2
    zone = Zone(network, 0, "us-east-1a")
    private = ec2.create_nat_gateway(SubnetId=zone.public, ConnectivityType="private")["NatGateway"]
    gateway = private["NatGatewayId"]
    [address] = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["NatGatewayAddresses"]
    own = network.group("own", allow("-1", f"{address['PrivateIp']}/32"))
    receiver, interface = network.host(network.subnet_a, own)
    assert not network.pings(zone.instance, interface["PrivateIpAddress"])
    ec2.create_route(RouteTableId=zone.table, DestinationCidrBlock="10.0.1.0/24", NatGatewayId=gateway)
    assert network.pings(zone.instance, interface["PrivateIpAddress"])
    network.serve(receiver, "inside")
    assert network.fetches(zone.instance, f"http://{interface['PrivateIpAddress']}/") == "inside"
