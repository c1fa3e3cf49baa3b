"""Security groups and their rules through boto3, in both forms."""

import pytest

from region import refused

WEB = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
NO_GROUP = "sg-0123456789abcdef0"


@pytest.fixture(scope="module")
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def group(ec2, vpc, request):
    made = ec2.create_security_group(GroupName=request.node.name, Description="d", VpcId=vpc)
    return made["GroupId"]


def described(ec2, group):
    return ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]


def rules(ec2, group):
    return ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])[
        "SecurityGroupRules"
    ]


def test_a_new_group_lets_nothing_in_and_everything_out(ec2, group):
    found = described(ec2, group)
    assert found["IpPermissions"] == []
    (everything,) = found["IpPermissionsEgress"]
    assert everything["IpProtocol"] == "-1"
    assert [block["CidrIp"] for block in everything["IpRanges"]] == ["0.0.0.0/0"]


def test_the_default_group_trusts_itself(ec2, vpc):
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (default,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    (itself,) = default["IpPermissions"]
    assert [pair["GroupId"] for pair in itself["UserIdGroupPairs"]] == [default["GroupId"]]
    with refused("CannotDelete"):
        ec2.delete_security_group(GroupId=default["GroupId"])


def test_names_are_unique_in_a_vpc_whatever_their_case(ec2, vpc):
    ec2.create_security_group(GroupName="Front", Description="d", VpcId=vpc)
    with refused("InvalidGroup.Duplicate"):
        ec2.create_security_group(GroupName="front", Description="d", VpcId=vpc)
    with refused("InvalidParameterValue"):
        ec2.create_security_group(GroupName="sg-front", Description="d", VpcId=vpc)
    with refused("InvalidParameterValue"):
        ec2.create_security_group(GroupName="default", Description="d", VpcId=vpc)
    with refused("MissingParameter"):
        ec2.create_security_group(Description="d", VpcId=vpc)
    with refused("InvalidVpcID.NotFound"):
        ec2.create_security_group(GroupName="g", Description="d", VpcId="vpc-0123456789abcdef0")


def test_ingress_is_authorized_and_revoked_by_permission(ec2, group):
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[WEB])
    (rule,) = made["SecurityGroupRules"]
    assert rule["CidrIpv4"] == "0.0.0.0/0" and rule["IsEgress"] is False and rule["FromPort"] == 443
    with refused(
        "InvalidPermission.Duplicate",
        'the specified rule "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW" already exists',
    ):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[WEB])
    (permission,) = described(ec2, group)["IpPermissions"]
    assert (permission["IpProtocol"], permission["FromPort"], permission["ToPort"]) == ("tcp", 443, 443)
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[WEB])
    assert described(ec2, group)["IpPermissions"] == []
    with refused("InvalidPermission.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[WEB])


def test_rules_are_described_modified_and_revoked_by_id(ec2, group):
    made = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[WEB],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    rule_id = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    by_id = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
    assert by_id[0]["GroupId"] == group
    by_tag = ec2.describe_security_group_rules(Filters=[{"Name": "tag:a", "Values": ["b"]}])
    assert [rule["SecurityGroupRuleId"] for rule in by_tag["SecurityGroupRules"]] == [rule_id]
    narrower = {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8444, "CidrIpv4": "192.0.2.0/24"}
    ec2.modify_security_group_rules(
        GroupId=group,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": narrower}],
    )
    found = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"][0]
    assert (found["FromPort"], found["ToPort"], found["CidrIpv4"]) == (8443, 8444, "192.0.2.0/24")
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule_id, "Description": "why"}]
    )
    found = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"][0]
    assert found["Description"] == "why"
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule_id])
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])


def test_egress_is_authorized_described_and_revoked(ec2, group):
    everything = described(ec2, group)["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
    assert described(ec2, group)["IpPermissionsEgress"] == []
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[WEB])
    (rule,) = rules(ec2, group)
    assert rule["IsEgress"] is True
    ec2.update_security_group_rule_descriptions_egress(
        GroupId=group,
        IpPermissions=[{**WEB, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "out"}]}],
    )
    assert rules(ec2, group)[0]["Description"] == "out"


def test_a_rule_names_a_group_and_a_group_in_use_stays(ec2, vpc, group):
    other = ec2.create_security_group(GroupName="source", Description="d", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}],
    )
    (rule,) = [rule for rule in rules(ec2, group) if not rule["IsEgress"]]
    assert rule["ReferencedGroupInfo"]["GroupId"] == other
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("-1", -1, -1)
    with refused("DependencyViolation", f"resource {other} has a dependent object"):
        ec2.delete_security_group(GroupId=other)
    references = ec2.describe_security_group_references(GroupId=[other])["SecurityGroupReferenceSet"]
    assert references == []  # only references over a peering connection count
    ec2.delete_security_group(GroupId=group)
    ec2.delete_security_group(GroupId=other)
    with refused("InvalidGroup.NotFound"):
        ec2.describe_security_groups(GroupIds=[other])


@pytest.mark.parametrize(
    "wrong",
    [
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 79, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65536, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "300.0.0.0/0"}]},
        {"IpProtocol": "carrier-pigeon", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    ],
)
def test_wrong_rules_are_refused(ec2, group, wrong):
    with pytest.raises(ec2.exceptions.ClientError) as caught:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[wrong])
    assert caught.value.response["Error"]["Code"] in ("InvalidParameterValue", "InvalidPermission.Malformed")
    assert described(ec2, group)["IpPermissions"] == []


def test_rules_come_in_the_order_in_which_they_were_added(ec2, group):
    ports = [443, 22, 8080, 53, 25]
    permissions = [{**WEB, "FromPort": port, "ToPort": port} for port in ports]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    found = [rule["FromPort"] for rule in rules(ec2, group) if not rule["IsEgress"]]
    assert found == ports
    assert [permission["FromPort"] for permission in described(ec2, group)["IpPermissions"]] == ports


def test_a_rule_is_modified_to_one_peer_or_refused_in_ec2s_words(ec2, group):
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[WEB])
    rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def modify(**request):
        update = [{"SecurityGroupRuleId": rule, "SecurityGroupRule": request}]
        ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=update)

    with refused("InvalidParameterValue", "Invalid value 'null' for protocol."):
        modify(CidrIpv4="10.0.0.0/8")
    with refused("InvalidParameterValue", "Must specify both from and to ports with TCP/UDP."):
        modify(IpProtocol="udp", ToPort=53, CidrIpv4="10.0.0.0/8")
    with refused("MissingParameter", "exactly one of: cidrIp, cidrIpv6"):
        modify(IpProtocol="-1")
    with refused("InvalidParameterCombination", "Only one of cidrIp, cidrIpv6"):
        modify(IpProtocol="-1", CidrIpv4="10.0.0.0/8", CidrIpv6="::/0")
    with refused("InvalidParameterValue", "CIDR block 10.0.0.0 is malformed"):
        modify(IpProtocol="-1", CidrIpv4="10.0.0.0")
    modify(IpProtocol="-1", CidrIpv6="2001:db8::/32")
    (found,) = [found for found in rules(ec2, group) if not found["IsEgress"]]
    assert found["CidrIpv6"] == "2001:db8::/32"
    with refused("InvalidGroupId.Malformed"):
        rules(ec2, "foobar")


def test_rules_refuse_what_does_not_exist(ec2, group):
    with refused("InvalidGroup.NotFound"):
        ec2.authorize_security_group_ingress(GroupId=NO_GROUP, IpPermissions=[WEB])
    unknown = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": NO_GROUP}]}
    with refused("InvalidGroup.NotFound"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[unknown])
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=["sgr-0123456789abcdef0"])


def test_a_group_holds_a_thousand_rules_in_each_direction(ec2, group):
    """EC2's quota of 60, raised to as many as an interface may have over all its groups."""
    permissions = [{**WEB, "FromPort": port, "ToPort": port} for port in range(1_001, 2_001)]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    with refused("RulesPerSecurityGroupLimitExceeded"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[WEB])
    with refused("DryRunOperation"):
        ec2.delete_security_group(GroupId=group, DryRun=True)


def test_groups_of_a_vpc_are_listed(ec2, vpc, group):
    found = ec2.get_security_groups_for_vpc(VpcId=vpc)["SecurityGroupForVpcs"]
    assert group in [one["GroupId"] for one in found]
    with refused("InvalidVpcID.NotFound"):
        ec2.get_security_groups_for_vpc(VpcId="vpc-0123456789abcdef0")
