//! Route tables of internet gateways: what comes in by a gateway follows its table (Amazon VPC User Guide, "Gateway route tables").

use alloc::format;
use alloc::sync::Arc;

use eni_types::{InternetGatewayId, IpCidr, VpcId};

use crate::operations::unsupported;
use crate::resource::{InternetGateway, RouteTable, RouteTarget};
use crate::{ChangeSet, Ec2Error, ErrorCode, World};

/// The internet gateway that a call names, where other kinds of gateways may stand as well.
pub(super) fn known<'a>(id: &str, world: &'a World) -> Result<&'a Arc<InternetGateway>, Ec2Error> {
    unsupported::refuse("Virtual private gateway", id.starts_with("vgw-"))?;
    unsupported::refuse("VPC endpoint", id.starts_with("vpce-"))?;
    let found = id.parse::<InternetGatewayId>().ok();
    let found = found.and_then(|id| world.internet_gateways.get(id));
    found.ok_or_else(|| {
        let message = format!("The gateway ID '{id}' does not exist");
        ErrorCode::InvalidGatewayIdNotFound.with(message)
    })
}

/// Whether a gateway uses the table.
pub(super) fn is_of_gateway(table: &RouteTable) -> bool {
    let mut associations = table.associations.iter();
    associations.any(|association| association.gateway_id.is_some())
}

/// Refuses a table with routes that a gateway's may not have.
pub(super) fn check_routes(
    table: &RouteTable,
    vpc_id: VpcId,
    world: &World,
) -> Result<(), Ec2Error> {
    let mut routes = table.routes.iter();
    routes.try_for_each(|route| check_route(route.destination, route.target, vpc_id, world))
}

/// "You can only specify local, a Gateway Load Balancer endpoint, or a network interface as a target", and "cannot add routes to any
/// CIDR blocks outside of the ranges in your VPC, including ranges larger than the individual VPC CIDR blocks".
pub(super) fn check_route(
    destination: IpCidr,
    target: RouteTarget,
    vpc_id: VpcId,
    world: &World,
) -> Result<(), Ec2Error> {
    let is_local = target == RouteTarget::Local;
    let vpc = world.vpcs.known(vpc_id)?;
    let message = if !is_local && target.network_interface_id().is_none() {
        format!(
            "The route table of an internet gateway cannot have a route to {destination} with another target than local or a network interface."
        )
    } else if !vpc.blocks().any(|own| own.covers(destination)) {
        format!(
            "The route table of an internet gateway cannot have a route to {destination}, which is not within the VPC's CIDR blocks."
        )
    } else {
        return Ok(());
    };
    Err(ErrorCode::InvalidParameterValue.with(message))
}

/// What goes with a gateway that leaves its VPC: its association.
pub(crate) fn without_gateway(id: InternetGatewayId, world: &World) -> ChangeSet {
    let Some(table) = world.route_tables.one(&id) else {
        return ChangeSet::none();
    };
    let mut table = RouteTable::clone(table);
    table
        .associations
        .retain(|association| association.gateway_id != Some(id));
    ChangeSet::putting(table)
}
