"""An appliance behind the internet gateway: what comes in for a subnet passes it by the gateway's own route table, what goes out by
the subnet's (Amazon VPC User Guide, "Routing for a middlebox appliance")."""

import subprocess

import pytest

from namespaces import until
from network import EVERYONE, allow
from region import OPENENI, refused
from test_networking import commands, run

PROTECTED = "10.0.2.0/24"


class Guarded:
    """An appliance in subnet a, in front of a web server with a public address in subnet b."""

    def __init__(self, region, network):
        self.region, self.network, self.ec2 = region, network, network.ec2
        group = network.group("guarded", allow("tcp", port=80), allow("icmp"))
        self.appliance, outer = network.host(network.subnet_a, group)
        self.eni = outer["NetworkInterfaceId"]
        self.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=self.eni, SourceDestCheck={"Value": False}
        )
        self.server, inner = network.host(network.subnet_b, group)
        self.address = network.elastic_address(inner["NetworkInterfaceId"])
        network.serve(self.server, "served")
        gateways = self.ec2.describe_internet_gateways(
            Filters=[{"Name": "attachment.vpc-id", "Values": [network.vpc_id]}]
        )
        self.gateway = gateways["InternetGateways"][0]["InternetGatewayId"]

    def table(self, destination):
        """A route table that leads there by the appliance."""
        made = self.ec2.create_route_table(VpcId=self.network.vpc_id)["RouteTable"]["RouteTableId"]
        self.ec2.create_route(
            RouteTableId=made, DestinationCidrBlock=destination, NetworkInterfaceId=self.eni
        )
        return made

    def forwards(self, is_on):
        self.region.run(self.appliance, f"sysctl -qw net.ipv4.ip_forward={int(is_on)}")

    def forwarded(self):
        """How many packets the appliance has handed on."""
        names, numbers = self.region.run(self.appliance, "grep ^Ip: /proc/net/snmp").splitlines()
        return int(numbers.split()[names.split().index("ForwDatagrams")])

    def fetched(self, seconds=2):
        """What the world gets from the server; the host is the world here."""
        command = ["curl", "-sf", "-m", str(seconds), f"http://{self.address}/"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.fixture(name="guarded")
def a_guarded_server(region, network):
    return Guarded(region, network)


def test_what_comes_in_and_what_goes_back_pass_the_appliance(region, network, guarded):
    ec2 = network.ec2
    assert guarded.fetched() == "served"
    # As the document says it.
    (edge,) = commands("By an appliance")
    names = {"vpc": network.vpc_id, "appliance": guarded.eni, "gateway": guarded.gateway}
    run(edge, region, **region.environment, **names)
    inner = guarded.table(EVERYONE)
    ec2.associate_route_table(RouteTableId=inner, SubnetId=network.subnet_b)

    # An appliance that hands nothing on is in the way.
    guarded.forwards(False)
    assert guarded.fetched() == ""
    guarded.forwards(True)
    before = guarded.forwarded()
    assert guarded.fetched() == "served"
    # A connection takes some packets each way: both directions have passed.
    assert guarded.forwarded() >= before + 8
    command = "tcpdump -lni eth0 -c 4 'tcp port 80' 2>/dev/null"
    with subprocess.Popen(
        ["timeout", "20", *_exec(region, guarded.appliance), "sh", "-c", command],
        stdout=subprocess.PIPE,
        text=True,
    ) as seen:
        until(lambda: guarded.fetched() == "served" and seen.poll() is not None, "nothing passes the appliance")
        packets = seen.stdout.read()
    assert "10.0.2." in packets and guarded.address not in packets

    # The appliance moves on: its route is a blackhole, and nothing gets in, until the gateway has no table any more.
    (found,) = ec2.describe_route_tables(
        Filters=[{"Name": "association.gateway-id", "Values": [guarded.gateway]}]
    )["RouteTables"]
    (association,) = found["Associations"]
    assert association["GatewayId"] == guarded.gateway and not association["Main"]
    ec2.stop_instances(InstanceIds=[guarded.appliance])
    network.wait_for_state(guarded.appliance, "stopped")
    assert guarded.fetched(1) == ""
    ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.replace_route(RouteTableId=inner, DestinationCidrBlock=EVERYONE, GatewayId=guarded.gateway)
    assert guarded.fetched() == "served"


def test_tables_are_exchanged_at_once_and_outlive_a_crash(region, network, guarded):
    ec2 = network.ec2
    local = ec2.create_route_table(VpcId=network.vpc_id)["RouteTable"]["RouteTableId"]
    associated = ec2.associate_route_table(RouteTableId=local, GatewayId=guarded.gateway)
    assert guarded.fetched() == "served"
    edge = guarded.table(PROTECTED)
    replaced = ec2.replace_route_table_association(
        AssociationId=associated["AssociationId"], RouteTableId=edge
    )
    assert guarded.fetched(1) == ""
    region.restart_after_kill()
    assert guarded.fetched(1) == ""
    ec2.replace_route(RouteTableId=edge, DestinationCidrBlock="10.0.0.0/16", NetworkInterfaceId=guarded.eni)
    ec2.delete_route(RouteTableId=edge, DestinationCidrBlock=PROTECTED)
    assert guarded.fetched(1) == ""
    ec2.replace_route(RouteTableId=edge, DestinationCidrBlock="10.0.0.0/16", LocalTarget=True)
    assert guarded.fetched() == "served"
    ec2.disassociate_route_table(AssociationId=replaced["NewAssociationId"])
    assert guarded.fetched() == "served"
    with refused("InvalidParameterValue", "another target"):
        ec2.associate_route_table(RouteTableId=network.route_table_id, GatewayId=guarded.gateway)


def _exec(region, instance_id):
    return [OPENENI, "exec", "--data-dir", str(region.data), instance_id, "--"]
