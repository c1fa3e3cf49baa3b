//! `CreateRoute`, `ReplaceRoute` and `DeleteRoute`.

use alloc::format;
use core::net::{Ipv4Addr, Ipv6Addr};

use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr, VpcId, quota};

use super::edge;
use crate::api::route_table::{CreateRoute, DeleteRoute, ReplaceRoute, RouteDestinationParameters};
use crate::operations::unsupported;
use crate::resource::{Route, RouteOrigin, RouteTable, RouteTarget};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

impl RouteDestinationParameters {
    fn resolve(&self) -> Result<IpCidr, Ec2Error> {
        self.refuse_unsupported()?;
        match (
            self.destination_cidr_block,
            self.destination_ipv6_cidr_block,
        ) {
            (Some(block), None) => Ok(IpCidr::V4(block)),
            (None, Some(block)) => Ok(IpCidr::V6(block)),
            (None, None) => Err(Ec2Error::missing_parameter("destinationCidrBlock")),
            (Some(_), Some(_)) => {
                let message = "The parameter destinationCidrBlock cannot be used with the parameter destinationIpv6CidrBlock";
                Err(ErrorCode::InvalidParameterCombination.with(message))
            }
        }
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
        check_family(destination, target)?;
        check_place(destination, target, &table, world)?;
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
        if find(&mut table, destination).is_none() {
            let message = format!(
                "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
            );
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        check_family(destination, target)?;
        check_place(destination, target, &table, world)?;
        if let Some(route) = find(&mut table, destination) {
            route.target = target;
        }
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
            let parameter = match destination {
                IpCidr::V4(_) => "destination-cidr-block",
                IpCidr::V6(_) => "destination-ipv6-cidr-block",
            };
            let message = format!("no route with {parameter} {destination} in route table {id}");
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

fn find(table: &mut RouteTable, destination: IpCidr) -> Option<&mut Route> {
    table
        .routes
        .iter_mut()
        .find(|route| route.destination == destination)
}

fn no_target() -> Ec2Error {
    let message = "The request must contain exactly one of gatewayId, networkInterfaceId, localTarget or instanceId";
    ErrorCode::MissingParameter.with(message)
}

/// Refuses the blocks that EC2 keeps for its services ("Route tables", static routes), and of IPv6 what no router forwards:
/// addresses of one link, groups and the loopback address (RFC 4291, sections 2.5.6, 2.7 and 2.5.3).
fn check_destination(destination: IpCidr) -> Result<(), Ec2Error> {
    let kept = [
        Ipv4Cidr::new(Ipv4Addr::new(169, 254, 168, 0), 22).map(IpCidr::V4),
        Ipv6Cidr::new(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32).map(IpCidr::V6),
        Ipv6Cidr::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10).map(IpCidr::V6),
        Ipv6Cidr::new(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8).map(IpCidr::V6),
        Ipv6Cidr::new(Ipv6Addr::LOCALHOST, 128).map(IpCidr::V6),
    ];
    if kept
        .into_iter()
        .flatten()
        .any(|kept| kept.covers(destination))
    {
        let message = format!("The destination CIDR block {destination} is not supported.");
        return Err(ErrorCode::InvalidParameterValue.with(message));
    }
    Ok(())
}

/// An egress-only internet gateway is of IPv6 only; a NAT gateway translates IPv6 to IPv4 in EC2, which is not here.
fn check_family(destination: IpCidr, target: RouteTarget) -> Result<(), Ec2Error> {
    match (destination, target) {
        (IpCidr::V4(block), RouteTarget::EgressOnlyInternetGateway(id)) => {
            let message = format!(
                "The egress-only internet gateway {id} supports only IPv6 destinations, not {block}."
            );
            Err(ErrorCode::InvalidParameterValue.with(message))
        }
        (IpCidr::V6(_), RouteTarget::NatGateway(_)) => {
            unsupported::refuse("A NAT gateway for IPv6 (NAT64)", true)
        }
        _ => Ok(()),
    }
}

/// What the users of the table make of a route.
fn check_place(
    destination: IpCidr,
    target: RouteTarget,
    table: &RouteTable,
    world: &World,
) -> Result<(), Ec2Error> {
    if edge::is_of_gateway(table) {
        edge::check_route(destination, target, table.vpc_id, world)?;
        // A gateway's may be more specific than a subnet.
        if target != RouteTarget::Local {
            return Ok(());
        }
    }
    check_within_vpc(destination, target, table.vpc_id, world)
}

/// Within the VPC's own blocks, only a whole block may be local, and a more specific route must be to an interface or a
/// NAT gateway and match a whole subnet ("Routing for a middlebox appliance"). Outside, nothing is local.
fn check_within_vpc(
    destination: IpCidr,
    target: RouteTarget,
    vpc_id: VpcId,
    world: &World,
) -> Result<(), Ec2Error> {
    let vpc = world.vpcs.known(vpc_id)?;
    let is_own = vpc.blocks().any(|own| own == destination);
    let is_inside = vpc.blocks().any(|own| own.covers(destination));
    let to_interface = target.network_interface_id().is_some() || target.nat_gateway_id().is_some();
    let is_subnet = || {
        world.subnets.by(&vpc_id).any(|subnet| match destination {
            IpCidr::V4(block) => subnet.cidr_block == Some(block),
            IpCidr::V6(block) => subnet.ipv6_cidr_block() == Some(block),
        })
    };
    let message = if target == RouteTarget::Local {
        if is_own {
            return Ok(());
        }
        format!(
            "The local target is only supported for the VPC's own CIDR blocks, not {destination}."
        )
    } else if !is_inside {
        return Ok(());
    } else if !to_interface {
        format!(
            "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface, an instance or a NAT gateway."
        )
    } else if !is_own && !is_subnet() {
        format!("Route destination {destination} doesn't match any subnet CIDR blocks")
    } else {
        return Ok(());
    };
    Err(ErrorCode::InvalidParameterValue.with(message))
}
