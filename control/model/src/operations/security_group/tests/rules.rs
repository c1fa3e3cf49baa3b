use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Net, permission, with_group};
use crate::testing::{TestWorld, check_invariants};

const INGRESS: &str = "AuthorizeSecurityGroupIngress";
const IPV4: &str = "IpPermissions.1.IpRanges.1.CidrIp";
const HTTPS: Option<(&str, &str)> = Some(("443", "443"));

fn rule_ids(answer: &Value) -> Vec<String> {
    TestWorld::texts(answer, "/securityGroupRuleSet", "/securityGroupRuleId")
}

#[test]
fn authorized_rules_are_answered_with_ids_and_described_as_permissions() {
    let mut net = Net::new();
    let group = net.group.clone();
    let mut parameters = permission("tcp", HTTPS, (IPV4, "192.0.2.7/24"));
    parameters.extend([
        ("IpPermissions.1.IpRanges.1.Description", "office"),
        ("IpPermissions.1.IpRanges.2.CidrIp", "0.0.0.0/0"),
        ("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "::/0"),
        ("IpPermissions.1.Groups.1.GroupId", &group),
        ("IpPermissions.1.Groups.1.UserId", "123456789012"),
        ("TagSpecification.1.ResourceType", "security-group-rule"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "web"),
    ]);
    let answer = net.on_group(INGRESS, &parameters);
    assert_eq!(rule_ids(&answer).iter().collect::<BTreeSet<_>>().len(), 4);
    let first = &answer["securityGroupRuleSet"]["item"][0];
    let id = first["securityGroupRuleId"].as_str().unwrap();
    assert_eq!(
        *first,
        json!({
            "securityGroupRuleId": id,
            "groupId": group,
            "groupOwnerId": "123456789012",
            "isEgress": false,
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
            "cidrIpv4": "192.0.2.0/24",
            "description": "office",
            "tagSet": {"item": [{"key": "Name", "value": "web"}]},
            "securityGroupRuleArn": format!("arn:aws:ec2:us-east-1:123456789012:security-group-rule/{id}"),
        })
    );
    let last = &answer["securityGroupRuleSet"]["item"][3];
    let vpc = net.vpc.clone();
    assert_eq!(
        last["referencedGroupInfo"],
        json!({"groupId": group, "userId": "123456789012", "vpcId": vpc})
    );
    let permissions = net.describe()["ipPermissions"]["item"].clone();
    let mut ranges = TestWorld::texts(&permissions[0], "/ipRanges", "/cidrIp");
    ranges.sort();
    assert_eq!(ranges, ["0.0.0.0/0", "192.0.2.0/24"]);
    assert_eq!(permissions[0]["fromPort"], 443);
    assert_eq!(permissions[0]["ipv6Ranges"]["item"][0]["cidrIpv6"], "::/0");
    assert_eq!(permissions[0]["groups"]["item"][0]["groupId"], json!(group));
    assert_eq!(permissions[1], Value::Null);

    let by_id = [("SecurityGroupRuleId.1", id)];
    let described = net.region.must("DescribeSecurityGroupRules", &by_id);
    assert_eq!(described["securityGroupRuleSet"]["item"], json!([first]));
    for (name, value, number) in [
        ("group-id", group.as_str(), 5),
        ("security-group-rule-id", id, 1),
        ("tag:Name", "web", 4),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let found = net.region.must("DescribeSecurityGroupRules", &filter);
        assert_eq!(rule_ids(&found).len(), number, "{name}");
    }
}

#[test]
fn a_single_rule_is_named_by_its_own_parameters() {
    let mut net = Net::new();
    let single = [
        ("IpProtocol", "tcp"),
        ("FromPort", "22"),
        ("ToPort", "22"),
        ("CidrIp", "192.0.2.0/24"),
    ];
    net.on_group(INGRESS, &single);
    assert_eq!(net.describe()["ipPermissions"]["item"][0]["fromPort"], 22);
    let revoked = net.on_group("RevokeSecurityGroupIngress", &single);
    assert_eq!(
        revoked["revokedSecurityGroupRuleSet"]["item"][0]["cidrIpv4"],
        "192.0.2.0/24"
    );
    // A group's name alone stands for all of TCP, UDP and ICMP.
    let answer = net.on_group(INGRESS, &[("SourceSecurityGroupName", "web")]);
    assert_eq!(
        TestWorld::texts(&answer, "/securityGroupRuleSet", "/ipProtocol"),
        ["tcp", "udp", "icmp"]
    );
}

#[test]
fn what_authorize_refuses() {
    let mut net = Net::new();
    let mut twice = permission("-1", None, (IPV4, "192.0.2.0/24"));
    twice.push(("IpPermissions.1.IpRanges.2.CidrIp", "192.0.2.9/24"));
    let mut described = permission("-1", None, (IPV4, "192.0.2.0/24"));
    described.push(("IpPermissions.1.IpRanges.1.Description", "größe"));
    let mut mixed = permission("-1", None, (IPV4, "192.0.2.0/24"));
    mixed.push(("CidrIp", "192.0.2.0/24"));
    for (parameters, error) in [
        (
            twice,
            "InvalidParameterValue: The same permission must not appear multiple times",
        ),
        (
            described,
            "InvalidParameterValue: Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ),
        (
            mixed,
            "InvalidParameterCombination: The parameter 'ipPermissions' may not be used in combination with the parameters of a single rule",
        ),
        (
            Vec::new(),
            "MissingParameter: The request must contain the parameter ipPermissions",
        ),
        (
            Vec::from([("IpPermissions.1.IpProtocol", "-1")]),
            "InvalidPermission.Malformed: A permission must name a CIDR block, a prefix list or a security group.",
        ),
        (
            Vec::from([(IPV4, "0.0.0.0/0")]),
            "InvalidParameterValue: Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.",
        ),
        (
            Vec::from([
                ("IpProtocol", "-1"),
                ("CidrIp", "0.0.0.0/0"),
                ("SourceSecurityGroupName", "web"),
            ]),
            "InvalidParameterCombination: The parameter 'cidrIp' may not be used in combination with 'sourceSecurityGroupName'",
        ),
    ] {
        assert_eq!(net.refused(INGRESS, &parameters), error, "{parameters:?}");
    }
    let https = permission("tcp", HTTPS, (IPV4, "0.0.0.0/0"));
    net.on_group(INGRESS, &https);
    assert_eq!(
        net.refused(INGRESS, &permission("6", HTTPS, (IPV4, "0.0.0.0/0"))),
        "InvalidPermission.Duplicate: the specified rule \"peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW\" already exists"
    );
}

#[test]
fn what_authorize_refuses_as_a_peer() {
    let mut net = Net::new();
    let foreign = net.default_group_of_default_vpc();
    let group = "IpPermissions.1.Groups.1.GroupId";
    for (peer, error) in [
        (
            (IPV4, "0.0.0.0"),
            "InvalidParameterValue: CIDR block 0.0.0.0 is malformed",
        ),
        (
            (group, "sg-12345678"),
            "InvalidGroup.NotFound: The security group 'sg-12345678' does not exist",
        ),
        (
            (group, &*foreign),
            "InvalidGroup.NotFound: You have specified two resources that belong to different networks.",
        ),
        (
            ("IpPermissions.1.Groups.1.UserId", "1"),
            "MissingParameter: Source group ID missing.",
        ),
        (
            ("IpPermissions.1.Groups.1.VpcPeeringConnectionId", "pcx-1"),
            "MissingParameter: Source group ID missing.",
        ),
        (
            (
                "IpPermissions.1.PrefixListIds.1.PrefixListId",
                "pl-12345678",
            ),
            "InvalidPrefixListID.NotFound: The prefix list ID 'pl-12345678' does not exist",
        ),
    ] {
        assert_eq!(
            net.refused(INGRESS, &permission("-1", None, peer)),
            error,
            "{peer:?}"
        );
    }
}

#[test]
fn a_rule_is_revoked_by_what_it_allows_or_by_its_id() {
    let mut net = Net::new();
    let https = permission("tcp", HTTPS, (IPV4, "0.0.0.0/0"));
    let id = rule_ids(&net.on_group(INGRESS, &https))[0].clone();
    let by_id = [("SecurityGroupRuleId.1", id.as_str())];
    let unknown = format!(
        "InvalidSecurityGroupRuleId.NotFound: The security group rule ID '{id}' does not exist"
    );
    for (action, parameters, error) in [
        (
            "RevokeSecurityGroupEgress",
            Vec::from(by_id),
            unknown.as_str(),
        ),
        (
            "RevokeSecurityGroupEgress",
            https.clone(),
            "InvalidPermission.NotFound: The specified rule does not exist in this security group.",
        ),
        (
            "RevokeSecurityGroupIngress",
            Vec::new(),
            "MissingParameter: Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
        ),
        (
            "RevokeSecurityGroupIngress",
            [by_id.as_slice(), &https].concat(),
            "InvalidParameterCombination: The parameters 'ipPermissions' and 'securityGroupRuleIds' may not be used in combination.",
        ),
    ] {
        assert_eq!(net.refused(action, &parameters), error, "{action}");
    }
    let answer = net.on_group("RevokeSecurityGroupIngress", &by_id);
    assert_eq!(
        answer["revokedSecurityGroupRuleSet"]["item"][0]["securityGroupRuleId"],
        json!(id)
    );
    assert_eq!(net.refused("RevokeSecurityGroupIngress", &by_id), unknown);

    // In the default VPC a rule that is not there is answered, not refused.
    net.group = net.default_group_of_default_vpc();
    let answer = net.on_group("RevokeSecurityGroupIngress", &https);
    assert_eq!(answer["unknownIpPermissionSet"]["item"][0]["fromPort"], 443);
    assert_eq!(answer["revokedSecurityGroupRuleSet"]["item"], json!([]));
}

/// Changes the rule `id` of the group to these members.
fn modify(net: &mut Net, id: &str, members: &[(&str, &str)]) -> Result<Value, String> {
    let mut parameters = Vec::from([("SecurityGroupRule.1.SecurityGroupRuleId".to_string(), id)]);
    parameters.extend(members.iter().map(|(name, value)| {
        (
            format!("SecurityGroupRule.1.SecurityGroupRule.{name}"),
            *value,
        )
    }));
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let group = net.group.clone();
    let answer = net
        .region
        .call("ModifySecurityGroupRules", &with_group(&group, &parameters));
    check_invariants(&net.region.world);
    answer.map_err(|error| error.to_string())
}

#[test]
fn a_rule_is_modified_in_place() {
    let mut net = Net::new();
    let https = permission("tcp", HTTPS, (IPV4, "0.0.0.0/0"));
    let id = rule_ids(&net.on_group(INGRESS, &https))[0].clone();
    net.on_group(
        INGRESS,
        &permission("tcp", Some(("80", "80")), (IPV4, "0.0.0.0/0")),
    );
    let https = [
        ("IpProtocol", "tcp"),
        ("FromPort", "8443"),
        ("ToPort", "8443"),
        ("CidrIpv4", "192.0.2.0/24"),
        ("Description", "new"),
    ];
    modify(&mut net, &id, &https).unwrap();
    let row = net
        .region
        .world
        .security_group_rules
        .get(id.parse().unwrap())
        .unwrap();
    assert_eq!(
        (row.from_port, row.description.as_deref()),
        (8443, Some("new"))
    );
}

/// What a rule cannot be made: members, and EC2's refusal.
const NO_MODIFICATION: &[(&[(&str, &str)], &str)] = &[
    (
        &[
            ("IpProtocol", "tcp"),
            ("FromPort", "80"),
            ("ToPort", "80"),
            ("CidrIpv4", "0.0.0.0/0"),
        ],
        "InvalidPermission.Duplicate: the specified rule \"peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW\" already exists",
    ),
    (
        &[
            ("IpProtocol", "-1"),
            ("CidrIpv4", "0.0.0.0/0"),
            ("CidrIpv6", "::/0"),
        ],
        "InvalidParameterCombination: Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified",
    ),
    (
        &[
            ("IpProtocol", "-1"),
            ("CidrIpv6", "::/0"),
            ("PrefixListId", "pl-1"),
        ],
        "InvalidParameterCombination: Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified",
    ),
    (
        &[("IpProtocol", "-1")],
        "MissingParameter: The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId",
    ),
    (
        &[
            ("IpProtocol", "udp"),
            ("ToPort", "53"),
            ("CidrIpv4", "0.0.0.0/0"),
        ],
        "InvalidParameterValue: Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
    ),
    (
        &[
            ("IpProtocol", "6"),
            ("FromPort", "53"),
            ("CidrIpv4", "0.0.0.0/0"),
        ],
        "InvalidParameterValue: Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
    ),
    (
        &[("IpProtocol", "-1"), ("CidrIpv4", "::/0")],
        "InvalidParameterValue: CIDR block ::/0 is malformed",
    ),
    (
        &[("IpProtocol", "-1"), ("CidrIpv6", "10.0.0.0/8")],
        "InvalidParameterValue: CIDR block 10.0.0.0/8 is malformed",
    ),
    (
        &[("IpProtocol", "-1"), ("PrefixListId", "pl-1")],
        "InvalidPrefixListID.NotFound: The prefix list ID 'pl-1' does not exist",
    ),
    (
        &[("IpProtocol", "-1"), ("ReferencedGroupId", "sg-12345678")],
        "InvalidGroup.NotFound: The security group 'sg-12345678' does not exist",
    ),
    (
        &[("CidrIpv4", "0.0.0.0/0")],
        "InvalidParameterValue: Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.",
    ),
];

#[test]
fn a_rule_is_not_modified_to_what_is_none() {
    let mut net = Net::new();
    let https = permission("tcp", HTTPS, (IPV4, "0.0.0.0/0"));
    let id = rule_ids(&net.on_group(INGRESS, &https))[0].clone();
    net.on_group(
        INGRESS,
        &permission("tcp", Some(("80", "80")), (IPV4, "0.0.0.0/0")),
    );
    for (members, error) in NO_MODIFICATION {
        assert_eq!(modify(&mut net, &id, members).unwrap_err(), *error);
    }
}

#[test]
fn descriptions_of_rules_are_changed_by_permission_or_by_id() {
    let mut net = Net::new();
    let mut https = permission("tcp", HTTPS, (IPV4, "0.0.0.0/0"));
    let id = rule_ids(&net.on_group(INGRESS, &https))[0].clone();
    https.push(("IpPermissions.1.IpRanges.1.Description", "first"));
    let action = "UpdateSecurityGroupRuleDescriptionsIngress";
    let by_id = [
        (
            "SecurityGroupRuleDescription.1.SecurityGroupRuleId",
            id.as_str(),
        ),
        ("SecurityGroupRuleDescription.1.Description", "second"),
    ];
    for (parameters, want) in [
        (https.as_slice(), Some("first")),
        (&by_id, Some("second")),
        (&by_id[..1], None),
    ] {
        net.on_group(action, parameters);
        let row = net
            .region
            .world
            .security_group_rules
            .get(id.parse().unwrap())
            .unwrap();
        assert_eq!(row.description.as_deref(), want);
    }
    let egress = "UpdateSecurityGroupRuleDescriptionsEgress";
    assert_eq!(
        net.refused(egress, &https),
        "InvalidPermission.NotFound: The specified rule does not exist in this security group."
    );
    assert_eq!(
        net.refused(egress, &by_id),
        format!(
            "InvalidSecurityGroupRuleId.NotFound: The security group rule ID '{id}' does not exist"
        )
    );
    assert_eq!(
        net.refused(egress, &[]),
        "InvalidParameterCombination: Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be provided."
    );
}

/// Adds `number` rules to a group with one call.
fn fill(net: &mut Net, group: &str, number: usize) -> Result<Value, crate::Ec2Error> {
    let taken = net.region.world.security_group_rules.len();
    let ranges: Vec<_> = (taken..taken + number)
        .map(|index| {
            let name = format!("IpPermissions.1.IpRanges.{}.CidrIp", index + 1);
            (name, format!("10.{}.{}.0/24", index / 256, index % 256))
        })
        .collect();
    let mut parameters = Vec::from([("GroupId", group), ("IpPermissions.1.IpProtocol", "-1")]);
    parameters.extend(
        ranges
            .iter()
            .map(|(name, block)| (name.as_str(), block.as_str())),
    );
    net.region.call(INGRESS, &parameters)
}

#[test]
fn a_group_and_an_interface_over_all_its_groups_have_at_most_a_thousand_rules_in_a_direction() {
    let mut net = Net::new();
    let web = net.group.clone();
    let other = net.create("other");
    fill(&mut net, &web, 1_000).unwrap();
    let too_many = "RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached.";
    assert_eq!(fill(&mut net, &web, 1).unwrap_err().to_string(), too_many);
    let block = [("VpcId", net.vpc.as_str()), ("CidrBlock", "10.0.0.0/24")];
    let subnet = net.region.make("CreateSubnet", &block, "/subnet/subnetId");
    let both = [
        ("SubnetId", subnet.as_str()),
        ("SecurityGroupId.1", &web),
        ("SecurityGroupId.2", &other),
    ];
    net.region.must("CreateNetworkInterface", &both);
    assert_eq!(fill(&mut net, &other, 1).unwrap_err().to_string(), too_many);
    let third = net.create("third");
    fill(&mut net, &third, 1).unwrap();
    let all = [both.as_slice(), &[("SecurityGroupId.3", third.as_str())]].concat();
    assert_eq!(net.region.refused("CreateNetworkInterface", &all), too_many);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is added and removed, no two rules say the same, and each answer tells what happened.
    #[test]
    fn rules_stay_distinct(calls in proptest::collection::vec((any::<bool>(), 0_u8..3, 0_u8..3, 0_u8..3), 1..24)) {
        let mut net = Net::new();
        let group = net.group.clone();
        for (add, protocol, port, peer) in calls {
            let action = if add { INGRESS } else { "RevokeSecurityGroupIngress" };
            let (port, block) = (format!("{}", 80 + port), format!("10.{peer}.0.0/16"));
            let ports = Some((port.as_str(), port.as_str()));
            let parameters = permission(["tcp", "udp", "-1"][usize::from(protocol)], ports, (IPV4, &block));
            let before = net.region.world.security_group_rules.len();
            let answer = net.region.call(action, &with_group(&group, &parameters));
            check_invariants(&net.region.world);
            let after = net.region.world.security_group_rules.len();
            match (add, answer) {
                (true, Ok(_)) => prop_assert_eq!(after, before + 1),
                (false, Ok(_)) => prop_assert_eq!(after, before - 1),
                (_, Err(_)) => prop_assert_eq!(after, before),
            }
        }
    }
}
