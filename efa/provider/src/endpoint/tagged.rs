//! Messages with tags.

pub(super) mod sys;
