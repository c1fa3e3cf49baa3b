"""Two VPCs, peered: requests, routes on both sides, packets, and what does not pass."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from namespaces import until
from network import ZONE, allow
from region import refused

PEER_BLOCK = "10.1.0.0/16"
PEER_SUBNET = "10.1.1.0/24"
OWN_BLOCK = "10.0.0.0/16"


class Peer:
    """A VPC beside the network's, with one instance that lets everything in."""

    def __init__(self, network, **interface):
        ec2 = self.ec2 = network.ec2
        self.vpc_id = ec2.create_vpc(CidrBlock=PEER_BLOCK)["Vpc"]["VpcId"]
        made = ec2.create_subnet(VpcId=self.vpc_id, CidrBlock=PEER_SUBNET, AvailabilityZone=ZONE)
        filters = [{"Name": "vpc-id", "Values": [self.vpc_id]}]
        self.route_table_id = ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]
        self.group_id = ec2.create_security_group(GroupName="all", Description="all", VpcId=self.vpc_id)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=self.group_id, IpPermissions=[allow("-1")])
        self.instance_id, made = network.host(made["Subnet"]["SubnetId"], self.group_id, **interface)
        self.address = made["PrivateIpAddress"]

    def request(self, network):
        """A request of the network's VPC."""
        made = self.ec2.create_vpc_peering_connection(VpcId=network.vpc_id, PeerVpcId=self.vpc_id)
        assert made["VpcPeeringConnection"]["Status"]["Code"] == "initiating-request"
        return made["VpcPeeringConnection"]["VpcPeeringConnectionId"]


@pytest.fixture(name="peer")
def peered_vpc(network):
    """The VPC at the other end."""
    return Peer(network)


def connect(network, peer):
    """An active connection with routes on both sides."""
    connection = peer.request(network)
    network.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)
    network.ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[connection])
    for table, block in [(network.route_table_id, PEER_BLOCK), (peer.route_table_id, OWN_BLOCK)]:
        network.ec2.create_route(
            RouteTableId=table, DestinationCidrBlock=block, VpcPeeringConnectionId=connection
        )
    return connection


def addressed(region, instance_id, name):
    return region.run(instance_id, f"dig +short {name}").split()


def test_public_names_lead_to_private_addresses_where_the_peer_allows_it(region, network, peer):
    ec2 = network.ec2
    connection = peer.request(network)
    allowed = {"AllowDnsResolutionFromRemoteVpc": True}
    with refused("OperationNotPermitted", "is not active"):
        ec2.modify_vpc_peering_connection_options(
            VpcPeeringConnectionId=connection, AccepterPeeringConnectionOptions=allowed
        )
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=peer.vpc_id)
    ec2.modify_vpc_attribute(VpcId=peer.vpc_id, EnableDnsHostnames={"Value": True})
    (theirs,) = ec2.describe_instances(InstanceIds=[peer.instance_id])["Reservations"][0]["Instances"]
    public = network.elastic_address(theirs["NetworkInterfaces"][0]["NetworkInterfaceId"])
    name = f"ec2-{public.replace('.', '-')}.compute-1.amazonaws.com"
    asker, _ = network.host(network.subnet_a, network.group("asker"))
    assert addressed(region, asker, name) == [public]
    answer = ec2.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=connection, AccepterPeeringConnectionOptions=allowed
    )
    assert answer["AccepterPeeringConnectionOptions"]["AllowDnsResolutionFromRemoteVpc"] is True
    assert addressed(region, asker, name) == [peer.address]
    (found,) = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[connection])[
        "VpcPeeringConnections"
    ]
    for end, allows in [("Accepter", True), ("Requester", False)]:
        options = found[f"{end}VpcInfo"]["PeeringOptions"]
        assert options["AllowDnsResolutionFromRemoteVpc"] is allows
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=connection)
    assert addressed(region, asker, name) == [public]


def route_state(network, connection):
    filters = [{"Name": "route.vpc-peering-connection-id", "Values": [connection]}]
    tables = network.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    return {
        route["State"]
        for table in tables
        for route in table["Routes"]
        if route.get("VpcPeeringConnectionId") == connection
    }


def test_packets_pass_while_the_connection_and_both_routes_stand(network, peer):
    ec2 = network.ec2
    instance, interface = network.host(network.subnet_a, network.group("in", allow("icmp")))
    connection = peer.request(network)
    ec2.create_route(
        RouteTableId=network.route_table_id, DestinationCidrBlock=PEER_BLOCK, VpcPeeringConnectionId=connection
    )
    assert route_state(network, connection) == {"blackhole"}
    assert not network.pings(instance, peer.address)

    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)
    assert route_state(network, connection) == {"active"}
    assert not network.pings(instance, peer.address), "without a route back"
    ec2.create_route(
        RouteTableId=peer.route_table_id, DestinationCidrBlock=OWN_BLOCK, VpcPeeringConnectionId=connection
    )
    assert network.pings(instance, peer.address)
    assert network.pings(peer.instance_id, interface["PrivateIpAddress"])
    network.serve(peer.instance_id, "beyond")
    assert network.fetches(instance, f"http://{peer.address}/") == "beyond"

    # Security groups and network ACLs of both ends count.
    ec2.revoke_security_group_ingress(GroupId=peer.group_id, IpPermissions=[allow("-1")])
    assert not network.pings(instance, peer.address)
    ec2.authorize_security_group_ingress(GroupId=peer.group_id, IpPermissions=[allow("-1", "10.0.0.0/16")])
    assert network.pings(instance, peer.address)

    # The other VPC's router, resolver and nobody's address are not there, and neither is what lies behind it.
    for address in ("10.1.1.1", "10.1.0.2", "10.1.1.200"):
        assert not network.pings(instance, address), address

    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=connection)
    assert not network.pings(instance, peer.address)
    assert route_state(network, connection) == {"blackhole"}


def test_rules_may_name_groups_of_the_peer(network, peer):
    ec2 = network.ec2
    group = network.group("of-the-peer")
    _, interface = network.host(network.subnet_a, group)
    address = interface["PrivateIpAddress"]
    connection = connect(network, peer)
    assert not network.pings(peer.instance_id, address)
    rule = allow("icmp", group=peer.group_id)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert network.pings(peer.instance_id, address)
    [shown] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    [pair] = shown["UserIdGroupPairs"]
    assert (pair["VpcPeeringConnectionId"], pair["PeeringStatus"]) == (connection, "active")
    references = ec2.describe_security_group_references(GroupId=[peer.group_id])["SecurityGroupReferenceSet"]
    assert [one["ReferencingVpcId"] for one in references] == [network.vpc_id]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert not network.pings(peer.instance_id, address)


def test_a_group_of_the_peer_that_is_deleted_lets_nobody_in(network, peer):
    ec2 = network.ec2
    group = network.group("of-the-peer")
    _, interface = network.host(network.subnet_a, group)
    address = interface["PrivateIpAddress"]
    connection = connect(network, peer)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[allow("icmp", group=peer.group_id)])
    assert network.pings(peer.instance_id, address)
    other = ec2.create_security_group(GroupName="other", Description="other", VpcId=peer.vpc_id)["GroupId"]
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=peer.group_id)
    filters = [{"Name": "group-id", "Values": [peer.group_id]}]
    [worn] = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=worn["NetworkInterfaceId"], Groups=[other])
    ec2.delete_security_group(GroupId=peer.group_id)
    assert not network.pings(peer.instance_id, address)
    [stale] = ec2.describe_stale_security_groups(VpcId=network.vpc_id)["StaleSecurityGroupSet"]
    [pair] = stale["StaleIpPermissions"][0]["UserIdGroupPairs"]
    assert (stale["GroupId"], pair["GroupId"]) == (group, peer.group_id)
    assert (pair["VpcId"], pair["VpcPeeringConnectionId"]) == (peer.vpc_id, connection)


LISTEN = """
import socket
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind(("", 7101))
own.settimeout(3)
own.sendto(b"question", ("{peer}", 5000))
heard = set()
try:
    while len(heard) < 2:
        heard.add(own.recv(100).decode())
except TimeoutError:
    pass
print(*sorted(heard))
"""
SPEAK = """
import socket, time
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind(("", 5000))
for _ in range(12):
    own.sendto(b"{word}", ("{to}", 7101))
    time.sleep(0.2)
"""


def test_an_answer_comes_from_the_peer_that_was_asked(region, network, peer):
    """Another peer has the same address, and sends with the same ports."""
    twin = Peer(network, PrivateIpAddress=peer.address)
    instance, interface = network.host(network.subnet_a, network.group("nothing in"))
    address = interface["PrivateIpAddress"]
    connect(network, peer)
    beside = twin.request(network)
    network.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=beside)
    network.ec2.create_route(
        RouteTableId=twin.route_table_id, DestinationCidrBlock=OWN_BLOCK, VpcPeeringConnectionId=beside
    )
    with ThreadPoolExecutor() as several:
        for end, word in [(peer, "asked"), (twin, "another")]:
            script = SPEAK.format(word=word, to=address)
            several.submit(region.openeni, "exec", end.instance_id, "--", "python3", "-c", script)
        listen = ("exec", instance, "--", "python3", "-c", LISTEN.format(peer=peer.address))
        heard = region.openeni(*listen).stdout.split()
    assert heard == ["asked"]
    assert region.drops(interface["NetworkInterfaceId"])["security_group_ingress"] > 0


def test_a_peer_is_no_way_out_for_the_other_vpc(network, peer):
    """The network's VPC has an internet gateway; the peer, whose default route leads there, does not get to it."""
    connection = connect(network, peer)
    network.ec2.create_route(
        RouteTableId=peer.route_table_id, DestinationCidrBlock="0.0.0.0/0", VpcPeeringConnectionId=connection
    )
    assert not network.pings(peer.instance_id, "203.0.113.1")
    assert not network.pings(peer.instance_id, "198.51.100.1")


def test_a_peering_and_its_packets_survive_a_kill(region, network, peer):
    instance, _ = network.host(network.subnet_a, network.group("in", allow("icmp")))
    connection = connect(network, peer)
    assert network.pings(instance, peer.address)
    region.restart_after_kill()
    described = network.ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[connection])
    assert described["VpcPeeringConnections"][0]["Status"]["Code"] == "active"
    until(lambda: network.pings(instance, peer.address), "the peer is not reached")
    # The peer's interfaces come and go: the routes find them again.
    network.ec2.stop_instances(InstanceIds=[peer.instance_id])
    network.wait_for_state(peer.instance_id, "stopped")
    assert not network.pings(instance, peer.address)
    network.ec2.start_instances(InstanceIds=[peer.instance_id])
    network.wait_for_state(peer.instance_id, "running")
    until(lambda: network.pings(instance, peer.address), "the peer is not reached again")


def test_requests_are_rejected_and_refused(network, peer):
    ec2 = network.ec2
    connection = peer.request(network)
    with refused("VpcPeeringConnectionAlreadyExists"):
        ec2.create_vpc_peering_connection(VpcId=peer.vpc_id, PeerVpcId=network.vpc_id)
    assert ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=connection)["Return"]
    with refused("InvalidStateTransition"):
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)
    overlapping = ec2.create_vpc(CidrBlock="10.0.128.0/20")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(VpcId=network.vpc_id, PeerVpcId=overlapping)
    failed = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    found = ec2.describe_vpc_peering_connections(Filters=[{"Name": "status-code", "Values": ["failed"]}])
    assert [one["VpcPeeringConnectionId"] for one in found["VpcPeeringConnections"]] == [failed]
