"""What packet tests build through the API before they send anything."""

from namespaces import until

EVERYONE = "0.0.0.0/0"
ZONE = "us-east-1a"
# A debug build starting several instances on a busy machine.
INSTANCE_SECONDS = 60


def allow(protocol, cidr=EVERYONE, port=None, group=None):
    """One IpPermission: from addresses, or from a group's interfaces."""
    permission = {"IpProtocol": protocol}
    if protocol == "icmp":
        permission |= {"FromPort": -1, "ToPort": -1}
    elif port is not None:
        permission |= {"FromPort": port, "ToPort": port}
    if group is not None:
        return permission | {"UserIdGroupPairs": [{"GroupId": group}]}
    return permission | {"IpRanges": [{"CidrIp": cidr}]}


class Network:
    """A VPC 10.0.0.0/16 with an internet gateway and the subnets `a` and `b` in one zone."""

    def __init__(self, region):
        self.region = region
        self.ec2 = region.client()
        self.vpc_id = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet_a = self._subnet("10.0.1.0/24")
        self.subnet_b = self._subnet("10.0.2.0/24")
        # Given in order: EC2 chooses at random, and tests use addresses above .90 for other things.
        self._free = {
            self.subnet_a: (f"10.0.1.{host}" for host in range(10, 90)),
            self.subnet_b: (f"10.0.2.{host}" for host in range(10, 90)),
        }
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc_id)
        self.route_table_id = self.ec2.describe_route_tables(
            Filters=[{"Name": "vpc-id", "Values": [self.vpc_id]}]
        )["RouteTables"][0]["RouteTableId"]
        self.ec2.create_route(
            RouteTableId=self.route_table_id, DestinationCidrBlock=EVERYONE, GatewayId=gateway
        )
        self.image_id = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]

    def _subnet(self, cidr):
        made = self.ec2.create_subnet(VpcId=self.vpc_id, CidrBlock=cidr, AvailabilityZone=ZONE)
        return made["Subnet"]["SubnetId"]

    def group(self, name, *ingress):
        """A security group that lets `ingress` in and everything out."""
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc_id)
        if ingress:
            self.ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=list(ingress))
        return made["GroupId"]

    def interface(self, subnet_id, *groups, **more):
        """A network interface, as CreateNetworkInterface gives it."""
        if "PrivateIpAddress" not in more and subnet_id in self._free:
            more["PrivateIpAddress"] = self._free_address(subnet_id)
        made = self.ec2.create_network_interface(SubnetId=subnet_id, Groups=list(groups), **more)
        return made["NetworkInterface"]

    def _free_address(self, subnet_id):
        """The next address in order that no test has been given by EC2's choice."""
        filters = [{"Name": "subnet-id", "Values": [subnet_id]}]
        taken = {
            address["PrivateIpAddress"]
            for interface in self.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
            for address in interface["PrivateIpAddresses"]
        }
        return next(address for address in self._free[subnet_id] if address not in taken)

    def instance(self, network_interface_id, instance_type="t3.medium", user_data=None):
        """A running instance with this interface at index 0."""
        more = {} if user_data is None else {"UserData": user_data}
        launched = self.ec2.run_instances(
            ImageId=self.image_id,
            InstanceType=instance_type,
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": network_interface_id}],
            **more,
        )
        instance_id = launched["Instances"][0]["InstanceId"]
        self.wait_for_state(instance_id, "running")
        return instance_id

    def host(self, subnet_id, *groups, **more):
        """An instance with a fresh interface: its id and the interface."""
        interface = self.interface(subnet_id, *groups, **more)
        return self.instance(interface["NetworkInterfaceId"]), interface

    def state(self, instance_id):
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return found["Reservations"][0]["Instances"][0]["State"]["Name"]

    def wait_for_state(self, instance_id, wanted):
        until(
            lambda: self.state(instance_id) == wanted, f"{instance_id} is not {wanted}", INSTANCE_SECONDS
        )

    def describe(self, network_interface_id):
        found = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[network_interface_id])
        return found["NetworkInterfaces"][0]

    def attach(self, network_interface_id, instance_id, device_index=1):
        """Attaches and waits until the attachment carries packets; gives its id."""
        attached = self.ec2.attach_network_interface(
            NetworkInterfaceId=network_interface_id, InstanceId=instance_id, DeviceIndex=device_index
        )
        until(
            lambda: self.describe(network_interface_id).get("Attachment", {}).get("Status") == "attached",
            f"{network_interface_id} is not attached",
        )
        return attached["AttachmentId"]

    def elastic_address(self, network_interface_id, private_ip=None):
        """Allocates an Elastic IP and associates it; gives the public address."""
        allocated = self.ec2.allocate_address(Domain="vpc")
        more = {} if private_ip is None else {"PrivateIpAddress": private_ip}
        self.ec2.associate_address(
            AllocationId=allocated["AllocationId"], NetworkInterfaceId=network_interface_id, **more
        )
        return allocated["PublicIp"]

    # -- traffic --------------------------------------------------------------------------------------

    def pings(self, instance_id, address, options=""):
        """Whether an echo request is answered within a second."""
        return self.region.succeeds(instance_id, f"ping -n -c 1 -W 1 {options} {address}")

    def serve(self, instance_id, text, port=80, address="0.0.0.0"):
        """Starts a web server in the instance that answers every request with `text`; at `::` those of both families."""
        pages = self.region.directory / f"{instance_id}-{port}"
        pages.mkdir()
        (pages / "index.html").write_text(text)
        self.region.run(
            instance_id,
            f"cd {pages} && setsid python3 -m http.server --bind {address} {port} </dev/null >/dev/null 2>&1 &",
        )
        until(
            lambda: self.region.succeeds(instance_id, f"curl -sf -m 1 http://127.0.0.1:{port}/ -o /dev/null"),
            f"the server on {instance_id} does not answer itself",
        )

    def fetches(self, instance_id, url, options=""):
        """What the instance gets from `url`, or None."""
        done = self.region.openeni(
            "exec", instance_id, "--", "sh", "-c", f"curl -sf -m 2 {options} {url}", check=False
        )
        return done.stdout if done.returncode == 0 else None
