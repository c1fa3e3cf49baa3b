"""The commands of docs/NETWORKING.md do what it says, as they stand there."""

import os
import pathlib
import re
import subprocess
import threading

import namespaces
import region as regions
from beyond import LAN_MACHINE, PAGE, PUBLIC, SERVER, fetch, neighbour, serve
from namespaces import ip, until
from network import Network
from region import AWS, OPENENI, ROOT

COMMAND_SECONDS = 30


def commands(heading):
    """The blocks of commands under a heading, in order."""
    text = (ROOT / "docs/NETWORKING.md").read_text()
    (section,) = re.findall(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def run(script, region=None, check=True, **variables):
    """Runs commands as root's shell on the host, where `openeni` finds the region."""
    prelude = "set -eu\n"
    if region is not None:
        prelude += f'openeni() {{ command=$1; shift; {OPENENI} "$command" --data-dir {region.data} "$@"; }}\n'
        script = script.replace("/var/lib/openeni", str(region.data))
    path = f"{pathlib.Path(AWS).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
    return subprocess.run(
        ["bash", "-c", prelude + script], env={"PATH": path, "HOME": "/root", "AWS_PAGER": "", **variables},
        capture_output=True, text=True, timeout=COMMAND_SECONDS, check=check, stdin=subprocess.DEVNULL,
    )


def test_an_instance_reaches_the_internet(region, network, guest, outside, tmp_path):
    internet, _ = outside
    server = serve(internet, tmp_path)
    try:
        with namespaces.entered(internet):
            until(lambda: fetch(f"http://{SERVER}/") == PAGE, "the server does not serve")
        assert not network.fetches(guest, f"http://{SERVER}/")
        command, by_hand, names = commands("To the internet")
        run(command, region)
        assert until(lambda: network.fetches(guest, f"http://{SERVER}/"), "the internet is not reached") == PAGE
        run("openeni uplink off", region)
        assert not network.fetches(guest, f"http://{SERVER}/")
        run(by_hand)
        assert until(lambda: network.fetches(guest, f"http://{SERVER}/"), "the internet is not reached") == PAGE
    finally:
        server.kill()
        server.wait()
    before = pathlib.Path("/etc/resolv.conf").read_text()
    run(names, region, instance=guest)
    assert "nameserver 9.9.9.9\n" in region.run(guest, "cat /etc/resolv.conf")
    assert pathlib.Path("/etc/resolv.conf").read_text() == before


def test_a_nat_gateway_is_a_way_out(region, network):
    ec2 = network.ec2
    private = ec2.create_subnet(VpcId=network.vpc_id, CidrBlock="10.0.9.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=network.vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=private)
    instance, _ = network.host(private, network.group("plain"))
    assert not network.pings(instance, "203.0.113.1")
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    (command,) = commands("By a NAT gateway")
    named = {"public": network.subnet_a, "allocation": allocation, "private_table": table}
    run(command, region, **named, **region.environment)
    assert network.pings(instance, "203.0.113.1")


def test_the_lan_reaches_an_instance(region, network, guest, outside):
    _, lan = outside
    network.serve(guest, PAGE)
    forward, route, port = commands("From the LAN")
    run(forward, region)
    with namespaces.entered(lan):
        run(route)
        until(lambda: fetch(f"http://{PUBLIC}/") == PAGE, "the route does not lead there")
        ip("route", "delete", "203.0.113.0/24")
        assert not fetch("http://192.168.7.1:8080/")
    run(port)
    with namespaces.entered(lan):
        until(lambda: fetch("http://192.168.7.1:8080/") == PAGE, "the port does not lead there")
    assert region.succeeds(guest, "true")


def test_an_instance_calls_the_api_and_nobody_else_does(tmp_path, monkeypatch):
    monkeypatch.setattr(regions, "LISTEN", "0.0.0.0:4599")
    with regions.running(tmp_path) as region:
        network = Network(region)
        interface = network.interface(network.subnet_a, network.group("plain"))["NetworkInterfaceId"]
        instance_id = network.instance(interface)
        network.elastic_address(interface)
        call, close = commands("From an instance to the API")
        # `aws` is in a directory of the tests' own.
        call = call.replace("\naws ", f"\n{AWS} ")
        with neighbour("lan0", f"{LAN_MACHINE}/24", "192.168.7.1/24") as lan:
            assert network.vpc_id in run(call, region, instance=instance_id).stdout
            knock = ["curl", "-s", "-m", "1", "-o", "/dev/null", "http://192.168.7.1:4599/"]
            with namespaces.entered(lan):
                assert subprocess.run(knock, check=False).returncode == 0
            run(close)
            with namespaces.entered(lan):
                assert subprocess.run(knock, check=False).returncode != 0
            assert network.vpc_id in run(call, region, instance=instance_id).stdout
            run("nft delete table ip openeni")


def test_packets_are_watched(region, network, guest):
    peer, _ = network.host(network.subnet_a, network.group("peer"))
    inside, host, fabric = commands("Watching packets")
    watch = {
        inside: lambda: network.pings(peer, "10.0.1.10"),
        host: lambda: subprocess.run(["ping", "-nqc1", "-W1", PUBLIC], capture_output=True, check=False),
        fabric: lambda: network.pings(peer, "10.0.1.10"),
    }
    for script, ping in watch.items():
        done = []
        watcher = threading.Thread(target=lambda: done.append(run(script, region, instance=guest)))
        # A thread is in the namespace of whoever starts it.
        watcher.start()
        until(lambda: ping() and not watcher.is_alive() or not watcher.is_alive(), f"nothing is seen: {script}", 20)
        watcher.join()
        assert "ICMP echo request" in done[0].stdout, done[0]
