"""What tells programs in an instance that they are on EC2, where they look before they ask the network: the firmware's and the
hypervisor's words in /sys."""

import os
import pathlib
import re

import pytest

from namespaces import until

# As cloud-init's ds-identify decides (dscheck_Ec2, ec2_identify_platform), in the order in which it looks.
IDENTIFY = r"""
first() { [ -r "$1" ] && head -n 1 "$1"; }
case "$(first /sys/hypervisor/uuid)" in
    [Ee][Cc]2*) echo AWS by hypervisor; exit;;
esac
uuid=$(first /sys/class/dmi/id/product_uuid) serial=$(first /sys/class/dmi/id/product_serial)
case "$uuid:$serial" in
    [Ee][Cc]2*:[Ee][Cc]2*) [ "$uuid" = "$serial" ] && echo AWS by firmware;;
esac
"""


def marks(region, instance_id):
    """What every file says, by its name."""
    printed = region.run(instance_id, "cd /sys/class/dmi/id && grep -s . *")
    return dict(line.split(":", 1) for line in printed.splitlines())


def launched(network, instance_type):
    interface = network.interface(network.subnet_a, network.group(f"of-{instance_type}"))
    return network.instance(interface["NetworkInterfaceId"], instance_type), interface


def test_a_nitro_instance_finds_itself_in_the_firmware(region, network):
    instance_id, _ = launched(network, "t3.micro")
    found = marks(region, instance_id)
    vendors = ("sys_vendor", "bios_vendor", "board_vendor", "chassis_vendor", "chassis_asset_tag")
    assert {found[name] for name in vendors} == {"Amazon EC2"}
    assert (found["board_asset_tag"], found["product_name"]) == (instance_id, "t3.micro")
    assert found["bios_version"] == "1.0"
    assert re.fullmatch(r"ec2[0-9a-f]{5}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found["product_uuid"])
    assert found["product_serial"] == found["product_uuid"]
    assert region.run(instance_id, IDENTIFY) == "AWS by firmware\n"
    for name in ("product_uuid", "sys_vendor"):
        assert not region.succeeds(instance_id, f"echo x >/sys/class/dmi/id/{name}")
    # The number is the instance's for life, and another's is another.
    network.ec2.stop_instances(InstanceIds=[instance_id])
    network.ec2.start_instances(InstanceIds=[instance_id])
    assert marks(region, instance_id)["product_uuid"] == found["product_uuid"]
    other, _ = launched(network, "t3.small")
    assert marks(region, other)["product_uuid"] != found["product_uuid"]


def test_a_xen_instance_finds_itself_by_its_hypervisor(region, network):
    instance_id, _ = launched(network, "t2.micro")
    found = marks(region, instance_id)
    assert (found["sys_vendor"], found["bios_version"]) == ("Xen", "4.11.amazon")
    assert "board_asset_tag" not in found
    uuid = region.run(instance_id, "cat /sys/hypervisor/uuid").strip()
    assert uuid.startswith("ec2") and found["product_uuid"] == uuid.upper()
    assert region.run(instance_id, IDENTIFY) == "AWS by hypervisor\n"


@pytest.mark.parametrize("instance_type", ["t3.medium", "t2.medium"])
def test_the_rest_of_sys_is_as_it_was(region, network, instance_type):
    instance_id, _ = launched(network, instance_type)
    assert region.run(instance_id, "ls /sys/class/net").split() == ["eth0", "lo"]
    second = network.interface(network.subnet_a, network.group("second"))
    attachment = network.attach(second["NetworkInterfaceId"], instance_id)
    # Devices that come later are there as well, by their ways through /sys.
    read = "cat /sys/class/net/eth1/address && cd -P /sys/class/net/eth1 && pwd"
    printed = region.run(instance_id, read).split()
    assert printed == [second["MacAddress"], "/sys/devices/virtual/net/eth1"]
    network.ec2.detach_network_interface(AttachmentId=attachment)
    gone = "test ! -e /sys/class/net/eth1"
    until(lambda: region.succeeds(instance_id, gone), "eth1 stays")
    for directory in ("/sys", "/sys/class"):
        inside = set(region.run(instance_id, f"ls {directory}").split())
        outside = set(os.listdir(directory))
        assert outside <= inside, directory


def test_the_hosts_own_are_as_they_were(region, network):
    look = ("/sys/class/dmi/id", "/sys/hypervisor")
    before = [os.path.exists(path) for path in look]
    launched(network, "t2.micro")
    assert [os.path.exists(path) for path in look] == before
    assert "marks" not in pathlib.Path("/proc/self/mounts").read_text()
    assert region
