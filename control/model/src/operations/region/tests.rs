use alloc::format;
use alloc::string::ToString;

use serde_json::json;

use crate::testing::TestWorld;

#[test]
fn the_region_is_the_only_one() {
    let mut region = TestWorld::bootstrapped();
    let want = json!({"regionInfo": {"item": [{
        "regionName": "us-east-1",
        "regionEndpoint": "ec2.us-east-1.amazonaws.com",
        "optInStatus": "opt-in-not-required",
    }]}});
    for parameters in [
        &[][..],
        &[("RegionName.1", "us-east-1"), ("AllRegions", "true")],
        &[
            ("Filter.1.Name", "region-name"),
            ("Filter.1.Value.1", "us-*"),
        ],
        &[
            ("Filter.1.Name", "endpoint"),
            ("Filter.1.Value.1", "*us-east-1*"),
        ],
        &[
            ("Filter.1.Name", "opt-in-status"),
            ("Filter.1.Value.1", "opt-in-not-required"),
        ],
    ] {
        assert_eq!(region.must("DescribeRegions", parameters), want);
    }
    assert_eq!(
        region.refused("DescribeRegions", &[("RegionName.1", "eu-west-1")]),
        "InvalidParameterValue: Invalid region provided: [eu-west-1]"
    );
}

#[test]
fn zones_are_found_by_name_id_and_filter() {
    let mut region = TestWorld::bootstrapped();
    for (parameters, want) in [
        (&[][..], &["us-east-1a", "us-east-1b", "us-east-1c"][..]),
        (&[("ZoneName.1", "us-east-1b")], &["us-east-1b"]),
        (&[("ZoneId.1", "use1-az3")], &["us-east-1c"]),
        (
            &[("ZoneId.1", "use1-az3"), ("ZoneName.1", "us-east-1a")],
            &[],
        ),
        (
            &[("Filter.1.Name", "zone-name"), ("Filter.1.Value.1", "*a")],
            &["us-east-1a"],
        ),
        (
            &[
                ("Filter.1.Name", "zone-id"),
                ("Filter.1.Value.1", "use1-az2"),
            ],
            &["us-east-1b"],
        ),
        (
            &[("Filter.1.Name", "state"), ("Filter.1.Value.1", "impaired")],
            &[],
        ),
        (
            &[
                ("Filter.1.Name", "parent-zone-id"),
                ("Filter.1.Value.1", "*"),
            ],
            &[],
        ),
    ] {
        let answer = region.must("DescribeAvailabilityZones", parameters);
        let found = TestWorld::texts(&answer, "/availabilityZoneInfo", "/zoneName");
        assert_eq!(found, want, "{parameters:?}");
    }
    for filter in [
        ("opt-in-status", "opt-in-not-required"),
        ("region-name", "us-east-1"),
        ("zone-type", "availability-zone"),
        ("group-name", "us-east-1-zg-1"),
        ("group-long-name", "US East (N. Virginia) 1"),
    ] {
        let parameters = [("Filter.1.Name", filter.0), ("Filter.1.Value.1", filter.1)];
        let answer = region.must("DescribeAvailabilityZones", &parameters);
        let found = TestWorld::texts(&answer, "/availabilityZoneInfo", "/zoneName");
        assert_eq!(found.len(), 3, "{filter:?}");
    }
    assert_eq!(
        region.refused("DescribeAvailabilityZones", &[("ZoneName.1", "us-east-1z")]),
        "InvalidParameterValue: Invalid availability zone: [us-east-1z]"
    );
}

#[test]
fn zones_and_their_group_are_named_after_the_region() {
    for (region, zone_id, group) in [
        ("us-east-1", "use1-az1", "US East (N. Virginia) 1"),
        ("ap-southeast-5", "apse5-az1", "Asia Pacific (Malaysia) 1"),
        ("ap-northeast-1", "apne1-az1", "Asia Pacific (Tokyo) 1"),
        ("ap-south-1", "aps1-az1", "Asia Pacific (Mumbai) 1"),
        ("cn-northwest-1", "cnnw1-az1", "China (Ningxia) 1"),
        ("us-gov-west-1", "usgw1-az1", "AWS GovCloud (US-West) 1"),
        ("eu-central-2", "euc2-az1", "Europe (Zurich) 1"),
        ("lab-1", "lab1-az1", "lab-1 1"),
    ] {
        let mut world = TestWorld::empty();
        world.region.region = region.into();
        world.region.availability_zones = [format!("{region}a")].into();
        let answer = world.must("DescribeAvailabilityZones", &[]);
        let zone = &answer["availabilityZoneInfo"]["item"][0];
        assert_eq!(zone["zoneId"], zone_id);
        assert_eq!(zone["groupLongName"], group);
    }
}

#[test]
fn the_account_knows_its_default_vpc_and_quotas() {
    let mut region = TestWorld::bootstrapped();
    let name = ("AttributeName.1", "default-vpc");
    let value = "/accountAttributeSet/item/0/attributeValueSet/item/0/attributeValue";
    let default_vpc = region.world.default_vpc().unwrap().vpc_id.to_string();
    assert_eq!(
        region.make("DescribeAccountAttributes", &[name], value),
        default_vpc
    );
    assert_eq!(
        TestWorld::empty().make("DescribeAccountAttributes", &[name], value),
        "none"
    );
    let answer = region.must("DescribeAccountAttributes", &[]);
    let names = TestWorld::texts(&answer, "/accountAttributeSet", "/attributeName");
    assert_eq!(names.len(), 6);
    assert_eq!(
        region.refused("DescribeAccountAttributes", &[("AttributeName.1", "color")]),
        "InvalidParameterValue: Value (color) for parameter attributeName is invalid. Unknown attribute."
    );
}
