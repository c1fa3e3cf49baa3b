"""Elastic Fabric Adapters at the API through boto3, with real (namespace) instances behind them."""

import json

import pytest

from namespaces import until
from network import INSTANCE_SECONDS, Network, allow
from region import refused

pytestmark = pytest.mark.efa


@pytest.fixture(scope="module")
def net(shared_region):
    return Network(shared_region)


@pytest.fixture(scope="module")
def group(net):
    return net.group("cluster", allow("icmp"))


@pytest.fixture(scope="module")
def instance_type(ec2, net):
    """A type of two cards that each take an adapter, on the processor of the image."""
    image = ec2.describe_images(ImageIds=[net.image_id])["Images"][0]
    return "c8gn.48xlarge" if image["Architecture"] == "arm64" else "c6in.32xlarge"


def place(net, group, interface_type, card=0, index=0, **more):
    return {
        "InterfaceType": interface_type,
        "NetworkCardIndex": card,
        "DeviceIndex": index,
        "SubnetId": net.subnet_a,
        "Groups": [group],
    } | more


def launch(net, instance_type, *interfaces):
    """A running instance; its id and its interfaces, as DescribeInstances gives them."""
    launched = net.ec2.run_instances(
        ImageId=net.image_id,
        InstanceType=instance_type,
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=list(interfaces),
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    net.wait_for_state(instance_id, "running")
    until(
        lambda: all(
            interface["Attachment"]["Status"] == "attached" for interface in interfaces_of(net, instance_id)
        ),
        f"an interface of {instance_id} is not attached",
        INSTANCE_SECONDS,
    )
    return instance_id, interfaces_of(net, instance_id)


def interfaces_of(net, instance_id):
    found = net.ec2.describe_instances(InstanceIds=[instance_id])
    return found["Reservations"][0]["Instances"][0]["NetworkInterfaces"]


def guest_links(net, instance_id):
    """The network devices of the guest by MAC address, with their names and addresses."""
    links = json.loads(net.region.run(instance_id, "ip -j address"))
    return {
        link["address"]: (link["ifname"], [address["local"] for address in link["addr_info"]])
        for link in links
        if link["ifname"] != "lo"
    }


def test_an_instance_runs_with_adapters_that_carry_ip_or_do_not(ec2, net, group, instance_type):
    instance_id, (first, second) = launch(
        net, instance_type, place(net, group, "efa"), place(net, group, "efa-only", card=1, index=1)
    )
    assert (first["InterfaceType"], second["InterfaceType"]) == ("efa", "efa-only")
    assert second["PrivateIpAddresses"] == [] and "PrivateIpAddress" not in second
    assert second["Attachment"]["NetworkCardIndex"] == 1
    filters = [{"Name": "interface-type", "Values": ["efa-only"]}]
    found = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    assert [one["NetworkInterfaceId"] for one in found] == [second["NetworkInterfaceId"]]
    assert found[0]["Status"] == "in-use"
    # The adapter alone is no network device.
    assert guest_links(net, instance_id) == {first["MacAddress"]: ("eth0", [first["PrivateIpAddress"]])}
    neighbour, _ = net.host(net.subnet_a, group)
    until(lambda: net.pings(neighbour, first["PrivateIpAddress"]), "IP does not pass on an efa interface")
    devices = [
        interface["device"]
        for instance in net.region.status()["instances"]
        if instance["instance_id"] == instance_id
        for interface in instance["interfaces"]
    ]
    assert devices == ["eth0", None]

    ec2.terminate_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "terminated")
    until(
        lambda: not ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"],
        "the launch's adapter is not deleted",
    )


def test_interfaces_at_one_index_of_two_cards_both_carry_ip(net, group, instance_type):
    """EC2's recommended launches put every adapter but the first at the same index of its own card."""
    instance_id, interfaces = launch(
        net, instance_type, place(net, group, "efa"), place(net, group, "efa", card=1, index=0)
    )
    links = guest_links(net, instance_id)
    assert [links[interface["MacAddress"]] for interface in interfaces] == [
        ("eth0", [interfaces[0]["PrivateIpAddress"]]),
        ("eth256", [interfaces[1]["PrivateIpAddress"]]),
    ]
    neighbour, _ = net.host(net.subnet_a, group)
    for interface in interfaces:
        address = interface["PrivateIpAddress"]
        until(lambda: net.pings(neighbour, address), f"{address} does not answer")


def test_adapters_are_attached_and_detached_while_the_instance_is_stopped(ec2, net, group, instance_type):
    instance_id, _ = launch(net, instance_type, place(net, group, "interface"))
    efa = net.interface(net.subnet_a, group, InterfaceType="efa")["NetworkInterfaceId"]
    at = {"InstanceId": instance_id, "DeviceIndex": 1}
    with refused("IncorrectState", "must be 'stopped'"):
        ec2.attach_network_interface(NetworkInterfaceId=efa, **at)
    ec2.stop_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "stopped")
    attachment = ec2.attach_network_interface(NetworkInterfaceId=efa, **at)["AttachmentId"]
    alone = ec2.create_network_interface(SubnetId=net.subnet_a, InterfaceType="efa-only")["NetworkInterface"]
    alone = alone["NetworkInterfaceId"]
    at = {"InstanceId": instance_id, "DeviceIndex": 2}
    with refused("AttachmentLimitExceeded", "EFA interface count 2 on network card 0"):
        ec2.attach_network_interface(NetworkInterfaceId=alone, **at)
    with refused("UnsupportedOperation", "do not support Elastic Fabric Adapters"):
        ec2.modify_instance_attribute(
            InstanceId=instance_id,
            InstanceType={"Value": "t4g.medium" if instance_type.startswith("c8g") else "t3.medium"},
        )
    ec2.attach_network_interface(NetworkInterfaceId=alone, NetworkCardIndex=1, **at)
    ec2.start_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "running")
    with refused("IncorrectState", "must be 'stopped'"):
        ec2.detach_network_interface(AttachmentId=attachment, Force=True)
    ec2.stop_instances(InstanceIds=[instance_id])
    net.wait_for_state(instance_id, "stopped")
    ec2.detach_network_interface(AttachmentId=attachment)
    assert net.describe(efa)["Status"] == "available"


def test_what_needs_ip_is_refused_for_an_adapter_alone(ec2, net, group, instance_type):
    with refused("InvalidParameterCombination", "efa-only"):
        ec2.create_network_interface(
            SubnetId=net.subnet_a, InterfaceType="efa-only", PrivateIpAddress="10.0.1.200"
        )
    made = ec2.create_network_interface(SubnetId=net.subnet_a, InterfaceType="efa-only")["NetworkInterface"]
    assert made["InterfaceType"] == "efa-only" and made["PrivateIpAddresses"] == []
    eni = made["NetworkInterfaceId"]
    with refused("UnsupportedOperation"):
        ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, SecondaryPrivateIpAddressCount=1)
    allocation = ec2.allocate_address()["AllocationId"]
    with refused("InvalidParameterValue", "has no private IP address"):
        ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=eni)
    with refused("InvalidParameterCombination", "primary"):
        launch(net, instance_type, place(net, group, "efa-only"))
    with refused("UnsupportedOperation", "'trunk'"):
        ec2.create_network_interface(SubnetId=net.subnet_a, InterfaceType="trunk")


def test_types_say_what_adapters_they_take(ec2, instance_type):
    found = ec2.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"][0]["NetworkInfo"]
    assert found["EfaSupported"] is True
    assert found["EfaInfo"] == {"MaximumEfaInterfaces": 2}
    assert found["EnaSrdSupported"] is True
    assert len(found["NetworkCards"]) == found["MaximumNetworkCards"] == 2
    filters = [
        {"Name": "network-info.efa-supported", "Values": ["true"]},
        {"Name": "network-info.efa-info.maximum-efa-interfaces", "Values": ["32"]},
    ]
    pages = ec2.get_paginator("describe_instance_types").paginate(Filters=filters)
    names = [row["InstanceType"] for page in pages for row in page["InstanceTypes"]]
    assert names == ["p5.48xlarge", "p5e.48xlarge"]


def test_ena_express_is_off_and_says_so(ec2, net, group):
    eni = net.interface(net.subnet_a, group)["NetworkInterfaceId"]
    for enabled in (False, True):
        change = {"NetworkInterfaceId": eni, "EnaSrdSpecification": {"EnaSrdEnabled": enabled}}
        if enabled:
            with refused("UnsupportedOperation", "ENA Express"):
                ec2.modify_network_interface_attribute(**change)
        else:
            ec2.modify_network_interface_attribute(**change)
