//! Signatures in the table come from botocore 1.44.5 with its clock set to 2015-08-30T12:36:00Z; the first is
//! `get-vanilla` of AWS's published suite.

use eni_types::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::{Credentials, SecretAccessKey};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: Timestamp = Timestamp(1_440_938_160_000);
const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn new(
        method: &'static str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        });
        Self {
            method,
            path: path.into(),
            query: query.into(),
            headers: headers.collect(),
            body: body.into(),
        }
    }

    fn claim(&self) -> Result<Claim<'_>, Refusal> {
        Claim::read(&self.headers, &self.query)
    }

    fn verify(&self) -> Result<(), Refusal> {
        let claim = self.claim()?;
        let [date, region, service] = claim.scope();
        let key = SigningKey::derive(SECRET, date, region, service);
        let parts = RequestParts {
            method: self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        claim.verify(&parts, &key)
    }

    fn check_scope(&self, service: Service, now: Timestamp) -> Result<(), Refusal> {
        self.claim()?.check_scope(service, "us-east-1", now)
    }
}

fn authorization(service: &str, signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, \
         SignedHeaders={signed_headers}, Signature={signature}"
    )
}

fn vanilla() -> Request {
    let authorization = authorization(
        "service",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    let headers = [
        ("host", "example.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", &authorization),
    ];
    Request::new("GET", "/", "", &headers, "")
}

fn form() -> Request {
    let authorization = authorization(
        "ec2",
        "content-type;host;x-amz-date",
        "ea70047ea4b12a3b0f7b4768d4b673f54b1f05d34beee1fdc279ced7ae9d4818",
    );
    let headers = [
        ("host", "127.0.0.1:4599"),
        (
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        ),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", &authorization),
    ];
    let body =
        "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=tag%3AName&Filter.1.Value.1=a+b%2Bc";
    Request::new("POST", "/", "", &headers, body)
}

fn query() -> Request {
    let authorization = authorization(
        "ec2",
        "host;my-header;x-amz-date",
        "dd760f21eef864c2f455268e5a42a941a173e6e47c2088f234ab8deecbbb1679",
    );
    let headers = [
        ("host", "127.0.0.1:4599"),
        ("my-header", "  a   b  c "),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", &authorization),
    ];
    let query = "Version=2016-11-15&Action=DescribeVpcs&Filter.1.Name=tag%3AName&Filter.1.Value.1=%C3%A9%20~x";
    Request::new("GET", "/", query, &headers, "")
}

fn dotted_path() -> Request {
    let authorization = authorization(
        "ec2",
        "content-type;host;x-amz-date",
        "2a1ee30af91ba41b757f248f440488e11c5454794a25a6100223db1d12d0d29f",
    );
    let headers = [
        ("host", "127.0.0.1:4599"),
        ("content-type", FORM),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", &authorization),
    ];
    Request::new("POST", "/a%20b/../c/./d/", "", &headers, "")
}

fn presigned() -> Request {
    let query = "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z\
        &X-Amz-Expires=900&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=9aa518396805ecad38e5fc0074a0c77403ff603d057834038fa00980cb2db645";
    Request::new("GET", "/", query, &[("host", "127.0.0.1:4599")], "")
}

#[test]
fn what_aws_clients_sign_is_verified() {
    for request in [vanilla(), form(), query(), dotted_path(), presigned()] {
        assert_eq!(request.verify(), Ok(()), "{request:?}");
    }
}

#[test]
fn what_our_own_signer_signs_is_verified() {
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: SecretAccessKey::new(SECRET),
        account_id: "123456789012".into(),
    };
    let signer = Signer::new(credentials, "us-east-1", Service::Ec2);
    let mut request = form();
    let expected = request.headers.remove("authorization").unwrap();
    request.headers.remove("x-amz-date");
    signer
        .sign("POST", "", &mut request.headers, &request.body, NOW)
        .unwrap();
    assert_eq!(request.headers["authorization"], expected);
}

#[test]
fn the_secret_is_not_printed() {
    let secret = SecretAccessKey::new(SECRET);
    assert_eq!(format!("{secret:?}"), "SecretAccessKey(..)");
}

#[test]
fn a_rotated_secret_does_not_verify_under_the_kept_key() {
    let keys = SigningKeys::default();
    let scope = ["20150830", "us-east-1", "service"];
    let parts_of = vanilla();
    let claim = parts_of.claim().unwrap();
    let parts = RequestParts {
        method: "GET",
        path: "/",
        query: "",
        headers: &parts_of.headers,
        body: b"",
    };
    for _ in 0..2 {
        assert!(
            claim
                .verify(&parts, &keys.get("AKIDEXAMPLE", SECRET, scope))
                .is_ok()
        );
        let rotated = keys.get("AKIDEXAMPLE", "another", scope);
        assert_eq!(
            claim.verify(&parts, &rotated),
            Err(Refusal::SignatureMismatch)
        );
    }
}

#[test]
fn an_incomplete_claim_says_what_is_missing() {
    let without = |name: &str| {
        let mut request = form();
        request.headers.remove(name);
        request
    };
    let with = |value: &str| {
        let mut request = form();
        request
            .headers
            .insert("authorization", HeaderValue::from_str(value).unwrap());
        request
    };
    let digits = "0".repeat(64);
    let cases = [
        (
            without("x-amz-date"),
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4",
        ),
        (
            with("Basic dTpw"),
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. \
             Authorization header requires 'SignedHeaders' parameter. Authorization=Basic dTpw",
        ),
        (
            with(&format!(
                "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature={digits}"
            )),
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c'",
        ),
        (
            with("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=xyz"),
            "Signature must be 64 hexadecimal digits.",
        ),
        (
            with(&format!(
                "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host;a, Signature={digits}"
            )),
            "SignedHeaders must be sorted and without repetition, got 'host;a'",
        ),
    ];
    for (request, message) in cases {
        match request.claim() {
            Err(Refusal::Incomplete { reason }) => assert!(reason.starts_with(message), "{reason}"),
            other => panic!("{other:?} for {message}"),
        }
    }
    assert_eq!(without("authorization").claim(), Err(Refusal::Unsigned));
}

#[test]
fn an_incomplete_presigned_claim_is_refused() {
    let cases = [
        ("X-Amz-Expires=900", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=900", "X-Amz-Expires=0"),
        ("X-Amz-Expires=900", "X-Amz-Expires=900&X-Amz-Expires=900"),
        (
            "X-Amz-Date=20150830T123600Z",
            "X-Amz-Date=2015-08-30T12:36:00Z",
        ),
        ("X-Amz-Date=20150830T123600Z", "X-Amz-Date=20150830T126000Z"),
        ("X-Amz-SignedHeaders=host", ""),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
    ];
    for (from, to) in cases {
        let mut request = presigned();
        request.query = request.query.replace(from, to);
        assert!(
            matches!(request.claim(), Err(Refusal::Incomplete { .. })),
            "{to}"
        );
    }
}

#[test]
fn a_claim_is_good_for_a_quarter_of_an_hour_around_its_time() {
    let minutes = |minutes: i64| Timestamp(NOW.0 + minutes * 60_000);
    let expired = |request: &Request, now| {
        matches!(
            request.check_scope(Service::Sts, now),
            Err(Refusal::Expired { .. })
        )
    };
    let mut header = form();
    let sts = header.headers["authorization"]
        .to_str()
        .unwrap()
        .replace("/ec2/", "/sts/");
    header
        .headers
        .insert("authorization", HeaderValue::from_str(&sts).unwrap());
    assert_eq!(header.check_scope(Service::Sts, minutes(15)), Ok(()));
    assert!(expired(&header, Timestamp(minutes(15).0 + 1000)));
    assert_eq!(header.check_scope(Service::Sts, minutes(-15)), Ok(()));
    assert!(matches!(
        header.check_scope(Service::Sts, minutes(-16)),
        Err(Refusal::NotYetCurrent { .. })
    ));
    // A presigned request lives its X-Amz-Expires (900 s here) longer.
    assert_eq!(presigned().check_scope(Service::Sts, minutes(30)), Ok(()));
    assert!(expired(&presigned(), minutes(31)));
}

#[test]
fn each_refusal_has_the_wording_of_its_service() {
    let at = ClaimedTime::at(NOW);
    let now = ClaimedTime::at(Timestamp(NOW.0 + 3_600_000));
    let reason = || "why".to_owned();
    let refusals = [
        Refusal::Unsigned,
        Refusal::Incomplete { reason: reason() },
        Refusal::UnknownAccessKey,
        Refusal::UnknownSessionToken,
        Refusal::ExpiredSession,
        Refusal::SignatureMismatch,
        Refusal::Scope { reason: reason() },
        Refusal::Expired { at, now },
        Refusal::NotYetCurrent { at: now, now: at },
    ];
    let mut table = String::new();
    for service in Service::ALL {
        for refusal in &refusals {
            let fault = refusal.fault(service);
            table += &format!(
                "{} {} {} {}\n",
                service.signing_name(),
                fault.status,
                fault.code,
                fault.message
            );
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_scope_that_is_not_this_endpoints_is_refused() {
    let cases = [
        (
            "/us-east-1/",
            "/eu-west-1/",
            "Credential should be scoped to a valid region, not 'eu-west-1'. ",
        ),
        (
            "/ec2/",
            "/s3/",
            "Credential should be scoped to correct service: 'ec2'. ",
        ),
        (
            "aws4_request",
            "aws5_request",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
        ),
        (
            "/20150830/",
            "/20150831/",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != \
             '20150830', from '20150830T123600Z'.",
        ),
        (
            ";host;",
            ";host2;",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
    ];
    for (from, to, reason) in cases {
        let mut request = form();
        let value = request.headers["authorization"]
            .to_str()
            .unwrap()
            .replace(from, to);
        request
            .headers
            .insert("authorization", HeaderValue::from_str(&value).unwrap());
        let refused = Err(Refusal::Scope {
            reason: reason.into(),
        });
        assert_eq!(request.check_scope(Service::Ec2, NOW), refused);
    }
    assert_eq!(form().check_scope(Service::Ec2, NOW), Ok(()));
}

proptest! {
    #[test]
    fn any_flipped_byte_of_the_body_fails(index in 0usize..88, flip in 1u8..=255) {
        let mut request = form();
        request.body[index] ^= flip;
        prop_assert_eq!(request.verify(), Err(Refusal::SignatureMismatch));
    }

    #[test]
    fn any_changed_byte_of_a_signed_header_or_the_signature_fails(index in 0usize..300, to in 0x21u8..0x7f) {
        for name in ["host", "content-type", "x-amz-date", "authorization"] {
            let mut request = form();
            let mut value = request.headers[name].as_bytes().to_vec();
            let index = index % value.len();
            // White space is folded; commas and hexadecimal case do not change what is said.
            if value[index].eq_ignore_ascii_case(&to) || b" ,\t".contains(&to) || b" ,".contains(&value[index]) {
                continue;
            }
            value[index] = to;
            request.headers.insert(name, HeaderValue::from_bytes(&value).unwrap());
            // The key's name is not signed: another name finds another secret.
            let named = request.claim().is_ok_and(|claim| claim.access_key_id != "AKIDEXAMPLE");
            prop_assert!(named || request.verify().is_err(), "{} {:?}", name, request);
        }
    }

    #[test]
    fn any_changed_byte_of_a_signed_query_fails(index in 0usize..400, to in 0x21u8..0x7f) {
        for original in [query(), presigned()] {
            let mut request = original.clone();
            let mut bytes = request.query.into_bytes();
            let index = index % bytes.len();
            bytes[index] = to;
            request.query = String::from_utf8(bytes).unwrap();
            let same = eni_query::form_pairs(request.query.as_bytes()).eq(eni_query::form_pairs(original.query.as_bytes()));
            let named = request.claim().is_ok_and(|claim| claim.access_key_id != "AKIDEXAMPLE");
            let case = request.query.eq_ignore_ascii_case(&original.query);
            prop_assert!(same || named || case || request.verify().is_err(), "{}", request.query);
        }
    }

    #[test]
    fn no_header_or_query_makes_the_reader_panic(value in "\\PC{0,200}", query in "\\PC{0,200}") {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&format!("AWS4-HMAC-SHA256 {value}")) {
            headers.insert("authorization", value);
        }
        headers.insert("x-amz-date", HeaderValue::from_static("20150830T123600Z"));
        let _ = Claim::read(&headers, "");
        let _ = Claim::read(&HeaderMap::new(), &format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}"));
    }
}
