//! Routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eni_types::IpCidr;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::error::{gone_is_fine, whether_new};
use crate::{FAMILIES, Netlink, NetlinkError, block_around, family_of, first_of};

/// The table in which the kernel looks for addresses of the namespace's own (`RT_TABLE_LOCAL`).
const LOCAL_TABLE: u32 = 255;

/// A unicast route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// Where packets go.
    pub destination: IpCidr,
    /// The router; none when the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// Source address of the machine's own packets; the kernel's choice if none.
    pub source: Option<IpAddr>,
    /// Interface index of the device.
    pub link_index: u32,
    /// The routing table: [`crate::MAIN_TABLE`] or another.
    pub table: u32,
    /// The lowest metric wins; 0 is the kernel's default.
    pub metric: u32,
}

impl Netlink {
    /// Adds `route`; false if there is one with the same destination, table and metric, which stays.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`], for example when the gateway is not on the link.
    pub fn add_route(&mut self, route: Route) -> Result<bool, NetlinkError> {
        whether_new(self.request(
            RouteNetlinkMessage::NewRoute(message(route)),
            NLM_F_CREATE | NLM_F_EXCL,
            || format!("add route {} in table {}", route.destination, route.table),
        ))
    }

    /// Makes all addresses of `block` the namespace's own, whose packets come in by any device; false if they are. `loopback` is the
    /// interface index of its loopback device.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`], for example while `loopback` is down.
    pub fn add_local_block(&mut self, block: IpCidr, loopback: u32) -> Result<bool, NetlinkError> {
        let mut message = message(Route {
            destination: block,
            gateway: None,
            source: None,
            link_index: loopback,
            table: LOCAL_TABLE,
            metric: 0,
        });
        message.header.kind = RouteType::Local;
        message.header.scope = RouteScope::Host;
        whether_new(self.request(
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_EXCL,
            || format!("make {block} the namespace's own"),
        ))
    }

    /// Deletes `route`. One that is gone is success.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when the kernel keeps it.
    pub fn delete_route(&mut self, route: Route) -> Result<(), NetlinkError> {
        gone_is_fine(
            self.request(RouteNetlinkMessage::DelRoute(message(route)), 0, || {
                format!(
                    "delete route {} in table {}",
                    route.destination, route.table
                )
            }),
        )
    }

    /// The unicast routes of all tables that were added by hand (not by the kernel for an address).
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn routes(&mut self) -> Result<Vec<Route>, NetlinkError> {
        let mut routes = Vec::new();
        for family in FAMILIES {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            self.dump(
                RouteNetlinkMessage::GetRoute(request),
                || "list routes".to_owned(),
                |object| {
                    if let RouteNetlinkMessage::NewRoute(message) = object {
                        routes.extend(route_of(&message));
                    }
                },
            )?;
        }
        Ok(routes)
    }
}

impl Netlink {
    /// Asks the kernel by which device a packet would leave: one of the machine's own, or, with `incoming`, one that comes in
    /// by that device and is forwarded. Rules, metrics, routes that lead nowhere and the settings of `incoming` are all
    /// asked, as for a packet; none is sent.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] with what the kernel says of a packet that goes nowhere (`EHOSTUNREACH`, `ENETUNREACH`,
    /// `EACCES`, `EINVAL`, or `EXDEV` of a source that is not looked for by `incoming`).
    ///
    /// # Source
    /// `inet_rtm_getroute` in the kernel's net/ipv4/route.c.
    pub fn leaves_by(
        &mut self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        incoming: Option<u32>,
    ) -> Result<Option<u32>, NetlinkError> {
        let mut request = RouteMessage::default();
        request.header.address_family = AddressFamily::Inet;
        request.header.source_prefix_length = 32;
        request.header.destination_prefix_length = 32;
        request.attributes = vec![
            RouteAttribute::Source(RouteAddress::Inet(source)),
            RouteAttribute::Destination(RouteAddress::Inet(destination)),
        ];
        let incoming = incoming.map(RouteAttribute::Iif);
        request.attributes.extend(incoming);
        let mut device = None;
        self.get(
            RouteNetlinkMessage::GetRoute(request),
            || format!("find the way from {source} to {destination}"),
            |object| {
                if let RouteNetlinkMessage::NewRoute(message) = object {
                    device = message
                        .attributes
                        .iter()
                        .find_map(|attribute| match attribute {
                            RouteAttribute::Oif(index) => Some(*index),
                            _ => None,
                        });
                }
            },
        )?;
        Ok(device)
    }
}

/// A route of any kind, as far as it says which addresses are in use where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutedBlock {
    /// Which addresses.
    pub destination: IpCidr,
    /// The device they are reached by; none for routes that end here (`blackhole`) or have several.
    pub link_index: Option<u32>,
}

impl Netlink {
    /// The destinations of all routes of all tables: also the machine's own addresses, routes that the kernel made
    /// for an address, and those that lead nowhere; but not broadcast addresses.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn routed_blocks(&mut self) -> Result<Vec<RoutedBlock>, NetlinkError> {
        let mut blocks = Vec::new();
        for family in FAMILIES {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            self.dump(
                RouteNetlinkMessage::GetRoute(request),
                || "list routes".to_owned(),
                |object| {
                    if let RouteNetlinkMessage::NewRoute(message) = object {
                        blocks.extend(block_of(&message));
                    }
                },
            )?;
        }
        Ok(blocks)
    }
}

fn block_of(message: &RouteMessage) -> Option<RoutedBlock> {
    let header = &message.header;
    if header.kind == RouteType::Broadcast {
        return None;
    }
    let mut block = RoutedBlock {
        destination: everything(header)?,
        link_index: None,
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                let address = ip(address)?;
                block.destination = block_around(address, header.destination_prefix_length)?;
            }
            RouteAttribute::Oif(index) => block.link_index = Some(*index),
            _ => {}
        }
    }
    Some(block)
}

/// What a route without a destination of its own is to.
fn everything(header: &RouteHeader) -> Option<IpCidr> {
    let address = match header.address_family {
        AddressFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    block_around(address, header.destination_prefix_length)
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

fn route_address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}

fn message(route: Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family_of(first_of(route.destination)),
        destination_prefix_length: route.destination.prefix_length(),
        // The byte in the header is too small for our tables; RTA_TABLE holds them.
        table: RouteHeader::RT_TABLE_UNSPEC,
        protocol: RouteProtocol::Static,
        scope: match (route.gateway, route.destination) {
            (None, IpCidr::V4(_)) => RouteScope::Link,
            _ => RouteScope::Universe,
        },
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Table(route.table),
        RouteAttribute::Oif(route.link_index),
    ];
    if route.destination.prefix_length() != 0 {
        let destination = route_address(first_of(route.destination));
        message
            .attributes
            .push(RouteAttribute::Destination(destination));
    }
    if let Some(gateway) = route.gateway {
        message
            .attributes
            .push(RouteAttribute::Gateway(route_address(gateway)));
    }
    if let Some(source) = route.source {
        message
            .attributes
            .push(RouteAttribute::PrefSource(route_address(source)));
    }
    if route.metric != 0 {
        message
            .attributes
            .push(RouteAttribute::Priority(route.metric));
    }
    message
}

pub(crate) fn route_of(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    if header.kind != RouteType::Unicast || header.protocol == RouteProtocol::Kernel {
        return None;
    }
    let mut route = Route {
        destination: everything(header)?,
        gateway: None,
        source: None,
        link_index: 0,
        table: u32::from(header.table),
        metric: 0,
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                let address = ip(address)?;
                route.destination = block_around(address, header.destination_prefix_length)?;
            }
            RouteAttribute::Gateway(address) => route.gateway = ip(address),
            RouteAttribute::PrefSource(address) => route.source = ip(address),
            RouteAttribute::Oif(index) => route.link_index = *index,
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Priority(metric) => route.metric = *metric,
            _ => {}
        }
    }
    Some(route)
}
