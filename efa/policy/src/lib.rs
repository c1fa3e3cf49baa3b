//! Elastic Fabric Adapters: which there are, and which of them may converse.
//!
//! OS-bypass traffic is no IP traffic: it stays in its subnet, meets no route, network ACL or packet table, and is
//! allowed or refused as a whole. EC2's rule is that an adapter's security groups "allow all inbound and outbound traffic
//! to and from the security group itself" (EC2 User Guide, "Elastic Fabric Adapter", "EFA limitations"). Between two
//! adapters that means: each one's groups have, in each direction, a rule for all protocols whose peer is one of the other
//! one's groups. A rule whose peer is a block of addresses matches nothing here, be it 0.0.0.0/0: OS-bypass traffic has
//! no IP address. So a group needs an outbound rule that names a group as well; the one that every new group begins
//! with names 0.0.0.0/0.
//!
//! [`EfaDevices::of`] reads a world once, each set of groups once, and answers for any two adapters from that; what is
//! asked later costs the same whatever the region holds.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_efa_abi::Gid;
use eni_model::World;
use eni_model::resource::{Attachment, IpProtocol, NetworkInterface, RulePeer};
use eni_types::{
    AttachmentId, InstanceId, MacAddress, NetworkInterfaceId, SecurityGroupId, SubnetId,
};

/// The adapter of an interface at an instance that runs, or is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EfaDevice {
    /// The interface, of type `efa` or `efa-only`.
    pub network_interface_id: NetworkInterfaceId,
    /// Its attachment: another one means another device.
    pub attachment_id: AttachmentId,
    /// The instance whose programs may open it.
    pub instance_id: InstanceId,
    /// Its network card.
    pub network_card_index: u8,
    /// Its place on the card.
    pub device_index: u8,
    /// N of `efa_N`: its place among the instance's adapters, by card and place on the card.
    pub number: usize,
    /// The subnet that its traffic stays in.
    pub subnet_id: SubnetId,
    /// The interface's MAC address.
    pub mac_address: MacAddress,
    /// Made from the MAC address, and as unique: see [`Gid::from_mac`].
    pub gid: Gid,
    /// The interface's primary private address; none for `efa-only`.
    pub private_ip_address: Option<Ipv4Addr>,
    group_set: usize,
}

/// Why two adapters may not converse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EfaRefusal {
    /// The interface has no adapter, or is not at an instance that runs or is to run.
    #[error("{0} is no Elastic Fabric Adapter of a running instance")]
    NoDevice(NetworkInterfaceId),
    /// OS-bypass traffic is not routed.
    #[error("the adapters are in different subnets")]
    DifferentSubnets,
    /// No rule of this interface's groups lets all traffic out to the other one.
    #[error("the security groups of {0} do not allow all traffic to the other adapter")]
    Egress(NetworkInterfaceId),
    /// No rule of this interface's groups lets all traffic in from the other one.
    #[error("the security groups of {0} do not allow all traffic from the other adapter")]
    Ingress(NetworkInterfaceId),
}

/// All adapters of a region, with what their security groups allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EfaDevices {
    devices: BTreeMap<NetworkInterfaceId, EfaDevice>,
    by_gid: BTreeMap<Gid, NetworkInterfaceId>,
    by_subnet: BTreeMap<SubnetId, Vec<NetworkInterfaceId>>,
    group_sets: Vec<GroupSet>,
}

/// The groups of some adapters, and those whose members they allow all traffic with, in each direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct GroupSet {
    groups: BTreeSet<SecurityGroupId>,
    egress: BTreeSet<SecurityGroupId>,
    ingress: BTreeSet<SecurityGroupId>,
}

impl EfaDevices {
    /// The adapters of `world`.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let mut made = Self::default();
        let mut numbers = BTreeMap::new();
        for instance in world.instances.iter().filter(|instance| instance.is_up()) {
            let mut adapters: Vec<_> = interfaces_of(world, instance.instance_id).collect();
            adapters.sort_by_key(|(_, attachment)| {
                (attachment.network_card_index, attachment.device_index)
            });
            for (number, (eni, attachment)) in adapters.into_iter().enumerate() {
                let groups: BTreeSet<_> = eni.group_ids.iter().copied().collect();
                let group_set = *numbers.entry(groups).or_insert_with_key(|groups| {
                    made.group_sets.push(GroupSet::of(groups, world));
                    made.group_sets.len() - 1
                });
                made.add(EfaDevice::new(eni, attachment, number, group_set));
            }
        }
        made
    }

    fn add(&mut self, device: EfaDevice) {
        let id = device.network_interface_id;
        self.by_gid.insert(device.gid, id);
        self.by_subnet.entry(device.subnet_id).or_default().push(id);
        self.devices.insert(id, device);
    }

    /// All adapters, by interface.
    pub fn iter(&self) -> impl Iterator<Item = &EfaDevice> {
        self.devices.values()
    }

    /// The adapter of an interface.
    #[must_use]
    pub fn get(&self, id: NetworkInterfaceId) -> Option<&EfaDevice> {
        self.devices.get(&id)
    }

    /// The adapter with this address.
    #[must_use]
    pub fn by_gid(&self, gid: Gid) -> Option<&EfaDevice> {
        self.get(*self.by_gid.get(&gid)?)
    }

    /// Whether the adapters of `a` and `b` may exchange traffic. The order does not matter but to which of several
    /// reasons is given. An adapter may always converse with itself: that traffic leaves no interface, and programs open a
    /// handle to their own address whatever the rules say.
    ///
    /// # Errors
    /// [`EfaRefusal`], the first reason found.
    pub fn may_converse(
        &self,
        a: NetworkInterfaceId,
        b: NetworkInterfaceId,
    ) -> Result<(), EfaRefusal> {
        let device = |id| self.get(id).ok_or(EfaRefusal::NoDevice(id));
        let (a, b) = (device(a)?, device(b)?);
        if a.network_interface_id == b.network_interface_id {
            return Ok(());
        }
        if a.subnet_id != b.subnet_id {
            return Err(EfaRefusal::DifferentSubnets);
        }
        for (from, to) in [(a, b), (b, a)] {
            let (sender, receiver) = (self.group_set(from), self.group_set(to));
            if sender.egress.is_disjoint(&receiver.groups) {
                return Err(EfaRefusal::Egress(from.network_interface_id));
            }
            if receiver.ingress.is_disjoint(&sender.groups) {
                return Err(EfaRefusal::Ingress(to.network_interface_id));
            }
        }
        Ok(())
    }

    /// The adapters that the one of `id` may converse with, itself among them; none where it has none.
    pub fn peers(&self, id: NetworkInterfaceId) -> impl Iterator<Item = &EfaDevice> {
        self.get(id)
            .and_then(|device| self.by_subnet.get(&device.subnet_id))
            .into_iter()
            .flatten()
            .filter(move |other| self.may_converse(id, **other).is_ok())
            .filter_map(|other| self.get(*other))
    }

    fn group_set(&self, device: &EfaDevice) -> &GroupSet {
        // Every device was added with the number of a set that was pushed before, and none is taken away.
        &self.group_sets[device.group_set]
    }
}

/// The interfaces with an adapter that are, or are to be, at an instance.
fn interfaces_of(
    world: &World,
    id: InstanceId,
) -> impl Iterator<Item = (&NetworkInterface, &Attachment)> {
    let attached = world.attached_interfaces_of(id);
    attached.filter(|(eni, _)| eni.interface_type.has_efa())
}

impl EfaDevice {
    fn new(
        eni: &NetworkInterface,
        attachment: &Attachment,
        number: usize,
        group_set: usize,
    ) -> Self {
        Self {
            network_interface_id: eni.network_interface_id,
            attachment_id: attachment.attachment_id,
            instance_id: attachment.instance_id,
            network_card_index: attachment.network_card_index,
            device_index: attachment.device_index,
            number,
            subnet_id: eni.subnet_id,
            mac_address: eni.mac_address,
            gid: Gid::from_mac(eni.mac_address),
            private_ip_address: eni.primary_private_ip_address(),
            group_set,
        }
    }
}

impl GroupSet {
    fn of(groups: &BTreeSet<SecurityGroupId>, world: &World) -> Self {
        let mut made = Self {
            groups: groups.clone(),
            ..Self::default()
        };
        let rules = groups
            .iter()
            .flat_map(|group| world.security_group_rules.by(group));
        for rule in rules.filter(|rule| rule.ip_protocol == IpProtocol::All) {
            let allowed = if rule.is_egress {
                &mut made.egress
            } else {
                &mut made.ingress
            };
            match rule.peer {
                RulePeer::SecurityGroup(group) => drop(allowed.insert(group)),
                RulePeer::CidrIpv4(_) | RulePeer::CidrIpv6(_) => {}
            }
        }
        made
    }
}
