//! Answers and errors in the XML of each service.

mod element;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::Fault;
use crate::sigv4::Service;
use element::{Element, Fields};

pub use element::{Part, XmlError};

/// The media type of every document.
pub const CONTENT_TYPE: &str = "text/xml;charset=UTF-8";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const EC2_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const IAM_NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// The answer of the EC2 operation `action`: the fields of `response` follow the request's id.
///
/// # Errors
/// A response with something that EC2's XML cannot say, such as a map: a fault of ours.
pub fn ec2_response(
    action: &str,
    request_id: &str,
    response: &impl Serialize,
) -> Result<String, XmlError> {
    let mut out = String::new();
    ec2_response_part(action, request_id, response, Part::WHOLE, &mut out)?;
    Ok(out)
}

/// Appends a part of such an answer to `out`. The lists of all parts become one each; a field that is no list is to be
/// present in the last part only.
///
/// # Errors
/// As [`ec2_response`].
pub fn ec2_response_part(
    action: &str,
    request_id: &str,
    response: &impl Serialize,
    part: Part,
    out: &mut String,
) -> Result<(), XmlError> {
    if part.is_first {
        out.push_str(DECLARATION);
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
    }
    response.serialize(Fields::new(out, part))?;
    if part.is_last {
        for piece in ["</", action, "Response>"] {
            out.push_str(piece);
        }
    }
    Ok(())
}

/// The answer of the STS operation `action`, as [`iam_response`].
///
/// # Errors
/// As [`ec2_response`].
pub fn sts_response(
    action: &str,
    request_id: &str,
    result: &impl Serialize,
) -> Result<String, XmlError> {
    query_response(STS_NAMESPACE, action, request_id, result)
}

/// The answer of the IAM operation `action`: the fields of `result` in an element of their own, unless it is a unit, then
/// the request's id.
///
/// # Errors
/// As [`ec2_response`].
pub fn iam_response(
    action: &str,
    request_id: &str,
    result: &impl Serialize,
) -> Result<String, XmlError> {
    query_response(IAM_NAMESPACE, action, request_id, result)
}

/// What the plain Query protocol answers.
fn query_response(
    namespace: &str,
    action: &str,
    request_id: &str,
    result: &impl Serialize,
) -> Result<String, XmlError> {
    let mut out = format!("{DECLARATION}<{action}Response xmlns=\"{namespace}\">");
    result.serialize(Element::new(&mut out, &format!("{action}Result")))?;
    out += &format!(
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    );
    Ok(out)
}

/// How an error's document is built around its code and message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// EC2's: `<Response><Errors><Error>`.
    Listed,
    /// AWS Query's, and that of REST with XML: `<ErrorResponse><Error>`.
    Wrapped {
        /// The XML namespace of the service.
        namespace: Option<&'static str>,
    },
    /// S3's: `<Error>`.
    Bare,
}

impl From<Service> for ErrorShape {
    fn from(service: Service) -> Self {
        match service {
            Service::Ec2 => Self::Listed,
            Service::Sts => Self::Wrapped {
                namespace: Some(STS_NAMESPACE),
            },
            Service::Iam => Self::Wrapped {
                namespace: Some(IAM_NAMESPACE),
            },
        }
    }
}

/// The document of an error.
#[must_use]
pub fn error(shape: impl Into<ErrorShape>, request_id: &str, fault: &Fault) -> String {
    let mut out = String::from(DECLARATION);
    let mut code_and_message = |before: &str, after: &str| {
        out += before;
        out += "<Code>";
        element::escape(fault.code, &mut out);
        out += "</Code><Message>";
        element::escape(&fault.message, &mut out);
        out += "</Message>";
        out += after;
    };
    match shape.into() {
        ErrorShape::Listed => code_and_message(
            "<Response><Errors><Error>",
            &format!("</Error></Errors><RequestID>{request_id}</RequestID></Response>"),
        ),
        ErrorShape::Wrapped { namespace } => {
            let namespace = namespace.map_or_else(String::new, |name| format!(" xmlns=\"{name}\""));
            let blame = if fault.status < 500 {
                "Sender"
            } else {
                "Receiver"
            };
            code_and_message(
                &format!("<ErrorResponse{namespace}><Error><Type>{blame}</Type>"),
                &format!("</Error><RequestId>{request_id}</RequestId></ErrorResponse>"),
            );
        }
        ErrorShape::Bare => {
            code_and_message(
                "<Error>",
                &format!("<RequestId>{request_id}</RequestId></Error>"),
            );
        }
    }
    out
}
