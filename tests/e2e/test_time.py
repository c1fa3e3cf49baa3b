"""The time, by packets to 169.254.169.123."""

import ctypes
import json

ASK = """
import json, socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
before = time.time()
s.sendto(bytes([0b00100011]) + bytes(39) + b"whenever", ("169.254.169.123", 123))
answer, (address, _) = s.recvfrom(512)
after = time.time()
seconds, parts = struct.unpack("!II", answer[40:48])
sent = seconds - 2208988800 + parts / 2**32
fields = {"length": len(answer), "from": address, "leap": answer[0] >> 6, "mode": answer[0] & 7, "stratum": answer[1],
    "echoed": answer[24:32].decode(), "right": before - 0.001 <= sent <= after + 0.001}
print(json.dumps(fields))
"""


def host_clock_is_kept_right():
    """As adjtimex(2) tells by its result: 5 is TIME_ERROR."""
    return ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) != 5


def asked(region, instance):
    (region.directory / "ask.py").write_text(ASK)
    return json.loads(region.run(instance, f"python3 {region.directory}/ask.py"))


def test_an_instance_is_told_the_time(region, network):
    """No rule keeps it away, and a client that nobody here wrote takes it for what it is."""
    instance, interface = network.host(network.subnet_a, network.group("closed"))
    is_right = host_clock_is_kept_right()
    assert asked(region, instance) == {
        "length": 48,
        "from": "169.254.169.123",
        "leap": 0 if is_right else 3,
        "mode": 4,
        "stratum": 4 if is_right else 0,
        "echoed": "whenever",
        "right": True,
    }
    client = region.openeni("exec", instance, "--", "ntpdig", "-t", "5", "169.254.169.123", check=False)
    if is_right:
        assert "169.254.169.123 s4" in client.stdout, client
    else:
        assert "no eligible servers" in client.stdout + client.stderr, client
    eni = interface["NetworkInterfaceId"]
    before = region.drops(eni).get("service_unreachable", 0)
    assert not network.pings(instance, "169.254.169.123")
    assert region.drops(eni).get("service_unreachable", 0) > before


def test_the_time_outlives_the_regions_process(region, network):
    instance, _ = network.host(network.subnet_a, network.group("web"))
    region.restart_after_kill()
    assert asked(region, instance)["right"]
