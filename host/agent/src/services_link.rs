//! The way to the fabric's services: a veth pair with one end in a network namespace where nothing else is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::path::Path;

use eni_abi::{SERVICES_VPORT, Service, VPC_MTU};
use eni_bpf_loader::Programs;
use eni_instance::RunDirectory;
use eni_lower::SERVICES_MAC;
use eni_netlink::{Address, MAIN_TABLE, Namespace, Netlink, NetlinkError, Route, VethSpec};
use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr};

use crate::AgentError;

/// The name of both ends.
const NAME: &str = "services";
/// What the services' end is called; the router behind it is [`Service::ASKER_WITHOUT_ADDRESS`]. Nobody beyond the pair hears of
/// them: with a router on the link the kernel has one neighbour to remember, and not one for each guest.
const OWN_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 2);
const LINK_PREFIX: u8 = 30;
/// The router behind it by IPv6, likewise.
const IPV6_ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// Guests are called by addresses in 127.0.0.0/8 ([`eni_abi::Service::address`]), which are this namespace's own: its loopback
/// device says so, and by `route_localnet` they may come in by another. Where packets come from the data plane has checked.
/// A guest that leaves handshakes unfinished holds their room for a few seconds, and then only cookies; one that does not
/// confirm the end of a connection, for one second (the kernel's number of such connections is the whole machine's,
/// `tcp_max_orphans`).
const SETTINGS: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "0"),
    ("ipv4/conf/all/route_localnet", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/tcp_synack_retries", "1"),
    ("ipv4/tcp_syncookies", "1"),
    ("ipv4/tcp_orphan_retries", "1"),
    ("ipv4/tcp_fin_timeout", "5"),
];
/// By IPv6 guests are called by addresses that a route makes this namespace's own; it answers from them though no device has them.
/// Its end of the pair has no address, so that it says nothing by itself on the link.
const IPV6_SETTINGS: &[(&str, &str)] = &[
    ("ipv6/conf/all/forwarding", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/conf/all/disable_ipv6", "0"),
    ("ipv6/conf/default/disable_ipv6", "0"),
    ("ipv6/ip_nonlocal_bind", "1"),
];

/// The services' namespace, joined to `fabric`: that of an earlier agent, or a new one.
pub(crate) fn open(
    run: &RunDirectory,
    fabric: &Namespace,
    programs: &Programs,
) -> Result<Namespace, AgentError> {
    let services = Namespace::create(&run.services())?;
    services.write_settings(SETTINGS)?;
    if has_ipv6() {
        services.write_settings(IPV6_SETTINGS)?;
    }
    let mut inside = services.netlink()?;
    if !is_joined(&mut inside)? {
        join(&mut fabric.netlink()?, &services, &mut inside)?;
    }
    programs.guard(SERVICES_VPORT, fabric)?;
    programs.attach(SERVICES_VPORT, fabric)?;
    Ok(services)
}

/// Joins the services' namespace to `fabric` again, if somebody has taken the pair, what was set there, or the program away.
pub(crate) fn mend(
    run: &RunDirectory,
    fabric: &Namespace,
    programs: &Programs,
    is_attached: bool,
) -> Result<(), AgentError> {
    if !Namespace::exists(&run.services()) {
        return Ok(());
    }
    let services = Namespace::open(&run.services())?;
    if !is_attached || !is_joined(&mut services.netlink()?)? {
        tracing::warn!("the way to the fabric's services is lost, and made anew");
        open(run, fabric, programs)?;
    }
    Ok(())
}

/// Takes both away.
pub(crate) fn remove(
    run: &RunDirectory,
    fabric: &mut Netlink,
    programs: &Programs,
) -> Result<(), AgentError> {
    programs.detach(SERVICES_VPORT)?;
    fabric.delete_link(SERVICES_VPORT)?;
    Ok(Namespace::delete(&run.services())?)
}

/// Whether the kernel has IPv6.
fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
}

/// Whether the pair is there, and what was set last.
fn is_joined(inside: &mut Netlink) -> Result<bool, NetlinkError> {
    let links = inside.links()?;
    let own = links.iter().find(|link| link.name == NAME && link.carrier);
    let routes = inside.routes()?;
    let last = if has_ipv6() {
        Ipv6Cidr::ANY.into()
    } else {
        IpCidr::from(Ipv4Cidr::ANY)
    };
    let leads_there = |index| {
        let mut routes = routes.iter();
        routes.any(|route| route.link_index == index && route.destination == last)
    };
    Ok(own.is_some_and(|link| link.mac == Some(SERVICES_MAC) && leads_there(link.index)))
}

fn join(
    fabric: &mut Netlink,
    services: &Namespace,
    inside: &mut Netlink,
) -> Result<(), NetlinkError> {
    fabric.delete_link(SERVICES_VPORT)?;
    fabric.add_veth(&VethSpec {
        name: NAME,
        index: Some(SERVICES_VPORT),
        mac: None,
        peer_name: NAME,
        peer_group: 0,
        peer_mac: Some(SERVICES_MAC),
        peer_namespace: Some(services.as_fd()),
        mtu_bytes: VPC_MTU,
        no_arp: true,
        peer_no_arp: true,
    })?;
    let links = inside.links()?;
    for link in links
        .iter()
        .filter(|link| link.loopback || link.name == NAME)
    {
        inside.set_link_up(link.index, None)?;
    }
    let own = links.iter().find(|link| link.name == NAME);
    let link_index = own.map_or(0, |link| link.index);
    inside.add_address(Address {
        link_index,
        address: IpAddr::V4(OWN_ADDRESS),
        prefix_length: LINK_PREFIX,
        metric: 0,
    })?;
    inside.add_route(Route {
        destination: Ipv4Cidr::ANY.into(),
        gateway: Some(IpAddr::V4(Service::ASKER_WITHOUT_ADDRESS.into())),
        source: None,
        link_index,
        table: MAIN_TABLE,
        metric: 0,
    })?;
    if has_ipv6() {
        let loopback = links.iter().find(|link| link.loopback);
        join_ipv6(inside, loopback.map_or(0, |link| link.index), link_index)?;
    }
    Ok(())
}

fn join_ipv6(inside: &mut Netlink, loopback: u32, link_index: u32) -> Result<(), NetlinkError> {
    let (first, prefix_length) = Service::ADDRESSES_IPV6;
    if let Some(own) = Ipv6Cidr::new(first, prefix_length) {
        inside.add_local_block(own.into(), loopback)?;
    }
    inside.add_route(Route {
        destination: Ipv6Cidr::ANY.into(),
        gateway: Some(IpAddr::V6(IPV6_ROUTER)),
        source: None,
        link_index,
        table: MAIN_TABLE,
        metric: 0,
    })?;
    Ok(())
}
