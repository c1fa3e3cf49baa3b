//! Routes of the route tables that running instances use.

use alloc::collections::BTreeMap;
use alloc::string::ToString;

use eni_abi::{Route, RouteKey};
use eni_model::World;
use eni_model::resource::{RouteTable, RouteTarget};
use eni_types::{NetworkInterfaceId, RouteTableId};

use crate::number::number;
use crate::{Plug, Tables};

/// The number of every route table.
pub(crate) fn numbers(world: &World) -> BTreeMap<RouteTableId, u32> {
    number(
        world.route_tables.iter().map(|table| table.route_table_id),
        |id| id.to_string(),
    )
}

/// Adds the routes of every table that a plugged interface's subnet uses.
pub(crate) fn lower(world: &World, plugs: &[Plug<'_>], tables: &mut Tables) {
    let vports: BTreeMap<NetworkInterfaceId, u32> = plugs
        .iter()
        .map(|plug| (plug.eni.network_interface_id, plug.vport))
        .collect();
    let numbers = numbers(world);
    let used: BTreeMap<RouteTableId, &RouteTable> = plugs
        .iter()
        .filter_map(|plug| world.route_table_of(plug.subnet))
        .map(|table| (table.route_table_id, &**table))
        .collect();
    for (id, table) in used {
        for route in &table.routes {
            let destination = route.destination;
            let key = RouteKey::prefix(
                numbers[&id],
                destination.network().into(),
                destination.prefix_length(),
            );
            tables
                .routes
                .insert(key, target(world, table, route.target, &vports));
        }
    }
}

/// Where a route leads now; EC2's `blackhole` where its target has gone or does not run.
fn target(
    world: &World,
    table: &RouteTable,
    target: RouteTarget,
    vports: &BTreeMap<NetworkInterfaceId, u32>,
) -> Route {
    let blackhole = Route {
        kind: Route::BLACKHOLE,
        vport: 0,
    };
    match target {
        RouteTarget::Local => Route {
            kind: Route::LOCAL,
            vport: 0,
        },
        RouteTarget::InternetGateway(id) if world.internet_gateway_of(table.vpc_id) == Some(id) => {
            Route {
                kind: Route::INTERNET_GATEWAY,
                vport: 0,
            }
        }
        RouteTarget::InternetGateway(_) => blackhole,
        RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id) => {
            vports.get(&id).map_or(blackhole, |vport| Route {
                kind: Route::INTERFACE,
                vport: *vport,
            })
        }
    }
}
