"""`openeni uplink` opens the way out of the machine, and leaves what it found."""

import os
import pathlib
import subprocess

import pytest

import namespaces
import region as regions
from beyond import PAGE, SERVER, fetch, neighbour, serve
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
