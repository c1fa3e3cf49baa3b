//! Blocks of VPCs and subnets, and what follows them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::testing::{TestWorld, check_invariants};

const IPV6: (&str, &str) = ("AmazonProvidedIpv6CidrBlock", "true");

struct Vpc {
    region: TestWorld,
    id: String,
}

impl Vpc {
    fn new(parameters: &[(&str, &str)]) -> Self {
        let mut region = TestWorld::bootstrapped();
        let id = region.make("CreateVpc", parameters, "/vpc/vpcId");
        Self { region, id }
    }

    fn call(&mut self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.region.must(action, parameters);
        check_invariants(&self.region.world);
        answer
    }

    fn associate(&mut self, block: (&str, &str)) -> Value {
        let id = self.id.clone();
        self.call("AssociateVpcCidrBlock", &[("VpcId", &id), block])
    }

    fn refused(&mut self, block: (&str, &str)) -> String {
        let parameters = [("VpcId", self.id.as_str()), block];
        self.region.refused("AssociateVpcCidrBlock", &parameters)
    }

    fn ipv6_block(&mut self) -> String {
        let vpcs = self.region.must("DescribeVpcs", &[("VpcId.1", &self.id)]);
        let set = &vpcs["vpcSet"]["item"][0]["ipv6CidrBlockAssociationSet"];
        set["item"][0]["ipv6CidrBlock"].as_str().unwrap().into()
    }

    /// The rows of a listing for the VPC.
    fn found(&mut self, action: &str, set: &str) -> Value {
        let filter = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", &self.id)];
        self.region.must(action, &filter)[set]["item"].clone()
    }

    /// Destinations and targets of the main table's routes.
    fn routes(&mut self) -> Vec<String> {
        let tables = self.found("DescribeRouteTables", "routeTableSet");
        let routes = tables[0]["routeSet"]["item"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        routes
            .iter()
            .map(|route| {
                text(&route["destinationCidrBlock"]) + &text(&route["destinationIpv6CidrBlock"])
            })
            .collect()
    }
}

#[test]
fn a_vpc_gets_further_blocks_with_local_routes_and_loses_them() {
    let mut vpc = Vpc::new(&[("CidrBlock", "10.0.0.0/16")]);
    let answer = vpc.associate(("CidrBlock", "10.1.0.0/16"));
    let association = &answer["cidrBlockAssociation"];
    assert_eq!(association["cidrBlock"], json!("10.1.0.0/16"));
    assert_eq!(association["cidrBlockState"]["state"], json!("associating"));
    let id = association["associationId"].as_str().unwrap();
    assert_eq!(vpc.routes(), ["10.0.0.0/16", "10.1.0.0/16"]);
    let in_vpc = vpc.id.clone();
    let subnet = [("VpcId", in_vpc.as_str()), ("CidrBlock", "10.1.1.0/24")];
    let subnet = vpc.region.make("CreateSubnet", &subnet, "/subnet/subnetId");
    let association = [("AssociationId", id)];
    assert_eq!(
        vpc.region.refused("DisassociateVpcCidrBlock", &association),
        format!(
            "InvalidCidrBlock.InUse: The vpc {in_vpc} currently has a subnet within CIDR block 10.1.0.0/16"
        )
    );
    vpc.call("DeleteSubnet", &[("SubnetId", &subnet)]);
    vpc.call("DisassociateVpcCidrBlock", &association);
    assert_eq!(vpc.routes(), ["10.0.0.0/16"]);
    assert_eq!(
        vpc.region.refused("DisassociateVpcCidrBlock", &association),
        format!(
            "InvalidVpcCidrBlockAssociationID.NotFound: The vpc CIDR block association ID '{id}' does not exist"
        )
    );
}

/// VPC User Guide, "VPC CIDR blocks".
#[test]
fn further_blocks_are_restricted() {
    let mut vpc = Vpc::new(&[("CidrBlock", "172.16.0.0/16")]);
    for (block, code) in [
        ("10.0.0.0/16", "restricted"),
        ("192.168.0.0/24", "restricted"),
        ("172.31.0.0/24", "restricted"),
        ("198.19.0.0/24", "restricted"),
        ("172.16.0.0/24", "conflicts"),
        ("172.17.0.0/15", "is invalid"),
    ] {
        let refused = vpc.refused(("CidrBlock", block));
        assert!(refused.starts_with("InvalidVpc.Range: "), "{refused}");
        assert!(refused.contains(code), "{block}: {refused}");
    }
    for block in [
        "172.17.0.0/16",
        "100.64.0.0/16",
        "203.0.0.0/16",
        "8.8.8.0/24",
    ] {
        vpc.associate(("CidrBlock", block));
    }
    assert_eq!(
        vpc.refused(("CidrBlock", "172.18.0.0/16")),
        format!(
            "CidrLimitExceeded: This network '{}' has met its maximum number of allowed CIDRs: 5",
            vpc.id
        )
    );
    let primary = vpc.found("DescribeVpcs", "vpcSet");
    let primary = &primary[0]["cidrBlockAssociationSet"]["item"][0]["associationId"];
    let primary = primary.as_str().unwrap();
    assert_eq!(
        vpc.region
            .refused("DisassociateVpcCidrBlock", &[("AssociationId", primary)]),
        format!(
            "OperationNotPermitted: The vpc CIDR block with association ID {primary} may not be disassociated. It is the primary IPv4 CIDR block of the VPC"
        )
    );
}

#[test]
fn a_block_as_wide_as_a_route_is_refused() {
    let mut vpc = Vpc::new(&[("CidrBlock", "10.0.0.0/16")]);
    let gateway = vpc.region.make(
        "CreateInternetGateway",
        &[],
        "/internetGateway/internetGatewayId",
    );
    let gateway = ("InternetGatewayId", gateway.as_str());
    let in_vpc = vpc.id.clone();
    vpc.call("AttachInternetGateway", &[gateway, ("VpcId", &in_vpc)]);
    let tables = vpc.found("DescribeRouteTables", "routeTableSet");
    let route = [
        ("RouteTableId", tables[0]["routeTableId"].as_str().unwrap()),
        ("DestinationCidrBlock", "10.9.1.0/24"),
        ("GatewayId", gateway.1),
    ];
    vpc.call("CreateRoute", &route);
    assert_eq!(
        vpc.refused(("CidrBlock", "10.9.0.0/16")),
        "InvalidVpc.Range: The CIDR '10.9.0.0/16' is equal to or larger than the destination 10.9.1.0/24 of a route of the VPC."
    );
    vpc.associate(("CidrBlock", "10.9.1.128/25"));
}

/// The rules that EC2 adds with the first IPv6 block are those that a VPC made with one has.
#[test]
fn an_ipv6_block_comes_with_routes_and_rules() {
    let mut later = Vpc::new(&[("CidrBlock", "10.0.0.0/16")]);
    later.associate(IPV6);
    let mut at_once = Vpc::new(&[("CidrBlock", "10.0.0.0/16"), IPV6]);
    for vpc in [&mut later, &mut at_once] {
        let block = vpc.ipv6_block();
        assert!(block.starts_with("2001:db8:") && block.ends_with("/56"));
        assert_eq!(vpc.routes(), ["10.0.0.0/16".to_string(), block]);
        let acls = vpc.found("DescribeNetworkAcls", "networkAclSet");
        let entries = acls[0]["entrySet"]["item"].as_array().unwrap();
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| {
                (
                    entry["ruleNumber"].as_u64().unwrap(),
                    entry["ruleAction"].as_str(),
                )
            })
            .collect();
        let (allow, deny) = (Some("allow"), Some("deny"));
        let one_way = [(100, allow), (101, allow), (32767, deny), (32768, deny)];
        assert_eq!(entries, [one_way, one_way].concat());
        let groups = vpc.found("DescribeSecurityGroups", "securityGroupInfo");
        let egress = groups[0]["ipPermissionsEgress"].to_string();
        assert!(egress.contains("::/0"), "{egress}");
    }
    let in_vpc = at_once.id.clone();
    let group = [
        ("VpcId", in_vpc.as_str()),
        ("GroupName", "web"),
        ("GroupDescription", "web"),
    ];
    at_once.call("CreateSecurityGroup", &group);
    let groups = at_once.found("DescribeSecurityGroups", "securityGroupInfo");
    let web = groups[1]["ipPermissionsEgress"].to_string();
    assert!(web.contains("::/0"), "{web}");
}

/// What was changed keeps what it has.
#[test]
fn rules_that_were_changed_are_left_as_they_are() {
    let mut vpc = Vpc::new(&[("CidrBlock", "10.0.0.0/16")]);
    let acls = vpc.found("DescribeNetworkAcls", "networkAclSet");
    let entry = [
        ("NetworkAclId", acls[0]["networkAclId"].as_str().unwrap()),
        ("RuleNumber", "100"),
        ("Egress", "false"),
    ];
    vpc.call("DeleteNetworkAclEntry", &entry);
    vpc.associate(IPV6);
    let acls = vpc.found("DescribeNetworkAcls", "networkAclSet");
    let entries = acls[0]["entrySet"]["item"].as_array().unwrap();
    let ipv6 = entries
        .iter()
        .filter(|entry| entry["ruleNumber"] == json!(101));
    let directions: Vec<_> = ipv6.map(|entry| entry["egress"].clone()).collect();
    assert_eq!(directions, [json!(true)]);
}

#[test]
fn a_subnet_gets_an_ipv6_block_of_its_vpcs_and_loses_it() {
    let mut vpc = Vpc::new(&[("CidrBlock", "10.0.0.0/16"), IPV6]);
    let block = vpc.ipv6_block();
    let start = block.strip_suffix("00::/56").unwrap().to_string();
    let part = |end: &str| format!("{start}{end}");
    let in_vpc = vpc.id.clone();
    let subnet = [("VpcId", in_vpc.as_str()), ("CidrBlock", "10.0.1.0/24")];
    let subnet = vpc.region.make("CreateSubnet", &subnet, "/subnet/subnetId");
    let subnet = ("SubnetId", subnet.as_str());
    for (block, code) in [
        ("2001:db8:ffff:ff01::/64", "InvalidSubnet.Range"),
        (&part("10::/62"), "InvalidSubnet.Range"),
        (&part("10::/72"), "InvalidSubnet.Range"),
    ] {
        let refused = vpc.region.refused(
            "AssociateSubnetCidrBlock",
            &[subnet, ("Ipv6CidrBlock", block)],
        );
        assert!(refused.starts_with(code), "{block}: {refused}");
    }
    let attribute = [subnet, ("AssignIpv6AddressOnCreation.Value", "true")];
    let refused = vpc.region.refused("ModifySubnetAttribute", &attribute);
    assert!(refused.contains("unless the subnet"), "{refused}");
    let block = part("10::/60");
    let given = [subnet, ("Ipv6CidrBlock", block.as_str())];
    let answer = vpc.call("AssociateSubnetCidrBlock", &given);
    let association = &answer["ipv6CidrBlockAssociation"];
    assert_eq!(association["ipv6CidrBlock"], json!(block));
    let association = association["associationId"].as_str().unwrap();
    let refused = vpc.region.refused("AssociateSubnetCidrBlock", &given);
    assert!(refused.starts_with("CidrLimitExceeded"), "{refused}");
    let inner = part("1f::/64");
    let other = [
        ("VpcId", in_vpc.as_str()),
        ("Ipv6CidrBlock", &inner),
        ("Ipv6Native", "true"),
    ];
    let refused = vpc.region.refused("CreateSubnet", &other);
    assert!(refused.starts_with("InvalidSubnet.Conflict"), "{refused}");
    vpc.call("ModifySubnetAttribute", &attribute);
    let eni = vpc.call("CreateNetworkInterface", &[subnet]);
    let eni = eni["networkInterface"]["networkInterfaceId"]
        .as_str()
        .unwrap();
    let association = [("AssociationId", association)];
    let refused = vpc
        .region
        .refused("DisassociateSubnetCidrBlock", &association);
    assert!(refused.starts_with("InvalidCidrBlock.InUse"), "{refused}");
    vpc.call("DeleteNetworkInterface", &[("NetworkInterfaceId", eni)]);
    vpc.call("DisassociateSubnetCidrBlock", &association);
    let subnets = vpc.found("DescribeSubnets", "subnetSet");
    assert_eq!(subnets[0]["assignIpv6AddressOnCreation"], json!(false));
    assert_eq!(
        subnets[0]["ipv6CidrBlockAssociationSet"],
        json!({"item": []})
    );
}

#[test]
fn a_subnet_of_ipv6_only_has_no_ipv4_block() {
    let mut vpc = Vpc::new(&[("CidrBlock", "10.0.0.0/16"), IPV6]);
    let block = vpc.ipv6_block().replace("/56", "/64");
    let in_vpc = vpc.id.clone();
    let (in_vpc, native) = (("VpcId", in_vpc.as_str()), ("Ipv6Native", "true"));
    for (parameters, error) in [
        (
            &[in_vpc, native][..],
            "MissingParameter: The request must contain the parameter ipv6CidrBlock",
        ),
        (
            &[in_vpc, native, ("CidrBlock", "10.0.1.0/24")],
            "InvalidParameterCombination: The parameter cidrBlock cannot be used with the parameter ipv6Native",
        ),
    ] {
        assert_eq!(vpc.region.refused("CreateSubnet", parameters), error);
    }
    let answer = vpc.call("CreateSubnet", &[in_vpc, native, ("Ipv6CidrBlock", &block)]);
    let subnet = &answer["subnet"];
    assert_eq!(subnet.get("cidrBlock"), None);
    let shown = ["ipv6Native", "assignIpv6AddressOnCreation"].map(|name| &subnet[name]);
    assert_eq!(shown, [true, true]);
    assert_eq!(subnet["availableIpAddressCount"], json!(0));
    let association = &subnet["ipv6CidrBlockAssociationSet"]["item"][0]["associationId"];
    let association = [("AssociationId", association.as_str().unwrap())];
    let refused = vpc
        .region
        .refused("DisassociateSubnetCidrBlock", &association);
    assert!(refused.starts_with("OperationNotPermitted"), "{refused}");
    let filter = [
        ("Filter.1.Name", "ipv6-native"),
        ("Filter.1.Value.1", "true"),
    ];
    let found = vpc.region.must("DescribeSubnets", &filter);
    assert_eq!(
        found["subnetSet"]["item"][0]["subnetId"],
        subnet["subnetId"]
    );
}
