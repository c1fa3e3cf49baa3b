//! Network interfaces.

mod assign;
pub(crate) mod attach;
pub(crate) mod attribute;
mod create;
mod delete;
mod describe;
pub(crate) mod description;
mod detach;
pub(crate) mod efa;
mod ena_srd;
mod filter;
pub(crate) mod limits;
pub(crate) mod private_addresses;
pub(crate) mod specification;
#[cfg(test)]
mod tests;

pub use assign::{
    AssignPrivateIpAddresses, AssignPrivateIpAddressesResponse, UnassignPrivateIpAddresses,
};
pub use attach::{AttachNetworkInterface, AttachNetworkInterfaceResponse};
pub use attribute::{
    AttachmentChanges, DescribeNetworkInterfaceAttribute,
    DescribeNetworkInterfaceAttributeResponse, ModifyNetworkInterfaceAttribute,
    ResetNetworkInterfaceAttribute,
};
pub use create::{CreateNetworkInterface, CreateNetworkInterfaceResponse};
pub use delete::DeleteNetworkInterface;
pub use describe::{DescribeNetworkInterfaces, DescribeNetworkInterfacesResponse};
pub use description::NetworkInterfaceDescription;
pub use detach::DetachNetworkInterface;
pub use ena_srd::{EnaSrdSpecification, EnaSrdUdpSpecification};
pub use private_addresses::PrivateIpAddressSpecification;
pub use specification::ConnectionTrackingSpecification;
