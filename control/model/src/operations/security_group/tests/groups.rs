use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::json;

use super::{Net, permission};
use crate::testing::{TestWorld, check_invariants};

#[test]
fn a_new_group_lets_nothing_in_and_everything_out() {
    let mut net = Net::new();
    check_invariants(&net.region.world);
    let (group, vpc) = (net.group.clone(), net.vpc.clone());
    let everything = json!({"item": [{
        "ipProtocol": "-1",
        "groups": {"item": []},
        "ipRanges": {"item": [{"cidrIp": "0.0.0.0/0"}]},
        "ipv6Ranges": {"item": []},
        "prefixListIds": {"item": []},
    }]});
    assert_eq!(
        net.describe(),
        json!({
            "ownerId": "123456789012",
            "groupId": group,
            "securityGroupArn": format!("arn:aws:ec2:us-east-1:123456789012:security-group/{group}"),
            "groupName": "web",
            "groupDescription": "a group",
            "vpcId": vpc,
            "ipPermissions": {"item": []},
            "ipPermissionsEgress": everything,
        })
    );
}

#[test]
fn a_text_that_no_group_can_have_is_refused_by_what_is_wrong_with_it() {
    let mut net = Net::new();
    let long = "x".repeat(256);
    for (parameter, noun) in [("GroupName", "name"), ("GroupDescription", "description")] {
        let set = format!(
            "InvalidParameterValue: Invalid security group {noun}. Valid {noun}s are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
        );
        let ascii = format!(
            "InvalidParameterValue: Value (a\u{fc}b) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        );
        for (text, want) in [(long.as_str(), &set), ("a<b", &set), ("a\u{fc}b", &ascii)] {
            let mut parameters = [("GroupName", "b"), ("GroupDescription", "a")];
            for (name, value) in &mut parameters {
                if *name == parameter {
                    *value = text;
                }
            }
            let refused = net.region.refused("CreateSecurityGroup", &parameters);
            assert_eq!(&refused, want);
        }
    }
}

#[test]
fn what_create_security_group_refuses() {
    let mut net = Net::new();
    let vpc = net.vpc.clone();
    let long = "x".repeat(256);
    let taken =
        format!("InvalidGroup.Duplicate: The security group 'WEB' already exists for VPC '{vpc}'");
    let not_taken = "InvalidParameterValue: Invalid security group name. Valid names are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
    for (name, vpc, error) in [
        ("WEB", vpc.as_str(), taken.as_str()),
        (
            "Default",
            &vpc,
            "InvalidParameterValue: Cannot use reserved security group name: Default",
        ),
        (
            "sg-web",
            &vpc,
            "InvalidParameterValue: Invalid group name: sg-web. Group names may not be in the format sg-*",
        ),
        (&long, &vpc, not_taken),
        (
            "web",
            "vpc-12345678",
            "InvalidVpcID.NotFound: The vpc ID 'vpc-12345678' does not exist",
        ),
    ] {
        let parameters = [
            ("GroupName", name),
            ("GroupDescription", "a"),
            ("VpcId", vpc),
        ];
        assert_eq!(
            net.region.refused("CreateSecurityGroup", &parameters),
            error
        );
    }
    for (action, name, value, error) in [
        (
            "DescribeSecurityGroupRules",
            "group-id",
            "foobar",
            "InvalidGroupId.Malformed: Invalid id: \"foobar\" (expecting \"sg-...\")",
        ),
        (
            "DescribeSecurityGroupRules",
            "group-id",
            "sg-foo",
            "InvalidGroupId.Malformed: Invalid id: \"sg-foo\"",
        ),
        (
            "DescribeSecurityGroups",
            "vpc-id",
            "dev",
            "InvalidParameterValue: vpc-id",
        ),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        assert_eq!(net.region.refused(action, &filter), error);
    }
    assert_eq!(
        net.region
            .refused("CreateSecurityGroup", &[("GroupName", "a")]),
        "MissingParameter: The request must contain the parameter GroupDescription"
    );
    // Without a VPC, the default one: names there are others.
    let parameters = [("GroupName", "web"), ("GroupDescription", "a")];
    let answer = net.region.must("CreateSecurityGroup", &parameters);
    assert!(answer.get("tagSet").is_none(), "a group without tags");
    check_invariants(&net.region.world);
}

#[test]
fn a_group_goes_with_its_rules_unless_something_needs_it() {
    let mut net = Net::new();
    let group = net.group.clone();
    let own = ("IpPermissions.1.Groups.1.GroupId", group.as_str());
    net.on_group(
        "AuthorizeSecurityGroupIngress",
        &permission("-1", None, own),
    );
    let other = net.create("other");
    let named = [
        [("GroupId", other.as_str())].as_slice(),
        &permission("-1", None, own),
    ]
    .concat();
    net.region.must("AuthorizeSecurityGroupIngress", &named);
    let needed = format!("DependencyViolation: resource {group} has a dependent object");
    assert_eq!(net.refused("DeleteSecurityGroup", &[]), needed);
    net.region.must("RevokeSecurityGroupIngress", &named);

    let subnet = net.region.make(
        "CreateSubnet",
        &[("VpcId", &net.vpc), ("CidrBlock", "10.0.0.0/24")],
        "/subnet/subnetId",
    );
    let parameters = [("SubnetId", subnet.as_str()), ("SecurityGroupId.1", &group)];
    let eni = net.region.make(
        "CreateNetworkInterface",
        &parameters,
        "/networkInterface/networkInterfaceId",
    );
    assert_eq!(net.refused("DeleteSecurityGroup", &[]), needed);
    net.region
        .must("DeleteNetworkInterface", &[("NetworkInterfaceId", &eni)]);

    assert_eq!(
        net.on_group("DeleteSecurityGroup", &[])["groupId"],
        json!(group)
    );
    net.group = net.default_group_of_default_vpc();
    let default = format!(
        "CannotDelete: the specified group: \"{}\" name: \"default\" cannot be deleted by a user",
        net.group
    );
    assert_eq!(net.refused("DeleteSecurityGroup", &[]), default);
}

#[test]
fn a_group_is_named_by_its_id_or_in_the_default_vpc_by_its_name() {
    let mut net = Net::new();
    let vpc = net.region.world.default_vpc().unwrap().vpc_id;
    let id = ("GroupId", "sg-12345678");
    let name = ("GroupName", "web");
    let unknown =
        format!("InvalidGroup.NotFound: The security group 'web' does not exist in VPC '{vpc}'");
    for (parameters, error) in [
        (
            Vec::new(),
            "MissingParameter: The request must contain the parameter groupName or groupId",
        ),
        (
            Vec::from([id, name]),
            "InvalidParameterCombination: The parameter groupName cannot be used with the parameter groupId",
        ),
        (
            Vec::from([id]),
            "InvalidGroup.NotFound: The security group 'sg-12345678' does not exist",
        ),
        (Vec::from([name]), &unknown),
    ] {
        assert_eq!(
            net.region.refused("DeleteSecurityGroup", &parameters),
            error
        );
    }
    net.region
        .must("CreateSecurityGroup", &[name, ("GroupDescription", "a")]);
    assert_eq!(
        TestWorld::texts(
            &net.region
                .must("DescribeSecurityGroups", &[("GroupName.1", "web")]),
            "/securityGroupInfo",
            "/vpcId"
        ),
        [vpc.to_string()]
    );
    net.region.must("DeleteSecurityGroup", &[name]);
}

/// A group `web` with rules of three kinds, and the group `peer` that one of them names.
fn with_rules() -> (Net, String) {
    let mut net = Net::new();
    let peer = net.create("peer");
    net.on_group(
        "AuthorizeSecurityGroupIngress",
        &permission(
            "tcp",
            Some(("80", "443")),
            ("IpPermissions.1.IpRanges.1.CidrIp", "192.0.2.0/24"),
        ),
    );
    net.on_group(
        "AuthorizeSecurityGroupIngress",
        &permission(
            "icmp",
            Some(("8", "0")),
            ("IpPermissions.1.Groups.1.GroupId", &peer),
        ),
    );
    net.on_group(
        "AuthorizeSecurityGroupEgress",
        &permission(
            "udp",
            Some(("53", "53")),
            ("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "2001:db8::/32"),
        ),
    );
    (net, peer)
}

#[test]
fn groups_are_found_by_what_they_are_and_by_what_their_rules_say() {
    let (mut net, peer) = with_rules();
    let group = net.group.clone();
    let vpc = net.vpc.clone();
    let only = [group.as_str()];
    for (name, value) in [
        ("group-id", group.as_str()),
        ("group-name", "web"),
        ("ip-permission.cidr", "192.0.2.0/24"),
        ("ip-permission.from-port", "80"),
        ("ip-permission.to-port", "443"),
        ("ip-permission.protocol", "icmp"),
        ("ip-permission.group-id", &peer),
        ("ip-permission.group-name", "peer"),
        ("egress.ip-permission.ipv6-cidr", "2001:db8::/32"),
        ("egress.ip-permission.protocol", "udp"),
        ("egress.ip-permission.from-port", "53"),
    ] {
        let filter = [
            ("Filter.1.Name", name),
            ("Filter.1.Value.1", value),
            ("Filter.2.Name", "vpc-id"),
            ("Filter.2.Value.1", &vpc),
        ];
        let answer = net.region.must("DescribeSecurityGroups", &filter);
        assert_eq!(
            TestWorld::texts(&answer, "/securityGroupInfo", "/groupId"),
            only,
            "{name}"
        );
    }
}

#[test]
fn the_groups_of_a_vpc_are_found_and_peered_ones_there_are_none() {
    let (mut net, _) = with_rules();
    let (group, vpc) = (net.group.clone(), net.vpc.clone());
    // Every group says who owns it; those of the VPC are three.
    let filter = [
        ("Filter.1.Name", "owner-id"),
        ("Filter.1.Value.1", "123456789012"),
        ("VpcId", &vpc),
    ];
    let answer = net.region.must("GetSecurityGroupsForVpc", &filter);
    let mut names = TestWorld::texts(&answer, "/securityGroupForVpcSet", "/groupName");
    names.sort();
    assert_eq!(names, ["default", "peer", "web"]);
    let answer = net
        .region
        .must("DescribeSecurityGroupReferences", &[("GroupId.1", &group)]);
    assert_eq!(answer["securityGroupReferenceSet"]["item"], json!([]));
    assert_eq!(
        net.region
            .refused("DescribeSecurityGroups", &[("Filter.1.Name", "color")]),
        "InvalidParameterValue: The filter 'color' is invalid"
    );
}
