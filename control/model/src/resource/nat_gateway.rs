//! NAT gateways.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_types::{
    AllocationId, AssociationId, NatGatewayId, NetworkInterfaceId, SubnetId, Timestamp, VpcId,
    quota,
};
use serde::{Deserialize, Serialize};

use crate::Row;
use crate::index::indexes;
use crate::tags::Tags;

/// A zonal NAT gateway. Its private addresses are those of its network interface, its public ones what these are associated
/// with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGateway {
    /// Its id.
    pub nat_gateway_id: NatGatewayId,
    /// The subnet it is in, for life.
    pub subnet_id: SubnetId,
    /// The subnet's VPC.
    pub vpc_id: VpcId,
    /// The subnet's zone.
    pub availability_zone: String,
    /// Whether it leads to the internet.
    pub connectivity_type: ConnectivityType,
    /// How it stands.
    pub status: NatGatewayStatus,
    /// The interface that the service has made for it, while it is available.
    pub network_interface_id: Option<NetworkInterfaceId>,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// When it failed or was deleted.
    pub end_time: Option<Timestamp>,
    /// What was asked for, or it had last, once it is not available any more.
    pub last_addresses: Vec<NatGatewayAddress>,
    /// Its tags.
    pub tags: Tags,
}

/// Where a NAT gateway leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectivityType {
    /// To the internet: each of its addresses has an Elastic IP address.
    Public,
    /// Wherever its subnet's routes lead, under private addresses.
    Private,
}

impl ConnectivityType {
    /// As EC2 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// How a NAT gateway stands. What EC2 shows for moments between them is in answers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatGatewayStatus {
    /// It could not be made.
    Failed(NatGatewayFailure),
    /// It carries packets.
    Available,
    /// It is gone.
    Deleted,
}

impl NatGatewayStatus {
    /// The state as EC2 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Available => "available",
            Self::Deleted => "deleted",
        }
    }
}

/// Why a NAT gateway could not be made (EC2 API reference, `NatGateway`, `failureCode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatGatewayFailure {
    /// Its VPC has no internet gateway.
    GatewayNotAttached,
    /// This Elastic IP address is another's.
    AlreadyAssociated(AllocationId),
    /// Its subnet has no address left.
    InsufficientFreeAddresses,
}

impl NatGatewayFailure {
    /// `failureCode`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::GatewayNotAttached => "Gateway.NotAttached",
            Self::AlreadyAssociated(_) => "Resource.AlreadyAssociated",
            Self::InsufficientFreeAddresses => "InsufficientFreeAddressesInSubnet",
        }
    }

    /// `failureMessage`, of a gateway in this VPC.
    #[must_use]
    pub fn message(self, vpc_id: VpcId) -> String {
        match self {
            Self::GatewayNotAttached => {
                format!("Network {vpc_id} has no Internet gateway attached")
            }
            Self::AlreadyAssociated(id) => {
                format!("Elastic IP address {id} is already associated")
            }
            Self::InsufficientFreeAddresses => {
                "Subnet has insufficient free addresses to create this NAT gateway".to_string()
            }
        }
    }
}

/// An address of a NAT gateway that is not available any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayAddress {
    /// The Elastic IP address.
    pub allocation_id: Option<AllocationId>,
    /// The same, as an address.
    pub public_ip: Option<Ipv4Addr>,
    /// Its association.
    pub association_id: Option<AssociationId>,
    /// The private address.
    pub private_ip: Option<Ipv4Addr>,
    /// The interface.
    pub network_interface_id: Option<NetworkInterfaceId>,
}

impl NatGateway {
    /// The interface of one that carries packets.
    #[must_use]
    pub fn interface(&self) -> Option<NetworkInterfaceId> {
        self.network_interface_id
            .filter(|_| self.status == NatGatewayStatus::Available)
    }

    /// Whether it is seen no more by now.
    pub(crate) fn has_vanished(&self, now: Timestamp) -> bool {
        self.end_time
            .is_some_and(|end| now.0 - end.0 > quota::ENDED_NAT_GATEWAY_SECONDS * 1000)
    }
}

impl Row for NatGateway {
    type Id = NatGatewayId;
    fn id(&self) -> NatGatewayId {
        self.nat_gateway_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    NatGateway, NatGatewayIndexes:
    network_interface: NetworkInterfaceId = |gateway| gateway.interface();
    live_in: SubnetId = |gateway| gateway.interface().map(|_| gateway.subnet_id);
    live_in_vpc: VpcId = |gateway| gateway.interface().map(|_| gateway.vpc_id);
}
