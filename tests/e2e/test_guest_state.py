"""What a guest makes is its own, what the platform brought goes with its interface, and a reboot is a new kernel."""

import threading
import time
from pathlib import Path

import pytest

from namespaces import until
from network import allow

# Rules of the kernel's own.
RULES = "ip rule | grep -vE '^(0|32766|32767):' || true"
# The agent looks at the machine every five seconds.
LOOK_SECONDS = 30


def pod_of(region):
    """A script that makes a network namespace of the guest's, held by a process: `in_pod` runs a command in it."""
    return f"""
        unshare --net sleep 10000 </dev/null >/dev/null 2>&1 &
        pod=$!
        while [ $(readlink /proc/$pod/ns/net) = $(readlink /proc/self/ns/net) ]; do sleep 0.01; done
        echo $pod > {region.directory}/pod
        in_pod() {{ nsenter --net --target $pod "$@"; }}
        in_pod ip link set lo up
        """


def in_pod(region, command):
    """The command in the namespace that was made last."""
    return f"nsenter --net --target $(cat {region.directory}/pod) {command}"


@pytest.fixture(name="all_open")
def group_that_lets_everything_in(network):
    return network.group("all", allow("-1"))


def assign(network, eni, address):
    network.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=eni["NetworkInterfaceId"], PrivateIpAddresses=[address]
    )


def unassign(network, eni, address):
    network.ec2.unassign_private_ip_addresses(
        NetworkInterfaceId=eni["NetworkInterfaceId"], PrivateIpAddresses=[address]
    )


def detach(network, attachment, eni):
    network.ec2.detach_network_interface(AttachmentId=attachment)
    until(
        lambda: network.describe(eni["NetworkInterfaceId"])["Status"] == "available",
        "the interface is not detached",
    )


def records(region, instance_id):
    directory = region.data / "run" / "instances" / instance_id
    return sorted(path.name for path in directory.iterdir() if "attach" in path.name)


@pytest.mark.parametrize("how", ["as it is", "renamed", "moved away", "deleted", "while the region is down"])
def test_a_detached_interface_leaves_nothing_in_its_instance(region, network, all_open, how):
    host, _ = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_a, all_open)
    moving = network.interface(network.subnet_b, all_open)
    address = moving["PrivateIpAddress"]
    attachment = network.attach(moving["NetworkInterfaceId"], host)
    assert network.pings(client, address)
    assert f"from {address} lookup 10001" in region.run(host, RULES)
    if how == "renamed":
        region.run(host, "ip link set eth1 down && ip link set eth1 name other && ip link set other up")
    elif how == "moved away":
        region.run(host, f"{pod_of(region)} ip link set eth1 netns $pod && in_pod ip link set eth1 up")
    elif how == "deleted":
        region.run(host, "ip link delete eth1")
    if how == "while the region is down":
        # The call is committed, and the region killed before or after it has done anything.
        caller = threading.Thread(
            target=lambda: network.ec2.detach_network_interface(AttachmentId=attachment)
        )
        caller.start()
        caller.join()
        region.restart_after_kill()
    else:
        detach(network, attachment, moving)
    until(lambda: region.run(host, RULES) == "", f"rules are left: {region.run(host, RULES)}")
    until(lambda: len(records(region, host)) == 1, f"records are left: {records(region, host)}")

    # The old index is another interface's, the address is at a new one.
    other = network.interface(network.subnet_b, all_open)
    network.attach(other["NetworkInterfaceId"], host)
    network.attach(moving["NetworkInterfaceId"], host, 2)
    for wanted in (address, other["PrivateIpAddress"]):
        until(lambda wanted=wanted: network.pings(client, wanted), f"{wanted} is deaf")


def test_a_freed_address_serves_the_next_interface(region, network, all_open):
    host, _ = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_a, all_open)
    first = network.interface(network.subnet_b, all_open)
    attachment = network.attach(first["NetworkInterfaceId"], host)
    detach(network, attachment, first)
    network.ec2.delete_network_interface(NetworkInterfaceId=first["NetworkInterfaceId"])
    taken = network.interface(network.subnet_b, all_open, PrivateIpAddress="10.0.2.200")
    network.attach(taken["NetworkInterfaceId"], host)
    heir = network.interface(network.subnet_b, all_open, PrivateIpAddress=first["PrivateIpAddress"])
    network.attach(heir["NetworkInterfaceId"], host, 2)
    until(lambda: network.pings(client, heir["PrivateIpAddress"]), "the freed address is deaf")
    assert network.pings(client, taken["PrivateIpAddress"])
    assert "device-number-2.0" in region.run(host, f"ip link show {heir['NetworkInterfaceId']}")


def test_a_second_interface_leaves_bridges_and_static_routes_alone(region, network, all_open):
    host, eni = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_a, all_open)
    primary = eni["PrivateIpAddress"]
    region.run(
        host,
        f"""{pod_of(region)}
        ip link add docker0 type bridge && ip addr add 172.17.0.1/16 dev docker0 && ip link set docker0 up
        ip link add port type veth peer name inside netns $pod && ip link set port master docker0 up
        in_pod ip addr add 172.17.0.2/16 dev inside && in_pod ip link set inside up
        in_pod ip route add default via 172.17.0.1
        ip route add 198.51.100.0/24 via 10.0.1.250 dev eth0""",
    )
    container = in_pod(region, f"ping -nqc1 -W1 {primary}")
    assert region.succeeds(host, container)
    for index, subnet in ((1, network.subnet_a), (2, network.subnet_b)):
        second = network.interface(subnet, all_open)
        attachment = network.attach(second["NetworkInterfaceId"], host, index)
        assert region.succeeds(host, container), "a container lost the primary address"
        assert "dev eth0" in region.run(host, f"ip route get 198.51.100.1 from {primary}")
        # Each answers on its own, in one subnet or in two.
        for address in (primary, second["PrivateIpAddress"]):
            until(lambda address=address: network.pings(client, address), f"{address} does not answer")
        before = region.drops(eni["NetworkInterfaceId"]), region.drops(second["NetworkInterfaceId"])
        for address in (primary, second["PrivateIpAddress"]):
            assert network.pings(client, address)
        assert before == (region.drops(eni["NetworkInterfaceId"]), region.drops(second["NetworkInterfaceId"]))
        assert network.pings(host, network.describe(eni["NetworkInterfaceId"])["PrivateIpAddress"])
        assert region.succeeds(host, "ping -nqc1 -W1 -I eth0 10.0.1.1")
        detach(network, attachment, second)


def test_addresses_that_a_guest_gave_its_pods_stay_there(region, network, all_open):
    host, eni = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_b, all_open)
    pod = "10.0.1.201"
    assign(network, eni, pod)
    until(lambda: pod in region.run(host, "ip -4 addr show eth0"), "the address is not brought")
    region.run(
        host,
        f"""{pod_of(region)}
        ip addr del {pod}/24 dev eth0
        echo 1 > /proc/sys/net/ipv4/ip_forward
        ip link add pod0 type veth peer name eth0 netns $pod && ip link set pod0 up
        echo 1 > /proc/sys/net/ipv4/conf/pod0/proxy_arp
        ip route add {pod}/32 dev pod0
        in_pod ip addr add {pod}/32 dev eth0 && in_pod ip link set eth0 up
        in_pod ip route add default dev eth0""",
    )
    until(lambda: network.pings(client, pod), "the pod does not answer")

    def unharmed(what):
        assert pod not in region.run(host, "ip -4 addr show"), f"{what} brought it back"
        assert network.pings(client, pod), f"{what} killed the pod"
        # The pod asks for the instance's own address on its link, as on any Linux machine.
        region.run(host, "ip neigh flush all")
        assert region.succeeds(host, in_pod(region, f"ping -nqc1 -W1 {eni['PrivateIpAddress']}")), what

    other = "10.0.1.202"
    assign(network, eni, other)
    until(lambda: other in region.run(host, "ip -4 addr show eth0"), "the other address is not brought")
    unharmed("another address")
    unassign(network, eni, other)
    until(lambda: other not in region.run(host, "ip -4 addr show eth0"), "the other address stays")
    unharmed("another address taken away")
    second = network.interface(network.subnet_b, all_open)
    attachment = network.attach(second["NetworkInterfaceId"], host)
    unharmed("a second interface")
    detach(network, attachment, second)
    unharmed("a second interface taken away")
    region.restart_after_kill()
    unharmed("a kill")
    region.run(host, "ip link set eth0 down && ip link set eth0 up")
    until(
        lambda: "default" in region.run(host, "ip route show default"), "the routes do not come back", LOOK_SECONDS
    )
    unharmed("the link set down and up")


def test_what_a_guest_takes_away_stays_away(region, network, all_open):
    host, eni = network.host(network.subnet_a, all_open)
    region.run(host, "ip route del default && ip link set eth0 mtu 1400")
    assign(network, eni, "10.0.1.203")
    until(lambda: "10.0.1.203" in region.run(host, "ip -4 addr show eth0"), "the address is not brought")
    region.run(host, "ip link set eth0 down && ip link set eth0 up")
    time.sleep(6)  # the agent looks every five seconds
    assert region.run(host, "ip route show default") == ""
    assert "mtu 1400" in region.run(host, "ip link show eth0")


def boot_of(region, instance_id):
    """Tells boots apart: the start of the first process."""
    return region.run(instance_id, "cut -d' ' -f22 /proc/1/stat; readlink /proc/1/ns/net")


def reboot(region, network, instance_id):
    before = boot_of(region, instance_id)
    network.ec2.reboot_instances(InstanceIds=[instance_id])

    def is_new():
        done = region.openeni(
            "exec", instance_id, "--", "sh", "-c", "cut -d' ' -f22 /proc/1/stat; readlink /proc/1/ns/net", check=False
        )
        return done.returncode == 0 and done.stdout != before

    until(is_new, "the instance is not rebooted")


SPOIL = """
ip link add br0 type bridge && ip rule add from 10.9.9.9 lookup 99
ip route add 198.51.100.0/24 via 10.0.1.1
echo 1 > /proc/sys/net/ipv4/ip_forward
tc qdisc add dev eth0 root tbf rate 8kbit burst 1600 latency 50ms
ip addr flush dev eth1 && ip link set eth1 down && ip link set eth1 name spoilt
ip link set eth0 address 02:00:00:00:00:99
ip addr flush dev eth0 && ip link set eth0 down
"""


def is_as_new(region, network, host, client, addresses):
    for address in addresses:
        until(lambda address=address: network.pings(client, address), f"{address} does not answer")
    assert not region.succeeds(host, "ip link show br0")
    assert "10.9.9.9" not in region.run(host, "ip rule")
    assert "198.51.100" not in region.run(host, "ip route")
    assert region.run(host, "cat /proc/sys/net/ipv4/ip_forward") == "0\n"
    assert "tbf" not in region.run(host, "tc qdisc show dev eth0")
    assert region.succeeds(host, "ip link show eth1")


def test_a_reboot_is_a_new_kernel_with_the_same_interfaces(region, network, all_open):
    host, first = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_b, all_open)
    second = network.interface(network.subnet_a, all_open)
    network.attach(second["NetworkInterfaceId"], host)
    addresses = [first["PrivateIpAddress"], second["PrivateIpAddress"]]
    region.run(host, SPOIL)
    assert not network.pings(client, addresses[0])
    before = [network.describe(eni["NetworkInterfaceId"]) for eni in (first, second)]
    reboot(region, network, host)
    is_as_new(region, network, host, client, addresses)
    for index, described in enumerate(before):
        name = described["NetworkInterfaceId"]
        assert network.describe(name) == described
        assert described["MacAddress"] in region.run(host, f"ip link show eth{index}")
        assert f"altname {name}" in region.run(host, f"ip link show eth{index}")
    assert network.state(host) == "running"

    # Killed while it reboots, and rebooted again before it is done.
    for delay in (0.0, 0.02, 0.05, 0.1):
        region.run(host, "ip link add br0 type bridge && ip addr flush dev eth0")
        network.ec2.reboot_instances(InstanceIds=[host])
        network.ec2.reboot_instances(InstanceIds=[host])
        time.sleep(delay)
        region.restart_after_kill()
        for address in addresses:
            until(lambda address=address: network.pings(client, address), f"{address} does not answer")
        until(lambda: not region.succeeds(host, "ip link show br0"), "the old kernel runs on")


def test_an_interface_is_attached_while_its_instance_reboots(region, network, all_open):
    host, eni = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_b, all_open)
    for index in (1, 2, 3):
        second = network.interface(network.subnet_a, all_open)
        network.ec2.reboot_instances(InstanceIds=[host])
        attachment = network.attach(second["NetworkInterfaceId"], host, index)
        for address in (eni["PrivateIpAddress"], second["PrivateIpAddress"]):
            until(lambda address=address: network.pings(client, address), f"{address} does not answer")
        network.ec2.reboot_instances(InstanceIds=[host])
        detach(network, attachment, second)
        until(lambda: network.pings(client, eni["PrivateIpAddress"]), "the primary interface does not answer")
    until(lambda: region.run(host, RULES) == "", "rules are left")


def test_an_instance_started_as_soon_as_it_is_stopped_has_a_new_kernel(region, network, all_open):
    host, first = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_b, all_open)
    second = network.interface(network.subnet_a, all_open)
    network.attach(second["NetworkInterfaceId"], host)
    for _ in range(3):
        region.run(host, SPOIL)
        network.ec2.stop_instances(InstanceIds=[host])
        until(lambda: network.state(host) == "stopped", "it does not stop", interval=0.001)
        network.ec2.start_instances(InstanceIds=[host])
        network.wait_for_state(host, "running")
        is_as_new(region, network, host, client, [first["PrivateIpAddress"], second["PrivateIpAddress"]])


def test_an_interface_is_attached_beside_a_device_of_the_guests_with_its_name(region, network, all_open):
    host, _ = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_b, all_open)
    region.run(host, "ip link add eth1 type bridge && ip link add eth3 type bridge")
    second = network.interface(network.subnet_a, all_open)
    attachment = network.attach(second["NetworkInterfaceId"], host)
    assert second["MacAddress"] in region.run(host, "ip link show device-number-1")
    assert second["MacAddress"] in region.run(host, f"ip link show {second['NetworkInterfaceId']}")
    assert network.pings(client, second["PrivateIpAddress"])
    # Its name is not in the way of the next one, either.
    third = network.interface(network.subnet_a, all_open)
    network.attach(third["NetworkInterfaceId"], host, 2)
    assert third["MacAddress"] in region.run(host, "ip link show device-number-2")
    assert network.pings(client, third["PrivateIpAddress"])
    detach(network, attachment, second)
    until(lambda: not region.succeeds(host, "ip link show device-number-1"), "the device stays")
    assert region.succeeds(host, "ip link show eth1 && ip link show eth3")
    # After a reboot the names are free.
    reboot(region, network, host)
    assert third["MacAddress"] in region.run(host, "ip link show eth2")


def test_a_guest_that_makes_trouble_with_its_device_can_be_attached_to_again(region, network, all_open):
    host, _ = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_b, all_open)
    second = network.interface(network.subnet_a, all_open)
    name, address = second["NetworkInterfaceId"], second["PrivateIpAddress"]
    troubles = [
        "ip link add br0 type bridge && ip link set eth1 master br0",
        "ip link set eth1 address 02:00:00:00:00:77",
        "tc qdisc add dev eth1 clsact && tc qdisc add dev eth1 root tbf rate 8kbit burst 1600 latency 50ms",
        "ip link set eth1 down",
        f"{pod_of(region)} ip link set eth1 netns $pod",
        # Its namespace, below a user namespace, dies with the device in it.
        "unshare --user --map-root-user --net sleep 1 </dev/null >/dev/null 2>&1 & sleep 0.5; ip link set eth1 netns $!"
        "; sleep 1",
        "ip link delete eth1",
        "for i in $(seq 200); do ip rule add from 10.7.0.$((i % 250)) lookup $i; done",
        "for i in $(seq 200); do ip addr add 10.0.1.$((i % 250))/25 dev eth1; done",
        "for i in $(seq 1000); do echo route add 10.66.$((i / 250)).$((i % 250))/32 dev eth1; done | ip -batch -",
    ]
    attachment = network.attach(name, host)
    for trouble in troubles:
        region.run(host, trouble)
        detach(network, attachment, second)
        attachment = network.attach(name, host)
        until(lambda: network.pings(client, address), f"deaf after: {trouble}")
        if "rule add" in trouble:
            region.run(host, "for i in $(seq 200); do ip rule del from 10.7.0.$((i % 250)) lookup $i; done")
    # What it deletes is made anew without being asked for.
    region.run(host, "ip link delete eth1")
    until(lambda: network.pings(client, address), "the deleted device is not made anew", LOOK_SECONDS)


def test_an_address_moves_between_the_interfaces_of_one_instance(region, network, all_open):
    host, first = network.host(network.subnet_a, all_open)
    near, _ = network.host(network.subnet_a, all_open)
    far, _ = network.host(network.subnet_b, all_open)
    second = network.interface(network.subnet_a, all_open)
    network.attach(second["NetworkInterfaceId"], host)
    address = "10.0.1.204"
    for round_ in range(2):
        for eni, device in ((first, "eth0"), (second, "eth1")):
            network.ec2.assign_private_ip_addresses(
                NetworkInterfaceId=eni["NetworkInterfaceId"], PrivateIpAddresses=[address], AllowReassignment=True
            )
            has_it = f"ip -4 -o addr show | grep -F ' {address}/'"
            until(
                lambda device=device: [line.split()[1] for line in region.run(host, f"{has_it}; true").splitlines()]
                == [device],
                f"{device} does not have it alone, round {round_}",
            )
            assert (f"from {address} lookup 10001" in region.run(host, "ip rule")) == (device == "eth1")
            for client in (near, far):
                until(lambda client=client: network.pings(client, address), f"deaf at {device}")
            before = region.drops(eni["NetworkInterfaceId"])
            assert network.pings(far, address) and network.pings(host, "10.0.1.1", f"-I {address}")
            assert region.drops(eni["NetworkInterfaceId"]) == before


def test_an_address_is_taken_from_an_interface_that_the_guest_holds_elsewhere(region, network, all_open):
    host, _ = network.host(network.subnet_a, all_open)
    client, _ = network.host(network.subnet_b, all_open)
    second = network.interface(network.subnet_a, all_open)
    network.attach(second["NetworkInterfaceId"], host)
    kept, given, taken = second["PrivateIpAddress"], "10.0.1.205", "10.0.1.206"
    assign(network, second, taken)
    until(lambda: f"from {taken} " in region.run(host, "ip rule"), "the address has no rule")
    region.run(
        host,
        f"""{pod_of(region)} ip link set eth1 netns $pod name eth0
        in_pod ip addr add {kept}/24 dev eth0 && in_pod ip addr add {taken}/24 dev eth0
        in_pod ip link set eth0 up && in_pod ip route add default via 10.0.1.1""",
    )
    for address in (kept, taken):
        until(lambda address=address: network.pings(client, address), "the namespace does not answer")
    assign(network, second, given)
    unassign(network, second, taken)
    until(lambda: f"from {taken} " not in region.run(host, "ip rule"), "the rule stays")
    held = in_pod(region, "ip -4 addr show")
    assert given not in region.run(host, f"{held}; ip -4 addr show; ip rule")
    assert taken in region.run(host, held), "the platform reaches into the guest's namespace"
    assert network.pings(client, kept)
    assert not network.pings(client, taken)


def test_names_of_network_namespaces_are_an_instances_own(region, network, all_open):
    """`ip netns` keeps them as files, and an instance has the host's files."""
    first, second = [network.host(network.subnet_a, all_open)[0] for _ in range(2)]
    for host in (first, second):
        region.run(host, "ip netns add pod && ip netns exec pod ip link set lo up")
        assert "Error" not in region.run(host, "ip link 2>&1")
        assert region.run(host, "ip netns list").split()[0] == "pod"
    assert not Path("/run/netns/pod").exists()
    network.ec2.reboot_instances(InstanceIds=[first])
    until(lambda: region.succeeds(first, '[ -z "$(ip netns list)" ]'), "the name is there after a reboot")
    assert region.run(second, "ip netns list").split()[0] == "pod"
