//! `DescribeNatGateways`: a NAT gateway as answers show it.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::api::nat_gateway::{
    DescribeNatGateways, DescribeNatGatewaysResponse, NatGatewayAddressDescription,
    NatGatewayDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::resource::{NatGateway, NatGatewayAddress, NatGatewayStatus};
use crate::tags::Tags;
use crate::{ItemSet, World};

describes! {
    /// Finds NAT gateways.
    DescribeNatGateways: nat_gateway_ids in nat_gateways, DescribeNatGatewaysResponse { nat_gateway_set }
}

/// As the call's answer shows it that has made it: EC2 makes it after it has answered.
pub(super) fn pending(description: &mut NatGatewayDescription) {
    description.state = "pending";
    description.failure_code = None;
    description.failure_message = None;
}

/// The addresses that it has now, the primary one first.
pub(super) fn addresses_of(gateway: &NatGateway, world: &World) -> Vec<NatGatewayAddress> {
    let Some(id) = gateway.interface() else {
        return gateway.last_addresses.clone();
    };
    let eni = world.network_interfaces.get(id);
    let private = eni.into_iter().flat_map(|eni| &eni.private_ip_addresses);
    let describe = |private| {
        let public = world.public_address_of(id, private);
        let association = public.and_then(|address| address.association.as_ref());
        NatGatewayAddress {
            allocation_id: public.map(|address| address.allocation_id),
            public_ip: public.map(|address| address.public_ip),
            association_id: association.map(|association| association.association_id),
            private_ip: Some(private),
            network_interface_id: Some(id),
        }
    };
    private.copied().map(describe).collect()
}

/// Addresses as answers show them, the first of which may be the primary one.
pub(super) fn address_set(
    addresses: &[NatGatewayAddress],
    status: &'static str,
    has_primary: bool,
) -> ItemSet<NatGatewayAddressDescription> {
    let describe = |(place, address): (usize, &NatGatewayAddress)| NatGatewayAddressDescription {
        allocation_id: address.allocation_id,
        network_interface_id: address.network_interface_id,
        private_ip: address.private_ip,
        public_ip: address.public_ip,
        association_id: address.association_id,
        is_primary: has_primary && place == 0,
        status,
    };
    addresses.iter().enumerate().map(describe).collect()
}

impl Described for NatGateway {
    type Answer = NatGatewayDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("NatGatewayIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("nat-gateway-id");

    fn describe(&self, scope: Scope<'_>) -> NatGatewayDescription {
        let failure = match self.status {
            NatGatewayStatus::Failed(failure) => Some(failure),
            NatGatewayStatus::Available | NatGatewayStatus::Deleted => None,
        };
        let status = match self.status {
            NatGatewayStatus::Failed(_) => "failed",
            NatGatewayStatus::Available | NatGatewayStatus::Deleted => "succeeded",
        };
        let addresses = addresses_of(self, scope.world);
        NatGatewayDescription {
            create_time: self.create_time.to_string(),
            delete_time: self.end_time.map(|time| time.to_string()),
            failure_code: failure.map(|failure| failure.code()),
            failure_message: failure.map(|failure| failure.message(self.vpc_id)),
            nat_gateway_address_set: address_set(&addresses, status, true),
            nat_gateway_id: self.nat_gateway_id,
            state: self.status.as_str(),
            subnet_id: self.subnet_id,
            vpc_id: self.vpc_id,
            tag_set: self.tags.to_items(),
            connectivity_type: self.connectivity_type.as_str(),
            availability_mode: "zonal",
        }
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }
}
