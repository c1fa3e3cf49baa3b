//! `fi_info` structures.

pub(super) mod sys;
