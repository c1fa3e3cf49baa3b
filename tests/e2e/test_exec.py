"""`openeni exec` and `openeni logs`, as people expect of `docker exec` and `docker logs`."""

import contextlib
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

import pytest

import namespaces
from namespaces import until
from network import Network
from region import OPENENI, region_key

# A command that is told to end has two seconds to do so by itself.
END_SECONDS = 10


@pytest.fixture(scope="module")
def net(shared_region):
    return Network(shared_region)


@pytest.fixture(scope="module")
def instance(net):
    """A running instance without a boot script."""
    return net.host(net.subnet_a)[0]


def command(region, *arguments):
    return [OPENENI, "exec", "--data-dir", str(region.data), *arguments]


def running(region, instance_id, pattern):
    """How many processes in the instance have exactly this command line."""
    return int(region.run(instance_id, f"pgrep -fxc '{pattern}'", check=False) or 0)


@contextlib.contextmanager
def started(region, instance_id, *line, **options):
    """A command in an instance; the process of `openeni exec`."""
    process = subprocess.Popen(
        command(region, instance_id, "--", *line),
        **({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        (["no-such-command"], 127, "openeni: no-such-command: command not found\n"),
        (["/no/such/command"], 127, "openeni: /no/such/command: command not found\n"),
        (["/etc/passwd"], 126, "openeni: /etc/passwd: not executable\n"),
        (["/tmp"], 126, "openeni: /tmp: not executable\n"),
        (["sh", "-c", "exit 0"], 0, ""),
        (["sh", "-c", "exit 255"], 255, ""),
        (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM, ""),
        (["sh", "-c", "kill -KILL $$"], 128 + signal.SIGKILL, ""),
    ],
)
def test_the_exit_code_is_that_of_shells(shared_region, instance, line, status, said):
    done = shared_region.openeni("exec", instance, "--", *line, check=False)
    assert (done.returncode, done.stderr) == (status, said)


def test_standard_input_is_piped_and_output_is_as_it_was_written(shared_region, instance):
    data = os.urandom(1 << 20)
    piped = subprocess.run(command(shared_region, instance, "--", "cat"), input=data, capture_output=True, check=True)
    assert piped.stdout == data
    apart = subprocess.run(
        command(shared_region, instance, "--", "sh", "-c", "echo out; echo err >&2"), capture_output=True, check=True
    )
    assert (apart.stdout, apart.stderr) == (b"out\n", b"err\n")


def test_without_a_command_a_shell_reads_standard_input(shared_region, instance):
    done = subprocess.run(
        command(shared_region, instance), input="hostname; exit 5\n", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.startswith("ip-10-0-1-")) == (5, True), done


ENDS = {
    "command": (["sleep", "7001"], "sleep 7001"),
    "child": (["sh", "-c", "sleep 7002; true"], "sleep 7002"),
    "stubborn": (["sh", "-c", "trap '' HUP TERM; sleep 7003; sleep 7003"], "sleep 7003"),
}


@pytest.mark.parametrize("ended", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda ended: ended.name)
@pytest.mark.parametrize("kind", ENDS)
def test_the_end_of_exec_is_the_end_of_the_command(shared_region, instance, kind, ended):
    line, process_line = ENDS[kind]
    with started(shared_region, instance, *line) as process:
        until(lambda: running(shared_region, instance, process_line) == 1, "the command does not run")
        process.send_signal(ended)
        until(lambda: running(shared_region, instance, process_line) == 0, "the command runs on", END_SECONDS)
        if ended is not signal.SIGKILL:
            last = signal.SIGKILL if kind == "stubborn" else ended
            assert process.wait(END_SECONDS) == 128 + last


def test_an_interrupt_is_the_commands_to_take(shared_region, instance):
    script = "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done"
    with started(shared_region, instance, "sh", "-c", script) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(END_SECONDS) == 9
        assert process.stdout.readline() == b"interrupted\n"


def test_what_left_the_commands_session_lives_on(shared_region, instance):
    shared_region.run(instance, "setsid sleep 7004 </dev/null >/dev/null 2>&1 & sleep 0.2")
    assert running(shared_region, instance, "sleep 7004") == 1
    shared_region.run(instance, "pkill -fx 'sleep 7004'")


class Terminal:
    """A terminal with `openeni exec` at it."""

    def __init__(self, line):
        self.process, self.near = pty.fork()
        if self.process == 0:
            os.execv(line[0], line)
        self.shown = ""

    def expect(self, pattern, seconds=END_SECONDS):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.shown!r}"
            if select.select([self.near], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.near, 4096).decode(errors="replace")
                except OSError:
                    break
        assert re.search(pattern, self.shown), self.shown

    def type(self, text):
        os.write(self.near, text.encode())

    def wait(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def test_at_a_terminal_a_shell_has_a_terminal_of_its_own(shared_region, instance):
    terminal = Terminal(command(shared_region, instance))
    terminal.type("tty; stty size; echo job control: $-\n")
    terminal.expect(r"/dev/pts/\d+")
    terminal.expect(r"job control: \w*m")
    assert "no job control" not in terminal.shown
    # The window's size follows.
    import fcntl
    import struct
    import termios
    fcntl.ioctl(terminal.near, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    namespaces.until(lambda: terminal.type("stty size\n") or terminal.expect(r"33 111") or True, "the size stays")
    # Ctrl-C is the command's, not openeni's.
    terminal.type("sleep 7005\n")
    until(lambda: running(shared_region, instance, "sleep 7005") == 1, "the command does not run")
    terminal.type("\x03")
    until(lambda: running(shared_region, instance, "sleep 7005") == 0, "Ctrl-C does not arrive")
    terminal.type("exit 6\n")
    terminal.expect("exit 6")
    assert terminal.wait() == 6
    os.close(terminal.near)


def test_a_closed_terminal_ends_the_command(shared_region, instance):
    terminal = Terminal(command(shared_region, instance, "--", "sh", "-c", "sleep 7006; true"))
    until(lambda: running(shared_region, instance, "sleep 7006") == 1, "the command does not run")
    os.close(terminal.near)
    until(lambda: running(shared_region, instance, "sleep 7006") == 0, "the command runs on", END_SECONDS)
    terminal.wait()


def test_an_instance_is_named_by_its_id_or_its_name(shared_region, net):
    ids = [net.host(net.subnet_a)[0] for _ in range(3)]
    for instance_id, name in zip(ids, ["one", "two", "two"], strict=True):
        net.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "Name", "Value": name}])
    hosts = {instance_id: shared_region.run(instance_id, "hostname") for instance_id in ids}
    assert shared_region.run("one", "hostname") == hosts[ids[0]]
    refusals = {
        "two": ["several instances are named two", ids[1], ids[2]],
        "three": ["there is no instance three"],
        "i-0123456789abcdef0": ["there is no instance i-0123456789abcdef0"],
    }
    for name, texts in refusals.items():
        for line in (["exec", name, "--", "true"], ["logs", name]):
            done = shared_region.openeni(*line, check=False)
            assert done.returncode == 1 and all(text in done.stderr for text in texts), done
    net.ec2.stop_instances(InstanceIds=[ids[1]])
    done = shared_region.openeni("exec", ids[1], "--", "true", check=False)
    assert f"{ids[1]} is stopped: only a running instance can be entered" in done.stderr, done
    assert f"aws ec2 start-instances --instance-ids {ids[1]}" in done.stderr, done
    shared_region.openeni("exec", ids[0], "--", "kill", "-9", "--", "-1", check=False)


def console(net, instance_id):
    answer = net.ec2.get_console_output(InstanceId=instance_id, Latest=True)
    return answer.get("Output", "")  # boto3 decodes it


def launch(net, user_data):
    eni = net.interface(net.subnet_a)
    return net.instance(eni["NetworkInterfaceId"], user_data=user_data)


def test_a_boot_script_runs_at_the_first_boot_only(region, network):
    marks = region.directory / "marks"
    instance_id = launch(network, f"#!/bin/sh\necho boot >>{marks}\necho hello from the boot script\n")
    until(lambda: "exit code 0" in console(network, instance_id), "the script does not end")
    assert region.openeni("logs", instance_id).stdout == console(network, instance_id)
    assert "hello from the boot script\n" in console(network, instance_id)
    boots = 1

    def booted_again():
        nonlocal boots
        boots += 1
        network.wait_for_state(instance_id, "running")
        until(lambda: region.succeeds(instance_id, "true"), "the instance is not back")
        time.sleep(0.3)  # a script that runs would have printed by now
        assert marks.read_text() == "boot\n", f"boot {boots}"

    network.ec2.reboot_instances(InstanceIds=[instance_id])
    booted_again()
    network.ec2.stop_instances(InstanceIds=[instance_id])
    assert "hello from the boot script" in console(network, instance_id)
    network.ec2.start_instances(InstanceIds=[instance_id])
    booted_again()
    region.restart_after_kill()
    booted_again()
    region.stop()
    region.start()
    network.ec2 = region.client()
    booted_again()
    assert "hello from the boot script" in region.openeni("logs", instance_id).stdout
    network.ec2.terminate_instances(InstanceIds=[instance_id])
    assert "hello from the boot script" in console(network, instance_id)


@pytest.mark.parametrize(
    ("user_data", "why"),
    [
        ("#cloud-config\npackages: [curl]\n", "it is cloud-config, which is not supported"),
        ("Content-Type: multipart/mixed; boundary=x\n", "it is a MIME archive, which is not supported"),
        ("echo hello\n", "it does not begin with #!"),
        ("#!/no/such/shell\n", "its interpreter /no/such/shell is not there"),
        ("#!/bin/sh\r\ntrue\r\n", "its lines end as on Windows"),
    ],
)
def test_why_user_data_was_not_run_stands_in_the_console(shared_region, net, user_data, why):
    instance_id = launch(net, user_data)
    until(lambda: f"user-data was not run: {why}" in console(net, instance_id), f"{why}: not told")
    assert why in shared_region.openeni("logs", instance_id).stdout


def test_logs_are_followed_and_bounded(shared_region, net, tmp_path):
    lines = 20_000
    instance_id = launch(net, f"#!/bin/sh\nsleep 1\nseq -f 'line %.0f' {lines}\n")
    followed = tmp_path / "followed"
    line = [OPENENI, "logs", "-f", "--data-dir", str(shared_region.data), instance_id]
    with followed.open("wb") as output:
        follow = subprocess.Popen(line, stdout=output)
    try:
        until(lambda: "exit code 0" in console(net, instance_id), "the script does not end", 30)
        kept = console(net, instance_id)
        assert len(kept) == 64 * 1024 and f"line {lines}\n" in kept and "line 1\n" not in kept
        until(lambda: f"line {lines}\n" in followed.read_text(), "it is not followed")
        follow.send_signal(signal.SIGINT)
        assert follow.wait(END_SECONDS) == -signal.SIGINT
    finally:
        follow.kill()
        follow.wait()


def test_logs_are_followed_until_the_instance_is_stopped(shared_region, net, tmp_path):
    instance_id = launch(net, "#!/bin/sh\necho booted\n")
    until(lambda: "exit code 0" in console(net, instance_id), "the script does not end")
    with (tmp_path / "followed").open("wb") as output:
        line = [OPENENI, "logs", "-f", "--data-dir", str(shared_region.data), instance_id]
        follow = subprocess.Popen(line, stdout=output)
    try:
        net.ec2.reboot_instances(InstanceIds=[instance_id])
        assert shared_region.succeeds(instance_id, "true")
        assert follow.poll() is None, "a reboot is not the end"
        net.ec2.stop_instances(InstanceIds=[instance_id])
        assert follow.wait(END_SECONDS) == 0
    finally:
        follow.kill()
        follow.wait()
    assert "booted" in (tmp_path / "followed").read_text()


def test_who_follows_logs_hears_that_the_region_is_dead_and_that_it_runs_again(region, tmp_path):
    network = Network(region)
    instance_id, _ = network.host(network.subnet_a, network.group("plain"))
    line = [OPENENI, "logs", "-f", "--data-dir", str(region.data), instance_id]
    told = tmp_path / "told"
    with told.open("wb") as errors:
        follow = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        region.kill()
        until(lambda: "does not run" in told.read_text(), "the region's end is not told")
        assert follow.poll() is None, "the instance lives"
        region.start()
        until(lambda: "runs again" in told.read_text(), "the region's start is not told")
    finally:
        follow.kill()
        follow.wait()


def status(net, instance_id):
    answer = net.ec2.describe_instance_status(InstanceIds=[instance_id])
    [shown] = answer["InstanceStatuses"]
    return shown


def test_an_instance_whose_processes_have_ended_is_impaired_until_it_boots(shared_region, net):
    instance_id = launch(net, None)
    assert status(net, instance_id)["InstanceStatus"]["Status"] == "ok"
    (cgroup,) = namespaces.region_cgroups(region_key(shared_region.data))
    first = (pathlib.Path(cgroup) / instance_id / "cgroup.procs").read_text().split()[0]
    os.kill(int(first), signal.SIGKILL)
    until(lambda: status(net, instance_id)["InstanceStatus"]["Status"] == "impaired", "it is well")
    shown = status(net, instance_id)
    [check] = shown["InstanceStatus"]["Details"]
    assert (check["Name"], check["Status"]) == ("reachability", "failed") and check["ImpairedSince"]
    assert shown["SystemStatus"]["Status"] == "ok" and shown["InstanceState"]["Name"] == "running"
    done = shared_region.openeni("exec", instance_id, "--", "true", check=False)
    assert f"the processes of {instance_id} have ended" in done.stderr, done
    assert "impaired" in shared_region.openeni("status", instance_id).stdout
    # It runs, for EC2: nothing is to be started.
    [started] = net.ec2.start_instances(InstanceIds=[instance_id])["StartingInstances"]
    assert started["CurrentState"]["Name"] == "running"
    assert status(net, instance_id)["InstanceStatus"]["Status"] == "impaired"
    net.ec2.reboot_instances(InstanceIds=[instance_id])
    assert shared_region.succeeds(instance_id, "true"), "a reboot is waited for"
    assert status(net, instance_id)["InstanceStatus"]["Status"] == "ok"


def state(net, instance_id):
    [reservation] = net.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    [shown] = reservation["Instances"]
    return shown


@pytest.mark.parametrize("command", ["busybox poweroff", "busybox poweroff -f", "busybox halt"])
def test_a_guest_that_powers_itself_off_is_stopped(shared_region, net, command):
    instance_id = launch(net, None)
    shared_region.openeni("exec", instance_id, "--", "sh", "-c", f"{command}; sleep 60", check=False)
    until(lambda: state(net, instance_id)["State"]["Name"] == "stopped", "it runs")
    shown = state(net, instance_id)
    assert shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown", shown
    assert shown["StateTransitionReason"] == ""
    net.ec2.start_instances(InstanceIds=[instance_id])
    assert shared_region.succeeds(instance_id, "true")
    assert state(net, instance_id)["State"]["Name"] == "running"


def test_a_guest_may_end_itself_for_good(shared_region, net):
    instance_id = launch(net, None)
    net.ec2.modify_instance_attribute(
        InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": "terminate"}
    )
    # Protection is from calls.
    net.ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": True})
    shared_region.openeni("exec", instance_id, "--", "busybox", "poweroff", "-f", check=False)
    until(lambda: state(net, instance_id)["State"]["Name"] == "terminated", "it is there")


@pytest.mark.parametrize("command", ["busybox reboot", "busybox reboot -f"])
def test_a_guest_that_reboots_runs_again(shared_region, net, command):
    instance_id = launch(net, None)
    shared_region.run(instance_id, "touch /run/netns/before")
    shared_region.openeni("exec", instance_id, "--", "sh", "-c", f"{command}; sleep 60", check=False)
    rebooted = "test -d /run/netns && ! test -e /run/netns/before"
    until(lambda: shared_region.succeeds(instance_id, rebooted), "it has not rebooted")
    assert state(net, instance_id)["State"]["Name"] == "running"
    assert status(net, instance_id)["InstanceStatus"]["Status"] == "ok"


def test_a_command_waits_for_an_instance_that_is_rebooted(shared_region, net, instance):
    for _ in range(10):
        net.ec2.reboot_instances(InstanceIds=[instance])
        assert shared_region.succeeds(instance, "true")


def test_a_console_that_is_asked_for_is_a_known_instances(net, instance):
    answer = net.ec2.get_console_output(InstanceId=instance)
    assert answer["InstanceId"] == instance and "Timestamp" in answer
    from region import refused
    with refused("InvalidInstanceID.NotFound"):
        net.ec2.get_console_output(InstanceId="i-0123456789abcdef0")
    with refused("DryRunOperation"):
        net.ec2.get_console_output(InstanceId=instance, DryRun=True)
