//! Route tables.

use alloc::vec::Vec;
use core::fmt;

use eni_types::{
    EgressOnlyInternetGatewayId, InstanceId, InternetGatewayId, IpCidr, NatGatewayId,
    NetworkInterfaceId, RouteTableAssociationId, RouteTableId, SubnetId, VpcId,
    VpcPeeringConnectionId,
};
use serde::{Deserialize, Serialize};

use crate::Row;
use crate::index::indexes;
use crate::tags::Tags;

/// A route table with its routes and associations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its id.
    pub route_table_id: RouteTableId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its routes, a local one for each of the VPC's blocks among them; destinations are unique.
    pub routes: Vec<Route>,
    /// What uses it. The VPC's main table has one association without a subnet or a gateway.
    pub associations: Vec<RouteTableAssociation>,
    /// Its tags.
    pub tags: Tags,
}

/// One route. Whether it is `active` or `blackhole` follows from its target's state and is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Packets to this block,
    pub destination: IpCidr,
    /// go there.
    pub target: RouteTarget,
    /// How the route came to be.
    pub origin: RouteOrigin,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteTarget {
    /// To the VPC's own addresses.
    Local,
    /// To an internet gateway.
    InternetGateway(InternetGatewayId),
    /// To an egress-only internet gateway: of IPv6 only.
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    /// To a network interface.
    NetworkInterface(NetworkInterfaceId),
    /// To the only network interface of an instance, remembered as both.
    Instance(InstanceId, NetworkInterfaceId),
    /// To a NAT gateway: of IPv4 only.
    NatGateway(NatGatewayId),
    /// To the VPC at the other end of a VPC peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId),
}

/// `origin` of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteOrigin {
    /// Made with the table.
    CreateRouteTable,
    /// Made by a call.
    CreateRoute,
}

impl RouteOrigin {
    /// The origin as EC2 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateRouteTable => "CreateRouteTable",
            Self::CreateRoute => "CreateRoute",
        }
    }
}

impl fmt::Display for RouteOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether a route leads anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteState {
    /// Packets go to the target.
    Active,
    /// Packets are dropped: the target is gone, detached or stopped.
    Blackhole,
}

impl RouteState {
    /// The state as EC2 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blackhole => "blackhole",
        }
    }
}

impl fmt::Display for RouteState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The use of a route table by a subnet, or by a VPC as its main table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// Its id.
    pub association_id: RouteTableAssociationId,
    /// The subnet; `None` in the main association, and in a gateway's.
    pub subnet_id: Option<SubnetId>,
    /// The internet gateway, what comes in by which follows the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<InternetGatewayId>,
}

impl RouteTableAssociation {
    /// Whether by it the table is its VPC's main one.
    #[must_use]
    pub const fn is_main(&self) -> bool {
        self.subnet_id.is_none() && self.gateway_id.is_none()
    }
}

impl RouteTable {
    /// Whether this is its VPC's main table.
    #[must_use]
    pub fn is_main(&self) -> bool {
        self.associations.iter().any(RouteTableAssociation::is_main)
    }
}

impl RouteTarget {
    /// The network interface that packets are handed to, if any.
    #[must_use]
    pub fn network_interface_id(self) -> Option<NetworkInterfaceId> {
        match self {
            Self::NetworkInterface(id) | Self::Instance(_, id) => Some(id),
            Self::Local
            | Self::InternetGateway(_)
            | Self::EgressOnlyInternetGateway(_)
            | Self::NatGateway(_)
            | Self::VpcPeeringConnection(_) => None,
        }
    }

    /// The NAT gateway that packets go through, if any.
    #[must_use]
    pub fn nat_gateway_id(self) -> Option<NatGatewayId> {
        match self {
            Self::NatGateway(id) => Some(id),
            _ => None,
        }
    }

    /// The VPC peering connection that packets take, if any.
    #[must_use]
    pub fn vpc_peering_connection_id(self) -> Option<VpcPeeringConnectionId> {
        match self {
            Self::VpcPeeringConnection(id) => Some(id),
            _ => None,
        }
    }
}

impl Row for RouteTable {
    type Id = RouteTableId;
    fn id(&self) -> RouteTableId {
        self.route_table_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! {
    RouteTable, RouteTableIndexes:
    vpc: VpcId = |table| [table.vpc_id];
    association: RouteTableAssociationId = |table| {
        table.associations.iter().map(|association| association.association_id)
    };
    subnet: SubnetId = |table| table.associations.iter().filter_map(|association| association.subnet_id);
    gateway: InternetGatewayId = |table| table.associations.iter().filter_map(|association| association.gateway_id);
    target: NetworkInterfaceId = |table| table.routes.iter().filter_map(|route| route.target.network_interface_id());
    nat_gateway: NatGatewayId = |table| table.routes.iter().filter_map(|route| route.target.nat_gateway_id());
    peering: VpcPeeringConnectionId = |table| {
        table.routes.iter().filter_map(|route| route.target.vpc_peering_connection_id())
    };
}
