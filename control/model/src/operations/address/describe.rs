//! `DescribeAddresses` and `DescribeAddressesAttribute`.

use crate::tags::Tags;
use alloc::vec::Vec;

use eni_types::{AllocationId, AssociationId, InstanceId, NetworkInterfaceId};

use super::named::by_public_ip;
use super::{AMAZON_POOL, DOMAIN};
use crate::api::address::{
    AddressAttribute, AddressDescription, DescribeAddresses, DescribeAddressesAttribute,
    DescribeAddressesAttributeResponse, DescribeAddressesResponse,
};
use crate::describe::{Described, Listing, Page, RowListing, Rows, Scope, lists};
use crate::operations::attribute::{only_one, unknown_attribute};
use crate::resource::{Address, NetworkInterface, PublicAddress};
use crate::{Ec2Error, IdsOf, Table, World};

impl DescribeAddresses {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeAddressesResponse> + use<>, Ec2Error> {
        let mut ids = named(&self.allocation_ids, world)?;
        for public_ip in &self.public_ips {
            ids.push(by_public_ip(*public_ip, world)?.allocation_id);
        }
        let page = Page {
            filters: self.filters.clone(),
            ..Page::default()
        };
        Ok(RowListing {
            rows: Rows::asked_for(&world.addresses, &ids, &page)?,
            table: |world| &world.addresses,
            member: |address, scope| (!address.lent).then(|| address.describe(scope)),
            answer: |addresses_set, _| DescribeAddressesResponse { addresses_set },
        })
    }
}

lists! {
    /// Describes Elastic IP addresses. Lent addresses are described with their interfaces only.
    DescribeAddresses
}

/// The allocations that a call names, none of them lent.
fn named(ids: &[AllocationId], world: &World) -> Result<Vec<AllocationId>, Ec2Error> {
    ids.iter()
        .map(|id| {
            world
                .addresses
                .known(*id)
                .map(|address| address.allocation_id)
        })
        .collect()
}

impl AddressDescription {
    fn new(address: &Address, scope: Scope<'_>) -> Self {
        let association = address.association.as_ref();
        let eni = interface_of(address, scope);
        Self {
            public_ip: address.public_ip,
            allocation_id: address.allocation_id,
            association_id: association.map(|association| association.association_id),
            domain: DOMAIN,
            instance_id: eni.and_then(instance_of),
            network_interface_id: association.map(|association| association.network_interface_id),
            network_interface_owner_id: association.map(|_| scope.region.account_id.clone()),
            private_ip_address: association.map(|association| association.private_ip_address),
            subnet_id: eni.map(|eni| eni.subnet_id),
            tag_set: address.tags.to_items(),
            public_ipv4_pool: AMAZON_POOL,
            network_border_group: scope.region.region.clone(),
        }
    }
}

fn interface_of<'a>(address: &Address, scope: Scope<'a>) -> Option<&'a NetworkInterface> {
    let id = address.association.as_ref()?.network_interface_id;
    scope.world.network_interfaces.get(id).map(|eni| &**eni)
}

fn instance_of(eni: &NetworkInterface) -> Option<InstanceId> {
    eni.attachment
        .as_ref()
        .map(|attachment| attachment.instance_id)
}

impl Described for Address {
    type Answer = AddressDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("AllocationIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("allocation-id");

    fn describe(&self, scope: Scope<'_>) -> AddressDescription {
        AddressDescription::new(self, scope)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        Some(match name {
            "public-ip" => table.ids(&PublicAddress(value.parse().ok()?)),
            "association-id" => table.ids(&value.parse::<AssociationId>().ok()?),
            "network-interface-id" => table.ids(&value.parse::<NetworkInterfaceId>().ok()?),
            _ => return None,
        })
    }
}

impl DescribeAddressesAttribute {
    fn listed(
        &self,
        world: &World,
    ) -> Result<impl Listing<DescribeAddressesAttributeResponse> + use<>, Ec2Error> {
        only_one(&[("attribute", self.attribute.is_some())])?;
        if let Some(other) = self
            .attribute
            .as_deref()
            .filter(|name| *name != "domain-name")
        {
            return Err(unknown_attribute(other));
        }
        let ids = named(&self.allocation_ids, world)?;
        let page = Page {
            filters: Vec::new(),
            max_results: self.max_results,
            next_token: self.next_token.clone(),
        };
        Ok(RowListing {
            rows: Rows::asked_for(&world.addresses, &ids, &page)?,
            table: |world| &world.addresses,
            member: |address, _| {
                (!address.lent).then_some(AddressAttribute {
                    public_ip: address.public_ip,
                    allocation_id: address.allocation_id,
                })
            },
            answer: |address_set, next_token| DescribeAddressesAttributeResponse {
                address_set,
                next_token,
            },
        })
    }
}

lists! {
    /// Describes an attribute of Elastic IP addresses: the domain name that their reverse lookup gives. None has one.
    DescribeAddressesAttribute
}
