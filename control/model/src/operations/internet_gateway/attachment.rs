//! `AttachInternetGateway` and `DetachInternetGateway`.

use alloc::format;

use eni_types::VpcId;

use crate::api::internet_gateway::{AttachInternetGateway, DetachInternetGateway};
use crate::operations::route_table::without_gateway;
use crate::resource::InternetGateway;
use crate::{ChangeSet, Context, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Attaches an internet gateway to a VPC: each has at most one of the other.
impl Operation for AttachInternetGateway {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let gateway = world.internet_gateways.known(self.internet_gateway_id)?;
        let vpc_id = world.vpcs.known(self.vpc_id)?.vpc_id;
        if let Some(attached) = gateway.vpc_id {
            let message = format!(
                "resource {} is already attached to network {attached}",
                gateway.internet_gateway_id
            );
            return Err(ErrorCode::ResourceAlreadyAssociated.with(message));
        }
        if world.internet_gateway_of(vpc_id).is_some() {
            let message = format!("Network {vpc_id} already has an internet gateway attached");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        Ok((attach(gateway, Some(vpc_id)), ReturnTrue::default()))
    }
}

/// Detaches an internet gateway from a VPC where no interface has a public address any more.
impl Operation for DetachInternetGateway {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let gateway = world.internet_gateways.known(self.internet_gateway_id)?;
        let vpc_id = world.vpcs.known(self.vpc_id)?.vpc_id;
        if gateway.vpc_id != Some(vpc_id) {
            let message = format!(
                "resource {} is not attached to network {vpc_id}",
                gateway.internet_gateway_id
            );
            return Err(ErrorCode::GatewayNotAttached.with(message));
        }
        // Detaching is rare, and public addresses are no more than the pool has: not worth an index.
        let is_mapped = world
            .addresses
            .iter()
            .filter_map(|address| address.association.as_ref())
            .filter_map(|to| world.network_interfaces.get(to.network_interface_id))
            .any(|eni| eni.vpc_id == vpc_id);
        if is_mapped {
            let message = format!(
                "Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
            );
            return Err(ErrorCode::DependencyViolation.with(message));
        }
        let mut changes = attach(gateway, None);
        changes.append(without_gateway(gateway.internet_gateway_id, world));
        Ok((changes, ReturnTrue::default()))
    }
}

fn attach(gateway: &InternetGateway, vpc_id: Option<VpcId>) -> ChangeSet {
    ChangeSet::putting(InternetGateway {
        vpc_id,
        ..gateway.clone()
    })
}
