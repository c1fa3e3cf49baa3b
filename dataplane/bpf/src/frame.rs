//! The socket buffer as the pipeline's frame.

pub(crate) mod sys;
