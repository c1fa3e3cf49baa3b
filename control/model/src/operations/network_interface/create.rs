//! `CreateNetworkInterface`.

use super::efa;
use super::private_addresses::PrivateAddressRequest;
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
        self.refuse_unsupported()?;
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
        let specification = NetworkInterfaceSpecification {
            subnet: world.subnets.known(self.subnet_id)?,
            interface_type,
            description: self.description.unwrap_or_default(),
            group_ids: self.group_ids,
            private_addresses: PrivateAddressRequest::of(
                interface_type,
                self.private_ip_address,
                &self.private_ip_addresses,
                self.secondary_private_ip_address_count,
            )?,
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
