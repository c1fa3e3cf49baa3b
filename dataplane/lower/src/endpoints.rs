//! Interface endpoints: vports without devices.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use eni_abi::{Address, Ipv4, Location, Mac, MacKey, Mapping, MappingKey, VPC_MTU, Vport};
use eni_model::resource::{NetworkInterface, Subnet};
use eni_model::{SecurityGroupSet, World};
use eni_types::{AttachmentId, MacAddress, NetworkInterfaceId, NetworkInterfaceType};

use crate::delta::Draft;
use crate::interface::{InterfaceNumbers, router_mac};
use crate::networks::Networks;
use crate::numbers::Numbers;
use crate::placement::Placement;
use crate::policies::Policies;
use crate::vport_number::VportNumbers;
use crate::{TableChange, Tables};

/// The interfaces of endpoints that have a vport.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints {
    used: BTreeMap<NetworkInterfaceId, Uses>,
}

/// What such an interface uses as long as it is there, and its rows.
#[derive(Clone, Debug)]
struct Uses {
    placement: Placement,
    groups: SecurityGroupSet,
    rows: Vec<TableChange>,
}

/// What everything lowered has in common.
pub(crate) struct Shared<'a> {
    pub(crate) networks: &'a mut Networks,
    pub(crate) policies: &'a mut Policies,
    pub(crate) draft: &'a mut Draft,
}

/// By what the vport of an endpoint's interface is numbered: nothing is attached there, but its number is given as those of
/// attachments are.
fn numbered_as(id: NetworkInterfaceId) -> Option<AttachmentId> {
    let text = alloc::format!("{id}");
    let (_, number) = text.split_once('-')?;
    alloc::format!("eni-attach-{number}").parse().ok()
}

impl Endpoints {
    /// All that have a vport.
    pub(crate) fn in_use(&self) -> BTreeSet<NetworkInterfaceId> {
        self.used.keys().copied().collect()
    }

    /// Takes back what an interface gave.
    pub(crate) fn take_back(&mut self, id: NetworkInterfaceId, shared: Shared<'_>) {
        let Some(uses) = self.used.remove(&id) else {
            return;
        };
        shared.draft.change_all(uses.rows, false);
        shared.draft.take_endpoint(id);
        shared.policies.leave_groups(&uses.groups);
        uses.placement.end(shared.networks, shared.policies);
    }

    /// Lowers an interface that is there; false where no vport is free for it.
    pub(crate) fn lower(
        &mut self,
        id: NetworkInterfaceId,
        world: &World,
        numbers: &mut Numbers,
        vports: &mut VportNumbers,
        mut shared: Shared<'_>,
    ) -> bool {
        let eni = world.network_interfaces.get(id);
        let eni = eni.filter(|eni| eni.interface_type == NetworkInterfaceType::VpcEndpoint);
        let subnet = eni.and_then(|eni| world.subnets.get(eni.subnet_id));
        let (Some(eni), Some(subnet)) = (eni, subnet) else {
            return true;
        };
        let vport = numbered_as(id).and_then(|id| vports.assign(id).ok());
        let Some(vport) = vport else {
            return false;
        };
        let Shared {
            networks, policies, ..
        } = &mut shared;
        let groups = eni.security_group_set();
        let of_groups = policies.use_groups(&groups, world, numbers);
        let (placement, at) = Placement::begin(eni, world, networks, policies, numbers);
        let named = InterfaceNumbers::new(at, of_groups, 0);
        let rows = address_rows(eni, vport, named);
        shared
            .draft
            .set_endpoint(id, vport, row(eni, subnet, named));
        shared.draft.change_all(rows.clone(), true);
        let uses = Uses {
            placement,
            groups,
            rows,
        };
        self.used.insert(id, uses);
        true
    }
}

/// The interfaces of endpoints whose vports' rows an earlier process has left, which keep their numbers.
pub(crate) fn recover<'a>(
    world: &'a World,
    tables: &'a Tables,
    vports: &mut VportNumbers,
) -> Vec<(&'a NetworkInterface, &'a Vport)> {
    let rows = tables.vports.iter();
    let rows = rows.filter(|(_, row)| row.has(Vport::PRESENT) && row.is_endpoint());
    let mut found = Vec::new();
    for (vport, row) in rows {
        // No two interfaces of the region ever have one.
        let eni = world
            .network_interfaces
            .one(&MacAddress(row.mac.to_bytes()));
        let eni = eni.filter(|eni| eni.interface_type == NetworkInterfaceType::VpcEndpoint);
        let id = eni.and_then(|eni| numbered_as(eni.network_interface_id));
        if let (Some(eni), Some(id), None) = (eni, id, vports.attachment(*vport)) {
            vports.adopt(id, *vport);
            found.push((&**eni, row));
        }
    }
    found
}

/// Its vport's row. It asks for no address and no name, and begins no connection.
fn row(eni: &NetworkInterface, subnet: &Subnet, numbers: InterfaceNumbers) -> Vport {
    let block = subnet
        .cidr_block
        .unwrap_or(eni_types::Ipv4Cidr::UNSPECIFIED);
    Vport {
        flags: Vport::PRESENT | Vport::SOURCE_DEST_CHECK | Vport::ENDPOINT,
        vpc: numbers.vpc,
        subnet: numbers.subnet,
        subnet_address: block.network().into(),
        subnet_mask: Ipv4::mask(block.prefix_length()),
        route_table: numbers.route_table,
        security_policy: numbers.security_policy,
        identity: numbers.identity,
        network_acl_policy: numbers.network_acl_policy,
        mtu: VPC_MTU,
        mac: Mac::from_bytes(eni.mac_address.0),
        router_mac: router_mac(eni.subnet_id),
        host_address: eni
            .primary_private_ip_address()
            .map_or(Ipv4::UNSPECIFIED, Ipv4::from),
        ..Vport::default()
    }
}

/// Where its MAC address and its address live.
fn address_rows(eni: &NetworkInterface, vport: u32, numbers: InterfaceNumbers) -> Vec<TableChange> {
    let (location, mac) = (Location::here(vport), Mac::from_bytes(eni.mac_address.0));
    let key = MacKey {
        subnet: numbers.subnet,
        mac,
        reserved: 0,
    };
    let mut rows = Vec::from([TableChange::Mac(key, Some(location))]);
    let mapping = Mapping {
        location,
        subnet: numbers.subnet,
        identity: numbers.identity,
        public_address: Address::NONE,
        mac,
        unannounced: 0,
    };
    let vpc = numbers.vpc;
    rows.extend(eni.private_ip_addresses.iter().map(|address| {
        let address = Address::from(*address);
        TableChange::Mapping(MappingKey { vpc, address }, Some(mapping))
    }));
    rows
}
