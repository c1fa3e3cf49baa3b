//! Reads and writes of remote memory.

pub(super) mod sys;
