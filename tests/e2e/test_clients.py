"""Programs in instances that nobody here wrote, and that ask the fabric before they do anything else. scripts/setup has unpacked them."""

import json

from namespaces import until
from region import ROOT
from test_inside import PYTHON, give_role
from test_ipv6 import Both
from test_time import host_clock_is_kept_right

CLIENTS = ROOT / "target/clients"
CLOUD_INIT = CLIENTS / "cloud-init/usr/lib/python3/dist-packages"
CHRONYD = CLIENTS / "chrony/usr/sbin/chronyd"
NODE_MODULES = CLIENTS / "javascript/node_modules"
DESCRIBE = ROOT / "tests/e2e/javascript/describe.js"

# As cloud-init does when an instance boots, with all that it writes in a directory of its own.
CRAWL = """
import json, pathlib, sys
from cloudinit import distros, dmi, helpers
from cloudinit.net import network_state, networkd
from cloudinit.sources.DataSourceEc2 import DataSourceEc2
# In a container it looks at no firmware; the machine on which tests run may be one.
dmi.is_container = lambda: False
own = pathlib.Path(sys.argv[1])
paths = helpers.Paths({"cloud_dir": str(own / "lib"), "run_dir": str(own / "run")})
for directory in ("lib", "run", "rendered"):
    (own / directory).mkdir(parents=True)
source = DataSourceEc2({}, distros.fetch("debian")("debian", {}, paths), paths)
assert source.get_data(), "no instance of EC2"
state = network_state.parse_net_config_data(source.network_config)
renderer = networkd.Renderer({"network_conf_dir": "/etc/systemd/network/"})
renderer.render_network_state(state, target=str(own / "rendered"))
files = {path.name: path.read_text() for path in (own / "rendered").rglob("*.network")}
print(json.dumps({"id": source.get_instance_id(), "zone": source.availability_zone, "cloud": source.cloud_name,
    "platform": source.platform, "user_data": source.get_userdata_raw().decode(), "files": files}))
"""


def test_cloud_init_crawls_the_metadata_and_renders_two_interfaces(region, network):
    """By the marks that it looks for first, without being told that this is EC2."""
    first = network.interface(network.subnet_a, network.group("one"), SecondaryPrivateIpAddressCount=1)
    instance = network.instance(first["NetworkInterfaceId"], user_data="#!/bin/sh\ntrue\n")
    second = network.interface(network.subnet_b, network.group("two"))
    network.attach(second["NetworkInterfaceId"], instance)
    until(lambda: region.succeeds(instance, "ip -4 address show eth1 | grep -q inet"), "eth1 does not come")
    script, own = region.directory / "crawl.py", region.directory / "cloud"
    script.write_text(CRAWL)
    shown = json.loads(region.run(instance, f"PYTHONPATH={CLOUD_INIT} python3 {script} {own}").splitlines()[-1])
    assert (shown["id"], shown["zone"], shown["cloud"]) == (instance, "us-east-1a", "aws")
    assert shown["user_data"] == "#!/bin/sh\ntrue\n"
    [eth0, eth1] = [shown["files"][f"10-cloud-init-eth{number}.network"] for number in (0, 1)]
    for text, eni in ((eth0, first), (eth1, second)):
        assert f"MACAddress={eni['MacAddress']}" in text and "DHCP=ipv4" in text, text
    [more] = [one["PrivateIpAddress"] for one in first["PrivateIpAddresses"] if not one["Primary"]]
    assert f"{more}/24" in eth0, eth0


def test_the_sdk_for_javascript_finds_its_region_and_credentials_with_nothing_set(region, network):
    instance, interface = network.host(network.subnet_a, network.group("js"))
    give_role(region, instance)
    bare = "env -u AWS_REGION -u AWS_DEFAULT_REGION -u AWS_ACCESS_KEY_ID HOME=/nonexistent"
    shown = json.loads(region.run(instance, f"{bare} NODE_PATH={NODE_MODULES} node {DESCRIBE}"))
    assert shown["region"] == "us-east-1"
    assert interface["NetworkInterfaceId"] in shown["ids"]


def test_boto3_finds_credentials_by_ipv6(region, network):
    """As AWS's SDKs do with their endpoint mode, where instance metadata is not to be had by IPv4."""
    instance, _ = Both(network).host(network.subnet_a)
    give_role(region, instance)
    network.ec2.modify_instance_metadata_options(InstanceId=instance, HttpProtocolIpv6="enabled")
    region.run(instance, "ip route add unreachable 169.254.169.254")
    bare = "env -u AWS_ACCESS_KEY_ID HOME=/nonexistent AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE={}"
    program = "import boto3; print(boto3.Session().get_credentials().method)"
    script = f"{bare} {PYTHON} -c '{program}'"
    assert region.run(instance, script.format("IPv6")).strip() == "iam-role"
    assert not region.succeeds(instance, script.format("IPv4"))


def test_chrony_reads_the_time_by_both_families(region, network):
    both = Both(network)
    instance, _ = both.host(network.subnet_a)
    for server in ("169.254.169.123", "fd00:ec2::123"):
        done = chronyd(region, instance, server)
        # The answer says so where the host's clock is not kept right.
        want = "System clock wrong by" if host_clock_is_kept_right() else "No suitable source"
        assert want in done.stdout + done.stderr, done


def chronyd(region, instance, server):
    """Asks until it has enough, and leaves the clock as it is."""
    options = ["-Q", "-u", "root", "-t", "10", f"server {server} iburst", "cmdport 0"]
    options.append(f"pidfile {region.directory}/chronyd.pid")
    return region.openeni("exec", instance, "--", str(CHRONYD), *options, check=False)
