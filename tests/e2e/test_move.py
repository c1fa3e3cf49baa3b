"""A secondary interface moves to another instance with all that belongs to it, traffic included."""

import concurrent.futures
import itertools
import subprocess
import time

import pytest

from namespaces import until
from network import allow

KEPT = [
    "MacAddress",
    "PrivateIpAddress",
    "PrivateIpAddresses",
    "Association",
    "Groups",
    "Description",
    "SourceDestCheck",
    "TagSet",
    "SubnetId",
]


def identity(described):
    """What a move must not change."""
    return {name: described.get(name) for name in KEPT}


@pytest.mark.parametrize("force", [False, True])
def test_a_moved_interface_keeps_its_identity_and_its_traffic_follows(region, network, force):
    group = network.group("moving", allow("icmp"), allow("tcp", port=80))
    active, _ = network.host(network.subnet_a, group)
    standby, _ = network.host(network.subnet_a, group)
    client, _ = network.host(network.subnet_a, group)
    moving = network.interface(
        network.subnet_b,
        group,
        Description="the service's interface",
        SecondaryPrivateIpAddressCount=1,
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    name = moving["NetworkInterfaceId"]
    secondary = moving["PrivateIpAddresses"][1]["PrivateIpAddress"]
    public = network.elastic_address(name)
    network.elastic_address(name, secondary)
    for instance_id in (active, standby):
        network.serve(instance_id, instance_id)
    attachment = network.attach(name, active)
    before = identity(network.describe(name))

    def answers(expected):
        for address in (moving["PrivateIpAddress"], secondary):
            url = f"http://{address}/"
            until(lambda url=url: network.fetches(client, url) == expected, f"{expected} does not answer at {url}")
        fetch = ["curl", "-sf", "-m", "2", f"http://{public}/"]
        until(
            lambda: subprocess.run(fetch, capture_output=True, text=True, check=False).stdout == expected,
            f"{expected} does not answer at {public}",
        )

    answers(active)
    network.ec2.detach_network_interface(AttachmentId=attachment, Force=force)
    until(lambda: network.describe(name)["Status"] == "available", "the interface is not detached")
    assert identity(network.describe(name)) == before
    assert network.fetches(client, f"http://{moving['PrivateIpAddress']}/") is None
    assert not region.succeeds(active, "ip link show eth1")

    network.attach(name, standby)
    assert identity(network.describe(name)) == before
    assert moving["MacAddress"] in region.run(standby, "ip link show eth1")
    assert secondary in region.run(standby, "ip -4 addr show eth1")
    answers(standby)


def test_an_interface_moves_from_a_terminated_instance(network):
    group = network.group("moving", allow("icmp"))
    failed, _ = network.host(network.subnet_a, group)
    standby, _ = network.host(network.subnet_a, group)
    client, _ = network.host(network.subnet_a, group)
    moving = network.interface(network.subnet_b, group)
    network.attach(moving["NetworkInterfaceId"], failed)
    assert network.pings(client, moving["PrivateIpAddress"])
    network.ec2.terminate_instances(InstanceIds=[failed])
    until(
        lambda: network.describe(moving["NetworkInterfaceId"])["Status"] == "available",
        "the interface is not released",
    )
    network.attach(moving["NetworkInterfaceId"], standby)
    until(lambda: network.pings(client, moving["PrivateIpAddress"]), "the standby does not answer")


def test_a_reassigned_private_address_takes_its_traffic_along(network):
    group = network.group("moving", allow("tcp", port=80))
    first, first_eni = network.host(network.subnet_a, group)
    second, second_eni = network.host(network.subnet_a, group)
    client, _ = network.host(network.subnet_a, group)
    network.serve(first, "first")
    network.serve(second, "second")
    address = "10.0.1.200"
    for eni, text in ((first_eni, "first"), (second_eni, "second")):
        network.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=eni["NetworkInterfaceId"], PrivateIpAddresses=[address], AllowReassignment=True
        )
        until(lambda text=text: network.fetches(client, f"http://{address}/") == text, f"{text} does not answer")


def longest_silence(network, client, address, change):
    """Seconds without an answer while the client pings and `change` happens."""
    interval, seconds = 0.05, 5
    ping = f"ping -n -i {interval} -w {seconds} {address}"
    with concurrent.futures.ThreadPoolExecutor() as executor:
        pings = executor.submit(network.region.run, client, ping, check=False)
        time.sleep(1)
        change()
    lines = pings.result().splitlines()
    answered = [int(line.split("icmp_seq=")[1].split()[0]) for line in lines if "icmp_seq=" in line]
    sent = next(int(line.split()[0]) for line in lines if "packets transmitted" in line)
    return max(later - earlier for earlier, later in itertools.pairwise([0, *answered, sent])) * interval


def test_an_address_moves_between_interfaces_that_take_the_packets_of_others(network):
    """Pairs of firewalls live on it: both would take what is sent to the MAC that a neighbour remembers."""
    group = network.group("moving", allow("icmp"))
    pair = [network.host(network.subnet_a, group) for _ in range(2)]
    client, _ = network.host(network.subnet_a, group)
    stranger, _ = network.host(network.subnet_a, group)
    address = "10.0.1.200"

    def unchecked(eni):
        network.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=eni["NetworkInterfaceId"], SourceDestCheck={"Value": False}
        )

    def give(eni):
        network.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=eni["NetworkInterfaceId"], PrivateIpAddresses=[address], AllowReassignment=True
        )

    def remembered(instance_id):
        return network.region.run(instance_id, f"ip neigh show {address}")

    for _, eni in pair:
        unchecked(eni)
    (_, first), (_, second) = pair
    give(first)
    until(lambda: network.pings(client, address), "the first owner does not answer")
    for owner in (second, first, second):
        assert longest_silence(network, client, address, lambda owner=owner: give(owner)) < 1
        assert owner["MacAddress"] in remembered(client)
        assert remembered(stranger) == "", "who has not asked is told nothing"

    # Taken away, and given to an interface that is made anew.
    network.ec2.unassign_private_ip_addresses(
        NetworkInterfaceId=second["NetworkInterfaceId"], PrivateIpAddresses=[address]
    )
    third = network.interface(network.subnet_a, group, PrivateIpAddress=address)
    unchecked(third)
    network.attach(third["NetworkInterfaceId"], pair[0][0])
    until(lambda: network.pings(client, address), "the third owner does not answer", seconds=2)
    assert third["MacAddress"] in remembered(client)


def test_an_address_that_moves_around_a_crash_is_announced_by_the_next_agent(network):
    group = network.group("moving", allow("icmp"))
    (_, first), (_, second) = (network.host(network.subnet_a, group) for _ in range(2))
    client, _ = network.host(network.subnet_a, group)
    address = "10.0.1.200"
    for eni in (first, second):
        network.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=eni["NetworkInterfaceId"], SourceDestCheck={"Value": False}
        )
    for turn in range(4):
        owner = (first, second)[turn % 2]
        network.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=owner["NetworkInterfaceId"], PrivateIpAddresses=[address], AllowReassignment=True
        )
        if turn > 0:
            network.region.restart_after_kill()
        until(lambda: network.pings(client, address), "the owner does not answer", seconds=2)
        until(
            lambda owner=owner: owner["MacAddress"] in network.region.run(client, f"ip neigh show {address}"),
            "the client was not told",
            seconds=2,
        )
