"""Route tables and network ACLs through boto3."""

import pytest

from region import refused

NO_TABLE = "rtb-0123456789abcdef0"
NO_ACL = "acl-0123456789abcdef0"


class Place:
    """A VPC with a subnet and an attached internet gateway."""

    def __init__(self, ec2):
        self.vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet_id = ec2.create_subnet(VpcId=self.vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway_id, VpcId=self.vpc_id)
        self.of_vpc = [{"Name": "vpc-id", "Values": [self.vpc_id]}]


@pytest.fixture
def place(ec2):
    return Place(ec2)


@pytest.fixture
def table(ec2, place):
    return ec2.create_route_table(VpcId=place.vpc_id)["RouteTable"]["RouteTableId"]


@pytest.fixture
def acl(ec2, place):
    return ec2.create_network_acl(VpcId=place.vpc_id)["NetworkAcl"]["NetworkAclId"]


def routes(ec2, table):
    (found,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    return {route["DestinationCidrBlock"]: route for route in found["Routes"]}


def test_a_vpc_has_a_main_table_with_its_local_route(ec2, place):
    (main,) = ec2.describe_route_tables(Filters=place.of_vpc)["RouteTables"]
    assert [association["Main"] for association in main["Associations"]] == [True]
    (local,) = main["Routes"]
    assert (local["DestinationCidrBlock"], local["GatewayId"]) == ("10.0.0.0/16", "local")
    assert (local["State"], local["Origin"]) == ("active", "CreateRouteTable")
    with refused("DependencyViolation"):
        ec2.delete_route_table(RouteTableId=main["RouteTableId"])
    with refused("InvalidParameterValue"):
        ec2.delete_route(RouteTableId=main["RouteTableId"], DestinationCidrBlock="10.0.0.0/16")


def test_routes_are_created_replaced_and_deleted(ec2, place, table):
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=place.gateway_id)
    default = routes(ec2, table)["0.0.0.0/0"]
    assert (default["GatewayId"], default["State"], default["Origin"]) == (
        place.gateway_id,
        "active",
        "CreateRoute",
    )
    with refused("RouteAlreadyExists"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=place.gateway_id)
    eni = ec2.create_network_interface(SubnetId=place.subnet_id)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=eni)
    replaced = routes(ec2, table)["0.0.0.0/0"]
    # Nothing forwards what is sent to an interface that is not attached.
    assert (replaced["NetworkInterfaceId"], replaced["State"]) == (eni, "blackhole")
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    with refused("InvalidRoute.NotFound", "no route with destination-cidr-block 0.0.0.0/0"):
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    with refused("InvalidParameterValue"):
        ec2.replace_route(
            RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", GatewayId=place.gateway_id
        )


def test_routes_refuse_what_does_not_exist(ec2, place, table):
    with refused("InvalidRouteTableID.NotFound"):
        ec2.create_route(RouteTableId=NO_TABLE, DestinationCidrBlock="0.0.0.0/0", GatewayId=place.gateway_id)
    with refused("InvalidGatewayID.NotFound"):
        ec2.create_route(
            RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId="igw-0123456789abcdef0"
        )
    with refused("MissingParameter"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    with refused("InvalidParameterValue"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/40", GatewayId=place.gateway_id)
    with refused("InvalidRouteTableID.NotFound"):
        ec2.describe_route_tables(RouteTableIds=[NO_TABLE])


def test_tables_are_associated_replaced_and_disassociated(ec2, place, table):
    made = ec2.associate_route_table(RouteTableId=table, SubnetId=place.subnet_id)
    by_subnet = ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [place.subnet_id]}]
    )
    assert [found["RouteTableId"] for found in by_subnet["RouteTables"]] == [table]
    with refused("Resource.AlreadyAssociated"):
        other = ec2.create_route_table(VpcId=place.vpc_id)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=other, SubnetId=place.subnet_id)
    with refused("DependencyViolation"):
        ec2.delete_route_table(RouteTableId=table)
    replaced = ec2.replace_route_table_association(AssociationId=made["AssociationId"], RouteTableId=other)
    ec2.delete_route_table(RouteTableId=table)
    ec2.disassociate_route_table(AssociationId=replaced["NewAssociationId"])
    with refused("InvalidAssociationID.NotFound"):
        ec2.disassociate_route_table(AssociationId=replaced["NewAssociationId"])
    ec2.delete_route_table(RouteTableId=other)
    with refused("InvalidRouteTableID.NotFound"):
        ec2.delete_route_table(RouteTableId=other)


def entries(found, egress):
    return [
        (entry["RuleNumber"], entry["Protocol"], entry["RuleAction"], entry["CidrBlock"])
        for entry in found["Entries"]
        if entry["Egress"] is egress
    ]


def test_a_vpc_has_a_default_acl_that_lets_all_pass(ec2, place):
    (default,) = ec2.describe_network_acls(Filters=place.of_vpc)["NetworkAcls"]
    assert default["IsDefault"] is True
    for egress in (False, True):
        assert entries(default, egress) == [
            (100, "-1", "allow", "0.0.0.0/0"),
            (32767, "-1", "deny", "0.0.0.0/0"),
        ]
    assert [found["SubnetId"] for found in default["Associations"]] == [place.subnet_id]
    with refused("InvalidParameterValue"):
        ec2.delete_network_acl(NetworkAclId=default["NetworkAclId"])


def test_acl_entries_are_created_replaced_and_deleted(ec2, acl):
    entry = {
        "NetworkAclId": acl,
        "RuleNumber": 100,
        "Protocol": "6",
        "RuleAction": "allow",
        "Egress": False,
        "CidrBlock": "192.0.2.0/24",
        "PortRange": {"From": 80, "To": 80},
    }
    ec2.create_network_acl_entry(**entry)
    with refused("NetworkAclEntryAlreadyExists"):
        ec2.create_network_acl_entry(**entry)
    ec2.replace_network_acl_entry(**(entry | {"RuleAction": "deny"}))
    (found,) = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    assert entries(found, False)[0] == (100, "6", "deny", "192.0.2.0/24")
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    for call, arguments in [
        (ec2.delete_network_acl_entry, {"NetworkAclId": acl, "RuleNumber": 100, "Egress": False}),
        (ec2.replace_network_acl_entry, entry),
    ]:
        with refused("InvalidNetworkAclEntry.NotFound"):
            call(**arguments)
    with refused("InvalidParameterValue"):
        ec2.create_network_acl_entry(**(entry | {"RuleNumber": 32767}))
    with refused("InvalidNetworkAclID.NotFound"):
        ec2.create_network_acl_entry(**(entry | {"NetworkAclId": NO_ACL}))


def test_an_acl_takes_blocks_of_ipv6_in_any_vpc(ec2, acl):
    everything = {"NetworkAclId": acl, "RuleNumber": 101, "Egress": False, "Protocol": "-1"}
    ec2.create_network_acl_entry(**everything, RuleAction="allow", Ipv6CidrBlock="::/0")
    with refused("NetworkAclEntryAlreadyExists"):
        ec2.create_network_acl_entry(**everything, RuleAction="allow", CidrBlock="0.0.0.0/0")
    (found,) = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    (entry,) = [entry for entry in found["Entries"] if entry["RuleNumber"] == 101]
    assert entry["Ipv6CidrBlock"] == "::/0"
    assert "CidrBlock" not in entry


def test_an_acl_holds_forty_entries_in_each_direction(ec2, acl):
    # EC2's quota is 20 and can be raised to 40; ours is raised.
    entry = {"NetworkAclId": acl, "Protocol": "-1", "RuleAction": "allow", "Egress": True}
    for number in range(1, 41):
        ec2.create_network_acl_entry(RuleNumber=number, CidrBlock=f"192.0.2.{number}/32", **entry)
    with refused("NetworkAclEntryLimitExceeded"):
        ec2.create_network_acl_entry(RuleNumber=41, CidrBlock="192.0.2.41/32", **entry)


def test_acls_are_associated_and_deleted(ec2, place, acl):
    (default,) = ec2.describe_network_acls(Filters=place.of_vpc + [{"Name": "default", "Values": ["true"]}])[
        "NetworkAcls"
    ]
    association = default["Associations"][0]["NetworkAclAssociationId"]
    replaced = ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)
    assert replaced["NewAssociationId"] != association
    by_subnet = ec2.describe_network_acls(
        Filters=[{"Name": "association.subnet-id", "Values": [place.subnet_id]}]
    )
    assert [found["NetworkAclId"] for found in by_subnet["NetworkAcls"]] == [acl]
    with refused("DependencyViolation"):
        ec2.delete_network_acl(NetworkAclId=acl)
    with refused("InvalidAssociationID.NotFound"):
        ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)
    ec2.replace_network_acl_association(
        AssociationId=replaced["NewAssociationId"], NetworkAclId=default["NetworkAclId"]
    )
    ec2.delete_network_acl(NetworkAclId=acl)
    with refused("InvalidNetworkAclID.NotFound"):
        ec2.describe_network_acls(NetworkAclIds=[acl])
