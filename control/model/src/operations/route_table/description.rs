//! A route table as answers show it.

use alloc::string::{String, ToString};

use eni_types::{
    InstanceId, NetworkInterfaceId, RouteTableAssociationId, RouteTableId, SubnetId, VpcId,
};
use serde::Serialize;

use crate::ItemSet;
use crate::describe::Scope;
use crate::resource::{
    Route, RouteOrigin, RouteState, RouteTable, RouteTableAssociation, RouteTarget,
};
use crate::tags::TagItem;

/// The gateway that stands for the VPC itself.
pub(super) const LOCAL_GATEWAY: &str = "local";

/// `routeTable` in answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTableDescription {
    route_table_id: RouteTableId,
    vpc_id: VpcId,
    owner_id: String,
    route_set: ItemSet<RouteDescription>,
    association_set: ItemSet<RouteTableAssociationDescription>,
    propagating_vgw_set: ItemSet<String>,
    tag_set: ItemSet<TagItem>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteDescription {
    destination_cidr_block: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<InstanceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_owner_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_interface_id: Option<NetworkInterfaceId>,
    state: RouteState,
    origin: RouteOrigin,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteTableAssociationDescription {
    route_table_association_id: RouteTableAssociationId,
    route_table_id: RouteTableId,
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet_id: Option<SubnetId>,
    main: bool,
    association_state: AssociationState,
}

/// `associationState`: here, an association is there as soon as it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AssociationState {
    state: &'static str,
}

impl AssociationState {
    pub(super) const ASSOCIATED: Self = Self {
        state: "associated",
    };
}

impl RouteTableDescription {
    pub(super) fn new(table: &RouteTable, scope: Scope<'_>) -> Self {
        let association = |association: &RouteTableAssociation| RouteTableAssociationDescription {
            route_table_association_id: association.association_id,
            route_table_id: table.route_table_id,
            subnet_id: association.subnet_id,
            main: association.subnet_id.is_none(),
            association_state: AssociationState::ASSOCIATED,
        };
        Self {
            route_table_id: table.route_table_id,
            vpc_id: table.vpc_id,
            owner_id: scope.region.account_id.clone(),
            route_set: table
                .routes
                .iter()
                .map(|route| RouteDescription::new(route, table.vpc_id, scope))
                .collect(),
            association_set: table.associations.iter().map(association).collect(),
            propagating_vgw_set: ItemSet::default(),
            tag_set: table.tags.to_items(),
        }
    }
}

impl RouteDescription {
    fn new(route: &Route, vpc_id: VpcId, scope: Scope<'_>) -> Self {
        let instance_id = instance_of(route.target, scope);
        Self {
            destination_cidr_block: route.destination.to_string(),
            gateway_id: gateway_of(route.target),
            instance_id,
            instance_owner_id: instance_id.map(|_| scope.region.account_id.clone()),
            network_interface_id: route.target.network_interface_id(),
            state: scope.world.route_state(vpc_id, route.target),
            origin: route.origin,
        }
    }
}

/// `gatewayId` of a route.
pub(super) fn gateway_of(target: RouteTarget) -> Option<String> {
    match target {
        RouteTarget::Local => Some(LOCAL_GATEWAY.into()),
        RouteTarget::InternetGateway(id) => Some(id.to_string()),
        RouteTarget::NetworkInterface(_) | RouteTarget::Instance(..) => None,
    }
}

/// `instanceId` of a route: EC2 shows where the interface is plugged in, whichever of the two the route was made to.
pub(super) fn instance_of(target: RouteTarget, scope: Scope<'_>) -> Option<InstanceId> {
    let eni = scope
        .world
        .network_interfaces
        .get(target.network_interface_id()?)?;
    eni.attachment
        .as_ref()
        .map(|attachment| attachment.instance_id)
}
