"""`openeni metrics`: what a region measures of itself moves with what is done."""

import re
import subprocess
import urllib.error
import urllib.request

import pytest

import region as regions
from namespaces import until
from network import Network, allow
from region import OPENENI

SCRAPED = "127.0.0.1:9464"
# Every figure, and the labels it is to have after a launch, a rule and a describe.
FIGURES = {
    "call_seconds": {"action": "DescribeVpcs", "status": "2xx"},
    "batch_calls": {},
    "commit_bytes": {},
    "commit_seconds": {},
    "publish_seconds": {},
    "lowering_seconds": {},
    "planning_seconds": {},
    "pass_seconds": {},
    "table_step_seconds": {"step": "write vport"},
    "device_step_seconds": {"step": "boot", "outcome": "done"},
}


def values(text):
    """Values by name and labels."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {(name.split("{")[0], tuple(re.findall(r'(\w+)="([^"]*)"', name))): float(value) for name, value in lines}


def count(region, figure, **labels):
    """How often it was measured."""
    found = values(region.openeni("metrics").stdout)
    return found.get((f"openeni_{figure}_count", tuple(labels.items())), 0)


def test_figures_move_with_calls(tmp_path):
    with regions.running(tmp_path, "--metrics", SCRAPED) as region:
        before = {figure: count(region, figure, **labels) for figure, labels in FIGURES.items()}
        network = Network(region)
        network.host(network.subnet_a, network.group("web", allow("tcp", port=80)))
        region.client().describe_vpcs()
        for figure, labels in FIGURES.items():
            assert count(region, figure, **labels) > before[figure], figure

        # One more call is one more, of its kind only; a call that is refused is another one.
        describes = count(region, "call_seconds", action="DescribeVpcs", status="2xx")
        commits = count(region, "commit_seconds")
        region.client().describe_vpcs()
        with regions.refused("InvalidVpcID.NotFound"):
            region.client().describe_vpcs(VpcIds=["vpc-0123456789abcdef0"])
        assert count(region, "call_seconds", action="DescribeVpcs", status="2xx") == describes + 1
        assert count(region, "call_seconds", action="DescribeVpcs", status="4xx") == 1
        assert count(region, "commit_seconds") == commits

        # A client can make no figures by what it writes.
        client = region.client()
        client.meta.events.register("before-call", lambda params, **_: params["body"].update(Action="MakeFigures"))
        with regions.refused("InvalidAction"):
            client.describe_vpcs()
        text = region.openeni("metrics").stdout
        assert "MakeFigures" not in text and count(region, "call_seconds", action="other", status="4xx") == 1

        # Sums and buckets go with counts, and every figure says what it is.
        found = values(text)
        assert 0 < found["openeni_commit_seconds_sum", ()] < 600
        assert found["openeni_commit_seconds_bucket", (("le", "+Inf"),)] == found["openeni_commit_seconds_count", ()]
        for figure in FIGURES:
            assert f"# HELP openeni_{figure} " in text and f"# TYPE openeni_{figure} histogram" in text

        with urllib.request.urlopen(f"http://{SCRAPED}/metrics", timeout=10) as scraped:
            assert scraped.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert "openeni_commit_seconds_count" in scraped.read().decode()
        asked = urllib.request.Request(f"http://{SCRAPED}/metrics", method="HEAD")
        with urllib.request.urlopen(asked, timeout=10) as head:
            assert int(head.headers["Content-Length"]) > 0 and head.read() == b""
        for method in ("POST", "PUT", "DELETE"):
            asked = urllib.request.Request(f"http://{SCRAPED}/metrics", data=b"x", method=method)
            with pytest.raises(urllib.error.HTTPError, match="405") as other:
                urllib.request.urlopen(asked, timeout=10)
            assert other.value.headers["Allow"] == "GET, HEAD"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://{SCRAPED}/", timeout=10)


def test_metrics_are_served_on_loopback_only_and_asked_of_a_region_only(tmp_path):
    refused = subprocess.run([OPENENI, "dev", "--metrics", "192.0.2.1:1"], capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "not a loopback address" in refused.stderr
    alone = regions.Region(tmp_path).openeni("metrics", check=False)
    assert alone.returncode != 0 and "openeni dev" in alone.stderr, alone.stderr


def test_what_guests_ask_of_the_fabrics_services_is_measured(region, network):
    """Requests, what is refused, and what is dropped."""
    instance, _ = network.host(network.subnet_a, network.group("web"))
    asked = lambda service, outcome: count(region, "service_request_seconds", service=service, outcome=outcome)
    for name, outcome in (("instance-data.ec2.internal", "NOERROR"), ("none.ec2.internal", "NXDOMAIN")):
        for transport in ("+notcp", "+tcp"):
            region.run(instance, f"dig @169.254.169.253 {transport} {name}", check=False)
        assert asked("names", outcome) == 2, outcome
    region.run(instance, "ntpdig 169.254.169.123", check=False)
    assert asked("time", "answered") >= 1
    region.run(instance, "busybox udhcpc -i eth0 -f -q -n -s /bin/true")
    assert asked("dhcp", "answered") == 2
    send = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('{}', {}))"
    for service, address, port in (("time", "169.254.169.123", 123), ("names", "169.254.169.253", 53)):
        region.run(instance, f'python3 -c "{send.format(address, port)}"')
        until(lambda service=service: asked(service, "ignored") == 1, f"{service} is not ignored")
    # Without a role it may not call.
    region.run(instance, "curl -sk -m 2 https://169.254.169.243/", check=False)
    assert asked("api", "refused") >= 1
