"""A region under test: `openeni dev` in a directory of its own, and the ways to talk to it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

import boto3
import botocore.config
import botocore.exceptions
import pytest

import namespaces
import wire_shape
from namespaces import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPENENI = os.environ.get("OPENENI", str(ROOT / "target/debug/openeni"))
AWS = str(ROOT / ".venv/bin/aws")
LISTEN = "127.0.0.1:4599"
# A debug build on a busy machine; the region is ready in well under a second otherwise.
READY_SECONDS = 60
STOP_SECONDS = 60
COMMAND_SECONDS = 60


class Region:
    """One region. Start it in a namespace from `namespaces.private_host`."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.process = None
        self.endpoint = None
        self._environment = None

    # -- life -----------------------------------------------------------------------------------------

    def start(self, *options):
        """Starts the region and waits for its ready line."""
        assert self.process is None, "already running"
        command = [OPENENI, "dev", "--listen", LISTEN, "--data-dir", str(self.data), *options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self._first_line()
        match = re.fullmatch(r"ready (http://[0-9.:]+)\n", line)
        assert match, f"{line!r} instead of the ready line\n{self.tail()}"
        self.endpoint = match[1]
        return self

    def _first_line(self):
        lines = []
        reader = threading.Thread(target=lambda: lines.append(self.process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(READY_SECONDS)
        return lines[0] if lines else ""

    def stop(self):
        """Ends the region as a user does; it must end by itself and say that all went well."""
        self.process.send_signal(signal.SIGTERM)
        status = self._wait()
        assert status == 0, f"exit status {status}\n{self.tail()}"

    def kill(self):
        """Ends the region's process at once, as a crash does."""
        self.process.kill()
        self._wait()

    def _wait(self):
        status = self.process.wait(STOP_SECONDS)
        self.process.stdout.close()
        self.process = None
        return status

    def restart_after_kill(self):
        self.kill()
        return self.start()

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    # -- ways in --------------------------------------------------------------------------------------

    @property
    def environment(self):
        """What `eval "$(openeni env)"` exports."""
        if self._environment is None:
            exports = self.openeni("env").stdout
            self._environment = dict(re.findall(r"^export ([A-Z_]+)='?([^'\n]*?)'?;?$", exports, re.MULTILINE))
        return self._environment

    def client(self, service="ec2", **options):
        """A boto3 client that does not hide errors by retrying."""
        environment = self.environment
        config = botocore.config.Config(
            retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60, parameter_validation=False
        )
        settings = {
            "endpoint_url": self.endpoint,
            "region_name": environment["AWS_DEFAULT_REGION"],
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
            "config": config,
        }
        client = boto3.session.Session().client(service, **(settings | options))
        if service in wire_shape.SERVICES:
            wire_shape.watch(client)
        return client

    def aws(self, *arguments):
        """Runs the AWS CLI as a user would and gives what it prints, read as JSON."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "AWS_PAGER": "", **self.environment}
        command = [AWS, *map(str, arguments), "--output", "json"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def openeni(self, command, *arguments, check=True, timeout=COMMAND_SECONDS, **options):
        """Runs an `openeni` subcommand that finds the region by its data directory."""
        line = [OPENENI, command, "--data-dir", str(self.data), *arguments]
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL, **options
        )
        if check:
            assert done.returncode == 0, f"{' '.join(line)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def run(self, instance_id, script, check=True):
        """Runs a shell script inside an instance and gives its output."""
        return self.openeni("exec", instance_id, "--", "sh", "-c", script, check=check).stdout

    def succeeds(self, instance_id, script):
        """Whether a shell script inside an instance succeeds."""
        return self.openeni("exec", instance_id, "--", "sh", "-c", script, check=False).returncode == 0

    def status(self):
        return json.loads(self.openeni("status", "--output", "json").stdout)

    def drops(self, network_interface_id):
        """Counters of dropped packets of an attached interface, by reason."""
        for instance in self.status()["instances"]:
            for interface in instance["interfaces"]:
                if interface["network_interface_id"] == network_interface_id:
                    return interface["counters"]["drops"]
        raise AssertionError(f"status shows no running {network_interface_id}")


@contextlib.contextmanager
def running(directory, *options):
    """A fresh, running region on a private host; afterwards it is stopped and nothing may be left of it."""
    namespaces.adopt_orphans()
    before = namespaces.children()
    with namespaces.private_host():
        region = Region(directory)
        try:
            region.start(*options)
            yield region
        finally:
            if region.process is not None:
                region.stop()
        assert_nothing_left(region, before)


def assert_nothing_left(region, children_before):
    """What a stopped region must have taken away with it, besides what `private_host` looks at."""
    until(
        lambda: namespaces.children().keys() <= children_before.keys(),
        f"processes outlive the region: {namespaces.children()}",
    )
    mounts = namespaces.mounts_under(region.data)
    assert mounts == [], f"mounts left: {mounts}"
    key = region_key(region.data)
    cgroups = namespaces.region_cgroups(key)
    assert cgroups == [], f"cgroups left: {cgroups}"


def region_key(directory):
    """The key in the names of what a region makes in the machine: FNV-1a of its data directory's path."""
    key = 0xCBF29CE484222325
    for byte in os.fsencode(directory.resolve()):
        key = ((key ^ byte) * 0x100000001B3) % 2**64
    return f"{key:016x}"


@contextlib.contextmanager
def refused(code, text=None):
    """The call inside must be refused with EC2's error code, and with `text` in its message."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    if text is not None:
        assert text in error["Message"], error
