//! `AssociateRouteTable`, `DisassociateRouteTable` and `ReplaceRouteTableAssociation`.

use alloc::format;
use alloc::sync::Arc;

use eni_types::{RouteTableAssociationId, RouteTableId, SubnetId, TypedId};

use crate::api::route_table::{
    AssociateRouteTable, AssociateRouteTableResponse, DisassociateRouteTable,
    ReplaceRouteTableAssociation, ReplaceRouteTableAssociationResponse, RouteTableAssociationState,
};
use crate::operations::{lookup, unsupported};
use crate::resource::{RouteTable, RouteTableAssociation};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, ReturnTrue, World};

/// Makes a subnet use a route table instead of its VPC's main one.
impl Operation for AssociateRouteTable {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let edge = self.gateway_id.is_some() || self.public_ipv4_pool.is_some();
        unsupported::refuse("Edge association", edge)?;
        let table = world.route_tables.known(self.route_table_id)?;
        let subnet_id = self
            .subnet_id
            .ok_or_else(|| Ec2Error::missing_parameter("subnetId"))?;
        check_network(table, subnet_id, world)?;
        let answer = |association_id| AssociateRouteTableResponse {
            association_id,
            association_state: RouteTableAssociationState::ASSOCIATED,
        };
        if let Some(used) = world.route_tables.one(&subnet_id) {
            let same = used.associations.iter().find(|association| {
                used.route_table_id == table.route_table_id
                    && association.subnet_id == Some(subnet_id)
            });
            let association = same.ok_or_else(|| conflict(table.route_table_id))?;
            return Ok((ChangeSet::none(), answer(association.association_id)));
        }
        let association = RouteTableAssociation {
            association_id: RouteTableAssociationId::generate(context.ids),
            subnet_id: Some(subnet_id),
        };
        let response = answer(association.association_id);
        let mut table = RouteTable::clone(table);
        table.associations.push(association);
        Ok((ChangeSet::putting(table), response))
    }
}

/// Makes a subnet use its VPC's main route table again.
impl Operation for DisassociateRouteTable {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, _: &mut Context<'_>) -> Planned<Self> {
        let id = self.association_id;
        let (table, subnet_id) = association(world, id)?;
        if subnet_id.is_none() {
            let message = format!("cannot disassociate the main route table association {id}");
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        Ok((
            ChangeSet::putting(without(table, id)),
            ReturnTrue::default(),
        ))
    }
}

/// Makes a subnet use another route table, or a VPC another main one.
impl Operation for ReplaceRouteTableAssociation {
    const AWAITS_TABLES: bool = true;

    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (old, subnet_id) = association(world, self.association_id)?;
        let new = world.route_tables.known(self.route_table_id)?;
        if old.vpc_id != new.vpc_id {
            let message = format!(
                "route table {} and route table {} belong to different networks",
                old.route_table_id, new.route_table_id
            );
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        let new_association_id = RouteTableAssociationId::generate(context.ids);
        let old = without(old, self.association_id);
        let mut new = if new.route_table_id == old.route_table_id {
            old.clone()
        } else {
            RouteTable::clone(new)
        };
        new.associations.push(RouteTableAssociation {
            association_id: new_association_id,
            subnet_id,
        });
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

/// The table of an association, and the subnet; `None` for a main association.
fn association(
    world: &World,
    id: RouteTableAssociationId,
) -> Result<(&Arc<RouteTable>, Option<SubnetId>), Ec2Error> {
    let found = world.route_tables.one(&id).and_then(|table| {
        let mut associations = table.associations.iter();
        let association = associations.find(|association| association.association_id == id)?;
        Some((table, association.subnet_id))
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

fn check_network(table: &RouteTable, subnet_id: SubnetId, world: &World) -> Result<(), Ec2Error> {
    if world.subnets.known(subnet_id)?.vpc_id == table.vpc_id {
        return Ok(());
    }
    let message = format!(
        "route table {} and subnet {subnet_id} belong to different networks",
        table.route_table_id
    );
    Err(ErrorCode::InvalidParameterValue.with(message))
}

fn conflict(id: RouteTableId) -> Ec2Error {
    let message = format!(
        "the specified association for route table {id} conflicts with an existing association"
    );
    ErrorCode::ResourceAlreadyAssociated.with(message)
}
