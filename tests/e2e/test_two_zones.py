"""The usual VPC of two zones, made by the AWS CLI: private subnets go out by NAT and egress-only gateways, and nobody comes in."""

import contextlib
import http.server
import ipaddress
import socket
import subprocess
import threading

from namespaces import until

# The host's addresses, which are outside: its own, and one of IPv6 that the test gives it.
OUTSIDE = "203.0.113.1"
OUTSIDE_IPV6 = "2001:db8:ffff::1"
PORT = 8080
ZONES = ("us-east-1a", "us-east-1b")


class Caller(http.server.BaseHTTPRequestHandler):
    """Tells who asks."""

    def do_GET(self):  # noqa: N802
        """As the library calls it."""
        body = ipaddress.ip_address(self.client_address[0].removeprefix("::ffff:")).compressed.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextlib.contextmanager
def outside():
    subprocess.run(["ip", "addr", "add", f"{OUTSIDE_IPV6}/128", "dev", "lo"], check=True)
    server = Server(("::", PORT), Caller)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        subprocess.run(["ip", "addr", "del", f"{OUTSIDE_IPV6}/128", "dev", "lo"], check=True)


class Vpc:
    """10.0.0.0/16 and a block of IPv6, with an internet gateway, an egress-only one, and a public and a private subnet a zone."""

    def __init__(self, region):
        self.region = region
        vpc = self.ec2("create-vpc", "--cidr-block", "10.0.0.0/16", "--amazon-provided-ipv6-cidr-block")["Vpc"]
        self.id = vpc["VpcId"]
        [described] = self.ec2("describe-vpcs", "--vpc-ids", self.id)["Vpcs"]
        block = ipaddress.ip_network(described["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
        self.parts = block.subnets(new_prefix=64)
        self.gateway = self.ec2("create-internet-gateway")["InternetGateway"]["InternetGatewayId"]
        self.ec2("attach-internet-gateway", "--internet-gateway-id", self.gateway, "--vpc-id", self.id)
        made = self.ec2("create-egress-only-internet-gateway", "--vpc-id", self.id)["EgressOnlyInternetGateway"]
        self.egress_only = made["EgressOnlyInternetGatewayId"]
        self.public_table = self.table("--gateway-id", self.gateway)
        self.zones = [self.zone(number, name) for number, name in enumerate(ZONES)]
        gateways = [zone["gateway"] for zone in self.zones]
        self.ec2("wait", "nat-gateway-available", "--nat-gateway-ids", *gateways)

    def ec2(self, *arguments):
        return self.region.aws("ec2", *arguments)

    def table(self, *target):
        """A route table whose default route leads there."""
        table = self.ec2("create-route-table", "--vpc-id", self.id)["RouteTable"]["RouteTableId"]
        self.ec2("create-route", "--route-table-id", table, "--destination-cidr-block", "0.0.0.0/0", *target)
        return table

    def subnet(self, zone, number, table):
        made = self.ec2(
            *("create-subnet", "--vpc-id", self.id, "--availability-zone", zone),
            *("--cidr-block", f"10.0.{number}.0/24", "--ipv6-cidr-block", str(next(self.parts))),
        )
        subnet = made["Subnet"]["SubnetId"]
        self.ec2("associate-route-table", "--route-table-id", table, "--subnet-id", subnet)
        return subnet

    def zone(self, number, name):
        """The subnets of a zone, its NAT gateway, and the address that this one has outside."""
        public = self.subnet(name, number, self.public_table)
        allocated = self.ec2("allocate-address", "--domain", "vpc")
        allocation = ["--allocation-id", allocated["AllocationId"]]
        made = self.ec2("create-nat-gateway", "--subnet-id", public, *allocation)
        gateway = made["NatGateway"]["NatGatewayId"]
        table = self.table("--nat-gateway-id", gateway)
        self.ec2(
            *("create-route", "--route-table-id", table, "--destination-ipv6-cidr-block", "::/0"),
            *("--egress-only-internet-gateway-id", self.egress_only),
        )
        private = self.subnet(name, 100 + number, table)
        return {"gateway": gateway, "address": allocated["PublicIp"], "private": private}

    def launch(self, subnet):
        """An instance of both families that lets everybody in, as far as its groups go."""
        groups = self.ec2("describe-security-groups", "--filters", f"Name=vpc-id,Values={self.id}")
        group = groups["SecurityGroups"][0]["GroupId"]
        [image, *_] = self.ec2("describe-images", "--owners", "amazon")["Images"]
        launched = self.ec2(
            *("run-instances", "--image-id", image["ImageId"], "--instance-type", "t3.medium"),
            *("--subnet-id", subnet, "--ipv6-address-count", "1", "--security-group-ids", group),
        )
        [instance] = launched["Instances"]
        self.ec2("wait", "instance-running", "--instance-ids", instance["InstanceId"])
        everybody = "IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}],Ipv6Ranges=[{CidrIpv6=::/0}]"
        known = groups["SecurityGroups"][0]["IpPermissions"]
        if not any(permission.get("Ipv6Ranges") for permission in known):
            self.ec2("authorize-security-group-ingress", "--group-id", group, "--ip-permissions", everybody)
        return instance["InstanceId"], instance["NetworkInterfaces"][0]["Ipv6Addresses"][0]["Ipv6Address"]


def test_private_instances_of_both_zones_go_out_in_both_families_and_are_not_reached(region):
    vpc = Vpc(region)
    with outside():
        for zone in vpc.zones:
            instance, ipv6 = vpc.launch(zone["private"])
            told = region.run(instance, f"curl -sf -m 5 http://{OUTSIDE}:{PORT}/")
            assert told == zone["address"]
            asks = f"curl -sf -m 2 http://[{OUTSIDE_IPV6}]:{PORT}/"
            until(lambda instance=instance, asks=asks: region.succeeds(instance, asks), "no way out in IPv6")
            assert ipaddress.ip_address(region.run(instance, asks)) == ipaddress.ip_address(ipv6)
            region.run(instance, f"setsid python3 -m http.server --bind :: {PORT} </dev/null >/dev/null 2>&1 &")
            own = f"curl -sf -m 1 -o /dev/null http://[::1]:{PORT}/"
            until(lambda instance=instance, own=own: region.succeeds(instance, own), "it does not answer itself")
            for url in (f"http://{zone['address']}:{PORT}/", f"http://[{ipv6}]:{PORT}/"):
                knock = subprocess.run(["curl", "-sf", "-m", "1", url], capture_output=True, check=False)
                assert knock.returncode in (7, 28), f"{url} is reached from outside"
