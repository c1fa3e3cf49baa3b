//! `DescribeNetworkInterfaces` and its filters.

use alloc::borrow::Cow;
use alloc::string::ToString;

use super::description::{Names, is_ipv6_native, owner_of};
use crate::api::network_interface::{
    DescribeNetworkInterfaces, DescribeNetworkInterfacesResponse, NetworkInterfaceDescription,
};
use crate::describe::{Described, Scope, describes};
use crate::resource::{Address, Attachment, NetworkInterface};
use crate::tags::Tags;
use crate::{IdsOf, Table};
use core::net::{Ipv4Addr, Ipv6Addr};
use eni_types::{AttachmentId, InstanceId, MacAddress, SecurityGroupId, SubnetId, VpcId};

impl Described for NetworkInterface {
    type Answer = NetworkInterfaceDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("NetworkInterfaceIds", "MaxResults");
    const ID_FILTER: Option<&'static str> = Some("network-interface-id");

    fn describe(&self, scope: Scope<'_>) -> NetworkInterfaceDescription {
        NetworkInterfaceDescription::new(self, scope)
    }

    fn tag_set(&self) -> &Tags {
        &self.tags
    }

    fn filter_values<'a>(
        &'a self,
        name: &str,
        scope: Scope<'a>,
        give: &mut dyn FnMut(Cow<'a, str>),
    ) {
        if let Some(name) = name.strip_prefix("attachment.") {
            if let Some(attachment) = &self.attachment {
                give(attachment_value(attachment, name, scope));
            }
        } else if let Some(name) = name.strip_prefix("association.") {
            // The association of the interface is that of its primary address.
            let primary = self.primary_private_ip_address();
            let address = primary.and_then(|private| {
                scope
                    .world
                    .public_address_of(self.network_interface_id, private)
            });
            if let Some(address) = address {
                association_values(address, name, Names::of(self.vpc_id, scope), scope, give);
            }
        } else if let Some(name) = name.strip_prefix("addresses.association.") {
            let key = self.network_interface_id;
            for address in scope.world.addresses.by(&key) {
                let name = if name == "owner-id" {
                    "ip-owner-id"
                } else {
                    name
                };
                association_values(address, name, Names::of(self.vpc_id, scope), scope, give);
            }
        } else {
            own_values(self, name, scope, give);
        }
    }

    fn indexed<'a>(table: &'a Table<Self>, name: &str, value: &str) -> Option<IdsOf<'a, Self>> {
        Some(match name {
            "vpc-id" => table.ids(&value.parse::<VpcId>().ok()?),
            "subnet-id" => table.ids(&value.parse::<SubnetId>().ok()?),
            "group-id" => table.ids(&value.parse::<SecurityGroupId>().ok()?),
            "mac-address" => table.ids(&value.parse::<MacAddress>().ok()?),
            "attachment.instance-id" => table.ids(&value.parse::<InstanceId>().ok()?),
            "attachment.attachment-id" => table.ids(&value.parse::<AttachmentId>().ok()?),
            "addresses.private-ip-address" | "private-ip-address" => {
                table.ids(&value.parse::<Ipv4Addr>().ok()?)
            }
            "ipv6-addresses.ipv6-address" => table.ids(&value.parse::<Ipv6Addr>().ok()?),
            _ => return None,
        })
    }
}

/// The values of the filters that name a member of the interface itself.
fn own_values<'a>(
    eni: &'a NetworkInterface,
    name: &str,
    scope: Scope<'a>,
    give: &mut dyn FnMut(Cow<'a, str>),
) {
    let primary = eni.primary_private_ip_address();
    match name {
        "addresses.primary" => {
            for address in &eni.private_ip_addresses {
                give(flag(Some(*address) == primary));
            }
        }
        "addresses.private-ip-address" => {
            for address in &eni.private_ip_addresses {
                give(address.to_string().into());
            }
        }
        "availability-zone" => give(eni.availability_zone.as_str().into()),
        "availability-zone-id" => give(
            scope
                .region
                .availability_zone_id(&eni.availability_zone)
                .into(),
        ),
        "description" => give(eni.description.as_str().into()),
        "group-id" => {
            for id in &eni.group_ids {
                give(id.to_string().into());
            }
        }
        "group-name" => {
            for group in eni
                .group_ids
                .iter()
                .filter_map(|id| scope.world.security_groups.get(*id))
            {
                give(group.group_name.as_str().into());
            }
        }
        "interface-type" => give(eni.interface_type.as_str().into()),
        "ipv6-addresses.ipv6-address" | "ipv6-address" => {
            for address in &eni.ipv6_addresses {
                give(address.to_string().into());
            }
        }
        "mac-address" => give(eni.mac_address.to_string().into()),
        "network-interface-id" => give(eni.network_interface_id.to_string().into()),
        "operator.managed" => give(flag(false)),
        "owner-id" => give(scope.region.account_id.as_str().into()),
        "private-dns-name" => {
            let names = Names::of(eni.vpc_id, scope);
            primary
                .and_then(|address| names.private(address))
                .into_iter()
                .for_each(|name| give(name.into()));
        }
        "private-ip-address" => primary
            .into_iter()
            .for_each(|address| give(address.to_string().into())),
        "requester-id" => give(eni.requester_id(scope.region).into()),
        "requester-managed" => give(flag(eni.requester_id.is_some())),
        "source-dest-check" => give(flag(eni.source_dest_check)),
        "status" => give(eni.status().as_str().into()),
        "subnet-id" => give(eni.subnet_id.to_string().into()),
        "vpc-id" => give(eni.vpc_id.to_string().into()),
        _ => values_by_instance(eni, name, scope, give),
    }
}

/// The values of the filters that only `DescribeInstances` has, as `network-interface.NAME`.
fn values_by_instance<'a>(
    eni: &'a NetworkInterface,
    name: &str,
    scope: Scope<'a>,
    give: &mut dyn FnMut(Cow<'a, str>),
) {
    match name {
        "addresses.private-dns-name" => {
            let names = Names::of(eni.vpc_id, scope);
            let addresses = eni.private_ip_addresses.iter();
            addresses
                .filter_map(|address| names.private(*address))
                .for_each(|name| give(name.into()));
        }
        "deny-all-igw-traffic" => give(flag(false)),
        "ipv6-native" => give(flag(is_ipv6_native(eni, scope))),
        "ipv4-prefixes.ipv4-prefix" => eni
            .ipv4_prefixes
            .iter()
            .for_each(|one| give(one.to_string().into())),
        "ipv6-prefixes.ipv6-prefix" => eni
            .ipv6_prefixes
            .iter()
            .for_each(|one| give(one.to_string().into())),
        "ipv6-addresses.is-primary-ipv6" => {
            let primary = eni.primary_ipv6_address();
            for address in &eni.ipv6_addresses {
                give(flag(primary == Some(*address)));
            }
        }
        "public-dns-name" => eni.filter_values("association.public-dns-name", scope, give),
        "tag-key" => eni.tags.iter().for_each(|(key, _)| give(key.into())),
        "tag-value" => eni.tags.iter().for_each(|(_, value)| give(value.into())),
        // No interface has another operator.
        _ => {}
    }
}

fn attachment_value<'a>(attachment: &Attachment, name: &str, scope: Scope<'a>) -> Cow<'a, str> {
    match name {
        "attach-time" => attachment.attach_time.to_string().into(),
        "attachment-id" => attachment.attachment_id.to_string().into(),
        "delete-on-termination" => flag(attachment.delete_on_termination),
        "network-card-index" => attachment.network_card_index.to_string().into(),
        "device-index" => attachment.device_index.to_string().into(),
        "instance-id" => attachment.instance_id.to_string().into(),
        "instance-owner-id" => scope.region.account_id.as_str().into(),
        _ => attachment.status.as_str().into(),
    }
}

fn association_values<'a>(
    address: &Address,
    name: &str,
    names: Names<'a>,
    scope: Scope<'a>,
    give: &mut dyn FnMut(Cow<'a, str>),
) {
    match name {
        "public-ip" => give(address.public_ip.to_string().into()),
        "ip-owner-id" => give(owner_of(address, scope.region).into()),
        "public-dns-name" => names
            .public(address.public_ip)
            .into_iter()
            .for_each(|name| give(name.into())),
        _ if address.lent => {}
        "allocation-id" => give(address.allocation_id.to_string().into()),
        "association-id" => {
            if let Some(association) = &address.association {
                give(association.association_id.to_string().into());
            }
        }
        // No address is a carrier's, or of an Outpost.
        _ => {}
    }
}

/// A boolean as filters and answers spell it.
fn flag(value: bool) -> Cow<'static, str> {
    if value { "true" } else { "false" }.into()
}

describes! {
    /// Describes network interfaces.
    DescribeNetworkInterfaces: network_interface_ids in network_interfaces, DescribeNetworkInterfacesResponse { network_interface_set }
}
