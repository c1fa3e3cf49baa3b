use alloc::format;
use alloc::string::ToString;

use crate::testing::{TestWorld, check_invariants};

#[test]
fn a_gateway_is_attached_to_one_vpc_and_a_vpc_to_one_gateway() {
    let mut region = TestWorld::bootstrapped();
    let id = region.make(
        "CreateInternetGateway",
        &[],
        "/internetGateway/internetGatewayId",
    );
    let other = region.make(
        "CreateInternetGateway",
        &[],
        "/internetGateway/internetGatewayId",
    );
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let pair = [("InternetGatewayId", id.as_str()), ("VpcId", vpc.as_str())];
    assert_eq!(
        region.refused("DetachInternetGateway", &pair),
        format!("Gateway.NotAttached: resource {id} is not attached to network {vpc}")
    );
    region.must("AttachInternetGateway", &pair);
    check_invariants(&region.world);
    assert_eq!(
        region.refused("AttachInternetGateway", &pair),
        format!("Resource.AlreadyAssociated: resource {id} is already attached to network {vpc}")
    );
    assert_eq!(
        region.refused(
            "AttachInternetGateway",
            &[("InternetGatewayId", &other), ("VpcId", &vpc)]
        ),
        format!("InvalidParameterValue: Network {vpc} already has an internet gateway attached")
    );
    assert_eq!(
        region.refused("DeleteInternetGateway", &[("InternetGatewayId", &id)]),
        format!(
            "DependencyViolation: The internetGateway '{id}' has dependencies and cannot be deleted."
        )
    );
    region.must("DetachInternetGateway", &pair);
    region.must("DeleteInternetGateway", &[("InternetGatewayId", &id)]);
    assert_eq!(
        region.refused("DeleteInternetGateway", &[("InternetGatewayId", &id)]),
        format!("InvalidInternetGatewayID.NotFound: The internetGateway ID '{id}' does not exist")
    );
}

#[test]
fn a_region_holds_as_many_gateways_as_its_quota_says() {
    let mut region = TestWorld::bootstrapped();
    for _ in 1..eni_types::quota::INTERNET_GATEWAYS_PER_REGION {
        region.must("CreateInternetGateway", &[]);
    }
    assert_eq!(
        region.refused("CreateInternetGateway", &[]),
        "InternetGatewayLimitExceeded: The maximum number of internet gateways has been reached."
    );
}

#[test]
fn gateways_are_found_by_every_filter() {
    let mut region = TestWorld::bootstrapped();
    let vpc_id = region.world.default_vpc().unwrap().vpc_id;
    let id = region
        .world
        .internet_gateways
        .one(&vpc_id)
        .unwrap()
        .internet_gateway_id
        .to_string();
    region.must("CreateInternetGateway", &[]);
    let vpc = vpc_id.to_string();
    for (filter, value, is_found) in [
        ("attachment.state", "available", true),
        ("attachment.vpc-id", &vpc, true),
        ("attachment.vpc-id", "vpc-12345678", false),
        ("internet-gateway-id", &id, true),
        ("owner-id", "123456789012", true),
    ] {
        let answer = region.must(
            "DescribeInternetGateways",
            &[("Filter.1.Name", filter), ("Filter.1.Value.1", value)],
        );
        let found = TestWorld::texts(&answer, "/internetGatewaySet", "/internetGatewayId");
        assert_eq!(found.contains(&id), is_found, "{filter}={value}");
    }
}

#[test]
fn a_gateway_stays_while_public_addresses_are_mapped_in_its_vpc() {
    let mut region = TestWorld::bootstrapped();
    let vpc_id = region.world.default_vpc().unwrap().vpc_id;
    let subnet = region
        .world
        .subnets
        .one(&vpc_id)
        .unwrap()
        .subnet_id
        .to_string();
    let eni = region.make(
        "CreateNetworkInterface",
        &[("SubnetId", &subnet)],
        "/networkInterface/networkInterfaceId",
    );
    let allocation = region.make("AllocateAddress", &[], "/allocationId");
    let association = region.make(
        "AssociateAddress",
        &[("AllocationId", &allocation), ("NetworkInterfaceId", &eni)],
        "/associationId",
    );
    let (gateway, vpc) = (
        region
            .world
            .internet_gateway_of(vpc_id)
            .unwrap()
            .to_string(),
        vpc_id.to_string(),
    );
    let detach = [("InternetGatewayId", gateway.as_str()), ("VpcId", &vpc)];
    assert_eq!(
        region.refused("DetachInternetGateway", &detach),
        format!(
            "DependencyViolation: Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        )
    );
    region.must("DisassociateAddress", &[("AssociationId", &association)]);
    region.must("DetachInternetGateway", &detach);
}
