"""kill -9 at any moment: what was acknowledged is there, and flows between instances never noticed."""

import random
import threading
import time

import botocore.exceptions
import pytest

from namespaces import until
from network import allow

# The issue asks for fifty kills; each takes about a second, most of it the restart.
KILLS = 50


class Caller:
    """Creates interfaces as fast as it can and remembers which were acknowledged."""

    def __init__(self, region, subnet_id):
        self.region = region
        self.subnet_id = subnet_id
        self.acknowledged = []
        self.failure = None

    def __call__(self):
        # The calling thread is in the namespace: threads inherit it from the one that starts them.
        client = self.region.client()
        try:
            while True:
                made = client.create_network_interface(SubnetId=self.subnet_id)["NetworkInterface"]
                self.acknowledged.append((made["NetworkInterfaceId"], made["PrivateIpAddress"]))
        except (botocore.exceptions.HTTPClientError, botocore.exceptions.EndpointConnectionError):
            pass  # the region was killed: this call was not acknowledged
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure


def all_interfaces(client, subnet_id):
    pages = client.get_paginator("describe_network_interfaces").paginate(
        Filters=[{"Name": "subnet-id", "Values": [subnet_id]}], PaginationConfig={"PageSize": 1000}
    )
    found = [one for page in pages for one in page["NetworkInterfaces"]]
    return {one["NetworkInterfaceId"]: one["PrivateIpAddress"] for one in found}


@pytest.mark.parametrize("seed", [1])
def test_every_acknowledged_call_survives_fifty_kills(region, seed):
    client = region.client()
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = client.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/16")["Subnet"]["SubnetId"]
    moment = random.Random(seed)
    acknowledged = {}
    for kill in range(KILLS):
        callers = [Caller(region, subnet) for _ in range(2)]
        threads = [threading.Thread(target=caller) for caller in callers]
        for thread in threads:
            thread.start()
        time.sleep(moment.uniform(0.0, 0.3))
        region.kill()
        for thread in threads:
            thread.join(30)
        region.start()
        for caller in callers:
            assert caller.failure is None, caller.failure
            acknowledged.update(caller.acknowledged)
        found = all_interfaces(client, subnet)
        lost = acknowledged.items() - found.items()
        assert not lost, f"seed {seed}, kill {kill}: {lost}"
        # Calls in flight may have been committed unanswered, one a caller; none by half.
        assert len(found) <= len(acknowledged) + 2 * (kill + 1)
        assert len(set(found.values())) == len(found), "an address was given twice"


def test_a_restart_interrupts_no_flow_and_changes_what_it_must(region, network):
    group = network.group("all", allow("tcp", port=9000), allow("icmp"))
    server, server_eni = network.host(network.subnet_a, group)
    client, client_eni = network.host(network.subnet_b, group)
    address = server_eni["PrivateIpAddress"]
    echo = (
        "import socket\n"
        "listener = socket.create_server((\"0.0.0.0\", 9000))\n"
        "peer, _ = listener.accept()\n"
        "while (data := peer.recv(64)):\n"
        "    peer.sendall(data)\n"
    )
    files = region.directory
    (files / "echo.py").write_text(echo)
    region.run(server, f"setsid python3 {files}/echo.py </dev/null >/dev/null 2>&1 &")
    # One connection for the whole test: it writes the longest wait between question and answer when it ends.
    probe = (
        "import pathlib, socket, time\n"
        f"stop = pathlib.Path(\"{files}/stop\")\n"
        "deadline = time.monotonic() + 10\n"
        "while True:\n"
        "    try:\n"
        f"        peer = socket.create_connection((\"{address}\", 9000), timeout=5)\n"
        "        break\n"
        "    except OSError:\n"
        "        assert time.monotonic() < deadline\n"
        "        time.sleep(0.05)\n"
        "longest, asked = 0, 0\n"
        "while not stop.exists():\n"
        "    start = time.monotonic()\n"
        "    peer.sendall(b\"x\")\n"
        "    assert peer.recv(1)\n"
        "    longest, asked = max(longest, time.monotonic() - start), asked + 1\n"
        "    time.sleep(0.001)\n"
        f"pathlib.Path(\"{files}/result\").write_text(f\"{{longest}} {{asked}}\")\n"
    )
    (files / "probe.py").write_text(probe)
    region.run(client, f"setsid python3 {files}/probe.py </dev/null >{files}/probe.log 2>&1 &")
    time.sleep(1)
    for _ in range(5):
        region.kill()
        time.sleep(0.2)
        region.start()
    # The restarted agent governs: a change after the last kill takes effect.
    network.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[allow("icmp")])
    until(lambda: not network.pings(client, address), "a rule revoked after the restart still lets in")
    (files / "stop").touch()
    until((files / "result").exists, "the probing connection broke")
    longest, asked = until((files / "result").read_text, "the result is empty").split()
    # Retransmission would show as 200 ms and more. The machine under test is busy restarting a debug build.
    assert float(longest) < 0.2, f"an answer took {longest} s"
    assert int(asked) > 500
    assert network.describe(client_eni["NetworkInterfaceId"])["Status"] == "in-use"


def test_what_an_answered_call_forbids_stays_forbidden_if_the_region_dies_at_once(region, network):
    echo = network.group("echo", allow("icmp"))
    # Many rules, so that their rows take a while to write.
    many = network.group("many")
    ranges = [{"CidrIp": f"10.1.{number // 250}.{number % 250}/32"} for number in range(600)]
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": ranges}
    network.ec2.authorize_security_group_ingress(GroupId=many, IpPermissions=[web])
    first, _ = network.host(network.subnet_a, echo)
    _, eni = network.host(network.subnet_a, many)
    answered = region.directory / "answered"
    answered.touch()
    ping = f"ping -n -c 1 -W 1 {eni['PrivateIpAddress']} > /dev/null && echo >> {answered}"
    region.run(first, f"setsid sh -c 'while sleep 0.01; do {ping}; done' > /dev/null 2>&1 &")

    def set_group(group):
        network.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=eni["NetworkInterfaceId"], Groups=[group]
        )

    for _ in range(3):
        before = answered.stat().st_size
        set_group(echo)
        until(lambda: answered.stat().st_size > before + 3, "no echo request is answered")
        set_group(many)
        region.kill()
        time.sleep(0.2)  # for a request that was under way
        seen = answered.stat().st_size
        time.sleep(1)
        assert answered.stat().st_size == seen
        region.start()


def test_instances_survive_a_kill_and_are_taken_down_by_a_stop(region, network):
    instance_id, eni = network.host(network.subnet_a, network.group("all", allow("icmp")))
    started = region.run(instance_id, "cat /proc/1/stat").split()[21]
    region.restart_after_kill()
    assert region.run(instance_id, "cat /proc/1/stat").split()[21] == started, "the instance was rebooted"
    assert network.describe(eni["NetworkInterfaceId"])["Attachment"]["Status"] == "attached"
