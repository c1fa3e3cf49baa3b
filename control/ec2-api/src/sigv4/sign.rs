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
            region: region.into(),
            service,
            keys: SigningKeys::default(),
        }
    }

    /// Adds `X-Amz-Date` and `Authorization` to the headers of a `method` request for `/?query`. `headers` holds `Host`.
    ///
    /// # Errors
    /// An access key or region that no header can carry.
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
        let signed_headers = if headers.contains_key(CONTENT_TYPE) {
            "content-type;host;x-amz-date"
        } else {
            "host;x-amz-date"
        };
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
        string_to_sign(&mut mac, at, &scope, &parts.hash(signed_headers, None));
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={}",
            self.credentials.access_key_id,
            hex::encode(mac.finalize().into_bytes()),
        );
        headers.insert(AUTHORIZATION, HeaderValue::try_from(authorization)?);
        Ok(())
    }
}
