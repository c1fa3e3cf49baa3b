//! Identifiers, addresses, states and quotas of the EC2 networking model.
#![no_std]
#![forbid(unsafe_code)]
