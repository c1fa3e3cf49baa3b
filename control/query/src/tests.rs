use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{NetworkInterfaceId, SubnetId};
use proptest::prelude::*;

use crate::{FromQuery, QueryError, QueryTree};

#[derive(Debug, PartialEq, FromQuery)]
struct Filter {
    name: String,
    #[query(name = "Value")]
    values: Vec<String>,
}

#[derive(Debug, PartialEq, FromQuery)]
struct Paging {
    #[query(name = "Filter")]
    filters: Vec<Filter>,
    max_results: Option<u32>,
}

#[derive(Debug, PartialEq, FromQuery)]
struct Request {
    subnet_id: SubnetId,
    #[query(name = "NetworkInterfaceId")]
    network_interface_ids: Vec<NetworkInterfaceId>,
    primary: Option<bool>,
    #[query(flatten)]
    paging: Paging,
}

fn read(pairs: &[(&str, &str)]) -> Result<Request, QueryError> {
    QueryTree::from_pairs(pairs.iter().copied())?.read()
}

#[test]
fn members_come_in_the_order_of_their_numbers_and_nested_ones_too() {
    let request = read(&[
        ("SubnetId", "subnet-12345678"),
        ("NetworkInterfaceId.10", "eni-00000002"),
        ("NetworkInterfaceId.9", "eni-00000001"),
        ("Filter.1.Name", "vpc-id"),
        ("Filter.1.Value.2", "b"),
        ("Filter.1.Value.1", "a"),
        ("MaxResults", "5"),
        ("Primary", "true"),
    ])
    .unwrap();
    let ids: Vec<String> = request
        .network_interface_ids
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids, ["eni-00000001", "eni-00000002"]);
    assert_eq!(
        request.paging.filters,
        [Filter {
            name: "vpc-id".into(),
            values: ["a".into(), "b".into()].into()
        }]
    );
    assert_eq!(
        (request.paging.max_results, request.primary),
        (Some(5), Some(true))
    );
}

/// Parameters, the code and the text.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

const SUBNET: (&str, &str) = ("SubnetId", "subnet-12345678");

const REFUSED: [Case<'_>; 12] = [
    (
        &[],
        "MissingParameter",
        "The request must contain the parameter SubnetId",
    ),
    (
        &[("SubnetId", "vpc-1")],
        "InvalidSubnetID.NotFound",
        "The subnet ID 'vpc-1' does not exist",
    ),
    (
        &[SUBNET, ("NetworkInterfaceId.1", "vpc-1")],
        "InvalidNetworkInterfaceId.Malformed",
        "Invalid id: \"vpc-1\" (expecting \"eni-...\")",
    ),
    (
        &[SUBNET, ("NetworkInterfaceId.1", "eni-x")],
        "InvalidNetworkInterfaceId.Malformed",
        "Invalid id: \"eni-x\"",
    ),
    (
        &[SUBNET, ("NetworkInterfaceId.1", "eni-1")],
        "InvalidNetworkInterfaceID.NotFound",
        "The networkInterface ID 'eni-1' does not exist",
    ),
    (
        &[SUBNET, ("Color", "red")],
        "UnknownParameter",
        "The parameter Color is not recognized",
    ),
    (
        &[SUBNET, ("Filter.1.Nam", "x")],
        "UnknownParameter",
        "The parameter Filter.1.Nam is not recognized",
    ),
    (
        &[SUBNET, ("Filter.1.Value.1", "x")],
        "MissingParameter",
        "The request must contain the parameter Filter.1.Name",
    ),
    (
        &[SUBNET, ("Filter.x.Name", "x")],
        "UnknownParameter",
        "The parameter Filter.x is not recognized",
    ),
    (
        &[SUBNET, ("MaxResults", "many")],
        "InvalidParameterValue",
        "Value (many) for parameter maxResults is invalid. A number is expected.",
    ),
    (
        &[SUBNET, SUBNET],
        "MalformedQueryString",
        "A parameter is given more than once",
    ),
    (
        &[("SubnetId..x", "1")],
        "MalformedQueryString",
        "A parameter name is empty",
    ),
];

#[test]
fn what_ec2_refuses_is_refused_with_its_code() {
    for (pairs, code, message) in REFUSED {
        let error = read(pairs).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (code, message),
            "{pairs:?}"
        );
    }
}

#[test]
fn a_form_is_decoded_and_refused_where_no_answer_could_repeat_it() {
    let read = |form: &[u8]| {
        let mut tree = QueryTree::default();
        tree.add_form(form, |name| name == "Left")
            .map(|()| tree.to_form())
    };
    let cases: [(&[u8], &str); 6] = [
        (b"B=a+b%2Bc&A=%C3%A9&&", "A=%C3%A9&B=a%20b%2Bc"),
        (b"A.1=&A.2.X=%zz", "A.1=&A.2.X=%25zz"),
        (b"A", "A="),
        (b"A==%3D", "A=%3D%3D"),
        (b"Left=1&A=1", "A=1"),
        (b"", ""),
    ];
    for (form, want) in cases {
        assert_eq!(read(form).unwrap(), want);
    }
    let refused: [&[u8]; 5] = [b"A=%ff", b"%ff=A", b"A=%00", b"A=%EF%BF%BE", b"A=1&%41=2"];
    for form in refused {
        assert_eq!(read(form).unwrap_err().code(), "MalformedQueryString");
    }
}

#[test]
fn a_form_beyond_the_limits_is_refused() {
    let add = |form: &str| QueryTree::default().add_form(form.as_bytes(), |_| false);
    let names = |count: usize| {
        (0..count)
            .map(|number| alloc::format!("A.{number}=&"))
            .collect::<String>()
    };
    assert_eq!(add(&names(crate::MAX_PARAMETERS)), Ok(()));
    assert!(add(&names(crate::MAX_PARAMETERS + 1)).is_err());
    assert_eq!(add(&["A"; crate::MAX_DEPTH].join(".")), Ok(()));
    assert!(add(&["A"; crate::MAX_DEPTH + 1].join(".")).is_err());
}

#[test]
fn an_empty_value_is_not_an_absent_one() {
    let fingerprint = |pairs: &[(&str, &str)]| {
        QueryTree::from_pairs(pairs.iter().copied())
            .unwrap()
            .fingerprint()
    };
    assert_ne!(
        fingerprint(&[("A", ""), ("A.1", "x")]),
        fingerprint(&[("A.1", "x")])
    );
    assert_ne!(fingerprint(&[("A", "x")]), fingerprint(&[("Ax", "")]));
}

#[test]
fn an_optional_parameter_with_an_empty_value_is_absent_unless_it_is_an_id_or_kept() {
    #[derive(Debug, PartialEq, FromQuery)]
    struct Optional {
        name: Option<String>,
        #[query(keep_empty)]
        value: Option<String>,
        count: Option<u32>,
        address: Option<core::net::Ipv4Addr>,
        flag: Option<bool>,
        nested: Option<Nested>,
        names: Vec<String>,
    }
    #[derive(Debug, PartialEq, FromQuery)]
    struct Nested {
        zone: Option<String>,
    }
    let given = [
        "Name",
        "Value",
        "Count",
        "Address",
        "Flag",
        "Nested.Zone",
        "Names.1",
    ];
    let tree = QueryTree::from_pairs(given.map(|name| (name, ""))).unwrap();
    let want = Optional {
        name: None,
        value: Some(String::new()),
        count: None,
        address: None,
        flag: None,
        nested: Some(Nested { zone: None }),
        names: [String::new()].into(),
    };
    assert_eq!(tree.read::<Optional>(), Ok(want));

    #[derive(Debug, PartialEq, FromQuery)]
    struct OfId {
        subnet_id: Option<SubnetId>,
    }
    let tree = QueryTree::from_pairs([("SubnetId", "")]).unwrap();
    assert!(tree.read::<OfId>().is_err());
    // What is below an empty value is not lost.
    let tree = QueryTree::from_pairs([("SubnetId", ""), ("SubnetId.1", "x")]).unwrap();
    assert!(tree.read::<OfId>().is_err());
}

#[test]
fn a_member_is_numbered_by_digits_only() {
    for name in [
        "NetworkInterfaceId.+1",
        "NetworkInterfaceId.-1",
        "NetworkInterfaceId.4294967296",
    ] {
        let error = read(&[("SubnetId", "subnet-12345678"), (name, "eni-00000001")]).unwrap_err();
        assert_eq!(error.code(), "UnknownParameter", "{name}");
    }
}

proptest! {
    #[test]
    fn what_is_read_from_a_form_is_written_to_one_that_reads_the_same(form: Vec<u8>) {
        let mut tree = QueryTree::default();
        if tree.add_form(&form, |_| false).is_ok() {
            let mut again = QueryTree::default();
            again.add_form(tree.to_form().as_bytes(), |_| false).unwrap();
            prop_assert_eq!(again.fingerprint(), tree.fingerprint());
            let _ = tree.read::<Request>();
        }
    }

    #[test]
    fn no_form_makes_the_reader_panic(pairs: Vec<(String, String)>) {
        let _ = QueryTree::from_pairs(pairs).and_then(|tree| tree.read::<Request>());
    }

    #[test]
    fn the_fingerprint_does_not_depend_on_the_order_of_parameters(
        pairs in proptest::collection::btree_map("[A-C](\\.[1-3]){0,2}", "[a-c]{0,2}", 0..6)
    ) {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let forward = QueryTree::from_pairs(pairs.clone()).unwrap();
        let backward = QueryTree::from_pairs(pairs.into_iter().rev()).unwrap();
        prop_assert_eq!(forward.fingerprint(), backward.fingerprint());
    }
}
