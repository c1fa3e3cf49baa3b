//! Security groups and their rules.

pub(crate) mod membership;
