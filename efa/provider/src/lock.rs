//! The lock of a domain: a few instructions where nobody contends, which is the rule.

mod sys;

pub(crate) use sys::{Guard, Lock};

/// Tries before the processor is offered to others: the holder may be waiting for it.
const SPINS: u32 = 200;
