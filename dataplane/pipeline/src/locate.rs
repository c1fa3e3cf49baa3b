//! Where a packet goes: by MAC inside a subnet, else by the route table and the internet gateway.

use eni_abi::{DropReason, Ipv4, MacKey, MappingKey, Route, Vport};

use crate::Tables;
use crate::packet::Scratch;

/// Fills `scratch.path` for a packet of the guest behind `sender`.
#[inline(never)]
pub(crate) fn locate<T: Tables>(
    scratch: &mut Scratch,
    sender: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    path.new_source = packet.source;
    path.new_destination = packet.destination;
    path.target_identity = 0;
    path.sender_identity = if packet.owns_source {
        sender.identity
    } else {
        0
    };
    path.routed = true;
    path.steady = true;
    path.forget_opposite = false;
    path.by_gateway = false;
    if sender.has(Vport::UPLINK) {
        path.sender_identity = 0;
        return enter_from_outside(scratch, sender, tables);
    }
    if packet.destination_mac != sender.router_mac {
        return deliver_by_mac(scratch, sender, tables);
    }
    let route = tables
        .route(sender.route_table, packet.destination)
        .ok_or(DropReason::NoRoute)?;
    match route.kind {
        Route::LOCAL => {
            let key = MappingKey {
                vpc: sender.vpc,
                address: packet.destination,
            };
            let mapping = tables.mapping(&key).ok_or(DropReason::UnknownAddress)?;
            path.target = mapping.vport;
            path.target_identity = mapping.identity;
            Ok(())
        }
        Route::INTERFACE => {
            path.target = route.vport;
            recognise_owner(scratch, sender.vpc, tables);
            Ok(())
        }
        Route::INTERNET_GATEWAY => leave_by_internet_gateway(scratch, sender.vpc, tables),
        _ => Err(DropReason::Blackhole),
    }
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
    let key = MacKey {
        subnet: sender.subnet,
        mac: packet.destination_mac,
        reserved: 0,
    };
    let target = tables.mac(&key);
    let mapping = tables.mapping(&MappingKey {
        vpc: sender.vpc,
        address: packet.destination,
    });
    if let Some(mapping) = mapping
        && mapping.subnet == sender.subnet
        && refuses_others(target, tables)
    {
        path.routed = target != Some(mapping.vport);
        path.target = mapping.vport;
        path.target_identity = mapping.identity;
        return Ok(());
    }
    path.target = target.ok_or(DropReason::UnknownMac)?;
    recognise_owner(scratch, sender.vpc, tables);
    Ok(())
}

/// Whether packets for addresses of others are lost on this vport.
///
/// The row is not the one that the packet goes to, or its check is asked once more on arrival: a cached verdict may rest on
/// what the row said for a second at most.
#[inline(always)]
fn refuses_others<T: Tables>(target: Option<u32>, tables: &T) -> bool {
    target
        .and_then(|vport| tables.vport(vport))
        .is_none_or(|vport| vport.has(Vport::SOURCE_DEST_CHECK))
}

/// Group rules name the destination's owner only if the packet is delivered to it.
#[inline(always)]
fn recognise_owner<T: Tables>(scratch: &mut Scratch, vpc: u32, tables: &T) {
    let key = MappingKey {
        vpc,
        address: scratch.packet.destination,
    };
    if let Some(mapping) = tables.mapping(&key)
        && mapping.vport == scratch.path.target
    {
        scratch.path.target_identity = mapping.identity;
    }
}

/// The source becomes its public address; the destination, if public and of this region, turns around here.
#[inline(always)]
fn leave_by_internet_gateway<T: Tables>(
    scratch: &mut Scratch,
    vpc: u32,
    tables: &T,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    let mapping = tables
        .mapping(&MappingKey {
            vpc,
            address: packet.source,
        })
        .ok_or(DropReason::NoPublicAddress)?;
    if mapping.public_address == Ipv4::UNSPECIFIED {
        return Err(DropReason::NoPublicAddress);
    }
    path.new_source = mapping.public_address;
    path.sender_identity = 0;
    path.by_gateway = true;
    if let Some(public) = tables.public_address(packet.destination) {
        path.new_destination = public.private_address;
        path.target = public.vport;
        return Ok(());
    }
    let uplink = tables.globals().map_or(0, |globals| globals.uplink_vport);
    if uplink == 0 {
        return Err(DropReason::NoUplink);
    }
    let row = tables.vport(uplink).ok_or(DropReason::NoUplink)?;
    if row.is_inside(packet.destination) {
        return Err(DropReason::UnknownPublicAddress);
    }
    path.target = uplink;
    Ok(())
}

/// From the uplink only public addresses of the region can be reached, and no source is inside: neither one of them nor
/// an address of the receiver's VPC, whether somebody has it or not (RFC 2827).
#[inline(always)]
fn enter_from_outside<T: Tables>(
    scratch: &mut Scratch,
    uplink: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    if uplink.is_inside(packet.source) || tables.public_address(packet.source).is_some() {
        return Err(DropReason::InsideSource);
    }
    let public = tables
        .public_address(packet.destination)
        .ok_or(DropReason::UnknownPublicAddress)?;
    if tables.is_in_vpc(public.vpc, packet.source) {
        return Err(DropReason::InsideSource);
    }
    path.new_destination = public.private_address;
    path.target = public.vport;
    Ok(())
}
