use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

use serde_json::{Value, json};

use crate::testing::{TestWorld, check_invariants};

/// A region with a VPC, one subnet in it and a network ACL that is not the default.
struct Fixture {
    region: TestWorld,
    vpc: String,
    subnet: String,
    acl: String,
}

fn fixture() -> Fixture {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let subnet = region.make(
        "CreateSubnet",
        &[("VpcId", &vpc), ("CidrBlock", "10.0.1.0/24")],
        "/subnet/subnetId",
    );
    let acl = region.make(
        "CreateNetworkAcl",
        &[("VpcId", &vpc)],
        "/networkAcl/networkAclId",
    );
    Fixture {
        region,
        vpc,
        subnet,
        acl,
    }
}

impl Fixture {
    fn entry(&mut self, action: &str, more: &[(&str, &str)]) -> Result<Value, String> {
        let acl = self.acl.clone();
        let mut parameters = vec![("NetworkAclId", acl.as_str())];
        for (name, value) in [
            ("RuleNumber", "100"),
            ("Egress", "false"),
            ("Protocol", "-1"),
            ("RuleAction", "allow"),
            ("CidrBlock", "10.9.0.0/16"),
        ] {
            if !more.iter().any(|(given, _)| *given == name) {
                parameters.push((name, value));
            }
        }
        parameters.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        self.region
            .call(action, &parameters)
            .map_err(|error| error.to_string())
    }

    fn entries(&mut self) -> Value {
        let acl = self.acl.clone();
        let answer = self
            .region
            .must("DescribeNetworkAcls", &[("NetworkAclId.1", &acl)]);
        answer
            .pointer("/networkAclSet/item/0/entrySet/item")
            .unwrap()
            .clone()
    }
}

#[test]
fn entries_are_described_by_direction_and_number_with_the_last_deny() {
    let mut fixture = fixture();
    for more in [
        &[
            ("RuleNumber", "200"),
            ("Protocol", "tcp"),
            ("PortRange.From", "80"),
            ("PortRange.To", "90"),
        ][..],
        &[("RuleNumber", "50"), ("RuleAction", "deny")],
        &[
            ("Egress", "true"),
            ("Protocol", "1"),
            ("Icmp.Type", "8"),
            ("Icmp.Code", "-1"),
        ],
    ] {
        fixture.entry("CreateNetworkAclEntry", more).unwrap();
    }
    let last = |egress: bool| json!({"ruleNumber": 32767, "protocol": "-1", "ruleAction": "deny", "egress": egress, "cidrBlock": "0.0.0.0/0"});
    let want = json!([
        {"ruleNumber": 100, "protocol": "1", "ruleAction": "allow", "egress": true, "cidrBlock": "10.9.0.0/16",
         "icmpTypeCode": {"type": 8, "code": -1}},
        last(true),
        {"ruleNumber": 50, "protocol": "-1", "ruleAction": "deny", "egress": false, "cidrBlock": "10.9.0.0/16"},
        {"ruleNumber": 200, "protocol": "6", "ruleAction": "allow", "egress": false, "cidrBlock": "10.9.0.0/16",
         "portRange": {"from": 80, "to": 90}},
        last(false),
    ]);
    assert_eq!(fixture.entries(), want);
    check_invariants(&fixture.region.world);
}

#[test]
fn an_entry_has_a_block_of_either_family_in_every_vpc() {
    let mut fixture = fixture();
    let ipv6 = [
        ("CidrBlock", ""),
        ("Ipv6CidrBlock", "2001:db8::1/32"),
        ("Protocol", "58"),
        ("Icmp.Type", "128"),
        ("Icmp.Code", "-1"),
    ];
    fixture.entry("CreateNetworkAclEntry", &ipv6).unwrap();
    assert_eq!(
        fixture.entries()[1],
        json!({"ruleNumber": 100, "protocol": "58", "ruleAction": "allow", "egress": false,
               "ipv6CidrBlock": "2001:db8::/32", "icmpTypeCode": {"type": 128, "code": -1}})
    );
    // The numbers of a direction are those of both families.
    assert_eq!(
        fixture.entry("CreateNetworkAclEntry", &[]).unwrap_err(),
        "NetworkAclEntryAlreadyExists: The network acl entry identified by 100 already exists."
    );
    let acl = fixture.acl.clone();
    for (filter, value, is_found) in [
        ("entry.ipv6-cidr", "2001:db8::/32", true),
        ("entry.cidr", "2001:db8::/32", false),
    ] {
        let filter = [("Filter.1.Name", filter), ("Filter.1.Value.1", value)];
        let answer = fixture.region.must("DescribeNetworkAcls", &filter);
        let found = TestWorld::texts(&answer, "/networkAclSet", "/networkAclId");
        assert_eq!(found.contains(&acl), is_found, "{filter:?}");
    }
    let everything = [("CidrBlock", ""), ("Ipv6CidrBlock", "::/0")];
    fixture
        .entry("ReplaceNetworkAclEntry", &everything)
        .unwrap();
    assert_eq!(fixture.entries()[1]["ipv6CidrBlock"], "::/0");
    check_invariants(&fixture.region.world);
}

#[test]
fn an_entry_is_replaced_and_deleted_by_direction_and_number() {
    let mut fixture = fixture();
    fixture.entry("CreateNetworkAclEntry", &[]).unwrap();
    assert_eq!(
        fixture.entry("CreateNetworkAclEntry", &[]).unwrap_err(),
        "NetworkAclEntryAlreadyExists: The network acl entry identified by 100 already exists."
    );
    fixture
        .entry("ReplaceNetworkAclEntry", &[("RuleAction", "deny")])
        .unwrap();
    let deny = fixture.entries();
    assert_eq!(deny.pointer("/1/ruleAction"), Some(&json!("deny")));
    let missing =
        "InvalidNetworkAclEntry.NotFound: The network acl entry identified by 100 does not exist.";
    assert_eq!(
        fixture
            .entry("ReplaceNetworkAclEntry", &[("Egress", "true")])
            .unwrap_err(),
        missing
    );
    let acl = fixture.acl.clone();
    let delete = [
        ("NetworkAclId", acl.as_str()),
        ("RuleNumber", "100"),
        ("Egress", "false"),
    ];
    fixture.region.must("DeleteNetworkAclEntry", &delete);
    assert_eq!(
        fixture.region.refused("DeleteNetworkAclEntry", &delete),
        missing
    );
}

#[test]
fn what_an_entry_cannot_be() {
    let mut fixture = fixture();
    for (more, error) in [
        (
            &[("RuleNumber", "0")][..],
            "InvalidParameterValue: Value (0) for parameter ruleNumber is invalid. Rules are numbered 1 to 32766.",
        ),
        (
            &[("RuleNumber", "32767")],
            "InvalidParameterValue: Value (32767) for parameter ruleNumber is invalid. Rules are numbered 1 to 32766.",
        ),
        (
            &[("Protocol", "256")],
            "InvalidParameterValue: Value (256) for parameter protocol is invalid. Unknown protocol.",
        ),
        (
            &[("RuleAction", "drop")],
            "InvalidParameterValue: Value (drop) for parameter ruleAction is invalid. Expected 'allow' or 'deny'.",
        ),
        (
            &[("CidrBlock", "")],
            "MissingParameter: The request must contain the parameter cidrBlock",
        ),
        (
            &[("Ipv6CidrBlock", "::/0")],
            "InvalidParameterCombination: The parameter cidrBlock cannot be used with the parameter ipv6CidrBlock",
        ),
        (
            &[("CidrBlock", ""), ("Ipv6CidrBlock", "10.0.0.0/8")],
            "InvalidParameterValue: Value (10.0.0.0/8) for parameter ipv6CidrBlock is invalid. This is not a valid CIDR block.",
        ),
        (
            &[
                ("CidrBlock", ""),
                ("Ipv6CidrBlock", "::/0"),
                ("Protocol", "58"),
            ],
            "MissingParameter: The request must contain the parameter icmpTypeCode",
        ),
        (
            &[("CidrBlock", "::/0")],
            "InvalidParameterValue: Value (::/0) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        ),
        (
            &[("Protocol", "6")],
            "MissingParameter: The request must contain the parameter portRange",
        ),
        (
            &[
                ("Protocol", "17"),
                ("PortRange.From", "9"),
                ("PortRange.To", "8"),
            ],
            "InvalidParameterValue: Value (9-8) for parameter portRange is invalid. Ports are 0 to 65535, the first not above the last.",
        ),
        (
            &[("Protocol", "icmp")],
            "MissingParameter: The request must contain the parameter icmpTypeCode",
        ),
        (
            &[("Protocol", "1"), ("Icmp.Type", "256"), ("Icmp.Code", "0")],
            "InvalidParameterValue: Value (256,0) for parameter icmpTypeCode is invalid. Type and code are -1 to 255.",
        ),
    ] {
        assert_eq!(
            fixture.entry("CreateNetworkAclEntry", more).unwrap_err(),
            error
        );
    }
}

#[test]
fn entries_and_network_acls_have_quotas() {
    let mut fixture = fixture();
    for number in 1..=eni_types::quota::RULES_PER_NETWORK_ACL {
        let number = number.to_string();
        fixture
            .entry("CreateNetworkAclEntry", &[("RuleNumber", &number)])
            .unwrap();
    }
    assert_eq!(
        fixture
            .entry("CreateNetworkAclEntry", &[("RuleNumber", "1000")])
            .unwrap_err(),
        "NetworkAclEntryLimitExceeded: The maximum number of network acl entries has been reached."
    );
    fixture
        .entry("CreateNetworkAclEntry", &[("Egress", "true")])
        .unwrap();
    let vpc = [("VpcId", fixture.vpc.as_str())];
    for _ in 2..eni_types::quota::NETWORK_ACLS_PER_VPC {
        fixture.region.must("CreateNetworkAcl", &vpc);
    }
    assert_eq!(
        fixture.region.refused("CreateNetworkAcl", &vpc),
        "NetworkAclLimitExceeded: The maximum number of network ACLs has been reached."
    );
}

#[test]
fn a_subnet_moves_from_one_network_acl_to_another() {
    let Fixture {
        mut region,
        subnet,
        acl,
        ..
    } = fixture();
    let subnet_id = subnet.parse().unwrap();
    let default = region.world.network_acl_of(subnet_id).unwrap().clone();
    let (default_id, association) = (
        default.network_acl_id.to_string(),
        default.associations[0].association_id.to_string(),
    );
    let moved = region.make(
        "ReplaceNetworkAclAssociation",
        &[("AssociationId", &association), ("NetworkAclId", &acl)],
        "/newAssociationId",
    );
    check_invariants(&region.world);
    let used = region.world.network_acl_of(subnet_id).unwrap();
    assert_eq!(used.network_acl_id.to_string(), acl);
    let foreign_vpc = region.world.default_vpc().unwrap().vpc_id;
    let foreign = region
        .world
        .default_network_acl(foreign_vpc)
        .unwrap()
        .network_acl_id
        .to_string();
    for (action, parameters, error) in [
        (
            "ReplaceNetworkAclAssociation",
            &[
                ("AssociationId", association.as_str()),
                ("NetworkAclId", &acl),
            ][..],
            format!(
                "InvalidAssociationID.NotFound: The association ID '{association}' does not exist"
            ),
        ),
        (
            "ReplaceNetworkAclAssociation",
            &[("AssociationId", &moved), ("NetworkAclId", &foreign)],
            format!(
                "InvalidParameterValue: network ACL {foreign} and subnet {subnet} belong to different networks"
            ),
        ),
        (
            "DeleteNetworkAcl",
            &[("NetworkAclId", &acl)],
            format!(
                "DependencyViolation: The networkAcl '{acl}' has dependencies and cannot be deleted."
            ),
        ),
        (
            "DeleteNetworkAcl",
            &[("NetworkAclId", &default_id)],
            format!("InvalidParameterValue: cannot delete default network ACL {default_id}"),
        ),
        (
            "DeleteNetworkAcl",
            &[("NetworkAclId", "acl-12345678")],
            "InvalidNetworkAclID.NotFound: The networkAcl ID 'acl-12345678' does not exist".into(),
        ),
    ] {
        assert_eq!(region.refused(action, parameters), error);
    }
}

#[test]
fn the_same_network_acl_again_is_a_new_association() {
    let Fixture {
        mut region,
        vpc,
        subnet,
        acl,
    } = fixture();
    let used = region
        .world
        .network_acl_of(subnet.parse().unwrap())
        .unwrap();
    let association = used.associations[0].association_id.to_string();
    let moved = region.make(
        "ReplaceNetworkAclAssociation",
        &[("AssociationId", &association), ("NetworkAclId", &acl)],
        "/newAssociationId",
    );
    region.must(
        "ReplaceNetworkAclAssociation",
        &[("AssociationId", &moved), ("NetworkAclId", &acl)],
    );
    check_invariants(&region.world);
    region.must("DeleteSubnet", &[("SubnetId", &subnet)]);
    region.must("DeleteNetworkAcl", &[("NetworkAclId", &acl)]);
    region.must("DeleteVpc", &[("VpcId", &vpc)]);
}

#[test]
fn a_client_token_makes_one_network_acl() {
    let mut fixture = fixture();
    let parameters = [("VpcId", fixture.vpc.as_str()), ("ClientToken", "once")];
    let id = fixture
        .region
        .make("CreateNetworkAcl", &parameters, "/networkAcl/networkAclId");
    let again = fixture
        .region
        .make("CreateNetworkAcl", &parameters, "/networkAcl/networkAclId");
    assert_eq!(id, again);
}

#[test]
fn network_acls_are_found_by_every_filter() {
    let mut fixture = fixture();
    fixture
        .entry(
            "CreateNetworkAclEntry",
            &[
                ("Protocol", "6"),
                ("PortRange.From", "80"),
                ("PortRange.To", "90"),
            ],
        )
        .unwrap();
    fixture
        .entry(
            "CreateNetworkAclEntry",
            &[
                ("RuleNumber", "7"),
                ("Protocol", "1"),
                ("Icmp.Type", "8"),
                ("Icmp.Code", "0"),
            ],
        )
        .unwrap();
    let Fixture {
        mut region,
        vpc,
        subnet,
        acl,
    } = fixture;
    let association = region
        .world
        .network_acls
        .one(&subnet.parse::<eni_types::SubnetId>().unwrap())
        .unwrap()
        .associations[0]
        .association_id
        .to_string();
    let association = region.make(
        "ReplaceNetworkAclAssociation",
        &[("AssociationId", &association), ("NetworkAclId", &acl)],
        "/newAssociationId",
    );
    for (filter, value, is_found) in [
        ("association.association-id", association.as_str(), true),
        ("association.network-acl-id", &acl, true),
        ("association.subnet-id", &subnet, true),
        ("association.subnet-id", "subnet-12345678", false),
        ("default", "false", true),
        ("entry.cidr", "10.9.0.0/16", true),
        ("entry.egress", "true", true),
        ("entry.icmp.code", "0", true),
        ("entry.icmp.type", "8", true),
        ("entry.ipv6-cidr", "*", false),
        ("entry.port-range.from", "80", true),
        ("entry.port-range.to", "80", false),
        ("entry.protocol", "tcp", true),
        ("entry.protocol", "6", true),
        ("entry.protocol", "udp", false),
        ("entry.rule-action", "deny", true),
        ("entry.rule-number", "7", true),
        ("network-acl-id", &acl, true),
        ("owner-id", "123456789012", true),
        ("vpc-id", &vpc, true),
    ] {
        let answer = region.must(
            "DescribeNetworkAcls",
            &[("Filter.1.Name", filter), ("Filter.1.Value.1", value)],
        );
        let found = TestWorld::texts(&answer, "/networkAclSet", "/networkAclId");
        assert_eq!(found.contains(&acl), is_found, "{filter}={value}");
    }
}
