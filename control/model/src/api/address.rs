//! Elastic IPs: requests and answers.
//!
//! Written by `cargo xtask api` from `control/model/api/address.toml`.

use crate::describe::{Filter, Filtered};
use crate::operation::Action;
use crate::operations::unsupported::refuse;
use crate::tags::{TagItem, TagSpecification};
use crate::{Ec2Error, ItemSet, ReturnTrue};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use eni_query::FromQuery;
use eni_types::{AllocationId, AssociationId, InstanceId, NetworkInterfaceId, SubnetId};
use serde::Serialize;

/// What `AllocateAddress` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct AllocateAddress {
    pub(crate) domain: Option<String>,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) public_ipv4_pool: Option<String>,
    pub(crate) network_border_group: Option<String>,
    #[query(name = "TagSpecification")]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    pub(crate) customer_owned_ipv4_pool: Option<String>,
    pub(crate) ipam_pool_id: Option<String>,
}

impl AllocateAddress {
    /// Refuses what this region does not have.
    ///
    /// # Errors
    /// `UnsupportedOperation`.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Ec2Error> {
        refuse("An Outpost", self.customer_owned_ipv4_pool.is_some())?;
        refuse("An IPAM pool", self.ipam_pool_id.is_some())?;
        Ok(())
    }
}

/// What `AllocateAddress` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllocateAddressResponse {
    pub(crate) public_ip: Ipv4Addr,
    pub(crate) allocation_id: AllocationId,
    pub(crate) domain: &'static str,
    pub(crate) public_ipv4_pool: &'static str,
    pub(crate) network_border_group: String,
}

impl Action for AllocateAddress {
    const NAME: &'static str = "AllocateAddress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AllocateAddressResponse;
}

/// What `AssociateAddress` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct AssociateAddress {
    pub(crate) allocation_id: Option<AllocationId>,
    pub(crate) public_ip: Option<Ipv4Addr>,
    pub(crate) instance_id: Option<InstanceId>,
    pub(crate) network_interface_id: Option<NetworkInterfaceId>,
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    pub(crate) allow_reassociation: Option<bool>,
}

/// What `AssociateAddress` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateAddressResponse {
    pub(crate) r#return: bool,
    pub(crate) association_id: AssociationId,
}

impl Action for AssociateAddress {
    const NAME: &'static str = "AssociateAddress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = AssociateAddressResponse;
}

/// What `DescribeAddresses` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeAddresses {
    #[query(name = "AllocationId")]
    pub(crate) allocation_ids: Vec<AllocationId>,
    #[query(name = "PublicIp")]
    pub(crate) public_ips: Vec<Ipv4Addr>,
    #[query(name = "Filter")]
    pub(crate) filters: Vec<Filter>,
}

/// What `DescribeAddresses` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeAddressesResponse {
    pub(crate) addresses_set: ItemSet<AddressDescription>,
}

impl Action for DescribeAddresses {
    const NAME: &'static str = "DescribeAddresses";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeAddressesResponse;
}

impl Filtered for AddressDescription {
    const FILTERS: &'static [&'static str] = &[
        "allocation-id",
        "association-id",
        "domain",
        "instance-id",
        "network-border-group",
        "network-interface-id",
        "network-interface-owner-id",
        "private-ip-address",
        "public-ip",
    ];

    fn filter_values(&self, name: &str, give: &mut dyn FnMut(String)) {
        match name {
            "allocation-id" => give(self.allocation_id.to_string()),
            "domain" => give(self.domain.to_string()),
            "network-border-group" => give(self.network_border_group.to_string()),
            "public-ip" => give(self.public_ip.to_string()),
            "association-id" => {
                if let Some(one) = &self.association_id {
                    give(one.to_string());
                }
            }
            "instance-id" => {
                if let Some(one) = &self.instance_id {
                    give(one.to_string());
                }
            }
            "network-interface-id" => {
                if let Some(one) = &self.network_interface_id {
                    give(one.to_string());
                }
            }
            "network-interface-owner-id" => {
                if let Some(one) = &self.network_interface_owner_id {
                    give(one.to_string());
                }
            }
            "private-ip-address" => {
                if let Some(one) = &self.private_ip_address {
                    give(one.to_string());
                }
            }
            _ => {}
        }
    }
}

/// What `DescribeAddressesAttribute` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DescribeAddressesAttribute {
    #[query(name = "AllocationId")]
    pub(crate) allocation_ids: Vec<AllocationId>,
    pub(crate) attribute: Option<String>,
    pub(crate) max_results: Option<u32>,
    pub(crate) next_token: Option<String>,
}

/// What `DescribeAddressesAttribute` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeAddressesAttributeResponse {
    pub(crate) address_set: ItemSet<AddressAttribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl Action for DescribeAddressesAttribute {
    const NAME: &'static str = "DescribeAddressesAttribute";
    const MUTATES: bool = false;
    const HAS_DRY_RUN: bool = true;
    type Response = DescribeAddressesAttributeResponse;
}

/// What `DisassociateAddress` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct DisassociateAddress {
    pub(crate) association_id: Option<AssociationId>,
    pub(crate) public_ip: Option<Ipv4Addr>,
}

impl Action for DisassociateAddress {
    const NAME: &'static str = "DisassociateAddress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// What `ReleaseAddress` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQuery)]
pub struct ReleaseAddress {
    pub(crate) allocation_id: Option<AllocationId>,
    pub(crate) public_ip: Option<Ipv4Addr>,
    pub(crate) network_border_group: Option<String>,
}

impl Action for ReleaseAddress {
    const NAME: &'static str = "ReleaseAddress";
    const MUTATES: bool = true;
    const HAS_DRY_RUN: bool = true;
    type Response = ReturnTrue;
}

/// `AddressAttribute` of EC2's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddressAttribute {
    pub(crate) public_ip: Ipv4Addr,
    pub(crate) allocation_id: AllocationId,
}

/// `Address` of EC2's model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddressDescription {
    pub(crate) public_ip: Ipv4Addr,
    pub(crate) allocation_id: AllocationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) association_id: Option<AssociationId>,
    pub(crate) domain: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_id: Option<InstanceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_interface_id: Option<NetworkInterfaceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_interface_owner_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_ip_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subnet_id: Option<SubnetId>,
    pub(crate) tag_set: ItemSet<TagItem>,
    pub(crate) public_ipv4_pool: &'static str,
    pub(crate) network_border_group: String,
}
