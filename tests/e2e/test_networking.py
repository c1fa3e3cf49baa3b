"""The commands of docs/NETWORKING.md do what it says, as they stand there."""

import contextlib
import os
import pathlib
import re
import secrets
import subprocess
import threading

import pytest

import namespaces
import region as regions
from namespaces import ip, until
from network import Network, allow
from region import AWS, OPENENI, ROOT

COMMAND_SECONDS = 30
SERVER = "198.51.100.10"
LAN_MACHINE = "192.168.7.9"
PUBLIC = "203.0.113.25"
PAGE = "served"


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


@contextlib.contextmanager
def neighbour(device, own, gateway, *more):
    """A machine beside the host, at its device of this name: its network namespace."""
    name = f"openeni-e2e-{secrets.token_hex(4)}"
    ip("netns", "add", name)
    try:
        ip("link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", gateway, "dev", device)
        ip("link", "set", device, "up")
        with namespaces.entered(f"/run/netns/{name}"):
            ip("link", "set", "lo", "up")
            ip("link", "set", "eth0", "up")
            for address in (own, *more):
                ip("addr", "add", address, "dev", "eth0")
        yield f"/run/netns/{name}"
    finally:
        # The kernel takes a deleted namespace's devices down later; what the host has must be gone with the test.
        subprocess.run(["ip", "link", "delete", device], check=False)
        ip("netns", "delete", name)


@pytest.fixture
def outside(region):
    """The internet, at the host's default route, and a LAN; the host in the middle."""
    assert region
    with (
        neighbour("wan0", "192.0.2.1/24", "192.0.2.2/24", f"{SERVER}/32") as internet,
        neighbour("lan0", f"{LAN_MACHINE}/24", "192.168.7.1/24") as lan,
    ):
        ip("route", "add", "default", "via", "192.0.2.1")
        try:
            yield internet, lan
        finally:
            ip("route", "delete", "default")
            run("nft delete table ip openeni 2>/dev/null || true")


@pytest.fixture
def guest(region, network):
    """An instance with the public address that the document speaks of."""
    group = network.group("open", allow("tcp", port=80), allow("icmp"))
    interface = network.interface(network.subnet_a, group)
    instance_id = network.instance(interface["NetworkInterfaceId"])
    allocated = network.ec2.allocate_address(Domain="vpc", Address=PUBLIC)
    network.ec2.associate_address(
        AllocationId=allocated["AllocationId"], NetworkInterfaceId=interface["NetworkInterfaceId"]
    )
    return instance_id


def serve(path, directory):
    """A web server in a namespace beside the host."""
    (directory / "index.html").write_text(PAGE)
    with namespaces.entered(path):
        return subprocess.Popen(
            ["python3", "-m", "http.server", "80", "--directory", str(directory)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )


def fetch(url):
    done = subprocess.run(["curl", "-sf", "-m", "2", url], capture_output=True, text=True, check=False)
    return done.stdout


def test_an_instance_reaches_the_internet(region, network, guest, outside, tmp_path):
    internet, _ = outside
    server = serve(internet, tmp_path)
    try:
        with namespaces.entered(internet):
            until(lambda: fetch(f"http://{SERVER}/") == PAGE, "the server does not serve")
        assert not network.fetches(guest, f"http://{SERVER}/")
        forward, names = commands("To the internet")
        run(forward)
        assert until(lambda: network.fetches(guest, f"http://{SERVER}/"), "the internet is not reached") == PAGE
    finally:
        server.kill()
        server.wait()
    before = pathlib.Path("/etc/resolv.conf").read_text()
    run(names, region, instance=guest)
    assert "nameserver 9.9.9.9\n" in region.run(guest, "cat /etc/resolv.conf")
    assert pathlib.Path("/etc/resolv.conf").read_text() == before


def test_the_lan_reaches_an_instance(region, network, guest, outside):
    _, lan = outside
    network.serve(guest, PAGE)
    run(commands("To the internet")[0])
    route, port = commands("From the LAN")
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
