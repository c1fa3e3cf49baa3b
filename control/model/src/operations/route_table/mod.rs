//! Route tables, their routes and their associations.

mod association;
mod create;
mod delete;
mod describe;
mod description;
mod route;
mod target;
#[cfg(test)]
mod tests;

pub use association::{
    AssociateRouteTable, AssociateRouteTableResponse, DisassociateRouteTable,
    ReplaceRouteTableAssociation, ReplaceRouteTableAssociationResponse,
};
pub use create::{CreateRouteTable, CreateRouteTableResponse};
pub use delete::DeleteRouteTable;
pub use describe::{DescribeRouteTables, DescribeRouteTablesResponse};
pub use description::{AssociationState, RouteTableDescription};
pub use route::{CreateRoute, DeleteRoute, ReplaceRoute, RouteDestinationParameters};
pub use target::RouteTargetParameters;
