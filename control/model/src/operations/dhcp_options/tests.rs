use alloc::string::String;

use serde_json::json;

use crate::testing::TestWorld;

#[test]
fn the_set_that_a_vpc_names_can_be_described() {
    let mut region = TestWorld::bootstrapped();
    let vpcs = region.must("DescribeVpcs", &[]);
    let id = vpcs["vpcSet"]["item"][0]["dhcpOptionsId"].as_str().unwrap();
    let answer = region.must("DescribeDhcpOptions", &[("DhcpOptionsId.1", id)]);
    assert_eq!(
        answer["dhcpOptionsSet"]["item"],
        json!([{
            "dhcpOptionsId": id,
            "ownerId": "123456789012",
            "dhcpConfigurationSet": {"item": [
                {"key": "domain-name", "valueSet": {"item": [{"value": "ec2.internal"}]}},
                {"key": "domain-name-servers", "valueSet": {"item": [{"value": "AmazonProvidedDNS"}]}},
            ]},
            "tagSet": {"item": []},
        }])
    );
    region.region.region = "eu-west-1".into();
    for (name, value, found) in [
        ("key", "domain-name", true),
        ("value", "eu-west-1.compute.internal", true),
        ("value", "ec2.internal", false),
        ("dhcp-options-id", "dopt-*", true),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = region.must("DescribeDhcpOptions", &filter);
        let ids = TestWorld::texts(&answer, "/dhcpOptionsSet", "/dhcpOptionsId");
        assert_eq!(!ids.is_empty(), found, "{name}={value}");
    }
    assert_eq!(
        region.refused(
            "DescribeDhcpOptions",
            &[("DhcpOptionsId.1", "dopt-0123456789abcdef0")]
        ),
        "InvalidDhcpOptionID.NotFound: The dhcpOption ID 'dopt-0123456789abcdef0' does not exist"
    );
}

/// The id of a new set with one option.
fn created(region: &mut TestWorld, key: &str, value: &str) -> String {
    let answer = region.must(
        "CreateDhcpOptions",
        &[
            ("DhcpConfiguration.1.Key", key),
            ("DhcpConfiguration.1.Value.1", value),
        ],
    );
    answer["dhcpOptions"]["dhcpOptionsId"]
        .as_str()
        .unwrap()
        .into()
}

#[test]
fn a_set_is_described_as_it_was_made() {
    let mut region = TestWorld::bootstrapped();
    let made = region.must(
        "CreateDhcpOptions",
        &[
            ("DhcpConfiguration.1.Key", "domain-name-servers"),
            ("DhcpConfiguration.1.Value.1", "10.2.5.1"),
            ("DhcpConfiguration.1.Value.2", "10.2.5.2"),
            ("DhcpConfiguration.2.Key", "domain-name"),
            ("DhcpConfiguration.2.Value.1", "corp.test"),
            ("TagSpecification.1.ResourceType", "dhcp-options"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", "corp"),
        ],
    );
    let set = &made["dhcpOptions"];
    assert_eq!(
        set["dhcpConfigurationSet"],
        json!({"item": [
            {"key": "domain-name-servers", "valueSet": {"item": [{"value": "10.2.5.1"}, {"value": "10.2.5.2"}]}},
            {"key": "domain-name", "valueSet": {"item": [{"value": "corp.test"}]}},
        ]})
    );
    let id = set["dhcpOptionsId"].as_str().unwrap();
    for filter in [
        ("tag:Name", "corp"),
        ("value", "10.2.5.2"),
        ("dhcp-options-id", id),
    ] {
        let (name, value) = filter;
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = region.must("DescribeDhcpOptions", &filter);
        assert_eq!(answer["dhcpOptionsSet"]["item"], json!([set]), "{name}");
    }
    let all = region.must("DescribeDhcpOptions", &[]);
    assert_eq!(all["dhcpOptionsSet"]["item"].as_array().unwrap().len(), 2);
    region.must(
        "CreateTags",
        &[
            ("ResourceId.1", id),
            ("Tag.1.Key", "k"),
            ("Tag.1.Value", "v"),
        ],
    );
    let tags = region.must(
        "DescribeTags",
        &[("Filter.1.Name", "key"), ("Filter.1.Value.1", "k")],
    );
    assert_eq!(tags["tagSet"]["item"][0]["resourceType"], "dhcp-options");
}

#[test]
fn options_that_ec2_does_not_have_are_refused() {
    let mut region = TestWorld::bootstrapped();
    for (key, value, message) in [
        (
            "colour",
            "red",
            "Value (colour) for parameter name is invalid. Unknown DHCP option",
        ),
        (
            "netbios-node-type",
            "3",
            "Value (3) for parameter value is invalid. Invalid DHCP option value.",
        ),
    ] {
        let refused = region.refused(
            "CreateDhcpOptions",
            &[
                ("DhcpConfiguration.1.Key", key),
                ("DhcpConfiguration.1.Value.1", value),
            ],
        );
        assert_eq!(refused, alloc::format!("InvalidParameterValue: {message}"));
    }
}

#[test]
fn a_set_that_a_vpc_uses_stays() {
    let mut region = TestWorld::bootstrapped();
    let vpc = alloc::format!("{}", region.world.default_vpc().unwrap().vpc_id);
    let id = created(&mut region, "domain-name", "corp.test");
    let shown = |region: &mut TestWorld| {
        let vpcs = region.must("DescribeVpcs", &[]);
        String::from(vpcs["vpcSet"]["item"][0]["dhcpOptionsId"].as_str().unwrap())
    };
    let default = shown(&mut region);
    region.must(
        "AssociateDhcpOptions",
        &[("DhcpOptionsId", &id), ("VpcId", &vpc)],
    );
    assert_eq!(shown(&mut region), id);
    assert_eq!(
        region.refused("DeleteDhcpOptions", &[("DhcpOptionsId", &id)]),
        alloc::format!(
            "DependencyViolation: The dhcpOptions '{id}' has dependencies and cannot be deleted."
        )
    );
    region.must(
        "AssociateDhcpOptions",
        &[("DhcpOptionsId", "default"), ("VpcId", &vpc)],
    );
    assert_eq!(shown(&mut region), "default");
    region.must("DeleteDhcpOptions", &[("DhcpOptionsId", &id)]);
    assert_eq!(
        region.refused("DeleteDhcpOptions", &[("DhcpOptionsId", &id)]),
        alloc::format!("InvalidDhcpOptionsID.NotFound: The dhcpOption ID '{id}' does not exist")
    );
    assert_eq!(
        region.refused(
            "AssociateDhcpOptions",
            &[("DhcpOptionsId", &id), ("VpcId", &vpc)]
        ),
        alloc::format!("InvalidDhcpOptionID.NotFound: The dhcpOption ID '{id}' does not exist")
    );
    let malformed = region.refused(
        "AssociateDhcpOptions",
        &[("DhcpOptionsId", "none"), ("VpcId", &vpc)],
    );
    assert!(
        malformed.starts_with("InvalidDhcpOptionsId.Malformed: "),
        "{malformed}"
    );
    region.must(
        "AssociateDhcpOptions",
        &[("DhcpOptionsId", &default), ("VpcId", &vpc)],
    );
    assert_eq!(shown(&mut region), default);
    let refused = region.refused("DeleteDhcpOptions", &[("DhcpOptionsId", &default)]);
    assert!(refused.starts_with("DependencyViolation: "), "{refused}");
}

#[test]
fn a_set_has_options_and_each_of_them_once() {
    let mut region = TestWorld::bootstrapped();
    assert_eq!(
        region.refused("CreateDhcpOptions", &[]),
        "MissingParameter: The request must contain the parameter dhcpConfigurations"
    );
    let twice = [
        ("DhcpConfiguration.1.Key", "domain-name"),
        ("DhcpConfiguration.1.Value.1", "one.internal"),
        ("DhcpConfiguration.2.Key", "domain-name"),
        ("DhcpConfiguration.2.Value.1", "two.internal"),
    ];
    assert_eq!(
        region.refused("CreateDhcpOptions", &twice),
        "InvalidParameterValue: The DHCP option 'domain-name' must not be specified more than once."
    );
}
