//! Instance metadata: what an instance is told about itself, from the world as it is published.
//!
//! [`answer`] is the whole service but for its sockets: a request, who asks, the world, the time and the key of tokens give
//! an answer. It follows the EC2 User Guide, "Use instance metadata to manage your EC2 instance", and, where that is silent,
//! what clients rely on.
//!
//! *Limitations.* All versions have the same tree, the newest. Items that nothing here has (spot)
//! are not there, as on an instance of EC2's without them.
//!
//! *Invariant*: nothing here knows HTTP connections, or how it is found out who asks.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod document;
mod instance;
mod interface;
mod page;
mod profile;
mod token;
mod tree;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use eni_model::resource::Instance;
use eni_model::{RegionSettings, World};
use eni_types::{InstanceId, Timestamp};

pub use eni_sessions::SessionKey;
pub use token::{Seconds, TokenKey};

use crate::page::{BAD_REQUEST, FORBIDDEN, NOT_ALLOWED, NOT_FOUND, UNAUTHORIZED};
use crate::tree::Node;

/// The header that asks for a token's time to live, and tells what is left of it, in lower case.
pub const TOKEN_TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// The header that carries a token, in lower case.
pub const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
/// The header by which proxies tell on whose behalf they ask, in lower case. Who asks for a token with it gets none, so that
/// an open proxy in an instance gives nobody the instance's credentials.
pub const FORWARDED_HEADER: &str = "x-forwarded-for";

/// Where tokens are given out. Only there: not under another version.
const TOKEN_PATH: &str = "/latest/api/token";

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The path, without a query.
    pub path: &'a str,
    /// Of [`TOKEN_HEADER`].
    pub token: Option<&'a [u8]>,
    /// Of [`TOKEN_TTL_HEADER`].
    pub token_ttl: Option<&'a [u8]>,
    /// Whether there is a [`FORWARDED_HEADER`].
    pub is_forwarded: bool,
}

/// Signs identity documents with a key of the region's.
pub trait DocumentSigner: Debug + Send + Sync {
    /// The signatures of a document; none where it cannot be signed.
    fn sign(&self, document: &str) -> Option<Arc<Signatures>>;
}

/// What vouches for a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// The signature alone (RSA, PKCS #1 version 1.5, SHA-256).
    pub signature: Vec<u8>,
    /// The document and its signature, as DER of PKCS #7.
    pub pkcs7: Vec<u8>,
}

/// What a region gives to its instances is made with these.
#[derive(Clone, Debug)]
pub struct Keys {
    /// For tokens of instance metadata.
    pub tokens: TokenKey,
    /// For the credentials of roles.
    pub sessions: SessionKey,
    /// For identity documents; without it they are not signed.
    pub documents: Option<Arc<dyn DocumentSigner>>,
}

impl Keys {
    /// The keys that follow from a secret of the region's.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self {
            tokens: TokenKey::from_secret(secret),
            sessions: SessionKey::from_secret(secret),
            documents: None,
        }
    }

    /// With signatures of identity documents.
    #[must_use]
    pub fn with_documents(self, signer: Arc<dyn DocumentSigner>) -> Self {
        Self {
            documents: Some(signer),
            ..self
        }
    }
}

/// Of what a request is answered.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The published world.
    pub world: &'a World,
    /// The region's settings.
    pub region: &'a RegionSettings,
    /// The region's keys.
    pub keys: &'a Keys,
    /// The time.
    pub now: Timestamp,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP's number.
    pub status: u16,
    /// The body's type.
    pub content_type: &'static str,
    /// The body; for `HEAD` it tells the length only.
    pub body: Vec<u8>,
    /// For [`TOKEN_TTL_HEADER`].
    pub token_ttl: Option<Seconds>,
    /// How far the packets of the answer may go: `HttpPutResponseHopLimit`, of an answer with a token.
    pub hop_limit: Option<u8>,
}

impl Answer {
    fn of(content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status: 200,
            content_type,
            body,
            token_ttl: None,
            hop_limit: None,
        }
    }

    fn text(text: String) -> Self {
        Self::of("text/plain", text.into_bytes())
    }
}

/// What `instance_id` is answered.
#[must_use]
pub fn answer(request: &Request<'_>, instance_id: InstanceId, scope: Scope<'_>) -> Answer {
    let Some(instance) = scope.world.instances.get(instance_id) else {
        return NOT_FOUND.answer();
    };
    if instance.metadata_options.http_endpoint == "disabled" {
        return FORBIDDEN.answer();
    }
    match request.method {
        "PUT" => give_token(request, instance, scope),
        "GET" | "HEAD" => read(request, instance, scope),
        _ => NOT_ALLOWED.answer(),
    }
}

/// EC2 User Guide, "How Instance Metadata Service Version 2 works".
fn give_token(request: &Request<'_>, instance: &Instance, scope: Scope<'_>) -> Answer {
    if request.is_forwarded || request.path != TOKEN_PATH {
        return FORBIDDEN.answer();
    }
    let Some(ttl) = request.token_ttl.and_then(Seconds::of_token) else {
        return BAD_REQUEST.answer();
    };
    let token = scope
        .keys
        .tokens
        .token(instance.instance_id, scope.now, ttl);
    Answer {
        token_ttl: Some(ttl),
        hop_limit: Some(instance.metadata_options.http_put_response_hop_limit),
        ..Answer::text(token)
    }
}

fn read(request: &Request<'_>, instance: &Instance, scope: Scope<'_>) -> Answer {
    let token_ttl = match request.token {
        Some(token) => match scope
            .keys
            .tokens
            .verify(token, instance.instance_id, scope.now)
        {
            Some(left) => Some(left),
            None => return UNAUTHORIZED.answer(),
        },
        None if instance.metadata_options.http_tokens == "required" => {
            return UNAUTHORIZED.answer();
        }
        None => None,
    };
    if request.path == TOKEN_PATH {
        return NOT_ALLOWED.answer();
    }
    let found = find(request.path, instance, scope).unwrap_or_else(|| NOT_FOUND.answer());
    Answer { token_ttl, ..found }
}

/// The versions that clients name (EC2 User Guide, "Get the available versions of the instance metadata"), but `latest`.
const VERSIONS: [&str; 28] = [
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-09-24",
    "2024-04-11",
];
const LATEST: &str = "latest";

fn find(path: &str, instance: &Instance, scope: Scope<'_>) -> Option<Answer> {
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let Some((version, below)) = path.split_first() else {
        let versions = VERSIONS.iter().chain(&[LATEST]).copied();
        return Some(Answer::text(lines(versions)));
    };
    if *version != LATEST && !VERSIONS.contains(version) {
        return None;
    }
    let asked = instance::Asked { instance, scope };
    match below {
        [] => {
            let user_data = instance.user_data.as_ref().map(|_| "user-data");
            let names = ["dynamic", "meta-data"].into_iter().chain(user_data);
            Some(Answer::text(lines(names)))
        }
        ["meta-data", below @ ..] => Some(shown(instance::meta_data(&asked, below)?)),
        ["dynamic", below @ ..] => Some(shown(document::dynamic(&asked, below)?)),
        ["user-data"] => {
            let data = instance::user_data(instance)?;
            Some(Answer::of("application/octet-stream", data))
        }
        _ => None,
    }
}

fn shown(node: Node) -> Answer {
    match node {
        Node::Text(text) => Answer::text(text),
        Node::Folder(names) => Answer::text(lines(names.iter().map(String::as_str))),
    }
}

/// One name a line, the last line without an end.
fn lines<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(name);
    }
    text
}
