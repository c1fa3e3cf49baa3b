use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::json;

use super::EmptyFamily;
use crate::testing::TestWorld;

#[test]
fn every_line_of_the_table_is_read() {
    let mut names = BTreeSet::new();
    for family in EmptyFamily::all() {
        assert!(
            names.insert(family.action),
            "{} stands twice",
            family.action
        );
        let written = family.parameters.split('|').count();
        assert_eq!(family.parameters().count(), written, "{family:?}");
        let has_sizes = !family.page_sizes.is_empty();
        assert_eq!(family.page_sizes().is_some(), has_sizes, "{family:?}");
        assert_eq!(EmptyFamily::find(family.action), Some(family));
    }
    assert!(names.len() > 150, "{} families", names.len());
}

#[test]
fn no_family_without_members_has_operations_of_its_own() {
    macro_rules! names {
        ($($operation:ident,)*) => { [$(stringify!($operation)),*] };
    }
    let served = crate::for_each_operation!(names);
    let both: Vec<_> = EmptyFamily::all()
        .filter(|family| served.contains(&family.action))
        .collect();
    assert_eq!(both, []);
}

#[test]
fn a_listing_that_asks_for_nothing_finds_nothing() {
    let mut region = TestWorld::bootstrapped();
    for family in EmptyFamily::all().filter(|family| !family.parameters.contains("=!")) {
        let answer = region.must(family.action, &[]);
        let lists = answer.as_object().unwrap();
        let names: Vec<&str> = family.lists.split('|').collect();
        assert_eq!(lists.keys().collect::<BTreeSet<_>>().len(), names.len());
        for name in names {
            assert_eq!(lists[name], json!({"item": []}), "{}", family.action);
        }
    }
}

#[test]
fn what_a_listing_names_is_not_found_under_the_familys_code() {
    let mut region = TestWorld::bootstrapped();
    for (action, parameter, id, want) in [
        (
            "DescribeCarrierGateways",
            "CarrierGatewayId.1",
            "cagw-1",
            "InvalidCarrierGatewayID.NotFound: The carrierGateway ID 'cagw-1' does not exist",
        ),
        (
            "DescribeVpnGateways",
            "VpnGatewayId.1",
            "vgw-1",
            "InvalidVpnGatewayID.NotFound: The vpnGateway ID 'vgw-1' does not exist",
        ),
        (
            "DescribeTransitGateways",
            "TransitGatewayIds.1",
            "tgw-1",
            "InvalidTransitGatewayID.NotFound: The transitGateway ID 'tgw-1' does not exist",
        ),
        (
            "DescribeVpcEndpoints",
            "VpcEndpointId.1",
            "vpce-1",
            "InvalidVpcEndpointId.NotFound: The Vpc Endpoint Id 'vpce-1' does not exist",
        ),
        (
            "DescribePlacementGroups",
            "GroupName.1",
            "cluster",
            "InvalidPlacementGroup.Unknown: The Placement Group 'cluster' is unknown.",
        ),
        (
            "DescribeLaunchTemplates",
            "LaunchTemplateName.1",
            "web",
            "InvalidLaunchTemplateName.NotFoundException: At least one of the launch templates specified in the request \
             does not exist.",
        ),
        (
            "GetTransitGatewayRouteTableAssociations",
            "TransitGatewayRouteTableId",
            "tgw-rtb-1",
            "InvalidRouteTableID.NotFound: The transitGatewayRouteTable ID 'tgw-rtb-1' does not exist",
        ),
        (
            "DescribeRouteServers",
            "RouteServerId.1",
            "rs-1",
            "InvalidRouteServerId.NotFound: The routeServer ID 'rs-1' does not exist",
        ),
        (
            "GetSubnetCidrReservations",
            "SubnetId",
            "subnet-0123456789abcdef0",
            "InvalidSubnetID.NotFound: The subnet ID 'subnet-0123456789abcdef0' does not exist",
        ),
    ] {
        assert_eq!(region.refused(action, &[(parameter, id)]), want);
    }
}

#[test]
fn what_a_listing_refers_to_may_be_there() {
    let mut region = TestWorld::bootstrapped();
    let subnets = region.must("DescribeSubnets", &[]);
    let subnet: &str = subnets["subnetSet"]["item"][0]["subnetId"]
        .as_str()
        .unwrap();
    let answer = region.must("GetSubnetCidrReservations", &[("SubnetId", subnet)]);
    assert_eq!(answer["subnetIpv4CidrReservationSet"], json!({"item": []}));
    assert_eq!(answer["subnetIpv6CidrReservationSet"], json!({"item": []}));
}

#[test]
fn a_listing_is_checked_as_others_are() {
    let mut region = TestWorld::bootstrapped();
    let filter = |name, value| [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
    for (name, value) in [
        ("vpc-id", "vpc-1"),
        ("state", "available"),
        ("tag:Name", "x"),
        ("tag-key", "x"),
    ] {
        region.must("DescribeCarrierGateways", &filter(name, value));
    }
    // EC2's model lists no filters of this one.
    region.must("DescribeIpams", &filter("description", "x"));
    region.must("DescribeCarrierGateways", &[("MaxResults", "5")]);
    for (action, parameters, want) in [
        (
            "DescribeCarrierGateways",
            &filter("colour", "red")[..],
            "InvalidParameterValue: The filter 'colour' is invalid",
        ),
        (
            "DescribeCarrierGateways",
            &[("MaxResults", "4")],
            "InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
        ),
        (
            "DescribeCarrierGateways",
            &[("NextToken", "more")],
            "InvalidNextToken: The token provided is invalid.",
        ),
        (
            "DescribeCarrierGateways",
            &[("Color", "red")],
            "UnknownParameter: The parameter Color is not recognized",
        ),
        (
            "DescribeCarrierGateways",
            &[("DryRun", "perhaps")],
            "InvalidParameterValue: Value (perhaps) for parameter dryRun is invalid. A boolean is expected.",
        ),
        (
            "GetTransitGatewayRouteTableAssociations",
            &[],
            "MissingParameter: The request must contain the parameter TransitGatewayRouteTableId",
        ),
    ] {
        assert_eq!(region.refused(action, parameters), want, "{action}");
    }
}

#[test]
fn a_dry_run_is_known_where_ec2_has_it() {
    let without: Vec<String> = EmptyFamily::all()
        .filter(|family| !family.has_dry_run())
        .map(|family| family.action.into())
        .collect();
    assert!(without.contains(&"DescribeHosts".into()), "{without:?}");
    assert!(
        !without.contains(&"DescribeCarrierGateways".into()),
        "{without:?}"
    );
}
