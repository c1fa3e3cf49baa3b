"""The story of a new user with the AWS CLI: the README's tour, word for word in its effects."""

import subprocess

import pytest

import namespaces
import region as regions
from network import INSTANCE_SECONDS, allow
from region import refused


def query(region, *arguments):
    return region.aws("ec2", *arguments)


def test_a_new_user_builds_a_network_with_the_aws_cli(region):
    vpc = query(region, "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ["create-subnet", "--vpc-id", vpc, "--availability-zone", "us-east-1a", "--cidr-block"]
    front = query(region, *subnet, "10.0.1.0/24")["Subnet"]["SubnetId"]
    back = query(region, *subnet, "10.0.2.0/24")["Subnet"]["SubnetId"]
    group = query(
        region, "create-security-group", "--group-name", "web", "--description", "web", "--vpc-id", vpc
    )["GroupId"]
    authorize = ["authorize-security-group-ingress", "--group-id", group]
    query(region, *authorize, "--protocol", "tcp", "--port", "80", "--cidr", "10.0.1.0/24")
    query(region, *authorize, "--protocol", "icmp", "--port", "-1", "--cidr", "10.0.0.0/16")
    image = query(region, "describe-images", "--owners", "amazon")["Images"][0]["ImageId"]

    def interface(subnet_id):
        made = query(region, "create-network-interface", "--subnet-id", subnet_id, "--groups", group)
        return made["NetworkInterface"]

    def run(eni):
        launched = query(
            region, "run-instances", "--image-id", image, "--instance-type", "t3.medium",
            "--network-interfaces", f"NetworkInterfaceId={eni['NetworkInterfaceId']},DeviceIndex=0",
        )
        instance_id = launched["Instances"][0]["InstanceId"]
        namespaces.until(
            lambda: query(region, "describe-instances", "--instance-ids", instance_id)["Reservations"][0][
                "Instances"
            ][0]["State"]["Name"]
            == "running",
            f"{instance_id} is not running",
            INSTANCE_SECONDS,
        )
        return instance_id

    first_eni, peer_eni = interface(front), interface(front)
    first, peer = run(first_eni), run(peer_eni)
    assert "mtu 9001" in region.run(first, "ip link show eth0")
    assert first_eni["MacAddress"] in region.run(first, "ip link show eth0")

    # A second interface, hot, in another subnet.
    second_eni = interface(back)
    query(
        region, "attach-network-interface", "--network-interface-id", second_eni["NetworkInterfaceId"],
        "--instance-id", first, "--device-index", "1",
    )
    namespaces.until(
        lambda: second_eni["PrivateIpAddress"] in region.run(first, "ip -4 addr show eth1 2>/dev/null || true"),
        "eth1 has no address",
    )
    # Both interfaces answer on the one that was asked.
    for eni in (first_eni, second_eni):
        assert region.succeeds(peer, f"ping -n -c 3 -i 0.2 -W 2 {eni['PrivateIpAddress']}")
    region.run(first, f"cd {region.directory} && setsid python3 -m http.server 80 </dev/null >/dev/null 2>&1 &")
    for eni in (first_eni, second_eni):
        namespaces.until(
            lambda eni=eni: region.succeeds(peer, f"curl -sf -m 2 -o /dev/null http://{eni['PrivateIpAddress']}/"),
            "the web server does not answer",
        )
    # What the group does not let in is dropped, and a counter says why.
    before = sum(region.drops(first_eni["NetworkInterfaceId"]).values())
    assert not region.succeeds(peer, f"curl -s -m 1 http://{first_eni['PrivateIpAddress']}:8080/")
    drops = region.drops(first_eni["NetworkInterfaceId"])
    assert sum(drops.values()) > before
    assert any("security" in reason and "group" in reason for reason in drops), drops


def test_the_host_reaches_an_elastic_ip(region, network):
    group = network.group("web", allow("tcp", port=80))
    instance_id, eni = network.host(network.subnet_a, group)
    address = network.elastic_address(eni["NetworkInterfaceId"])
    network.serve(instance_id, "hello from inside")
    fetch = ["curl", "-sf", "-m", "5", f"http://{address}/"]
    namespaces.until(
        lambda: subprocess.run(fetch, capture_output=True, text=True, check=False).stdout == "hello from inside",
        f"the host does not reach http://{address}/",
    )
    # The instance never sees its public address.
    assert address not in region.run(instance_id, "ip addr")


def test_status_shows_the_region(region, network):
    instance_id, eni = network.host(network.subnet_a, network.group("g"))
    address = network.elastic_address(eni["NetworkInterfaceId"])
    table = region.openeni("status").stdout
    for shown in (instance_id, eni["NetworkInterfaceId"], eni["PrivateIpAddress"], address):
        assert shown in table, table


def test_env_and_exec_without_a_region_say_so(tmp_path):
    stranger = regions.Region(tmp_path)
    for command in (["env"], ["status"], ["exec", "i-0123456789abcdef0", "--", "true"]):
        done = stranger.openeni(command[0], *command[1:], check=False)
        assert done.returncode != 0
        assert "no region is running" in done.stderr


def test_exec_gives_the_commands_exit_status(region, network):
    instance_id, _ = network.host(network.subnet_a)
    done = region.openeni("exec", instance_id, "--", "sh", "-c", "hostname; exit 7", check=False)
    assert done.returncode == 7
    assert done.stdout.startswith("ip-10-0-1-")


def test_a_region_keeps_its_data_and_its_key_over_a_restart(region, network):
    instance_id, eni = network.host(network.subnet_a, network.group("g"))
    environment = region.environment
    assert (region.data / "credentials").stat().st_mode & 0o777 == 0o600
    region.stop()
    assert namespaces.interfaces() == ["lo"]
    region.start()
    region._environment = None
    assert region.environment == environment
    network.wait_for_state(instance_id, "running")
    assert network.describe(eni["NetworkInterfaceId"])["MacAddress"] == eni["MacAddress"]
    namespaces.until(
        lambda: eni["PrivateIpAddress"] in region.run(instance_id, "ip addr", check=False),
        "the instance is not back",
        INSTANCE_SECONDS,
    )


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "test"])
def test_any_credentials_lets_any_key_in(tmp_path, key):
    with regions.running(tmp_path, "--any-credentials") as region:
        ec2 = region.client(aws_access_key_id=key, aws_secret_access_key="anything")
        assert ec2.describe_vpcs()["Vpcs"]
        with refused("InvalidVpcID.NotFound"):
            ec2.delete_vpc(VpcId="vpc-0123456789abcdef0")
