//! Idempotency.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use eni_types::{ResourceId, Timestamp, quota};
use serde::{Deserialize, Serialize};

use crate::index::indexes;
use crate::{Context, Ec2Error, ErrorCode, Row, World};

/// A token that a caller gave with a Create call, and what the call made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientToken {
    /// The operation and the token.
    pub key: ClientTokenKey,
    /// The request's fingerprint in hex.
    pub fingerprint: String,
    /// What the call made.
    pub made: String,
    /// When; the token is forgotten `quota::CLIENT_TOKEN_SECONDS` later.
    pub time: Timestamp,
}

impl Row for ClientToken {
    type Id = ClientTokenKey;
    fn id(&self) -> ClientTokenKey {
        self.key.clone()
    }
}

indexes! { ClientToken, ClientTokenIndexes: }

/// The operation's name and the token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientTokenKey {
    /// The `Action`.
    pub operation: String,
    /// As given.
    pub token: String,
}

impl fmt::Display for ClientTokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The token is the caller's: hex keeps it from being anything else in a key.
        write!(formatter, "{}/{}", self.operation, hex::encode(&self.token))
    }
}

impl ClientToken {
    /// What the call `operation` with this token made, if it was made before.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a token EC2 does not take, `IdempotentParameterMismatch` for one that was used with
    /// other parameters.
    pub fn made_before<I: FromStr>(
        operation: &str,
        token: Option<&str>,
        world: &World,
        context: &Context<'_>,
    ) -> Result<Option<I>, Ec2Error> {
        let Some(token) = token else {
            return Ok(None);
        };
        if token.len() > quota::CLIENT_TOKEN_CHARACTERS || !token.is_ascii() {
            let message = format!(
                "Client token must be no longer than {} ASCII characters.",
                quota::CLIENT_TOKEN_CHARACTERS
            );
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let key = ClientTokenKey {
            operation: operation.into(),
            token: token.into(),
        };
        let Some(used) = world.client_tokens.get(key) else {
            return Ok(None);
        };
        if context.now.0 - used.time.0 > quota::CLIENT_TOKEN_SECONDS * 1000 {
            return Ok(None);
        }
        if used.fingerprint != format!("{:032x}", context.fingerprint) {
            let message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
            return Err(ErrorCode::IdempotentParameterMismatch.with(message));
        }
        Ok(used.made.parse().ok())
    }

    /// The record that `operation` made `made` with this token.
    #[must_use]
    pub fn record(
        operation: &str,
        token: &str,
        made: impl Into<ResourceId>,
        context: &Context<'_>,
    ) -> Self {
        Self {
            key: ClientTokenKey {
                operation: operation.into(),
                token: token.into(),
            },
            fingerprint: format!("{:032x}", context.fingerprint),
            made: made.into().to_string(),
            time: context.now,
        }
    }
}
