//! What goes into a broker and comes out of it.

use eni_efa_abi::Peer;
use eni_efa_abi::control::{DeviceAttributes, Event};

/// A program's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramId(pub u64);

/// The service's number for an endpoint; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub u32);

/// A network namespace, by the device and inode number of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamespaceId {
    /// The device.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
}

/// A device that programs may open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What programs see of it.
    pub attributes: DeviceAttributes,
    /// The only network namespace whose programs may open it; `None` for all.
    pub network_namespace: Option<NamespaceId>,
}

impl Device {
    /// Whether programs of this network namespace may open it.
    pub(super) fn is_visible_from(&self, network_namespace: NamespaceId) -> bool {
        self.network_namespace
            .is_none_or(|namespace| namespace == network_namespace)
    }
}

/// What a region's memory is known by in `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegionIdentity {
    /// The device.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
}

/// A region that was found to be sealed and of a ring's size.
#[derive(Debug)]
pub struct Region<R> {
    /// What it is known by.
    pub identity: RegionIdentity,
    /// Its descriptor.
    pub file: R,
}

/// What is to be done.
#[derive(Debug)]
pub enum Output<R> {
    /// Tell a program.
    Send {
        /// Whom.
        program: ProgramId,
        /// What.
        event: Event,
        /// What to attach.
        region: Option<R>,
    },
    /// Make the rings of an endpoint with the service, and tell its program, or say
    /// [`carry_failed`](crate::Broker::carry_failed).
    Carry {
        /// Whose.
        program: ProgramId,
        /// The program's request to answer.
        request: u32,
        /// The new endpoint.
        endpoint: EndpointId,
        /// Its address.
        address: Peer,
        /// The program's regions.
        regions: Vec<Region<R>>,
    },
    /// A new lane leads from this endpoint to another host.
    Reach {
        /// From here.
        endpoint: EndpointId,
        /// To there.
        peer: Peer,
    },
    /// An endpoint has ended.
    Ended {
        /// Which.
        endpoint: EndpointId,
        /// Its device was taken from it: what it has written to other hosts goes no further.
        is_withdrawn: bool,
    },
    /// After the grace of a revocation the program must not have the region any more.
    Inspect {
        /// Who.
        program: ProgramId,
        /// Which.
        region: RegionIdentity,
    },
}
