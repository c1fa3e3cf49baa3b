//! `CreateNetworkInterface`.

use super::efa;
use super::ipv6_addresses::{Ipv6Parameters, Ipv6Request};
use super::private_addresses::{PrivateAddressParameters, PrivateAddressRequest};
use super::specification::{NetworkInterfaceSpecification, build};
use crate::api::network_interface::{CreateNetworkInterface, CreateNetworkInterfaceResponse};
use crate::operations::claims::Claims;
use crate::operations::create::create;
use crate::resource::NetworkInterface;
use crate::tags::Tags;
use crate::{ChangeSet, Context, Ec2Error, Operation, Planned, World};

/// Makes a network interface in a subnet, attached to nothing.
impl Operation for CreateNetworkInterface {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let token = self.client_token.clone();
        let make = |context: &mut Context<'_>| {
            let eni = self.build(world, context)?;
            Ok((eni, ChangeSet::none()))
        };
        let answer = |network_interface| CreateNetworkInterfaceResponse {
            network_interface,
            client_token: token.clone(),
        };
        let table = &world.network_interfaces;
        create::<Self, _>(table, token.as_deref(), world, context, make, answer)
    }
}

impl CreateNetworkInterface {
    fn build(self, world: &World, context: &mut Context<'_>) -> Result<NetworkInterface, Ec2Error> {
        let interface_type = efa::requested_type(self.interface_type.as_deref())?;
        let subnet = world.subnets.known(self.subnet_id)?;
        let ipv6 = Ipv6Parameters {
            addresses: &self.ipv6_addresses,
            address_count: self.ipv6_address_count,
            prefixes: &self.ipv6_prefixes,
            prefix_count: self.ipv6_prefix_count,
            enable_primary: self.enable_primary_ipv6,
        };
        let ipv4 = PrivateAddressParameters {
            private_ip_address: self.private_ip_address,
            private_ip_addresses: &self.private_ip_addresses,
            secondary_count: self.secondary_private_ip_address_count,
            prefixes: &self.ipv4_prefixes,
            prefix_count: self.ipv4_prefix_count,
        };
        let specification = NetworkInterfaceSpecification {
            subnet,
            interface_type,
            description: self.description.unwrap_or_default(),
            group_ids: self.group_ids,
            private_addresses: PrivateAddressRequest::of(interface_type, subnet, ipv4)?,
            ipv6: Ipv6Request::of(interface_type, ipv6)?,
            connection_tracking: self
                .connection_tracking_specification
                .unwrap_or_default()
                .checked()?,
            associate_public_ip_address: None,
            tags: Tags::for_created("network-interface", &self.tag_specifications)?,
        };
        build(specification, &mut Claims::default(), world, context)
    }
}
