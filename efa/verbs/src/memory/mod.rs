//! Protection domains and memory regions.

pub(crate) mod sys;
