use alloc::string::{String, ToString};

use eni_types::{Timestamp, quota};
use serde_json::Value;

use crate::testing::{TestWorld, check_invariants};
use crate::transition::expire;

const MADE: &str = "/natGateway/natGatewayId";

struct Fixture {
    region: TestWorld,
    vpc: String,
    gateway: String,
    subnets: [String; 2],
}

/// A VPC with two subnets and an internet gateway.
fn fixture() -> Fixture {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.1.0.0/16")], "/vpc/vpcId");
    let gateway = region.make(
        "CreateInternetGateway",
        &[],
        "/internetGateway/internetGatewayId",
    );
    let pair = [("VpcId", &*vpc), ("InternetGatewayId", &*gateway)];
    region.must("AttachInternetGateway", &pair);
    let subnets = [("10.1.0.0/24", "us-east-1a"), ("10.1.1.0/24", "us-east-1b")];
    let subnets = subnets.map(|(block, zone)| {
        let parameters = [
            ("VpcId", &*vpc),
            ("CidrBlock", block),
            ("AvailabilityZone", zone),
        ];
        region.make("CreateSubnet", &parameters, "/subnet/subnetId")
    });
    Fixture {
        region,
        vpc,
        gateway,
        subnets,
    }
}

impl Fixture {
    fn allocate(&mut self) -> String {
        self.region.make("AllocateAddress", &[], "/allocationId")
    }

    fn public(&mut self, allocation: &str) -> String {
        let subnet = self.subnets[0].clone();
        let parameters = [("SubnetId", &*subnet), ("AllocationId", allocation)];
        self.region.make("CreateNatGateway", &parameters, MADE)
    }

    fn private(&mut self) -> String {
        let subnet = self.subnets[0].clone();
        let parameters = [("SubnetId", &*subnet), ("ConnectivityType", "private")];
        self.region.make("CreateNatGateway", &parameters, MADE)
    }

    fn described(&mut self, id: &str) -> Value {
        let answer = self
            .region
            .must("DescribeNatGateways", &[("NatGatewayId.1", id)]);
        answer["natGatewaySet"]["item"][0].clone()
    }

    fn interface(&mut self, id: &str) -> String {
        let first = &self.described(id)["natGatewayAddressSet"]["item"][0];
        first["networkInterfaceId"].as_str().unwrap().into()
    }
}

#[test]
fn a_public_gateway_has_an_interface_and_an_elastic_ip_address() {
    let mut fixture = fixture();
    let allocation = fixture.allocate();
    let id = fixture.public(&allocation);
    check_invariants(&fixture.region.world);
    let gateway = fixture.described(&id);
    assert_eq!(gateway["state"], "available");
    assert_eq!(gateway["connectivityType"], "public");
    let address = gateway["natGatewayAddressSet"]["item"][0].clone();
    assert_eq!(address["allocationId"], *allocation);
    assert_eq!(
        (&address["isPrimary"], &address["status"]),
        (&true.into(), &"succeeded".into())
    );
    let eni = fixture.interface(&id);
    let shown = fixture.region.must(
        "DescribeNetworkInterfaces",
        &[
            ("Filter.1.Name", "interface-type"),
            ("Filter.1.Value.1", "nat_gateway"),
        ],
    );
    let shown = shown["networkInterfaceSet"]["item"][0].clone();
    assert_eq!(shown["networkInterfaceId"], *eni);
    assert_eq!(
        shown["description"],
        alloc::format!("Interface for NAT Gateway {id}")
    );
    assert_eq!(
        (&shown["status"], &shown["requesterManaged"]),
        (&"in-use".into(), &true.into())
    );
    assert_eq!(shown["sourceDestCheck"], false);
    assert_eq!(shown["association"]["allocationId"], *allocation);
}

/// What a public gateway has.
struct Public {
    allocation: String,
    association: String,
    eni: String,
}

fn public(fixture: &mut Fixture) -> Public {
    let allocation = fixture.allocate();
    let id = fixture.public(&allocation);
    let shown = fixture.described(&id)["natGatewayAddressSet"]["item"][0].clone();
    Public {
        allocation,
        association: shown["associationId"].as_str().unwrap().to_string(),
        eni: fixture.interface(&id),
    }
}

#[test]
fn users_may_tag_a_gateways_interface_and_nothing_else() {
    let mut fixture = fixture();
    let Public {
        allocation,
        association,
        eni,
    } = public(&mut fixture);
    let denied = "AuthFailure: You do not have permission to access the specified resource.";
    let other = fixture.allocate();
    for (action, parameters) in [
        (
            "ModifyNetworkInterfaceAttribute",
            &[
                ("NetworkInterfaceId", &*eni),
                ("SourceDestCheck.Value", "true"),
            ][..],
        ),
        (
            "AssignPrivateIpAddresses",
            &[
                ("NetworkInterfaceId", &*eni),
                ("SecondaryPrivateIpAddressCount", "1"),
            ],
        ),
        (
            "UnassignPrivateIpAddresses",
            &[
                ("NetworkInterfaceId", &*eni),
                ("PrivateIpAddress.1", "10.1.0.9"),
            ],
        ),
        (
            "AssociateAddress",
            &[("NetworkInterfaceId", &*eni), ("AllocationId", &*other)],
        ),
        ("DisassociateAddress", &[("AssociationId", &*association)]),
        ("ReleaseAddress", &[("AllocationId", &*allocation)]),
    ] {
        assert_eq!(
            fixture.region.refused(action, parameters),
            denied,
            "{action}"
        );
    }
    assert!(
        fixture
            .region
            .refused("DeleteNetworkInterface", &[("NetworkInterfaceId", &eni)])
            .contains("in use")
    );
    let tag = [
        ("ResourceId.1", &*eni),
        ("Tag.1.Key", "a"),
        ("Tag.1.Value", "b"),
    ];
    fixture.region.must("CreateTags", &tag);
}

#[test]
fn what_a_gateway_needs_stays_as_long_as_it_does() {
    let mut fixture = fixture();
    public(&mut fixture);
    let subnet = fixture.subnets[0].clone();
    assert!(
        fixture
            .region
            .refused("DeleteSubnet", &[("SubnetId", &subnet)])
            .starts_with("DependencyViolation")
    );
    let pair = [
        ("VpcId", &*fixture.vpc),
        ("InternetGatewayId", &*fixture.gateway),
    ];
    assert!(
        fixture
            .region
            .refused("DetachInternetGateway", &pair)
            .starts_with("DependencyViolation")
    );
}

#[test]
fn routes_to_a_deleted_gateway_are_blackholes() {
    let mut fixture = fixture();
    let allocation = fixture.allocate();
    let id = fixture.public(&allocation);
    let tables = fixture.region.must(
        "DescribeRouteTables",
        &[
            ("Filter.1.Name", "vpc-id"),
            ("Filter.1.Value.1", &fixture.vpc),
        ],
    );
    let table = tables["routeTableSet"]["item"][0]["routeTableId"]
        .as_str()
        .unwrap()
        .to_string();
    let route = [
        ("RouteTableId", &*table),
        ("DestinationCidrBlock", "0.0.0.0/0"),
        ("NatGatewayId", &*id),
    ];
    fixture.region.must("CreateRoute", &route);
    let state = |fixture: &mut Fixture| {
        let shown = fixture
            .region
            .must("DescribeRouteTables", &[("RouteTableId.1", &table)]);
        let routes = shown["routeTableSet"]["item"][0]["routeSet"]["item"].clone();
        let route = routes
            .as_array()
            .unwrap()
            .iter()
            .find(|route| route["natGatewayId"] == *id);
        route.unwrap()["state"].clone()
    };
    assert_eq!(state(&mut fixture), "active");
    fixture
        .region
        .must("DeleteNatGateway", &[("NatGatewayId", &id)]);
    check_invariants(&fixture.region.world);
    assert_eq!(state(&mut fixture), "blackhole");
    assert_eq!(
        fixture.region.refused(
            "CreateRoute",
            &[
                ("RouteTableId", &*table),
                ("DestinationCidrBlock", "1.0.0.0/8"),
                ("NatGatewayId", &*id)
            ]
        ),
        alloc::format!("InvalidNatGatewayID.NotFound: The natGateway ID '{id}' does not exist")
    );
}

#[test]
fn a_deleted_gateway_gives_its_addresses_back_and_is_seen_for_an_hour() {
    let mut fixture = fixture();
    let allocation = fixture.allocate();
    let id = fixture.public(&allocation);
    fixture
        .region
        .must("DeleteNatGateway", &[("NatGatewayId", &id)]);
    check_invariants(&fixture.region.world);
    let gateway = fixture.described(&id);
    assert_eq!(gateway["state"], "deleted");
    assert!(gateway["deleteTime"].is_string());
    assert_eq!(
        gateway["natGatewayAddressSet"]["item"][0]["allocationId"],
        *allocation
    );
    fixture
        .region
        .must("DeleteNatGateway", &[("NatGatewayId", &id)]);
    fixture
        .region
        .must("ReleaseAddress", &[("AllocationId", &allocation)]);
    let end = fixture
        .region
        .world
        .nat_gateways
        .iter()
        .next()
        .unwrap()
        .end_time
        .unwrap();
    let after = |seconds: i64| Timestamp(end.0 + seconds * 1000);
    assert!(
        expire(
            &fixture.region.world,
            after(quota::ENDED_NAT_GATEWAY_SECONDS)
        )
        .is_empty()
    );
    let gone = expire(
        &fixture.region.world,
        after(quota::ENDED_NAT_GATEWAY_SECONDS + 1),
    );
    fixture.region.world.apply(&gone);
    assert_eq!(
        fixture
            .region
            .refused("DescribeNatGateways", &[("NatGatewayId.1", &id)]),
        alloc::format!("NatGatewayNotFound: NatGateway {id} was not found")
    );
}

#[test]
fn what_cannot_be_brought_about_has_failed() {
    let mut fixture = fixture();
    let allocation = fixture.allocate();
    fixture.public(&allocation);
    let taken = fixture.public(&allocation);
    let other = fixture
        .region
        .make("CreateVpc", &[("CidrBlock", "10.2.0.0/16")], "/vpc/vpcId");
    let subnet = fixture.region.make(
        "CreateSubnet",
        &[("VpcId", &*other), ("CidrBlock", "10.2.0.0/24")],
        "/subnet/subnetId",
    );
    let free = fixture.allocate();
    let parameters = [("SubnetId", &*subnet), ("AllocationId", &*free)];
    let answer = fixture.region.must("CreateNatGateway", &parameters);
    assert_eq!(answer["natGateway"]["state"], "pending");
    let closed = answer["natGateway"]["natGatewayId"]
        .as_str()
        .unwrap()
        .to_string();
    for (id, code, message) in [
        (
            taken,
            "Resource.AlreadyAssociated",
            alloc::format!("Elastic IP address {allocation} is already associated"),
        ),
        (
            closed,
            "Gateway.NotAttached",
            alloc::format!("Network {other} has no Internet gateway attached"),
        ),
    ] {
        let gateway = fixture.described(&id);
        assert_eq!(gateway["state"], "failed");
        assert_eq!(
            (&gateway["failureCode"], &gateway["failureMessage"]),
            (&code.into(), &message.into())
        );
        assert_eq!(
            gateway["natGatewayAddressSet"]["item"][0]["status"],
            "failed"
        );
    }
    check_invariants(&fixture.region.world);
}

#[test]
fn addresses_come_and_go_but_the_first() {
    let mut fixture = fixture();
    let [first, second] = [fixture.allocate(), fixture.allocate()];
    let id = fixture.public(&first);
    let added = fixture.region.must(
        "AssociateNatGatewayAddress",
        &[("NatGatewayId", &*id), ("AllocationId.1", &*second)],
    );
    assert_eq!(
        added["natGatewayAddressSet"]["item"][0]["status"],
        "associating"
    );
    let shown = fixture.described(&id);
    let addresses = shown["natGatewayAddressSet"]["item"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(addresses.len(), 2);
    let association = |place: usize| addresses[place]["associationId"].as_str().unwrap();
    assert_eq!(
        fixture.region.refused(
            "DisassociateNatGatewayAddress",
            &[("NatGatewayId", &*id), ("AssociationId.1", association(0))]
        ),
        "InvalidParameterValue: The primary address of a NAT gateway cannot be taken away."
    );
    fixture.region.must(
        "DisassociateNatGatewayAddress",
        &[("NatGatewayId", &*id), ("AssociationId.1", association(1))],
    );
    check_invariants(&fixture.region.world);
    assert_eq!(
        fixture.described(&id)["natGatewayAddressSet"]["item"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let private = fixture.private();
    let seven = [("NatGatewayId", &*private), ("PrivateIpAddressCount", "7")];
    let assigned = fixture
        .region
        .must("AssignPrivateNatGatewayAddress", &seven);
    let one = assigned["natGatewayAddressSet"]["item"][0]["privateIp"]
        .as_str()
        .unwrap()
        .to_string();
    assert!(
        fixture
            .region
            .refused(
                "AssignPrivateNatGatewayAddress",
                &[("NatGatewayId", &*private), ("PrivateIpAddressCount", "1")]
            )
            .starts_with("PrivateIpAddressLimitExceeded")
    );
    fixture.region.must(
        "UnassignPrivateNatGatewayAddress",
        &[("NatGatewayId", &*private), ("PrivateIpAddress.1", &*one)],
    );
    check_invariants(&fixture.region.world);
    assert_eq!(
        fixture.region.refused(
            "AssociateNatGatewayAddress",
            &[("NatGatewayId", &*private), ("AllocationId.1", &*second)]
        ),
        alloc::format!(
            "InvalidParameterCombination: The NAT gateway '{private}' is private: the operation is for public ones."
        )
    );
}

#[test]
fn refusals() {
    let mut fixture = fixture();
    let subnet = fixture.subnets[0].clone();
    let subnet = ("SubnetId", &*subnet);
    for (parameters, want) in [
        (
            &[][..],
            "MissingParameter: The request must contain the parameter subnetId",
        ),
        (
            &[subnet],
            "MissingParameter: The request must contain the parameter allocationId",
        ),
        (
            &[subnet, ("AvailabilityMode", "regional")],
            "UnsupportedOperation: A regional NAT gateway is not supported in this region.",
        ),
        (
            &[("VpcId", "vpc-12345678")],
            "UnsupportedOperation: A regional NAT gateway is not supported in this region.",
        ),
        (
            &[subnet, ("ConnectivityType", "other")],
            "InvalidParameterValue: Value (other) for parameter connectivityType is invalid.",
        ),
        (
            &[subnet, ("AllocationId", "eipalloc-12345678")],
            "InvalidAllocationID.NotFound: The allocation ID 'eipalloc-12345678' does not exist",
        ),
        (
            &[
                subnet,
                ("ConnectivityType", "private"),
                ("AllocationId", "eipalloc-12345678"),
            ],
            "InvalidParameterCombination: An Elastic IP address cannot be specified for a private NAT gateway.",
        ),
        (
            &[
                subnet,
                ("ConnectivityType", "private"),
                ("SecondaryPrivateIpAddressCount", "8"),
            ],
            "PrivateIpAddressLimitExceeded: The maximum number of IP addresses of a NAT gateway is 8.",
        ),
    ] {
        assert_eq!(fixture.region.refused("CreateNatGateway", parameters), want);
    }
    for _ in 0..quota::NAT_GATEWAYS_PER_AVAILABILITY_ZONE {
        fixture.private();
    }
    let private = [subnet, ("ConnectivityType", "private")];
    assert_eq!(
        fixture.region.refused("CreateNatGateway", &private),
        "NatGatewayLimitExceeded: The maximum number of NAT gateways has been reached."
    );
    let elsewhere = [
        ("SubnetId", &*fixture.subnets[1]),
        ("ConnectivityType", "private"),
    ];
    fixture.region.must("CreateNatGateway", &elsewhere);
    assert!(
        fixture
            .region
            .refused(
                "CreateNetworkInterface",
                &[subnet, ("InterfaceType", "nat_gateway")]
            )
            .contains("interfaceType")
    );
}

#[test]
fn a_token_makes_one_gateway() {
    let mut fixture = fixture();
    let subnet = fixture.subnets[0].clone();
    let parameters = [
        ("SubnetId", &*subnet),
        ("ConnectivityType", "private"),
        ("ClientToken", "a"),
    ];
    let made = [(); 2].map(|()| fixture.region.make("CreateNatGateway", &parameters, MADE));
    assert_eq!(made[0], made[1]);
    let other = [
        ("SubnetId", &*fixture.subnets[1]),
        ("ConnectivityType", "private"),
        ("ClientToken", "a"),
    ];
    assert!(
        fixture
            .region
            .refused("CreateNatGateway", &other)
            .starts_with("IdempotentParameterMismatch")
    );
}
