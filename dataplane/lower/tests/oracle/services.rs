//! Services of the fabric, at link-local addresses, at the VPC's resolver's and at its routers'.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eni_model::World;
use eni_model::resource::NetworkInterface;

use super::{Delivery, IpOptions, Packet, Piece, Place, TCP, UDP, dhcp, has_ipv6, owns};

/// Where instance metadata, the time and names are.
pub(crate) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
pub(crate) const TIME: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 123);
pub(crate) const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// Where the region's API is.
pub(crate) const API: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 243);

/// The same by IPv6.
pub(crate) const METADATA_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
pub(crate) const TIME_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x123);
pub(crate) const RESOLVER_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253);

/// Whether a guest finds a service there: Amazon VPC User Guide, "Amazon DNS server", for names.
pub(super) fn is_service(world: &World, sender: &NetworkInterface, address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => return is_service_ipv6(world, sender, address),
    };
    match address {
        METADATA | TIME | API => true,
        RESOLVER => resolver(world, sender).is_some(),
        other => resolver(world, sender) == Some(other),
    }
}

/// EC2 User Guide, "Use instance metadata": by IPv6 on the Nitro System alone, and metadata where `HttpProtocolIpv6` is `enabled`.
fn is_service_ipv6(world: &World, eni: &NetworkInterface, address: Ipv6Addr) -> bool {
    let instance = eni
        .attachment
        .as_ref()
        .and_then(|attachment| world.instances.get(attachment.instance_id));
    let Some(instance) = instance else {
        return false;
    };
    let is_there = match address {
        METADATA_IPV6 => instance.metadata_options.http_protocol_ipv6 == "enabled",
        TIME_IPV6 => true,
        RESOLVER_IPV6 => resolver(world, eni).is_some(),
        _ => false,
    };
    is_there && has_ipv6(eni) && instance.instance_type.hypervisor != Some("xen")
}

/// The third address of the VPC's block, if the VPC has a resolver.
fn resolver(world: &World, eni: &NetworkInterface) -> Option<Ipv4Addr> {
    let vpc = world.vpcs.get(eni.vpc_id)?;
    let address = u32::from(vpc.cidr_block.network()) + 2;
    vpc.enable_dns_support.then(|| address.into())
}

/// The protocols and the port of the service at an address.
fn speaks(service: IpAddr) -> (&'static [u8], u16) {
    match service {
        IpAddr::V4(METADATA) | IpAddr::V6(METADATA_IPV6) => (&[TCP], 80),
        IpAddr::V4(TIME) | IpAddr::V6(TIME_IPV6) => (&[UDP], 123),
        IpAddr::V4(API) => (&[TCP], 443),
        _ => (&[TCP, UDP], 53),
    }
}

/// EC2 User Guide, "Use instance metadata to manage your EC2 instance": every instance asks about itself, whatever its rules.
/// So it is with the time and with names.
pub(super) fn question_to_services(sender: &NetworkInterface, packet: &Packet) -> Option<Delivery> {
    let own = owns(sender, packet.source);
    let (protocols, port) = speaks(packet.destination);
    let asks = protocols.contains(&packet.protocol) && packet.destination_port == port;
    // With options its answer would tell of the machine.
    let is_plain = packet.piece == Piece::Whole && packet.options == IpOptions::None;
    (own && asks && is_plain).then_some(Delivery {
        to: Place::Services(sender.network_interface_id),
        source: packet.source,
        destination: packet.destination,
        ends: packet.ends(),
        quoted: None,
    })
}

/// An answer reaches who has asked, as long as the address is its own.
pub(super) fn answer_of_services(
    world: &World,
    receiver: &NetworkInterface,
    packet: &Packet,
) -> Option<Delivery> {
    if let Some(decided) = dhcp::of_services(world, receiver, packet) {
        return decided;
    }
    let own = owns(receiver, packet.destination);
    let (protocols, port) = speaks(packet.source);
    let answers = protocols.contains(&packet.protocol) && packet.source_port == port;
    let is_there = is_service(world, receiver, packet.source);
    let is_plain = packet.piece == Piece::Whole && packet.options == IpOptions::None;
    (own && is_there && answers && is_plain).then_some(Delivery {
        to: Place::Interface(receiver.network_interface_id),
        source: packet.source,
        destination: packet.destination,
        ends: packet.ends(),
        quoted: None,
    })
}

/// A router answers its subnet's pings, whatever the rules, and nothing else.
pub(super) fn answer_of_router(from: Place, packet: &Packet) -> Option<Delivery> {
    let request = if packet.is_ipv6() { 128 } else { 8 };
    let is_ping = packet.is_icmp() && packet.destination_port == request << 8;
    (is_ping && packet.piece == Piece::Whole).then_some(Delivery {
        to: from,
        source: packet.destination,
        destination: packet.source,
        ends: packet.ends(),
        quoted: None,
    })
}
