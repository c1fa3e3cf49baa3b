use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::operations::instance::tests::launched;
use crate::testing::{TestWorld, check_invariants};

/// One id of every kind that a bootstrapped region and a few calls give.
fn one_of_each_kind(region: &mut TestWorld) -> Vec<String> {
    let world = &region.world;
    let vpc_id = world.default_vpc().unwrap().vpc_id;
    let group_id = world.default_security_group(vpc_id).unwrap().group_id;
    let rules = group_id;
    let subnet_id = world.subnets.one(&vpc_id).unwrap().subnet_id;
    let mut ids = Vec::from([
        vpc_id.to_string(),
        subnet_id.to_string(),
        group_id.to_string(),
        world
            .security_group_rules
            .one(&rules)
            .unwrap()
            .security_group_rule_id
            .to_string(),
        world.internet_gateway_of(vpc_id).unwrap().to_string(),
        world
            .main_route_table(vpc_id)
            .unwrap()
            .route_table_id
            .to_string(),
        world
            .default_network_acl(vpc_id)
            .unwrap()
            .network_acl_id
            .to_string(),
    ]);
    ids.push(region.make(
        "CreateNetworkInterface",
        &[("SubnetId", &subnet_id.to_string())],
        "/networkInterface/networkInterfaceId",
    ));
    ids
}

#[test]
fn every_kind_of_resource_takes_tags_and_loses_them() {
    let mut region = TestWorld::bootstrapped();
    let ids = one_of_each_kind(&mut region);
    for id in &ids {
        region.must(
            "CreateTags",
            &[
                ("ResourceId.1", id),
                ("Tag.1.Key", "Name"),
                ("Tag.1.Value", "x"),
            ],
        );
    }
    check_invariants(&region.world);
    let filter = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "x")];
    let answer = region.must("DescribeTags", &filter);
    let mut found = TestWorld::texts(&answer, "/tagSet", "/resourceId");
    found.sort();
    let mut want = ids.clone();
    want.sort();
    assert_eq!(found, want);
    let mut kinds = TestWorld::texts(&answer, "/tagSet", "/resourceType");
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "internet-gateway",
            "network-acl",
            "network-interface",
            "route-table",
            "security-group",
            "security-group-rule",
            "subnet",
            "vpc"
        ]
    );
    for id in &ids {
        region.must("DeleteTags", &[("ResourceId.1", id)]);
    }
    assert!(TestWorld::texts(&region.must("DescribeTags", &[]), "/tagSet", "/key").is_empty());
}

#[test]
fn tags_are_deleted_by_key_or_by_key_and_value() {
    let mut region = TestWorld::bootstrapped();
    let id = region.world.default_vpc().unwrap().vpc_id.to_string();
    let vpc = ("ResourceId.1", id.as_str());
    let keys = |region: &mut TestWorld| {
        TestWorld::texts(&region.must("DescribeTags", &[]), "/tagSet", "/key")
    };
    let three = [
        vpc,
        ("Tag.1.Key", "a"),
        ("Tag.1.Value", "1"),
        ("Tag.2.Key", "b"),
        ("Tag.2.Value", "2"),
        ("Tag.3.Key", "c"),
        ("Tag.3.Value", ""),
    ];
    region.must("CreateTags", &three);
    assert_eq!(keys(&mut region), ["a", "b", "c"]);
    region.must(
        "DeleteTags",
        &[vpc, ("Tag.1.Key", "a"), ("Tag.1.Value", "other")],
    );
    region.must(
        "DeleteTags",
        &[vpc, ("Tag.1.Key", "b"), ("Tag.1.Value", "")],
    );
    assert_eq!(
        keys(&mut region),
        ["a", "b", "c"],
        "their values are others"
    );
    region.must(
        "DeleteTags",
        &[vpc, ("Tag.1.Key", "c"), ("Tag.1.Value", "")],
    );
    region.must("DeleteTags", &[vpc, ("Tag.1.Key", "a")]);
    assert_eq!(keys(&mut region), ["b"]);
}

#[test]
fn what_the_tag_calls_refuse() {
    let mut region = TestWorld::bootstrapped();
    let id = region.world.default_vpc().unwrap().vpc_id.to_string();
    let (vpc, key) = (("ResourceId.1", id.as_str()), ("Tag.1.Key", "k"));
    let long = "k".repeat(eni_types::quota::TAG_KEY_CHARACTERS + 1);
    for (parameters, error) in [
        (
            &[key][..],
            "MissingParameter: The request must contain the parameter resourceIdSet",
        ),
        (
            &[vpc],
            "MissingParameter: The request must contain the parameter tagSet",
        ),
        (
            &[("ResourceId.1", "nonsense"), key],
            "InvalidID: The ID 'nonsense' is not valid",
        ),
        (
            &[("ResourceId.1", "eipassoc-12345678"), key],
            "InvalidID: The ID 'eipassoc-12345678' is not valid",
        ),
        (
            &[("ResourceId.1", "igw-foo"), key],
            "InvalidID: The ID 'igw-foo' is not valid",
        ),
        (
            &[("ResourceId.1", "igw-0"), key],
            "InvalidInternetGatewayID.NotFound: The internetGateway ID 'igw-0' does not exist",
        ),
        (
            &[vpc, key, ("Tag.2.Key", "k")],
            "InvalidParameterValue: Duplicate tag key 'k' specified.",
        ),
        (
            &[vpc, ("ResourceId.2", "subnet-12345678"), key],
            "InvalidSubnetID.NotFound: The subnet ID 'subnet-12345678' does not exist",
        ),
        (
            &[vpc, ("Tag.1.Key", "aws:mine")],
            "InvalidParameterValue: Tag keys starting with 'aws:' are reserved for internal use",
        ),
        (
            &[vpc, ("Tag.1.Key", &long)],
            "InvalidParameterValue: Tag key exceeds the maximum length of 128 characters or is empty",
        ),
    ] {
        assert_eq!(region.refused("CreateTags", parameters), error);
    }
    assert!(TestWorld::texts(&region.must("DescribeTags", &[]), "/tagSet", "/key").is_empty());
    for number in 0..eni_types::quota::TAGS_PER_RESOURCE {
        region.must("CreateTags", &[vpc, ("Tag.1.Key", &format!("{number}"))]);
    }
    assert_eq!(
        region.refused("CreateTags", &[vpc, key]),
        "TagLimitExceeded: A resource may have no more than 50 tags."
    );
}

#[test]
fn what_is_only_described_refuses_tags_by_its_name() {
    let mut region = TestWorld::bootstrapped();
    let instance = launched(&mut region, &[]);
    let vpcs = region.must("DescribeVpcs", &[]);
    let volume = &instance["blockDeviceMapping"]["item"][0]["ebs"]["volumeId"];
    for (id, kind) in [
        (
            &vpcs["vpcSet"]["item"][0]["dhcpOptionsId"],
            "the default DHCP options set",
        ),
        (&instance["imageId"], "images"),
        (volume, "volumes"),
    ] {
        for action in ["CreateTags", "DeleteTags"] {
            let parameters = [("ResourceId.1", id.as_str().unwrap()), ("Tag.1.Key", "k")];
            assert_eq!(
                region.refused(action, &parameters),
                format!("UnsupportedOperation: Tagging {kind} is not supported in this region.")
            );
        }
    }
    for (id, code) in [
        ("dopt-0123456789abcdef0", "InvalidDhcpOptionID.NotFound"),
        ("ami-0123456789abcdef0", "InvalidAMIID.NotFound"),
        ("vol-0123456789abcdef0", "InvalidVolume.NotFound"),
        ("key-0123456789abcdef0", "InvalidKeyPair.NotFound"),
        ("ami-xyz", "InvalidID"),
    ] {
        let parameters = [("ResourceId.1", id), ("Tag.1.Key", "k")];
        let refused = region.refused("CreateTags", &parameters);
        assert!(refused.starts_with(&format!("{code}:")), "{id}: {refused}");
    }
}

#[test]
fn tags_are_found_by_every_filter_and_in_pages() {
    let mut region = TestWorld::bootstrapped();
    let ids = one_of_each_kind(&mut region);
    for id in &ids {
        for (key, value) in [("Name", "n"), ("Team", id.as_str())] {
            region.must(
                "CreateTags",
                &[
                    ("ResourceId.1", id),
                    ("Tag.1.Key", key),
                    ("Tag.1.Value", value),
                ],
            );
        }
    }
    let vpc = &ids[0];
    for (filters, count) in [
        (&[("key", "Name")][..], ids.len()),
        (&[("key", "N*")], ids.len()),
        (&[("value", vpc)], 1),
        (&[("key", "Team"), ("value", vpc)], 1),
        (&[("resource-id", vpc)], 2),
        (&[("resource-id", "vpc-*")], 2),
        (&[("resource-id", vpc), ("key", "Team")], 1),
        (&[("resource-type", "network-interface")], 2),
        (&[("tag:Team", vpc)], 1),
        (&[("tag:Team", "vpc-*")], 1),
    ] {
        let mut parameters = Vec::new();
        for (number, (name, value)) in filters.iter().enumerate() {
            let number = number + 1;
            parameters.push((format!("Filter.{number}.Name"), name.to_string()));
            parameters.push((format!("Filter.{number}.Value.1"), value.to_string()));
        }
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = region.must("DescribeTags", &parameters);
        let found = TestWorld::texts(&answer, "/tagSet", "/key");
        assert_eq!(found.len(), count, "{filters:?}");
    }
    let first = region.must("DescribeTags", &[("MaxResults", "10")]);
    let token = first.pointer("/nextToken").unwrap().as_str().unwrap();
    let second = region.must("DescribeTags", &[("NextToken", token)]);
    let mut found = TestWorld::texts(&first, "/tagSet", "/resourceId");
    assert_eq!(found.len(), 10);
    found.extend(TestWorld::texts(&second, "/tagSet", "/resourceId"));
    assert_eq!(found.len(), 2 * ids.len());
    assert_eq!(
        region.refused(
            "DescribeTags",
            &[("Filter.1.Name", "color"), ("Filter.1.Value.1", "x")]
        ),
        "InvalidParameterValue: The filter 'color' is invalid"
    );
}
