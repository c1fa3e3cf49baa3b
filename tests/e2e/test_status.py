"""`openeni status`: for people at their terminal, and for programs."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from network import Network, allow
from region import OPENENI

READ_SECONDS = 10


@pytest.fixture(scope="module")
def net(shared_region):
    return Network(shared_region)


@pytest.fixture(scope="module")
def web(net):
    """A named instance with two addresses, the second of which is public too, and one of an interface in another subnet."""
    group = net.group("web", allow("tcp", port=80))
    first = net.interface(net.subnet_a, group, PrivateIpAddress="10.0.1.70")
    net.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=first["NetworkInterfaceId"], PrivateIpAddresses=["10.0.1.71"]
    )
    instance_id = net.instance(first["NetworkInterfaceId"])
    net.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "Name", "Value": "web"}, {"Key": "Team", "Value": "a"}])
    public = net.elastic_address(first["NetworkInterfaceId"], "10.0.1.71")
    second = net.interface(net.subnet_b, net.group("back"))
    net.attach(second["NetworkInterfaceId"], instance_id)
    return {"id": instance_id, "first": first, "second": second, "public": public, "group": group}


@pytest.fixture(scope="module")
def other(net):
    """Another instance, and an interface that is attached to nothing."""
    instance_id, interface = net.host(net.subnet_a, net.group("other"))
    free = net.interface(net.subnet_b)
    return {"id": instance_id, "eni": interface["NetworkInterfaceId"], "free": free["NetworkInterfaceId"]}


def shown(region, *terms):
    return region.openeni("status", *terms).stdout


def test_a_status_fits_and_pairs_addresses(shared_region, web, other):
    text = shown(shared_region)
    assert max(map(len, text.splitlines())) <= 80, text
    lines = [line.split() for line in text.splitlines()]
    assert ["10.0.1.70"] in lines and ["10.0.1.71", web["public"]] in lines, text
    assert [web["id"], "running", "t3.medium", "web"] in lines
    for eni in (web["first"]["NetworkInterfaceId"], web["second"]["NetworkInterfaceId"], other["eni"], other["free"]):
        assert eni in text


def test_what_is_named_is_shown(shared_region, net, web, other):
    first, second = web["first"]["NetworkInterfaceId"], web["second"]["NetworkInterfaceId"]
    everything = {first, second, other["eni"], other["free"]}
    for terms, wanted in [
        ([], everything),
        (["web"], {first, second}),
        ([web["id"]], {first, second}),
        ([second], {second}),
        ([net.subnet_b], {second, other["free"]}),
        ([web["group"]], {first}),
        (["10.0.1.71"], {first}),
        ([web["public"]], {first}),
        ([net.vpc_id], everything),
        ([web["id"], other["free"]], {first, second, other["free"]}),
    ]:
        text = shown(shared_region, *terms)
        assert {eni for eni in everything if eni in text} == wanted, (terms, text)
        document = json.loads(shown(shared_region, *terms, "--output", "json"))
        interfaces = document["unattached"] + [eni for one in document["instances"] for eni in one["interfaces"]]
        assert {eni["network_interface_id"] for eni in interfaces} & everything == wanted
    done = shared_region.openeni("status", "vpc-0", check=False)
    assert done.returncode == 1 and "nothing in the region is, has or is in vpc-0" in done.stderr


def test_programs_are_told_where_things_are(shared_region, net, web, other):
    assert other
    (instance,) = json.loads(shown(shared_region, web["id"], "--output", "json"))["instances"]
    first, second = instance["interfaces"]
    assert instance["tags"] == {"Name": "web", "Team": "a"}
    for thing, subnet in ((instance, net.subnet_a), (first, net.subnet_a), (second, net.subnet_b)):
        place = (thing["subnet_id"], thing["vpc_id"], thing["availability_zone"])
        assert place == (subnet, net.vpc_id, "us-east-1a")
    assert first["security_groups"] == [{"group_id": web["group"], "group_name": "web"}]
    assert first["addresses"] == [
        {"private_ip_address": "10.0.1.70", "public_ip_address": None},
        {"private_ip_address": "10.0.1.71", "public_ip_address": web["public"]},
    ]


def test_a_narrow_terminal_is_fitted_and_watched(shared_region, web, other):
    assert web and other
    columns = 50
    process, near = pty.fork()
    if process == 0:
        time.sleep(0.5)  # until the window has its size
        os.execv(OPENENI, [OPENENI, "status", "--data-dir", str(shared_region.data), "--watch=1"])
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    text, deadline = "", time.monotonic() + READ_SECONDS
    while text.count("region us-east-1") < 3:
        assert time.monotonic() < deadline, text
        if select.select([near], [], [], 0.1)[0]:
            text += os.read(near, 4096).decode()
    os.kill(process, signal.SIGINT)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGINT
    os.close(near)
    assert text.count("\x1b[H\x1b[J") >= 3, "it is not cleared"
    lines = text.replace("\x1b[H\x1b[J", "").splitlines()
    assert max(map(len, lines)) <= columns, text


def test_a_watch_ends_with_its_reader(shared_region):
    line = f"{OPENENI} status --data-dir {shared_region.data} --watch=1 | head -1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=READ_SECONDS, check=True)
    assert (done.stdout, done.stderr) == ("region us-east-1\n", "")
