//! Messages without tags.

pub(super) mod sys;
