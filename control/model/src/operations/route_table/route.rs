//! `CreateRoute`, `ReplaceRoute` and `DeleteRoute`.

use alloc::format;
use core::net::Ipv4Addr;

use eni_types::{Ipv4Cidr, VpcId, quota};

use crate::api::route_table::{CreateRoute, DeleteRoute, ReplaceRoute, RouteDestinationParameters};
use crate::resource::{Route, RouteOrigin, RouteTable, RouteTarget};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

impl RouteDestinationParameters {
    fn resolve(&self) -> Result<Ipv4Cidr, Ec2Error> {
        self.refuse_unsupported()?;
        self.destination_cidr_block
            .ok_or_else(|| Ec2Error::missing_parameter("destinationCidrBlock"))
    }
}

/// Adds a route to a table.
impl Operation for CreateRoute {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut table = RouteTable::clone(world.route_tables.known(self.route_table_id)?);
        let destination = self.destination.resolve()?;
        let target = self.target.resolve(&table, world)?.ok_or_else(no_target)?;
        if find(&mut table, destination).is_some() {
            let message = format!("The route identified by {destination} already exists.");
            return Err(ErrorCode::RouteAlreadyExists.with(message));
        }
        check_destination(destination)?;
        check_within_vpc(destination, target, table.vpc_id, world)?;
        if table.routes.len() >= quota::ROUTES_PER_ROUTE_TABLE {
            let message = format!(
                "The maximum number of routes in route table {} has been reached.",
                table.route_table_id
            );
            return Err(ErrorCode::RouteLimitExceeded.with(message));
        }
        table.routes.push(Route {
            destination,
            target,
            origin: RouteOrigin::CreateRoute,
        });
        Ok((ChangeSet::putting(table), ReturnTrue::default()))
    }
}

/// Makes a route of a table lead elsewhere: also the local one, to an interface.
impl Operation for ReplaceRoute {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut table = RouteTable::clone(world.route_tables.known(self.route_table_id)?);
        let destination = self.destination.resolve()?;
        let named = self.target.resolve(&table, world)?;
        let target = match (named, self.local_target == Some(true)) {
            (Some(target), false) => target,
            (None, true) => RouteTarget::Local,
            (Some(_), true) => {
                let message = "The parameter localTarget cannot be used with another target";
                return Err(ErrorCode::InvalidParameterCombination.with(message));
            }
            (None, false) => return Err(no_target()),
        };
        let vpc_id = table.vpc_id;
        let route = find(&mut table, destination).ok_or_else(|| {
            let message = format!(
                "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
            );
            ErrorCode::InvalidParameterValue.with(message)
        })?;
        check_within_vpc(destination, target, vpc_id, world)?;
        route.target = target;
        Ok((ChangeSet::putting(table), ReturnTrue::default()))
    }
}

/// Takes a route out of a table.
impl Operation for DeleteRoute {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let mut table = RouteTable::clone(world.route_tables.known(self.route_table_id)?);
        let destination = self.destination.resolve()?;
        let id = table.route_table_id;
        let route = find(&mut table, destination).ok_or_else(|| {
            let message =
                format!("no route with destination-cidr-block {destination} in route table {id}");
            ErrorCode::InvalidRouteNotFound.with(message)
        })?;
        if route.origin == RouteOrigin::CreateRouteTable {
            let message = format!("cannot remove local route {destination} in route table {id}");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        table
            .routes
            .retain(|route| route.destination != destination);
        Ok((ChangeSet::putting(table), ReturnTrue::default()))
    }
}

fn find(table: &mut RouteTable, destination: Ipv4Cidr) -> Option<&mut Route> {
    table
        .routes
        .iter_mut()
        .find(|route| route.destination == destination)
}

fn no_target() -> Ec2Error {
    let message = "The request must contain exactly one of gatewayId, networkInterfaceId, localTarget or instanceId";
    ErrorCode::MissingParameter.with(message)
}

/// Refuses the block that EC2 keeps for its services ("Route tables", static routes).
fn check_destination(destination: Ipv4Cidr) -> Result<(), Ec2Error> {
    let kept = Ipv4Cidr::new(Ipv4Addr::new(169, 254, 168, 0), 22);
    if kept.is_some_and(|kept| kept.covers(destination)) {
        let message = format!("The destination CIDR block {destination} is not supported.");
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    Ok(())
}

/// Within the VPC's own block, only the whole block may be local, and a more specific route must be to an interface and
/// match a whole subnet ("Routing for a middlebox appliance"). Outside, nothing is local.
fn check_within_vpc(
    destination: Ipv4Cidr,
    target: RouteTarget,
    vpc_id: VpcId,
    world: &World,
) -> Result<(), Ec2Error> {
    let own = world.vpcs.known(vpc_id)?.cidr_block;
    let to_interface = target.network_interface_id().is_some();
    let is_subnet = || {
        world
            .subnets
            .by(&vpc_id)
            .any(|subnet| subnet.cidr_block == destination)
    };
    let message = if target == RouteTarget::Local {
        if destination == own {
            return Ok(());
        }
        format!(
            "The local target is only supported for the VPC's own CIDR block, not {destination}."
        )
    } else if !own.covers(destination) {
        return Ok(());
    } else if !to_interface {
        format!(
            "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance."
        )
    } else if destination != own && !is_subnet() {
        format!("Route destination {destination} doesn't match any subnet CIDR blocks")
    } else {
        return Ok(());
    };
    Err(ErrorCode::InvalidParameterValue.with(message))
}
