//! What `openeni status` says, and how.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use comfy_table::Table;
use eni_model::World;
use eni_model::resource::{Attachment, Instance, NetworkInterface};
use eni_types::{
    AttachmentId, InstanceId, InstanceState, MacAddress, NetworkInterfaceId,
    NetworkInterfaceStatus, SecurityGroupId,
};
use serde::{Deserialize, Serialize};

use super::adapter::AdapterCounters;

/// What one interface has carried and dropped since it was attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) ingress_packets: u64,
    pub(crate) ingress_bytes: u64,
    pub(crate) egress_packets: u64,
    pub(crate) egress_bytes: u64,
    /// Drops by reason; reasons that never struck are left out.
    pub(crate) drops: BTreeMap<String, u64>,
}

/// The whole region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) region: String,
    pub(crate) instances: Vec<InstanceStatus>,
    /// Interfaces that are not attached.
    pub(crate) unattached: Vec<InterfaceStatus>,
    /// The way to the host.
    pub(crate) uplink: Counters,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InstanceStatus {
    pub(crate) instance_id: InstanceId,
    pub(crate) name: Option<String>,
    pub(crate) instance_type: String,
    pub(crate) state: InstanceState,
    pub(crate) interfaces: Vec<InterfaceStatus>,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InterfaceStatus {
    pub(crate) network_interface_id: NetworkInterfaceId,
    /// `eth0`, where it is attached and carries IP.
    pub(crate) device: Option<String>,
    pub(crate) status: NetworkInterfaceStatus,
    pub(crate) mac_address: MacAddress,
    pub(crate) private_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) public_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) security_group_ids: Vec<SecurityGroupId>,
    pub(crate) source_dest_check: bool,
    /// Only of interfaces on running instances.
    pub(crate) counters: Option<Counters>,
    /// Only of interfaces with an Elastic Fabric Adapter on running instances.
    pub(crate) adapter: Option<AdapterCounters>,
}

impl Report {
    /// The region as `world` has it, with what the data plane has counted.
    pub(crate) fn new(
        region: &str,
        world: &World,
        mut counters: BTreeMap<AttachmentId, Counters>,
        mut adapters: BTreeMap<NetworkInterfaceId, AdapterCounters>,
        uplink: Counters,
    ) -> Self {
        let mut interface = |eni: &NetworkInterface| {
            let adapter = adapters.remove(&eni.network_interface_id);
            InterfaceStatus::new(eni, world, &mut counters, adapter)
        };
        let instances = world
            .instances
            .iter()
            .map(|instance| instance_status(instance, world, &mut interface))
            .collect();
        let unattached = world
            .network_interfaces
            .iter()
            .filter(|eni| eni.attachment.is_none());
        Self {
            region: region.into(),
            instances,
            unattached: unattached
                .map(|eni| InterfaceStatus::new(eni, world, &mut BTreeMap::new(), None))
                .collect(),
            uplink,
        }
    }

    /// Tables for people.
    pub(crate) fn render(&self) -> String {
        let mut table = markdown([
            "INSTANCE",
            "STATE",
            "DEVICE",
            "INTERFACE",
            "MAC",
            "PRIVATE",
            "PUBLIC",
            "IN",
            "OUT",
            "DROPS",
        ]);
        for instance in &self.instances {
            let name = instance
                .name
                .as_ref()
                .map(|name| format!(" ({name})"))
                .unwrap_or_default();
            let mut label = [
                format!("{}{name}", instance.instance_id),
                instance.state.to_string(),
            ];
            for interface in &instance.interfaces {
                let empty = [String::new(), String::new()];
                table.add_row(
                    std::mem::replace(&mut label, empty)
                        .into_iter()
                        .chain(interface.cells()),
                );
            }
            if instance.interfaces.is_empty() {
                table.add_row(label);
            }
        }
        for interface in &self.unattached {
            table.add_row(
                ["-".to_owned(), String::new()]
                    .into_iter()
                    .chain(interface.cells()),
            );
        }
        let mut text = format!("region {}\n{table}\n", self.region);
        text.push_str(&self.render_adapters());
        if !self.uplink.drops.is_empty() {
            text.push_str(&format!(
                "dropped on the way from the host: {}\n",
                reasons(&self.uplink.drops)
            ));
        }
        text
    }

    /// A table of the adapters, where there are any.
    fn render_adapters(&self) -> String {
        let header = ["INSTANCE", "ADAPTER"].into_iter();
        let mut table = markdown(header.chain(AdapterCounters::HEADER));
        for instance in &self.instances {
            for interface in &instance.interfaces {
                if let Some(adapter) = &interface.adapter {
                    let label = [
                        instance.instance_id.to_string(),
                        interface.network_interface_id.to_string(),
                    ];
                    table.add_row(label.into_iter().chain(adapter.cells()));
                }
            }
        }
        if table.is_empty() {
            return String::new();
        }
        format!("{table}\n")
    }
}

fn instance_status(
    instance: &Instance,
    world: &World,
    interface: &mut impl FnMut(&NetworkInterface) -> InterfaceStatus,
) -> InstanceStatus {
    let mut interfaces: Vec<_> = world.network_interfaces_of(instance.instance_id).collect();
    interfaces.sort_by_key(|eni| eni.attachment.as_ref().map(Attachment::device_number));
    InstanceStatus {
        instance_id: instance.instance_id,
        name: instance.tags.get("Name").map(Into::into),
        instance_type: instance.instance_type.clone(),
        state: instance.state,
        interfaces: interfaces.into_iter().map(|eni| interface(eni)).collect(),
    }
}

impl InterfaceStatus {
    fn new(
        eni: &NetworkInterface,
        world: &World,
        counters: &mut BTreeMap<AttachmentId, Counters>,
        adapter: Option<AdapterCounters>,
    ) -> Self {
        let public =
            |private: &Ipv4Addr| world.public_address_of(eni.network_interface_id, *private);
        Self {
            network_interface_id: eni.network_interface_id,
            device: eni
                .attachment
                .as_ref()
                .filter(|_| eni.interface_type.carries_ip())
                .map(|attachment| format!("eth{}", attachment.device_number())),
            status: eni.status(),
            mac_address: eni.mac_address,
            private_ip_addresses: eni.private_ip_addresses.clone(),
            public_ip_addresses: eni
                .private_ip_addresses
                .iter()
                .filter_map(public)
                .map(|address| address.public_ip)
                .collect(),
            security_group_ids: eni.group_ids.clone(),
            source_dest_check: eni.source_dest_check,
            counters: eni
                .attachment
                .as_ref()
                .and_then(|attachment| counters.remove(&attachment.attachment_id)),
            adapter,
        }
    }

    fn cells(&self) -> [String; 8] {
        let counted =
            |read: fn(&Counters) -> String| self.counters.as_ref().map(read).unwrap_or_default();
        [
            self.device.clone().unwrap_or_default(),
            self.network_interface_id.to_string(),
            self.mac_address.to_string(),
            lines(&self.private_ip_addresses),
            lines(&self.public_ip_addresses),
            counted(|counters| counters.ingress_packets.to_string()),
            counted(|counters| counters.egress_packets.to_string()),
            counted(|counters| reasons(&counters.drops)),
        ]
    }
}

fn lines(addresses: &[Ipv4Addr]) -> String {
    addresses
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn reasons(drops: &BTreeMap<String, u64>) -> String {
    drops
        .iter()
        .map(|(reason, count)| format!("{reason}={count}"))
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn markdown<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header.into_iter().collect::<Vec<_>>());
    table
}
