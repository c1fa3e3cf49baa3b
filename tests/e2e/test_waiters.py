"""The AWS CLI's waiters see the final state at their first look."""

import statistics
import time

from network import Network

# A waiter that looks twice takes 15 s; one look of a debug build on a busy machine varies by some tenths of a second.
LOOK_SECONDS = 1.0
ROUNDS = 3


def timed(region, *arguments):
    began = time.monotonic()
    region.aws("ec2", *arguments)
    return time.monotonic() - began


def test_waiters_look_once(region):
    network = Network(region)
    instance_id, _ = network.host(network.subnet_a)
    # What the CLI takes to start and to ask once.
    asking = statistics.median(timed(region, "describe-instances", "--instance-ids", instance_id) for _ in range(ROUNDS))
    for action, waiter in [
        ("stop-instances", "instance-stopped"),
        ("start-instances", "instance-running"),
        ("terminate-instances", "instance-terminated"),
    ]:
        region.aws("ec2", action, "--instance-ids", instance_id)
        waited = timed(region, "wait", waiter, "--instance-ids", instance_id)
        assert waited - asking < LOOK_SECONDS, f"{waiter} took {waited:.2f} s, a single look {asking:.2f} s"


def test_a_launch_of_many_is_running_when_it_is_answered(region):
    network = Network(region)
    launched = network.ec2.run_instances(
        ImageId=network.image_id, InstanceType="t3.medium", MinCount=20, MaxCount=20, SubnetId=network.subnet_a
    )
    ids = [instance["InstanceId"] for instance in launched["Instances"]]
    assert {instance["State"]["Name"] for instance in launched["Instances"]} == {"pending"}
    began = time.monotonic()
    network.ec2.get_waiter("instance_running").wait(InstanceIds=ids)
    assert time.monotonic() - began < LOOK_SECONDS
    network.ec2.terminate_instances(InstanceIds=ids)
    network.ec2.get_waiter("instance_terminated").wait(InstanceIds=ids)
    assert time.monotonic() - began < 10 * LOOK_SECONDS
