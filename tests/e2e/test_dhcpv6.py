"""Addresses by DHCPv6, as clients that nobody here wrote ask for them."""

import ipaddress
import json

import pytest

from namespaces import until
from test_ipv6 import Both


@pytest.fixture(name="both")
def network_of_both_families(network):
    options = network.ec2.create_dhcp_options(
        DhcpConfigurations=[
            {"Key": "domain-name", "Values": ["corp.test lab.test"]},
            {"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]},
            {"Key": "ntp-servers", "Values": ["fd00:ec2::123"]},
        ]
    )["DhcpOptions"]["DhcpOptionsId"]
    network.ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=network.vpc_id)
    return Both(network)


def closed_host(network, subnet, count=1):
    """An instance that no rule lets anything to, with so many addresses, which it does not have itself; and those."""
    instance, eni = network.host(subnet, network.group("closed"), Ipv6AddressCount=count)
    addresses = [address["Ipv6Address"] for address in eni["Ipv6Addresses"]]
    for address in addresses:
        network.region.run(instance, f"ip -6 addr del {address}/64 dev eth0")
    return instance, addresses


def dhclient(region, instance, *options):
    leases, pid, wanted = (region.directory / name for name in ("leases6", "pid6", "dhclient6.conf"))
    wanted.write_text("request dhcp6.name-servers, dhcp6.domain-search;\n")
    files = f"-sf /bin/true -cf {wanted} -lf {leases} -pf {pid}"
    command = " ".join(["dhclient -6 -1 -v", *options, files, "eth0"])
    log = region.openeni("exec", instance, "--", "sh", "-c", f"{command} 2>&1", check=False)
    return log.stdout, leases


def end(region, instance):
    """Ends the client, which has the port as long as it is there."""
    file = region.directory / "pid6"
    until(lambda: file.exists() and file.read_text().endswith("\n"), "the client does not say who it is")
    pid = file.read_text().strip()
    region.run(instance, f"kill {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.05; done")


def test_dhclient_gets_a_lease_confirms_renews_and_releases_it(region, network, both):
    instance, addresses = closed_host(network, network.subnet_a, 2)
    log, leases = dhclient(region, instance)
    assert "RCV: Reply message on eth0 from fe80:ec2::1" in log, log
    text = leases.read_text()
    for address in addresses:
        assert f"iaaddr {address} {{" in text
    for line in (
        "preferred-life 140;", "max-life 450;", "renew 70;", "rebind 112;",
        "option dhcp6.name-servers fd00:ec2::253;", "option dhcp6.domain-search \"corp.test.\", \"lab.test.\";",
    ):
        assert line in text, text
    # Started again it asks whether the one it had is right still.
    end(region, instance)
    log, _ = dhclient(region, instance)
    assert "XMT: Confirm on eth0" in log and "XMT: Solicit" not in log, log
    end(region, instance)
    # It does not wait for the answer.
    log, _ = dhclient(region, instance, "-r")
    assert "XMT: Release on eth0" in log, log


def test_dhclient_is_told_the_rest_without_an_address(region, network, both):
    instance, _ = closed_host(network, network.subnet_a)
    log, _ = dhclient(region, instance, "-S")
    assert "XMT: Info-Request on eth0" in log and "RCV: Reply message on eth0 from fe80:ec2::1" in log, log


def test_dhcpcd_solicits_a_router_and_gets_a_lease(region, network, both):
    """By the flag of the router's advertisement, that addresses are to be had by DHCPv6."""
    instance, [address] = closed_host(network, network.subnet_a)
    own = "mount -t tmpfs own /var/lib/dhcpcd && mount -t tmpfs own /run"
    client = "timeout 30 dhcpcd -6 -B -1 -d -c /bin/true eth0 2>&1"
    shown = region.run(instance, f"unshare -m sh -c '{own} && {client}'", check=False)
    assert f"adding address {address}/128" in shown, shown
    assert "eth0: renew in 70, rebind in 112, expire in 450 seconds" in shown, shown


DHCPCD = """
mount -t tmpfs own /var/lib/dhcpcd && mount -t tmpfs own /run
timeout 60 dhcpcd -B -d --noarp -c /bin/true eth0 2>&1 &
for _ in $(seq 300); do [ -e {told} ] && break; sleep 0.1; done
echo renewing
dhcpcd -N eth0
wait
"""


def test_dhcpcd_renews_leases_of_both_families_when_it_is_told_to(region, network, both):
    instance, eni = network.host(network.subnet_a, network.group("closed"), Ipv6AddressCount=1)
    script, log, told = (region.directory / name for name in ("dhcpcd.sh", "dhcpcd.log", "told"))
    script.write_text(DHCPCD.format(told=told))
    region.run(instance, f"setsid unshare -m sh {script} </dev/null >{log} 2>&1 &")
    leased = [f"leased {eni['PrivateIpAddress']} for 3600 seconds", "expire in 450 seconds"]
    until(lambda: all(text in log.read_text() for text in leased), f"no leases: {log}", 30)
    told.touch()
    since = lambda: log.read_text().partition("renewing")[2]
    renewed = ["acknowledged " + eni["PrivateIpAddress"], "REPLY6 received"]
    until(lambda: all(text in since() for text in renewed), f"not renewed: {log}", 30)


NETWORKD = """
mount -t tmpfs own /run && mkdir -p /run/systemd/network /run/systemd/netif /run/dbus
chown systemd-network: /run/systemd/netif
mount -t tmpfs own /etc/systemd/network 2>/dev/null || true
# As in a container: no udev is waited for.
mount -o remount,ro,bind /sys
cat >/run/systemd/network/10-eth0.network <<END
[Match]
Name=eth0
[Network]
DHCP=yes
KeepConfiguration=no
IPv6AcceptRA=yes
[DHCPv4]
UseHostname=no
END
timeout {seconds} env SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd 2>&1
"""


def test_systemd_networkd_gets_leases_in_both_families(region, network, both):
    """A daemon in the instance's network namespace, without the host's systemd, udev or bus."""
    instance, eni = network.host(network.subnet_a, network.group("closed"), Ipv6AddressCount=1)
    address, first = eni["PrivateIpAddress"], eni["Ipv6Addresses"][0]["Ipv6Address"]
    script = region.directory / "networkd.sh"
    script.write_text(NETWORKD.format(seconds=60))
    log = region.directory / "networkd.log"
    region.run(instance, f"ip -4 addr flush dev eth0; ip -6 addr del {first}/64 dev eth0")
    region.run(instance, f"setsid unshare -m sh {script} </dev/null >{log} 2>&1 &")
    shown = log.read_text
    until(lambda: f"DHCPv4 address {address}/24" in shown(), f"no lease of IPv4: {log}", 30)
    until(lambda: f"DHCPv6 address {first}/128" in shown(), f"no lease of IPv6: {log}", 30)
    until(lambda: f"{first}/128" in region.run(instance, "ip -6 addr show dev eth0"), f"it is not used: {log}", 10)


ASK = """
import json, socket, struct, sys
scope = socket.if_nametoindex("eth0")
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(2)
s.bind(("::", 546, 0, scope))
message = bytes.fromhex(sys.argv[1])
s.sendto(message, ("ff02::1:2", 547, 0, scope))
try:
    answer, (sender, port, _, _) = s.recvfrom(2000)
    print(json.dumps([sender.split("%")[0], port, answer.hex()]))
except TimeoutError:
    print(json.dumps(None))
"""
# Types of messages, and a client's name.
SOLICIT, RENEW, REPLY = 1, 5, 7
NAME = "0001000a00030001020000000009"


def ask(region, instance, message):
    script = region.directory / "ask6.py"
    script.write_text(ASK)
    return json.loads(region.run(instance, f"python3 {script} {message}"))


def association(*addresses):
    within = "".join(f"00050018{bytes(address).hex()}0000000000000000" for address in addresses)
    body = "00000007" + "00" * 8 + within
    return f"0003{len(body) // 2:04x}{body}"


def test_a_lease_is_given_at_once_to_who_wants_it_so_and_renewed_after_a_crash(region, network, both):
    instance, [address] = closed_host(network, network.subnet_a)
    own = ipaddress.ip_address(address).packed
    sender, port, answer = ask(region, instance, f"{SOLICIT:02x}0a0b0c{NAME}{association()}000e0000")
    assert (sender, port) == ("fe80:ec2::1", 547)
    assert answer.startswith(f"{REPLY:02x}0a0b0c") and own.hex() in answer and "000e0000" in answer
    # The server's name: its option comes first.
    server = answer[8 : 8 + 2 * (4 + 18)]
    region.restart_after_kill()
    _, _, renewed = ask(region, instance, f"{RENEW:02x}0d0e0f{NAME}{server}{association(own)}")
    assert renewed.startswith(f"{REPLY:02x}0d0e0f") and own.hex() in renewed
    # Another's name, and none.
    other = server[:-2] + f"{int(server[-2:], 16) ^ 1:02x}"
    assert ask(region, instance, f"{RENEW:02x}0d0e0f{NAME}{other}{association(own)}") is None
    assert ask(region, instance, f"{SOLICIT:02x}0a0b0c{association()}") is None


FORGE = """
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for _ in range(5):
    s.sendto(b"x" * 60, (sys.argv[1], 546))
"""


def test_a_guest_gives_nobody_an_address(region, network, both):
    forger, _ = both.host(network.subnet_a)
    _, victim = both.host(network.subnet_a)
    eni = network.ec2.describe_instances(InstanceIds=[forger])["Reservations"][0]["Instances"][0]
    eni = eni["NetworkInterfaces"][0]["NetworkInterfaceId"]
    (region.directory / "forge6.py").write_text(FORGE)
    region.run(forger, f"python3 {region.directory}/forge6.py {victim}")
    until(lambda: region.drops(eni).get("dhcp_answer", 0) == 5, "they are not dropped")


FLOOD = """
import socket, time
scope = socket.if_nametoindex("eth0")
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
end = time.monotonic() + 8
while time.monotonic() < end:
    s.sendto(bytes([1]) * 60, ("ff02::1:2", 547, 0, scope))
    s.sendto(bytes(48), ("fd00:ec2::123", 123))
"""


def test_a_flood_of_one_instance_is_counted_and_costs_its_neighbour_nothing(region, network, both):
    noisy, _ = both.host(network.subnet_a)
    quiet, _ = closed_host(network, network.subnet_a)
    eni = network.ec2.describe_instances(InstanceIds=[noisy])["Reservations"][0]["Instances"][0]
    eni = eni["NetworkInterfaces"][0]["NetworkInterfaceId"]
    (region.directory / "flood6.py").write_text(FLOOD)
    region.run(noisy, f"setsid python3 {region.directory}/flood6.py </dev/null >/dev/null 2>&1 &")
    dropped = lambda: region.drops(eni).get("linklocal_allowance_exceeded", 0)
    until(lambda: dropped() > 0, "nothing is dropped")
    for _ in range(3):
        sender, _, _ = ask(region, quiet, f"{SOLICIT:02x}0a0b0c{NAME}{association()}000e0000")
        assert sender == "fe80:ec2::1"
