//! Answers and errors in the XML of each service.

mod element;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::Fault;
use crate::sigv4::Service;
use element::{Element, Fields};

pub use element::XmlError;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const EC2_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The answer of the EC2 operation `action`: the fields of `response` follow the request's id.
///
/// # Errors
/// A response with something that EC2's XML cannot say, such as a map: a fault of ours.
pub fn ec2_response(
    action: &str,
    request_id: &str,
    response: &impl Serialize,
) -> Result<String, XmlError> {
    let mut out = String::from(DECLARATION);
    for piece in [
        "<",
        action,
        "Response xmlns=\"",
        EC2_NAMESPACE,
        "\"><requestId>",
        request_id,
        "</requestId>",
    ] {
        out.push_str(piece);
    }
    response.serialize(Fields::new(&mut out))?;
    for piece in ["</", action, "Response>"] {
        out.push_str(piece);
    }
    Ok(out)
}

/// The answer of the STS operation `action`: the fields of `result` in an element of their own, then the request's id.
///
/// # Errors
/// As [`ec2_response`].
pub fn sts_response(
    action: &str,
    request_id: &str,
    result: &impl Serialize,
) -> Result<String, XmlError> {
    let mut out = format!("{DECLARATION}<{action}Response xmlns=\"{STS_NAMESPACE}\">");
    result.serialize(Element::new(&mut out, &format!("{action}Result")))?;
    out += &format!(
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    );
    Ok(out)
}

/// The document of an error.
#[must_use]
pub fn error(service: Service, request_id: &str, fault: &Fault) -> String {
    let mut out = String::from(DECLARATION);
    match service {
        Service::Ec2 => {
            out += "<Response><Errors><Error><Code>";
            element::escape(fault.code, &mut out);
            out += "</Code><Message>";
            element::escape(&fault.message, &mut out);
            out += "</Message></Error></Errors><RequestID>";
            out += request_id;
            out += "</RequestID></Response>";
        }
        Service::Sts => {
            let blame = if fault.status < 500 {
                "Sender"
            } else {
                "Receiver"
            };
            out += &format!(
                "<ErrorResponse xmlns=\"{STS_NAMESPACE}\"><Error><Type>{blame}</Type><Code>"
            );
            element::escape(fault.code, &mut out);
            out += "</Code><Message>";
            element::escape(&fault.message, &mut out);
            out += "</Message></Error><RequestId>";
            out += request_id;
            out += "</RequestId></ErrorResponse>";
        }
    }
    out
}
