//! What EFA does not have. Libraries that are linked against libibverbs need the symbols all the same.

pub(crate) mod sys;
