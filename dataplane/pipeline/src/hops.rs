//! Where a packet goes: by MAC inside a subnet, else from hop to hop, as the route tables say.

use eni_abi::{Address, DropReason, Location, MacKey, Mapping, MappingKey, Route, RouteKey, Vport};

use crate::Tables;
use crate::packet::{Path, Scratch};

/// So many hops a packet may take: its subnet's router, a gateway in another subnet, that one's router, the internet.
const MOST_HOPS: usize = 4;

/// What decides where a packet goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hop {
    /// The router of the sender's subnet: by the subnet's route table.
    Router,
    /// What lies beyond an internet gateway: by public addresses.
    Internet,
}

/// Fills `scratch.path` for a packet of the guest behind `sender`.
///
/// Nothing of the receiver's row is read here that a cached verdict may rest on: its generation is not known yet.
#[inline(never)]
pub(crate) fn walk<T: Tables>(
    scratch: &mut Scratch,
    sender: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    begin(scratch, sender);
    let first = if sender.has(Vport::UPLINK) {
        refuse_inside_source(scratch, sender, tables)?;
        Hop::Internet
    } else if scratch.packet.destination_mac == sender.router_mac {
        Hop::Router
    } else {
        return deliver_by_mac(scratch, sender, tables);
    };
    let (route_table, vpc) = (sender.route_table, sender.vpc);
    go(first, MOST_HOPS, |hop| match hop {
        Hop::Router => ask_router(scratch, route_table, vpc, tables),
        Hop::Internet if scratch.packet.is_ipv6 => cross_internet_ipv6(scratch, sender, tables),
        Hop::Internet => cross_internet(scratch, sender, tables),
    })
}

/// Goes on from the NAT gateway that [`walk`] has come to, by its subnet's routes: its hop and the one that led there are behind.
/// A second one is no next.
#[inline(never)]
pub(crate) fn walk_on<T: Tables>(
    scratch: &mut Scratch,
    sender: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    scratch.path.nat_gateway = 0;
    scratch.path.routed = true;
    // The gateway is in the VPC of its guests.
    scratch.path.sender_vpc = 0;
    scratch.path.receiver_vpc = 0;
    let (route_table, vpc) = (scratch.nat.gateway.route_table, scratch.nat.gateway.vpc);
    go(Hop::Router, MOST_HOPS - 2, |hop| match hop {
        Hop::Router => ask_router(scratch, route_table, vpc, tables),
        Hop::Internet => cross_internet(scratch, sender, tables),
    })?;
    if scratch.path.nat_gateway != 0 {
        return Err(DropReason::TooManyHops);
    }
    Ok(())
}

/// Goes from hop to hop, at most so many, until one has no next.
#[inline(always)]
fn go(
    first: Hop,
    most: usize,
    mut next: impl FnMut(Hop) -> Result<Option<Hop>, DropReason>,
) -> Result<(), DropReason> {
    let mut hop = first;
    for _ in 0..most {
        match next(hop)? {
            Some(next) => hop = next,
            None => return Ok(()),
        }
    }
    Err(DropReason::TooManyHops)
}

/// The path of a packet that nothing has been found out about.
#[inline(always)]
fn begin(scratch: &mut Scratch, sender: &Vport) {
    let Scratch { packet, path, .. } = scratch;
    path.new_source = packet.source;
    path.new_destination = packet.destination;
    path.new_source_port = packet.source_port;
    path.new_destination_port = packet.destination_port;
    path.target_identity = 0;
    path.sender_vpc = 0;
    path.receiver_vpc = 0;
    path.sender_identity = if packet.owns_source {
        sender.identity
    } else {
        0
    };
    path.routed = true;
    path.steady = true;
    path.forget_opposite = false;
    path.by_gateway = false;
    path.by_egress_only = false;
    path.from_internet = false;
    path.internet_takes_all = false;
    path.must_answer = false;
    path.reaches_owner = false;
    path.nat_gateway = 0;
    path.nat_outward = false;
    path.translates_quote = false;
}

/// The vport at `location`.
///
/// # Errors
/// [`DropReason::OtherHost`].
#[inline(always)]
fn here(location: &Location) -> Result<u32, DropReason> {
    location.vport_here().ok_or(DropReason::OtherHost)
}

/// The longest route that contains the destination says what is next.
#[inline(always)]
fn ask_router<T: Tables>(
    scratch: &mut Scratch,
    route_table: u32,
    own_vpc: u32,
    tables: &T,
) -> Result<Option<Hop>, DropReason> {
    let Scratch { packet, path, .. } = scratch;
    let route = tables
        .route(route_table, path.new_destination)
        .ok_or(DropReason::NoRoute)?;
    match route.kind {
        Route::LOCAL | Route::VPC_PEERING_CONNECTION => {
            let vpc = if route.kind == Route::LOCAL {
                own_vpc
            } else {
                // From end to end only: a peer is no way to what lies behind it (VPC Peering Guide, "Limitations").
                if !tables.is_in_vpc(own_vpc, path.new_source) {
                    return Err(DropReason::PeeringTransit);
                }
                if !packet.is_ipv6 {
                    path.sender_vpc = own_vpc;
                    path.receiver_vpc = route.vpc;
                }
                route.vpc
            };
            let key = MappingKey {
                vpc,
                address: path.new_destination,
            };
            let mapping = tables.mapping(&key).ok_or(DropReason::UnknownAddress)?;
            deliver_to_owner(path, mapping)?;
            Ok(None)
        }
        Route::INTERFACE => {
            path.target = here(&route.location)?;
            recognise_owner(scratch, own_vpc, tables);
            Ok(None)
        }
        Route::INTERNET_GATEWAY => {
            if packet.is_ipv6 {
                leave_untranslated(scratch, own_vpc, tables)?;
            } else {
                leave_by_internet_gateway(scratch, own_vpc, tables)?;
            }
            Ok(Some(Hop::Internet))
        }
        Route::EGRESS_ONLY_INTERNET_GATEWAY if packet.is_ipv6 => {
            leave_untranslated(scratch, own_vpc, tables)?;
            scratch.path.by_egress_only = true;
            Ok(Some(Hop::Internet))
        }
        Route::NAT_GATEWAY if !packet.is_ipv6 => {
            path.nat_gateway = route
                .location
                .nat_gateway_here()
                .ok_or(DropReason::OtherHost)?;
            path.nat_outward = true;
            Ok(None)
        }
        kind if Route::UNSUPPORTED.contains(&kind) => Err(DropReason::UnsupportedTarget),
        _ => Err(DropReason::Blackhole),
    }
}

/// The packet goes to who owns its destination.
#[inline(always)]
fn deliver_to_owner(path: &mut Path, owner: &Mapping) -> Result<(), DropReason> {
    if let Some(gateway) = owner.location.nat_gateway_here() {
        path.nat_gateway = gateway;
        return Ok(());
    }
    path.target = here(&owner.location)?;
    path.target_identity = owner.identity;
    path.reaches_owner = true;
    Ok(())
}

/// Inside a subnet the MAC says who gets the packet, so that an appliance that forwards can be the next hop.
///
/// Where that interface would refuse it, the packet goes to the address's owner in the subnet: neighbours remember the
/// MAC of a reassigned address for as long as their connections confirm it (RFC 4861, 7.3.1, as Linux does for ARP).
#[inline(always)]
fn deliver_by_mac<T: Tables>(
    scratch: &mut Scratch,
    sender: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    path.routed = false;
    let neighbour = tables
        .mapping(&MappingKey {
            vpc: sender.vpc,
            address: packet.destination,
        })
        .filter(|mapping| mapping.subnet == sender.subnet);
    // The way of nearly all: the MAC is the owner's, which its row in the table of MACs would only say again.
    if let Some(owner) = neighbour
        && owner.mac == packet.destination_mac
    {
        return deliver_to_owner(path, owner);
    }
    let target = tables.mac(&MacKey {
        subnet: sender.subnet,
        mac: packet.destination_mac,
        reserved: 0,
    });
    if let Some(owner) = neighbour
        && refuses_others(target, tables)
    {
        path.routed = true;
        return deliver_to_owner(path, owner);
    }
    path.target = here(target.ok_or(DropReason::UnknownMac)?)?;
    recognise_owner(scratch, sender.vpc, tables);
    Ok(())
}

/// Whether packets for addresses of others are lost at this location.
///
/// The row is not the one that the packet goes to, or its check is asked once more on arrival: a cached verdict may rest on
/// what the row said for a second at most.
#[inline(always)]
fn refuses_others<T: Tables>(target: Option<&Location>, tables: &T) -> bool {
    target
        .and_then(Location::vport_here)
        .and_then(|vport| tables.vport(vport))
        .is_none_or(|vport| vport.has(Vport::SOURCE_DEST_CHECK))
}

/// Group rules name the destination's owner only if the packet is delivered to it.
#[inline(always)]
fn recognise_owner<T: Tables>(scratch: &mut Scratch, vpc: u32, tables: &T) {
    let key = MappingKey {
        vpc,
        address: scratch.path.new_destination,
    };
    if let Some(mapping) = tables.mapping(&key)
        && mapping.location.vport_here() == Some(scratch.path.target)
    {
        scratch.path.target_identity = mapping.identity;
        scratch.path.reaches_owner = true;
    }
}

/// The source becomes its public address.
#[inline(always)]
fn leave_by_internet_gateway<T: Tables>(
    scratch: &mut Scratch,
    vpc: u32,
    tables: &T,
) -> Result<(), DropReason> {
    let path = &mut scratch.path;
    let key = MappingKey {
        vpc,
        address: path.new_source,
    };
    let mapping = tables.mapping(&key).ok_or(DropReason::NoPublicAddress)?;
    if mapping.public_address.is_none() {
        return Err(DropReason::NoPublicAddress);
    }
    path.new_source = mapping.public_address;
    path.sender_identity = 0;
    path.by_gateway = true;
    Ok(())
}

/// IPv6 goes under its own address, which must be one of the VPC's.
#[inline(always)]
fn leave_untranslated<T: Tables>(
    scratch: &mut Scratch,
    vpc: u32,
    tables: &T,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    let key = MappingKey {
        vpc,
        address: packet.source,
    };
    tables.mapping(&key).ok_or(DropReason::NoPublicAddress)?;
    path.sender_identity = 0;
    path.by_gateway = true;
    Ok(())
}

/// The VPC whose block holds the destination, by its gateway there; any other address out of the region, unless the packet has
/// come from there.
#[inline(always)]
fn cross_internet_ipv6<T: Tables>(
    scratch: &mut Scratch,
    sender: &Vport,
    tables: &T,
) -> Result<Option<Hop>, DropReason> {
    let Scratch { packet, path, .. } = scratch;
    if let Some(block) = tables.internet_block(packet.destination) {
        if block.is_closed {
            return Err(DropReason::UnknownPublicAddress);
        }
        path.from_internet = true;
        path.internet_takes_all = block.takes_all;
        let key = MappingKey {
            vpc: block.vpc,
            address: packet.destination,
        };
        let owner = tables.mapping(&key);
        // What comes in by the egress-only gateway does not pass the other one.
        let by_internet_gateway =
            block.takes_all && !answers_by_egress_only(owner, packet.source, tables);
        if by_internet_gateway && let Some(appliance) = ask_gateway(path, block.vpc, tables)? {
            path.target = appliance;
            return Ok(None);
        }
        let owner = owner.ok_or(DropReason::UnknownPublicAddress)?;
        path.target = here(&owner.location)?;
        return Ok(None);
    }
    leave_region(scratch, sender, tables, |uplink, destination| {
        uplink.is_inside_ipv6(destination)
    })
}

/// A public address of the region leads to its private one, by the internet gateway there; any other out of the region,
/// unless the packet has come from there.
#[inline(always)]
fn cross_internet<T: Tables>(
    scratch: &mut Scratch,
    sender: &Vport,
    tables: &T,
) -> Result<Option<Hop>, DropReason> {
    let Scratch { packet, path, .. } = scratch;
    let from_outside = sender.has(Vport::UPLINK);
    if let Some(public) = tables.public_address(packet.destination) {
        if from_outside && tables.is_in_vpc_or_peer(public.vpc, packet.source) {
            return Err(DropReason::InsideSource);
        }
        path.new_destination = public.private_address;
        if let Some(appliance) = ask_gateway(path, public.vpc, tables)? {
            path.target = appliance;
            return Ok(None);
        }
        match public.location.nat_gateway_here() {
            Some(gateway) => path.nat_gateway = gateway,
            None => path.target = here(&public.location)?,
        }
        return Ok(None);
    }
    leave_region(scratch, sender, tables, |uplink, destination| {
        uplink.is_inside(destination.last_four())
    })
}

/// The interface to which the route table of a VPC's internet gateway leads what comes in by it; none where it has no such route, so
/// that the packet goes to who has its address (Amazon VPC User Guide, "Gateway route tables").
#[inline(always)]
fn ask_gateway<T: Tables>(path: &Path, vpc: u32, tables: &T) -> Result<Option<u32>, DropReason> {
    match tables.route(RouteKey::of_gateway(vpc), path.new_destination) {
        Some(route) if route.kind == Route::INTERFACE => here(&route.location).map(Some),
        Some(route) if route.kind != Route::LOCAL => Err(DropReason::Blackhole),
        _ => Ok(None),
    }
}

/// Whether the subnet of an address's owner answers `source` by the egress-only internet gateway. A cached verdict may rest on it for
/// a second at most.
#[inline(always)]
fn answers_by_egress_only<T: Tables>(owner: Option<&Mapping>, source: Address, tables: &T) -> bool {
    owner
        .and_then(|owner| owner.location.vport_here())
        .and_then(|vport| tables.vport(vport))
        .and_then(|vport| tables.route(vport.route_table, source))
        .is_some_and(|route| route.kind == Route::EGRESS_ONLY_INTERNET_GATEWAY)
}

/// Out of the region by the uplink: not what has come from there, nor to an address of the region's that nobody has.
#[inline(always)]
fn leave_region<T: Tables>(
    scratch: &mut Scratch,
    sender: &Vport,
    tables: &T,
    is_inside: impl Fn(&Vport, Address) -> bool,
) -> Result<Option<Hop>, DropReason> {
    let Scratch { packet, path, .. } = scratch;
    if sender.has(Vport::UPLINK) {
        return Err(DropReason::UnknownPublicAddress);
    }
    let uplink = tables.globals().map_or(0, |globals| globals.uplink_vport);
    if uplink == 0 {
        return Err(DropReason::NoUplink);
    }
    let row = tables.vport(uplink).ok_or(DropReason::NoUplink)?;
    if is_inside(row, packet.destination) {
        return Err(DropReason::UnknownPublicAddress);
    }
    path.target = uplink;
    Ok(None)
}

/// From the uplink no source is inside (RFC 2827), whether somebody has it or not: neither a public address of the region nor one
/// of a VPC's of IPv6, nor, as [`cross_internet`] finds, an address of the receiver's VPC or of one that is peered with it.
#[inline(always)]
fn refuse_inside_source<T: Tables>(
    scratch: &Scratch,
    uplink: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let source = scratch.packet.source;
    if scratch.packet.is_ipv6 {
        return if uplink.is_inside_ipv6(source) || tables.internet_block(source).is_some() {
            Err(DropReason::InsideSource)
        } else {
            Ok(())
        };
    }
    if uplink.is_inside(source.last_four()) || tables.public_address(source).is_some() {
        return Err(DropReason::InsideSource);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_ends_where_no_hop_is_next_or_after_so_many() {
        for length in 0..10 {
            let mut hops = 0;
            let result = go(Hop::Router, MOST_HOPS, |hop| {
                hops += 1;
                Ok((hops <= length).then_some(hop))
            });
            let want = if length < MOST_HOPS {
                Ok(())
            } else {
                Err(DropReason::TooManyHops)
            };
            assert_eq!(result, want, "{length} more hops");
            assert!(hops <= MOST_HOPS);
        }
    }
}
