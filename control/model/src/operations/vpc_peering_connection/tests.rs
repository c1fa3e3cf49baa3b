use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{Timestamp, quota};
use serde_json::{Value, json};

use crate::testing::{TestWorld, check_invariants};
use crate::transition::expire;

const MADE: &str = "/vpcPeeringConnection/vpcPeeringConnectionId";

fn vpc(region: &mut TestWorld, block: &str) -> String {
    region.make("CreateVpc", &[("CidrBlock", block)], "/vpc/vpcId")
}

/// Two VPCs, and a request of the first.
fn requested() -> (TestWorld, [String; 2], String) {
    let mut region = TestWorld::bootstrapped();
    let vpcs = ["10.1.0.0/16", "10.2.0.0/16"].map(|block| vpc(&mut region, block));
    let pair = [("VpcId", &*vpcs[0]), ("PeerVpcId", &*vpcs[1])];
    let id = region.make("CreateVpcPeeringConnection", &pair, MADE);
    (region, vpcs, id)
}

fn described(region: &mut TestWorld, id: &str) -> Value {
    let answer = region.must(
        "DescribeVpcPeeringConnections",
        &[("VpcPeeringConnectionId.1", id)],
    );
    answer["vpcPeeringConnectionSet"]["item"][0].clone()
}

fn status(region: &mut TestWorld, id: &str) -> String {
    described(region, id)["status"]["code"]
        .as_str()
        .unwrap()
        .into()
}

#[test]
fn a_request_is_accepted_and_the_connection_deleted() {
    let (mut region, [requester, accepter], id) = requested();
    check_invariants(&region.world);
    let request = described(&mut region, &id);
    assert_eq!(
        request["status"],
        json!({"code": "pending-acceptance", "message": "Pending Acceptance by 123456789012"})
    );
    assert!(request["expirationTime"].is_string());
    assert_eq!(request["requesterVpcInfo"]["cidrBlock"], "10.1.0.0/16");
    assert_eq!(
        request["accepterVpcInfo"],
        json!({"ownerId": "123456789012", "vpcId": accepter, "region": "us-east-1"})
    );
    let named = [("VpcPeeringConnectionId", &*id)];
    let accepted = region.must("AcceptVpcPeeringConnection", &named);
    assert_eq!(
        accepted["vpcPeeringConnection"]["status"]["code"],
        "provisioning"
    );
    let active = described(&mut region, &id);
    assert_eq!(
        active["status"],
        json!({"code": "active", "message": "Active"})
    );
    assert_eq!(active["expirationTime"], Value::Null);
    assert_eq!(active["requesterVpcInfo"]["vpcId"], requester.as_str());
    assert_eq!(
        active["accepterVpcInfo"]["cidrBlockSet"]["item"],
        json!([{"cidrBlock": "10.2.0.0/16"}])
    );
    assert_eq!(
        region.refused("AcceptVpcPeeringConnection", &named),
        format!(
            "InvalidStateTransition: Invalid state transition for {id}, attempted to transition from active to provisioning"
        )
    );
    assert_eq!(
        region.refused("DeleteVpc", &[("VpcId", &accepter)]),
        format!(
            "DependencyViolation: The vpc '{accepter}' has dependencies and cannot be deleted."
        )
    );
    region.must("DeleteVpcPeeringConnection", &named);
    assert_eq!(status(&mut region, &id), "deleted");
    region.must("DeleteVpc", &[("VpcId", &accepter)]);
    assert_eq!(
        described(&mut region, &id)["accepterVpcInfo"]["vpcId"],
        accepter.as_str()
    );
    check_invariants(&region.world);
}

#[test]
fn what_has_ended_neither_begins_nor_ends_again() {
    let (mut region, _, id) = requested();
    let named = [("VpcPeeringConnectionId", &*id)];
    region.must("RejectVpcPeeringConnection", &named);
    assert_eq!(status(&mut region, &id), "rejected");
    for (action, to) in [
        ("AcceptVpcPeeringConnection", "provisioning"),
        ("RejectVpcPeeringConnection", "rejected"),
        ("DeleteVpcPeeringConnection", "deleting"),
    ] {
        assert_eq!(
            region.refused(action, &named),
            format!(
                "InvalidStateTransition: Invalid state transition for {id}, attempted to transition from rejected to {to}"
            )
        );
    }
}

#[test]
fn a_request_that_cannot_be_has_failed() {
    let mut region = TestWorld::bootstrapped();
    let own = vpc(&mut region, "10.1.0.0/16");
    let overlapping = vpc(&mut region, "10.1.128.0/20");
    let other = vpc(&mut region, "10.2.0.0/16");
    for parameters in [
        &[("PeerVpcId", &*overlapping)][..],
        &[("PeerVpcId", &*other), ("PeerOwnerId", "999999999999")],
        &[("PeerVpcId", &*other), ("PeerRegion", "eu-west-1")],
    ] {
        let parameters = [&[("VpcId", &*own)], parameters].concat();
        let answer = region.must("CreateVpcPeeringConnection", &parameters);
        let connection = &answer["vpcPeeringConnection"];
        assert_eq!(connection["status"]["code"], "initiating-request");
        let id = connection["vpcPeeringConnectionId"].as_str().unwrap();
        assert_eq!(
            described(&mut region, id)["status"],
            json!({
                "code": "failed",
                "message": "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range",
            })
        );
    }
    let alone = [("VpcId", &*own), ("PeerVpcId", &*own)];
    assert_eq!(
        region.refused("CreateVpcPeeringConnection", &alone),
        "InvalidParameterValue: The requester and the accepter VPC of a VPC peering connection must not be the same VPC."
    );
    let nobody = [("VpcId", &*own), ("PeerVpcId", "vpc-0123456789abcdef0")];
    assert_eq!(
        region.refused("CreateVpcPeeringConnection", &nobody),
        "InvalidVpcID.NotFound: The vpc ID 'vpc-0123456789abcdef0' does not exist"
    );
    check_invariants(&region.world);
}

#[test]
fn two_vpcs_have_one_connection() {
    let (mut region, [requester, accepter], _) = requested();
    for (from, to) in [(&requester, &accepter), (&accepter, &requester)] {
        let pair = [("VpcId", from.as_str()), ("PeerVpcId", to.as_str())];
        assert_eq!(
            region.refused("CreateVpcPeeringConnection", &pair),
            format!(
                "VpcPeeringConnectionAlreadyExists: A VPC peering connection between {from} and {to} already exists."
            )
        );
    }
}

#[test]
fn peered_vpcs_do_not_come_to_overlap() {
    let (mut region, [requester, accepter], id) = requested();
    let further = [("VpcId", &*requester), ("CidrBlock", "10.2.64.0/20")];
    region.must("AssociateVpcCidrBlock", &further);
    region.must(
        "AcceptVpcPeeringConnection",
        &[("VpcPeeringConnectionId", &id)],
    );
    assert_eq!(status(&mut region, &id), "failed");

    let third = vpc(&mut region, "10.3.0.0/16");
    let pair = [("VpcId", &*accepter), ("PeerVpcId", &*third)];
    let id = region.make("CreateVpcPeeringConnection", &pair, MADE);
    region.must(
        "AcceptVpcPeeringConnection",
        &[("VpcPeeringConnectionId", &id)],
    );
    let further = [("VpcId", &*third), ("CidrBlock", "10.2.64.0/20")];
    assert_eq!(
        region.refused("AssociateVpcCidrBlock", &further),
        format!(
            "InvalidVpc.Range: The CIDR '10.2.64.0/20' conflicts with a CIDR of {accepter}, which is peered by {id}."
        )
    );
    check_invariants(&region.world);
}

#[test]
fn a_route_to_a_connection_is_a_blackhole_unless_it_is_active() {
    let (mut region, [requester, _], id) = requested();
    let tables = region.must(
        "DescribeRouteTables",
        &[
            ("Filter.1.Name", "vpc-id"),
            ("Filter.1.Value.1", &requester),
        ],
    );
    let table = tables["routeTableSet"]["item"][0]["routeTableId"]
        .as_str()
        .unwrap()
        .to_string();
    let route = [
        ("RouteTableId", &*table),
        ("DestinationCidrBlock", "10.2.0.0/16"),
        ("VpcPeeringConnectionId", &*id),
    ];
    region.must("CreateRoute", &route);
    let by_connection = [
        ("Filter.1.Name", "route.vpc-peering-connection-id"),
        ("Filter.1.Value.1", &*id),
    ];
    let shown = |region: &mut TestWorld| {
        let answer = region.must("DescribeRouteTables", &by_connection);
        answer["routeTableSet"]["item"][0]["routeSet"]["item"][1].clone()
    };
    let want = |state: &str| {
        json!({
            "destinationCidrBlock": "10.2.0.0/16",
            "vpcPeeringConnectionId": id,
            "state": state,
            "origin": "CreateRoute",
        })
    };
    assert_eq!(shown(&mut region), want("blackhole"));
    let named = [("VpcPeeringConnectionId", &*id)];
    region.must("AcceptVpcPeeringConnection", &named);
    assert_eq!(shown(&mut region), want("active"));
    region.must("DeleteVpcPeeringConnection", &named);
    assert_eq!(shown(&mut region), want("blackhole"));
    assert_eq!(
        region.refused("ReplaceRoute", &route),
        format!(
            "InvalidVpcPeeringConnectionID.NotFound: The vpcPeeringConnection ID '{id}' does not exist"
        )
    );
    let default_vpc = region.world.default_vpc().unwrap().vpc_id;
    let foreign = region
        .world
        .main_route_table(default_vpc)
        .unwrap()
        .route_table_id;
    assert_eq!(
        region.refused(
            "CreateRoute",
            &[("RouteTableId", &*foreign.to_string()), route[1], route[2]]
        ),
        format!(
            "InvalidParameterValue: route table {foreign} and network gateway {id} belong to different networks"
        )
    );
}

#[test]
fn a_vpc_has_so_many_requests_that_wait() {
    let mut region = TestWorld::bootstrapped();
    let own = vpc(&mut region, "10.200.0.0/16");
    let mut refused = None;
    for number in 0..=quota::OUTSTANDING_VPC_PEERING_CONNECTIONS {
        let peer = vpc(&mut region, &format!("10.{number}.0.0/16"));
        let pair = [("VpcId", &*own), ("PeerVpcId", &*peer)];
        if number < quota::OUTSTANDING_VPC_PEERING_CONNECTIONS {
            region.must("CreateVpcPeeringConnection", &pair);
        } else {
            refused = Some(region.refused("CreateVpcPeeringConnection", &pair));
        }
    }
    assert_eq!(
        refused.as_deref(),
        Some(
            "OutstandingVpcPeeringConnectionLimitExceeded: The maximum number of outstanding VPC peering connection requests has been reached."
        )
    );
}

#[test]
fn time_ends_a_request_and_takes_what_has_ended() {
    let (mut region, _, id) = requested();
    let since = region
        .world
        .vpc_peering_connections
        .iter()
        .next()
        .unwrap()
        .since;
    let after = |seconds: i64| Timestamp(since.0 + seconds * 1000);
    assert!(expire(&region.world, after(quota::VPC_PEERING_REQUEST_SECONDS - 1)).is_empty());
    let changes = expire(&region.world, after(quota::VPC_PEERING_REQUEST_SECONDS));
    region.world.apply(&changes);
    assert_eq!(status(&mut region, &id), "expired");
    let later = quota::VPC_PEERING_REQUEST_SECONDS + quota::REFUSED_VPC_PEERING_SECONDS + 1;
    let changes = expire(&region.world, after(later));
    region.world.apply(&changes);
    assert!(region.world.vpc_peering_connections.is_empty());
    check_invariants(&region.world);
}

#[test]
fn connections_are_found_by_every_filter() {
    let (mut region, [requester, accepter], id) = requested();
    let time = described(&mut region, &id)["expirationTime"]
        .as_str()
        .unwrap()
        .to_string();
    for (filter, value, is_found) in [
        ("requester-vpc-info.vpc-id", &*requester, true),
        ("requester-vpc-info.vpc-id", &*accepter, false),
        ("requester-vpc-info.cidr-block", "10.1.0.0/16", true),
        ("requester-vpc-info.owner-id", "123456789012", true),
        ("accepter-vpc-info.vpc-id", &*accepter, true),
        ("accepter-vpc-info.owner-id", "123456789012", true),
        ("accepter-vpc-info.cidr-block", "10.2.0.0/16", false),
        ("expiration-time", &*time, true),
        ("status-code", "pending-acceptance", true),
        ("status-code", "active", false),
        ("status-message", "Pending*", true),
        ("vpc-peering-connection-id", &*id, true),
    ] {
        let asked = [("Filter.1.Name", filter), ("Filter.1.Value.1", value)];
        let answer = region.must("DescribeVpcPeeringConnections", &asked);
        let found = TestWorld::texts(
            &answer,
            "/vpcPeeringConnectionSet",
            "/vpcPeeringConnectionId",
        );
        assert_eq!(found.contains(&id), is_found, "{filter}={value}");
    }
}

#[test]
fn rules_name_groups_of_peered_vpcs_and_may_be_revoked_when_they_are_stale() {
    let (mut region, vpcs, id) = requested();
    let [own, peer] = vpcs.each_ref().map(|vpc| {
        let vpc_id = vpc.parse().unwrap();
        let group = region.world.default_security_group(vpc_id).unwrap();
        group.group_id.to_string()
    });
    let rule = [
        ("GroupId", &*own),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "443"),
        ("IpPermissions.1.ToPort", "443"),
        ("IpPermissions.1.Groups.1.GroupId", &*peer),
    ];
    let foreign = "InvalidGroup.NotFound: You have specified two resources that belong to different networks.";
    assert_eq!(
        region.refused("AuthorizeSecurityGroupIngress", &rule),
        foreign
    );
    let connection = [("VpcPeeringConnectionId", &*id)];
    region.must("AcceptVpcPeeringConnection", &connection);
    let by_connection = ("IpPermissions.1.Groups.1.VpcPeeringConnectionId", &*id);
    let named = [&rule[..], &[by_connection]].concat();
    let made = region.must("AuthorizeSecurityGroupIngress", &named);
    check_invariants(&region.world);
    let referenced = |status: &str| {
        json!({
            "groupId": peer,
            "userId": "123456789012",
            "vpcId": vpcs[1],
            "vpcPeeringConnectionId": id,
            "peeringStatus": status,
        })
    };
    let made = &made["securityGroupRuleSet"]["item"][0]["referencedGroupInfo"];
    assert_eq!(*made, referenced("active"));
    let pair = |region: &mut TestWorld| {
        let groups = region.must("DescribeSecurityGroups", &[("GroupId.1", &own)]);
        let permissions = &groups["securityGroupInfo"]["item"][0]["ipPermissions"]["item"];
        let permissions = permissions.as_array().unwrap();
        let of_443 = permissions
            .iter()
            .find(|permission| permission["fromPort"] == 443);
        of_443.unwrap()["groups"]["item"][0].clone()
    };
    assert_eq!(pair(&mut region), referenced("active"));
    let references = region.must("DescribeSecurityGroupReferences", &[("GroupId.1", &peer)]);
    assert_eq!(
        references["securityGroupReferenceSet"]["item"],
        json!([{"groupId": peer, "referencingVpcId": vpcs[0], "vpcPeeringConnectionId": id}])
    );

    region.must("DeleteVpcPeeringConnection", &connection);
    assert_eq!(pair(&mut region), referenced("deleted"));
    // A rule that there is may be named, and no new one made.
    let other_port = [
        ("IpPermissions.1.FromPort", "80"),
        ("IpPermissions.1.ToPort", "80"),
    ];
    let another = rule.iter().filter(|(name, _)| !name.ends_with("Port"));
    let another: Vec<_> = another.copied().chain(other_port).collect();
    assert_eq!(
        region.refused("AuthorizeSecurityGroupIngress", &another),
        foreign
    );
    region.must("RevokeSecurityGroupIngress", &rule);
    assert_eq!(
        region.refused("AuthorizeSecurityGroupIngress", &rule),
        foreign
    );
    region.must("DeleteVpc", &[("VpcId", &vpcs[1])]);
    check_invariants(&region.world);
}

#[test]
fn the_other_account_and_region_are_of_their_form() {
    let mut region = TestWorld::bootstrapped();
    let vpcs = ["10.1.0.0/16", "10.2.0.0/16"].map(|block| vpc(&mut region, block));
    let pair = [("VpcId", &*vpcs[0]), ("PeerVpcId", &*vpcs[1])];
    for (name, parameter, wrong) in [
        (
            "PeerOwnerId",
            "peerOwnerId",
            &["12345678901", "1234567890123", "12345678901x"][..],
        ),
        (
            "PeerRegion",
            "peerRegion",
            &["east", "us-east-", "us_east-1", "US-EAST-1", "-east-1"],
        ),
    ] {
        for value in wrong {
            let error = region.refused(
                "CreateVpcPeeringConnection",
                &[&pair[..], &[(name, value)]].concat(),
            );
            let expected = format!(
                "InvalidParameterValue: Value ({value}) for parameter {parameter} is invalid."
            );
            assert_eq!(error, expected);
        }
    }
    for right in [
        ("PeerOwnerId", "210987654321"),
        ("PeerRegion", "us-gov-west-1"),
    ] {
        region.must(
            "CreateVpcPeeringConnection",
            &[&pair[..], &[right]].concat(),
        );
    }
}

#[test]
fn what_the_vpcs_allow_each_other_is_changed_while_they_are_peered() {
    let (mut region, _, id) = requested();
    let named = ("VpcPeeringConnectionId", &*id);
    let modify = "ModifyVpcPeeringConnectionOptions";
    let dns = "AllowDnsResolutionFromRemoteVpc";
    let (accepter, requester) = (
        format!("AccepterPeeringConnectionOptions.{dns}"),
        format!("RequesterPeeringConnectionOptions.{dns}"),
    );
    let asked = [named, (&*requester, "true")];
    assert_eq!(
        region.refused(modify, &asked),
        format!(
            "OperationNotPermitted: Peering {id} is not active. Peering options can be added only to active peerings."
        )
    );
    region.must("AcceptVpcPeeringConnection", &[named]);
    assert!(
        region
            .refused(modify, &[named])
            .starts_with("MissingParameter")
    );
    let answer = region.must(modify, &asked);
    let answered = &answer["requesterPeeringConnectionOptions"];
    assert_eq!(answered["allowDnsResolutionFromRemoteVpc"], true);
    assert!(answer.get("accepterPeeringConnectionOptions").is_none());
    let allows = |region: &mut TestWorld| {
        let found = described(region, &id);
        ["requesterVpcInfo", "accepterVpcInfo"].map(|end| {
            let options = &found[end]["peeringOptions"];
            options["allowDnsResolutionFromRemoteVpc"]
                .as_bool()
                .unwrap()
        })
    };
    assert_eq!(allows(&mut region), [true, false]);
    region.must(
        modify,
        &[named, (&*accepter, "true"), (&*requester, "false")],
    );
    assert_eq!(allows(&mut region), [false, true]);
    let other = "AccepterPeeringConnectionOptions.AllowEgressFromLocalClassicLinkToRemoteVpc";
    let refused = region.refused(modify, &[named, (other, "true")]);
    assert!(refused.starts_with("UnsupportedOperation"), "{refused}");
}
