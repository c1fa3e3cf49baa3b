use eni_model::ItemSet;
use proptest::prelude::*;
use serde::Serialize;

use super::*;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescribeThingsResponse {
    thing_set: ItemSet<Thing>,
    empty_set: ItemSet<Thing>,
    next_token: Option<String>,
}

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Thing {
    thing_id: String,
    r#return: bool,
    count: u32,
    state: State,
    nothing: Option<String>,
    association: Option<Association>,
    address_set: ItemSet<String>,
}

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    #[default]
    InUse,
}

#[derive(Clone, Default, Serialize)]
struct Association {}

#[test]
fn an_answer_has_the_shape_of_ec2s() {
    let thing = Thing {
        thing_id: "eni-1".into(),
        r#return: true,
        count: 7,
        address_set: ["10.0.0.4".to_owned(), "a & <b>".into()]
            .into_iter()
            .collect(),
        ..Thing::default()
    };
    let with_association = Thing {
        association: Some(Association {}),
        ..Thing::default()
    };
    let response = DescribeThingsResponse {
        thing_set: vec![thing, with_association].into(),
        empty_set: ItemSet::default(),
        next_token: None,
    };
    insta::assert_snapshot!(ec2_response("DescribeThings", "id-1", &response).unwrap());
}

#[test]
fn errors_have_the_shape_of_their_service() {
    let fault = Fault::client("InvalidParameterValue", "Value (<&>) is invalid.");
    insta::assert_snapshot!(
        Service::ALL
            .map(|service| error(service, "id-1", &fault))
            .join("\n")
    );
}

#[test]
fn what_xml_cannot_say_is_an_error_and_no_panic() {
    assert!(ec2_response("X", "id", &7).is_err());
    assert!(ec2_response("X", "id", &std::collections::BTreeMap::from([("a", 1)])).is_err());
    assert!(ec2_response("X", "id", &()).is_ok());
}

proptest! {
    /// Character data survives a parser that was written by somebody else.
    #[test]
    fn text_survives_a_parser(text in "[\\t\\n\\r\\x20-\\x7e\u{e9}\u{4e2d}]{0,40}") {
        let response = Thing { thing_id: text.clone(), ..Thing::default() };
        let document = ec2_response("X", "id", &response).unwrap();
        let parsed: quick_xml::Result<Vec<_>> = std::iter::from_fn({
            let mut reader = quick_xml::Reader::from_str(&document);
            move || match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => None,
                event => Some(event.map(quick_xml::events::Event::into_owned)),
            }
        }).collect();
        prop_assert!(parsed.is_ok());
        let inside = document.split("<thingId>").nth(1).unwrap().split("</thingId>").next().unwrap();
        prop_assert_eq!(quick_xml::escape::unescape(inside).unwrap(), text);
    }
}

/// An answer is the same in any parts, also where some but the first have no members.
#[test]
fn parts_make_the_same_document_as_the_whole() {
    let things = |count: usize| -> ItemSet<Thing> {
        (0..count)
            .map(|number| Thing {
                thing_id: format!("eni-{number}"),
                ..Thing::default()
            })
            .collect()
    };
    for (parts, token) in [
        (&[0][..], None),
        (&[3], Some("more")),
        (&[2, 1], None),
        (&[1, 0, 2], Some("more")),
        (&[1, 2, 0], None),
    ] {
        let all = things(3).items;
        let (mut out, mut given) = (String::new(), 0);
        for (index, count) in parts.iter().enumerate() {
            let part = Part {
                is_first: index == 0,
                is_last: index + 1 == parts.len(),
            };
            let response = DescribeManyResponse {
                thing_set: all[given..given + count].to_vec().into(),
                next_token: token.filter(|_| part.is_last).map(String::from),
            };
            given += count;
            ec2_response_part("DescribeMany", "id-1", &response, part, &mut out).unwrap();
        }
        let whole = DescribeManyResponse {
            thing_set: things(given),
            next_token: token.map(String::from),
        };
        let whole = ec2_response("DescribeMany", "id-1", &whole).unwrap();
        assert_eq!(out, whole, "{parts:?}");
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescribeManyResponse {
    thing_set: ItemSet<Thing>,
    next_token: Option<String>,
}
