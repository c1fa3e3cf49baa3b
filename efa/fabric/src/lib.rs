//! The EFA fabric service.
//!
//! It owns the EFA devices of a host: it knows who may open which, brokers ring pairs between programs, carries records
//! to other hosts, and ends what the policy no longer allows. Who is told what and when is decided by the [`Broker`],
//! which does no I/O; the [`Service`] is the shell around it.

mod broker;
mod caller;
mod carrier;
mod policy;
mod service;

pub use broker::{
    Broker, Device, EndpointId, Judges, NamespaceId, Output, ProgramId, Region, RegionIdentity,
    Tally,
};
pub use caller::namespace_of;
pub use carrier::{
    DeviceCounters, DropReason, Faults, Poll, UNDERLAY_PATHS, UNDERLAY_PORT, UnderlayOptions,
};
pub use eni_srd::PairKey;
pub use eni_srd_seal::AesPairKey;
pub use policy::{Directory, Isolated, Policy, SameSubnet};
pub use service::{CounterReader, Service, ServiceOptions, StartError};
