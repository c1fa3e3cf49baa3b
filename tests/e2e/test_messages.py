"""Whoever starts a command where it cannot work is told in one sentence why, and what to do."""

import re
import shutil
import subprocess

import pytest

import namespaces
import region as regions
from region import OPENENI, READY_SECONDS

NOBODY = 65534
UNKNOWN = "i-0123456789abcdef0"
LINE = re.compile(
    r"^\S+Z +INFO openeni::api: (?P<action>\S+) (?P<status>\S+) (?P<code>\S+) (?P<ms>[0-9.]+) ms"
    r" (?P<bytes>[0-9]+) bytes (?P<key>\S+) (?P<id>[0-9a-f-]{36})$"
)


def said(*arguments, program=OPENENI, user=None, status=1, **options):
    """The one line on standard error of a command that fails."""
    command = [program, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=READY_SECONDS, check=False,
        stdin=subprocess.DEVNULL, user=user, group=user, extra_groups=None if user is None else [], **options,
    )
    assert (done.returncode, done.stdout) == (status, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("openeni: "), line
    return line


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program, and its EFA libraries if they are built, where every user may run it."""
    directory = tmp_path_factory.mktemp("program")
    for part in [directory, *directory.parents]:
        if part.owner() == "root" and not part.stat().st_mode & 1:
            part.chmod(part.stat().st_mode | 0o111)
    return shutil.copy(OPENENI, directory)


COMMANDS = {
    "dev": ("dev", "--listen", "127.0.0.1:0"),
    "env": ("env",),
    "exec": ("exec", UNKNOWN, "--", "true"),
    "logs": ("logs", UNKNOWN),
    "status": ("status",),
}


def at(directory, command):
    """A command's line for the region in `directory`."""
    name, *arguments = COMMANDS[command]
    return [name, "--data-dir", str(directory), *arguments]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_ordinary_user_is_told_that_it_needs_root(shared_region, program, command):
    line = said(*at(shared_region.data, command), program=program, user=NOBODY)
    assert "needs root" in line and "sudo" in line, line


@pytest.mark.parametrize("demonstration", ["failover", "efa"])
def test_a_demonstration_needs_root(program, demonstration):
    line = said("demo", demonstration, program=program, user=NOBODY)
    assert f"`openeni demo {demonstration}` needs root: run it with sudo" in line


def test_a_fabric_service_needs_root_or_a_directory_of_the_users_own(tmp_path, program):
    config = tmp_path / "fabric.toml"
    config.write_text('[[device]]\nname = "efa_0"\nsubnet = "one"\nmac = "02:00:00:00:00:01"\n')
    for part in (tmp_path, *list(tmp_path.parents)[:2]):
        part.chmod(0o755)
    closed = tmp_path / "closed" / "fabric.sock"
    line = said("fabric", "--config", str(config), "--socket", str(closed), program=program, user=NOBODY)
    assert "needs root there (sudo), or --socket PATH in a directory of the user's own" in line, line
    line = said("fabric", "--config", str(tmp_path / "absent.toml"))
    assert "absent.toml" in line, line
    line = said("status", "--fabric", str(closed))
    assert f"no fabric service is running at {closed}" in line and "openeni fabric --config FILE" in line, line


@pytest.mark.parametrize("command", ["env", "exec", "logs", "status"])
def test_without_a_region_one_is_started_or_named(tmp_path, command):
    for directory in (tmp_path, tmp_path / "absent"):
        line = said(*at(directory, command))
        assert f"start one with `sudo openeni dev --data-dir {directory}`" in line, line
    # Whoever only asks leaves nothing behind.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_is_not_a_directory(tmp_path, command):
    path = tmp_path / "file"
    path.write_text("")
    for wrong in (path, path / "below"):
        line = said(*at(wrong, command))
        assert "is not a directory: name a region's by --data-dir" in line, line


def test_a_directory_of_something_else_is_not_made_a_region(tmp_path):
    (tmp_path / "mail").write_text("")
    line = said("dev", "--data-dir", str(tmp_path), "--listen", "127.0.0.1:0")
    assert "is not empty and holds no region: name an empty or a new directory" in line, line
    assert [path.name for path in tmp_path.iterdir()] == ["mail"]


def test_demo_efa_names_the_libraries_that_are_missing(program):
    line = said("demo", "efa", program=program)
    assert "libopeneni_efa.so and libopeneni_fi.so missing in" in line and "make build" in line, line


def test_a_region_without_the_libraries_says_so_once_and_points_instances_at_nothing(tmp_path, program, monkeypatch):
    monkeypatch.setattr(regions, "OPENENI", program)
    with regions.running(tmp_path) as region:
        ec2 = region.client()
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]
        launched = ec2.run_instances(
            ImageId=image["ImageId"], MinCount=1, MaxCount=1,
            InstanceType="c6gn.16xlarge" if image["Architecture"] == "arm64" else "c5n.18xlarge",
            NetworkInterfaces=[{"DeviceIndex": 0, "InterfaceType": "efa"}],
        )
        environment = region.run(launched["Instances"][0]["InstanceId"], "env")
        assert "PATH=" in environment
        for variable in ("LD_LIBRARY_PATH", "FI_PROVIDER_PATH", "SYSFS_PATH"):
            assert variable not in environment, environment
    lines = [line for line in region.log.read_text().splitlines() if "libopeneni_efa.so" in line]
    assert len(lines) == 1 and "make build" in lines[0], lines


def test_a_taken_port_is_named(shared_region, tmp_path):
    listen = shared_region.endpoint.removeprefix("http://")
    line = said("dev", "--data-dir", str(tmp_path), "--listen", listen)
    assert f"cannot listen on {listen}: " in line and "give another port by --listen" in line, line
    line = said("dev", "--data-dir", str(tmp_path), "--listen", "192.0.2.1:80")
    assert "cannot listen on 192.0.2.1:80: this host has no such address" in line, line


def test_a_running_region_is_not_started_twice(shared_region):
    line = said("dev", "--data-dir", str(shared_region.data), "--listen", "127.0.0.1:0")
    assert f"another region is running in {shared_region.data}: stop that one" in line, line


def test_a_start_that_fails_fixes_nothing(shared_region, tmp_path):
    """Settings are fixed for the life of a region, and one that has never come up is none."""
    listen = shared_region.endpoint.removeprefix("http://")
    said("dev", "--data-dir", str(tmp_path / "data"), "--listen", listen)
    with regions.running(tmp_path, "--region", "eu-west-1", "--public-pool", "198.51.100.0/24") as region:
        assert region.client().allocate_address()["PublicIp"].startswith("198.51.100.")


SETTINGS = {
    "region": ("eu-west-1", "us-east-1"),
    "account-id": ("210987654321", "123456789012"),
    "public-pool": ("198.51.100.0/24", "203.0.113.0/24"),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_a_region_was_made_with_stays(tmp_path, setting):
    first, other = SETTINGS[setting]
    data = tmp_path / "data"
    with regions.running(tmp_path, f"--{setting}", first) as region:
        region.stop()
        line = said("dev", "--data-dir", str(data), "--listen", "127.0.0.1:0", f"--{setting}", other)
        assert f"was made with --{setting} {first} instead of {other}, for good" in line, line
        assert "begin another region in another directory by --data-dir" in line, line
        # Not said again, it is as it was.
        region.start()
        if setting == "public-pool":
            assert region.client().allocate_address()["PublicIp"].startswith("198.51.100.")
        else:
            known = region.environment | {"account": region.client("sts").get_caller_identity()["Account"]}
            assert first in known.values(), known


@pytest.mark.parametrize(
    ("lines", "holder"),
    [
        (["addr add 203.0.113.77/24 dev lan0"], "the device lan0 has 203.0.113.77/24"),
        (["route add 203.0.113.0/25 dev lan0"], "the device lan0 has the route 203.0.113.0/25"),
    ],
)
def test_a_pool_in_use_on_the_host_is_refused_by_name(tmp_path, lines, holder):
    with namespaces.private_host():
        try:
            for line in ["link add lan0 type veth peer lan1", "link set lan1 up", "link set lan0 up", *lines]:
                namespaces.ip(*line.split())
            line = said("dev", "--data-dir", str(tmp_path), "--listen", "127.0.0.1:0")
            assert f"the public pool 203.0.113.0/24 is in use on this host, where {holder}: " in line, line
            assert "--public-pool" in line, line
        finally:
            namespaces.ip("link", "delete", "lan0")
    assert namespaces.mounts_under(tmp_path) == []


def test_env_names_an_address_that_can_be_used(tmp_path):
    for listen, want in (("0.0.0.0:4599", "127.0.0.1:4599"), ("[::]:4599", "[::1]:4599")):
        data = tmp_path / ("v6" if "[" in listen else "v4")
        with namespaces.private_host():
            process = subprocess.Popen(
                [OPENENI, "dev", "--data-dir", str(data), "--listen", listen],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
            try:
                assert process.stdout.readline() == f"ready http://{want}\n"
                told = process.stdout.readline()
                assert told.startswith("next, in a root shell: eval ") and f"env --data-dir {data}" in told, told
                line = re.search(r'eval "\$\((.*?)\)"', told)[1]
                exports = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
                assert f"export AWS_ENDPOINT_URL=http://{want}\n" in exports
                # The other commands find the region in that shell, and `--data-dir` still says otherwise.
                for words, shown in (("status", ""), (f"status --data-dir {tmp_path}", "no region is running in ")):
                    script = f'cd /; eval "$({line})"; unset AWS_ENDPOINT_URL; {OPENENI} {words}'
                    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
                    assert (done.returncode == 0) == (not shown) and shown in done.stderr, done
                # It is no contradiction of what is not a region.
                script = f'eval "$({line})"; {OPENENI} status --fabric {tmp_path}/absent'
                done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
                assert "no fabric service is running at " in done.stderr, done
            finally:
                process.terminate()
                assert process.wait(READY_SECONDS) == 0
                process.stdout.close()


def test_each_call_leaves_a_line_without_secrets(region):
    ec2 = region.client()
    with regions.refused("InvalidVpcID.NotFound"):
        ec2.delete_vpc(VpcId="vpc-0123456789abcdef0")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    kind = "t4g.medium" if ec2.describe_images()["Images"][0]["Architecture"] == "arm64" else "t3.medium"
    answer = ec2.run_instances(ImageId=image, InstanceType=kind, MinCount=1, MaxCount=1, UserData="#!/bin/sh\ntrue secret")
    with regions.refused("AuthFailure"):
        region.client(aws_secret_access_key="wrong").describe_vpcs()
    region.client("sts").get_caller_identity()
    lines = namespaces.until(
        lambda: [match for match in map(LINE.match, region.log.read_text().splitlines()) if match]
        if "GetCallerIdentity" in region.log.read_text() else None,
        "the last call is not logged",
    )
    calls = [(line["action"], line["status"], line["code"]) for line in lines]
    assert calls == [
        ("DeleteVpc", "400", "InvalidVpcID.NotFound"),
        ("DescribeImages", "200", "OK"),
        ("DescribeImages", "200", "OK"),
        ("RunInstances", "200", "OK"),
        ("DescribeVpcs", "401", "AuthFailure"),
        ("GetCallerIdentity", "200", "OK"),
    ], calls
    assert {line["key"] for line in lines} == {region.environment["AWS_ACCESS_KEY_ID"]}
    assert lines[3]["id"] == answer["ResponseMetadata"]["RequestId"]
    log = region.log.read_text()
    assert region.environment["AWS_SECRET_ACCESS_KEY"] not in log and "Signature" not in log and "secret" not in log


def test_the_log_is_as_loud_as_it_is_told(tmp_path):
    with regions.running(tmp_path, "--log", "warn") as region:
        region.client().describe_vpcs()
    assert "DescribeVpcs" not in region.log.read_text()
    line = subprocess.run([OPENENI, "dev", "--log", "loud"], capture_output=True, text=True, check=False)
    assert line.returncode == 2 and "a level (off, error, warn, info, debug, trace)" in line.stderr


def test_without_a_command_the_help_is_shown():
    done = subprocess.run([OPENENI], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Usage: openeni" in done.stderr
    version = subprocess.run([OPENENI, "--version"], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"openeni \d+\.\d+\.\d+\n", version)
    shown = subprocess.run([OPENENI, "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  ([a-z]+) ", shown.split("Commands:")[1].split("Options:")[0], re.MULTILINE)
    for command in [command for command in commands if command != "help"]:
        done = subprocess.run([OPENENI, command, "--help"], capture_output=True, text=True, check=True)
        assert "Usage: openeni" in done.stdout
