//! The EC2 Query protocol: parameters to typed requests.
#![no_std]
#![forbid(unsafe_code)]
