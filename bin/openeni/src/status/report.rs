//! What `openeni status` says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use eni_agent::LaneStatus;
use eni_model::World;
use eni_model::resource::{Attachment, Instance, NetworkInterface, VpcEndpointPlace};
use eni_types::{
    AttachmentId, InstanceId, InstanceState, IpCidr, MacAddress, NetworkInterfaceId,
    NetworkInterfaceStatus, NetworkInterfaceType, SecurityGroupId, SubnetId, VpcId,
};
use serde::{Deserialize, Serialize};

use super::adapter::AdapterCounters;
use crate::uplink::WayOut;

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
    /// Beside the interfaces.
    #[serde(flatten)]
    pub(crate) ways: Ways,
    /// What brings all of it about.
    pub(crate) lanes: Vec<Lane>,
    /// What `openeni uplink` has turned on.
    #[serde(default)]
    pub(crate) way_out: Option<WayOut>,
}

/// The ways that lead out of the fabric but to interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ways {
    /// The way to the host.
    pub(crate) uplink: Counters,
    /// The way to the fabric's services.
    pub(crate) services: Counters,
}

/// A lane of the agent: the part that writes packet tables, or that makes devices and instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lane {
    pub(crate) name: String,
    /// `running`, `restarting` or `ended`.
    pub(crate) state: String,
    /// How often it has panicked, and begun anew, since the region was started.
    pub(crate) panics: u64,
    pub(crate) last_error: Option<String>,
}

impl From<LaneStatus> for Lane {
    fn from(status: LaneStatus) -> Self {
        Self {
            name: status.name.into(),
            state: status.state.as_str().into(),
            panics: status.panics,
            last_error: status.last_error,
        }
    }
}

impl Lane {
    /// Whether it has ever failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.panics > 0 || self.last_error.is_some()
    }
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InstanceStatus {
    pub(crate) instance_id: InstanceId,
    pub(crate) name: Option<String>,
    pub(crate) instance_type: String,
    pub(crate) state: InstanceState,
    /// Whether it runs, and all of its processes have ended by themselves.
    #[serde(default)]
    pub(crate) is_impaired: bool,
    pub(crate) subnet_id: SubnetId,
    pub(crate) vpc_id: VpcId,
    pub(crate) availability_zone: String,
    pub(crate) tags: BTreeMap<String, String>,
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
    pub(crate) subnet_id: SubnetId,
    pub(crate) vpc_id: VpcId,
    pub(crate) availability_zone: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// What has it, where that is no instance: the id of a NAT gateway or a VPC endpoint.
    #[serde(default)]
    pub(crate) belongs_to: Option<String>,
    /// Each private address, and the public one that leads to it.
    pub(crate) addresses: Vec<AddressPair>,
    pub(crate) private_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) ipv6_addresses: Vec<Ipv6Addr>,
    /// Blocks of both families that are delegated to it.
    pub(crate) prefixes: Vec<IpCidr>,
    pub(crate) public_ip_addresses: Vec<Ipv4Addr>,
    pub(crate) security_groups: Vec<GroupStatus>,
    pub(crate) security_group_ids: Vec<SecurityGroupId>,
    pub(crate) source_dest_check: bool,
    /// Only of interfaces on running instances.
    pub(crate) counters: Option<Counters>,
    /// Only of interfaces with an Elastic Fabric Adapter on running instances.
    pub(crate) adapter: Option<AdapterCounters>,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddressPair {
    pub(crate) private_ip_address: Ipv4Addr,
    pub(crate) public_ip_address: Option<Ipv4Addr>,
}

/// A security group of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupStatus {
    pub(crate) group_id: SecurityGroupId,
    pub(crate) group_name: String,
}

impl Report {
    /// The region as `world` has it, with what the data plane has counted.
    pub(crate) fn new(
        region: &str,
        world: &World,
        mut counters: BTreeMap<AttachmentId, Counters>,
        mut adapters: BTreeMap<NetworkInterfaceId, AdapterCounters>,
        ways: Ways,
        lanes: Vec<Lane>,
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
            ways,
            lanes,
            way_out: None,
        }
    }

    /// Leaves what one of `terms` names: an instance, an interface, or what it is in or has (its subnet, VPC, zone,
    /// security group, an address, a name). An instance that is named keeps all its interfaces; otherwise an instance
    /// keeps those that are named. Without terms all is left.
    pub(crate) fn only(mut self, terms: &[String]) -> Self {
        if terms.is_empty() {
            return self;
        }
        let named = |names: Vec<String>| terms.iter().any(|term| names.contains(term));
        self.unattached.retain(|interface| named(interface.names()));
        for instance in &mut self.instances {
            if !named(instance.names()) {
                instance
                    .interfaces
                    .retain(|interface| named(interface.names()));
            }
        }
        self.instances
            .retain(|instance| named(instance.names()) || !instance.interfaces.is_empty());
        self
    }

    /// Those of `terms` that name nothing in it.
    pub(crate) fn unknown(&self, terms: &[String]) -> Vec<String> {
        let attached = self.instances.iter().flat_map(|of| &of.interfaces);
        let interfaces = attached.chain(&self.unattached);
        let known: BTreeSet<String> = interfaces
            .flat_map(InterfaceStatus::names)
            .chain(self.instances.iter().flat_map(InstanceStatus::names))
            .collect();
        let unknown = terms.iter().filter(|term| !known.contains(*term));
        unknown.cloned().collect()
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
        instance_type: instance.instance_type.name.into(),
        state: instance.state,
        is_impaired: instance.state == InstanceState::Running && instance.impaired_since.is_some(),
        subnet_id: instance.subnet_id,
        vpc_id: instance.vpc_id,
        availability_zone: instance.availability_zone.clone(),
        tags: owned(instance.tags.iter()),
        interfaces: interfaces.into_iter().map(|eni| interface(eni)).collect(),
    }
}

/// The NAT gateway or the endpoint that has an interface.
fn belongs_to(eni: &NetworkInterface, world: &World) -> Option<String> {
    let id = eni.network_interface_id;
    match eni.interface_type {
        NetworkInterfaceType::NatGateway => {
            let gateway = world.nat_gateways.one(&id)?;
            Some(gateway.nat_gateway_id.to_string())
        }
        NetworkInterfaceType::VpcEndpoint => {
            let has_it = |place: &VpcEndpointPlace| place.network_interface_id == id;
            let mut endpoints = world.vpc_endpoints.by(&eni.vpc_id);
            let endpoint = endpoints.find(|endpoint| endpoint.places.iter().any(has_it))?;
            Some(endpoint.vpc_endpoint_id.to_string())
        }
        _ => None,
    }
}

fn owned<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    tags.map(|(key, value)| (key.into(), value.into()))
        .collect()
}

impl InstanceStatus {
    /// What it is called by, or shares with others, apart from its interfaces.
    fn names(&self) -> Vec<String> {
        let mut names = vec![
            self.instance_id.to_string(),
            self.subnet_id.to_string(),
            self.vpc_id.to_string(),
            self.availability_zone.clone(),
            self.state.to_string(),
        ];
        names.extend(self.name.clone());
        names
    }

    #[cfg(test)]
    pub(crate) fn testing() -> Self {
        let number = "00000000000000001";
        Self {
            instance_id: format!("i-{number}").parse().unwrap(),
            name: None,
            instance_type: "t3.medium".into(),
            state: InstanceState::Running,
            is_impaired: false,
            subnet_id: format!("subnet-{number}").parse().unwrap(),
            vpc_id: format!("vpc-{number}").parse().unwrap(),
            availability_zone: "us-east-1a".into(),
            tags: BTreeMap::new(),
            interfaces: Vec::new(),
        }
    }
}

impl InterfaceStatus {
    fn new(
        eni: &NetworkInterface,
        world: &World,
        counters: &mut BTreeMap<AttachmentId, Counters>,
        adapter: Option<AdapterCounters>,
    ) -> Self {
        let public = |private: Ipv4Addr| {
            let address = world.public_address_of(eni.network_interface_id, private);
            address.map(|address| address.public_ip)
        };
        let addresses = eni.private_ip_addresses.iter().map(|private| AddressPair {
            private_ip_address: *private,
            public_ip_address: public(*private),
        });
        let addresses: Vec<_> = addresses.collect();
        let groups = eni.group_ids.iter().filter_map(|id| {
            let group = world.security_groups.get(*id)?;
            Some(GroupStatus {
                group_id: *id,
                group_name: group.group_name.clone(),
            })
        });
        Self {
            network_interface_id: eni.network_interface_id,
            device: eni
                .attachment
                .as_ref()
                .filter(|_| eni.interface_type.carries_ip())
                .map(|attachment| format!("eth{}", attachment.device_number())),
            status: eni.status(),
            mac_address: eni.mac_address,
            subnet_id: eni.subnet_id,
            vpc_id: eni.vpc_id,
            availability_zone: eni.availability_zone.clone(),
            tags: owned(eni.tags.iter()),
            belongs_to: belongs_to(eni, world),
            private_ip_addresses: eni.private_ip_addresses.clone(),
            ipv6_addresses: eni.ipv6_addresses.clone(),
            prefixes: eni.prefixes().collect(),
            public_ip_addresses: addresses
                .iter()
                .filter_map(|pair| pair.public_ip_address)
                .collect(),
            addresses,
            security_groups: groups.collect(),
            security_group_ids: eni.group_ids.clone(),
            source_dest_check: eni.source_dest_check,
            counters: eni
                .attachment
                .as_ref()
                .and_then(|attachment| counters.remove(&attachment.attachment_id)),
            adapter,
        }
    }

    /// What it is called by, or shares with others.
    fn names(&self) -> Vec<String> {
        let mut names = vec![
            self.network_interface_id.to_string(),
            self.mac_address.to_string(),
            self.subnet_id.to_string(),
            self.vpc_id.to_string(),
            self.availability_zone.clone(),
        ];
        names.extend(self.tags.get("Name").cloned());
        names.extend(self.belongs_to.clone());
        for pair in &self.addresses {
            names.push(pair.private_ip_address.to_string());
            names.extend(pair.public_ip_address.map(|address| address.to_string()));
        }
        names.extend(self.ipv6_addresses.iter().map(ToString::to_string));
        names.extend(self.prefixes.iter().map(ToString::to_string));
        for group in &self.security_groups {
            names.extend([group.group_id.to_string(), group.group_name.clone()]);
        }
        names
    }
}
