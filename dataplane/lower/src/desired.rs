//! What the machine should look like.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eni_model::resource::UserData;
use eni_types::{
    AttachmentId, InstanceId, IpCidr, Ipv4Cidr, Ipv6Cidr, MacAddress, NetworkInterfaceId,
};

use crate::Tables;

/// Everything the agent is to bring about.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Instances that should run. Any other instance of ours goes.
    pub instances: BTreeMap<InstanceId, DesiredInstance>,
    /// Interfaces plugged into those instances. Any other device of ours goes.
    pub interfaces: BTreeMap<AttachmentId, DesiredInterface>,
    /// The vports of the interfaces of endpoints, which have no devices.
    pub endpoints: BTreeMap<NetworkInterfaceId, u32>,
    /// The way to the host.
    pub uplink: DesiredUplink,
    /// The packet tables.
    pub tables: Tables,
}

/// An instance that should run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredInstance {
    /// Booted once for each number: a running instance of a lower number is rebooted.
    pub boot_count: u64,
    /// EC2's private DNS name, without the domain: `ip-10-0-0-5`, or the instance's id.
    pub hostname: String,
    /// The domain: `ec2.internal`.
    pub domain: String,
    /// Who completes and resolves its names, as resolv.conf(5) has it.
    pub resolver: String,
    /// The boot script; empty for none.
    pub user_data: UserData,
    /// Whether it has never run before: user data is for the first boot only.
    pub first_boot: bool,
    /// How many Elastic Fabric Adapters the instance boots with.
    pub efa_devices: usize,
    /// Its type's name.
    pub instance_type: String,
    /// Whether its type's hypervisor is Xen: EC2's marks are others there.
    pub is_xen: bool,
}

/// An interface plugged into a running instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredInterface {
    /// Its vport: the fabric end's interface index.
    pub vport: u32,
    /// The instance.
    pub instance_id: InstanceId,
    /// The interface itself.
    pub network_interface_id: NetworkInterfaceId,
    /// N of `ethN`, unique in the instance: 256 for each network card, and the device index. Zero is the primary one's.
    pub device_number: u16,
    /// The guest end's MAC address.
    pub mac_address: MacAddress,
    /// In bytes: 9001 in a VPC (EC2 User Guide, "Network MTU for your EC2 instance").
    pub mtu_bytes: u32,
    /// The subnet's block: its length goes with every address.
    pub subnet: Ipv4Cidr,
    /// The subnet's router, the next hop of everything outside the subnet.
    pub router_address: Ipv4Addr,
    /// The interface's private addresses, the primary one first.
    pub private_ip_addresses: Vec<Ipv4Addr>,
    /// The subnet's block of IPv6, if it has one.
    pub ipv6_subnet: Option<Ipv6Cidr>,
    /// Its IPv6 addresses; none without [`Self::ipv6_subnet`].
    pub ipv6_addresses: Vec<Ipv6Addr>,
    /// The blocks of both families that were delegated to it.
    pub prefixes: Vec<IpCidr>,
    /// Of a secondary interface, the primary one's subnet if that is another one.
    pub primary_subnet: Option<Ipv4Cidr>,
    /// The same of IPv6.
    pub primary_ipv6_subnet: Option<Ipv6Cidr>,
}

impl DesiredInterface {
    /// The addresses of both families that the guest is given, in the order of the interface.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let ipv4 = self.private_ip_addresses.iter().copied().map(IpAddr::V4);
        ipv4.chain(self.ipv6_addresses.iter().copied().map(IpAddr::V6))
    }

    /// What the guest is given ways for: the addresses, each a block of its own, and the blocks that are delegated to it.
    pub fn blocks(&self) -> impl Iterator<Item = IpCidr> {
        let addresses = self.addresses().map(IpCidr::host);
        addresses.chain(self.prefixes.iter().copied())
    }

    /// Whether its guest has an address of IPv6, or a block to take some from.
    #[must_use]
    pub fn has_ipv6(&self) -> bool {
        let mut prefixes = self.prefixes.iter();
        !self.ipv6_addresses.is_empty() || prefixes.any(|block| block.ipv6().is_some())
    }
}

/// The veth pair through which the host reaches the region's public addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredUplink {
    /// The host's own address: the first usable one of the pool.
    pub host_address: Ipv4Addr,
    /// The host's one route.
    pub public_pool: Ipv4Cidr,
    /// The host end's MAC address.
    pub host_mac_address: MacAddress,
    /// In bytes: 1500 beyond an internet gateway.
    pub mtu_bytes: u32,
}
