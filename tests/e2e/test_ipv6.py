"""Instances with IPv6: what they see, whom they reach, and what survives moves and crashes."""

import ipaddress
import subprocess

import pytest

from namespaces import until
from network import allow

EVERYONE = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]


class Both:
    """The network's VPC with an IPv6 block, and a subnet of both families."""

    def __init__(self, network):
        self.network = network
        self.ec2 = network.ec2
        self.vpc = network.vpc_id
        self.ec2.associate_vpc_cidr_block(VpcId=self.vpc, AmazonProvidedIpv6CidrBlock=True)
        [vpc] = self.ec2.describe_vpcs(VpcIds=[self.vpc])["Vpcs"]
        self.block = ipaddress.ip_network(vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
        self.parts = [str(part) for part in self.block.subnets(new_prefix=64)]
        self.ec2.associate_subnet_cidr_block(SubnetId=network.subnet_a, Ipv6CidrBlock=self.parts[1])
        self.ec2.associate_subnet_cidr_block(SubnetId=network.subnet_b, Ipv6CidrBlock=self.parts[2])
        self.group = network.group("both", allow("icmp"))
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=EVERYONE)

    def host(self, subnet):
        """An instance with an IPv6 address, and that address."""
        instance, eni = self.network.host(subnet, self.group, Ipv6AddressCount=1)
        return instance, eni["Ipv6Addresses"][0]["Ipv6Address"]

    def pings(self, region, instance, address):
        return region.succeeds(instance, f"ping -6 -c 1 -W 2 {address}")


@pytest.fixture(name="both")
def network_of_both_families(network):
    return Both(network)


def test_instances_reach_each_other_in_and_between_subnets(region, network, both):
    one, _ = both.host(network.subnet_a)
    near, near_address = both.host(network.subnet_a)
    far, far_address = both.host(network.subnet_b)
    for instance, address in [(near, near_address), (far, far_address)]:
        assert address in region.run(instance, "ip -6 addr show eth0")
        until(lambda address=address: both.pings(region, one, address), f"{address} is not reached")
        network.serve(instance, instance, address="::")
    assert network.fetches(one, f"http://[{far_address}]/") == far
    # Without an address there is no IPv6.
    plain, _ = network.host(network.subnet_a, both.group)
    assert "inet6" not in region.run(plain, "ip -6 addr show eth0")


def test_a_delegated_block_alone_is_ipv6_that_a_guest_gives_out_itself(region, network, both):
    """As Kubernetes' network plugins use it: the interface has a block and no address."""
    client, _ = both.host(network.subnet_a)
    instance, eni = network.host(network.subnet_b, both.group, Ipv6PrefixCount=1)
    block = ipaddress.ip_network(eni["Ipv6Prefixes"][0]["Ipv6Prefix"])
    own = str(block[7])
    region.run(instance, f"ip -6 addr add {own}/128 dev eth0 nodad")
    until(lambda: both.pings(region, client, own), f"{own} is not reached")
    assert region.succeeds(client, f"ping -6 -c 1 -W 2 {own}")


def test_a_guest_answers_from_blocks_of_a_secondary_interface_that_come_while_it_runs(region, network, both):
    """What is sent from a delegated block leaves by its interface: by the primary one it would be dropped as spoofed."""
    client, _ = both.host(network.subnet_a)
    instance, _ = network.host(network.subnet_a, both.group)
    second = network.interface(network.subnet_b, both.group)
    eni = second["NetworkInterfaceId"]
    network.attach(eni, instance)
    [ipv4] = network.ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, Ipv4PrefixCount=1)["AssignedIpv4Prefixes"]
    [ipv6] = network.ec2.assign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6PrefixCount=1)["AssignedIpv6Prefixes"]
    blocks = [ipv4["Ipv4Prefix"], ipv6]
    owns = [str(ipaddress.ip_network(block)[7]) for block in blocks]

    def rules():
        return region.run(instance, "ip rule; ip -6 rule")

    until(lambda: all(f"from {block} lookup 10001" in rules() for block in blocks), "there is no rule for a block")
    assert "via fe80:ec2::1" in region.run(instance, "ip -6 route show default dev eth1")
    region.run(instance, f"ip addr add {owns[0]}/32 dev eth1; ip -6 addr add {owns[1]}/128 dev eth1 nodad")
    for own in owns:
        until(lambda own=own: region.succeeds(client, f"ping -c 1 -W 2 {own}"), f"{own} does not answer")
    assert "spoofed_address" not in region.drops(eni)

    # As well after a restart of the region, and they go with the blocks.
    region.restart_after_kill()
    for own in owns:
        until(lambda own=own: region.succeeds(client, f"ping -c 1 -W 2 {own}"), f"{own} does not answer any more")
    network.ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni, Ipv4Prefixes=blocks[:1])
    network.ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6Prefixes=blocks[1:])
    until(lambda: not any(block in rules() for block in blocks), "a rule outlives its block")


def test_a_block_brings_ipv6_to_an_instance_that_runs(region, network, both):
    client, _ = both.host(network.subnet_a)
    instance, eni = network.host(network.subnet_b, both.group)
    assert "inet6" not in region.run(instance, "ip -6 addr show eth0")
    name = eni["NetworkInterfaceId"]
    [block] = network.ec2.assign_ipv6_addresses(NetworkInterfaceId=name, Ipv6PrefixCount=1)["AssignedIpv6Prefixes"]
    until(lambda: "via fe80:ec2::1" in region.run(instance, "ip -6 route show default"), "there is no way out by IPv6")
    own = str(ipaddress.ip_network(block)[7])
    region.run(instance, f"ip -6 addr add {own}/128 dev eth0 nodad")
    until(lambda: both.pings(region, client, own), f"{own} does not answer")


def test_an_interface_takes_its_addresses_along(region, network, both):
    client, _ = both.host(network.subnet_a)
    active, _ = network.host(network.subnet_a, both.group)
    standby, _ = network.host(network.subnet_a, both.group)
    moving = network.interface(network.subnet_b, both.group, Ipv6AddressCount=1)
    address = moving["Ipv6Addresses"][0]["Ipv6Address"]
    url = f"http://[{address}]/"
    for instance in (active, standby):
        network.serve(instance, instance, address="::")
    attachment = network.attach(moving["NetworkInterfaceId"], active)
    until(lambda: network.fetches(client, url) == active, "the first does not answer")
    network.ec2.detach_network_interface(AttachmentId=attachment, Force=True)
    until(lambda: network.describe(moving["NetworkInterfaceId"])["Status"] == "available", "it is not detached")
    network.attach(moving["NetworkInterfaceId"], standby)
    until(lambda: network.fetches(client, url) == standby, "the second does not answer")
    assert address not in region.run(active, "ip -6 addr")
    assert "10001" not in region.run(active, "ip -6 rule")


def test_addresses_come_and_go_while_an_instance_runs(region, network, both):
    instance, _ = both.host(network.subnet_a)
    [eni] = network.ec2.describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance]}]
    )["NetworkInterfaces"]
    name = eni["NetworkInterfaceId"]
    [more] = network.ec2.assign_ipv6_addresses(NetworkInterfaceId=name, Ipv6AddressCount=1)["AssignedIpv6Addresses"]
    until(lambda: more in region.run(instance, "ip -6 addr show eth0"), "the address does not come")
    url = f"http://169.254.169.254/latest/meta-data/network/interfaces/macs/{eni['MacAddress']}/ipv6s"
    assert more in network.fetches(instance, url)
    assert more in region.openeni("status").stdout
    network.ec2.unassign_ipv6_addresses(NetworkInterfaceId=name, Ipv6Addresses=[more])
    until(lambda: more not in region.run(instance, "ip -6 addr show eth0"), "the address does not go")


def test_the_host_is_the_internet_and_is_again_after_a_crash(region, network, both):
    instance, address = both.host(network.subnet_a)
    [table] = network.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [both.vpc]}])["RouteTables"]
    [gateway] = network.ec2.describe_internet_gateways(
        Filters=[{"Name": "attachment.vpc-id", "Values": [both.vpc]}]
    )["InternetGateways"]
    network.ec2.create_route(
        RouteTableId=table["RouteTableId"],
        DestinationIpv6CidrBlock="::/0",
        GatewayId=gateway["InternetGatewayId"],
    )
    subprocess.run(["ip", "addr", "add", "2001:db8:ffff::1/128", "dev", "lo"], check=True)
    try:
        routes = ["ip", "-6", "route", "show", "dev", "openeni0"]
        block = str(both.block)
        until(lambda: block in subprocess.run(routes, capture_output=True, text=True, check=True).stdout, "no route")
        ping = ["ping", "-6", "-c", "1", "-W", "2", "-I", "2001:db8:ffff::1", address]
        reached = lambda: subprocess.run(ping, capture_output=True, check=False).returncode == 0
        until(reached, "the host does not reach the instance")
        assert both.pings(region, instance, "2001:db8:ffff::1")
        region.restart_after_kill()
        until(reached, "the host does not reach the instance any more")
        assert both.pings(region, instance, "2001:db8:ffff::1")
    finally:
        subprocess.run(["ip", "addr", "del", "2001:db8:ffff::1/128", "dev", "lo"], check=True)
