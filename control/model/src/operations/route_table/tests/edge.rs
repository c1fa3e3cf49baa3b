use alloc::format;
use alloc::string::String;

use serde_json::Value;

use crate::testing::{TestWorld, check_invariants};

/// A VPC with a gateway, an appliance's interface, and a route table.
struct Bench {
    region: TestWorld,
    vpc: String,
    gateway: String,
    appliance: String,
    table: String,
}

impl Bench {
    fn new() -> Self {
        let mut region = TestWorld::bootstrapped();
        let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        let subnet = |block| [("VpcId", vpc.as_str()), ("CidrBlock", block)];
        region.must("CreateSubnet", &subnet("10.0.1.0/24"));
        let outer = region.make("CreateSubnet", &subnet("10.0.2.0/24"), "/subnet/subnetId");
        let appliance = region.make(
            "CreateNetworkInterface",
            &[("SubnetId", &outer)],
            "/networkInterface/networkInterfaceId",
        );
        let made = "/internetGateway/internetGatewayId";
        let gateway = region.make("CreateInternetGateway", &[], made);
        let attach = [("InternetGatewayId", gateway.as_str()), ("VpcId", &vpc)];
        region.must("AttachInternetGateway", &attach);
        let made = "/routeTable/routeTableId";
        let table = region.make("CreateRouteTable", &[("VpcId", &vpc)], made);
        Self {
            region,
            vpc,
            gateway,
            appliance,
            table,
        }
    }

    fn associated() -> (Self, String) {
        let mut bench = Self::new();
        let answer = bench.region.must("AssociateRouteTable", &bench.asked());
        assert_eq!(answer["associationState"]["state"], "associated");
        let id = answer["associationId"].as_str().unwrap().into();
        check_invariants(&bench.region.world);
        (bench, id)
    }

    fn asked(&self) -> [(&'static str, &'static str); 2] {
        // Ids live as long as the test.
        let leaked = |text: &str| &*String::from(text).leak();
        [
            ("RouteTableId", leaked(&self.table)),
            ("GatewayId", leaked(&self.gateway)),
        ]
    }

    fn route(&mut self, action: &str, block: &str, target: (&str, &str)) -> Result<Value, String> {
        let destination = match block.contains(':') {
            true => "DestinationIpv6CidrBlock",
            false => "DestinationCidrBlock",
        };
        let asked = [
            ("RouteTableId", self.table.as_str()),
            (destination, block),
            target,
        ];
        let answer = self.region.call(action, &asked);
        answer.map_err(|error| format!("{error}"))
    }
}

#[test]
fn a_table_is_a_gateways_until_they_are_parted() {
    let (mut bench, id) = Bench::associated();
    let again = bench.region.must("AssociateRouteTable", &bench.asked());
    assert_eq!(again["associationId"], id);
    let filter = [
        ("Filter.1.Name", "association.gateway-id"),
        ("Filter.1.Value.1", bench.gateway.as_str()),
    ];
    let found = bench.region.must("DescribeRouteTables", &filter);
    let table = &found["routeTableSet"]["item"][0];
    assert_eq!(table["routeTableId"], bench.table.as_str());
    let association = &table["associationSet"]["item"][0];
    assert_eq!(association["gatewayId"], bench.gateway.as_str());
    assert_eq!(association["main"], false);
    assert!(association.get("subnetId").is_none());
    let delete = [("RouteTableId", bench.table.as_str())];
    assert!(
        bench
            .region
            .refused("DeleteRouteTable", &delete)
            .starts_with("DependencyViolation")
    );

    let made = "/routeTable/routeTableId";
    let other = bench
        .region
        .make("CreateRouteTable", &[("VpcId", &bench.vpc)], made);
    let conflict = [
        ("RouteTableId", other.as_str()),
        ("GatewayId", &bench.gateway),
    ];
    assert!(
        bench
            .region
            .refused("AssociateRouteTable", &conflict)
            .starts_with("Resource.AlreadyAssociated")
    );
    let replace = [("AssociationId", id.as_str()), ("RouteTableId", &other)];
    let id = bench.region.make(
        "ReplaceRouteTableAssociation",
        &replace,
        "/newAssociationId",
    );
    let found = bench.region.must("DescribeRouteTables", &filter);
    assert_eq!(
        found["routeTableSet"]["item"][0]["routeTableId"],
        other.as_str()
    );
    check_invariants(&bench.region.world);
    bench
        .region
        .must("DisassociateRouteTable", &[("AssociationId", &id)]);
    let found = bench.region.must("DescribeRouteTables", &filter);
    assert!(TestWorld::texts(&found, "/routeTableSet", "/routeTableId").is_empty());
    // The VPC's main table is still the one that it was.
    check_invariants(&bench.region.world);
}

#[test]
fn a_gateway_that_leaves_its_vpc_leaves_its_table() {
    let (mut bench, _) = Bench::associated();
    let both = [
        ("InternetGatewayId", bench.gateway.as_str()),
        ("VpcId", &bench.vpc),
    ];
    bench.region.must("DetachInternetGateway", &both);
    check_invariants(&bench.region.world);
    let refused = bench.region.refused("AssociateRouteTable", &bench.asked());
    let message = format!(
        "InvalidParameterValue: route table {} and network gateway {} belong to different networks",
        bench.table, bench.gateway
    );
    assert_eq!(refused, message);
    let delete = [("RouteTableId", bench.table.as_str())];
    bench.region.must("DeleteRouteTable", &delete);
}

#[test]
fn its_routes_lead_to_interfaces_and_within_the_vpc() {
    let (mut bench, _) = Bench::associated();
    let (appliance, gateway) = (bench.appliance.clone(), bench.gateway.clone());
    let to_appliance = ("NetworkInterfaceId", &*appliance);
    for block in ["10.0.1.0/24", "10.0.1.64/26"] {
        bench.route("CreateRoute", block, to_appliance).unwrap();
    }
    bench
        .route("ReplaceRoute", "10.0.0.0/16", to_appliance)
        .unwrap();
    bench
        .route("ReplaceRoute", "10.0.0.0/16", ("LocalTarget", "true"))
        .unwrap();
    for (block, target, text) in [
        (
            "10.0.2.0/24",
            ("GatewayId", &*gateway),
            "another target than local or a network interface",
        ),
        (
            "0.0.0.0/0",
            to_appliance,
            "not within the VPC's CIDR blocks",
        ),
        (
            "10.0.0.0/8",
            to_appliance,
            "not within the VPC's CIDR blocks",
        ),
        (
            "192.168.0.0/24",
            to_appliance,
            "not within the VPC's CIDR blocks",
        ),
    ] {
        let refused = bench.route("CreateRoute", block, target).unwrap_err();
        assert!(refused.starts_with("InvalidParameterValue: "), "{refused}");
        assert!(refused.contains(text), "{refused}");
    }
    check_invariants(&bench.region.world);
}

#[test]
fn a_table_with_routes_out_is_no_gateways() {
    let mut bench = Bench::new();
    let gateway = bench.gateway.clone();
    bench
        .route("CreateRoute", "0.0.0.0/0", ("GatewayId", &gateway))
        .unwrap();
    let refused = bench.region.refused("AssociateRouteTable", &bench.asked());
    assert!(refused.contains("0.0.0.0/0"), "{refused}");
    let both = [
        ("RouteTableId", bench.table.as_str()),
        ("GatewayId", gateway.as_str()),
        ("SubnetId", "subnet-0123456789abcdef0"),
    ];
    assert_eq!(
        bench.region.refused("AssociateRouteTable", &both),
        "InvalidParameterCombination: The parameter gatewayId cannot be used with the parameter subnetId"
    );
    for (id, error) in [
        ("igw-0123456789abcdef0", "InvalidGatewayID.NotFound"),
        ("vgw-0123456789abcdef0", "UnsupportedOperation"),
    ] {
        let asked = [("RouteTableId", bench.table.as_str()), ("GatewayId", id)];
        let refused = bench.region.refused("AssociateRouteTable", &asked);
        assert!(refused.starts_with(error), "{refused}");
    }
}
