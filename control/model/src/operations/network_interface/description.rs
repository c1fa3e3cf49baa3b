//! A network interface as answers show it.

use alloc::string::{String, ToString};
use core::net::Ipv4Addr;

use eni_types::{Ipv4Cidr, Ipv6Cidr, SecurityGroupId, VpcId};

use crate::api::network_interface::{
    ConnectionTrackingConfiguration, GroupIdentifier, Ipv4PrefixDescription,
    Ipv6AddressDescription, Ipv6PrefixDescription, NetworkInterfaceAssociationDescription,
    NetworkInterfaceAttachmentDescription, NetworkInterfaceDescription, OperatorDescription,
    PrivateIpAddressDescription,
};
use crate::describe::Scope;
use crate::resource::{Address, Attachment, ConnectionTracking, NetworkInterface};
use crate::{ItemSet, RegionSettings};

impl NetworkInterfaceDescription {
    pub(crate) fn new(eni: &NetworkInterface, scope: Scope<'_>) -> Self {
        let names = Names::of(eni.vpc_id, scope);
        let association = |private| {
            scope
                .world
                .public_address_of(eni.network_interface_id, private)
                .map(|address| NetworkInterfaceAssociationDescription::new(address, names))
        };
        let primary = eni.primary_private_ip_address();
        Self {
            network_interface_id: eni.network_interface_id,
            subnet_id: eni.subnet_id,
            vpc_id: eni.vpc_id,
            availability_zone: eni.availability_zone.clone(),
            availability_zone_id: scope.region.availability_zone_id(&eni.availability_zone),
            description: eni.description.clone(),
            owner_id: scope.region.account_id.clone(),
            requester_id: eni.requester_id(scope.region).into(),
            requester_managed: eni.requester_id.is_some(),
            status: eni.status(),
            mac_address: eni.mac_address,
            private_ip_address: primary,
            private_dns_name: primary.and_then(|address| names.private(address)),
            public_dns_name: primary
                .and_then(|private| {
                    scope
                        .world
                        .public_address_of(eni.network_interface_id, private)
                })
                .and_then(|address| names.public(address.public_ip)),
            source_dest_check: eni.source_dest_check,
            group_set: groups_of(eni, scope),
            attachment: eni.attachment.as_ref().map(|attachment| {
                NetworkInterfaceAttachmentDescription::new(attachment, scope.region)
            }),
            association: primary.and_then(association),
            connection_tracking_configuration: ConnectionTrackingConfiguration::new(
                eni.connection_tracking,
            ),
            tag_set: eni.tags.to_items(),
            private_ip_addresses_set: eni
                .private_ip_addresses
                .iter()
                .map(|address| PrivateIpAddressDescription {
                    private_ip_address: *address,
                    private_dns_name: names.private(*address),
                    primary: Some(*address) == primary,
                    association: association(*address),
                })
                .collect(),
            ipv6_addresses_set: ipv6_addresses_of(eni),
            ipv6_address: eni.ipv6_addresses.first().copied(),
            ipv4_prefix_set: prefix_set(&eni.ipv4_prefixes, Ipv4PrefixDescription::of),
            ipv6_prefix_set: prefix_set(&eni.ipv6_prefixes, Ipv6PrefixDescription::of),
            ipv6_native: is_ipv6_native(eni, scope).then_some(true),
            interface_type: eni.interface_type,
            deny_all_igw_traffic: false,
            operator: OperatorDescription { managed: false },
        }
    }
}

fn ipv6_addresses_of(eni: &NetworkInterface) -> ItemSet<Ipv6AddressDescription> {
    eni.ipv6_addresses
        .iter()
        .map(|address| Ipv6AddressDescription {
            ipv6_address: *address,
            is_primary_ipv6: eni.primary_ipv6_address() == Some(*address),
        })
        .collect()
}

/// Whether its subnet is of IPv6 only.
pub(super) fn is_ipv6_native(eni: &NetworkInterface, scope: Scope<'_>) -> bool {
    let subnet = scope.world.subnets.get(eni.subnet_id);
    subnet.is_some_and(|subnet| subnet.is_ipv6_native())
}

impl Ipv4PrefixDescription {
    pub(super) fn of(ipv4_prefix: Ipv4Cidr) -> Self {
        Self { ipv4_prefix }
    }
}

impl Ipv6PrefixDescription {
    pub(super) fn of(ipv6_prefix: Ipv6Cidr) -> Self {
        Self { ipv6_prefix }
    }
}

/// The delegated blocks of an interface; absent where it has none.
pub(crate) fn prefix_set<B: Copy, T>(
    blocks: &[B],
    describe: impl Fn(B) -> T,
) -> Option<ItemSet<T>> {
    let described = blocks.iter().map(|block| describe(*block));
    (!blocks.is_empty()).then(|| described.collect())
}

/// The groups of an interface, in the order in which they were given.
pub(crate) fn groups_of(eni: &NetworkInterface, scope: Scope<'_>) -> ItemSet<GroupIdentifier> {
    group_identifiers(&eni.group_ids, scope)
}

/// Groups by name, in their order.
pub(crate) fn group_identifiers(
    ids: &[SecurityGroupId],
    scope: Scope<'_>,
) -> ItemSet<GroupIdentifier> {
    ids.iter()
        .filter_map(|id| scope.world.security_groups.get(*id))
        .map(|group| GroupIdentifier {
            group_id: group.group_id,
            group_name: group.group_name.clone(),
        })
        .collect()
}

impl NetworkInterfaceAttachmentDescription {
    pub(crate) fn new(attachment: &Attachment, region: &RegionSettings) -> Self {
        Self {
            attachment_id: attachment.attachment_id,
            instance_id: attachment.instance_id,
            instance_owner_id: region.account_id.clone(),
            device_index: attachment.device_index,
            network_card_index: attachment.network_card_index,
            status: attachment.status,
            attach_time: attachment.attach_time.to_string(),
            delete_on_termination: attachment.delete_on_termination,
        }
    }
}

impl NetworkInterfaceAssociationDescription {
    /// A lent address belongs to `amazon` and shows neither allocation nor association.
    pub(crate) fn new(address: &Address, names: Names<'_>) -> Self {
        let own = !address.lent;
        Self {
            public_ip: address.public_ip,
            public_dns_name: names.public(address.public_ip),
            ip_owner_id: owner_of(address, names.region).into(),
            allocation_id: own.then_some(address.allocation_id),
            association_id: address
                .association
                .as_ref()
                .filter(|_| own)
                .map(|association| association.association_id),
        }
    }
}

/// The account that a public address belongs to: `amazon` for a lent one.
pub(crate) fn owner_of<'a>(address: &Address, region: &'a RegionSettings) -> &'a str {
    if address.lent {
        "amazon"
    } else {
        &region.account_id
    }
}

/// The names that addresses of one VPC have: none unless the VPC's attributes `enableDnsSupport` and
/// `enableDnsHostnames` are both set.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    region: &'a RegionSettings,
    given: bool,
}

impl<'a> Names<'a> {
    pub(crate) fn of(vpc_id: VpcId, scope: Scope<'a>) -> Self {
        let given = scope
            .world
            .vpcs
            .get(vpc_id)
            .is_some_and(|vpc| vpc.has_dns_hostnames());
        Self {
            region: scope.region,
            given,
        }
    }

    pub(crate) fn private(self, address: Ipv4Addr) -> Option<String> {
        self.given.then(|| self.region.private_dns_name(address))
    }

    pub(crate) fn public(self, address: Ipv4Addr) -> Option<String> {
        self.given.then(|| self.region.public_dns_name(address))
    }
}

impl ConnectionTrackingConfiguration {
    fn new(timeouts: ConnectionTracking) -> Option<Self> {
        (timeouts != ConnectionTracking::default()).then_some(Self {
            tcp_established_timeout: timeouts.tcp_established_timeout,
            udp_stream_timeout: timeouts.udp_stream_timeout,
            udp_timeout: timeouts.udp_timeout,
        })
    }
}
