//! What the programs, the fabric service and the faces of EFA share: addresses, the layout of regions and records,
//! and the messages of the control socket.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod control;
mod gid;
pub mod limits;
pub mod record;
pub mod region;
pub mod short;
pub mod unread;

pub use control::{Cause, DeviceAttributes, EndpointKind, Event, Refusal, Request};
pub use gid::{Gid, MalformedGid, Peer};
pub use record::{RecordHeader, Route};
