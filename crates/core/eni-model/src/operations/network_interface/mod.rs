//! Network interfaces.

mod create;
mod describe;
mod description;
mod filter;
pub(crate) mod private_addresses;
pub(crate) mod specification;
#[cfg(test)]
mod tests;

pub use create::{CreateNetworkInterface, CreateNetworkInterfaceResponse};
pub use describe::{DescribeNetworkInterfaces, DescribeNetworkInterfacesResponse};
pub use description::NetworkInterfaceDescription;
pub use private_addresses::PrivateIpAddressSpecification;
pub use specification::ConnectionTrackingSpecification;
