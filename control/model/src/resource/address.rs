//! Public addresses.

use core::net::Ipv4Addr;

use eni_types::{AllocationId, AssociationId, NetworkInterfaceId};
use serde::{Deserialize, Serialize};

use crate::Row;
use crate::index::indexes;
use crate::tags::Tags;

/// A public address: an Elastic IP address, or one that EC2 lent to an instance at launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The allocation. A lent address has one too, which no call shows.
    pub allocation_id: AllocationId,
    /// The address.
    pub public_ip: Ipv4Addr,
    /// What it translates to.
    pub association: Option<AddressAssociation>,
    /// Whether EC2 lent it at launch (owner `amazon`): not described by `DescribeAddresses`, and gone when the
    /// instance stops or an Elastic IP address takes its place.
    #[serde(default)]
    pub lent: bool,
    /// Its tags.
    pub tags: Tags,
}

/// The translation of a public address to one private address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressAssociation {
    /// Its id.
    pub association_id: AssociationId,
    /// The interface.
    pub network_interface_id: NetworkInterfaceId,
    /// One of the interface's private addresses; each has at most one public one.
    pub private_ip_address: Ipv4Addr,
}

impl Row for Address {
    type Id = AllocationId;
    fn id(&self) -> AllocationId {
        self.allocation_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn is_shown(&self) -> bool {
        !self.lent
    }
}

/// A public address, as what an [`Address`] is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicAddress(pub Ipv4Addr);

indexes! {
    Address, AddressIndexes:
    public_address: PublicAddress = |address| [PublicAddress(address.public_ip)];
    association: AssociationId = |address| address.association.as_ref().map(|association| association.association_id);
    network_interface: NetworkInterfaceId = |address| {
        address.association.as_ref().map(|association| association.network_interface_id)
    };
}
