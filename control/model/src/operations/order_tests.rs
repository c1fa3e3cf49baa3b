//! The order of lists.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use eni_types::Timestamp;

use crate::World;
use crate::testing::TestWorld;

/// Ids in the order of an answer's list.
type Ids = Vec<String>;

const PORTS: [u16; 7] = [443, 22, 8080, 53, 25, 993, 80];

/// The answers of a Describe call for the VPC, page by page.
fn pages(region: &mut TestWorld, action: &str, vpc: &str, list: &str, id: &str) -> Ids {
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = Vec::from([
            ("Filter.1.Name", "vpc-id"),
            ("Filter.1.Value.1", vpc),
            ("MaxResults", "5"),
        ]);
        parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
        let answer = region.must(action, &parameters);
        found.extend(TestWorld::texts(&answer, list, id));
        token = answer["nextToken"].as_str().map(Into::into);
        if token.is_none() {
            return found;
        }
    }
}

#[test]
fn lists_are_in_the_order_of_creation_on_every_page_and_after_a_restart() {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let (mut subnets, mut interfaces) = (Vec::new(), Vec::new());
    for number in 0..12 {
        // Some in one millisecond, some later, and once the clock has been set back.
        region.now = Timestamp(region.now.0 + [0, 0, 5, -1000][number % 4]);
        let block = format!("10.0.{}.0/24", 100 - number);
        let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", &block)];
        let subnet = region.make("CreateSubnet", &parameters, "/subnet/subnetId");
        interfaces.push(region.make(
            "CreateNetworkInterface",
            &[("SubnetId", &subnet)],
            "/networkInterface/networkInterfaceId",
        ));
        subnets.push(subnet);
    }
    for _ in 0..2 {
        assert_eq!(
            pages(
                &mut region,
                "DescribeSubnets",
                &vpc,
                "/subnetSet",
                "/subnetId"
            ),
            subnets
        );
        assert_eq!(
            pages(
                &mut region,
                "DescribeNetworkInterfaces",
                &vpc,
                "/networkInterfaceSet",
                "/networkInterfaceId"
            ),
            interfaces
        );
        // As the store gives the rows back, whatever the order.
        let mut resources: Vec<_> = region.world.resources().collect();
        resources.reverse();
        region.world = World::default();
        resources
            .into_iter()
            .for_each(|resource| region.world.put(resource));
    }
}

#[test]
fn rules_are_in_the_order_in_which_they_were_added() {
    let mut region = TestWorld::bootstrapped();
    let group = [("GroupName", "web"), ("GroupDescription", "d")];
    let group = region.make("CreateSecurityGroup", &group, "/groupId");
    let names: Vec<_> = (1..)
        .zip(PORTS)
        .map(|(place, port)| {
            let name = |member| format!("IpPermissions.{place}.{member}");
            (
                ["IpProtocol", "FromPort", "ToPort", "IpRanges.1.CidrIp"].map(name),
                format!("{port}"),
            )
        })
        .collect();
    let mut parameters = Vec::from([("GroupId", group.as_str())]);
    for ([protocol, from, to, block], port) in &names {
        parameters.extend([
            (protocol.as_str(), "tcp"),
            (from, port),
            (to, port),
            (block, "0.0.0.0/0"),
        ]);
    }
    region.must("AuthorizeSecurityGroupIngress", &parameters);
    let only = [("GroupId.1", group.as_str())];
    let groups = region.must("DescribeSecurityGroups", &only);
    let filter = [
        ("Filter.1.Name", "group-id"),
        ("Filter.1.Value.1", group.as_str()),
    ];
    let rules = region.must("DescribeSecurityGroupRules", &filter);
    let ports = |list: &serde_json::Value| -> Vec<u64> {
        let members = list["item"].as_array().unwrap();
        let ports = members
            .iter()
            .filter(|member| member["ipProtocol"] == "tcp");
        ports
            .map(|member| member["fromPort"].as_u64().unwrap())
            .collect()
    };
    let want = PORTS.map(u64::from);
    assert_eq!(ports(&rules["securityGroupRuleSet"]), want);
    let group = &groups["securityGroupInfo"]["item"][0];
    assert_eq!(ports(&group["ipPermissions"]), want);
}

#[test]
fn instances_are_in_the_order_of_their_launches() {
    let mut region = TestWorld::bootstrapped();
    let image = format!("{}", super::image::Image::all()[0].image_id);
    let mut made = Vec::new();
    for _ in 0..3 {
        let launch = [
            ("ImageId", image.as_str()),
            ("MinCount", "3"),
            ("MaxCount", "3"),
        ];
        let answer = region.must("RunInstances", &launch);
        made.extend(TestWorld::texts(&answer, "/instancesSet", "/instanceId"));
    }
    let answer = region.must("DescribeInstances", &[]);
    let reservations = answer["reservationSet"]["item"].as_array().unwrap();
    let found: Ids = reservations
        .iter()
        .flat_map(|reservation| TestWorld::texts(reservation, "/instancesSet", "/instanceId"))
        .collect();
    assert_eq!(found, made);
}
