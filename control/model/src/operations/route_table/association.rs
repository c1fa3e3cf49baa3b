//! `AssociateRouteTable`, `DisassociateRouteTable` and `ReplaceRouteTableAssociation`.

use alloc::format;
use alloc::sync::Arc;
use core::fmt::Display;

use eni_types::{
    InternetGatewayId, RouteTableAssociationId, RouteTableId, SubnetId, TypedId, VpcId,
};

use super::edge;
use crate::api::route_table::{
    AssociateRouteTable, AssociateRouteTableResponse, DisassociateRouteTable,
    ReplaceRouteTableAssociation, ReplaceRouteTableAssociationResponse, RouteTableAssociationState,
};
use crate::operations::{lookup, unsupported};
use crate::resource::{RouteTable, RouteTableAssociation};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// What uses a route table, but a VPC as its main one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum User {
    Subnet(SubnetId),
    Gateway(InternetGatewayId),
}

/// Makes a subnet use a route table instead of its VPC's main one, or an internet gateway for what comes in by it.
impl Operation for AssociateRouteTable {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        unsupported::refuse("A public IPv4 pool", self.public_ipv4_pool.is_some())?;
        let table = world.route_tables.known(self.route_table_id)?;
        let user = self.user(table, world)?;
        let answer = |association_id| AssociateRouteTableResponse {
            association_id,
            association_state: RouteTableAssociationState::ASSOCIATED,
        };
        let used = match user {
            User::Subnet(id) => world.route_tables.one(&id),
            User::Gateway(id) => world.route_tables.one(&id),
        };
        if let Some(used) = used {
            let same = used.associations.iter().find(|association| {
                used.route_table_id == table.route_table_id && user.is_of(association)
            });
            let association = same.ok_or_else(|| conflict(table.route_table_id))?;
            return Ok((ChangeSet::none(), answer(association.association_id)));
        }
        let association = user.association(RouteTableAssociationId::generate(context.ids));
        let response = answer(association.association_id);
        let mut table = RouteTable::clone(table);
        table.associations.push(association);
        Ok((ChangeSet::putting(table), response))
    }
}

impl AssociateRouteTable {
    /// What is to use the table, if it may.
    fn user(&self, table: &RouteTable, world: &World) -> Result<User, Ec2Error> {
        match (self.subnet_id, &self.gateway_id) {
            (Some(_), Some(_)) => {
                let message = "The parameter gatewayId cannot be used with the parameter subnetId";
                Err(ErrorCode::InvalidParameterCombination.with(message))
            }
            (None, None) => Err(Ec2Error::missing_parameter("subnetId")),
            (Some(id), None) => {
                check_network(table, "subnet", id, world.subnets.known(id)?.vpc_id)?;
                Ok(User::Subnet(id))
            }
            (None, Some(id)) => {
                let gateway = edge::known(id, world)?;
                let id = gateway.internet_gateway_id;
                let vpc_id = gateway.vpc_id.filter(|id| *id == table.vpc_id);
                let vpc_id = vpc_id.ok_or_else(|| other_network(table, "network gateway", id))?;
                edge::check_routes(table, vpc_id, world)?;
                Ok(User::Gateway(id))
            }
        }
    }
}

impl User {
    fn is_of(self, association: &RouteTableAssociation) -> bool {
        match self {
            Self::Subnet(id) => association.subnet_id == Some(id),
            Self::Gateway(id) => association.gateway_id == Some(id),
        }
    }

    fn association(self, association_id: RouteTableAssociationId) -> RouteTableAssociation {
        let (subnet_id, gateway_id) = match self {
            Self::Subnet(id) => (Some(id), None),
            Self::Gateway(id) => (None, Some(id)),
        };
        RouteTableAssociation {
            association_id,
            subnet_id,
            gateway_id,
        }
    }
}

/// Makes a subnet use its VPC's main route table again, or an internet gateway none.
impl Operation for DisassociateRouteTable {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = self.association_id;
        let (table, association) = association(world, id)?;
        if association.is_main() {
            let message = format!("cannot disassociate the main route table association {id}");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        Ok((
            ChangeSet::putting(without(table, id)),
            ReturnTrue::default(),
        ))
    }
}

/// Makes a subnet or an internet gateway use another route table, or a VPC another main one.
impl Operation for ReplaceRouteTableAssociation {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (old, association) = association(world, self.association_id)?;
        let new = world.route_tables.known(self.route_table_id)?;
        if old.vpc_id != new.vpc_id {
            let message = format!(
                "route table {} and route table {} belong to different networks",
                old.route_table_id, new.route_table_id
            );
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        if association.gateway_id.is_some() {
            edge::check_routes(new, new.vpc_id, world)?;
        }
        let new_association_id = RouteTableAssociationId::generate(context.ids);
        let association = RouteTableAssociation {
            association_id: new_association_id,
            ..association.clone()
        };
        let old = without(old, self.association_id);
        let mut new = if new.route_table_id == old.route_table_id {
            old.clone()
        } else {
            RouteTable::clone(new)
        };
        new.associations.push(association);
        // If both are one table, the later write wins.
        let mut changes = ChangeSet::none();
        changes.put(old);
        changes.put(new);
        let response = ReplaceRouteTableAssociationResponse {
            new_association_id,
            association_state: RouteTableAssociationState::ASSOCIATED,
        };
        Ok((changes, response))
    }
}

/// An association, and its table.
fn association(
    world: &World,
    id: RouteTableAssociationId,
) -> Result<(&Arc<RouteTable>, &RouteTableAssociation), Ec2Error> {
    let found = world.route_tables.one(&id).and_then(|table| {
        let mut associations = table.associations.iter();
        let association = associations.find(|association| association.association_id == id)?;
        Some((table, association))
    });
    found.ok_or_else(|| lookup::not_found(id))
}

fn without(table: &RouteTable, id: RouteTableAssociationId) -> RouteTable {
    let mut table = table.clone();
    table
        .associations
        .retain(|association| association.association_id != id);
    table
}

fn check_network(
    table: &RouteTable,
    noun: &str,
    id: impl Display,
    vpc_id: VpcId,
) -> Result<(), Ec2Error> {
    if vpc_id == table.vpc_id {
        return Ok(());
    }
    Err(other_network(table, noun, id))
}

fn other_network(table: &RouteTable, noun: &str, id: impl Display) -> Ec2Error {
    let message = format!(
        "route table {} and {noun} {id} belong to different networks",
        table.route_table_id
    );
    ErrorCode::InvalidParameterValue.with(message)
}

fn conflict(id: RouteTableId) -> Ec2Error {
    let message = format!(
        "the specified association for route table {id} conflicts with an existing association"
    );
    ErrorCode::ResourceAlreadyAssociated.with(message)
}
