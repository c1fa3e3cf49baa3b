//! The VPCs, subnets and route tables that plugged interfaces use.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::{InternetBlock, Location, Route, RouteKey, VpcBlock, VpcBlockKey};
use eni_model::World;
use eni_model::resource::{RouteTable, RouteTarget};
use eni_types::{IpCidr, NetworkInterfaceId, RouteTableId, SubnetId, VpcId};

use crate::delta::Draft;
use crate::numbers::Numbers;
use crate::{Desired, TableChange, prefix};

/// See [the module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    vpcs: BTreeMap<VpcId, Used>,
    subnets: BTreeMap<SubnetId, Used>,
    route_tables: BTreeMap<RouteTableId, Used>,
    /// The blocks for which there are rows of the route table of a VPC's internet gateway, and the VPC's number in them.
    of_gateways: BTreeMap<VpcId, (u32, Vec<IpCidr>)>,
    update: Update,
}

/// Something that interfaces use.
#[derive(Clone, Debug, Default)]
struct Used {
    interfaces: usize,
    /// The blocks that it has rows for.
    blocks: Vec<IpCidr>,
    /// Of a VPC: the blocks of IPv4 of its peers.
    peers_blocks: BTreeSet<IpCidr>,
}

/// What the update under way has still to settle: what has come, is left by its last interface, or is to be read again.
#[derive(Clone, Debug, Default)]
struct Update {
    vpcs: BTreeSet<VpcId>,
    subnets: BTreeSet<SubnetId>,
    route_tables: BTreeSet<RouteTableId>,
}

impl Networks {
    /// An interface begins to use a VPC: its number.
    pub(crate) fn use_vpc(&mut self, id: VpcId, numbers: &mut Numbers) -> u32 {
        begin(&mut self.vpcs, &mut self.update.vpcs, id);
        numbers.vpcs.assign(&id)
    }

    /// An interface begins to use a subnet: its number.
    pub(crate) fn use_subnet(&mut self, id: SubnetId, numbers: &mut Numbers) -> u32 {
        begin(&mut self.subnets, &mut self.update.subnets, id);
        numbers.subnets.assign(&id)
    }

    /// An interface begins to use a route table: its number.
    pub(crate) fn use_route_table(&mut self, id: RouteTableId, numbers: &mut Numbers) -> u32 {
        begin(&mut self.route_tables, &mut self.update.route_tables, id);
        numbers.route_tables.assign(&id)
    }

    /// An interface ceases to use them.
    pub(crate) fn leave(
        &mut self,
        vpc: VpcId,
        subnet: SubnetId,
        route_table: Option<RouteTableId>,
    ) {
        let update = &mut self.update;
        end(&mut self.vpcs, &mut update.vpcs, vpc);
        end(&mut self.subnets, &mut update.subnets, subnet);
        if let Some(id) = route_table {
            end(&mut self.route_tables, &mut update.route_tables, id);
        }
    }

    /// Is to read these again, as far as they are in use.
    pub(crate) fn read_again(
        &mut self,
        vpcs: BTreeSet<VpcId>,
        route_tables: BTreeSet<RouteTableId>,
    ) {
        self.update.vpcs.extend(vpcs);
        self.update.route_tables.extend(route_tables);
    }

    /// All VPCs and route tables that are in use.
    pub(crate) fn in_use(&self) -> (BTreeSet<VpcId>, BTreeSet<RouteTableId>) {
        let vpcs = self.vpcs.keys().copied().collect();
        (vpcs, self.route_tables.keys().copied().collect())
    }

    /// Forgets the numbers of what is not in use, and of VPCs that are gone.
    pub(crate) fn forget_others(&self, world: &World, numbers: &mut Numbers) {
        numbers
            .vpcs
            .retain(|id, _| self.vpcs.contains_key(id) || world.vpcs.get(*id).is_some());
        let subnets = &self.subnets;
        numbers.subnets.retain(|id, _| subnets.contains_key(id));
        let tables = &self.route_tables;
        numbers.route_tables.retain(|id, _| tables.contains_key(id));
    }

    /// Ends an update: rows of what has come are written, those of what has gone removed.
    pub(crate) fn settle(&mut self, world: &World, numbers: &mut Numbers, draft: &mut Draft) {
        let mut update = core::mem::take(&mut self.update);
        for id in update.subnets {
            if forget_unused(&mut self.subnets, id) {
                numbers.subnets.release(&id);
            }
        }
        let vpcs = update.vpcs.clone();
        for id in update.vpcs {
            let Some(number) = numbers.vpcs.get(&id) else {
                continue;
            };
            // Flows of peers bear its number, also while it has no interface.
            let is_gone = world.vpcs.get(id).is_none();
            let Some(used) = self.vpcs.get_mut(&id) else {
                if is_gone {
                    numbers.vpcs.release(&id);
                }
                continue;
            };
            let takes_all = world.internet_gateway_of(id).is_some();
            let lets_out = world.egress_only_internet_gateway_of(id).is_some();
            let on_internet = InternetBlock {
                vpc: number,
                takes_all,
                is_closed: !takes_all && !lets_out,
            };
            draft.change_all(vpc_rows(used, on_internet), false);
            let vpc = world.vpcs.get(id).filter(|_| used.interfaces != 0);
            used.blocks = vpc.into_iter().flat_map(|vpc| vpc.blocks()).collect();
            used.peers_blocks = vpc.map_or_else(BTreeSet::new, |_| peers_blocks(world, id));
            draft.change_all(vpc_rows(used, on_internet), true);
            if forget_unused(&mut self.vpcs, id) && is_gone {
                numbers.vpcs.release(&id);
            }
            // It may have come or gone: routes of peered VPCs name it by its number.
            update.route_tables.extend(tables_to_peer(world, id));
        }
        let of_tables = update.route_tables.iter();
        let of_tables = of_tables.filter_map(|id| Some(world.route_tables.get(*id)?.vpc_id));
        let of_gateways: BTreeSet<VpcId> = of_tables.chain(vpcs).collect();
        for id in of_gateways {
            self.settle_gateway(id, world, numbers, draft);
        }
        for id in update.route_tables {
            let Some(number) = numbers.route_tables.get(&id) else {
                continue;
            };
            let Some(used) = self.route_tables.get_mut(&id) else {
                continue;
            };
            let key = |block: &IpCidr| RouteKey::prefix(number, prefix(*block));
            let gone = used.blocks.iter();
            let gone = gone.map(|block| TableChange::Route(key(block), None));
            draft.change_all(gone.collect(), false);
            let table = world.route_tables.get(id).filter(|_| used.interfaces != 0);
            used.blocks.clear();
            for route in table.into_iter().flat_map(|table| &table.routes) {
                used.blocks.push(route.destination);
                let row =
                    table.map(|table| target(world, table, route.target, numbers, &draft.desired));
                draft.change(&TableChange::Route(key(&route.destination), row));
            }
            if forget_unused(&mut self.route_tables, id) {
                numbers.route_tables.release(&id);
            }
        }
    }
}

impl Networks {
    /// Writes the rows of the route table of a VPC's internet gateway anew.
    fn settle_gateway(&mut self, id: VpcId, world: &World, numbers: &Numbers, draft: &mut Draft) {
        let key = |number: u32, block: &IpCidr| {
            RouteKey::prefix(RouteKey::of_gateway(number), prefix(*block))
        };
        if let Some((number, blocks)) = self.of_gateways.remove(&id) {
            let gone = blocks.iter();
            let gone = gone.map(|block| TableChange::Route(key(number, block), None));
            draft.change_all(gone.collect(), false);
        }
        let is_used = self.vpcs.contains_key(&id);
        let number = numbers.vpcs.get(&id).filter(|_| is_used);
        let gateway = world.internet_gateway_of(id);
        let table = gateway.and_then(|gateway| world.route_tables.one(&gateway));
        let (Some(number), Some(table)) = (number, table) else {
            return;
        };
        let mut blocks = Vec::new();
        for route in &table.routes {
            blocks.push(route.destination);
            let row = target(world, table, route.target, numbers, &draft.desired);
            draft.change(&TableChange::Route(
                key(number, &route.destination),
                Some(row),
            ));
        }
        self.of_gateways.insert(id, (number, blocks));
    }
}

fn begin<K: Ord + Copy>(all: &mut BTreeMap<K, Used>, update: &mut BTreeSet<K>, id: K) {
    let used = all.entry(id).or_default();
    if used.interfaces == 0 {
        update.insert(id);
    }
    used.interfaces += 1;
}

fn end<K: Ord + Copy>(all: &mut BTreeMap<K, Used>, update: &mut BTreeSet<K>, id: K) {
    if let Some(used) = all.get_mut(&id) {
        used.interfaces -= 1;
        if used.interfaces == 0 {
            update.insert(id);
        }
    }
}

/// Whether it was not in use any more.
fn forget_unused<K: Ord>(all: &mut BTreeMap<K, Used>, id: K) -> bool {
    let unused = all.get(&id).is_some_and(|used| used.interfaces == 0);
    if unused {
        all.remove(&id);
    }
    unused
}

/// The rows of a VPC's blocks, of its peers', and of those of IPv6 as the internet has them.
fn vpc_rows(used: &Used, on_internet: InternetBlock) -> Vec<TableChange> {
    let of = |whose: VpcBlock| {
        move |block: &IpCidr| {
            let key = VpcBlockKey::prefix(on_internet.vpc, prefix(*block));
            TableChange::VpcBlock(key, Some(whose as u32))
        }
    };
    let own = used.blocks.iter().map(of(VpcBlock::Own));
    let peers = used.peers_blocks.iter().map(of(VpcBlock::Peer));
    let of_ipv6 = used.blocks.iter().filter(|block| block.ipv6().is_some());
    let on_internet = of_ipv6.map(|block| {
        let key = VpcBlockKey::on_internet(prefix(*block));
        TableChange::VpcBlock(key, Some(on_internet.to_row()))
    });
    own.chain(peers).chain(on_internet).collect()
}

/// The blocks of IPv4 of the VPCs that a VPC is peered with now. Those of IPv6 are nobody's twice.
fn peers_blocks(world: &World, id: VpcId) -> BTreeSet<IpCidr> {
    let connections = world.vpc_peering_connections.by(&id);
    let peers = connections.filter_map(|connection| world.vpcs.get(connection.peer_of(id)?));
    let blocks = peers.flat_map(|peer| peer.blocks());
    blocks.filter(|block| block.ipv6().is_none()).collect()
}

/// Where a route leads now; EC2's `blackhole` where its target has gone or does not run.
fn target(
    world: &World,
    table: &RouteTable,
    target: RouteTarget,
    numbers: &Numbers,
    desired: &Desired,
) -> Route {
    let to = Route::of_kind;
    match target {
        RouteTarget::VpcPeeringConnection(id) => {
            let connection = world.vpc_peering_connections.get(id);
            let peer = connection.and_then(|connection| connection.peer_of(table.vpc_id));
            peer.map_or(to(Route::BLACKHOLE), |peer| {
                Route::to_peer(numbers.vpcs.get(&peer).unwrap_or(0))
            })
        }
        RouteTarget::Local => to(Route::LOCAL),
        RouteTarget::InternetGateway(id) if world.internet_gateway_of(table.vpc_id) == Some(id) => {
            to(Route::INTERNET_GATEWAY)
        }
        RouteTarget::InternetGateway(_) => to(Route::BLACKHOLE),
        RouteTarget::EgressOnlyInternetGateway(id)
            if world.egress_only_internet_gateway_of(table.vpc_id) == Some(id) =>
        {
            to(Route::EGRESS_ONLY_INTERNET_GATEWAY)
        }
        RouteTarget::EgressOnlyInternetGateway(_) => to(Route::BLACKHOLE),
        RouteTarget::NatGateway(id) => {
            let is_own = |_: &u32| {
                let gateway = world.nat_gateways.get(id);
                gateway.is_some_and(|gateway| gateway.vpc_id == table.vpc_id)
            };
            let number = numbers.nat_gateways.get(&id).filter(is_own);
            number.map_or(to(Route::BLACKHOLE), Route::to_nat_gateway)
        }
        RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id) => {
            vport_of(world, id, desired).map_or(to(Route::BLACKHOLE), |vport| {
                Route::to_interface(Location::here(vport))
            })
        }
    }
}

/// The route tables from which a VPC is reached by peering.
fn tables_to_peer(world: &World, id: VpcId) -> impl Iterator<Item = RouteTableId> {
    let connections = world.vpc_peering_connections.by(&id);
    let tables = connections.flat_map(|connection| {
        let id = connection.vpc_peering_connection_id;
        world.route_tables.by(&id)
    });
    tables.map(|table| table.route_table_id)
}

/// The vport of an interface that is plugged in.
fn vport_of(world: &World, id: NetworkInterfaceId, desired: &Desired) -> Option<u32> {
    let attachment = world.network_interfaces.get(id)?.attachment.as_ref()?;
    let interface = desired.interfaces.get(&attachment.attachment_id)?;
    Some(interface.vport)
}
