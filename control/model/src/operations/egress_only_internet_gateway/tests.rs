//! Egress-only internet gateways, from parameters to answers.
