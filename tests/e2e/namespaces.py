"""A network namespace that plays the host, and proof that nothing is left behind in the machine."""

import contextlib
import ctypes
import os
import pathlib
import secrets
import subprocess
import time

CLONE_NEWNET = 0x40000000
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))


def adopt_orphans():
    """Makes this process the parent of whatever its descendants leave behind, so that it can be found."""
    _check(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


@contextlib.contextmanager
def entered(path):
    """Runs the calling thread, and processes that it starts, in the network namespace at `path`.

    Only the network namespace is changed: mounts stay visible to everyone, as on a real host.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    inside = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(inside, CLONE_NEWNET))
        yield
    finally:
        _check(_libc.setns(before, CLONE_NEWNET))
        os.close(inside)
        os.close(before)


def ip(*arguments):
    """Runs `ip` in the current namespace and gives its output."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def private_host():
    """A fresh network namespace with nothing but a loopback interface, entered, and gone afterwards."""
    name = f"openeni-e2e-{secrets.token_hex(4)}"
    ip("netns", "add", name)
    try:
        with entered(f"/run/netns/{name}"):
            ip("link", "set", "lo", "up")
            yield name
            assert interfaces() == ["lo"], f"devices left on the host: {interfaces()}"
            assert ip("-4", "route", "show") == "", "routes left on the host"
    finally:
        ip("netns", "delete", name)


def interfaces():
    """Names of the interfaces in the current namespace."""
    lines = ip("-o", "link", "show").splitlines()
    return [line.split(": ")[1].split("@")[0] for line in lines]


def mounts_under(directory):
    """Mount points below `directory`, in this process's view."""
    table = pathlib.Path("/proc/self/mountinfo").read_text()
    points = [line.split()[4] for line in table.splitlines()]
    return [point for point in points if point.startswith(f"{directory}/")]


def region_cgroups(key):
    """Cgroups whose name carries a region's key."""
    return [str(path) for path in pathlib.Path("/sys/fs/cgroup").rglob(f"*{key}*") if path.is_dir()]


def children():
    """Command lines of this process's children, by process id; zombies are reaped on the way."""
    listing = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    found = {}
    for process_id in map(int, listing):
        try:
            command = pathlib.Path(f"/proc/{process_id}/cmdline").read_bytes()
        except FileNotFoundError:
            continue
        if command:
            found[process_id] = command.replace(b"\0", b" ").decode(errors="replace").strip()
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process_id, os.WNOHANG)
    return found


def until(condition, what, seconds=15.0, interval=0.02):
    """Waits until `condition()` is truthy and gives its value; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(interval)
