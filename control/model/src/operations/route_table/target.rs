//! Where a route is to lead.

use alloc::format;
use alloc::vec::Vec;
use core::fmt::Display;

use eni_types::{EgressOnlyInternetGatewayId, InstanceId, NatGatewayId, VpcPeeringConnectionId};

use super::describe::LOCAL_GATEWAY;
use super::edge;
use crate::api::route_table::RouteTargetParameters;
use crate::operations::lookup;
use crate::operations::network_interface::efa;
use crate::resource::{NetworkInterface, RouteTable, RouteTarget};
use crate::{Ec2Error, ErrorCode, World};

impl RouteTargetParameters {
    /// The target for a route of `table`; `None` if no parameter is given.
    pub(super) fn resolve(
        &self,
        table: &RouteTable,
        world: &World,
    ) -> Result<Option<RouteTarget>, Ec2Error> {
        self.refuse_unsupported()?;
        self.check_count()?;
        if let Some(id) = &self.gateway_id {
            return gateway(id, table, world).map(Some);
        }
        if let Some(id) = self.egress_only_internet_gateway_id {
            return egress_only(id, table, world).map(Some);
        }
        if let Some(id) = self.network_interface_id {
            let eni = lookup::own_interface(world, id)?;
            check_network(eni, table)?;
            efa::check_carries_ip(eni)?;
            return Ok(Some(RouteTarget::NetworkInterface(id)));
        }
        if let Some(id) = self.instance_id {
            return instance(id, table, world).map(Some);
        }
        if let Some(id) = self.nat_gateway_id {
            return nat_gateway(id, table, world).map(Some);
        }
        if let Some(id) = self.vpc_peering_connection_id {
            return peering(id, table, world).map(Some);
        }
        Ok(None)
    }

    fn check_count(&self) -> Result<(), Ec2Error> {
        let given: Vec<&str> = [
            (
                "egressOnlyInternetGatewayId",
                self.egress_only_internet_gateway_id.is_some(),
            ),
            ("gatewayId", self.gateway_id.is_some()),
            ("instanceId", self.instance_id.is_some()),
            ("natGatewayId", self.nat_gateway_id.is_some()),
            ("networkInterfaceId", self.network_interface_id.is_some()),
            (
                "vpcPeeringConnectionId",
                self.vpc_peering_connection_id.is_some(),
            ),
        ]
        .into_iter()
        .filter_map(|(name, is_given)| is_given.then_some(name))
        .collect();
        if let [first, second, ..] = given.as_slice() {
            let message =
                format!("The parameter {first} cannot be used with the parameter {second}");
            return Err(ErrorCode::InvalidParameterCombination.with(message));
        }
        Ok(())
    }
}

fn gateway(id: &str, table: &RouteTable, world: &World) -> Result<RouteTarget, Ec2Error> {
    if id == LOCAL_GATEWAY {
        return Ok(RouteTarget::Local);
    }
    let gateway = edge::known(id, world)?;
    if gateway.vpc_id != Some(table.vpc_id) {
        return Err(another_network(table, id));
    }
    Ok(RouteTarget::InternetGateway(gateway.internet_gateway_id))
}

fn egress_only(
    id: EgressOnlyInternetGatewayId,
    table: &RouteTable,
    world: &World,
) -> Result<RouteTarget, Ec2Error> {
    if world.egress_only_internet_gateways.known(id)?.vpc_id != table.vpc_id {
        return Err(another_network(table, id));
    }
    Ok(RouteTarget::EgressOnlyInternetGateway(id))
}

/// A NAT gateway that is not available is no target (EC2 has a code of its own for it here).
fn nat_gateway(
    id: NatGatewayId,
    table: &RouteTable,
    world: &World,
) -> Result<RouteTarget, Ec2Error> {
    let gateway = world.nat_gateways.get(id);
    let Some(gateway) = gateway.filter(|gateway| gateway.interface().is_some()) else {
        let message = format!("The natGateway ID '{id}' does not exist");
        return Err(ErrorCode::InvalidNatGatewayIdNotFound.with(message));
    };
    if gateway.vpc_id != table.vpc_id {
        return Err(another_network(table, id));
    }
    Ok(RouteTarget::NatGateway(id))
}

/// A request is a target already, though a blackhole until it is accepted (VPC Peering Guide, "Update your route tables");
/// what has ended is none any more.
fn peering(
    id: VpcPeeringConnectionId,
    table: &RouteTable,
    world: &World,
) -> Result<RouteTarget, Ec2Error> {
    let connection = world.vpc_peering_connections.known(id)?;
    if ![connection.requester_vpc_id, connection.accepter_vpc_id].contains(&table.vpc_id) {
        return Err(another_network(table, id));
    }
    if !connection.status.is_live() {
        return Err(lookup::not_found(id));
    }
    Ok(RouteTarget::VpcPeeringConnection(id))
}

fn another_network(table: &RouteTable, gateway: impl Display) -> Ec2Error {
    let message = format!(
        "route table {} and network gateway {gateway} belong to different networks",
        table.route_table_id
    );
    ErrorCode::InvalidParameterValue.with(message)
}

fn instance(id: InstanceId, table: &RouteTable, world: &World) -> Result<RouteTarget, Ec2Error> {
    world.instances.known(id)?;
    let mut interfaces = world.network_interfaces_of(id);
    match (interfaces.next(), interfaces.next()) {
        (Some(eni), None) => {
            check_network(eni, table)?;
            Ok(RouteTarget::Instance(id, eni.network_interface_id))
        }
        (Some(_), Some(_)) => Err(lookup::several_interfaces(id)),
        (None, _) => {
            let message = format!("The instance '{id}' has no network interface.");
            Err(ErrorCode::InvalidInstanceId.with(message))
        }
    }
}

fn check_network(eni: &NetworkInterface, table: &RouteTable) -> Result<(), Ec2Error> {
    if eni.vpc_id == table.vpc_id {
        return Ok(());
    }
    let message = format!(
        "route table {} and interface {} belong to different networks",
        table.route_table_id, eni.network_interface_id
    );
    Err(ErrorCode::InvalidParameterValue.with(message))
}
