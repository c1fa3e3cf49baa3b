"""The agent's two lanes: one that panics begins anew, and the other's work waits for neither."""

import json

import region as regions
from namespaces import until
from network import Network, allow


def lanes_of(region):
    status = json.loads(region.openeni("status", "--output", "json").stdout)
    return {lane["name"]: lane for lane in status["lanes"]}


def test_lanes_that_panic_begin_anew_and_calls_converge(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENENI_AGENT_PANIC", "tables=6,devices=5")
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
        for name in ("tables", "devices"):
            lane = lanes_of(region)[name]
            assert (lane["state"], lane["panics"]) == ("running", 1), lane
            assert "OPENENI_AGENT_PANIC" in lane["last_error"]
            assert f"the agent's {name} lane:  running  1 panics" in region.openeni("status").stdout
        log = region.log.read_text()
        assert log.count("a lane of the agent has panicked") == 2, log
