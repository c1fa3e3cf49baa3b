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
