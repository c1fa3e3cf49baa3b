"""Every rule in the API is enforced on packets, and every drop is explained."""

import subprocess

import pytest

from namespaces import until
from network import EVERYONE, allow


def grown(before, after):
    """Reasons whose counter grew."""
    return {reason for reason, count in after.items() if count > before.get(reason, 0)}


def test_a_security_group_lets_in_what_it_names_and_counts_the_rest(region, network):
    server, server_eni = network.host(network.subnet_a, network.group("server", allow("tcp", "10.0.2.0/24", 80)))
    inside, _ = network.host(network.subnet_b, network.group("clients"))
    outside, _ = network.host(network.subnet_a, network.group("strangers"))
    network.serve(server, "served")
    url = f"http://{server_eni['PrivateIpAddress']}/"
    assert network.fetches(inside, url) == "served"
    before = region.drops(server_eni["NetworkInterfaceId"])
    assert network.fetches(outside, url) is None
    reasons = grown(before, region.drops(server_eni["NetworkInterfaceId"]))
    assert len(reasons) == 1 and "security_group" in reasons.pop().replace("-", "_")


def test_a_group_source_means_the_interfaces_of_that_group(network):
    members = network.group("members")
    server, server_eni = network.host(network.subnet_a, network.group("server", allow("tcp", port=80, group=members)))
    member, member_eni = network.host(network.subnet_b, members)
    stranger, _ = network.host(network.subnet_b, network.group("strangers"))
    network.serve(server, "served")
    url = f"http://{server_eni['PrivateIpAddress']}/"
    assert network.fetches(member, url) == "served"
    assert network.fetches(stranger, url) is None
    network.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=member_eni["NetworkInterfaceId"], Groups=[network.group("left")]
    )
    until(lambda: network.fetches(member, url) is None, "a former member still gets in")


def test_rules_take_effect_while_traffic_flows(network):
    group = network.group("server")
    server, server_eni = network.host(network.subnet_a, group)
    client, _ = network.host(network.subnet_a, network.group("client"))
    network.serve(server, "served")
    url = f"http://{server_eni['PrivateIpAddress']}/"
    assert network.fetches(client, url) is None
    rule = allow("tcp", port=80)
    network.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    until(lambda: network.fetches(client, url) == "served", "the new rule has no effect")
    network.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    until(lambda: network.fetches(client, url) is None, "the revoked rule still has effect")


def test_egress_rules_bind_too(network):
    quiet = network.group("quiet")
    network.ec2.revoke_security_group_egress(
        GroupId=quiet, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": EVERYONE}]}]
    )
    client, client_eni = network.host(network.subnet_a, quiet)
    peer, peer_eni = network.host(network.subnet_a, network.group("open", allow("icmp")))
    assert not network.pings(client, peer_eni["PrivateIpAddress"])
    network.ec2.authorize_security_group_egress(GroupId=quiet, IpPermissions=[allow("icmp")])
    until(lambda: network.pings(client, peer_eni["PrivateIpAddress"]), "the egress rule has no effect")
    # Stateful: the answer came back without an ingress rule, a question of the peer's does not.
    assert not network.pings(peer, client_eni["PrivateIpAddress"])


def test_a_network_acl_binds_at_the_subnets_boundary_only(region, network):
    open_group = network.group("open", allow("icmp"))
    first, first_eni = network.host(network.subnet_a, open_group)
    neighbour, _ = network.host(network.subnet_a, open_group)
    stranger, _ = network.host(network.subnet_b, open_group)
    address = first_eni["PrivateIpAddress"]
    assert network.pings(stranger, address) and network.pings(neighbour, address)
    acl = network.ec2.create_network_acl(VpcId=network.vpc_id)["NetworkAcl"]["NetworkAclId"]
    found = network.ec2.describe_network_acls(
        Filters=[{"Name": "association.subnet-id", "Values": [network.subnet_a]}]
    )["NetworkAcls"][0]
    (association,) = [one for one in found["Associations"] if one["SubnetId"] == network.subnet_a]
    network.ec2.replace_network_acl_association(
        AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl
    )
    before = region.drops(first_eni["NetworkInterfaceId"])
    until(lambda: not network.pings(stranger, address), "an empty network ACL lets packets in")
    reasons = grown(before, region.drops(first_eni["NetworkInterfaceId"]))
    assert any("acl" in reason for reason in reasons), reasons
    assert network.pings(neighbour, address)
    everything = {"NetworkAclId": acl, "RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": EVERYONE}
    network.ec2.create_network_acl_entry(Egress=False, **everything)
    # Stateless: answers need a rule of their own.
    assert not network.pings(stranger, address)
    network.ec2.create_network_acl_entry(Egress=True, **everything)
    until(lambda: network.pings(stranger, address), "the entries have no effect")


def test_an_instance_answers_on_the_interface_it_was_asked_on(region, network):
    group = network.group("all", allow("-1"))
    server, first = network.host(network.subnet_a, group)
    client, _ = network.host(network.subnet_b, group)
    assert network.pings(client, first["PrivateIpAddress"])
    # A rule costs every packet, and one interface needs none.
    assert "lookup 10000" not in region.run(server, "ip rule")
    second = network.interface(network.subnet_b, group)
    network.attach(second["NetworkInterfaceId"], server)
    assert network.pings(client, second["PrivateIpAddress"])
    # Table main would answer the client, now a neighbour on eth1, there with eth0's address.
    until(lambda: network.pings(client, first["PrivateIpAddress"]), "eth0 no longer answers")


@pytest.fixture
def appliance(network):
    """Two subnets whose traffic goes through an instance that forwards: A -> appliance -> 198.51.100.0/24 at B."""
    group = network.group("all", allow("-1"))
    sender, sender_eni = network.host(network.subnet_a, group)
    box, box_eni = network.host(network.subnet_a, group)
    receiver, receiver_eni = network.host(network.subnet_b, group)
    return sender, sender_eni, box, box_eni, receiver, receiver_eni


def test_an_appliance_forwards_only_without_the_source_dest_check(region, network, appliance):
    sender, _, box, box_eni, receiver, receiver_eni = appliance
    # An address that only the receiver knows: everything for it goes to the appliance, and on to the receiver.
    service = "198.51.100.7"
    receiver_table = network.ec2.create_route_table(VpcId=network.vpc_id)["RouteTable"]["RouteTableId"]
    network.ec2.create_route(
        RouteTableId=network.route_table_id,
        DestinationCidrBlock="198.51.100.0/24",
        NetworkInterfaceId=box_eni["NetworkInterfaceId"],
    )
    middle = network.interface(network.subnet_b, *[group["GroupId"] for group in box_eni["Groups"]])
    network.attach(middle["NetworkInterfaceId"], box)
    network.ec2.associate_route_table(RouteTableId=receiver_table, SubnetId=network.subnet_b)
    network.ec2.create_route(
        RouteTableId=receiver_table,
        DestinationCidrBlock="198.51.100.0/24",
        NetworkInterfaceId=receiver_eni["NetworkInterfaceId"],
    )
    region.run(receiver, f"ip addr add {service}/32 dev lo")
    region.run(box, "sysctl -qw net.ipv4.ip_forward=1")
    region.run(box, f"ip route replace {service}/32 via 10.0.2.1 dev eth1 && ip rule add pref 1 to {service} table main")

    def check(interface, value):
        network.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface["NetworkInterfaceId"], SourceDestCheck={"Value": value}
        )

    assert not network.pings(sender, service)
    for interface in (box_eni, middle, receiver_eni):
        check(interface, False)
    until(lambda: network.pings(sender, service), "the appliance does not forward")
    before = region.drops(box_eni["NetworkInterfaceId"])
    check(box_eni, True)
    until(lambda: not network.pings(sender, service), "the check does not cut")
    reasons = grown(before, region.drops(box_eni["NetworkInterfaceId"]))
    assert any("destination" in reason or "dest" in reason for reason in reasons), reasons
    check(box_eni, False)
    until(lambda: network.pings(sender, service), "turning the check off again has no effect")


def test_a_spoofed_source_is_dropped_and_counted(region, network):
    group = network.group("all", allow("-1"))
    liar, liar_eni = network.host(network.subnet_a, group)
    _, victim_eni = network.host(network.subnet_a, group)
    region.run(liar, "ip addr add 10.0.1.222/32 dev eth0")
    before = region.drops(liar_eni["NetworkInterfaceId"])
    assert not network.pings(liar, victim_eni["PrivateIpAddress"], "-I 10.0.1.222")
    reasons = grown(before, region.drops(liar_eni["NetworkInterfaceId"]))
    assert any("spoof" in reason or "source" in reason for reason in reasons), reasons
    assert network.pings(liar, victim_eni["PrivateIpAddress"])


def test_vpcs_are_apart_even_with_the_same_addresses(region, network):
    ec2, group = network.ec2, network.group("all", allow("-1"))
    first, _ = network.host(network.subnet_a, group)
    other_vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=other_vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a")
    other_group = ec2.create_security_group(GroupName="all", Description="d", VpcId=other_vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=other_group, IpPermissions=[allow("-1")])
    other = network.interface(subnet["Subnet"]["SubnetId"], other_group, PrivateIpAddress="10.0.1.99")
    network.instance(other["NetworkInterfaceId"])
    assert not network.pings(first, "10.0.1.99")


def test_an_elastic_ip_needs_the_route_to_the_gateway(network):
    group = network.group("all", allow("-1"))
    instance_id, eni = network.host(network.subnet_a, group)
    public = network.elastic_address(eni["NetworkInterfaceId"])
    ping = ["ping", "-n", "-c", "1", "-W", "1", public]

    def host_pings():
        return subprocess.run(ping, capture_output=True, check=False).returncode == 0

    until(host_pings, "the host does not reach the Elastic IP")
    assert instance_id
    network.ec2.delete_route(RouteTableId=network.route_table_id, DestinationCidrBlock=EVERYONE)
    until(lambda: not host_pings(), "an answer leaves without a route")
