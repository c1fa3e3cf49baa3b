//! What a signed request says about its signature.

use std::borrow::Cow;

use eni_query::form_pairs;
use eni_types::Timestamp;
use hmac::Mac;
use http::HeaderMap;

use super::clock::{MAX_EXPIRES_SECONDS, Untimely};
use super::{ALGORITHM, ClaimedTime, Refusal, RequestParts, Service, SigningKey, TERMINATOR};

/// Headers that one signature may cover. The SDKs sign about five.
const MAX_SIGNED_HEADERS: usize = 64;
/// The query parameter that carries a presigned request's signature.
const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In the `Authorization` header.
    Header,
    /// In the query, for as many seconds.
    Presigned {
        /// How long the request is valid after it was made.
        expires_seconds: u32,
    },
}

/// A request's claim to be signed: well formed, not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Whose key.
    pub access_key_id: Cow<'a, str>,
    /// When it claims to be made.
    pub at: ClaimedTime,
    /// Where the signature stands.
    pub placement: Placement,
    /// `20150830/us-east-1/ec2/aws4_request`.
    scope: Cow<'a, str>,
    /// `host;x-amz-date`.
    signed_headers: Cow<'a, str>,
    signature: [u8; 32],
    /// What goes with temporary credentials.
    pub session_token: Option<Cow<'a, str>>,
}

/// The parts of a signature as found, before they are looked into.
struct Found<'a> {
    credential: Option<Cow<'a, str>>,
    signed_headers: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
}

impl<'a> Claim<'a> {
    /// Reads the claim of a request; the `Authorization` header goes before the query.
    ///
    /// # Errors
    /// [`Refusal::Unsigned`] or [`Refusal::Incomplete`].
    pub fn read(headers: &'a HeaderMap, query: &'a str) -> Result<Self, Refusal> {
        if let Some(value) = headers.get(http::header::AUTHORIZATION) {
            let value = value
                .to_str()
                .map_err(|_| incomplete("Authorization header is not ASCII."))?;
            return Self::from_header(value, headers);
        }
        if form_pairs(query.as_bytes()).any(|(name, _)| &*name == b"X-Amz-Algorithm") {
            return Self::from_query(query);
        }
        Err(Refusal::Unsigned)
    }

    fn from_header(value: &'a str, headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let mut found = Found {
            credential: None,
            signed_headers: None,
            signature: None,
        };
        let parts = value.trim().strip_prefix(ALGORITHM).unwrap_or_default();
        for part in parts.split(',') {
            match part.trim().split_once('=') {
                Some(("Credential", value)) => found.credential = Some(value.into()),
                Some(("SignedHeaders", value)) => found.signed_headers = Some(value.into()),
                Some(("Signature", value)) => found.signature = Some(value.into()),
                _ => {}
            }
        }
        let date = ["x-amz-date", "date"]
            .into_iter()
            .find_map(|name| headers.get(name).map(|value| (name, value)));
        let mut missing = String::new();
        for (name, present) in [
            ("Credential", found.credential.is_some()),
            ("Signature", found.signature.is_some()),
            ("SignedHeaders", found.signed_headers.is_some()),
        ] {
            if !present {
                missing += &format!("Authorization header requires '{name}' parameter. ");
            }
        }
        if date.is_none() {
            missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
        }
        let Some((date_name, date)) = date.filter(|_| missing.is_empty()) else {
            return Err(incomplete(format!("{missing}Authorization={value}")));
        };
        let date = date.to_str().unwrap_or_default();
        let at = ClaimedTime::from_basic(date)
            .or_else(|| ClaimedTime::from_http_date(date).filter(|_| date_name == "date"))
            .ok_or_else(|| not_basic(date))?;
        let session_token = headers.get("x-amz-security-token").map(|token| {
            let token = token.to_str();
            token.map_err(|_| incomplete("X-Amz-Security-Token header is not ASCII."))
        });
        let session_token = session_token.transpose()?.map(Into::into);
        Self::check(found, at, Placement::Header, session_token)
    }

    fn from_query(query: &'a str) -> Result<Self, Refusal> {
        let mut found = Found {
            credential: None,
            signed_headers: None,
            signature: None,
        };
        let (mut algorithm, mut date, mut expires) = (None, None, None);
        let mut session_token = None;
        for (name, value) in form_pairs(query.as_bytes()) {
            let slot = match &*name {
                b"X-Amz-Algorithm" => &mut algorithm,
                b"X-Amz-Credential" => &mut found.credential,
                b"X-Amz-Date" => &mut date,
                b"X-Amz-Expires" => &mut expires,
                b"X-Amz-SignedHeaders" => &mut found.signed_headers,
                b"X-Amz-Signature" => &mut found.signature,
                b"X-Amz-Security-Token" => &mut session_token,
                _ => continue,
            };
            let value = into_text(value)
                .ok_or_else(|| incomplete("AWS query-string parameters must be UTF-8."))?;
            if slot.replace(value).is_some() {
                return Err(incomplete(
                    "AWS query-string parameters must not be given more than once.",
                ));
            }
        }
        for (name, present) in [
            ("Algorithm", algorithm.as_deref() == Some(ALGORITHM)),
            ("Credential", found.credential.is_some()),
            ("Signature", found.signature.is_some()),
            ("SignedHeaders", found.signed_headers.is_some()),
            ("Date", date.is_some()),
            ("Expires", expires.is_some()),
        ] {
            if !present {
                return Err(incomplete(format!(
                    "AWS query-string parameters must include 'X-Amz-{name}'. Re-examine the query-string parameters."
                )));
            }
        }
        let date = date.unwrap_or_default();
        let at = ClaimedTime::from_basic(&date).ok_or_else(|| not_basic(&date))?;
        let expires_seconds = expires
            .and_then(|text| text.parse::<u32>().ok())
            .filter(|seconds| (1..=MAX_EXPIRES_SECONDS).contains(seconds))
            .ok_or_else(|| {
                incomplete(format!(
                    "X-Amz-Expires must be between 1 and {MAX_EXPIRES_SECONDS} seconds."
                ))
            })?;
        let placement = Placement::Presigned { expires_seconds };
        Self::check(found, at, placement, session_token)
    }

    fn check(
        found: Found<'a>,
        at: ClaimedTime,
        placement: Placement,
        session_token: Option<Cow<'a, str>>,
    ) -> Result<Self, Refusal> {
        let credential = found.credential.unwrap_or_default();
        if credential.split('/').count() != 5 || credential.starts_with('/') {
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
                 '{credential}'"
            )));
        }
        let (access_key_id, scope) = split_once_cow(credential, '/');
        let signed_headers = found.signed_headers.unwrap_or_default();
        let names = signed_headers.split(';');
        if names.clone().count() > MAX_SIGNED_HEADERS || !names.is_sorted_by(|a, b| a < b) {
            return Err(incomplete(format!(
                "SignedHeaders must be sorted and without repetition, got '{signed_headers}'"
            )));
        }
        let mut signature = [0; 32];
        hex::decode_to_slice(
            found.signature.unwrap_or_default().as_bytes(),
            &mut signature,
        )
        .map_err(|_| incomplete("Signature must be 64 hexadecimal digits."))?;
        Ok(Self {
            access_key_id,
            at,
            placement,
            scope,
            signed_headers,
            signature,
            session_token,
        })
    }

    /// Date, region and service of the scope.
    #[must_use]
    pub fn scope(&self) -> [&str; 3] {
        let mut parts = self.scope.split('/');
        [(); 3].map(|()| parts.next().unwrap_or_default())
    }

    /// Checks everything that needs no secret: the scope, the time, the headers that must be signed.
    ///
    /// # Errors
    /// [`Refusal::Scope`], [`Refusal::Expired`], [`Refusal::NotYetCurrent`].
    pub fn check_scope(
        &self,
        service: Service,
        region: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let [date, claimed_region, claimed_service] = self.scope();
        let scope = |reason: String| Err(Refusal::Scope { reason });
        if self.scope.rsplit('/').next() != Some(TERMINATOR) {
            return scope(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'.",
                self.scope.rsplit('/').next().unwrap_or_default()
            ));
        }
        if claimed_service != service.signing_name() {
            return scope(format!(
                "Credential should be scoped to correct service: '{}'. ",
                service.signing_name()
            ));
        }
        // STS has a global endpoint, for which the SDKs sign with us-east-1, and IAM no other: there clients that are told an
        // endpoint sign with whatever region they have.
        let global = match service {
            Service::Ec2 => false,
            Service::Sts => claimed_region == "us-east-1",
            Service::Iam => true,
        };
        if claimed_region != region && !global {
            return scope(format!(
                "Credential should be scoped to a valid region, not '{claimed_region}'. "
            ));
        }
        let at = self.at.to_string();
        if !at.starts_with(date) || date.len() != 8 {
            return scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != \
                 '{}', from '{at}'.",
                &at[..8]
            ));
        }
        if !self.signed_headers.split(';').any(|name| name == "host") {
            return scope(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
            );
        }
        let now = ClaimedTime::at(now);
        let expires_seconds = match self.placement {
            Placement::Header => None,
            Placement::Presigned { expires_seconds } => Some(expires_seconds),
        };
        let at = self.at;
        at.check(expires_seconds, now).map_err(|why| match why {
            Untimely::Past => Refusal::Expired { at, now },
            Untimely::Future => Refusal::NotYetCurrent { at, now },
        })?;
        Ok(())
    }

    /// Computes the signature again under `key` and compares, in constant time.
    ///
    /// # Errors
    /// [`Refusal::SignatureMismatch`].
    pub fn verify(&self, parts: &RequestParts<'_>, key: &SigningKey) -> Result<(), Refusal> {
        let leave_out = match self.placement {
            Placement::Header => None,
            Placement::Presigned { .. } => Some(SIGNATURE_PARAMETER),
        };
        let request_hash = parts.hash(&self.signed_headers, leave_out);
        let mut mac = key.authenticator();
        string_to_sign(&mut mac, self.at, &self.scope, &request_hash);
        mac.verify_slice(&self.signature)
            .map_err(|_| Refusal::SignatureMismatch)
    }
}

/// Feeds the string to sign.
pub(super) fn string_to_sign(
    mac: &mut impl Mac,
    at: ClaimedTime,
    scope: &str,
    request_hash: &[u8; 32],
) {
    mac.update(ALGORITHM.as_bytes());
    mac.update(b"\n");
    mac.update(at.to_string().as_bytes());
    mac.update(b"\n");
    mac.update(scope.as_bytes());
    mac.update(b"\n");
    mac.update(hex::encode(request_hash).as_bytes());
}

fn incomplete(reason: impl Into<String>) -> Refusal {
    Refusal::Incomplete {
        reason: reason.into(),
    }
}

fn not_basic(date: &str) -> Refusal {
    incomplete(format!(
        "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
    ))
}

fn into_text(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Both sides of the first `separator`.
fn split_once_cow(text: Cow<'_, str>, separator: char) -> (Cow<'_, str>, Cow<'_, str>) {
    match text {
        Cow::Borrowed(text) => {
            let (head, tail) = text.split_once(separator).unwrap_or((text, ""));
            (head.into(), tail.into())
        }
        Cow::Owned(text) => {
            let (head, tail) = text.split_once(separator).unwrap_or((&text, ""));
            (head.to_owned().into(), tail.to_owned().into())
        }
    }
}
