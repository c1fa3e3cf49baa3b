//! The shapes of errors in AWS's protocols.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::xml::{self, CONTENT_TYPE as XML, ErrorShape};
use crate::{Answer, Fault};

/// How a client reads errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// AWS Query: `<ErrorResponse><Error>`.
    Query,
    /// AWS JSON 1.0 and 1.1: `__type` and `message`.
    Json,
    /// Smithy RPC v2: the same in CBOR.
    Cbor,
    /// REST with JSON: the code in a header.
    RestJson,
    /// REST with XML: as Query.
    RestXml,
    /// S3's REST with XML: `<Error>`.
    S3,
}

/// An error in JSON.
#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "__type")]
    code: &'a str,
    message: &'a str,
}

impl Dialect {
    /// What the request's own headers say of it; `None` for REST and for a query in the path.
    pub(super) fn of_request(headers: &HeaderMap) -> Option<Self> {
        let form = "application/x-www-form-urlencoded";
        let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
        if headers.contains_key("smithy-protocol") {
            Some(Self::Cbor)
        } else if headers.contains_key("x-amz-target") {
            Some(Self::Json)
        } else if content_type.is_some_and(|found| found.starts_with(form.as_bytes())) {
            Some(Self::Query)
        } else {
            None
        }
    }

    /// What says `fault` to such a client.
    pub(super) fn answer(self, fault: &Fault, request_id: String) -> Answer {
        let error = Error {
            code: fault.code,
            message: &fault.message,
        };
        let (content_type, body) = match self {
            Self::Query | Self::RestXml => (
                XML,
                xml::error(ErrorShape::Wrapped { namespace: None }, &request_id, fault).into(),
            ),
            Self::S3 => (XML, xml::error(ErrorShape::Bare, &request_id, fault).into()),
            Self::Json => ("application/x-amz-json-1.1", json(&error)),
            Self::RestJson => ("application/json", json(&error)),
            Self::Cbor => ("application/cbor", cbor(&error)),
        };
        let header = match self {
            Self::Json | Self::RestJson => Some(("x-amzn-errortype", fault.code)),
            Self::Cbor => Some(("smithy-protocol", "rpc-v2-cbor")),
            Self::Query | Self::RestXml | Self::S3 => None,
        };
        Answer {
            status: fault.status,
            request_id,
            content_type,
            header,
            body,
        }
    }
}

fn json(error: &Error<'_>) -> Vec<u8> {
    serde_json::to_vec(error).expect("text is always JSON")
}

fn cbor(error: &Error<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(error, &mut out).expect("text is always CBOR, and memory takes it");
    out
}
