//! Signature version 4, verified by recomputation.
//!
//! Pure: everything is a function of the request's parts, a secret and the time. The request names its key, date,
//! region, service and signed headers in a [`Claim`]; the signature is computed again from the request as it arrived
//! and compared in constant time. The payload's hash is always taken from the body that arrived: `UNSIGNED-PAYLOAD` is
//! S3's, EC2 and STS do not take it.
//!
//! Source: IAM User Guide, "AWS Signature Version 4 for API requests".

mod canonical;
mod claim;
mod clock;
mod error;
mod keys;
mod sign;
#[cfg(test)]
mod tests;

pub use canonical::RequestParts;
pub use claim::{Claim, Placement};
pub use clock::ClaimedTime;
pub use error::{Refusal, Service};
pub use keys::{SigningKey, SigningKeys};
pub use sign::Signer;

/// The only algorithm there is.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What every credential scope ends with.
pub(crate) const TERMINATOR: &str = "aws4_request";
