"""Interface endpoints: the region's API at an address of a VPC's, by routes and rules."""

import re

import pytest

from namespaces import until
from network import allow
from region import refused
from test_exec import started
from test_inside import API, EC2, PYTHON, RESET, Inside, give_role

SERVICE = "com.amazonaws.us-east-1.ec2"


@pytest.fixture(name="named")
def with_names(network):
    network.ec2.modify_vpc_attribute(VpcId=network.vpc_id, EnableDnsHostnames={"Value": True})
    return network


def endpoint(network, group, **more):
    made = network.ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=network.vpc_id,
        ServiceName=SERVICE,
        SubnetIds=[network.subnet_b],
        SecurityGroupIds=[group],
        **more,
    )["VpcEndpoint"]
    found = network.ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["VpcEndpoints"][0]
    assert found["State"] == "available"
    (eni,) = found["NetworkInterfaceIds"]
    return found, network.describe(eni)


def reaches(inside, name, options=""):
    """What the API says at a name, or curl's exit status."""
    done = inside.run(f"curl -sS -m 3 {options} https://{name}/", check=False)
    return "api" if "MissingAction" in done.stdout else done.returncode


def test_clients_call_by_the_endpoint_whose_rules_decide(region, named):
    network = named
    group = network.group("endpoint", allow("tcp", port=443))
    instance, interface = network.host(network.subnet_a, network.group("client"))
    inside = Inside(region, instance)
    assert inside.run(f"dig +short {EC2}").split() == [API]
    made, eni = endpoint(network, group)
    address = eni["PrivateIpAddress"]
    assert (eni["InterfaceType"], eni["RequesterManaged"], eni["Status"]) == ("vpc_endpoint", True, "in-use")
    assert eni["Description"] == f"VPC Endpoint Interface {made['VpcEndpointId']}"
    names = [entry["DnsName"] for entry in made["DnsEntries"]]
    assert names[-1] == EC2 and re.fullmatch(rf"{made['VpcEndpointId']}-[0-9a-f]{{8}}\.ec2\.us-east-1.*", names[0])
    for name in names:
        assert inside.run(f"dig +short {name}").split() == [address], name
        assert reaches(inside, name) == "api", name
    # Unmodified clients, as before; the log says who.
    found = inside.aws("ec2", "describe-vpc-endpoints")["VpcEndpoints"]
    assert found[0]["VpcEndpointId"] == made["VpcEndpointId"]
    lines = [line for line in region.log.read_text().splitlines() if "DescribeVpcEndpoints 200" in line]
    assert lines[-1].endswith(f" {instance}")
    # A revoked rule cuts at once; the client's own address counts.
    ec2 = network.ec2
    everybody = [allow("tcp", port=443)]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=everybody)
    assert reaches(inside, EC2) == 28
    others = [allow("tcp", f"{interface['PrivateIpAddress']}/32", port=443)]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=others)
    assert reaches(inside, EC2) == "api"
    stranger = Inside(region, network.host(network.subnet_b, network.group("other"))[0])
    assert reaches(stranger, EC2) == 28
    assert not network.pings(instance, address)
    assert reaches(inside, EC2, "--http0.9 --connect-to :443::80") != "api"


def test_an_endpoint_is_changed_and_deleted_and_stays_over_a_crash(region, named):
    network = named
    group = network.group("endpoint", allow("tcp", port=443))
    instance, _ = network.host(network.subnet_a, group)
    inside = Inside(region, instance)
    made, eni = endpoint(network, group)
    by_id = {"VpcEndpointId": made["VpcEndpointId"]}
    assert reaches(inside, EC2) == "api"
    region.restart_after_kill()
    network.ec2 = region.client()
    until(lambda: reaches(inside, EC2) == "api", "the endpoint does not come back")
    other = network.group("nothing")
    network.ec2.modify_vpc_endpoint(**by_id, AddSecurityGroupIds=[other], RemoveSecurityGroupIds=[group])
    assert reaches(inside, EC2) == 28
    network.ec2.modify_vpc_endpoint(**by_id, AddSecurityGroupIds=[group], PrivateDnsEnabled=False)
    assert inside.run(f"dig +short {EC2}").split() == [API]
    own = made["DnsEntries"][0]["DnsName"]
    assert reaches(inside, own) == "api"
    # By the fabric's own address it needs a role.
    assert reaches(inside, EC2) in RESET
    give_role(region, instance)
    assert reaches(inside, EC2) == "api"
    address = eni["PrivateIpAddress"]
    for denied in [
        lambda: network.ec2.detach_network_interface(AttachmentId="eni-attach-0123456789abcdef0"),
        lambda: network.ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"]),
        lambda: network.ec2.delete_security_group(GroupId=group),
        lambda: network.ec2.delete_subnet(SubnetId=network.subnet_b),
    ]:
        with pytest.raises(Exception):
            denied()
    deleted = network.ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-0123456789abcdef0", made["VpcEndpointId"]])
    (failed,) = deleted["Unsuccessful"]
    assert failed["Error"]["Code"] == "InvalidVpcEndpointId.NotFound"
    assert reaches(inside, own, f"--resolve {own}:443:{address}") == 28
    assert inside.run(f"dig {own}").count("NXDOMAIN") == 1
    with refused("InvalidVpcEndpointId.NotFound"):
        network.ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])


# Two connections to an endpoint, one of them before and one after TLS; what becomes of them.
HOLDS = """
import os, socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
plain = socket.create_connection((sys.argv[1], 443), 10)
secured = context.wrap_socket(socket.create_connection((sys.argv[1], 443), 10))
print("connected", flush=True)
# Below TLS, whose end is told apart from a reset.
for held in (plain, socket.socket(fileno=os.dup(secured.fileno()))):
    held.settimeout(5)
    try:
        while held.recv(4096):
            pass
        print("end")
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


def test_who_is_connected_when_an_endpoint_goes_hears_of_it(region, network):
    group = network.group("endpoint", allow("tcp", port=443))
    instance, _ = network.host(network.subnet_a, network.group("client"))
    made, eni = endpoint(network, group, PrivateDnsEnabled=False)
    line = [PYTHON, "-c", HOLDS, eni["PrivateIpAddress"]]
    with started(region, instance, *line, text=True) as client:
        assert client.stdout.readline() == "connected\n"
        network.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
        said, _ = client.communicate(timeout=30)
    assert said.split() == ["ConnectionResetError"] * 2


def test_nobody_asks_an_endpoint_in_anothers_name(region, network):
    group = network.group("endpoint", allow("tcp", port=443))
    instance, interface = network.host(network.subnet_a, network.group("client"))
    _, eni = endpoint(network, group, PrivateDnsEnabled=False)
    id = interface["NetworkInterfaceId"]
    network.ec2.modify_network_interface_attribute(NetworkInterfaceId=id, SourceDestCheck={"Value": False})
    inside = Inside(region, instance)
    name = f"--resolve endpoint:443:{eni['PrivateIpAddress']} -k"
    assert reaches(inside, "endpoint", name) == "api"
    inside.run("ip addr add 10.0.1.77/32 dev lo")
    assert reaches(inside, "endpoint", f"{name} --interface 10.0.1.77") == 28
    assert region.drops(id)["spoofed_address"] > 0


def test_a_peer_reaches_it_by_routes_and_not_without(region, named):
    network = named
    ec2 = network.ec2
    group = network.group("endpoint", allow("tcp", "10.1.0.0/16", port=443))
    made, eni = endpoint(network, group)
    own = made["DnsEntries"][0]["DnsName"]
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    instance = network.instance(network.interface(subnet)["NetworkInterfaceId"])
    inside = Inside(region, instance)
    # Its name leads there from everywhere, as on EC2; the service's own does not.
    assert inside.run(f"dig +short {own}").split() == [eni["PrivateIpAddress"]]
    assert inside.run(f"dig +short {EC2}").split() == [API]
    assert reaches(inside, own) != "api"
    peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=network.vpc_id)
    peering = peering["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    for table, block in [(tables[0]["RouteTableId"], "10.0.0.0/16"), (network.route_table_id, "10.1.0.0/16")]:
        ec2.create_route(RouteTableId=table, DestinationCidrBlock=block, VpcPeeringConnectionId=peering)
    assert reaches(inside, own) == "api"


def test_what_is_not_here_is_refused_by_name(network):
    ec2 = network.ec2
    services = ec2.describe_vpc_endpoint_services(Filters=[{"Name": "service-type", "Values": ["Interface"]}])
    assert SERVICE in services["ServiceNames"]
    details = {one["ServiceName"]: one for one in services["ServiceDetails"]}
    assert details[SERVICE]["PrivateDnsName"] == EC2
    with refused("UnsupportedOperation", "gateway endpoint"):
        ec2.create_vpc_endpoint(VpcId=network.vpc_id, ServiceName="com.amazonaws.us-east-1.s3")
    with refused("InvalidParameter", "available service types"):
        ec2.create_vpc_endpoint(VpcEndpointType="Gateway", VpcId=network.vpc_id, ServiceName=SERVICE)
    with refused("InvalidParameter", "enableDnsHostnames"):
        ec2.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=network.vpc_id, ServiceName=SERVICE)


# SYNs to an address, as fast as one thread can: nobody waits for their answers.
FLOOD = """
import socket, struct, sys, time
flood = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
end = time.monotonic() + 5
port = 0
while time.monotonic() < end:
    port = port % 60000 + 1
    flood.sendto(struct.pack(">HHIIBBHHH", port, 443, 1, 0, 5 << 4, 2, 65535, 0, 0), (sys.argv[1], 443))
"""


def test_a_flood_of_one_client_is_counted_and_costs_its_neighbour_nothing(region, named):
    network = named
    group = network.group("endpoint", allow("tcp", port=443))
    client = network.group("client")
    noisy, noisy_eni = network.host(network.subnet_a, client)
    quiet, _ = network.host(network.subnet_a, client)
    _, eni = endpoint(network, group)
    script = region.directory / "flood.py"
    script.write_text(FLOOD)
    inside = Inside(region, quiet)
    assert reaches(inside, EC2) == "api"
    said_again = lambda: int(region.run(quiet, "awk '/^Tcp: [0-9]/ { print $13 }' /proc/net/snmp"))  # RetransSegs
    before = said_again()
    region.run(noisy, f"setsid python3 {script} {eni['PrivateIpAddress']} </dev/null >/dev/null 2>&1 &")
    dropped = lambda: region.drops(noisy_eni["NetworkInterfaceId"]).get("endpoint_allowance_exceeded", 0)
    until(lambda: dropped() > 0, "nothing is dropped")
    for _ in range(8):
        assert reaches(inside, EC2) == "api"
    # A busy machine may be late now and then; without a share each call was lost at least once.
    assert said_again() - before < 8
    until(lambda: reaches(Inside(region, noisy), EC2) == "api", "it stays cut", 30)
