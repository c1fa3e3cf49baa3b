//! Why a request is refused before it is read, as each service words it.

use super::clock::ClaimedTime;
use crate::Fault;

/// The services behind the endpoint. They refuse the same faults with different codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Elastic Compute Cloud.
    Ec2,
    /// Security Token Service.
    Sts,
    /// Identity and Access Management.
    Iam,
}

impl Service {
    /// The name in a credential scope.
    #[must_use]
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Ec2, Self::Sts, Self::Iam];

    /// The one whose API has this version; EC2 for a version that none has.
    pub(crate) fn of_version(version: Option<&str>) -> Self {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|service| version == Some(service.version()));
        found.unwrap_or(Self::Ec2)
    }

    /// The version of its API, which all SDKs send.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::Ec2 => "2016-11-15",
            Self::Sts => "2011-06-15",
            Self::Iam => "2010-05-08",
        }
    }
}

/// Why a request was not authenticated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It carries no signature at all.
    #[error("the request is not signed")]
    Unsigned,
    /// It carries parts of a signature, or malformed ones.
    #[error("{reason}")]
    Incomplete {
        /// AWS's text.
        reason: String,
    },
    /// Nobody has this access key.
    #[error("the access key is unknown")]
    UnknownAccessKey,
    /// It carries a session token that this region has not issued, or not for this access key, or of a role that is gone.
    #[error("the session token is none of this region's")]
    UnknownSessionToken,
    /// Its session has expired.
    #[error("the session has expired")]
    ExpiredSession,
    /// The signature is not the one computed here.
    #[error("the signature does not match")]
    SignatureMismatch,
    /// The credential scope is not one for this endpoint.
    #[error("{reason}")]
    Scope {
        /// AWS's text.
        reason: String,
    },
    /// It was made, or has expired, too long ago.
    #[error("made at {at}, too long before {now}")]
    Expired {
        /// When it was made.
        at: ClaimedTime,
        /// Our time.
        now: ClaimedTime,
    },
    /// It is from the future.
    #[error("made at {at}, too long after {now}")]
    NotYetCurrent {
        /// When it claims to be made.
        at: ClaimedTime,
        /// Our time.
        now: ClaimedTime,
    },
}

const NOT_VALIDATED: &str = "AWS was not able to validate the provided access credentials";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
    Secret Access Key and signing method. Consult the service documentation for details.";

impl Refusal {
    /// What `service` answers. EC2 does not tell a wrong secret from an unknown key (both are `AuthFailure`), STS and IAM do.
    #[must_use]
    pub fn fault(&self, service: Service) -> Fault {
        let (code, message, status) = match (service, self) {
            (_, Self::Incomplete { reason }) => ("IncompleteSignature", reason.clone(), 400),
            (Service::Ec2, Self::Unsigned) => (
                "MissingParameter",
                "The request must contain the parameter AWSAccessKeyId".into(),
                400,
            ),
            (
                Service::Ec2,
                Self::Expired { .. } | Self::NotYetCurrent { .. } | Self::ExpiredSession,
            ) => ("RequestExpired", "Request has expired.".into(), 400),
            (
                Service::Ec2,
                Self::UnknownAccessKey
                | Self::UnknownSessionToken
                | Self::SignatureMismatch
                | Self::Scope { .. },
            ) => ("AuthFailure", NOT_VALIDATED.into(), 401),
            (Service::Sts | Service::Iam, Self::Unsigned) => (
                "MissingAuthenticationToken",
                "Request is missing Authentication Token".into(),
                403,
            ),
            (Service::Sts | Service::Iam, Self::UnknownAccessKey | Self::UnknownSessionToken) => (
                "InvalidClientTokenId",
                "The security token included in the request is invalid.".into(),
                403,
            ),
            (Service::Sts | Service::Iam, Self::ExpiredSession) => (
                "ExpiredToken",
                "The security token included in the request is expired".into(),
                403,
            ),
            (Service::Sts | Service::Iam, Self::SignatureMismatch) => {
                ("SignatureDoesNotMatch", MISMATCH.into(), 403)
            }
            (Service::Sts | Service::Iam, Self::Scope { reason }) => {
                ("SignatureDoesNotMatch", reason.clone(), 403)
            }
            (Service::Sts | Service::Iam, Self::Expired { at, now }) => (
                "SignatureDoesNotMatch",
                format!(
                    "Signature expired: {at} is now earlier than {} ({now} - 15 min.)",
                    now.earliest()
                ),
                403,
            ),
            (Service::Sts | Service::Iam, Self::NotYetCurrent { at, now }) => (
                "SignatureDoesNotMatch",
                format!(
                    "Signature not yet current: {at} is still later than {} ({now} + 15 min.)",
                    now.latest()
                ),
                403,
            ),
        };
        Fault {
            code,
            message,
            status,
        }
    }
}
