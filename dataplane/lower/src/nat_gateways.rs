//! NAT gateways: rows of their own, no device.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::{Address, Ipv4, Location, Mac, Mapping, MappingKey, PublicAddress};
use eni_model::World;
use eni_model::resource::NetworkInterface;
use eni_types::{NatGatewayId, NetworkAclId, RouteTableId, SubnetId, VpcId};

use crate::TableChange;
use crate::delta::Draft;
use crate::networks::Networks;
use crate::numbers::Numbers;
use crate::policies::Policies;

/// See [the module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct NatGateways {
    used: BTreeMap<NatGatewayId, Uses>,
}

/// What a gateway uses as long as it carries packets, and its rows.
#[derive(Clone, Debug)]
struct Uses {
    vpc_id: VpcId,
    subnet_id: SubnetId,
    route_table_id: Option<RouteTableId>,
    network_acl_id: Option<NetworkAclId>,
    rows: Vec<TableChange>,
}

impl NatGateways {
    /// All that have rows.
    pub(crate) fn in_use(&self) -> BTreeSet<NatGatewayId> {
        self.used.keys().copied().collect()
    }

    /// Forgets the numbers of those that have none.
    pub(crate) fn forget_others(&self, numbers: &mut Numbers) {
        let used = &self.used;
        numbers.nat_gateways.retain(|id, _| used.contains_key(id));
    }

    /// Takes back what a gateway gave.
    pub(crate) fn take_back(
        &mut self,
        id: NatGatewayId,
        networks: &mut Networks,
        policies: &mut Policies,
        draft: &mut Draft,
    ) {
        let Some(uses) = self.used.remove(&id) else {
            return;
        };
        draft.change_all(uses.rows, false);
        networks.leave(uses.vpc_id, uses.subnet_id, uses.route_table_id);
        if let Some(acl) = uses.network_acl_id {
            policies.leave_network_acl(acl);
        }
    }

    /// Lowers a gateway that carries packets; any other gives its number back.
    pub(crate) fn lower(
        &mut self,
        id: NatGatewayId,
        world: &World,
        networks: &mut Networks,
        policies: &mut Policies,
        numbers: &mut Numbers,
        draft: &mut Draft,
    ) {
        let gateway = world.nat_gateways.get(id);
        let eni = gateway.and_then(|gateway| world.network_interfaces.get(gateway.interface()?));
        let subnet = eni.and_then(|eni| world.subnets.get(eni.subnet_id));
        let (Some(eni), Some(subnet)) = (eni, subnet) else {
            numbers.nat_gateways.release(&id);
            return;
        };
        // EC2's quota is far below.
        let Some(number) = numbers.nat_gateways.assign_if_free(&id) else {
            return;
        };
        let route_table = world.route_table_of(subnet);
        let route_table_id = route_table.map(|table| table.route_table_id);
        let acl = world.network_acl_of(eni.subnet_id);
        let route_table = route_table_id.map(|id| networks.use_route_table(id, numbers));
        let policy = acl.map(|acl| policies.use_network_acl(acl, numbers));
        let mut row = eni_abi::NatGateway {
            vpc: networks.use_vpc(eni.vpc_id, numbers),
            subnet: networks.use_subnet(eni.subnet_id, numbers),
            route_table: route_table.unwrap_or(0),
            network_acl_policy: policy.unwrap_or(0),
            mac: Mac::from_bytes(eni.mac_address.0),
            ..eni_abi::NatGateway::default()
        };
        // EC2's quota of addresses is what a row has room for.
        for (place, private) in row.addresses.iter_mut().zip(&eni.private_ip_addresses) {
            *place = Ipv4::from(*private);
            row.address_count += 1;
        }
        let mut rows = Vec::from([TableChange::NatGateway(number, Some(row))]);
        address_rows(eni, number, row, world, &mut rows);
        draft.change_all(rows.clone(), true);
        let uses = Uses {
            vpc_id: eni.vpc_id,
            subnet_id: eni.subnet_id,
            route_table_id,
            network_acl_id: acl.map(|acl| acl.network_acl_id),
            rows,
        };
        self.used.insert(id, uses);
    }
}

/// Where its addresses live, private and public.
fn address_rows(
    eni: &NetworkInterface,
    number: u32,
    row: eni_abi::NatGateway,
    world: &World,
    rows: &mut Vec<TableChange>,
) {
    let location = Location::nat_gateway(number);
    let translates = world.internet_gateway_of(eni.vpc_id).is_some();
    for private in &eni.private_ip_addresses {
        let public = world
            .public_address_of(eni.network_interface_id, *private)
            .filter(|_| translates)
            .map(|address| Address::from(address.public_ip));
        let (vpc, address) = (row.vpc, Address::from(*private));
        let mapping = Mapping {
            location,
            subnet: row.subnet,
            identity: 0,
            public_address: public.unwrap_or_default(),
            mac: row.mac,
            unannounced: 0,
        };
        let key = MappingKey { vpc, address };
        rows.push(TableChange::Mapping(key, Some(mapping)));
        if let Some(public) = public {
            let translated = PublicAddress {
                vpc,
                private_address: address,
                location,
            };
            rows.push(TableChange::PublicAddress(public, Some(translated)));
        }
    }
}
