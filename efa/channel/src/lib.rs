//! One ring pair between two programs: each side owns a region that it alone writes, and maps the other's read-only.
//!
//! A region is a memfd that its owner mapped and then sealed, so that nobody can map it writable again, shrink it or
//! write it. [`RegionShape::of`] checks that before a descriptor is trusted.
//!
//! Nothing that the other side writes is trusted: a value is read once and then checked, and what breaks the contract
//! gives a [`ProtocolViolation`], never a panic, an access outside the region or an endless loop.

mod consumer;
mod control;
mod producer;
mod region;
#[cfg_attr(loom, path = "model/sys.rs")]
mod sys;

pub use consumer::{Consumer, Record};
pub use control::{ControlSocket, Received};
pub use producer::{Full, Pace, Producer, Reservation, ReserveError};
pub use region::{OwnRegion, PeerRegion, RegionError, RegionShape};
pub use sys::Payload;

use std::sync::Arc;

/// The other side wrote what no honest one writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side of a ring broke the protocol")]
pub struct ProtocolViolation;

/// The two directions of a ring pair.
pub fn channel(own: &Arc<OwnRegion>, peer: &Arc<PeerRegion>) -> (Producer, Consumer) {
    (
        Producer::new(Arc::clone(own), Arc::clone(peer)),
        Consumer::new(Arc::clone(own), Arc::clone(peer)),
    )
}
