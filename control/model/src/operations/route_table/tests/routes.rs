use alloc::format;
use alloc::string::ToString;

use eni_types::InstanceState;

use super::{FIRST, INSTANCE, SECOND, fixture};
use crate::testing::check_invariants;

#[test]
fn a_route_is_active_while_its_target_can_take_packets() {
    let mut fixture = fixture();
    let gateway = fixture.gateway.clone();
    fixture.put_interface(FIRST, None);
    fixture
        .route("CreateRoute", "0.0.0.0/0", ("GatewayId", &gateway))
        .unwrap();
    fixture
        .route(
            "CreateRoute",
            "192.168.0.0/16",
            ("NetworkInterfaceId", FIRST),
        )
        .unwrap();
    let local = "10.0.0.0/16 local - - active CreateRouteTable";
    assert_eq!(
        fixture.routes(),
        [
            local,
            &format!("0.0.0.0/0 {gateway} - - active CreateRoute"),
            "192.168.0.0/16 - eni-00000001 - blackhole CreateRoute",
        ]
    );
    fixture.put_instance(InstanceState::Running);
    fixture.put_interface(FIRST, Some(0));
    fixture
        .route("CreateRoute", "192.168.1.0/24", ("InstanceId", INSTANCE))
        .unwrap();
    assert_eq!(
        fixture.routes()[2..],
        [
            "192.168.0.0/16 - eni-00000001 i-00000001 active CreateRoute",
            "192.168.1.0/24 - eni-00000001 i-00000001 active CreateRoute",
        ]
    );
    fixture.put_instance(InstanceState::Stopped);
    assert_eq!(
        fixture.routes()[2],
        "192.168.0.0/16 - eni-00000001 i-00000001 blackhole CreateRoute"
    );
    let vpc = fixture.vpc.clone();
    fixture.region.must(
        "DetachInternetGateway",
        &[("InternetGatewayId", &gateway), ("VpcId", &vpc)],
    );
    assert_eq!(
        fixture.routes()[1],
        format!("0.0.0.0/0 {gateway} - - blackhole CreateRoute")
    );
    check_invariants(&fixture.region.world);
}

#[test]
fn targets_that_a_route_cannot_have() {
    let mut fixture = fixture();
    let table = fixture.table.clone();
    let others = fixture
        .region
        .world
        .internet_gateway_of(fixture.region.world.default_vpc().unwrap().vpc_id)
        .unwrap()
        .to_string();
    fixture.put_interface(FIRST, Some(0));
    fixture.put_interface(SECOND, Some(1));
    fixture.put_instance(InstanceState::Running);
    for (target, error) in [
        (
            ("GatewayId", "igw-12345678"),
            "InvalidGatewayID.NotFound: The gateway ID 'igw-12345678' does not exist".into(),
        ),
        (
            ("GatewayId", "nonsense"),
            "InvalidGatewayID.NotFound: The gateway ID 'nonsense' does not exist".into(),
        ),
        (
            ("GatewayId", &others),
            format!(
                "InvalidParameterValue: route table {table} and network gateway {others} belong to different networks"
            ),
        ),
        (
            ("GatewayId", "local"),
            "InvalidParameterValue: The local target is only supported for the VPC's own CIDR blocks, not 1.0.0.0/8.".into(),
        ),
        (
            ("InstanceId", INSTANCE),
            format!(
                "InvalidInstanceID: There are multiple interfaces attached to instance '{INSTANCE}'. Please specify an interface ID for the operation instead."
            ),
        ),
        (
            ("InstanceId", "i-12345678"),
            "InvalidInstanceID.NotFound: The instance ID 'i-12345678' does not exist".into(),
        ),
        (
            ("NetworkInterfaceId", "eni-12345678"),
            "InvalidNetworkInterfaceID.NotFound: The networkInterface ID 'eni-12345678' does not exist".into(),
        ),
        (
            ("NatGatewayId", "nat-12345678"),
            "InvalidNatGatewayID.NotFound: The natGateway ID 'nat-12345678' does not exist".into(),
        ),
    ] {
        assert_eq!(fixture.route("CreateRoute", "1.0.0.0/8", target), Err(error));
    }
}

#[test]
fn what_no_router_forwards_has_no_route() {
    let mut fixture = fixture();
    let table = fixture.table.clone();
    let gateway = fixture.gateway.clone();
    for block in [
        "fe80::/10",
        "fe80::/64",
        "ff02::/16",
        "::1/128",
        "fd00:ec2::/32",
    ] {
        let route = [
            ("RouteTableId", &*table),
            ("DestinationIpv6CidrBlock", block),
            ("GatewayId", &gateway),
        ];
        assert_eq!(
            fixture.region.refused("CreateRoute", &route),
            format!("InvalidParameterValue: The destination CIDR block {block} is not supported.")
        );
    }
    let route = [
        ("RouteTableId", &*table),
        ("DestinationIpv6CidrBlock", "::/0"),
        ("GatewayId", &gateway),
    ];
    fixture.region.must("CreateRoute", &route);
}

#[test]
fn destinations_that_a_route_cannot_have() {
    let mut fixture = fixture();
    let gateway = fixture.gateway.clone();
    fixture.put_interface(FIRST, None);
    let gateway = ("GatewayId", gateway.as_str());
    let eni = ("NetworkInterfaceId", FIRST);
    fixture.route("CreateRoute", "0.0.0.0/0", gateway).unwrap();
    for (action, destination, target, error) in [
        (
            "CreateRoute",
            "0.0.0.0/0",
            eni,
            "RouteAlreadyExists: The route identified by 0.0.0.0/0 already exists.",
        ),
        (
            "CreateRoute",
            "169.254.169.0/24",
            eni,
            "InvalidParameterValue: The destination CIDR block 169.254.169.0/24 is not supported.",
        ),
        (
            "CreateRoute",
            "10.0.1.0/24",
            gateway,
            "InvalidParameterValue: The destination CIDR block 10.0.1.0/24 is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface, an instance or a NAT gateway.",
        ),
        (
            "CreateRoute",
            "10.0.1.0/25",
            eni,
            "InvalidParameterValue: Route destination 10.0.1.0/25 doesn't match any subnet CIDR blocks",
        ),
        (
            "ReplaceRoute",
            "1.0.0.0/8",
            eni,
            "InvalidParameterValue: There is no route defined for '1.0.0.0/8' in the route table. Use CreateRoute instead.",
        ),
        (
            "ReplaceRoute",
            "10.0.0.0/16",
            gateway,
            "InvalidParameterValue: The destination CIDR block 10.0.0.0/16 is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface, an instance or a NAT gateway.",
        ),
        (
            "ReplaceRoute",
            "0.0.0.0/0",
            ("LocalTarget", "true"),
            "InvalidParameterValue: The local target is only supported for the VPC's own CIDR blocks, not 0.0.0.0/0.",
        ),
        (
            "ReplaceRoute",
            "0.0.0.0/0",
            ("LocalTarget", "false"),
            "MissingParameter: The request must contain exactly one of gatewayId, networkInterfaceId, localTarget or instanceId",
        ),
    ] {
        assert_eq!(
            fixture.route(action, destination, target),
            Err(error.into()),
            "{destination}"
        );
    }
}

#[test]
fn what_the_route_calls_refuse_without_a_destination_or_with_two_targets() {
    let mut fixture = fixture();
    let (table, gateway) = (fixture.table.clone(), fixture.gateway.clone());
    let table = ("RouteTableId", table.as_str());
    for (parameters, error) in [
        (
            &[table][..],
            "MissingParameter: The request must contain the parameter destinationCidrBlock",
        ),
        (
            &[table, ("DestinationIpv6CidrBlock", "::/0")],
            "MissingParameter: The request must contain exactly one of gatewayId, networkInterfaceId, localTarget or instanceId",
        ),
        (
            &[table, ("DestinationPrefixListId", "pl-1")],
            "UnsupportedOperation: Prefix list is not supported in this region.",
        ),
        (
            &[table, ("DestinationCidrBlock", "0.0.0.0/0")],
            "MissingParameter: The request must contain exactly one of gatewayId, networkInterfaceId, localTarget or instanceId",
        ),
        (
            &[
                table,
                ("DestinationCidrBlock", "0.0.0.0/0"),
                ("GatewayId", &gateway),
                ("InstanceId", INSTANCE),
            ],
            "InvalidParameterCombination: The parameter gatewayId cannot be used with the parameter instanceId",
        ),
        (
            &[("RouteTableId", "rtb-12345678")],
            "InvalidRouteTableID.NotFound: The routeTable ID 'rtb-12345678' does not exist",
        ),
    ] {
        assert_eq!(fixture.region.refused("CreateRoute", parameters), error);
    }
}

#[test]
fn the_local_route_is_led_to_an_interface_and_back_but_never_deleted() {
    let mut fixture = fixture();
    fixture.put_interface(FIRST, None);
    let (own, table) = ("10.0.0.0/16", fixture.table.clone());
    let refusal =
        format!("InvalidParameterValue: cannot remove local route {own} in route table {table}");
    assert_eq!(
        fixture.route("DeleteRoute", own, ("DryRun", "false")),
        Err("UnknownParameter: The parameter DryRun is not recognized".into()),
        "DryRun is the server's"
    );
    let delete = [
        ("RouteTableId", table.as_str()),
        ("DestinationCidrBlock", own),
    ];
    assert_eq!(fixture.region.refused("DeleteRoute", &delete), refusal);
    fixture
        .route("ReplaceRoute", own, ("NetworkInterfaceId", FIRST))
        .unwrap();
    assert_eq!(
        fixture.routes(),
        ["10.0.0.0/16 - eni-00000001 - blackhole CreateRouteTable"]
    );
    assert_eq!(fixture.region.refused("DeleteRoute", &delete), refusal);
    fixture
        .route("ReplaceRoute", own, ("LocalTarget", "true"))
        .unwrap();
    assert_eq!(
        fixture.routes(),
        ["10.0.0.0/16 local - - active CreateRouteTable"]
    );
}

#[test]
fn a_route_more_specific_than_local_covers_a_whole_subnet_and_goes() {
    let mut fixture = fixture();
    fixture.put_interface(FIRST, None);
    fixture
        .route("CreateRoute", "10.0.1.0/24", ("NetworkInterfaceId", FIRST))
        .unwrap();
    let table = fixture.table.clone();
    let delete = [
        ("RouteTableId", table.as_str()),
        ("DestinationCidrBlock", "10.0.1.0/24"),
    ];
    fixture.region.must("DeleteRoute", &delete);
    assert_eq!(
        fixture.region.refused("DeleteRoute", &delete),
        format!(
            "InvalidRoute.NotFound: no route with destination-cidr-block 10.0.1.0/24 in route table {table}"
        )
    );
}

#[test]
fn tables_and_routes_have_quotas() {
    let mut fixture = fixture();
    let gateway = fixture.gateway.clone();
    for number in 1..eni_types::quota::ROUTES_PER_ROUTE_TABLE {
        let block = format!("192.{}.{}.0/24", number / 256, number % 256);
        fixture
            .route("CreateRoute", &block, ("GatewayId", &gateway))
            .unwrap();
    }
    let table = &fixture.table;
    let want = format!(
        "RouteLimitExceeded: The maximum number of routes in route table {table} has been reached."
    );
    assert_eq!(
        fixture.route("CreateRoute", "0.0.0.0/0", ("GatewayId", &gateway)),
        Err(want)
    );
    let vpc = fixture.vpc.clone();
    for _ in 2..eni_types::quota::ROUTE_TABLES_PER_VPC {
        fixture.region.must("CreateRouteTable", &[("VpcId", &vpc)]);
    }
    assert_eq!(
        fixture
            .region
            .refused("CreateRouteTable", &[("VpcId", &vpc)]),
        "RouteTableLimitExceeded: The maximum number of route tables has been reached."
    );
}
