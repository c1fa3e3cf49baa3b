"""Elastic Fabric Adapters that carry data: unmodified libfabric programs between instances of a region."""

import pytest

from namespaces import until
from network import Network, allow

pytestmark = pytest.mark.efa

# The programs wait for each other; a debug build on a busy machine takes its time.
PROGRAM_SECONDS = 20
PINGPONG = f"timeout {PROGRAM_SECONDS} fi_pingpong -p efa -e rdm -I 20 -v"


@pytest.fixture(scope="module")
def net(shared_region):
    return Network(shared_region)


@pytest.fixture(scope="module")
def group(net):
    """A group whose members reach each other as EFA needs it: everything, to and from themselves."""
    group_id = net.group("cluster", allow("icmp"))
    # The outbound rule that a new group begins with names no group, and lets no OS-bypass traffic out.
    net.ec2.authorize_security_group_egress(**self_rule(group_id))
    authorize(net, group_id)
    return group_id


@pytest.fixture(scope="module")
def pair(net, group):
    """Two running instances with an adapter each, in one subnet."""
    return [launch(net, net.subnet_a, group) for _ in range(2)]


def self_rule(group_id):
    return {"GroupId": group_id, "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}]}


def authorize(net, group_id):
    net.ec2.authorize_security_group_ingress(**self_rule(group_id))


def launch(net, subnet_id, group_id):
    image = net.ec2.describe_images(ImageIds=[net.image_id])["Images"][0]
    launched = net.ec2.run_instances(
        ImageId=net.image_id,
        InstanceType="c6gn.16xlarge" if image["Architecture"] == "arm64" else "c5n.18xlarge",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[
            {"DeviceIndex": 0, "InterfaceType": "efa", "SubnetId": subnet_id, "Groups": [group_id]}
        ],
    )
    instance = launched["Instances"][0]
    net.wait_for_state(instance["InstanceId"], "running")
    return instance["InstanceId"], instance["PrivateIpAddress"]


def pingpong(region, server, client, address):
    """Whether libfabric's ping-pong, which checks its data, succeeds between two instances."""
    region.run(server, f"{PINGPONG} >/dev/null 2>&1 & sleep 0.5")
    done = region.succeeds(client, f"{PINGPONG} {address}")
    region.run(server, "pkill fi_pingpong; true")
    return done


def adapter(region, instance_id):
    """What `openeni status` says of an instance's only adapter."""
    (instance,) = [found for found in region.status()["instances"] if found["instance_id"] == instance_id]
    (interface,) = instance["interfaces"]
    return interface["adapter"]


def test_an_instance_with_an_adapter_finds_the_device_and_others_do_not(shared_region, net, group, pair):
    (first, _), _ = pair
    assert "efa_0" in shared_region.run(first, "ibv_devinfo")
    assert "FI_PROTO_EFA" in shared_region.run(first, "fi_info -p efa")
    plain, _ = net.host(net.subnet_a, group)
    assert not shared_region.succeeds(plain, "fi_info -p efa")


def test_a_stranger_cannot_open_a_device_by_knowing_the_socket(shared_region, net, group, pair):
    (first, _), _ = pair
    plain, _ = net.host(net.subnet_a, group)
    environment = shared_region.run(first, "env | grep -E '^(OPENENI|SYSFS|LD_|FI_)' | tr '\n' ' '")
    assert "OPENENI_FABRIC_SOCKET" in environment
    assert shared_region.succeeds(first, f"env {environment} fi_info -p efa")
    assert not shared_region.succeeds(plain, f"env {environment} fi_info -p efa")


def test_ping_pong_follows_the_self_rule_of_the_group(shared_region, net, group, pair):
    (first, _), (second, address) = pair
    assert pingpong(shared_region, second, first, address)
    net.ec2.revoke_security_group_ingress(**self_rule(group))
    # The program's own greeting goes by TCP, which one rule more lets through: what is refused is the adapter's way.
    # OS-bypass traffic has no IP address, so a rule for all addresses is none for it.
    net.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[allow("-1")])
    # One of the two asks first.
    refused = lambda: sum(adapter(shared_region, instance)["refused"] for instance in (first, second))
    before = refused()
    assert not pingpong(shared_region, second, first, address)
    assert refused() > before
    assert "refused " in shared_region.openeni("status").stdout
    authorize(net, group)
    assert pingpong(shared_region, second, first, address)


def test_adapters_of_two_subnets_do_not_converse_while_their_ip_does(shared_region, net, group, pair):
    (first, _), _ = pair
    far, address = launch(net, net.subnet_b, group)
    assert shared_region.succeeds(first, f"ping -c 1 -W 2 {address}")
    assert not pingpong(shared_region, far, first, address)


def test_adapters_work_again_after_the_region_was_killed(shared_region, group, pair):
    (first, _), (second, address) = pair
    shared_region.restart_after_kill()
    until(
        lambda: shared_region.succeeds(first, "fi_info -p efa"),
        "the device does not come back",
        PROGRAM_SECONDS,
    )
    assert pingpong(shared_region, second, first, address)


def test_adapters_work_again_after_a_reboot(shared_region, net, group, pair):
    (first, _), (second, address) = pair
    for rebooted in (first, second):
        before = shared_region.run(rebooted, "readlink /proc/1/ns/net /proc/1/ns/pid; cut -d' ' -f22 /proc/1/stat")
        net.ec2.reboot_instances(InstanceIds=[rebooted])

        def is_new(rebooted=rebooted, before=before):
            script = "readlink /proc/1/ns/net /proc/1/ns/pid; cut -d' ' -f22 /proc/1/stat"
            done = shared_region.openeni("exec", rebooted, "--", "sh", "-c", script, check=False)
            return done.returncode == 0 and done.stdout != before

        until(is_new, "it is not rebooted")
        assert pingpong(shared_region, second, first, address)
