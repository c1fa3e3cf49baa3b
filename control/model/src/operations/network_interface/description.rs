//! A network interface as answers show it.

use alloc::string::{String, ToString};
use core::net::Ipv4Addr;

use eni_types::{
    AllocationId, AssociationId, AttachmentId, AttachmentStatus, InstanceId, MacAddress,
    NetworkInterfaceId, NetworkInterfaceStatus, NetworkInterfaceType, SecurityGroupId, SubnetId,
    VpcId,
};
use serde::Serialize;

use crate::describe::Scope;
use crate::resource::{Address, Attachment, ConnectionTracking, NetworkInterface};
use crate::tags::TagItem;
use crate::{ItemSet, RegionSettings};

/// `networkInterface` in answers. Members for IPv6, prefixes and Outposts are empty or left out, as EC2 does for
/// interfaces without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaceDescription {
    network_interface_id: NetworkInterfaceId,
    subnet_id: SubnetId,
    vpc_id: VpcId,
    availability_zone: String,
    availability_zone_id: String,
    description: String,
    owner_id: String,
    requester_id: String,
    requester_managed: bool,
    status: NetworkInterfaceStatus,
    mac_address: MacAddress,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_dns_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_dns_name: Option<String>,
    source_dest_check: bool,
    group_set: ItemSet<GroupIdentifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<AttachmentDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    association: Option<AssociationDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_tracking_configuration: Option<ConnectionTrackingConfiguration>,
    tag_set: ItemSet<TagItem>,
    private_ip_addresses_set: ItemSet<PrivateIpAddressDescription>,
    ipv6_addresses_set: ItemSet<String>,
    interface_type: NetworkInterfaceType,
    deny_all_igw_traffic: bool,
    operator: OperatorDescription,
}

/// A security group by id and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupIdentifier {
    group_id: SecurityGroupId,
    group_name: String,
}

/// `attachment` in answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttachmentDescription {
    attachment_id: AttachmentId,
    instance_id: InstanceId,
    instance_owner_id: String,
    device_index: u8,
    network_card_index: u8,
    status: AttachmentStatus,
    attach_time: String,
    delete_on_termination: bool,
}

/// `association` in answers: the public address of a private one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssociationDescription {
    public_ip: Ipv4Addr,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_dns_name: Option<String>,
    ip_owner_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    allocation_id: Option<AllocationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    association_id: Option<AssociationId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PrivateIpAddressDescription {
    private_ip_address: Ipv4Addr,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_dns_name: Option<String>,
    primary: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    association: Option<AssociationDescription>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionTrackingConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_established_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp_stream_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp_timeout: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct OperatorDescription {
    managed: bool,
}

impl NetworkInterfaceDescription {
    pub(crate) fn new(eni: &NetworkInterface, scope: Scope<'_>) -> Self {
        let names = Names::of(eni.vpc_id, scope);
        let association = |private| {
            scope
                .world
                .public_address_of(eni.network_interface_id, private)
                .map(|address| AssociationDescription::new(address, names))
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
            attachment: eni
                .attachment
                .as_ref()
                .map(|attachment| AttachmentDescription::new(attachment, scope.region)),
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
            ipv6_addresses_set: ItemSet::default(),
            interface_type: eni.interface_type,
            deny_all_igw_traffic: false,
            operator: OperatorDescription { managed: false },
        }
    }
}

/// The groups of an interface, in the order in which they were given.
pub(crate) fn groups_of(eni: &NetworkInterface, scope: Scope<'_>) -> ItemSet<GroupIdentifier> {
    eni.group_ids
        .iter()
        .filter_map(|id| scope.world.security_groups.get(*id))
        .map(|group| GroupIdentifier {
            group_id: group.group_id,
            group_name: group.group_name.clone(),
        })
        .collect()
}

impl AttachmentDescription {
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

impl AssociationDescription {
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
            .is_some_and(|vpc| vpc.enable_dns_support && vpc.enable_dns_hostnames);
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
