//! A program's side of the EFA fabric.
//!
//! A [`Fabric`] is one connection to the service. It lists the devices that the program may open and makes
//! [`Endpoint`]s on them. An endpoint has a lane to every peer that it talks to: a ring pair in shared memory where the
//! peer is on this host, the rings with the service where it is on another. Records go without a system call.
//!
//! A thread of each fabric waits for the service's events, so that offers are answered and revoked memory is given up
//! even while the program does not poll.

mod connection;
mod endpoint;
mod fabric;
mod handler;
mod lane;
mod mailbox;
mod service_rings;
mod sys;

pub use connection::Nudge;
pub use endpoint::{Endpoint, POLL_BATCH};
pub use eni_efa_abi::control::{Cause, DeviceAttributes, EndpointKind, Refusal};
pub use eni_efa_abi::limits::{MAX_RECORD, MAX_ROUTED_RECORD, MAX_TRANSFER};
pub use eni_efa_abi::record::RecordHeader;
pub use eni_efa_abi::{Gid, Peer};
pub use eni_efa_channel::Payload;
pub use fabric::{
    AddressHandleNumber, CreateError, DEFAULT_SOCKET, Fabric, OpenError, SOCKET_VARIABLE,
};
pub use handler::{Disposition, Handler};
pub use lane::{LaneId, LaneState, Sent, TrySendError};
pub use sys::Segment;
