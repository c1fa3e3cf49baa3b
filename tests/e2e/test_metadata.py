"""What an instance is told about itself, by packets to 169.254.169.254."""

import subprocess

from namespaces import until
from network import EVERYONE, allow

IMDS = "http://169.254.169.254"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


class Metadata:
    """Instance metadata, as a program in an instance finds it."""

    def __init__(self, region, instance_id):
        self.region = region
        self.instance_id = instance_id

    def curl(self, path, *options):
        """Status and body of an answer."""
        command = ["curl", "-s", "-m", "5", "-w", "\n%{http_code}", *options, IMDS + path]
        done = self.region.openeni("exec", self.instance_id, "--", *command)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def token(self, seconds=60, *options):
        status, token = self.curl("/latest/api/token", "-X", "PUT", "-H", f"{TTL}: {seconds}", *options)
        assert status == 200, token
        return token

    def get(self, path, token=None):
        """The body of what must be there."""
        options = [] if token is None else ["-H", f"{TOKEN}: {token}"]
        status, body = self.curl(path, *options)
        assert status == 200, f"{path}: {status}\n{body}"
        return body

    def meta_data(self, path):
        return self.get(f"/latest/meta-data/{path}")


def test_an_instance_learns_who_it_is(region, network):
    group = network.group("web")
    instance, interface = network.host(network.subnet_a, group)
    metadata = Metadata(region, instance)
    token = metadata.token()
    assert metadata.get("/latest/meta-data/instance-id", token) == instance
    mac = interface["MacAddress"]
    assert metadata.meta_data("mac") == mac
    assert metadata.meta_data("network/interfaces/macs/") == f"{mac}/"
    of_interface = f"network/interfaces/macs/{mac}"
    for name, want in [
        ("interface-id", interface["NetworkInterfaceId"]),
        ("device-number", "0"),
        ("local-ipv4s", interface["PrivateIpAddress"]),
        ("security-group-ids", group),
        ("security-groups", "web"),
        ("subnet-id", network.subnet_a),
        ("subnet-ipv4-cidr-block", "10.0.1.0/24"),
        ("vpc-id", network.vpc_id),
        ("vpc-ipv4-cidr-blocks", "10.0.0.0/16"),
        ("owner-id", interface["OwnerId"]),
    ]:
        assert metadata.meta_data(f"{of_interface}/{name}") == want, name


def test_vpcs_with_the_same_addresses_get_their_own_answers(region, network):
    """Two instances with one private address, in two VPCs, ask at the same time from the same port."""
    metadata = []
    for _ in range(2):
        vpc = network.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = network.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        interface = network.interface(subnet, PrivateIpAddress="10.9.0.9")
        metadata.append(Metadata(region, network.instance(interface["NetworkInterfaceId"])))
    for one in metadata * 2:
        status, body = one.curl("/latest/meta-data/instance-id", "--local-port", "45000-45010")
        assert (status, body) == (200, one.instance_id)
    first, second = metadata
    foreign = first.token()
    assert second.curl("/latest/meta-data/instance-id", "-H", f"{TOKEN}: {foreign}")[0] == 401


def test_no_rule_keeps_an_instance_from_its_metadata(region, network):
    group = network.group("closed")
    network.ec2.revoke_security_group_egress(
        GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": EVERYONE}]}]
    )
    instance, _ = network.host(network.subnet_a, group)
    acl = network.ec2.create_network_acl(VpcId=network.vpc_id)["NetworkAcl"]["NetworkAclId"]
    found = network.ec2.describe_network_acls(
        Filters=[{"Name": "association.subnet-id", "Values": [network.subnet_a]}]
    )["NetworkAcls"][0]
    association = next(a for a in found["Associations"] if a["SubnetId"] == network.subnet_a)
    network.ec2.replace_network_acl_association(
        AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl
    )
    network.ec2.delete_route(RouteTableId=network.route_table_id, DestinationCidrBlock=EVERYONE)
    assert Metadata(region, instance).meta_data("instance-id") == instance


def test_what_a_call_has_changed_the_next_request_shows(region, network):
    instance, interface = network.host(network.subnet_a, network.group("web"))
    metadata = Metadata(region, instance)
    eni = interface["NetworkInterfaceId"]
    of_interface = f"network/interfaces/macs/{interface['MacAddress']}"
    network.ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=["10.0.1.99"])
    assert metadata.meta_data(f"{of_interface}/local-ipv4s").split() == [interface["PrivateIpAddress"], "10.0.1.99"]
    public = network.elastic_address(eni)
    assert metadata.meta_data("public-ipv4") == public
    assert metadata.meta_data(f"{of_interface}/ipv4-associations/{public}") == interface["PrivateIpAddress"]
    other = network.group("other")
    network.ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Groups=[other])
    assert metadata.meta_data(f"{of_interface}/security-group-ids") == other


def test_an_interface_is_described_before_the_instance_sees_it(region, network):
    """A watcher in the instance asks as soon as there is a second device."""
    instance, _ = network.host(network.subnet_a, network.group("web"))
    second = network.interface(network.subnet_b, network.group("second"))
    found = region.directory / "found"
    watcher = (
        "while ! test -e /sys/class/net/eth1; do :; done; mac=$(cat /sys/class/net/eth1/address); "
        f"curl -s -m 5 {IMDS}/latest/meta-data/network/interfaces/macs/$mac/local-ipv4s > {found}"
    )
    region.run(instance, f"setsid sh -c '{watcher}' </dev/null >/dev/null 2>&1 &")
    attachment = network.attach(second["NetworkInterfaceId"], instance)
    until(lambda: found.exists() and found.read_text() == second["PrivateIpAddress"], "it was not told in time")
    metadata = Metadata(region, instance)
    # The second interface tells of the instance too.
    source = ["--interface", second["PrivateIpAddress"]]
    assert metadata.curl("/latest/meta-data/instance-id", *source) == (200, instance)
    network.ec2.detach_network_interface(AttachmentId=attachment)
    assert metadata.meta_data("network/interfaces/macs/").count("/") == 1


# What amazon-ec2-net-utils asks for a device, through that device (setup_interface in its lib.sh), and what it makes of the
# answers: addresses, a table of the device's own, and rules for its sources.
NET_UTILS = """
set -e
imds=http://169.254.169.254/latest
ask() { curl -sf -m 5 --interface eth1 "$@"; }
token=$(ask -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" $imds/api/token)
get() { ask -H "X-aws-ec2-metadata-token:$token" "$imds/meta-data/$1"; }
mac=$(cat /sys/class/net/eth1/address)
interface=network/interfaces/macs/$mac
[ "$(get mac)" != "$mac" ]
get $interface/interface-id | grep -q ^eni-
! get $interface/network-card
table=$((10000 + $(get $interface/device-number)))
block=$(get $interface/subnet-ipv4-cidr-block)
addresses=$(get $interface/local-ipv4s)
prefixes=$(get $interface/ipv4-prefix)
ip address flush dev eth1
for rule in $(ip rule list | sed -n 's/^\\([0-9]*\\):.*from 10[.]0[.]2[.].*/\\1/p'); do ip rule del pref "$rule"; done
router=$(echo "$block" | sed 's,0/.*,1,')
for address in $addresses; do ip address add "$address/${block#*/}" dev eth1 noprefixroute; done
ip route add "$block" dev eth1 table $table
ip route add default via "$router" dev eth1 table $table
for source in $addresses $prefixes; do ip rule add from "$source" lookup $table; done
ip address add "${prefixes%2/28}5/32" dev eth1
"""


def test_a_secondary_interface_is_set_up_by_what_amazon_ec2_net_utils_asks(region, network):
    instance, _ = network.host(network.subnet_a, network.group("plain"))
    second = network.interface(network.subnet_b, network.group("second", allow("icmp")))
    network.attach(second["NetworkInterfaceId"], instance)
    # One of EC2's choice might be in the block.
    network.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=second["NetworkInterfaceId"], PrivateIpAddresses=["10.0.2.95"]
    )
    network.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=second["NetworkInterfaceId"], Ipv4Prefixes=["10.0.2.192/28"]
    )
    region.run(instance, NET_UTILS)
    client, _ = network.host(network.subnet_a, network.group("client"))
    for address in [second["PrivateIpAddress"], "10.0.2.95", "10.0.2.195"]:
        assert network.pings(client, address), f"{address} is not reached"


def test_tokens_are_required_where_the_launch_says_so(region, network):
    interface = network.interface(network.subnet_a, network.group("web"))
    launched = network.ec2.run_instances(
        ImageId=network.image_id,
        InstanceType="t3.medium",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface["NetworkInterfaceId"]}],
        MetadataOptions={"HttpTokens": "required"},
    )
    instance = launched["Instances"][0]["InstanceId"]
    network.wait_for_state(instance, "running")
    metadata = Metadata(region, instance)
    path = "/latest/meta-data/instance-id"
    assert metadata.curl(path)[0] == 401
    assert metadata.curl(path, "-H", f"{TOKEN}: none")[0] == 401
    status, answer = metadata.curl("/latest/api/token", "-X", "PUT", "-H", f"{TTL}: 90", "-i")
    assert status == 200 and f"{TTL.lower()}: 90" in answer.lower()
    token = answer.splitlines()[-1]
    assert metadata.get(path, token) == instance
    for options, want in [
        ([], 400),
        (["-H", f"{TTL}: 0"], 400),
        (["-H", f"{TTL}: 21601"], 400),
        (["-H", f"{TTL}: 60", "-H", "x-FORWARDED-for: 10.0.0.1"], 403),
    ]:
        assert metadata.curl("/latest/api/token", "-X", "PUT", *options)[0] == want, options


def test_options_and_account_defaults_take_effect_at_once(region, network):
    ec2 = network.ec2
    instance, _ = network.host(network.subnet_a, network.group("web"))
    metadata = Metadata(region, instance)
    path = "/latest/meta-data/instance-id"
    assert metadata.curl(path)[0] == 200
    for change, want in [
        ({"HttpTokens": "required"}, 401),
        ({"HttpTokens": "optional", "HttpEndpoint": "disabled"}, 403),
        ({"HttpEndpoint": "enabled", "InstanceMetadataTags": "enabled"}, 200),
    ]:
        changed = ec2.modify_instance_metadata_options(InstanceId=instance, **change)
        assert changed["InstanceMetadataOptions"]["State"] == "pending"
        assert metadata.curl(path)[0] == want, change
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "web"}])
    assert metadata.meta_data("tags/instance/Name") == "web"
    ec2.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=2)
    assert ec2.get_instance_metadata_defaults()["AccountLevel"] == {
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 2,
        "ManagedBy": "account",
    }
    other, _ = network.host(network.subnet_a, network.group("other"))
    assert Metadata(region, other).curl(path)[0] == 401
    assert metadata.curl(path)[0] == 200


WATCH = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
s.settimeout(10)
print("ready", flush=True)
while True:
    packet = s.recv(65536)
    header = (packet[0] & 15) * 4
    tcp = packet[header:]
    data = tcp[(tcp[12] >> 4) * 4:int.from_bytes(packet[2:4], "big") - header]
    if packet[12:16] == bytes([169, 254, 169, 254]) and data:
        print(packet[8], data[:12], flush=True)
"""


def test_a_token_goes_as_many_hops_as_the_launch_says_and_nothing_else_is_held_back(region, network):
    instance, _ = network.host(network.subnet_a, network.group("web"))
    metadata = Metadata(region, instance)
    (region.directory / "watch.py").write_text(WATCH)
    seen = region.directory / "seen"
    region.run(
        instance, f"setsid timeout 20 python3 {region.directory}/watch.py </dev/null >{seen} 2>/dev/null &"
    )
    until(lambda: seen.exists() and "ready" in seen.read_text(), "nobody watches")
    metadata.token()
    metadata.meta_data("instance-id")
    until(lambda: seen.read_text().count("HTTP/1.1 200") == 2, "the answers were not seen")
    hops = [int(line.split()[0]) for line in seen.read_text().splitlines() if "HTTP/1.1 200" in line]
    assert hops == [1, 64]


def test_metadata_outlives_the_regions_process(region, network):
    instance, _ = network.host(network.subnet_a, network.group("web"))
    metadata = Metadata(region, instance)
    token = metadata.token(600)
    region.restart_after_kill()
    path = "/latest/meta-data/instance-id"
    assert metadata.get(path, token) == instance


def test_the_way_to_the_service_is_made_anew_when_it_is_lost(region, network):
    instance, _ = network.host(network.subnet_a, network.group("web"))
    metadata = Metadata(region, instance)
    metadata.meta_data("instance-id")
    fabric = f"nsenter --net={region.data}/run/fabric".split()
    subprocess.run([*fabric, "ip", "link", "delete", "services"], check=True)
    asked = f"curl -sf -m 2 {IMDS}/latest/meta-data/instance-id"
    assert not region.succeeds(instance, asked)
    until(lambda: region.succeeds(instance, asked), "it stays lost", 30)


def test_what_is_asked_is_measured(region, network):
    instance, _ = network.host(network.subnet_a, network.group("web"))
    metadata = Metadata(region, instance)
    metadata.meta_data("instance-id")
    metadata.curl("/latest/none")
    text = region.openeni("metrics").stdout
    for outcome in ("200", "404"):
        assert f'openeni_service_request_seconds_count{{service="metadata",outcome="{outcome}"}} 1\n' in text, text
    assert 'openeni_service_turn_seconds_count{service="metadata"} 2\n' in text, text


def test_options_do_not_reach_the_service(region, network):
    """Its stack would record the route, and show the fabric's own addresses."""
    instance, interface = network.host(network.subnet_a, network.group("web"))
    ask = (
        "import socket; s = socket.socket(); s.settimeout(2);"
        "s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([7, 39, 4] + [0] * 37));"
        "s.connect(('169.254.169.254', 80))"
    )
    region.run(instance, f'python3 -c "{ask}"', check=False)
    assert region.drops(interface["NetworkInterfaceId"]).get("service_options", 0) > 0


def test_link_local_packets_go_nowhere_else(region, network):
    instance, interface = network.host(network.subnet_a, network.group("web", allow("icmp")))
    eni = interface["NetworkInterfaceId"]
    for target, reason in [("169.254.169.250", "special_address"), ("169.254.169.254", "service_unreachable")]:
        before = region.drops(eni).get(reason, 0)
        assert not network.pings(instance, target)
        assert region.drops(eni).get(reason, 0) > before, (target, region.drops(eni))


def test_a_flood_of_one_instance_is_dropped_and_counted_and_costs_its_neighbour_nothing(region, network):
    group = network.group("web")
    noisy, noisy_eni = network.host(network.subnet_a, group)
    quiet, _ = network.host(network.subnet_a, group)
    flood = (
        "import socket, time\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "end = time.monotonic() + 4\n"
        "while time.monotonic() < end:\n"
        "    s.sendto(b'x', ('169.254.169.254', 80))\n"
    )
    script = region.directory / "flood.py"
    script.write_text(flood)
    region.run(noisy, f"setsid python3 {script} </dev/null >/dev/null 2>&1 &")
    dropped = lambda: region.drops(noisy_eni["NetworkInterfaceId"]).get("linklocal_allowance_exceeded", 0)
    until(lambda: dropped() > 0, "nothing is dropped")
    metadata = Metadata(region, quiet)
    for _ in range(5):
        assert metadata.meta_data("instance-id") == quiet
    until(lambda: Metadata(region, noisy).curl("/latest/meta-data/instance-id")[0] == 200, "it stays cut", 30)
