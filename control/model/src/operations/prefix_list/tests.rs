use alloc::vec::Vec;

use crate::testing::TestWorld;

const S3: &str = "pl-63a5400a";

#[test]
fn the_lists_of_gateway_endpoints_are_found_by_name() {
    let mut region = TestWorld::bootstrapped();
    let name = "com.amazonaws.us-east-1.s3";
    let filter = [
        ("Filter.1.Name", "prefix-list-name"),
        ("Filter.1.Value.1", name),
    ];
    for action in ["DescribePrefixLists", "DescribeManagedPrefixLists"] {
        let answer = region.must(action, &filter);
        assert_eq!(
            TestWorld::texts(&answer, "/prefixListSet", "/prefixListId"),
            [S3]
        );
        assert_eq!(
            TestWorld::texts(&answer, "/prefixListSet", "/prefixListName"),
            [name]
        );
        let all = region.must(action, &[]);
        assert_eq!(
            TestWorld::texts(&all, "/prefixListSet", "/prefixListId").len(),
            2
        );
        assert_eq!(
            region.refused(action, &[("PrefixListId.1", "pl-12345678")]),
            "InvalidPrefixListID.NotFound: The prefix list ID 'pl-12345678' does not exist"
        );
    }
}

#[test]
fn entries_come_in_pages() {
    let mut region = TestWorld::bootstrapped();
    let all = region.must("GetManagedPrefixListEntries", &[("PrefixListId", S3)]);
    let all = TestWorld::texts(&all, "/entrySet", "/cidr");
    let lists = region.must("DescribePrefixLists", &[("PrefixListId.1", S3)]);
    let described: Vec<_> = lists["prefixListSet"]["item"][0]["cidrSet"]["item"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cidr| cidr.as_str().unwrap())
        .collect();
    assert_eq!(all, described);
    let mut paged = Vec::new();
    let mut token = None::<alloc::string::String>;
    loop {
        let mut parameters = Vec::from([("PrefixListId", S3), ("MaxResults", "3")]);
        parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
        let page = region.must("GetManagedPrefixListEntries", &parameters);
        paged.extend(TestWorld::texts(&page, "/entrySet", "/cidr"));
        match page["nextToken"].as_str() {
            Some(next) => token = Some(next.into()),
            None => break,
        }
    }
    assert_eq!(paged, all);
    for (parameters, want) in [
        (
            [("PrefixListId", "pl-12345678"), ("MaxResults", "3")],
            "InvalidPrefixListID.NotFound: The prefix list ID 'pl-12345678' does not exist",
        ),
        (
            [("PrefixListId", S3), ("NextToken", "9")],
            "InvalidNextToken: The token provided is invalid.",
        ),
        (
            [("PrefixListId", S3), ("TargetVersion", "2")],
            "InvalidParameterValue: The version 2 of the prefix list pl-63a5400a does not exist.",
        ),
    ] {
        assert_eq!(
            region.refused("GetManagedPrefixListEntries", &parameters),
            want
        );
    }
}

#[test]
fn nothing_uses_a_list_and_rules_say_that_they_take_none() {
    let mut region = TestWorld::bootstrapped();
    let answer = region.must("GetManagedPrefixListAssociations", &[("PrefixListId", S3)]);
    assert!(TestWorld::texts(&answer, "/prefixListAssociationSet", "").is_empty());
    let groups = region.must("DescribeSecurityGroups", &[]);
    let group = groups["securityGroupInfo"]["item"][0]["groupId"]
        .as_str()
        .unwrap();
    for (list, want) in [
        (
            S3,
            "UnsupportedOperation: Prefix lists in rules are not supported in this region.",
        ),
        (
            "pl-12345678",
            "InvalidPrefixListID.NotFound: The prefix list ID 'pl-12345678' does not exist",
        ),
    ] {
        let rule = [
            ("GroupId", group),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.PrefixListIds.1.PrefixListId", list),
        ];
        assert_eq!(region.refused("AuthorizeSecurityGroupEgress", &rule), want);
    }
}
