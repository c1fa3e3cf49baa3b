"""`openeni uplink` opens the way out of the machine, and leaves what it found."""

import os
import pathlib
import subprocess

import pytest

import namespaces
import region as regions
from beyond import LAN_MACHINE, PAGE, PUBLIC, SERVER, fetch, neighbour, serve
from namespaces import ip, until
from region import COMMAND_SECONDS, OPENENI, READY_SECONDS

SYSCTL = pathlib.Path("/proc/sys/net/ipv4")
OWN_RULES = """
table ip mine {
    chain forward {
        type filter hook forward priority filter;
    }
}
"""
NFT_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def nft(*arguments, rules=None):
    done = subprocess.run(
        ["nft", *arguments], input=rules, env={"PATH": NFT_PATH}, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


def forwarding():
    """Whether the host forwards, and whatever changes along with it; not of the region's own device."""
    names = ["ip_forward", "conf/all/accept_redirects"]
    names += [f"conf/{path.name}/forwarding" for path in (SYSCTL / "conf").iterdir() if path.name != "openeni0"]
    return {name: (SYSCTL / name).read_text() for name in names}


def state():
    """All that the command may change."""
    return nft("list", "ruleset"), forwarding()


def uplink(data, *arguments, **options):
    return subprocess.run(
        [OPENENI, "uplink", *arguments, "--data-dir", str(data)],
        capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False, stdin=subprocess.DEVNULL, **options,
    )


def turn(region, *arguments):
    done = uplink(region.data, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(data, *arguments, **options):
    done = uplink(data, *arguments, **options)
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def settings(outside):
    """A host that does not forward but by one device, takes no redirects, and has rules of its own; all to be kept."""
    (SYSCTL / "ip_forward").write_text("0")
    (SYSCTL / "conf/all/accept_redirects").write_text("0")
    (SYSCTL / "conf/lan0/forwarding").write_text("1")
    nft("-f", "-", rules=OWN_RULES)
    yield
    nft("delete", "table", "ip", "mine")


def test_an_instance_gets_out_as_long_as_it_is_on(region, network, guest, outside, settings, tmp_path):
    internet, _ = outside
    before = state()
    server = serve(internet, tmp_path)
    try:
        with namespaces.entered(internet):
            until(lambda: fetch(f"http://{SERVER}/") == PAGE, "the server does not serve")

        def reaches():
            return network.fetches(guest, f"http://{SERVER}/") == PAGE

        assert not reaches()
        assert "wan0" in turn(region, "on")
        until(reaches, "the internet is not reached")
        on = state()
        assert on != before and f"table ip openeni-{regions.region_key(region.data)}" in on[0]

        # Twice is once, whatever has become of the table; a region that was killed changes nothing.
        nft("flush", "table", "ip", f"openeni-{regions.region_key(region.data)}")
        turn(region, "on", "wan0")
        assert state() == on
        region.restart_after_kill()
        assert state() == on
        until(reaches, "the internet is not reached after a crash")

        # It moves.
        turn(region, "on", "lan0")
        assert 'oifname "lan0"' in nft("list", "ruleset") and "wan0" not in nft("list", "ruleset")
        turn(region, "on", "wan0")

        # It is taken back as well while no region runs.
        region.kill()
        turn(region, "off")
        assert state() == before
        assert not (region.data / "uplink.json").exists()
        region.start()
        assert not reaches()
        assert "was not on" in turn(region, "off")
    finally:
        server.kill()
        server.wait()
    assert state() == before


def test_a_region_has_it_from_start_to_end(region, network, guest, outside, settings, tmp_path):
    internet, _ = outside
    before = state()
    region.stop()
    server = serve(internet, tmp_path)
    try:
        region.start("--uplink", "wan0")
        on = state()
        assert on != before
        until(lambda: network.fetches(guest, f"http://{SERVER}/") == PAGE, "the internet is not reached")
        region.kill()
        assert state() == on
        region.start("--uplink", "wan0")
        assert state() == on
        region.stop()
        assert state() == before
        # An end without the option leaves what the command has turned on.
        region.start()
        turn(region, "on", "wan0")
        region.stop()
        assert state() == on
        turn(region, "off")
        assert state() == before
        region.start()
    finally:
        server.kill()
        server.wait()


def test_what_cannot_be_is_refused_before_anything_is_changed(region, tmp_path):
    (SYSCTL / "ip_forward").write_text("0")
    before = state()
    data = region.data
    assert "no IPv4 default route" in refusal(data, "on")
    assert "there is no interface wan9" in refusal(data, "on", "wan9")
    assert "leads to no other machine" in refusal(data, "on", "lo")
    assert "leads to no other machine" in refusal(data, "on", "openeni0")
    with neighbour("wan0", "192.0.2.1/24", "192.0.2.2/24"):
        here = state()
        for mount, said in (
            ("mount -t tmpfs none /usr/sbin", "there is no `nft`"),
            ("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys", "does not forward IPv4, and its"),
        ):
            script = f"{mount} && exec {OPENENI} uplink on wan0 --data-dir {data}"
            command = ["unshare", "-m", "--propagation", "private", "bash", "-c", script]
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
            assert done.returncode == 1 and said in done.stderr, done
        command = ["setpriv", "--reuid", "65534", "--clear-groups", OPENENI, "uplink", "on", "wan0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        assert done.returncode == 1 and "`openeni uplink` needs root" in done.stderr, done
        assert state() == here
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no region is running" in refusal(empty, "on", "lo")
    assert "holds no region" in refusal(empty, "off")
    assert list(empty.iterdir()) == []
    with namespaces.private_host():
        assert "has no openeni0 in this network namespace" in refusal(data, "on", "lo")
    assert state() == before
    assert not (data / "uplink.json").exists()


def test_a_region_does_not_start_without_the_uplink_it_is_to_have(tmp_path):
    data = tmp_path / "data"
    with namespaces.private_host():
        before = state()
        command = [OPENENI, "dev", "--data-dir", str(data), "--listen", "127.0.0.1:0", "--uplink", "wan9"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=READY_SECONDS, check=False)
        assert done.returncode == 1 and "there is no interface wan9" in done.stderr, done
        assert state() == before
        assert ip("link", "show", "type", "veth") == ""


ECHO = f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("{SERVER}", 7777))
    while True:
        text, client = server.recvfrom(100)
        server.sendto(client[0].encode(), client)
"""
ASK = f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.bind(("0.0.0.0", 40000))
    client.settimeout(1)
    client.sendto(b"?", ("{SERVER}", 7777))
    print(client.recv(100).decode())
"""
# Somebody else's translation, as of a host with containers: the kernel tracks connections whatever we do.
OTHERS_TRANSLATION = """
table ip others {
    chain out {
        type nat hook postrouting priority srcnat;
        ip saddr 172.17.0.0/16 masquerade
    }
}
"""


def test_connections_begin_anew_when_it_is_turned_on_or_off(region, network, guest, outside):
    internet, _ = outside
    (SYSCTL / "ip_forward").write_text("1")
    nft("-f", "-", rules=OTHERS_TRANSLATION)
    with namespaces.entered(internet):
        ip("route", "add", "203.0.113.0/24", "via", "192.0.2.2")
        server = subprocess.Popen(["python3", "-c", ECHO])
    try:
        def seen_as():
            return region.run(guest, f"python3 -c '{ASK}'", check=False).strip()

        until(lambda: seen_as() == PUBLIC, "the server is not reached as it is")
        turn(region, "on")
        until(lambda: seen_as() == "192.0.2.2", "a connection goes on as it began before")
        turn(region, "off")
        until(lambda: seen_as() == PUBLIC, "a connection outlives the uplink")
    finally:
        server.kill()
        server.wait()
        nft("delete", "table", "ip", "others")


def test_the_host_becomes_a_router_for_instances_alone(region, network, guest, outside, tmp_path):
    internet, lan = outside
    (SYSCTL / "ip_forward").write_text("0")
    for path, gateway in ((lan, "192.168.7.1"), (internet, "192.0.2.2")):
        with namespaces.entered(path):
            ip("route", "add", "default", "via", gateway)

    def pings(path, address):
        with namespaces.entered(path):
            done = subprocess.run(["ping", "-nqc1", "-W1", address], capture_output=True, check=False)
            return done.returncode == 0

    (tmp_path / "lan").mkdir()
    servers = [serve(internet, tmp_path), serve(lan, tmp_path / "lan")]
    try:
        with namespaces.entered(lan):
            until(lambda: fetch(f"http://{LAN_MACHINE}/") == PAGE, "the machine of the LAN does not serve")
        turn(region, "on")
        until(lambda: network.fetches(guest, f"http://{SERVER}/") == PAGE, "the internet is not reached")
        # Whoever knows the way to the pool reaches it by the uplink, as far as the instance lets him.
        assert pings(internet, PUBLIC)
        assert not pings(lan, SERVER) and not pings(internet, LAN_MACHINE) and not pings(lan, PUBLIC)
        # The LAN knows the way back, and yet hears nothing from the pool.
        assert not network.fetches(guest, f"http://{LAN_MACHINE}/")

        # A host that forwards does so for whom it wants; instances still leave by the uplink alone.
        turn(region, "off")
        (SYSCTL / "ip_forward").write_text("1")
        turn(region, "on")
        assert pings(lan, SERVER) and pings(internet, LAN_MACHINE) and pings(lan, PUBLIC)
        assert not network.fetches(guest, f"http://{LAN_MACHINE}/")
        assert network.fetches(guest, f"http://{SERVER}/") == PAGE
    finally:
        for server in servers:
            server.kill()
            server.wait()


def test_it_says_why_nothing_gets_out(region, outside):
    assert outside
    (SYSCTL / "ip_forward").write_text("1")
    (SYSCTL / "conf/wan0/forwarding").write_text("0")
    (SYSCTL / "conf/openeni0/forwarding").write_text("0")
    before = state()
    assert turn(region, "status") == turn(region) == "the uplink is off\n"
    ip("link", "property", "add", "dev", "wan0", "altname", "the-interface-that-leads-to-the-world")
    done = uplink(region.data, "on", "the-interface-that-leads-to-the-world")
    assert done.returncode == 0 and "leaves by wan0" in done.stdout and done.stderr == "", done
    assert (SYSCTL / "conf/openeni0/forwarding").read_text() == "1\n"
    assert turn(region) == "the uplink is on, by wan0\n"
    assert region.status()["way_out"] == {"interface": "wan0", "problems": []}

    def complaint():
        """What is said of packets' way, by both commands the same."""
        done = uplink(region.data, "status")
        assert done.returncode == 0 and done.stdout == "the uplink is on, by wan0\n", done
        (problem,) = region.status()["way_out"]["problems"]
        assert problem in done.stderr and len(done.stderr.splitlines()) == 1, (problem, done)
        return problem

    key = regions.region_key(region.data)
    nft("delete", "table", "ip", f"openeni-{key}")
    assert "table of nftables is gone" in complaint()
    turn(region, "on", "wan0")
    for name, said in (
        ("ip_forward", "does not forward"),
        ("conf/openeni0/forwarding", "goes nowhere"),
        ("conf/wan0/forwarding", "comes back by wan0 goes nowhere"),
    ):
        was = {path: path.read_text() for path in (SYSCTL / "conf").glob("*/forwarding")}
        (SYSCTL / name).write_text("0")
        assert said in complaint()
        (SYSCTL / name).write_text("1")
        for path, value in was.items():
            path.write_text(value)
    ip("route", "add", "unreachable", "198.41.0.0/24")
    assert "goes nowhere" in complaint()
    ip("route", "replace", "198.41.0.0/24", "dev", "lan0")
    assert "is by lan0" in complaint()
    ip("route", "delete", "198.41.0.0/24")
    assert turn(region) == "the uplink is on, by wan0\n"
    ip("link", "set", "wan0", "down")
    assert "wan0 is down" in complaint()
    ip("link", "set", "wan0", "up")
    ip("route", "replace", "default", "via", "192.0.2.1", "metric", "100")
    ip("route", "add", "unreachable", "default")
    assert "goes nowhere" in complaint()
    ip("route", "delete", "unreachable", "default")
    ip("route", "delete", "default")
    # What has a route is reached all the same.
    assert "no route to the internet: by wan0 instances reach only what has a route" in complaint()
    ip("route", "add", "default", "via", "192.0.2.1")
    turn(region, "off")
    (SYSCTL / "conf/openeni0/forwarding").write_text("0")
    assert state() == before

    ip("route", "replace", "default", "nexthop", "via", "192.0.2.1", "nexthop", "via", "192.168.7.9")
    assert "has several next hops" in refusal(region.data, "on")
    ip("route", "replace", "default", "via", "192.0.2.1")


def test_a_damaged_record_is_named_and_what_is_known_is_taken_back(region, outside):
    assert outside
    (SYSCTL / "ip_forward").write_text("0")
    before = state()
    turn(region, "on", "wan0")
    record = region.data / "uplink.json"
    kept = record.read_text()
    record.write_text("{")
    for arguments in (["on", "wan0"], ["off"], ["status"]):
        assert "uplink.json is damaged" in refusal(region.data, *arguments)
    assert "uplink.json is damaged" in region.status()["way_out"]["problems"][0]
    record.write_text(kept)
    # Renamed meanwhile: the setting is the device's.
    ip("link", "set", "lan0", "down")
    ip("link", "set", "lan0", "name", "lan9")
    ip("link", "set", "lan9", "name", "lan0", "up")
    turn(region, "off")
    assert state() == before


def test_what_is_on_elsewhere_is_taken_back_there(region):
    with neighbour("wan0", "192.0.2.1/24", "192.0.2.2/24"):
        before = state()
        turn(region, "on", "wan0")
        with namespaces.private_host():
            there = state()
            assert "turned on in another network namespace" in refusal(region.data, "off")
            assert state() == there
        turn(region, "off")
        assert state() == before
