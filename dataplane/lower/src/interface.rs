//! Vports, and where addresses live.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_abi::{
    Address, Ipv4, Location, Mac, MacKey, Mapping, MappingKey, PublicAddress, VPC_MTU, Vport,
};
use eni_model::World;
use eni_model::resource::{Attachment, Instance, NetworkInterface, Subnet};
use eni_types::{Ipv4Cidr, MacAddress, SubnetId, fnv1a};

use crate::placement::PlacementNumbers;
use crate::{DesiredInterface, TableChange, prefix};

/// The router's place in its subnet: the first address after the network's own.
const ROUTER_OFFSET: u64 = 1;

/// An interface that is, or is to be, plugged into a running instance, with everything its rows need.
pub(crate) struct PluggedInterface<'a> {
    pub(crate) eni: &'a NetworkInterface,
    pub(crate) attachment: &'a Attachment,
    pub(crate) instance: &'a Instance,
    pub(crate) subnet: &'a Subnet,
    /// The VPC's resolver.
    pub(crate) resolver: Option<Ipv4Addr>,
    pub(crate) vport: u32,
    pub(crate) numbers: InterfaceNumbers,
}

/// The numbers of what an interface's rows name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InterfaceNumbers {
    pub(crate) vpc: u32,
    pub(crate) subnet: u32,
    pub(crate) route_table: u32,
    pub(crate) security_policy: u32,
    pub(crate) network_acl_policy: u32,
    pub(crate) identity: u32,
    pub(crate) instance: u32,
}

impl InterfaceNumbers {
    /// Of an interface that is there, with its groups' policy and identity, and its instance.
    pub(crate) fn new(
        at: PlacementNumbers,
        (security_policy, identity): (u32, u32),
        instance: u32,
    ) -> Self {
        Self {
            vpc: at.vpc,
            subnet: at.subnet,
            route_table: at.route_table,
            security_policy,
            network_acl_policy: at.network_acl_policy,
            identity,
            instance,
        }
    }
}

impl PluggedInterface<'_> {
    /// Its vport's row.
    pub(crate) fn vport_row(&self) -> Vport {
        let block = self.block();
        let timeouts = self.timeouts();
        Vport {
            flags: self.flags(),
            vpc: self.numbers.vpc,
            subnet: self.numbers.subnet,
            subnet_address: block.network().into(),
            subnet_mask: Ipv4::mask(block.prefix_length()),
            router_address: self.router().into(),
            route_table: self.numbers.route_table,
            security_policy: self.numbers.security_policy,
            identity: self.numbers.identity,
            network_acl_policy: self.numbers.network_acl_policy,
            mtu: VPC_MTU,
            tcp_established_seconds: timeouts.tcp_established,
            udp_stream_seconds: timeouts.udp_stream,
            udp_single_seconds: timeouts.udp,
            mac: self.mac(),
            router_mac: router_mac(self.eni.subnet_id),
            instance: self.numbers.instance,
            resolver_address: self.resolver.unwrap_or(Ipv4Addr::UNSPECIFIED).into(),
            subnet_ipv6: self
                .subnet
                .ipv6_cidr_block()
                .map_or(Address::NONE, |block| block.network().into()),
            subnet_ipv6_length: self
                .subnet
                .ipv6_cidr_block()
                .map_or(0, |block| block.prefix_length().into()),
            ..Vport::default()
        }
    }

    /// Where its MAC address, its addresses of both families, its prefixes and its public addresses live.
    pub(crate) fn rows(&self, world: &World) -> Vec<TableChange> {
        let InterfaceNumbers {
            vpc,
            subnet,
            identity,
            ..
        } = self.numbers;
        let (location, mac) = (Location::here(self.vport), self.mac());
        let key = MacKey {
            subnet,
            mac,
            reserved: 0,
        };
        let mut rows = Vec::from([TableChange::Mac(key, Some(location))]);
        let owner = Mapping {
            location,
            subnet,
            identity,
            public_address: Address::NONE,
            mac,
            unannounced: 0,
        };
        for address in &self.eni.ipv6_addresses {
            let address = (*address).into();
            let key = MappingKey { vpc, address };
            rows.push(TableChange::Mapping(key, Some(owner)));
        }
        for block in self.eni.prefixes() {
            let key = MappingKey::prefix(vpc, prefix(block));
            rows.push(TableChange::PrefixMapping(key, Some(owner)));
        }
        let translates = world.internet_gateway_of(self.eni.vpc_id).is_some();
        for private in &self.eni.private_ip_addresses {
            let public = world
                .public_address_of(self.eni.network_interface_id, *private)
                .filter(|_| translates)
                .map(|address| Address::from(address.public_ip));
            let address = (*private).into();
            let mapping = Mapping {
                public_address: public.unwrap_or_default(),
                ..owner
            };
            rows.push(TableChange::Mapping(
                MappingKey { vpc, address },
                Some(mapping),
            ));
            if let Some(public) = public {
                let row = PublicAddress {
                    vpc,
                    private_address: address,
                    location,
                };
                rows.push(TableChange::PublicAddress(public, Some(row)));
            }
        }
        rows
    }

    /// The device. `primary` is the instance's primary interface's subnet.
    pub(crate) fn device(&self, primary: Option<&Subnet>) -> DesiredInterface {
        let primary = primary.filter(|primary| primary.subnet_id != self.eni.subnet_id);
        DesiredInterface {
            vport: self.vport,
            instance_id: self.attachment.instance_id,
            network_interface_id: self.eni.network_interface_id,
            device_number: self.attachment.device_number(),
            mac_address: self.eni.mac_address,
            mtu_bytes: VPC_MTU,
            subnet: self.block(),
            router_address: self.router(),
            private_ip_addresses: self.eni.private_ip_addresses.clone(),
            ipv6_subnet: self.subnet.ipv6_cidr_block(),
            ipv6_addresses: self.eni.ipv6_addresses.clone(),
            prefixes: self.eni.prefixes().collect(),
            primary_subnet: primary.and_then(|primary| primary.cidr_block),
            primary_ipv6_subnet: primary.and_then(Subnet::ipv6_cidr_block),
        }
    }

    /// The subnet's block of IPv4; in a subnet of IPv6 only, one that holds nobody's address.
    fn block(&self) -> Ipv4Cidr {
        self.subnet.cidr_block.unwrap_or(Ipv4Cidr::UNSPECIFIED)
    }

    fn mac(&self) -> Mac {
        Mac::from_bytes(self.eni.mac_address.0)
    }

    fn flags(&self) -> u32 {
        let check = if self.eni.source_dest_check {
            Vport::SOURCE_DEST_CHECK
        } else {
            0
        };
        let has_ipv6 = !self.eni.ipv6_addresses.is_empty() || !self.eni.ipv6_prefixes.is_empty();
        let ipv6 = if has_ipv6 {
            Vport::IPV6 | self.services_by_ipv6()
        } else {
            0
        };
        Vport::PRESENT | check | ipv6
    }

    /// EC2 User Guide, "Use instance metadata": by IPv6 for instances on the Nitro System only. Its metadata where its options say so.
    fn services_by_ipv6(&self) -> u32 {
        if !self.instance.instance_type.is_nitro() {
            return 0;
        }
        let metadata = match self.instance.metadata_options.http_protocol_ipv6.as_str() {
            "enabled" => Vport::METADATA_IPV6,
            _ => 0,
        };
        Vport::SERVICES_IPV6 | metadata
    }

    fn timeouts(&self) -> Timeouts {
        let set = self.eni.connection_tracking;
        let of_type = &self.instance.instance_type.connection_tracking;
        Timeouts {
            tcp_established: set
                .tcp_established_timeout
                .unwrap_or(of_type.tcp_established_timeout),
            udp_stream: set.udp_stream_timeout.unwrap_or(of_type.udp_stream_timeout),
            udp: set.udp_timeout.unwrap_or(of_type.udp_timeout),
        }
    }

    fn router(&self) -> Ipv4Addr {
        let block = self.block();
        // The smallest subnet, /28, has sixteen addresses.
        block.nth(ROUTER_OFFSET).unwrap_or(block.network())
    }
}

/// Idle timeouts in seconds.
struct Timeouts {
    tcp_established: u32,
    udp_stream: u32,
    udp: u32,
}

/// The keys of the rows of an interface that was lowered like this, as their removals are.
pub(crate) fn removals(
    row: &Vport,
    interface: &DesiredInterface,
    public_address_of: impl Fn(&MappingKey) -> Option<Address>,
) -> Vec<TableChange> {
    let key = MacKey {
        subnet: row.subnet,
        mac: row.mac,
        reserved: 0,
    };
    let mut removals = Vec::from([TableChange::Mac(key, None)]);
    for block in &interface.prefixes {
        let key = MappingKey::prefix(row.vpc, prefix(*block));
        removals.push(TableChange::PrefixMapping(key, None));
    }
    for address in &interface.ipv6_addresses {
        let key = MappingKey {
            vpc: row.vpc,
            address: (*address).into(),
        };
        removals.push(TableChange::Mapping(key, None));
    }
    for address in &interface.private_ip_addresses {
        let key = MappingKey {
            vpc: row.vpc,
            address: (*address).into(),
        };
        let public = public_address_of(&key);
        removals.extend(public.map(|public| TableChange::PublicAddress(public, None)));
        removals.push(TableChange::Mapping(key, None));
    }
    removals
}

/// The router's MAC address in a subnet. Interfaces' addresses start with 02, routers' with 0a: they never meet.
pub(crate) fn router_mac(subnet: SubnetId) -> Mac {
    let MacAddress([_, rest @ ..]) =
        MacAddress::locally_administered(fnv1a(subnet.to_string().as_bytes()));
    let [b, c, d, e, f] = rest;
    Mac::from_bytes([0x0a, b, c, d, e, f])
}
