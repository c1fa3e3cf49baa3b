//! Network interfaces.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use eni_types::{
    AttachmentId, AttachmentStatus, InstanceId, IpCidr, Ipv4Cidr, Ipv6Cidr, MacAddress,
    NetworkInterfaceId, NetworkInterfaceStatus, NetworkInterfaceType, SecurityGroupId, SubnetId,
    Timestamp, VpcId,
};
use serde::{Deserialize, Serialize};

use crate::index::indexes;
use crate::tags::Tags;
use crate::{RegionSettings, Row};

/// A network interface with its attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// Its id.
    pub network_interface_id: NetworkInterfaceId,
    /// Its subnet, for life.
    pub subnet_id: SubnetId,
    /// The subnet's VPC.
    pub vpc_id: VpcId,
    /// The subnet's zone.
    pub availability_zone: String,
    /// Its kind.
    pub interface_type: NetworkInterfaceType,
    /// Its MAC address, for life; unique in the region.
    pub mac_address: MacAddress,
    /// Its description.
    pub description: String,
    /// Private IPv4 addresses: the primary one first, for life, then secondary ones. Never empty but for `efa-only` and in a
    /// subnet of IPv6 only.
    pub private_ip_addresses: Vec<Ipv4Addr>,
    /// IPv6 addresses, in the order in which they came.
    #[serde(default)]
    pub ipv6_addresses: Vec<Ipv6Addr>,
    /// Whether the first IPv6 address is the primary one: it then stays as long as the interface is attached.
    #[serde(default)]
    pub has_primary_ipv6_address: bool,
    /// IPv4 blocks that were delegated to it, /28: all their addresses are its own.
    #[serde(default)]
    pub ipv4_prefixes: Vec<Ipv4Cidr>,
    /// IPv6 blocks that were delegated to it, /80.
    #[serde(default)]
    pub ipv6_prefixes: Vec<Ipv6Cidr>,
    /// Its security groups, at least one; none of a NAT gateway's.
    pub group_ids: Vec<SecurityGroupId>,
    /// Whether it may only send from, and receive for, its own addresses.
    pub source_dest_check: bool,
    /// Where it is plugged in.
    pub attachment: Option<Attachment>,
    /// Idle timeouts that were set; the instance type's defaults otherwise.
    #[serde(default)]
    pub connection_tracking: ConnectionTracking,
    /// Whether an instance launched with it gets a public address: the subnet's setting at creation.
    #[serde(default)]
    pub map_public_ip_on_launch: bool,
    /// The service that made it, if not the user did.
    #[serde(default)]
    pub requester_id: Option<String>,
    /// The unique id of the role's session that made it; the account's root user did, where there is none.
    #[serde(default)]
    pub created_by: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// The plugging of a network interface into an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub attachment_id: AttachmentId,
    /// The instance.
    pub instance_id: InstanceId,
    /// N of `ethN`.
    pub device_index: u8,
    /// The network card; (card, index) is unique in an instance.
    pub network_card_index: u8,
    /// When it was asked for.
    pub attach_time: Timestamp,
    /// `Attached` means that packets cross (or will, when a stopped instance starts).
    pub status: AttachmentStatus,
    /// Whether the interface goes when the instance is terminated.
    pub delete_on_termination: bool,
}

impl Attachment {
    /// N of the guest's `ethN`: the device index on card 0, and 256 more for each card after it, so that no two places of
    /// an instance have the same number. (Device indexes start anew on each card: an adapter is usually index 1 of its
    /// own.)
    #[must_use]
    pub const fn device_number(&self) -> u16 {
        u16::from_be_bytes([self.network_card_index, self.device_index])
    }

    /// Whether the interface is the instance's primary one: device index 0 of card 0.
    #[must_use]
    pub const fn is_primary(&self) -> bool {
        self.device_number() == 0
    }
}

/// Idle timeouts in seconds (`ConnectionTrackingSpecificationRequest`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTracking {
    /// 60 to 432,000.
    pub tcp_established_timeout: Option<u32>,
    /// 60 to 180.
    pub udp_stream_timeout: Option<u32>,
    /// 30 to 60.
    pub udp_timeout: Option<u32>,
}

impl NetworkInterface {
    /// Who asked for it: the service that manages it, the role's session that made it, or the account's root user, whose
    /// id is the account's.
    #[must_use]
    pub fn requester_id<'a>(&'a self, region: &'a RegionSettings) -> &'a str {
        let asked = self.requester_id.as_deref().or(self.created_by.as_deref());
        asked.unwrap_or(&region.account_id)
    }

    /// Whether a service manages it: then users may tag it and nothing else.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.requester_id.is_some()
    }

    /// The primary private IPv4 address; `None` only for `efa-only` and in a subnet of IPv6 only.
    #[must_use]
    pub fn primary_private_ip_address(&self) -> Option<Ipv4Addr> {
        self.private_ip_addresses.first().copied()
    }

    /// The primary IPv6 address, if one was made so.
    #[must_use]
    pub fn primary_ipv6_address(&self) -> Option<Ipv6Addr> {
        let first = self.ipv6_addresses.first().copied();
        first.filter(|_| self.has_primary_ipv6_address)
    }

    /// Whether blocks are delegated to it.
    #[must_use]
    pub fn has_blocks(&self) -> bool {
        !self.ipv4_prefixes.is_empty() || !self.ipv6_prefixes.is_empty()
    }

    /// IPv4 addresses and delegated blocks: what instance types limit, a block being as good as an address.
    #[must_use]
    pub fn ipv4_slots(&self) -> usize {
        self.private_ip_addresses.len() + self.ipv4_prefixes.len()
    }

    /// The same of IPv6.
    #[must_use]
    pub fn ipv6_slots(&self) -> usize {
        self.ipv6_addresses.len() + self.ipv6_prefixes.len()
    }

    /// Is attached to nothing any more. The primary IPv6 address is so only while it is (EC2 API reference,
    /// `ModifyNetworkInterfaceAttribute`, `EnablePrimaryIpv6`).
    pub(crate) fn leave(&mut self) {
        self.attachment = None;
        self.has_primary_ipv6_address = false;
    }

    /// The blocks that were delegated to it, of both families.
    pub fn prefixes(&self) -> impl Iterator<Item = IpCidr> + Clone {
        let ipv4 = self.ipv4_prefixes.iter().copied().map(IpCidr::V4);
        ipv4.chain(self.ipv6_prefixes.iter().copied().map(IpCidr::V6))
    }

    /// The status that follows from the attachment; one that a service has made is in use as long as it is there.
    #[must_use]
    pub fn status(&self) -> NetworkInterfaceStatus {
        if self.interface_type.is_of_services() {
            return NetworkInterfaceStatus::InUse;
        }
        match self.attachment.as_ref().map(|attachment| attachment.status) {
            None | Some(AttachmentStatus::Detached) => NetworkInterfaceStatus::Available,
            Some(AttachmentStatus::Attaching) => NetworkInterfaceStatus::Attaching,
            Some(AttachmentStatus::Attached) => NetworkInterfaceStatus::InUse,
            Some(AttachmentStatus::Detaching) => NetworkInterfaceStatus::Detaching,
        }
    }
}

impl Row for NetworkInterface {
    type Id = NetworkInterfaceId;
    fn id(&self) -> NetworkInterfaceId {
        self.network_interface_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

/// Addresses of a delegated IPv4 block (EC2 User Guide, "Prefix delegation": /28).
const ADDRESSES_OF_IPV4_PREFIX: usize = 16;

/// A private IPv4 address, which one interface of its VPC has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrivateAddress {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The address.
    pub address: Ipv4Addr,
}

/// An IPv6 address, which one interface of its VPC has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ipv6Address {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The address.
    pub address: Ipv6Addr,
}

/// A block that is delegated to one interface of its VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DelegatedPrefix {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The block: /28 of IPv4 or /80 of IPv6.
    pub prefix: IpCidr,
}

indexes! {
    NetworkInterface, NetworkInterfaceIndexes:
    vpc: VpcId = |eni| [eni.vpc_id];
    subnet: SubnetId = |eni| [eni.subnet_id];
    group: SecurityGroupId = |eni| eni.group_ids.iter().copied();
    mac_address: MacAddress = |eni| [eni.mac_address];
    private_address: PrivateAddress = |eni| eni.private_ip_addresses.iter().map(|address| {
        PrivateAddress { vpc_id: eni.vpc_id, address: *address }
    });
    private_address_in_any_vpc: Ipv4Addr = |eni| eni.private_ip_addresses.iter().copied();
    ipv6_address: Ipv6Address = |eni| eni.ipv6_addresses.iter().map(|address| {
        Ipv6Address { vpc_id: eni.vpc_id, address: *address }
    });
    ipv6_address_in_any_vpc: Ipv6Addr = |eni| eni.ipv6_addresses.iter().copied();
    prefix: DelegatedPrefix = |eni| eni.prefixes().map(|prefix| DelegatedPrefix { vpc_id: eni.vpc_id, prefix });
    instance: InstanceId = |eni| eni.attachment.as_ref().map(|attachment| attachment.instance_id);
    attachment: AttachmentId = |eni| eni.attachment.as_ref().map(|attachment| attachment.attachment_id);
    + private_addresses: SubnetId = |eni| {
        let delegated = ADDRESSES_OF_IPV4_PREFIX * eni.ipv4_prefixes.len();
        (eni.subnet_id, eni.private_ip_addresses.len() + delegated)
    };
}
