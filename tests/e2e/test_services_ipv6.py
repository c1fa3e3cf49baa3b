"""Services of the fabric by IPv6: instance metadata, names and the time at fd00:ec2::/32."""

import pytest

from network import Network
from test_ipv6 import Both
from test_metadata import TOKEN, TTL
from test_names import data, dig

METADATA = "http://[fd00:ec2::254]"
RESOLVER = "fd00:ec2::253"
TIME = "fd00:ec2::123"


@pytest.fixture(name="both")
def network_of_both_families(network):
    return Both(network)


def curl(region, instance, path, *options):
    """Status and body of an answer; status 0 where none comes."""
    command = ["curl", "-g", "-s", "-m", "2", "-w", "\n%{http_code}", *options, METADATA + path]
    body, _, status = region.openeni("exec", instance, "--", *command, check=False).stdout.rpartition("\n")
    return int(status), body


def set_endpoint(network, instance, state):
    network.ec2.modify_instance_metadata_options(InstanceId=instance, HttpProtocolIpv6=state)


def test_metadata_is_there_at_once_where_the_options_say_so(region, network, both):
    instance, address = both.host(network.subnet_a)
    assert curl(region, instance, "/latest/meta-data/instance-id") == (0, "")
    for _ in range(2):
        set_endpoint(network, instance, "enabled")
        assert curl(region, instance, "/latest/meta-data/instance-id") == (200, instance)
        set_endpoint(network, instance, "disabled")
        assert curl(region, instance, "/latest/meta-data/instance-id") == (0, "")
    set_endpoint(network, instance, "enabled")
    network.ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="required")
    assert curl(region, instance, "/latest/meta-data/ipv6")[0] == 401
    status, token = curl(region, instance, "/latest/api/token", "-X", "PUT", "-H", f"{TTL}: 60")
    assert status == 200
    assert curl(region, instance, "/latest/meta-data/ipv6", "-H", f"{TOKEN}: {token}") == (200, address)
    # Its process is another, and the way stays.
    region.restart_after_kill()
    assert curl(region, instance, "/latest/meta-data/ipv6", "-H", f"{TOKEN}: {token}") == (200, address)


CAPTURE = "timeout 10 tcpdump -ni eth0 -c 1 -w - 'src host fd00:ec2::254 and ip6[53] & 8 != 0' 2>/dev/null | od -An -tu1 -j 61 -N 1"


def test_an_answer_with_a_token_goes_as_far_as_it_may(region, network, both):
    """The hop limit of packets with data: bytes 7 of the header behind 40 of the file's and record's headers and 14 of Ethernet's."""
    instance, _ = both.host(network.subnet_a)
    set_endpoint(network, instance, "enabled")
    for hops in (1, 3):
        network.ec2.modify_instance_metadata_options(InstanceId=instance, HttpPutResponseHopLimit=hops)
        put = f"curl -g -s -m 2 -X PUT -H '{TTL}: 60' {METADATA}/latest/api/token -o /dev/null"
        shown = region.run(instance, f"({CAPTURE}) & sleep 1; {put}; wait")
        assert shown.split() == [str(hops)], shown


def test_names_and_the_time_are_there_for_all_with_ipv6(region, network, both):
    instance, _ = both.host(network.subnet_a)
    own = network.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    name, address = own["PrivateDnsName"], own["PrivateIpAddress"]
    for transport in ("+notcp", "+tcp"):
        assert data(region, instance, f"@{RESOLVER}", transport, name) == [address]
    shown = region.openeni("exec", instance, "--", "ntpdig", "-t", "5", TIME, check=False)
    # A host whose clock nobody keeps right says so.
    assert f"{TIME} s4" in shown.stdout or "no eligible servers" in shown.stdout + shown.stderr, shown
    network.ec2.modify_vpc_attribute(VpcId=network.vpc_id, EnableDnsSupport={"Value": False})
    assert dig(region, instance, f"@{RESOLVER}", name)[0] is None


def test_no_address_of_that_block_is_a_neighbours_or_outside(region, network, both):
    instance, _ = both.host(network.subnet_a)
    neighbour, near = both.host(network.subnet_a)
    eni = network.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    eni = eni["NetworkInterfaces"][0]["NetworkInterfaceId"]
    network.ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": False})
    region.run(neighbour, "ip -6 addr add fd00:ec2::77/128 dev eth0 nodad")
    special = lambda: region.drops(eni).get("special_address", 0)
    before = special()
    assert not region.succeeds(instance, "ping -6 -n -c 1 -W 1 fd00:ec2::77")
    region.run(instance, "ip -6 addr add fd00:ec2::254/128 dev eth0 nodad")
    assert not region.succeeds(instance, f"ping -6 -n -c 1 -W 1 -I fd00:ec2::254 {near}")
    assert special() >= before + 2
    # One that forwards for another does not ask in its name.
    spoofed = lambda: region.drops(eni).get("spoofed_address", 0)
    before = spoofed()
    region.run(instance, f"ip -6 addr add {near} dev lo nodad")
    assert not region.succeeds(instance, f"dig +time=1 +tries=1 -b {near} @{RESOLVER} localhost")
    assert spoofed() > before


def test_an_instance_before_the_nitro_system_finds_none_of_them(region, network, both):
    interface = network.interface(network.subnet_a, both.group, Ipv6AddressCount=1)
    instance = network.instance(interface["NetworkInterfaceId"], instance_type="t2.medium")
    with pytest.raises(network.ec2.exceptions.ClientError) as refused:
        set_endpoint(network, instance, "enabled")
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperation"
    assert dig(region, instance, f"@{RESOLVER}", "localhost")[0] is None
    assert dig(region, instance, "@169.254.169.253", "localhost")[0] == "NOERROR"


def test_an_instance_without_ipv4_lives_by_ipv6_alone(region, network, both):
    native = network.ec2.create_subnet(
        VpcId=network.vpc_id, Ipv6CidrBlock=both.parts[3], Ipv6Native=True, AvailabilityZone="us-east-1a"
    )["Subnet"]["SubnetId"]
    interface = network.ec2.create_network_interface(SubnetId=native, Groups=[both.group])["NetworkInterface"]
    instance = network.instance(interface["NetworkInterfaceId"])
    set_endpoint(network, instance, "enabled")
    assert curl(region, instance, "/latest/meta-data/instance-id") == (200, instance)
    assert f"nameserver {RESOLVER}" in region.run(instance, "cat /etc/resolv.conf")
    other, eni = network.host(network.subnet_a, both.group)
    name = network.ec2.describe_instances(InstanceIds=[other])["Reservations"][0]["Instances"][0]["PrivateDnsName"]
    assert data(region, instance, name) == [eni["PrivateIpAddress"]]


def test_instances_of_two_vpcs_ask_for_themselves(region, network, both):
    second = Both(Network(region))
    for one in (both, second):
        instance, address = one.host(one.network.subnet_a)
        set_endpoint(network, instance, "enabled")
        assert curl(region, instance, "/latest/meta-data/ipv6") == (200, address)
