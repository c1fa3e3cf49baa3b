"""Addresses, as clients that nobody here wrote ask for them."""

import json

import pytest

from namespaces import until

# What udhcpc calls with what it was told.
SHOW = "#!/bin/sh\n[ \"$1\" = deconfig ] || env >{directory}/told.$1\n"
UDHCPC = "busybox udhcpc -i {device} -f -q -n -t 5 -T 1 -s {directory}/show -O mtu -O ntpsrv -O lease -O serverid"


@pytest.fixture(name="named")
def network_with_options(network):
    options = network.ec2.create_dhcp_options(
        DhcpConfigurations=[
            {"Key": "domain-name", "Values": ["corp.test"]},
            {"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]},
            {"Key": "ntp-servers", "Values": ["169.254.169.123"]},
        ]
    )["DhcpOptions"]["DhcpOptionsId"]
    network.ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=network.vpc_id)
    return network


def udhcpc(region, instance, *options, device="eth0", check=True):
    """What the client was told, by name."""
    show = region.directory / "show"
    show.write_text(SHOW.format(directory=region.directory))
    show.chmod(0o755)
    told = region.directory / "told.bound"
    told.unlink(missing_ok=True)
    command = UDHCPC.format(device=device, directory=region.directory)
    region.run(instance, " ".join([command, *options]), check=check)
    return dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line) if told.exists() else None


def test_a_client_without_address_is_told_what_its_interface_has(region, named):
    """Though no rule lets anything through, and the instance has no address any more."""
    instance, interface = named.host(named.subnet_a, named.group("closed"))
    address = interface["PrivateIpAddress"]
    region.run(instance, "ip address flush dev eth0")
    told = udhcpc(region, instance)
    want = {
        "ip": address,
        "subnet": "255.255.255.0",
        "router": "10.0.1.1",
        "serverid": "10.0.1.1",
        "broadcast": "10.0.1.255",
        "dns": "10.0.0.2",
        "domain": "corp.test",
        "ntpsrv": "169.254.169.123",
        "hostname": "ip-" + address.replace(".", "-"),
        "mtu": "9001",
        "lease": "3600",
    }
    assert {name: told.get(name) for name in want} == want


def test_a_secondary_interface_is_told_its_own_address_and_another_is_refused(region, named):
    instance, _ = named.host(named.subnet_a, named.group("web"))
    second = named.interface(named.subnet_b, named.group("second"))
    named.attach(second["NetworkInterfaceId"], instance)
    until(lambda: region.succeeds(instance, "ip -4 address show eth1 | grep -q inet"), "eth1 does not come")
    told = udhcpc(region, instance, "-r 10.0.2.200", device="eth1")
    assert (told["ip"], told["router"]) == (second["PrivateIpAddress"], "10.0.2.1")


def dhclient(region, instance):
    leases = region.directory / "leases"
    command = f"dhclient -1 -v -sf /bin/true -lf {leases} -pf {region.directory}/pid eth0"
    log = region.openeni("exec", instance, "--", "sh", "-c", f"{command} 2>&1", check=False)
    return log.stdout, leases


def test_dhclient_gets_a_lease_renews_and_releases_it(region, named):
    instance, interface = named.host(named.subnet_a, named.group("closed"))
    address = interface["PrivateIpAddress"]
    log, leases = dhclient(region, instance)
    assert f"DHCPACK of {address} from 10.0.1.1" in log, log
    assert f"fixed-address {address};" in leases.read_text()
    assert "option dhcp-lease-time 3600;" in leases.read_text()
    # Started again it asks for the one it had.
    region.run(instance, f"kill $(cat {region.directory}/pid)", check=False)
    log, _ = dhclient(region, instance)
    assert "DHCPDISCOVER" not in log and f"DHCPACK of {address} from 10.0.1.1" in log, log
    released = region.openeni(
        "exec", instance, "--", "sh", "-c",
        f"dhclient -r -v -sf /bin/true -lf {leases} -pf {region.directory}/pid eth0 2>&1", check=False,
    )
    assert f"DHCPRELEASE of {address} on eth0 to 10.0.1.1" in released.stdout, released


def test_dhcpcd_gets_a_lease(region, named):
    instance, interface = named.host(named.subnet_a, named.group("web"))
    # What it keeps is not the host's.
    own = "mount -t tmpfs own /var/lib/dhcpcd && mount -t tmpfs own /run"
    client = "timeout 20 dhcpcd -4 -B -1 --noarp -c /bin/true eth0 2>&1"
    shown = region.run(instance, f"unshare -m sh -c '{own} && {client}'", check=False)
    assert f"leased {interface['PrivateIpAddress']} for 3600 seconds" in shown, shown


RENEW = """
import json, socket, struct, sys
address, router, mac = sys.argv[1:4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.bind((address, 68))
hardware = bytes.fromhex(mac.replace(":", "")) + bytes(10)
head = struct.pack("!BBBBIHH", 1, 1, 6, 0, 77, 0, 0) + socket.inet_aton(address) + bytes(12)
s.sendto(head + hardware + bytes(192) + bytes([99, 130, 83, 99, 53, 1, 3, 255]), (router, 67))
answer, (sender, port) = s.recvfrom(1500)
kind = answer[answer.index(bytes([53, 1])) + 2]
print(json.dumps([sender, port, kind, socket.inet_ntoa(answer[16:20])]))
"""


def test_a_lease_is_renewed_by_an_ordinary_socket_and_outlives_the_regions_process(region, named):
    instance, interface = named.host(named.subnet_a, named.group("closed"))
    address, mac = interface["PrivateIpAddress"], interface["MacAddress"]
    (region.directory / "renew.py").write_text(RENEW)
    command = f"python3 {region.directory}/renew.py {address} 10.0.1.1 {mac}"
    for _ in range(2):
        assert json.loads(region.run(instance, command)) == ["10.0.1.1", 67, 5, address]
        region.restart_after_kill()


FORGE = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 67))
for _ in range(5):
    s.sendto(b"x" * 300, (sys.argv[1], 68))
"""


def test_a_guest_gives_nobody_an_address(region, named):
    group = named.group("open")
    named.ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    forger, eni = named.host(named.subnet_a, group)
    _, victim = named.host(named.subnet_a, group)
    (region.directory / "forge.py").write_text(FORGE)
    region.run(forger, f"python3 {region.directory}/forge.py {victim['PrivateIpAddress']}")
    until(lambda: region.drops(eni["NetworkInterfaceId"]).get("dhcp_answer", 0) == 5, "they are not dropped")


def test_vpcs_with_the_same_addresses_are_told_of_their_own(region, named):
    told = []
    corporate = named.ec2.describe_vpcs(VpcIds=[named.vpc_id])["Vpcs"][0]["DhcpOptionsId"]
    for options in (corporate, None):
        vpc = named.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        if options:
            named.ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc)
        subnet = named.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        interface = named.interface(subnet, PrivateIpAddress="10.9.0.9")
        instance = named.instance(interface["NetworkInterfaceId"])
        told.append(udhcpc(region, instance))
    want = [("10.9.0.9", "corp.test"), ("10.9.0.9", "ec2.internal")]
    assert [(one["ip"], one["domain"]) for one in told] == want


FLOOD = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 68))
end = time.monotonic() + 8
while time.monotonic() < end:
    s.sendto(b"\\1" * 300, (sys.argv[2], 67))
"""


def test_a_flood_of_one_instance_is_counted_and_costs_its_neighbour_nothing(region, named):
    noisy, eni = named.host(named.subnet_a, named.group("web"))
    quiet, other = named.host(named.subnet_a, named.group("other"))
    (region.directory / "flood.py").write_text(FLOOD)
    command = f"python3 {region.directory}/flood.py {eni['PrivateIpAddress']} 10.0.1.1"
    region.run(noisy, f"setsid {command} </dev/null >/dev/null 2>&1 &")
    dropped = lambda: region.drops(eni["NetworkInterfaceId"]).get("linklocal_allowance_exceeded", 0)
    until(lambda: dropped() > 0, "nothing is dropped")
    for _ in range(3):
        assert udhcpc(region, quiet)["ip"] == other["PrivateIpAddress"]
