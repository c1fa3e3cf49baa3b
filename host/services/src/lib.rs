//! The fabric's services for guests: ordinary servers on ordinary sockets, in a network namespace of their own.
//!
//! The data plane hands a guest's packets to this namespace with another destination, which no other interface's packets
//! have ([`eni_abi::Service::address`]). So the address that a client has called tells which interface it is; [`Askers`]
//! knows whose that is, and the published world all else.
//!
//! *Whose room.* A guest can fill nothing that others need: connections have a bound for each interface
//! ([`MAX_CONNECTIONS_PER_INTERFACE`], and [`MAX_WAITING_PER_INTERFACE`] beside them that wait), requests one of size, of
//! time and of number ([`REQUESTS_PER_SECOND`]), and the data plane lets only so many packets of an interface through
//! ([`eni_abi::LINK_LOCAL_PACKETS_PER_SECOND`]). Interfaces are
//! answered in turns, one request or datagram of each.
#![deny(unsafe_code)]

mod addresses;
mod api;
mod askers;
mod clock;
mod connection;
mod datagrams;
mod families;
mod held;
mod inbox;
mod measure;
mod metadata;
mod names;
mod places;
mod services;
mod shares;
mod sys;
mod time;
mod turns;

pub use addresses::{AddressService, AddressSockets};
pub use api::{ApiService, GuestApi, MAX_CONNECTIONS_PER_ENDPOINT};
pub use askers::{Asker, Askers};
pub use metadata::MetadataService;
pub use names::{DnsUpstream, MalformedUpstream, NameService, NameSockets};
pub use places::{MAX_CONNECTIONS_PER_INTERFACE, MAX_WAITING_PER_INTERFACE};
pub use services::Services;
pub use time::TimeService;
pub use turns::REQUESTS_PER_SECOND;
