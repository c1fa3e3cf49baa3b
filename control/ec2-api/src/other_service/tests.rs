use std::fmt::Write;

use http::Request;
use http::request::Parts;

use super::{CODE, OtherService, models};
use crate::access_log::Record;
use crate::sigv4::Service;
use crate::{Answer, Client};

type Headers<'a> = &'a [(&'a str, &'a str)];

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

fn head(method: &str, target: &str, headers: Headers<'_>) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// What `Authorization` says of a request signed for `service`.
fn signed_for(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00"
    )
}

fn answered(head: &Parts, body: &[u8]) -> Option<Answer> {
    let mut record = Record::new("ID", &Client::new([127, 0, 0, 1].into()));
    Some(OtherService::of_request(head, body)?.refuse(head, "ID".into(), &mut record))
}

/// `STATUS media type, header: body`.
fn line(answer: &Answer) -> String {
    let Answer {
        status,
        content_type,
        header,
        ..
    } = answer;
    let body = match *content_type {
        "application/cbor" => {
            let read: ciborium::Value = ciborium::from_reader(answer.body.as_slice()).unwrap();
            format!("{read:?}")
        }
        _ => String::from_utf8(answer.body.clone()).unwrap(),
    };
    let body = body.replace('\n', "");
    let header = header.map_or_else(String::new, |(name, value)| format!(", {name}: {value}"));
    format!("{status} {content_type}{header}\n    {body}")
}

#[test]
fn each_protocol_gets_an_error_of_its_own() {
    let json = ("content-type", "application/x-amz-json-1.0");
    let form = ("content-type", FORM);
    let requests: [(&str, &str, &str, Headers<'_>); 9] = [
        ("elasticloadbalancing", "POST", "/", &[form]),
        (
            "dynamodb",
            "POST",
            "/",
            &[json, ("x-amz-target", "DynamoDB_20120810.ListTables")],
        ),
        (
            "dynamodb",
            "POST",
            "/",
            &[
                json,
                ("x-amz-target", "DynamoDBStreams_20120810.ListStreams"),
            ],
        ),
        (
            "monitoring",
            "POST",
            "/service/GraniteServiceVersion20100801/operation/ListMetrics",
            &[("smithy-protocol", "rpc-v2-cbor")],
        ),
        ("lambda", "GET", "/2015-03-31/functions/", &[]),
        ("route53", "GET", "/2013-04-01/hostedzone", &[]),
        ("s3", "GET", "/bucket/key", &[]),
        ("s3", "HEAD", "/bucket/key", &[]),
        ("younger", "GET", "/things", &[]),
    ];
    let mut lines = String::new();
    for (service, method, target, headers) in requests {
        let authorization = signed_for(service);
        let headers = [headers, &[("authorization", authorization.as_str())]].concat();
        let answer = answered(&head(method, target, &headers), b"").unwrap();
        writeln!(lines, "{method} {target} ({service})\n  {}", line(&answer)).unwrap();
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn a_request_names_its_service_in_one_of_several_ways() {
    let presigned = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20150830%2Fus-east-1%2Frds%2Faws4_request";
    let region_less = "AWS4-ECDSA-P256-SHA256 Credential=K/20150830/s3/aws4_request, SignedHeaders=host, Signature=00";
    let younger = signed_for("IngestionService");
    let requests: [(&str, Headers<'_>, &[u8], Option<&str>); 10] = [
        (
            presigned,
            &[],
            b"",
            Some("Amazon Relational Database Service"),
        ),
        (
            "/b",
            &[("authorization", region_less)],
            b"",
            Some("Amazon Simple Storage Service"),
        ),
        (
            "/",
            &[("x-amz-target", "AWSCognitoIdentityProviderService.SignUp")],
            b"",
            Some("Amazon Cognito Identity Provider"),
        ),
        (
            "/",
            &[],
            b"Action=DescribeStacks&Version=2010-05-15",
            Some("AWS CloudFormation"),
        ),
        (
            "/?Action=ListTopics&Version=2010-03-31",
            &[],
            b"",
            Some("Amazon Simple Notification Service"),
        ),
        (
            "/",
            &[],
            b"Action=X&Version=2010-12-01",
            Some("AWS Elastic Beanstalk or Amazon Simple Email Service"),
        ),
        (
            "/",
            &[("authorization", &younger)],
            b"Action=ListJobs&Version=2010-06-01",
            Some("AWS Import/Export"),
        ),
        ("/", &[], b"Action=DescribeVpcs&Version=2016-11-15", None),
        (
            "/",
            &[],
            b"Action=GetCallerIdentity&Version=2011-06-15",
            None,
        ),
        (
            "/",
            &[("authorization", "AWS AKIDEXAMPLE:c2lnbmF0dXJl")],
            b"",
            None,
        ),
    ];
    for (target, headers, body, want) in requests {
        let found = OtherService::of_request(&head("POST", target, headers), body);
        assert_eq!(
            found.map(|other| other.name).as_deref(),
            want,
            "{target} {headers:?}"
        );
    }
}

#[test]
fn what_is_signed_for_a_served_service_is_for_no_other() {
    for service in Service::ALL.map(Service::signing_name) {
        let authorization = signed_for(service);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", FORM),
        ];
        let found = OtherService::of_request(&head("POST", "/", &headers), b"Version=2010-05-15");
        assert_eq!(found, None);
    }
}

#[test]
fn every_service_is_refused_by_name() {
    let mut count = 0;
    for model in models() {
        let authorization = signed_for(model.signing_name);
        let head = head("GET", "/things", &[("authorization", &authorization)]);
        let answer = answered(&head, b"").unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status == 400 && text.contains(CODE),
            "{}: {text}",
            model.signing_name
        );
        assert!(
            text.contains("OpenENI does not serve "),
            "{}: {text}",
            model.signing_name
        );
        count += 1;
    }
    assert!(count > 400, "{count} services");
}
