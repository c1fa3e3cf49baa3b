//! `CreateNetworkInterface`.

use eni_types::{NetworkInterfaceId, ResourceId};

use super::efa;
use super::private_addresses::PrivateAddressRequest;
use super::specification::{NetworkInterfaceSpecification, build};
use crate::api::network_interface::{
    CreateNetworkInterface, CreateNetworkInterfaceResponse, NetworkInterfaceDescription,
};
use crate::client_token::Replay;
use crate::describe::Scope;
use crate::operations::claims::Claims;
use crate::operations::{lookup, unsupported};
use crate::resource::NetworkInterface;
use crate::tags::Tags;
use crate::{Action, ChangeSet, ClientToken, Context, Ec2Error, Operation, Planned, World};

/// Makes a network interface in a subnet, attached to nothing.
impl Operation for CreateNetworkInterface {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_what_is_absent()?;
        let token = self.client_token.clone();
        let answer =
            |eni: &NetworkInterface, context: &Context<'_>| CreateNetworkInterfaceResponse {
                network_interface: NetworkInterfaceDescription::new(
                    eni,
                    Scope::new(world, context),
                ),
                client_token: token.clone(),
            };
        if let Some(eni) = made_before(token.as_deref(), world, context)? {
            let made = lookup::network_interface(world, eni)?;
            return Ok((ChangeSet::none(), answer(made, context)));
        }
        let eni = self.build(world, context)?;
        let response = answer(&eni, context);
        let mut changes = ChangeSet::none();
        if let Some(token) = &token {
            let id = eni.network_interface_id;
            changes.put(ClientToken::record(Self::NAME, token, id, context));
        }
        changes.put(eni);
        Ok((changes, response))
    }
}

/// The interface that an earlier call with this token made.
fn made_before(
    token: Option<&str>,
    world: &World,
    context: &Context<'_>,
) -> Result<Option<NetworkInterfaceId>, Ec2Error> {
    match ClientToken::replay(CreateNetworkInterface::NAME, token, world, context)? {
        Replay::Yes(ResourceId::NetworkInterfaceId(id)) => Ok(Some(id)),
        Replay::Yes(_) | Replay::No => Ok(None),
    }
}

impl CreateNetworkInterface {
    fn build(self, world: &World, context: &mut Context<'_>) -> Result<NetworkInterface, Ec2Error> {
        let interface_type = efa::requested_type(self.interface_type.as_deref())?;
        let specification = NetworkInterfaceSpecification {
            subnet: lookup::subnet(world, self.subnet_id)?,
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

    fn refuse_what_is_absent(&self) -> Result<(), Ec2Error> {
        let ipv6 = !self.ipv6_prefixes.is_empty()
            || self.ipv6_prefix_count.unwrap_or(0) > 0
            || !self.ipv6_addresses.is_empty()
            || self.ipv6_address_count.unwrap_or(0) > 0
            || self.enable_primary_ipv6 == Some(true);
        unsupported::refuse("IPv6", ipv6)?;
        let prefixes = !self.ipv4_prefixes.is_empty() || self.ipv4_prefix_count.unwrap_or(0) > 0;
        unsupported::refuse("Delegating prefixes", prefixes)
    }
}
