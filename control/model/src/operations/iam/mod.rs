//! IAM, as far as instances need it: roles, instance profiles and policies (IAM API reference, 2010-05-08).
//!
//! Policy documents are checked for form and kept. Nothing evaluates them: a role may do what the account may. Only whether
//! somebody may assume a role is asked of its trust policy (`document::Trust`).

pub mod document;
mod error;
pub(crate) mod instance_profile;
pub mod marker;
mod policy;
pub(crate) mod role;
mod tag;
#[cfg(test)]
mod tests;

use alloc::string::{String, ToString};

use eni_types::Timestamp;

use crate::Context;

/// Random bits of a unique id.
fn random_bits(context: &mut Context<'_>) -> [u64; 2] {
    [context.rng.next_u64(), context.rng.next_u64()]
}

/// A time as IAM and STS write it, in whole seconds: `2026-11-20T19:10:54Z`.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    alloc::format!("{seconds}Z")
}
