//! The filters of listings.

use alloc::format;
use alloc::vec::Vec;

use serde_json::Value;

use crate::operations::instance::tests::launched;
use crate::testing::TestWorld;

/// Every filter that the documentation of a served operation lists: action and name (`scripts/aws-model.py`).
const FILTERS: &str = include_str!("../../filters.tsv");

/// What an action asks for besides.
fn required<'a>(action: &str, vpc: &'a str) -> Vec<(&'static str, &'a str)> {
    match action {
        "GetSecurityGroupsForVpc" => Vec::from([("VpcId", vpc)]),
        _ => Vec::new(),
    }
}

#[test]
fn every_filter_of_ec2s_model_is_taken_and_no_other() {
    let mut region = TestWorld::bootstrapped();
    let vpc = region.world.default_vpc().unwrap().vpc_id;
    let vpc = format!("{vpc}");
    let mut refused = Vec::new();
    for line in FILTERS.lines().skip(1) {
        let (action, name) = line.split_once('\t').unwrap();
        // EC2 refuses it whatever is asked.
        if action == "DescribeVpcClassicLink" {
            continue;
        }
        let mut ask = |name: &str, value: &str| {
            let mut parameters = required(action, &vpc);
            parameters.extend([("Filter.1.Name", name), ("Filter.1.Value.1", value)]);
            region.call(action, &parameters)
        };
        // A wildcard is in no filter refused for its form.
        if let Err(error) = ask(name, "x*y") {
            refused.push(format!("{action} {name}: {error}"));
        }
        let unknown = ask("colour", "red").unwrap_err();
        assert_eq!(
            format!("{unknown}"),
            "InvalidParameterValue: The filter 'colour' is invalid",
            "{action}"
        );
        let empty = ask(name, "");
        let may_be_empty = name.ends_with("description") || name == "value";
        assert!(empty.is_err() || may_be_empty, "{action} {name}");
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Filters of instances, each with where in an instance's description its value is.
const SHOWN: [(&str, &str); 15] = [
    ("boot-mode", "/bootMode"),
    ("current-instance-boot-mode", "/currentInstanceBootMode"),
    ("ebs-optimized", "/ebsOptimized"),
    ("enclave-options.enabled", "/enclaveOptions/enabled"),
    (
        "maintenance-options.auto-recovery",
        "/maintenanceOptions/autoRecovery",
    ),
    (
        "metadata-options.http-put-response-hop-limit",
        "/metadataOptions/httpPutResponseHopLimit",
    ),
    ("metadata-options.state", "/metadataOptions/state"),
    ("operator.managed", "/operator/managed"),
    ("platform-details", "/platformDetails"),
    (
        "private-dns-name-options.hostname-type",
        "/privateDnsNameOptions/hostnameType",
    ),
    ("usage-operation", "/usageOperation"),
    ("usage-operation-update-time", "/usageOperationUpdateTime"),
    (
        "network-interface.addresses.private-dns-name",
        "/networkInterfaceSet/item/0/privateIpAddressesSet/item/0/privateDnsName",
    ),
    (
        "network-interface.addresses.association.ip-owner-id",
        "/networkInterfaceSet/item/0/privateIpAddressesSet/item/0/association/ipOwnerId",
    ),
    (
        "network-interface.attachment.network-card-index",
        "/networkInterfaceSet/item/0/attachment/networkCardIndex",
    ),
];

#[test]
fn filters_of_instances_match_what_is_shown() {
    let mut region = TestWorld::bootstrapped();
    launched(
        &mut region,
        &[
            ("EbsOptimized", "true"),
            ("MetadataOptions.HttpPutResponseHopLimit", "2"),
            ("TagSpecification.1.ResourceType", "network-interface"),
            ("TagSpecification.1.Tag.1.Key", "Role"),
            ("TagSpecification.1.Tag.1.Value", "web"),
        ],
    );
    let shown = region.must("DescribeInstances", &[]);
    let shown = &shown["reservationSet"]["item"][0]["instancesSet"]["item"][0];
    let shown_at = |pointer: &str| match shown.pointer(pointer).unwrap() {
        Value::String(text) => text.clone(),
        other => format!("{other}"),
    };
    let tags = [
        ("network-interface.tag-key", "Role".into()),
        ("network-interface.tag-value", "web".into()),
    ];
    let cases = SHOWN
        .iter()
        .map(|(name, pointer)| (*name, shown_at(pointer)));
    let cases: Vec<_> = cases.chain(tags).collect();
    for (name, value) in cases {
        for (asked, found) in [(value.as_str(), true), ("other", false)] {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", asked)];
            let answer = region.must("DescribeInstances", &filter);
            let ids = TestWorld::texts(&answer, "/reservationSet", "/reservationId");
            assert_eq!(!ids.is_empty(), found, "{name}={asked}");
        }
    }
}

/// A public address that EC2 lends has neither an allocation nor an association, and none is a carrier's.
#[test]
fn filters_for_what_no_instance_has_find_none() {
    let mut region = TestWorld::bootstrapped();
    launched(&mut region, &[]);
    for name in [
        "host-id",
        "kernel-id",
        "network-interface.addresses.association.allocation-id",
        "network-interface.addresses.association.carrier-ip",
        "network-interface.association.customer-owned-ip",
        "network-interface.ipv6-address",
        "outpost-arn",
        "tpm-support",
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", "*")];
        let answer = region.must("DescribeInstances", &filter);
        let ids = TestWorld::texts(&answer, "/reservationSet", "/reservationId");
        assert!(ids.is_empty(), "{name}");
    }
}
