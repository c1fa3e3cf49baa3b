//! `ModifyVpcEndpoint`.

use alloc::format;
use alloc::vec::Vec;

use super::place::{add_places, check_ip_address_type, check_private_dns};
use crate::api::vpc_endpoint::ModifyVpcEndpoint;
use crate::operations::security_group::membership;
use crate::resource::{NetworkInterface, VpcEndpoint};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Changes where an endpoint is, its security groups, and whether it has the service's own name.
impl Operation for ModifyVpcEndpoint {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        self.refuse_unsupported()?;
        check_ip_address_type(self.ip_address_type.as_deref())?;
        let before = world.vpc_endpoints.known(self.vpc_endpoint_id)?;
        let mut endpoint = VpcEndpoint::clone(before);
        let mut changes = ChangeSet::none();
        self.change_groups(&mut endpoint, world)?;
        for id in &self.remove_subnet_ids {
            let place = endpoint.places.iter().position(|one| one.subnet_id == *id);
            let place = place.ok_or_else(|| not_of_endpoint("subnet", id))?;
            let removed = endpoint.places.remove(place);
            changes.delete(removed.network_interface_id);
        }
        if endpoint.group_ids != before.group_ids {
            for place in &endpoint.places {
                let eni = world.network_interfaces.known(place.network_interface_id)?;
                changes.put(NetworkInterface {
                    group_ids: endpoint.group_ids.clone(),
                    ..NetworkInterface::clone(eni)
                });
            }
        }
        add_places(
            &mut endpoint,
            &self.add_subnet_ids,
            &mut changes,
            world,
            context,
        )?;
        if let Some(enabled) = self.private_dns_enabled {
            endpoint.private_dns_enabled = enabled;
            if enabled {
                check_private_dns(&endpoint, world, context.region)?;
            }
        }
        changes.put(endpoint);
        changes.answered(ReturnTrue::default())
    }
}

impl ModifyVpcEndpoint {
    fn change_groups(&self, endpoint: &mut VpcEndpoint, world: &World) -> Result<(), Ec2Error> {
        if self.add_security_group_ids.is_empty() && self.remove_security_group_ids.is_empty() {
            return Ok(());
        }
        for id in &self.remove_security_group_ids {
            if !endpoint.group_ids.contains(id) {
                return Err(not_of_endpoint("security group", id));
            }
        }
        let kept = endpoint.group_ids.iter();
        let kept = kept.filter(|id| !self.remove_security_group_ids.contains(id));
        let groups: Vec<_> = kept.chain(&self.add_security_group_ids).copied().collect();
        if groups.is_empty() {
            let message = "A VPC endpoint must have at least one security group.";
            return Err(ErrorCode::InvalidParameter.with(message));
        }
        endpoint.group_ids = membership::check(groups, endpoint.vpc_id, world)?;
        Ok(())
    }
}

fn not_of_endpoint(noun: &str, id: impl core::fmt::Display) -> Ec2Error {
    let message = format!("The {noun} '{id}' is not associated with the VPC endpoint.");
    ErrorCode::InvalidParameter.with(message)
}
