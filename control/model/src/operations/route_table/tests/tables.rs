use alloc::format;
use alloc::string::ToString;

use eni_types::{InstanceState, SubnetId};

use super::{FIRST, INSTANCE, fixture};
use crate::testing::{TestWorld, check_invariants};

#[test]
fn a_subnet_uses_one_table_and_a_vpc_one_main_table() {
    let mut fixture = fixture();
    let (table, subnet) = (fixture.table.clone(), fixture.subnet.clone());
    let vpc = fixture.vpc.clone();
    let region = &mut fixture.region;
    let pair = [
        ("RouteTableId", table.as_str()),
        ("SubnetId", subnet.as_str()),
    ];
    let id = region.make("AssociateRouteTable", &pair, "/associationId");
    let again = region.make("AssociateRouteTable", &pair, "/associationId");
    assert_eq!(id, again);
    let other = region.make(
        "CreateRouteTable",
        &[("VpcId", &vpc)],
        "/routeTable/routeTableId",
    );
    assert_eq!(
        region.refused(
            "AssociateRouteTable",
            &[("RouteTableId", &other), ("SubnetId", &subnet)]
        ),
        format!(
            "Resource.AlreadyAssociated: the specified association for route table {other} conflicts with an existing association"
        )
    );
    let moved = region.make(
        "ReplaceRouteTableAssociation",
        &[("AssociationId", &id), ("RouteTableId", &other)],
        "/newAssociationId",
    );
    check_invariants(&region.world);
    let used = region
        .world
        .route_tables
        .one(&subnet.parse::<SubnetId>().unwrap());
    assert_eq!(used.unwrap().route_table_id.to_string(), other);
    region.must("DisassociateRouteTable", &[("AssociationId", &moved)]);
    assert_eq!(
        region.refused("DisassociateRouteTable", &[("AssociationId", &moved)]),
        format!("InvalidAssociationID.NotFound: The association ID '{moved}' does not exist")
    );
}

#[test]
fn a_main_table_can_be_replaced_but_a_vpc_is_never_without() {
    let mut fixture = fixture();
    let (table, vpc) = (fixture.table.clone(), fixture.vpc.clone());
    let region = &mut fixture.region;
    let main = region
        .world
        .main_route_table(vpc.parse().unwrap())
        .unwrap()
        .clone();
    let (main_id, main_association) = (
        main.route_table_id.to_string(),
        main.associations[0].association_id.to_string(),
    );
    assert_eq!(
        region.refused(
            "DisassociateRouteTable",
            &[("AssociationId", &main_association)]
        ),
        format!(
            "InvalidParameterValue: cannot disassociate the main route table association {main_association}"
        )
    );
    assert_eq!(
        region.refused("DeleteRouteTable", &[("RouteTableId", &main_id)]),
        format!(
            "DependencyViolation: The routeTable '{main_id}' has dependencies and cannot be deleted."
        )
    );
    region.must(
        "ReplaceRouteTableAssociation",
        &[
            ("AssociationId", &main_association),
            ("RouteTableId", &table),
        ],
    );
    region.must("DeleteRouteTable", &[("RouteTableId", &main_id)]);
    check_invariants(&region.world);
}

#[test]
fn what_the_association_calls_refuse() {
    let mut fixture = fixture();
    let (table, subnet) = (fixture.table.clone(), fixture.subnet.clone());
    let region = &mut fixture.region;
    let vpc_id = region.world.default_vpc().unwrap().vpc_id;
    let foreign = region
        .world
        .subnets
        .one(&vpc_id)
        .unwrap()
        .subnet_id
        .to_string();
    let foreign_main = region.world.main_route_table(vpc_id).unwrap().clone();
    let association = foreign_main.associations[0].association_id.to_string();
    let table_parameter = ("RouteTableId", table.as_str());
    for (action, parameters, error) in [
        (
            "AssociateRouteTable",
            &[table_parameter, ("SubnetId", &foreign)][..],
            format!(
                "InvalidParameterValue: route table {table} and subnet {foreign} belong to different networks"
            ),
        ),
        (
            "AssociateRouteTable",
            &[table_parameter],
            "MissingParameter: The request must contain the parameter subnetId".into(),
        ),
        (
            "AssociateRouteTable",
            &[table_parameter, ("GatewayId", "igw-12345678")],
            "InvalidGatewayID.NotFound: The gateway ID 'igw-12345678' does not exist".into(),
        ),
        (
            "AssociateRouteTable",
            &[("RouteTableId", "rtb-12345678"), ("SubnetId", &subnet)],
            "InvalidRouteTableID.NotFound: The routeTable ID 'rtb-12345678' does not exist".into(),
        ),
        (
            "ReplaceRouteTableAssociation",
            &[table_parameter, ("AssociationId", &association)],
            format!(
                "InvalidParameterValue: route table {} and route table {table} belong to different networks",
                foreign_main.route_table_id
            ),
        ),
    ] {
        assert_eq!(region.refused(action, parameters), error);
    }
}

#[test]
fn a_client_token_makes_one_table() {
    let mut fixture = fixture();
    let vpc = fixture.vpc.clone();
    let parameters = [("VpcId", vpc.as_str()), ("ClientToken", "once")];
    let region = &mut fixture.region;
    let id = region.make("CreateRouteTable", &parameters, "/routeTable/routeTableId");
    let again = region.make("CreateRouteTable", &parameters, "/routeTable/routeTableId");
    assert_eq!(id, again);
    let other = region.world.default_vpc().unwrap().vpc_id.to_string();
    assert_eq!(
        region.refused(
            "CreateRouteTable",
            &[("VpcId", &other), ("ClientToken", "once")]
        ),
        "IdempotentParameterMismatch: Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
    );
    check_invariants(&region.world);
}

#[test]
fn tables_are_found_by_every_filter() {
    let mut fixture = fixture();
    let (table, subnet, vpc, gateway) = (
        fixture.table.clone(),
        fixture.subnet.clone(),
        fixture.vpc.clone(),
        fixture.gateway.clone(),
    );
    fixture.put_interface(FIRST, Some(0));
    fixture.put_instance(InstanceState::Running);
    fixture
        .route("CreateRoute", "0.0.0.0/0", ("GatewayId", &gateway))
        .unwrap();
    fixture
        .route("CreateRoute", "1.0.0.0/8", ("InstanceId", INSTANCE))
        .unwrap();
    let region = &mut fixture.region;
    let association = region.make(
        "AssociateRouteTable",
        &[("RouteTableId", &table), ("SubnetId", &subnet)],
        "/associationId",
    );
    for (filter, value, is_found) in [
        ("association.main", "false", true),
        ("association.main", "true", false),
        (
            "association.route-table-association-id",
            association.as_str(),
            true,
        ),
        ("association.route-table-id", &table, true),
        ("association.subnet-id", &subnet, true),
        ("association.gateway-id", "*", false),
        ("owner-id", "123456789012", true),
        ("route-table-id", &table, true),
        ("route.destination-cidr-block", "1.0.0.0/8", true),
        ("route.destination-ipv6-cidr-block", "*", false),
        ("route.gateway-id", &gateway, true),
        ("route.gateway-id", "local", true),
        ("route.instance-id", INSTANCE, true),
        ("route.nat-gateway-id", "*", false),
        ("route.origin", "CreateRoute", true),
        ("route.state", "active", true),
        ("route.state", "blackhole", false),
        ("vpc-id", &vpc, true),
    ] {
        let answer = region.must(
            "DescribeRouteTables",
            &[("Filter.1.Name", filter), ("Filter.1.Value.1", value)],
        );
        let found = TestWorld::texts(&answer, "/routeTableSet", "/routeTableId");
        assert_eq!(found.contains(&table), is_found, "{filter}={value}");
    }
}
