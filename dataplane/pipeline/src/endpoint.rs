//! Interface endpoints: addresses of a VPC's behind which the region's API is.
//!
//! An endpoint has a vport without a device. What has come to it by routes and rules, as to any interface, goes on to the services'
//! end, under the address that the API has for this vport ([`Service::address`]); what comes from there under that address goes
//! by the routes of the endpoint's subnet, as if an interface there had sent it. Only addresses change, and nothing is remembered:
//! each packet is asked of the endpoint's rules anew, and its answers go with the packets that they answer.

use eni_abi::{Address, DecidingRule, DropReason, Location, Route, SERVICES_VPORT, Service, Vport};

use crate::packet::Scratch;
use crate::{Arrival, Frame, Memory, Tables, admission, rewrite, service, slow};

/// One sender may send endpoints as many packets as go to one of them, divided by this: a flood of one leaves room for others. They
/// are taken of what it may send to link-local services.
const ENDPOINT_SHARES: u32 = 8;

/// Whether what an endpoint answers finds the packet's sender: whoever may send for others must not ask in the name of somebody who
/// then gets the answers, and of whose places they would take (RFC 2827; RFC 3704, section 2.2).
///
/// # Errors
/// [`DropReason::SpoofedAddress`].
#[inline(never)]
pub(crate) fn check_source<T: Tables>(
    scratch: &mut Scratch,
    arrival: Arrival,
    endpoint: &Vport,
    tables: &T,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    // A NAT gateway's address is its own.
    let is_translated = path.new_source != packet.source;
    if is_translated || packet.owns_source && path.sender_vpc == 0 {
        return Ok(());
    }
    let finds_sender = match tables.route(endpoint.route_table, packet.source) {
        Some(route) if route.kind == Route::INTERFACE => {
            packet.owns_source || route.location == Location::here(arrival.vport)
        }
        // Two peers may have the same addresses.
        Some(route) if route.kind == Route::VPC_PEERING_CONNECTION => {
            packet.owns_source && route.vpc == path.sender_vpc
        }
        // No route is said to be missing where the answer is lost.
        _ => packet.owns_source,
    };
    if finds_sender {
        return Ok(());
    }
    scratch.charged_vport = arrival.vport;
    Err(DropReason::SpoofedAddress)
}

/// Hands a packet that an endpoint has been sent, and may have, to the services' end.
///
/// # Errors
/// [`DropReason::ServiceUnreachable`], [`DropReason::ServiceOptions`], [`DropReason::EndpointAllowanceExceeded`].
#[inline(never)]
pub(crate) fn hand_over<F: Frame, T: Tables, M: Memory>(
    frame: &mut F,
    arrival: Arrival,
    tables: &T,
    memory: &mut M,
    scratch: &mut Scratch,
) -> Result<(), DropReason> {
    let Scratch { packet, path, .. } = scratch;
    // It has addresses of IPv4 only.
    if packet.is_ipv6 {
        return Err(DropReason::ServiceUnreachable);
    }
    let end = service::end_for(packet, Service::Api, tables)?;
    let vport = path.target;
    // Whatever is dropped here tells of its sender.
    scratch.charged_vport = arrival.vport;
    let packets = frame.packets();
    let of_sender = packets.saturating_mul(ENDPOINT_SHARES);
    let mut take =
        |vport, packets| memory.take_link_local(vport, Service::Api, packets, arrival.now_ns);
    if !take(arrival.vport, of_sender) || !take(vport, packets) {
        return Err(DropReason::EndpointAllowanceExceeded);
    }
    path.new_destination = Address::v4(Service::Api.address(vport));
    path.target = SERVICES_VPORT;
    rewrite::route(frame, end.mac, end.router_mac).ok_or(DropReason::RewriteFailed)?;
    slow::translate(frame, scratch).ok_or(DropReason::RewriteFailed)
}

/// Makes what the services' end says in the name of `scratch.endpoint` a packet that the endpoint's interface has sent to its router;
/// the endpoint's row.
///
/// # Errors
/// [`DropReason::StrayAnswer`].
#[inline(always)]
pub(crate) fn speak<'a, T: Tables>(
    tables: &'a T,
    scratch: &mut Scratch,
) -> Result<&'a Vport, DropReason> {
    let own = tables
        .vport(scratch.endpoint)
        .ok_or(DropReason::StrayAnswer)?;
    let packet = &mut scratch.packet;
    packet.source = Address::v4(own.host_address);
    packet.destination_mac = own.router_mac;
    packet.owns_source = true;
    Ok(own)
}

/// Looks at such a packet from the endpoint. Its groups are not asked: it answers what they have let in.
#[inline(always)]
pub(crate) fn look(scratch: &mut Scratch) {
    scratch.path.rules.egress = DecidingRule::NONE;
    admission::look_from(scratch, scratch.endpoint, true);
}

/// Whom an endpoint may answer.
///
/// # Errors
/// [`DropReason::ReceiverBlocked`] out of the region, and to another endpoint, from which answers go nowhere.
#[inline(always)]
pub(crate) fn check(target: &Vport) -> Result<(), DropReason> {
    if target.has(Vport::UPLINK) || target.is_endpoint() {
        return Err(DropReason::ReceiverBlocked);
    }
    Ok(())
}

/// The packet is again what has come from the services' end, to be written as what was decided; no verdict about it is cached.
#[inline(always)]
pub(crate) fn fall_silent(scratch: &mut Scratch) {
    if scratch.endpoint != 0 {
        scratch.packet.source = Address::v4(Service::Api.address(scratch.endpoint));
        scratch.path.steady = false;
    }
}
