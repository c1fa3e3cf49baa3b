"""The region's API from inside an instance: names, TLS, whom instances trust, and scripts that call it."""

import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess

import pytest

from namespaces import until
from network import allow
from region import AWS, ROOT, running
from test_roles import TRUST

PYTHON = str(ROOT / ".venv/bin/python")
API = "169.254.169.243"
EC2 = "ec2.us-east-1.amazonaws.com"
# curl(1): a reset comes while it connects, greets by TLS, or reads.
RESET = (7, 35, 56)
BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
COMMAND_SECONDS = 120


# What a program in an instance with a role is given: a region, and neither credentials nor a file that has some, nor an endpoint.
ONLY_A_REGION = "HOME=/nonexistent AWS_DEFAULT_REGION=us-east-1 AWS_PAGER="


def give_role(region, *instances):
    """Gives instances the profile `inside`, with a role; made the first time."""
    iam, ec2 = region.client("iam"), region.client()
    if not iam.list_instance_profiles()["InstanceProfiles"]:
        iam.create_role(RoleName="inside", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.create_instance_profile(InstanceProfileName="inside")
        iam.add_role_to_instance_profile(InstanceProfileName="inside", RoleName="inside")
    for instance in instances:
        ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": "inside"})


class Inside:
    """Programs in an instance that call the region without an endpoint, with the account's credentials or those of its role."""

    def __init__(self, region, instance_id):
        self.region = region
        self.instance_id = instance_id

    def environment(self, is_bare=False):
        if is_bare:
            return ONLY_A_REGION
        given = self.region.environment
        names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"]
        return " ".join(f"{name}={shlex.quote(given[name])}" for name in names) + " AWS_PAGER="

    def run(self, script, check=True):
        done = self.region.openeni(
            "exec", self.instance_id, "--", "sh", "-c", script, check=check, timeout=COMMAND_SECONDS
        )
        return done.stdout if check else done

    def aws(self, *arguments, is_bare=False):
        command = shlex.join([AWS, *arguments, "--output", "json"])
        shown = self.run(f"export {self.environment(is_bare)}; {command}")
        return json.loads(shown) if shown.strip() else None

    def python(self, program, is_bare=False):
        return self.run(f"export {self.environment(is_bare)}; {PYTHON} -c {shlex.quote(program)}")


def alone(network, name="alone"):
    """An instance in a VPC without any gateway, whose rules let nothing in or out."""
    group = network.group(name)
    everything = network.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    network.ec2.revoke_security_group_egress(
        GroupId=group, IpPermissions=everything["IpPermissionsEgress"]
    )
    network.ec2.delete_route(RouteTableId=network.route_table_id, DestinationCidrBlock="0.0.0.0/0")
    instance, interface = network.host(network.subnet_a, group)
    give_role(network.region, instance)
    return instance, interface


def test_unmodified_clients_call_with_nothing_but_credentials_and_a_region(region, network):
    instance, interface = alone(network)
    inside = Inside(region, instance)
    found = inside.aws("ec2", "describe-network-interfaces")["NetworkInterfaces"]
    assert interface["NetworkInterfaceId"] in [one["NetworkInterfaceId"] for one in found]
    assert inside.aws("sts", "get-caller-identity")["Account"] == interface["OwnerId"]
    program = "import boto3; print(boto3.client('ec2').describe_vpcs()['Vpcs'][0]['VpcId'])"
    assert inside.python(program).startswith("vpc-")
    # The log names who has called.
    lines = [line for line in region.log.read_text().splitlines() if " openeni::api: " in line]
    named = [line for line in lines if line.endswith(f" {instance}")]
    assert len(named) == 3 and "DescribeNetworkInterfaces 200 OK" in named[0], named


def test_an_instance_with_a_role_calls_with_nothing_set_and_one_without_is_reset(region, network):
    instance, _ = network.host(network.subnet_a, network.group("one"))
    inside = Inside(region, instance)
    refused = inside.run(f"curl -sS -m 5 https://{EC2}/", check=False)
    assert refused.returncode in RESET, refused
    assert "the API is closed" in region.log.read_text()
    give_role(region, instance)
    arn = inside.aws("sts", "get-caller-identity", is_bare=True)["Arn"]
    assert arn == f"arn:aws:sts::123456789012:assumed-role/inside/{instance}"
    assert inside.aws("ec2", "describe-network-interfaces", is_bare=True)["NetworkInterfaces"]
    program = "import boto3; print(boto3.client('ec2').describe_vpcs()['Vpcs'][0]['VpcId'])"
    assert inside.python(program, is_bare=True).startswith("vpc-")
    # As soon as the call that takes it away is answered.
    (association,) = network.ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    network.ec2.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])
    assert inside.run(f"curl -sS -m 5 https://{EC2}/", check=False).returncode in RESET


def test_the_host_trusts_nobody_new_and_instances_the_region(region, network):
    before = hashlib.sha256(BUNDLE.read_bytes()).hexdigest()
    authority = pathlib.Path(region.environment["OPENENI_AUTHORITY"])
    assert authority == region.data / "authority.pem" and (region.data / "authority.key").stat().st_mode & 0o777 == 0o600
    instance, _ = alone(network)
    inside = Inside(region, instance)
    seen = inside.run(f"cat {BUNDLE}")
    assert seen == BUNDLE.read_text() + authority.read_text()
    assert hashlib.sha256(BUNDLE.read_bytes()).hexdigest() == before
    environment = dict(line.split("=", 1) for line in inside.run("env").splitlines())
    for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"]:
        assert environment[name] == str(BUNDLE), name
    # Programs that look in the system's bundle, and are told nothing.
    answer = inside.run(f"env -i curl -sS https://{EC2}/")
    assert "MissingAction" in answer
    # An instance can neither change what the others trust, nor is believed under another name.
    refused = inside.run(f"echo x >> {BUNDLE}", check=False)
    assert refused.returncode != 0
    other = inside.run(f"curl -sS --connect-to s3.amazonaws.com:443:{API}:443 https://s3.amazonaws.com/", check=False)
    assert other.returncode == 60, other.stderr
    plain = inside.run(f"curl -sS -m 2 http://{EC2}/", check=False)
    assert plain.returncode != 0


def test_the_authority_stays_after_a_crash_and_guests_call_on(region, network):
    instance, _ = alone(network)
    inside = Inside(region, instance)
    authority = region.data / "authority.pem"
    before = authority.read_bytes()
    assert inside.aws("ec2", "describe-vpcs")["Vpcs"]
    region.restart_after_kill()
    assert authority.read_bytes() == before
    assert inside.aws("ec2", "describe-vpcs")["Vpcs"]


def test_vpcs_with_the_same_addresses_call_as_themselves(region, network):
    instances = []
    for _ in range(2):
        vpc = network.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = network.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        interface = network.interface(subnet, PrivateIpAddress="10.9.0.9")
        instances.append(network.instance(interface["NetworkInterfaceId"]))
    give_role(region, *instances)
    for instance in instances * 2:
        shown = Inside(region, instance).run(f"curl -sS --local-port 45000-45010 https://{EC2}/")
        assert "MissingAction" in shown
    named = re.findall(r" openeni::api: .* (i-[0-9a-f]+)$", region.log.read_text(), re.MULTILINE)
    assert named == instances * 2


def test_the_names_are_answered_here_and_of_ipv6_there_is_nothing(tmp_path):
    # Nobody is upstream: whatever is asked of it is refused.
    from network import Network

    with running(tmp_path, "--dns-upstream", "none") as region:
        network = Network(region)
        instance, _ = alone(network)
        inside = Inside(region, instance)
        for name in [EC2, "ec2.us-east-1.api.aws", "sts.us-east-1.amazonaws.com", "sts.amazonaws.com", "iam.amazonaws.com"]:
            assert inside.run(f"dig +short {name}").split() == [API], name
            shown = inside.run(f"dig {name} AAAA")
            assert "status: NOERROR" in shown and "ANSWER: 0" in shown, name
            assert "status: NXDOMAIN" in inside.run(f"dig x.{name}"), name
        assert "status: REFUSED" in inside.run("dig ec2.eu-west-1.amazonaws.com")


SETTINGS = ["peer", "interface", "address", "allocation", "table", "destination"]


def takeover():
    """The script of the README, as it stands there."""
    readme = (ROOT / "README.md").read_text()
    (script,) = re.findall(r"^```sh\n(#!/bin/sh\n.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    return script


@pytest.mark.parametrize("how", ["stop", "terminate"])
def test_the_standby_of_the_readme_takes_over(region, network, how):
    group = network.group("all", allow("-1"))
    active, primary = network.host(network.subnet_a, group)
    standby, own = network.host(network.subnet_a, group)
    client, _ = network.host(network.subnet_b, group)
    ec2 = network.ec2
    give_role(region, standby)
    moving = network.interface(network.subnet_a, group)
    network.attach(moving["NetworkInterfaceId"], active)
    shared = "10.0.1.100"
    ec2.assign_private_ip_addresses(
        NetworkInterfaceId=primary["NetworkInterfaceId"], PrivateIpAddresses=[shared]
    )
    allocation = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(
        AllocationId=allocation["AllocationId"],
        NetworkInterfaceId=primary["NetworkInterfaceId"],
        PrivateIpAddress=shared,
    )
    beyond = "192.168.100.0/24"
    ec2.create_route(
        RouteTableId=network.route_table_id,
        DestinationCidrBlock=beyond,
        NetworkInterfaceId=primary["NetworkInterfaceId"],
    )
    values = [
        primary["PrivateIpAddress"],
        moving["NetworkInterfaceId"],
        shared,
        allocation["AllocationId"],
        network.route_table_id,
        beyond,
    ]
    settings = "\n".join(f"{name}={value}" for name, value in zip(SETTINGS, values))
    script = region.directory / "takeover"
    script.write_text(takeover().replace("#!/bin/sh\n", f"#!/bin/sh\n{settings}\n"))
    script.chmod(0o755)
    path = f"{pathlib.Path(AWS).parent}:{os.environ['PATH']}"
    inside = Inside(region, standby)
    log = region.directory / "takeover.log"
    inside.run(f"export {inside.environment(is_bare=True)} PATH={path}; setsid {script} >{log} 2>&1 </dev/null &")
    until(lambda: "watching" in log.read_text(), "the script does not begin")
    assert network.pings(client, shared)
    if how == "stop":
        ec2.stop_instances(InstanceIds=[active])
    else:
        # As on EC2, an interface that was attached later stays when its instance goes.
        ec2.terminate_instances(InstanceIds=[active])
    until(lambda: "took over" in log.read_text(), "the standby does not take over", 60)
    described = network.describe(moving["NetworkInterfaceId"])
    assert described["Attachment"]["InstanceId"] == standby, log.read_text()
    assert shared in [one["PrivateIpAddress"] for one in network.describe(own["NetworkInterfaceId"])["PrivateIpAddresses"]]
    address = ec2.describe_addresses(AllocationIds=[allocation["AllocationId"]])["Addresses"][0]
    assert (address["NetworkInterfaceId"], address["PrivateIpAddress"]) == (own["NetworkInterfaceId"], shared)
    routes = ec2.describe_route_tables(RouteTableIds=[network.route_table_id])["RouteTables"][0]["Routes"]
    (route,) = [route for route in routes if route.get("DestinationCidrBlock") == beyond]
    assert route["NetworkInterfaceId"] == own["NetworkInterfaceId"]
    # Packets follow: to both addresses inside, and from the host to the public one.
    for target in [shared, moving["PrivateIpAddress"]]:
        assert network.pings(client, target), target
    ping = ["ping", "-n", "-c", "1", "-W", "2", allocation["PublicIp"]]
    assert subprocess.run(ping, capture_output=True, check=False).returncode == 0
