//! Collecting the flows of NAT gateways.

pub(crate) mod sys;
