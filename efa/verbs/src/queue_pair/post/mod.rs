//! Posting lists of work requests, the older way.

pub(super) mod sys;
