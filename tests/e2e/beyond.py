"""Machines beside the host: the internet at its default route, and a LAN."""

import contextlib
import secrets
import subprocess

import namespaces
from namespaces import ip

SERVER = "198.51.100.10"
LAN_MACHINE = "192.168.7.9"
PUBLIC = "203.0.113.25"
PAGE = "served"


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
