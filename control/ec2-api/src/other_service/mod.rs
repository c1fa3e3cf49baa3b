//! The services of AWS that are not here: which one a request is for, and an answer that its client prints as a sentence.
//!
//! Clients that are told one endpoint for all of AWS (`AWS_ENDPOINT_URL`) send everything to it. A request names its
//! service in the scope of its signature, in `X-Amz-Target`, or by its API's version; how it is written says which of
//! AWS's protocols its client reads the error by.

mod dialect;
#[cfg(test)]
mod tests;

use eni_query::form_pairs;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::access_log::Record;
use crate::query_api::PATH;
use crate::sigv4::Service;
use crate::{Answer, Fault};
use dialect::Dialect;

/// botocore's service models, one a line, the plain one of each signing name first (`scripts/aws-model.py`).
const SERVICES: &str = include_str!("../../aws/services.tsv");
/// S3's code for what it does not do. A client error is never repeated by the SDKs, whatever its code.
const CODE: &str = "NotImplemented";
/// The status whose name says the same; the SDKs do not try again after it.
const NOT_IMPLEMENTED: u16 = 501;

/// A service of AWS that this endpoint does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherService {
    /// Such as `Elastic Load Balancing`.
    name: String,
    dialect: Dialect,
}

/// One service's model.
#[derive(Clone, Copy)]
struct Model {
    signing_name: &'static str,
    protocol: &'static str,
    version: &'static str,
    target_prefix: &'static str,
    name: &'static str,
}

impl OtherService {
    /// The service that a request is for, if it is another one.
    pub(crate) fn of_request(head: &Parts, body: &[u8]) -> Option<Self> {
        let dialect = Dialect::of_request(&head.headers);
        let target = target_prefix(head);
        let Some(signing_name) = signing_name(head) else {
            return match target {
                Some(target) => {
                    let model = models().find(|model| model.target_prefix == target)?;
                    Some(Self::new(model, dialect))
                }
                None => Self::of_version(head, body),
            };
        };
        let served = Service::ALL.map(Service::signing_name);
        let is_served = served.contains(&signing_name.as_str());
        if is_served && head.uri.path() == PATH {
            return None;
        }
        let alike: Vec<_> = models()
            .filter(|model| model.signing_name == signing_name)
            .collect();
        if let Some(model) = best(&alike, target.as_deref(), dialect) {
            return Some(Self::new(model, dialect));
        }
        if is_served {
            return None;
        }
        // A service younger than the table, unless the request could be meant for EC2.
        if head.uri.path() != PATH || matches!(dialect, Some(Dialect::Json | Dialect::Cbor)) {
            return Some(Self {
                name: format!("the service '{signing_name}'"),
                dialect: dialect.unwrap_or(Dialect::RestJson),
            });
        }
        Self::of_version(head, body)
    }

    fn new(model: Model, dialect: Option<Dialect>) -> Self {
        Self {
            name: model.name.into(),
            dialect: dialect.unwrap_or_else(|| model.dialect()),
        }
    }

    /// The services of the Query protocol that have the version that the request asks for, and none of those served does.
    fn of_version(head: &Parts, body: &[u8]) -> Option<Self> {
        let query = head.uri.query().unwrap_or_default().as_bytes();
        let (_, version) = form_pairs(query)
            .chain(form_pairs(body))
            .find(|(name, _)| &**name == b"Version")?;
        let version = str::from_utf8(&version).ok()?;
        let mut names: Vec<_> = models()
            .filter(|model| model.protocol == "query" && model.version == version)
            .map(|model| model.name)
            .collect();
        names.dedup();
        (!names.is_empty()).then(|| Self {
            name: names.join(" or "),
            dialect: Dialect::Query,
        })
    }

    /// What is answered to `head`, and told to its record.
    pub(crate) fn refuse(&self, head: &Parts, request_id: String, record: &mut Record) -> Answer {
        let fault = self.fault(head);
        record.action(Some(&self.name), None);
        record.failed(&fault);
        let answer = self.dialect.answer(&fault, request_id);
        record.wrote(answer.body.len());
        answer
    }

    fn fault(&self, head: &Parts) -> Fault {
        let message = format!(
            "OpenENI does not serve {}. It serves the networking of Amazon EC2, roles and instance profiles of AWS IAM, and AWS STS.",
            self.name
        );
        // An answer to HEAD has no body: clients print the status instead.
        let status = if head.method == Method::HEAD {
            501
        } else {
            400
        };
        Fault {
            code: CODE,
            message,
            status,
        }
    }
}

/// The answer to a request at a path that EC2's API does not have, for whichever client: S3's, where it is not signed.
pub(crate) fn nowhere(head: &Parts, fault: &Fault, request_id: String) -> Answer {
    let mut fault = fault.clone();
    if head.method == Method::HEAD {
        // 404 would tell an anonymous client of S3, which gets no text, that a bucket does not exist.
        fault.status = NOT_IMPLEMENTED;
    }
    Dialect::S3.answer(&fault, request_id)
}

impl Model {
    /// How requests look that say nothing of their protocol.
    fn dialect(self) -> Dialect {
        match (self.protocol, self.signing_name) {
            ("query", _) => Dialect::Query,
            ("rest-xml", "s3") => Dialect::S3,
            ("rest-xml", _) => Dialect::RestXml,
            ("json", _) => Dialect::Json,
            ("smithy-rpc-v2-cbor", _) => Dialect::Cbor,
            _ => Dialect::RestJson,
        }
    }
}

fn models() -> impl Iterator<Item = Model> {
    SERVICES.lines().skip(1).filter_map(|line| {
        let mut fields = line.split('\t');
        Some(Model {
            signing_name: fields.next()?,
            protocol: fields.next()?,
            version: fields.next()?,
            target_prefix: fields.next()?,
            name: fields.next()?,
        })
    })
}

/// Of the models that sign alike: the one with this target, else the first that is written like the request, else the
/// plain one.
fn best(alike: &[Model], target: Option<&str>, dialect: Option<Dialect>) -> Option<Model> {
    let written_alike = |model: &&Model| match dialect {
        Some(Dialect::Query) => model.protocol == "query",
        Some(_) => true,
        None => model.protocol.starts_with("rest-"),
    };
    let by_target =
        target.and_then(|target| alike.iter().find(|model| model.target_prefix == target));
    by_target
        .or_else(|| alike.iter().find(written_alike))
        .or(alike.first())
        .copied()
}

/// The service in the scope of the request's signature: `KEY/20150830/us-east-1/SERVICE/aws4_request`, without a region
/// in version 4a.
fn signing_name(head: &Parts) -> Option<String> {
    let credential = match head.headers.get(AUTHORIZATION) {
        Some(value) => {
            let (_, after) = value.to_str().ok()?.split_once("Credential=")?;
            after.split([',', ' ']).next()?.to_owned()
        }
        None => form_pairs(head.uri.query()?.as_bytes())
            .find(|(name, _)| &**name == b"X-Amz-Credential")
            .and_then(|(_, value)| String::from_utf8(value.into_owned()).ok())?,
    };
    let mut parts = credential.rsplit('/').skip(1);
    let service = parts.next().filter(|name| !name.is_empty())?;
    parts.next()?;
    Some(service.to_owned())
}

/// `DynamoDB_20120810` of `X-Amz-Target: DynamoDB_20120810.ListTables`, or of `/service/DynamoDB_20120810/operation/…`.
fn target_prefix(head: &Parts) -> Option<String> {
    let of_header = |headers: &HeaderMap| {
        let (prefix, _) = headers
            .get("x-amz-target")?
            .to_str()
            .ok()?
            .rsplit_once('.')?;
        Some(prefix.to_owned())
    };
    let of_path = |path: &str| {
        let (prefix, _) = path.strip_prefix("/service/")?.split_once("/operation/")?;
        Some(prefix.to_owned())
    };
    of_header(&head.headers).or_else(|| of_path(head.uri.path()))
}
