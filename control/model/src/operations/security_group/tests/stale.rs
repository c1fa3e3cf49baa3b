//! Rules whose peers are in VPCs that are peered, or were.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::SecurityGroupId;
use serde_json::{Value, json};

use crate::resource::SecurityGroupRule;
use crate::testing::{TestWorld, check_invariants};
use crate::{ChangeSet, Ec2Error};

const MADE: &str = "/vpcPeeringConnection/vpcPeeringConnectionId";

/// Two peered VPCs, and in each a group; that of the first has a rule that names the other's.
struct Named {
    region: TestWorld,
    vpcs: [String; 2],
    connection: String,
    groups: [String; 2],
}

impl Named {
    fn new() -> Self {
        let mut region = TestWorld::bootstrapped();
        let vpcs = ["10.1.0.0/16", "10.2.0.0/16"]
            .map(|block| region.make("CreateVpc", &[("CidrBlock", block)], "/vpc/vpcId"));
        let ends = [("VpcId", &*vpcs[0]), ("PeerVpcId", &*vpcs[1])];
        let connection = region.make("CreateVpcPeeringConnection", &ends, MADE);
        let by_id = [("VpcPeeringConnectionId", &*connection)];
        region.must("AcceptVpcPeeringConnection", &by_id);
        let groups = vpcs.each_ref().map(|vpc| {
            let group = [
                ("GroupName", "web"),
                ("GroupDescription", "what is served"),
                ("VpcId", &**vpc),
            ];
            region.make("CreateSecurityGroup", &group, "/groupId")
        });
        let mut named = Self {
            region,
            vpcs,
            connection,
            groups,
        };
        named.must("AuthorizeSecurityGroupIngress", &[]);
        named
    }

    /// Calls `action` with the rule, and what else is said of the group that it names.
    fn call(&mut self, action: &str, said: &[(&str, &str)]) -> Result<Value, Ec2Error> {
        let said = said.iter().map(|(name, value)| {
            let name = format!("IpPermissions.1.Groups.1.{name}");
            (name, (*value).to_owned())
        });
        let said: Vec<_> = said.collect();
        let rule = [
            ("GroupId", &*self.groups[0]),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.Groups.1.GroupId", &*self.groups[1]),
        ];
        let said = said.iter().map(|(name, value)| (&**name, &**value));
        let rule: Vec<_> = rule.into_iter().chain(said).collect();
        let answer = self.region.call(action, &rule);
        check_invariants(&self.region.world);
        answer
    }

    fn must(&mut self, action: &str, said: &[(&str, &str)]) {
        self.call(action, said).unwrap();
    }

    fn refused(&mut self, action: &str, said: &[(&str, &str)]) -> String {
        self.call(action, said).unwrap_err().to_string()
    }

    /// Deletes what is the second VPC's.
    fn delete(&mut self, action: &str, parameter: &str, id: impl Fn(&Self) -> String) {
        let id = id(self);
        self.region.must(action, &[(parameter, &id)]);
        check_invariants(&self.region.world);
    }

    /// What DescribeStaleSecurityGroups says of the first VPC.
    fn stale(&mut self) -> Value {
        let vpc = [("VpcId", &*self.vpcs[0])];
        let answer = self.region.must("DescribeStaleSecurityGroups", &vpc);
        answer["staleSecurityGroupSet"]["item"].clone()
    }

    /// And what it is to say.
    fn expected(&self, status: &str) -> Value {
        json!([{
            "groupId": self.groups[0],
            "groupName": "web",
            "description": "what is served",
            "vpcId": self.vpcs[0],
            "staleIpPermissions": {"item": [{
                "ipProtocol": "-1",
                "groups": {"item": [{
                    "userId": "123456789012",
                    "groupId": self.groups[1],
                    "vpcId": self.vpcs[1],
                    "vpcPeeringConnectionId": self.connection,
                    "peeringStatus": status,
                }]},
            }]},
            "staleIpPermissionsEgress": {"item": []},
        }])
    }
}

#[test]
fn a_group_is_deleted_while_rules_of_a_peered_vpc_name_it_and_those_are_stale() {
    let mut named = Named::new();
    assert_eq!(named.stale(), json!([]));
    named.delete("DeleteSecurityGroup", "GroupId", |named| {
        named.groups[1].clone()
    });
    let expected = named.expected("active");
    assert_eq!(named.stale(), expected);

    // It is shown as it was, no new rule names it, and it can be revoked.
    let own = [("GroupId.1", &*named.groups[0])];
    let shown = named.region.must("DescribeSecurityGroups", &own);
    let shown = &shown["securityGroupInfo"]["item"][0]["ipPermissions"]["item"][0]["groups"];
    assert_eq!(
        *shown,
        expected[0]["staleIpPermissions"]["item"][0]["groups"]
    );
    let gone = &named.groups[1];
    let gone = format!("InvalidGroup.NotFound: The security group '{gone}' does not exist");
    assert_eq!(named.refused("AuthorizeSecurityGroupEgress", &[]), gone);
    let described = [("Description", "once it was")];
    named.must("UpdateSecurityGroupRuleDescriptionsIngress", &described);
    named.must("RevokeSecurityGroupIngress", &[]);
    assert_eq!(named.stale(), json!([]));
}

#[test]
fn rules_over_a_peering_that_has_ended_are_stale_and_so_are_those_of_a_vpc_that_is_gone() {
    let mut named = Named::new();
    let expected = named.expected("deleted");
    let parameter = "VpcPeeringConnectionId";
    named.delete("DeleteVpcPeeringConnection", parameter, |named| {
        named.connection.clone()
    });
    assert_eq!(named.stale(), expected);
    named.delete("DeleteSecurityGroup", "GroupId", |named| {
        named.groups[1].clone()
    });
    named.delete("DeleteVpc", "VpcId", |named| named.vpcs[1].clone());
    assert_eq!(named.stale(), expected);
    let gone = named.vpcs[1].clone();
    assert_eq!(
        named
            .region
            .refused("DescribeStaleSecurityGroups", &[("VpcId", &gone)]),
        format!("InvalidVpcID.NotFound: The vpc ID '{gone}' does not exist")
    );
    named.must("RevokeSecurityGroupIngress", &[]);
    assert_eq!(named.stale(), json!([]));
}

/// Rules of an earlier version do not say where their peers are.
#[test]
fn a_rule_that_does_not_say_where_its_peer_is_does_when_that_is_deleted() {
    let mut named = Named::new();
    let group: SecurityGroupId = named.groups[0].parse().unwrap();
    let rules = &named.region.world.security_group_rules;
    let rule = rules.by(&group).find(|rule| rule.peering.is_some());
    let rule = SecurityGroupRule {
        peering: None,
        ..SecurityGroupRule::clone(rule.unwrap())
    };
    named.region.world.apply(&ChangeSet::putting(rule));
    named.delete("DeleteSecurityGroup", "GroupId", |named| {
        named.groups[1].clone()
    });
    assert_eq!(named.stale(), named.expected("active"));
}

#[test]
fn what_is_said_of_a_group_must_be_so() {
    let mut named = Named::new();
    named.must("RevokeSecurityGroupIngress", &[]);
    let third = [("CidrBlock", "10.3.0.0/16")];
    let third = named.region.make("CreateVpc", &third, "/vpc/vpcId");
    let own = named.vpcs[0].clone();
    let ends = [("VpcId", &*own), ("PeerVpcId", &*third)];
    let unrelated = named.region.make("CreateVpcPeeringConnection", &ends, MADE);
    for wrong in [
        ("VpcId", &*third),
        ("VpcId", &own),
        ("VpcPeeringConnectionId", &unrelated),
    ] {
        assert_eq!(
            named.refused("AuthorizeSecurityGroupIngress", &[wrong]),
            "InvalidGroup.NotFound: You have specified two resources that belong to different networks.",
            "{wrong:?}"
        );
    }
    let (vpc, connection) = (named.vpcs[1].clone(), named.connection.clone());
    let right = [("VpcId", &*vpc), ("VpcPeeringConnectionId", &connection)];
    named.must("AuthorizeSecurityGroupIngress", &right);
}
