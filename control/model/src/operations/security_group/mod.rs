//! Security groups and their rules.

mod authorize;
mod create;
mod delete;
mod describe;
mod describe_rules;
mod description;
mod descriptions;
pub(crate) mod membership;
mod modify;
mod named;
pub(crate) mod permission;
mod protocol;
mod references;
mod revoke;
mod rule;
mod stale;
#[cfg(test)]
mod tests;

pub(crate) use self::delete::outlive;
