//! `meta-data/network/interfaces/macs`: the interfaces.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_model::resource::{Attachment, NetworkInterface, Subnet, Vpc};
use eni_types::InstanceId;

use crate::Scope;
use crate::tree::Entry::{Folder, Text};
use crate::tree::{Entries, Node, joined, look, look_among};

/// An interface that is, or is to be, at the instance.
pub(crate) struct Interface<'a> {
    pub(crate) eni: &'a NetworkInterface,
    pub(crate) attachment: &'a Attachment,
    pub(crate) scope: Scope<'a>,
}

impl<'a> Interface<'a> {
    /// The public address of one of its private ones.
    pub(crate) fn public_ip(&self, private: Ipv4Addr) -> Option<Ipv4Addr> {
        let id = self.eni.network_interface_id;
        let address = self.scope.world.public_address_of(id, private)?;
        Some(address.public_ip)
    }

    /// Private addresses that have public ones, with these.
    fn associations(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        let private = self.eni.private_ip_addresses.iter();
        private.filter_map(|private| Some((*private, self.public_ip(*private)?)))
    }

    fn vpc(&self) -> Option<&'a Vpc> {
        let vpc = self.scope.world.vpcs.get(self.eni.vpc_id)?;
        Some(vpc)
    }

    fn subnet(&self) -> Option<&'a Subnet> {
        let subnet = self.scope.world.subnets.get(self.eni.subnet_id)?;
        Some(subnet)
    }
}

/// What is at a path of `macs`. Those that the instance will see when they are plugged in are there before it sees them.
pub(crate) fn macs(id: InstanceId, scope: Scope<'_>, path: &[&str]) -> Option<Node> {
    let mut interfaces = scope.world.attached_interfaces_of(id);
    match path {
        [] => {
            let mut found: Vec<_> = interfaces
                .map(|(eni, attachment)| (attachment.device_number(), eni.mac_address))
                .collect();
            found.sort_unstable();
            let names = found.iter().map(|(_, mac)| format!("{mac}/"));
            Some(Node::Folder(names.collect()))
        }
        [mac, below @ ..] => {
            let (eni, attachment) =
                interfaces.find(|(eni, _)| eni.mac_address.to_string() == *mac)?;
            let interface = Interface {
                eni,
                attachment,
                scope,
            };
            look(Interface::INTERFACE, &interface, below)
        }
    }
}

impl<'a> Interface<'a> {
    /// EC2 User Guide, "Instance metadata categories", `network/interfaces/macs/mac/…`.
    const INTERFACE: &'a Entries<Self> = &[
        (
            "device-number",
            Text(|interface| Some(interface.attachment.device_index.to_string())),
        ),
        (
            "interface-id",
            Text(|interface| Some(interface.eni.network_interface_id.to_string())),
        ),
        ("ipv4-associations", Folder(ipv4_associations)),
        (
            "ipv4-prefix",
            Text(|interface| lines(&interface.eni.ipv4_prefixes)),
        ),
        (
            "ipv6-prefix",
            Text(|interface| lines(&interface.eni.ipv6_prefixes)),
        ),
        (
            "ipv6s",
            Text(|interface| lines(&interface.eni.ipv6_addresses)),
        ),
        ("local-hostname", Text(local_hostname)),
        (
            "local-ipv4s",
            Text(|interface| lines(&interface.eni.private_ip_addresses)),
        ),
        (
            "mac",
            Text(|interface| Some(interface.eni.mac_address.to_string())),
        ),
        // The first name is what EC2's tools ask for, the second what its User Guide says.
        ("network-card", Text(network_card)),
        ("network-card-index", Text(network_card)),
        (
            "owner-id",
            Text(|interface| Some(interface.scope.region.account_id.clone())),
        ),
        ("public-hostname", Text(public_hostname)),
        (
            "public-ipv4s",
            Text(|interface| {
                let mut addresses = interface.associations().peekable();
                addresses.peek()?;
                Some(joined(addresses.map(|(_, public)| public.to_string())))
            }),
        ),
        (
            "security-group-ids",
            Text(|interface| {
                Some(joined(
                    interface.eni.group_ids.iter().map(ToString::to_string),
                ))
            }),
        ),
        ("security-groups", Text(security_groups)),
        (
            "subnet-id",
            Text(|interface| Some(interface.eni.subnet_id.to_string())),
        ),
        (
            "subnet-ipv4-cidr-block",
            Text(|interface| Some(interface.subnet()?.cidr_block?.to_string())),
        ),
        (
            "subnet-ipv6-cidr-blocks",
            Text(|interface| Some(interface.subnet()?.ipv6_cidr_block()?.to_string())),
        ),
        (
            "vpc-id",
            Text(|interface| Some(interface.eni.vpc_id.to_string())),
        ),
        (
            "vpc-ipv4-cidr-block",
            Text(|interface| Some(interface.vpc()?.cidr_block.to_string())),
        ),
        (
            "vpc-ipv4-cidr-blocks",
            Text(|interface| {
                let blocks: Vec<_> = interface.vpc()?.ipv4_blocks().collect();
                lines(&blocks)
            }),
        ),
        (
            "vpc-ipv6-cidr-blocks",
            Text(|interface| {
                let blocks: Vec<_> = interface.vpc()?.ipv6_blocks().collect();
                lines(&blocks)
            }),
        ),
    ];
}

fn network_card(interface: &Interface<'_>) -> Option<String> {
    Some(interface.attachment.network_card_index.to_string())
}

/// Each in a line of its own; nothing where there is none.
fn lines<T: ToString>(all: &[T]) -> Option<String> {
    let lines = joined(all.iter().map(ToString::to_string));
    (!all.is_empty()).then_some(lines)
}

/// By public address, the private ones that it leads to.
fn ipv4_associations(interface: &Interface<'_>, path: &[&str]) -> Option<Node> {
    let associations: Vec<(String, String)> = interface
        .associations()
        .map(|(private, public)| (public.to_string(), private.to_string()))
        .collect();
    let named = associations.iter();
    look_among(
        named.map(|(public, private)| (public.as_str(), private.clone())),
        path,
    )
}

pub(crate) fn local_hostname(interface: &Interface<'_>) -> Option<String> {
    let Scope { world, region, .. } = interface.scope;
    if interface.attachment.is_primary() {
        let instance = world.instances.get(interface.attachment.instance_id)?;
        return region.name_of_instance(instance, interface.eni);
    }
    let address = interface.eni.primary_private_ip_address()?;
    Some(region.private_dns_name(address))
}

/// Empty where the VPC gives no names.
pub(crate) fn public_hostname(interface: &Interface<'_>) -> Option<String> {
    let (_, public) = interface.associations().next()?;
    let names = interface.vpc()?.has_dns_hostnames();
    let name = names.then(|| interface.scope.region.public_dns_name(public));
    Some(name.unwrap_or_default())
}

pub(crate) fn security_groups(interface: &Interface<'_>) -> Option<String> {
    let groups = &interface.scope.world.security_groups;
    let ids = interface.eni.group_ids.iter();
    let named = ids.filter_map(|id| Some(groups.get(*id)?.group_name.to_owned()));
    Some(joined(named))
}
