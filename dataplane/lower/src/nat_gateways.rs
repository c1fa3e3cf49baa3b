//! NAT gateways: rows of their own, no device.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::{Address, Ipv4, Location, Mac, Mapping, MappingKey, PublicAddress};
use eni_model::World;
use eni_model::resource::NetworkInterface;
use eni_types::NatGatewayId;

use crate::TableChange;
use crate::delta::Draft;
use crate::networks::Networks;
use crate::numbers::Numbers;
use crate::placement::Placement;
use crate::policies::Policies;

/// See [the module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct NatGateways {
    used: BTreeMap<NatGatewayId, Uses>,
}

/// What a gateway uses as long as it carries packets, and its rows.
#[derive(Clone, Debug)]
struct Uses {
    placement: Placement,
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
        uses.placement.end(networks, policies);
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
        let Some(eni) = eni.filter(|eni| world.subnets.get(eni.subnet_id).is_some()) else {
            numbers.nat_gateways.release(&id);
            return;
        };
        // EC2's quota is far below.
        let Some(number) = numbers.nat_gateways.assign_if_free(&id) else {
            return;
        };
        let (placement, at) = Placement::begin(eni, world, networks, policies, numbers);
        let mut row = eni_abi::NatGateway {
            vpc: at.vpc,
            subnet: at.subnet,
            route_table: at.route_table,
            network_acl_policy: at.network_acl_policy,
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
        let uses = Uses { placement, rows };
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
