//! Event queues. Nothing of this provider happens later that they could tell: they stay empty.

pub(crate) mod sys;
