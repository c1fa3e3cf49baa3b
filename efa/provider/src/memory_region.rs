//! Memory regions.

pub(crate) mod sys;
