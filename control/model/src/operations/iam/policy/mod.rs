//! Managed policies.

mod arn;
mod create;
mod describe;
mod version;

pub(super) use arn::PolicyArn;
