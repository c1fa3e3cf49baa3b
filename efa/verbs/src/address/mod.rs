//! Address handles.

pub(crate) mod sys;
