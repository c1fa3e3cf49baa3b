//! Listings in parts.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_query::QueryTree;
use serde_json::{Map, Value};

use crate::operations::instance::tests::launched;
use crate::testing::TestWorld;
use crate::{Action, Ec2Error, Operation, read_request};

/// The calls that change nothing and are answered whole: about one thing, or about what a region has few of.
const WHOLE: [&str; 45] = [
    "DescribeAccountAttributes",
    "DescribeAvailabilityZones",
    "DescribeDhcpOptions",
    "DescribeImages",
    "DescribeInstanceAttribute",
    "DescribeKeyPairs",
    "DescribeManagedPrefixLists",
    "DescribeNetworkInterfaceAttribute",
    "DescribePrefixLists",
    "DescribeRegions",
    "DescribeSecurityGroupReferences",
    "DescribeVolumeAttribute",
    "DescribeVpcAttribute",
    "DescribeVpcBlockPublicAccessOptions",
    "DescribeVpcClassicLink",
    "DescribeVpcClassicLinkDnsSupport",
    "DescribeVpcEndpointServices",
    "DisableVpcClassicLink",
    "DisableVpcClassicLinkDnsSupport",
    "EnableVpcClassicLink",
    "EnableVpcClassicLinkDnsSupport",
    "GetAllowedImagesSettings",
    "GetConsoleOutput",
    "GetEbsEncryptionByDefault",
    "GetImageBlockPublicAccessState",
    "GetInstanceMetadataDefaults",
    "GetInstanceProfile",
    "GetManagedPrefixListAssociations",
    "GetManagedPrefixListEntries",
    "GetPolicy",
    "GetPolicyVersion",
    "GetRole",
    "GetRolePolicy",
    "GetSerialConsoleAccessStatus",
    "GetSnapshotBlockPublicAccessState",
    "ListAttachedRolePolicies",
    "ListInstanceProfileTags",
    "ListInstanceProfiles",
    "ListInstanceProfilesForRole",
    "ListPolicies",
    "ListPolicyTags",
    "ListPolicyVersions",
    "ListRolePolicies",
    "ListRoleTags",
    "ListRoles",
];
/// As many rows are looked at for a part.
const STEPS: [usize; 4] = [1, 2, 7, 1_000];
/// Every filter that the documentation of a served operation lists: action and name (`scripts/aws-model.py`).
const FILTERS: &str = include_str!("../../filters.tsv");

/// The parts of an answer; `None` for one that is given whole.
type Parts = Result<Option<Vec<Value>>, Ec2Error>;
type Parameters<'a> = [(&'a str, &'a str)];

struct Call {
    action: &'static str,
    parts: fn(&TestWorld, &Parameters<'_>, usize) -> Parts,
}

macro_rules! calls {
    ($($operation:ident,)*) => {
        [$((!crate::api::$operation::MUTATES).then_some(Call {
            action: crate::api::$operation::NAME,
            parts: parts::<crate::api::$operation>,
        })),*]
    };
}

fn parts<O: Operation>(region: &TestWorld, parameters: &Parameters<'_>, rows: usize) -> Parts {
    let mut tree = QueryTree::from_pairs(parameters.iter().copied())?;
    let request: O = read_request(&mut tree)?;
    let Some(mut listing) = request.listing(&region.world)? else {
        return Ok(None);
    };
    let mut parts = Vec::new();
    loop {
        let part = listing.next(&region.world, &region.region, rows);
        let answer = serde_json::to_value(&part.answer).unwrap();
        let members = members(&answer);
        assert_eq!(part.is_empty, members == 0, "{answer:#}");
        assert!(members <= rows, "{members} of {rows}: {answer:#}");
        parts.push(answer);
        if part.is_last {
            return Ok(Some(parts));
        }
    }
}

fn members(answer: &Value) -> usize {
    let lists = answer.as_object().unwrap().values();
    lists
        .filter_map(|list| list.get("item")?.as_array())
        .map(Vec::len)
        .sum()
}

/// What the parts say together: lists become one each, all else is in the last.
fn joined(parts: Vec<Value>) -> Value {
    let mut whole = Map::new();
    let last = parts.len() - 1;
    for (number, part) in parts.into_iter().enumerate() {
        let Value::Object(fields) = part else {
            panic!("{part:#}");
        };
        for (name, value) in fields {
            let items = value.get("item").and_then(Value::as_array);
            assert!(number == last || items.is_some(), "{name}: {value:#}");
            let before = whole.get_mut(&name).and_then(|list| list.get_mut("item"));
            match (before.and_then(Value::as_array_mut), items) {
                (Some(before), Some(items)) => before.extend(items.iter().cloned()),
                _ => _ = whole.insert(name, value),
            }
        }
    }
    Value::Object(whole)
}

/// A group of a VPC that is peered with this one.
fn group_of_a_peer(region: &mut TestWorld, vpc: &str) -> String {
    let peer = region.make("CreateVpc", &[("CidrBlock", "10.66.0.0/16")], "/vpc/vpcId");
    let pair = [("VpcId", vpc), ("PeerVpcId", &*peer)];
    let connection = "/vpcPeeringConnection/vpcPeeringConnectionId";
    let connection = region.make("CreateVpcPeeringConnection", &pair, connection);
    let connection = [("VpcPeeringConnectionId", &*connection)];
    region.must("AcceptVpcPeeringConnection", &connection);
    let group = [
        ("VpcId", &*peer),
        ("GroupName", "peer"),
        ("GroupDescription", "gone"),
    ];
    region.make("CreateSecurityGroup", &group, "/groupId")
}

/// Three endpoints of a VPC.
fn add_endpoints(region: &mut TestWorld, in_vpc: (&str, &str)) {
    for service in ["ec2", "sts", "sts"] {
        let service = format!("com.amazonaws.us-east-1.{service}");
        let endpoint = [
            in_vpc,
            ("VpcEndpointType", "Interface"),
            ("ServiceName", service.as_str()),
            ("PrivateDnsEnabled", "false"),
        ];
        region.must("CreateVpcEndpoint", &endpoint);
    }
}

/// A region with several of everything that is listed.
fn filled() -> (TestWorld, String) {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    let in_vpc = ("VpcId", vpc.as_str());
    let subnet = [in_vpc, ("CidrBlock", "10.0.1.0/24")];
    let subnet = region.make("CreateSubnet", &subnet, "/subnet/subnetId");
    for block in ["10.64.0.0/16", "10.65.0.0/16"] {
        let vpc = region.make("CreateVpc", &[("CidrBlock", block)], "/vpc/vpcId");
        region.must("CreateEgressOnlyInternetGateway", &[("VpcId", &vpc)]);
        let pair = [in_vpc, ("PeerVpcId", &vpc)];
        region.must("CreateVpcPeeringConnection", &pair);
    }
    for _ in 0..3 {
        let private = [("SubnetId", &*subnet), ("ConnectivityType", "private")];
        region.must("CreateNatGateway", &private);
    }
    region.must("CreateInstanceProfile", &[("InstanceProfileName", "web")]);
    let peer = group_of_a_peer(&mut region, &vpc);
    add_endpoints(&mut region, in_vpc);
    for number in 0..9 {
        let name = format!("group-{number}");
        let group = [in_vpc, ("GroupName", &name), ("GroupDescription", "many")];
        let group = region.make("CreateSecurityGroup", &group, "/groupId");
        let rule = [
            ("GroupId", &*group),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.Groups.1.GroupId", &peer),
        ];
        region.must("AuthorizeSecurityGroupIngress", &rule);
        region.must("CreateRouteTable", &[in_vpc]);
        region.must("CreateNetworkAcl", &[in_vpc]);
        region.must("CreateInternetGateway", &[]);
        if number % 3 != 0 {
            region.must("AllocateAddress", &[("Domain", "vpc")]);
        }
        let interface = [
            ("SubnetId", subnet.as_str()),
            ("TagSpecification.1.ResourceType", "network-interface"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", "web"),
            ("TagSpecification.1.Tag.2.Key", "Number"),
            ("TagSpecification.1.Tag.2.Value", &name),
        ];
        region.must("CreateNetworkInterface", &interface);
        // In the default VPC, with addresses that EC2 lends; every third launch has a second volume.
        let count = (1 + number % 3).to_string();
        let mut launch = Vec::from([
            ("MinCount", count.as_str()),
            ("MaxCount", &count),
            ("TagSpecification.1.ResourceType", "volume"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", "web"),
            ("TagSpecification.2.ResourceType", "instance"),
            ("TagSpecification.2.Tag.1.Key", "Name"),
            ("TagSpecification.2.Tag.1.Value", "web"),
        ]);
        launch.push(("IamInstanceProfile.Name", "web"));
        if number % 3 == 0 {
            launch.extend([
                ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
                ("BlockDeviceMapping.1.Ebs.VolumeSize", "8"),
            ]);
        }
        launched(&mut region, &launch);
    }
    region.must("DeleteSecurityGroup", &[("GroupId", &peer)]);
    (region, vpc)
}

fn calls() -> impl Iterator<Item = Call> {
    crate::for_each_operation!(calls).into_iter().flatten()
}

fn required<'a>(action: &str, vpc: &'a str) -> Vec<(&'static str, &'a str)> {
    match action {
        "DescribeStaleSecurityGroups" | "GetSecurityGroupsForVpc" => Vec::from([("VpcId", vpc)]),
        "DescribeInstanceStatus" => Vec::from([("IncludeAllInstances", "true")]),
        "DescribeAddressesAttribute" => Vec::from([("Attribute", "domain-name")]),
        _ => Vec::new(),
    }
}

#[test]
fn every_call_that_lists_what_there_may_be_many_of_does_it_in_parts() {
    let (region, vpc) = filled();
    let whole: Vec<_> = calls()
        .filter(|call| {
            let parts = (call.parts)(&region, &required(call.action, &vpc), 1);
            !matches!(parts, Ok(Some(_)))
        })
        .map(|call| call.action)
        .collect();
    assert_eq!(whole, WHOLE);
}

#[test]
fn parts_of_any_size_say_what_the_whole_says() {
    let (mut region, vpc) = filled();
    for Call { action, parts } in calls().filter(|call| !WHOLE.contains(&call.action)) {
        let mut check = |more: &Parameters<'_>, steps: &[usize]| {
            let parameters = [&required(action, &vpc), more].concat();
            let whole = region.call(action, &parameters);
            for &rows in steps {
                let parts = parts(&region, &parameters, rows).map(|parts| joined(parts.unwrap()));
                assert_eq!(parts, whole, "{action} {parameters:?}, {rows} rows a part");
            }
            whole
        };
        let all = check(&[], &STEPS).unwrap();
        assert!(members(&all) > 1, "{action}: {all:#}");
        // EC2's instance types are many, and each is long.
        let is_large = members(&all) > 1_000;
        let filters = FILTERS.lines().filter_map(|line| line.split_once('\t'));
        let filters = filters.filter(|(of, _)| *of == action);
        for (_, name) in filters.take(if is_large { 1 } else { usize::MAX }) {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", "*")];
            check(&filter, &STEPS[1..2]).unwrap();
        }
        let unknown = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
        check(&unknown, &STEPS).unwrap_err();
        let mut token = None;
        for _ in 0..if is_large { 3 } else { usize::MAX } {
            let mut page = Vec::from([("MaxResults", "5")]);
            page.extend(token.as_deref().map(|token| ("NextToken", token)));
            let Ok(answer) = check(&page, &STEPS) else {
                assert_eq!(token, None, "{action}");
                break;
            };
            token = answer["nextToken"].as_str().map(String::from);
            if token.is_none() {
                break;
            }
        }
    }
}

#[test]
fn what_is_made_to_be_shown_goes_by_its_keys() {
    let (mut region, _) = filled();
    for (action, list, key, count) in [
        (
            "DescribeInstances",
            "/reservationSet",
            &["/reservationId"][..],
            9,
        ),
        (
            "DescribeInstanceImageMetadata",
            "/instanceImageMetadataSet",
            &["/instanceId"],
            18,
        ),
        ("DescribeVolumes", "/volumeSet", &["/volumeId"], 21),
        (
            "DescribeVolumeStatus",
            "/volumeStatusSet",
            &["/volumeId"],
            21,
        ),
        ("DescribeTags", "/tagSet", &["/resourceId", "/key"], 36),
    ] {
        let answer = region.must(action, &[]);
        let members = answer.pointer(&format!("{list}/item")).unwrap();
        let keys: Vec<Vec<_>> = members
            .as_array()
            .unwrap()
            .iter()
            .map(|member| {
                key.iter()
                    .map(|at| member.pointer(at).unwrap().as_str())
                    .collect()
            })
            .collect();
        assert_eq!(keys.len(), count, "{action}");
        assert!(keys.is_sorted_by(|a, b| a < b), "{action}: {keys:?}");
    }
}
