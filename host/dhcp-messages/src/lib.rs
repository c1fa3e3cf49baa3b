//! Messages of DHCP, bytes in and bytes out: what they say [`eni_dhcp`] decides.
//!
//! `dhcproto` writes them, and reads those of IPv4; it needs `std`, which core crates do not have. Its reader of IPv6 takes lengths
//! that messages say for true, and panics over some: options are cut apart here, within the bounds that each has.
#![forbid(unsafe_code)]

pub mod ipv4;
pub mod ipv6;

/// The largest message that is read. Clients' are smaller than what every server must take (RFC 2131, 2: 576 bytes; RFC 8415, 7.2).
pub const MAX_MESSAGE_BYTES: usize = 1_500;
