//! Vports, and where addresses live.

use alloc::collections::BTreeMap;
use alloc::string::ToString;

use eni_abi::{Ipv4, Mac, MacKey, Mapping, MappingKey, PublicAddress, VPC_MTU, VpcBlockKey, Vport};
use eni_model::World;
use eni_model::instance_types::InstanceType;
use eni_types::{InstanceId, Ipv4Cidr, MacAddress, SubnetId, VpcId, fnv1a};

use crate::number::number;
use crate::policy::Policies;
use crate::{DesiredInterface, Plug, Tables, route};

/// EC2's defaults where neither the interface nor its instance type says more (`ConnectionTrackingConfiguration`).
const TCP_ESTABLISHED_SECONDS: u32 = 432_000;
const UDP_STREAM_SECONDS: u32 = 180;
const UDP_SECONDS: u32 = 30;
/// The router's place in its subnet: the first address after the network's own.
const ROUTER_OFFSET: u64 = 1;

/// Adds the rows of every plugged interface.
pub(crate) fn lower(
    world: &World,
    plugs: &[Plug<'_>],
    policies: &Policies<'_>,
    tables: &mut Tables,
) {
    let vpcs: BTreeMap<VpcId, u32> = number(plugs.iter().map(|plug| plug.eni.vpc_id), |id| {
        id.to_string()
    });
    let subnets: BTreeMap<SubnetId, u32> =
        number(plugs.iter().map(|plug| plug.eni.subnet_id), |id| {
            id.to_string()
        });
    for (id, vpc) in &vpcs {
        for block in blocks(world, *id) {
            let key = VpcBlockKey::prefix(*vpc, block.network().into(), block.prefix_length());
            tables.vpc_blocks.insert(key, 1);
        }
    }
    let route_tables = route::numbers(world);
    let instances = instance_numbers(plugs);
    for plug in plugs {
        let (vpc, subnet) = (vpcs[&plug.eni.vpc_id], subnets[&plug.eni.subnet_id]);
        let identity = policies.identity(plug);
        let mac = Mac::from_bytes(plug.eni.mac_address.0);
        let route_table = world
            .route_table_of(plug.subnet)
            .map(|table| route_tables[&table.route_table_id]);
        tables.vports.insert(
            plug.vport,
            Vport {
                flags: flags(plug),
                vpc,
                subnet,
                route_table: route_table.unwrap_or(0),
                security_policy: policies.security_policy(plug),
                network_acl_policy: policies.network_acl_policy(plug),
                identity,
                mac,
                instance: instances[&plug.instance.instance_id],
                ..unnumbered(plug)
            },
        );
        tables.macs.insert(
            MacKey {
                subnet,
                mac,
                reserved: 0,
            },
            plug.vport,
        );
        for address in &plug.eni.private_ip_addresses {
            let public = public_address(world, plug, *address);
            let key = MappingKey {
                vpc,
                address: (*address).into(),
            };
            let mapping = Mapping {
                vport: plug.vport,
                subnet,
                identity,
                public_address: public.unwrap_or_default(),
                mac,
                unannounced: 0,
            };
            tables.mappings.insert(key, mapping);
            if let Some(public) = public {
                let row = PublicAddress {
                    vpc,
                    private_address: key.address,
                    vport: plug.vport,
                };
                tables.public_addresses.insert(public, row);
            }
        }
    }
}

/// The number of each instance: its primary interface's vport, as that interface stays while the instance runs.
fn instance_numbers(plugs: &[Plug<'_>]) -> BTreeMap<InstanceId, u32> {
    let mut first = BTreeMap::<InstanceId, (u16, u32)>::new();
    for plug in plugs {
        let place = (plug.attachment.device_number(), plug.vport);
        let found = first.entry(plug.instance.instance_id).or_insert(place);
        *found = place.min(*found);
    }
    let number = |(id, (_, vport))| (id, vport);
    first.into_iter().map(number).collect()
}

/// The blocks of a VPC.
fn blocks(world: &World, vpc: VpcId) -> impl Iterator<Item = Ipv4Cidr> {
    world.vpcs.get(vpc).map(|vpc| vpc.cidr_block).into_iter()
}

fn flags(plug: &Plug<'_>) -> u32 {
    let check = if plug.eni.source_dest_check {
        Vport::SOURCE_DEST_CHECK
    } else {
        0
    };
    Vport::PRESENT | check
}

/// What a row says without standing for anything else.
fn unnumbered(plug: &Plug<'_>) -> Vport {
    let block = plug.subnet.cidr_block;
    let tracking = plug.eni.connection_tracking;
    let defaults =
        InstanceType::find(&plug.instance.instance_type).map(|found| found.connection_tracking);
    let or_default =
        |set: Option<u32>, of_type: Option<u32>, otherwise| set.or(of_type).unwrap_or(otherwise);
    Vport {
        subnet_address: block.network().into(),
        subnet_mask: Ipv4::mask(block.prefix_length()),
        router_address: router(plug).into(),
        router_mac: router_mac(plug.eni.subnet_id),
        mtu: VPC_MTU,
        tcp_established_seconds: or_default(
            tracking.tcp_established_timeout,
            defaults.as_ref().map(|found| found.tcp_established_timeout),
            TCP_ESTABLISHED_SECONDS,
        ),
        udp_stream_seconds: or_default(
            tracking.udp_stream_timeout,
            defaults.as_ref().map(|found| found.udp_stream_timeout),
            UDP_STREAM_SECONDS,
        ),
        udp_single_seconds: or_default(
            tracking.udp_timeout,
            defaults.as_ref().map(|found| found.udp_timeout),
            UDP_SECONDS,
        ),
        ..Vport::default()
    }
}

/// The public address of a private one, while the VPC has an internet gateway that translates it.
fn public_address(world: &World, plug: &Plug<'_>, private: core::net::Ipv4Addr) -> Option<Ipv4> {
    world.internet_gateway_of(plug.eni.vpc_id)?;
    let address = world.public_address_of(plug.eni.network_interface_id, private)?;
    Some(address.public_ip.into())
}

fn router(plug: &Plug<'_>) -> core::net::Ipv4Addr {
    // The smallest subnet, /28, has sixteen addresses.
    plug.subnet
        .cidr_block
        .nth(ROUTER_OFFSET)
        .unwrap_or(plug.subnet.cidr_block.network())
}

/// The router's MAC address in a subnet. Interfaces' addresses start with 02, routers' with 0a: they never meet.
fn router_mac(subnet: SubnetId) -> Mac {
    let MacAddress([_, rest @ ..]) =
        MacAddress::locally_administered(fnv1a(subnet.to_string().as_bytes()));
    let [b, c, d, e, f] = rest;
    Mac::from_bytes([0x0a, b, c, d, e, f])
}

impl Plug<'_> {
    /// The device.
    pub(crate) fn desired(&self, world: &World) -> DesiredInterface {
        // Of the primary interface itself it is its own.
        let primary_subnet = world
            .primary_network_interface(self.instance.instance_id)
            .filter(|primary| primary.subnet_id != self.eni.subnet_id)
            .and_then(|primary| world.subnets.get(primary.subnet_id));
        DesiredInterface {
            vport: self.vport,
            instance_id: self.attachment.instance_id,
            network_interface_id: self.eni.network_interface_id,
            device_number: self.attachment.device_number(),
            mac_address: self.eni.mac_address,
            mtu_bytes: VPC_MTU,
            subnet: self.subnet.cidr_block,
            router_address: router(self),
            private_ip_addresses: self.eni.private_ip_addresses.clone(),
            primary_subnet: primary_subnet.map(|subnet| subnet.cidr_block),
        }
    }
}
