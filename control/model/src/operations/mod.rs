//! The rules of the operations: one module for each family.
//!
//! What an operation is asked and answers is declared in `control/model/api` and written to [`api`](crate::api) by
//! `cargo xtask api`; here is how it is planned.

pub mod account_setting;
pub mod address;
pub(crate) mod attribute;
pub(crate) mod claims;
mod create;
pub mod dhcp_options;
pub mod egress_only_internet_gateway;
pub mod empty_family;
#[cfg(test)]
mod filter_tests;
pub mod iam;
mod iam_instance_profile_association;
pub mod image;
pub mod instance;
pub mod instance_type;
pub mod internet_gateway;
pub mod key_pair;
#[cfg(test)]
mod listing_tests;
pub(crate) mod lookup;
mod nat_gateway;
pub mod network_acl;
pub mod network_interface;
#[cfg(test)]
mod order_tests;
pub mod prefix_list;
pub(crate) mod private_dns_names;
pub mod region;
#[cfg(test)]
mod request_tests;
pub mod route_table;
pub mod security_group;
pub mod subnet;
pub mod tag;
pub(crate) mod unsupported;
pub mod volume;
pub mod vpc;
mod vpc_endpoint;
mod vpc_endpoint_service;
mod vpc_peering_connection;
mod zone;
