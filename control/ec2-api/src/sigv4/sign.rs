//! The other end: signing, for clients of our own (the demonstration, the benchmarks, tests).

use eni_types::Timestamp;
use hmac::Mac;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, InvalidHeaderValue};

use super::claim::string_to_sign;
use super::{ALGORITHM, ClaimedTime, RequestParts, Service, SigningKeys, TERMINATOR};
use crate::Credentials;

/// Signs for one key pair, region and service.
pub struct Signer {
    credentials: Credentials,
    session_token: Option<String>,
    region: String,
    service: Service,
    keys: SigningKeys,
}

impl Signer {
    /// Signs with `credentials` for `service` in `region`.
    #[must_use]
    pub fn new(credentials: Credentials, region: impl Into<String>, service: Service) -> Self {
        Self {
            credentials,
            session_token: None,
            region: region.into(),
            service,
            keys: SigningKeys::default(),
        }
    }

    /// The same with temporary credentials, of which `token` is a part.
    #[must_use]
    pub fn with_session_token(self, token: impl Into<String>) -> Self {
        Self {
            session_token: Some(token.into()),
            ..self
        }
    }

    /// Adds `X-Amz-Date`, `Authorization` and, where there is one, the session token to the headers of a `method` request for `/?query`. `headers` holds `Host`.
    ///
    /// # Errors
    /// An access key, token or region that no header can carry.
    pub fn sign(
        &self,
        method: &str,
        query: &str,
        headers: &mut HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), InvalidHeaderValue> {
        let at = ClaimedTime::at(now);
        let date_time = at.to_string();
        let date = &date_time[.."20150830".len()];
        let service = self.service.signing_name();
        let region = self.region.as_str();
        headers.insert("x-amz-date", HeaderValue::try_from(&date_time)?);
        let mut signed_headers = vec!["host", "x-amz-date"];
        if headers.contains_key(CONTENT_TYPE) {
            signed_headers.insert(0, "content-type");
        }
        if let Some(token) = &self.session_token {
            headers.insert("x-amz-security-token", HeaderValue::try_from(token)?);
            signed_headers.push("x-amz-security-token");
        }
        let signed_headers = signed_headers.join(";");
        let parts = RequestParts {
            method,
            path: "/",
            query,
            headers,
            body,
        };
        let scope = [date, region, service, TERMINATOR].join("/");
        let key = self.keys.get(
            &self.credentials.access_key_id,
            self.credentials.secret_access_key.reveal(),
            [date, region, service],
        );
        let mut mac = key.authenticator();
        string_to_sign(&mut mac, at, &scope, &parts.hash(&signed_headers, None));
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={}",
            self.credentials.access_key_id,
            hex::encode(mac.finalize().into_bytes()),
        );
        headers.insert(AUTHORIZATION, HeaderValue::try_from(authorization)?);
        Ok(())
    }
}
