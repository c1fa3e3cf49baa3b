//! A lock that one call takes and a later call of the program gives back.

mod sys;

pub(crate) use sys::Latch;
