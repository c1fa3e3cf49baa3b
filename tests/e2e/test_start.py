"""A region that cannot start says why and what to do, and leaves everything as it was."""

import subprocess

import pytest

import namespaces
import region as regions
from region import OPENENI, READY_SECONDS, Region


def refusal(data, *options):
    """What `openeni dev` says when it does not start."""
    command = [OPENENI, "dev", "--data-dir", str(data), "--listen", "127.0.0.1:0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=READY_SECONDS, check=False)
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    return line


DAMAGES = {
    "empty": lambda whole: b"",
    "half": lambda whole: whole[: len(whole) // 2],
    "noise": lambda whole: whole[:4096] + bytes(range(256)) * 64 + whole[4096 + 256 * 64 :],
    "foreign": lambda whole: b"something else".ljust(len(whole), b"."),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_store_is_named_and_left_as_it_is(tmp_path, damage):
    with regions.running(tmp_path) as region:
        store = region.data / "store.redb"
    store.write_bytes(damage(store.read_bytes()))
    damaged = store.read_bytes()
    with namespaces.private_host():
        line = refusal(region.data)
    assert f"the store's file {store} is damaged: " in line, line
    assert "put a copy of it back, or move it away to begin with an empty region" in line, line
    assert store.read_bytes() == damaged
    assert namespaces.mounts_under(region.data) == []


def test_a_second_region_in_one_namespace_is_told_of_the_first(region, tmp_path):
    other = tmp_path / "other"
    line = refusal(other)
    assert f"openeni0 of this network namespace belongs to the region of {region.data}" in line, line
    assert namespaces.mounts_under(other) == []
    region.restart_after_kill()
    assert namespaces.interfaces() == ["lo", "openeni0"]

    # Started where another region is, a region that was killed elsewhere leaves that one alone.
    moved = Region(tmp_path / "moved")
    moved.directory.mkdir()
    with namespaces.private_host():
        moved.start()
        moved.kill()
        with namespaces.entered(f"/proc/{region.process.pid}/ns/net"):
            assert str(region.data) in refusal(moved.data)
        moved.start()
        moved.stop()
