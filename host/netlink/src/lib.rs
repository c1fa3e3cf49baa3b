//! One function for each netlink message, and the network namespaces they are sent in.
//!
//! *Promises.* A function sends one request, waits for the kernel's answer (at most [`ANSWER_TIMEOUT`]) and decides
//! nothing: whether a device is ours, or should be there, is the planner's business. Adding what is there and deleting
//! what is gone are successes, so that a step repeated after a crash does no harm. The exception is [`Netlink::add_veth`],
//! where "there already" may be a device of somebody else's: see [`NetlinkError::is_already_there`].
//!
//! *Limitations.* Blocking, one request at a time for each socket.
#![forbid(unsafe_code)]

mod address;
mod error;
mod link;
mod link_watch;
mod namespace;
mod namespace_cookie;
mod namespace_id;
mod netfilter;
mod route;
mod route_watch;
mod rule;
mod socket;

use std::net::IpAddr;

use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr};
use netlink_packet_route::AddressFamily;

pub use address::Address;
pub use error::NetlinkError;
pub use link::{Link, VethSpec};
pub use link_watch::LinkWatch;
pub use namespace::Namespace;
pub use netfilter::{Connection, Netfilter};
pub use route::{Route, RoutedBlock};
pub use route_watch::{LostRoutes, RouteWatch};
pub use rule::Rule;
pub use socket::{ANSWER_TIMEOUT, Netlink};

/// What is listed of each.
const FAMILIES: [AddressFamily; 2] = [AddressFamily::Inet, AddressFamily::Inet6];

fn family_of(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// The first address of a block.
fn first_of(block: IpCidr) -> IpAddr {
    match block {
        IpCidr::V4(block) => IpAddr::V4(block.network()),
        IpCidr::V6(block) => IpAddr::V6(block.network()),
    }
}

/// The block of so many bits that holds `address`.
fn block_around(address: IpAddr, prefix_length: u8) -> Option<IpCidr> {
    match address {
        IpAddr::V4(address) => Ipv4Cidr::new(address, prefix_length).map(IpCidr::V4),
        IpAddr::V6(address) => Ipv6Cidr::new(address, prefix_length).map(IpCidr::V6),
    }
}

/// Table `main`: `RT_TABLE_MAIN` in `linux/rtnetlink.h`.
pub const MAIN_TABLE: u32 = 254;
