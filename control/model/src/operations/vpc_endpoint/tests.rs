//! VPC endpoints, from parameters to answers.

use alloc::format;
use alloc::string::{String, ToString};

use serde_json::{Value, json};

use crate::testing::{TestWorld, check_invariants};

const EC2: (&str, &str) = ("ServiceName", "com.amazonaws.us-east-1.ec2");
const INTERFACE: (&str, &str) = ("VpcEndpointType", "Interface");
const PLAIN: (&str, &str) = ("PrivateDnsEnabled", "false");

/// A VPC with names, a subnet in each of two zones, and a security group.
struct Bench {
    region: TestWorld,
    vpc: String,
    subnets: [String; 2],
    group: String,
}

impl Bench {
    fn new() -> Self {
        let mut region = TestWorld::bootstrapped();
        let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        let named = [("VpcId", &*vpc), ("EnableDnsHostnames.Value", "true")];
        region.must("ModifyVpcAttribute", &named);
        let subnets = [("10.0.1.0/24", "us-east-1a"), ("10.0.2.0/24", "us-east-1b")];
        let subnets = subnets.map(|(block, zone)| {
            let subnet = [
                ("VpcId", &*vpc),
                ("CidrBlock", block),
                ("AvailabilityZone", zone),
            ];
            region.make("CreateSubnet", &subnet, "/subnet/subnetId")
        });
        let group = [
            ("VpcId", &*vpc),
            ("GroupName", "api"),
            ("GroupDescription", "api"),
        ];
        let group = region.make("CreateSecurityGroup", &group, "/groupId");
        Self {
            region,
            vpc,
            subnets,
            group,
        }
    }

    /// An endpoint of EC2 in the first subnet, with the group.
    fn endpoint(&mut self) -> Value {
        let made = [
            INTERFACE,
            EC2,
            ("VpcId", &*self.vpc),
            ("SubnetId.1", &*self.subnets[0]),
            ("SecurityGroupId.1", &*self.group),
        ];
        self.region.must("CreateVpcEndpoint", &made)["vpcEndpoint"].clone()
    }

    fn described(&mut self, id: &str) -> Value {
        let answer = self
            .region
            .must("DescribeVpcEndpoints", &[("VpcEndpointId.1", id)]);
        answer["vpcEndpointSet"]["item"][0].clone()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn an_endpoint_is_made_with_an_interface_that_users_cannot_touch() {
    let mut bench = Bench::new();
    let made = bench.endpoint();
    assert_eq!(made["state"], "pending");
    let id = text(&made["vpcEndpointId"]).to_string();
    let described = bench.described(&id);
    assert_eq!(described["state"], "available");
    assert_eq!(described["groupSet"]["item"][0]["groupName"], "api");
    assert_eq!(described["privateDnsEnabled"], true);
    let names = TestWorld::texts(&described, "/dnsEntrySet", "/dnsName");
    let [own, in_zone, private] = &*names else {
        panic!("{names:?}");
    };
    assert!(own.starts_with(&id) && own.ends_with(".ec2.us-east-1.vpce.amazonaws.com"));
    let in_zone = in_zone.split_once('.').unwrap().0;
    assert_eq!(in_zone.strip_suffix("-us-east-1a"), own.split('.').next());
    assert_eq!(private, "ec2.us-east-1.amazonaws.com");
    let eni = text(&described["networkInterfaceIdSet"]["item"][0]).to_string();
    let of_endpoint = ("NetworkInterfaceId", &*eni);
    let listed = [("NetworkInterfaceId.1", &*eni)];
    let answer = bench.region.must("DescribeNetworkInterfaces", &listed);
    let interface = &answer["networkInterfaceSet"]["item"][0];
    assert_eq!(interface["interfaceType"], "vpc_endpoint");
    assert_eq!(interface["status"], "in-use");
    assert_eq!(interface["requesterManaged"], true);
    let description = format!("VPC Endpoint Interface {id}");
    assert_eq!(interface["description"], description);
    assert_eq!(
        bench
            .region
            .refused("DeleteNetworkInterface", &[of_endpoint]),
        format!("InvalidParameterValue: Network interface '{eni}' is currently in use.")
    );
    let group = [of_endpoint, ("SecurityGroupId.1", &*bench.group)];
    let denied = "AuthFailure: You do not have permission to access the specified resource.";
    assert_eq!(
        bench
            .region
            .refused("ModifyNetworkInterfaceAttribute", &group),
        denied
    );
    let in_use = [
        ("DeleteSubnet", ("SubnetId", &*bench.subnets[0])),
        ("DeleteSecurityGroup", ("GroupId", &*bench.group)),
        ("DeleteVpc", ("VpcId", &*bench.vpc)),
    ];
    for (action, parameter) in in_use {
        let refused = bench.region.refused(action, &[parameter]);
        assert!(refused.starts_with("DependencyViolation: "), "{refused}");
    }
    check_invariants(&bench.region.world);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let mut bench = Bench::new();
    bench.endpoint();
    let vpc = ("VpcId", &*bench.vpc);
    let subnet = ("SubnetId.1", &*bench.subnets[0]);
    let conflict = format!(
        "InvalidParameter: private-dns-enabled cannot be set because there is already a conflicting DNS domain for ec2.us-east-1.amazonaws.com in the VPC {}",
        bench.vpc
    );
    let s3 = ("ServiceName", "com.amazonaws.us-east-1.s3");
    for (parameters, want) in [
        (
            &[vpc, s3][..],
            "UnsupportedOperation: A gateway endpoint is not supported in this region.",
        ),
        (
            &[vpc, INTERFACE, s3],
            "InvalidParameter: Endpoint type (Interface) does not match available service types ([Gateway]).",
        ),
        (
            &[vpc, ("VpcEndpointType", "Gateway"), EC2],
            "InvalidParameter: Endpoint type (Gateway) does not match available service types ([Interface]).",
        ),
        (
            &[vpc, EC2],
            "InvalidParameter: Endpoint type (Gateway) does not match available service types ([Interface]).",
        ),
        (
            &[vpc, INTERFACE, ("ServiceName", "mine")],
            "InvalidServiceName: The Vpc Endpoint Service 'mine' does not exist",
        ),
        (
            &[vpc, INTERFACE],
            "MissingParameter: The request must contain the parameter serviceName",
        ),
        (&[vpc, INTERFACE, EC2], &conflict),
        (
            &[vpc, INTERFACE, EC2, PLAIN, subnet, ("SubnetId.2", subnet.1)],
            "DuplicateSubnetsInSameZone: Found another VPC endpoint subnet in the availability zone of this one.",
        ),
        (
            &[vpc, INTERFACE, EC2, PLAIN, ("IpAddressType", "dualstack")],
            "UnsupportedOperation: A VPC endpoint of address type dualstack is not supported in this region.",
        ),
        (
            &[vpc, INTERFACE, EC2, PLAIN, ("PolicyDocument", "{}")],
            "UnsupportedOperation: A VPC endpoint policy is not supported in this region.",
        ),
    ] {
        let refused = bench.region.refused("CreateVpcEndpoint", parameters);
        assert_eq!(refused, want, "{parameters:?}");
    }
    let unnamed = [vpc, ("EnableDnsHostnames.Value", "false")];
    bench.region.must("ModifyVpcAttribute", &unnamed);
    let sts = ("ServiceName", "com.amazonaws.us-east-1.sts");
    let refused = bench
        .region
        .refused("CreateVpcEndpoint", &[vpc, INTERFACE, sts]);
    assert!(refused.starts_with("InvalidParameter: Enabling private DNS requires both"));
}

#[test]
fn subnets_groups_and_names_change_and_what_is_deleted_is_gone() {
    let mut bench = Bench::new();
    let made = bench.endpoint();
    let id = text(&made["vpcEndpointId"]).to_string();
    let endpoint = ("VpcEndpointId", &*id);
    let default = bench.region.must(
        "DescribeSecurityGroups",
        &[
            ("Filter.1.Name", "vpc-id"),
            ("Filter.1.Value.1", &*bench.vpc),
            ("Filter.2.Name", "group-name"),
            ("Filter.2.Value.1", "default"),
        ],
    );
    let default = text(&default["securityGroupInfo"]["item"][0]["groupId"]).to_string();
    let change = [
        endpoint,
        ("AddSubnetId.1", &*bench.subnets[1]),
        ("RemoveSubnetId.1", &*bench.subnets[0]),
        ("AddSecurityGroupId.1", &*default),
        ("RemoveSecurityGroupId.1", &*bench.group),
        ("PrivateDnsEnabled", "false"),
    ];
    bench.region.must("ModifyVpcEndpoint", &change);
    check_invariants(&bench.region.world);
    let described = bench.described(&id);
    assert_eq!(
        described["subnetIdSet"],
        json!({"item": [bench.subnets[1]]})
    );
    assert_eq!(described["groupSet"]["item"][0]["groupId"], default);
    assert_eq!(
        TestWorld::texts(&described, "/dnsEntrySet", "/dnsName").len(),
        2
    );
    for group in [default.as_str(), &bench.group] {
        let last = [endpoint, ("RemoveSecurityGroupId.1", group)];
        let refused = bench.region.refused("ModifyVpcEndpoint", &last);
        assert!(refused.starts_with("InvalidParameter: "), "{refused}");
    }
    let unknown = "vpce-0123456789abcdef0";
    let both = [("VpcEndpointId.1", unknown), ("VpcEndpointId.2", &*id)];
    let answer = bench.region.must("DeleteVpcEndpoints", &both);
    let [failed] = answer["unsuccessful"]["item"]
        .as_array()
        .unwrap()
        .as_slice()
    else {
        panic!("{answer}");
    };
    assert_eq!(failed["resourceId"], unknown);
    assert_eq!(failed["error"]["code"], "InvalidVpcEndpointId.NotFound");
    assert_eq!(
        bench
            .region
            .refused("DescribeVpcEndpoints", &[("VpcEndpointId.1", &*id)]),
        format!("InvalidVpcEndpointId.NotFound: The Vpc Endpoint Id '{id}' does not exist")
    );
    for subnet in &bench.subnets {
        bench.region.must("DeleteSubnet", &[("SubnetId", subnet)]);
    }
    check_invariants(&bench.region.world);
}
