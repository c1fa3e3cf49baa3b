//! Egress-only internet gateways, from parameters to answers.

use alloc::format;

use serde_json::json;

use crate::testing::{TestWorld, check_invariants};

#[test]
fn a_gateway_is_made_for_a_vpc_routed_to_and_deleted() {
    let mut region = TestWorld::bootstrapped();
    let vpc = [
        ("CidrBlock", "10.0.0.0/16"),
        ("AmazonProvidedIpv6CidrBlock", "true"),
    ];
    let vpc = region.make("CreateVpc", &vpc, "/vpc/vpcId");
    let in_vpc = ("VpcId", vpc.as_str());
    let token = ("ClientToken", "first");
    let answer = region.must("CreateEgressOnlyInternetGateway", &[in_vpc, token]);
    let gateway = &answer["egressOnlyInternetGateway"];
    let attached = json!({"item": [{"vpcId": vpc, "state": "attached"}]});
    assert_eq!(gateway["attachmentSet"], attached);
    assert_eq!(
        region.must("CreateEgressOnlyInternetGateway", &[in_vpc, token]),
        answer
    );
    assert_eq!(
        region.refused("CreateEgressOnlyInternetGateway", &[in_vpc]),
        format!(
            "InvalidParameterValue: Network {vpc} already has an egress-only internet gateway attached"
        )
    );
    assert_eq!(
        region.refused("DeleteVpc", &[in_vpc]),
        format!("DependencyViolation: The vpc '{vpc}' has dependencies and cannot be deleted.")
    );
    let id = gateway["egressOnlyInternetGatewayId"].as_str().unwrap();
    let gateway = ("EgressOnlyInternetGatewayId", id);
    let table = region.make("CreateRouteTable", &[in_vpc], "/routeTable/routeTableId");
    let table = ("RouteTableId", table.as_str());
    let everywhere = ("DestinationIpv6CidrBlock", "::/0");
    region.must("CreateRoute", &[table, everywhere, gateway]);
    let ipv4 = ("DestinationCidrBlock", "0.0.0.0/0");
    assert_eq!(
        region.refused("CreateRoute", &[table, ipv4, gateway]),
        format!(
            "InvalidParameterValue: The egress-only internet gateway {id} supports only IPv6 destinations, not 0.0.0.0/0."
        )
    );
    let find = [
        ("Filter.1.Name", "route.egress-only-internet-gateway-id"),
        ("Filter.1.Value.1", id),
    ];
    let state = |region: &mut TestWorld| {
        let answer = region.must("DescribeRouteTables", &find);
        let mut routes = answer["routeTableSet"]["item"][0]["routeSet"]["item"].clone();
        routes.as_array_mut().unwrap().pop().unwrap()
    };
    let want = |state| {
        json!({
            "destinationIpv6CidrBlock": "::/0", "egressOnlyInternetGatewayId": id, "state": state,
            "origin": "CreateRoute",
        })
    };
    assert_eq!(state(&mut region), want("active"));
    let answer = region.must("DeleteEgressOnlyInternetGateway", &[gateway]);
    assert_eq!(answer, json!({"returnCode": true}));
    assert_eq!(state(&mut region), want("blackhole"));
    assert_eq!(
        region.refused("DeleteEgressOnlyInternetGateway", &[gateway]),
        format!(
            "InvalidEgressOnlyInternetGatewayId.NotFound: The egressOnlyInternetGateway ID '{id}' does not exist"
        )
    );
    check_invariants(&region.world);
}
