"""The agent's lanes: one that panics begins anew, and the other's work waits for neither."""

import json
import os
import pathlib
import re
import signal
import time

import namespaces
import region as regions
from namespaces import until
from network import Network, allow


def lanes_of(region):
    status = json.loads(region.openeni("status", "--output", "json").stdout)
    return {lane["name"]: lane for lane in status["lanes"]}


def test_lanes_that_panic_begin_anew_and_calls_converge(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENENI_AGENT_PANIC", "tables=6,devices=5,services=1")
    with regions.running(tmp_path) as region:
        network = Network(region)
        group = network.group("all", allow("icmp"))
        first, _ = network.host(network.subnet_a, group)
        second, eni = network.host(network.subnet_b, group)
        moved = network.interface(network.subnet_a, group)
        for instance_id in (second, first):
            attachment = network.attach(moved["NetworkInterfaceId"], instance_id)
            peer = first if instance_id == second else second
            until(lambda peer=peer: network.pings(peer, moved["PrivateIpAddress"]), "the moved interface is silent")
            network.ec2.detach_network_interface(AttachmentId=attachment)
        network.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[allow("icmp")])
        until(lambda: not network.pings(first, eni["PrivateIpAddress"]), "a revoked rule lets in")
        assert network.fetches(first, "http://169.254.169.254/latest/meta-data/instance-id") == first
        for name in ("tables", "devices", "services"):
            lane = lanes_of(region)[name]
            assert (lane["state"], lane["panics"]) == ("running", 1), lane
            assert "OPENENI_AGENT_PANIC" in lane["last_error"]
            assert f"the agent's {name} lane:  running  1 panics" in region.openeni("status").stdout
        log = region.log.read_text()
        assert log.count("a lane of the agent has panicked") == 3, log


def test_a_lane_that_panics_again_and_again_ends_and_the_region_still_stops_cleanly(tmp_path, monkeypatch):
    with regions.running(tmp_path) as region:
        network = Network(region)
        group = network.group("all", allow("icmp"))
        first, _ = network.host(network.subnet_a, group)
        _, eni = network.host(network.subnet_a, group)
        region.kill()
        monkeypatch.setenv("OPENENI_AGENT_PANIC", "tables=2+")
        region.start()
        until(lambda: lanes_of(region)["tables"]["state"] == "ended", "the lane goes on")
        # What stands stays, calls are answered, and the other lane is not concerned.
        assert network.pings(first, eni["PrivateIpAddress"])
        network.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[allow("icmp")])
        lanes = lanes_of(region)
        assert (lanes["devices"]["state"], lanes["devices"]["panics"]) == ("running", 0), lanes
        assert "OPENENI_AGENT_PANIC" in lanes["tables"]["last_error"]
        assert "the network stays as it is until this process is restarted" in region.log.read_text()
        # Started again, it follows what it has missed.
        region.kill()
        monkeypatch.delenv("OPENENI_AGENT_PANIC")
        region.start()
        until(lambda: not network.pings(first, eni["PrivateIpAddress"]), "a revoked rule lets in")
        region.kill()
        # One that has ended is stopped as any other: the fixture finds nothing left.
        monkeypatch.setenv("OPENENI_AGENT_PANIC", "tables=2+")
        region.start()
        until(lambda: lanes_of(region)["tables"]["state"] == "ended", "the lane goes on")


def test_a_devices_lane_that_panics_at_all_work_delays_no_cut_and_is_tried_again(tmp_path, monkeypatch):
    with regions.running(tmp_path) as region:
        network = Network(region)
        group = network.group("all", allow("icmp"))
        first, _ = network.host(network.subnet_a, group)
        second, eni = network.host(network.subnet_a, group)
        added = network.interface(network.subnet_a, group)
        attachment = network.attach(added["NetworkInterfaceId"], second)
        region.kill()
        monkeypatch.setenv("OPENENI_AGENT_PANIC", "devices=1+")
        region.start()
        assert network.pings(first, eni["PrivateIpAddress"])
        network.ec2.detach_network_interface(AttachmentId=attachment)
        until(lambda: not network.pings(first, added["PrivateIpAddress"]), "a detached interface answers")
        until(lambda: network.describe(added["NetworkInterfaceId"])["Status"] == "available", "not reported")
        network.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[allow("icmp")])
        until(lambda: not network.pings(first, eni["PrivateIpAddress"]), "a revoked rule lets in")
        # What needs a device is planned again and again: an end of the lane would be no better.
        network.ec2.stop_instances(InstanceIds=[first])
        before = lanes_of(region)["devices"]["panics"]
        until(lambda: lanes_of(region)["devices"]["panics"] > before + 2, "it is not tried again")
        lanes = lanes_of(region)
        assert (lanes["tables"]["state"], lanes["tables"]["panics"]) == ("running", 0), lanes
        assert lanes["devices"]["state"] == "running", lanes
        assert "OPENENI_AGENT_PANIC" in lanes["devices"]["last_error"]
        assert network.state(first) == "stopping"
        # A process whose lane works does what is left.
        region.kill()
        monkeypatch.delenv("OPENENI_AGENT_PANIC")
        region.start()
        network.wait_for_state(first, "stopped")


def looks(region):
    found = re.search(r"^openeni_look_seconds_count (\d+)$", region.openeni("metrics").stdout, re.MULTILINE)
    return int(found[1]) if found else 0


def is_quiet(region):
    """Whether nothing is looked at in longer than it takes until what was heard of devices is asked for."""
    before = looks(region)
    time.sleep(7)
    return looks(region) == before


def test_an_instance_that_dies_is_looked_at_at_once(region):
    network = Network(region)
    instance_id, _ = network.host(network.subnet_a, network.group("dies"))
    until(lambda: is_quiet(region), "the agent looks again and again")
    before = looks(region)
    (cgroup,) = namespaces.region_cgroups(regions.region_key(region.data))
    first = (pathlib.Path(cgroup) / instance_id / "cgroup.procs").read_text().split()[0]
    os.kill(int(first), signal.SIGKILL)
    until(lambda: looks(region) > before, "nobody looks", seconds=3)
