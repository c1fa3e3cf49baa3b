//! The guest's side of an interface: what amazon-ec2-net-utils (2.7) would set in it.
//!
//! The addresses, each with the subnet's length; a default route through the subnet's router with metric 512 + offset,
//! so that the primary interface wins; and a table of the interface's own. Secondary interfaces have a rule for each
//! address: what is sent from it is routed by the interface's table, so that it answers where it was asked. What the
//! primary interface's addresses send is routed by table main, as there, so that bridges, tunnels and static routes work.
//!
//! One thing is added to that. In table main the secondary interface's subnet is on its link, so what the primary
//! interface's addresses answer into that subnet, themselves or in a container that has one of them, would leave by the
//! secondary one, and be dropped by the source check. For packets from the primary subnet into the secondary one, rules
//! pass over those routes of table main that lead to secondary interfaces, and ask the primary one's table after it. Not
//! for what comes in by the primary interface: that a firewall forwards.
//!
//! IPv6 is turned on for a device with its first IPv6 address or block, and its addresses, routes and rules are as those of IPv4. The
//! router is known, so that none of it is learnt from advertisements; and no address is probed for before it is used (RFC
//! 4862, section 5.4), as EC2 gives each out once.
//!
//! A block that is delegated to a secondary interface has a rule like an address's, and no address: which of its own the
//! guest uses, and where, is its to say.
//!
//! What the guest has added or taken away stays so: only the difference between what was brought and what is wanted is
//! applied, and what the kernel refuses for the state the guest has put its device in is left alone. What the kernel drops
//! by itself when a device is set down, the routes, is brought again when it is up, those apart that the guest had deleted.

use std::net::{IpAddr, Ipv6Addr};

use eni_netlink::{Address, MAIN_TABLE, Netlink, NetlinkError, Route, Rule};
use eni_plan::DesiredInterface;
use eni_types::{IpCidr, Ipv4Cidr, Ipv6Cidr};

use crate::brought::{Brought, BroughtAddress, BroughtFamily, BroughtPrefix, Maker, WayBack};

/// amazon-ec2-net-utils: the metric of the first default route; the others follow by offset.
const FIRST_METRIC: u32 = 512;

/// amazon-ec2-net-utils: an interface's routing table is 10000 + its offset; its rules' priorities are the same.
const FIRST_TABLE: u32 = 10_000;

/// The way back is asked after all rules of addresses.
const FIRST_WAY_BACK: u32 = 20_000;

/// The group of secondary interfaces' devices.
const SECONDARY_GROUP: u32 = 10_000;

/// amazon-ec2-net-utils: what a network card adds to the offset.
const OFFSET_OF_CARD: u32 = 100;

/// Every subnet's router, by the address that EC2's has on the link (VPC User Guide, "Subnet sizing").
const IPV6_ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0xec2, 0, 0, 0, 0, 0, 1);

/// The device's name in the guest.
pub(crate) fn device_name(device_number: u16) -> String {
    format!("eth{device_number}")
}

/// Another name for the device, where the guest has one of that name: the kernel puts the lowest free number.
pub(crate) const ANY_DEVICE_NAME: &str = "eth%d";

/// The names by which scripts find the device whatever it is called: those of amazon-ec2-net-utils, and what it sets on
/// types with one network card.
pub(crate) fn alternative_names(interface: &DesiredInterface) -> Vec<String> {
    let [card, index] = interface.device_number.to_be_bytes();
    let mut names = vec![
        interface.network_interface_id.to_string(),
        format!("device-number-{index}.{card}"),
    ];
    if card == 0 {
        names.push(format!("device-number-{index}"));
    }
    names
}

/// The group of the interface's device.
pub(crate) fn group(device_number: u16) -> u32 {
    if device_number == 0 {
        0
    } else {
        SECONDARY_GROUP
    }
}

/// The guest's end of an interface.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GuestDevice {
    /// Its interface index in the instance's own namespace; none when the guest holds it in another one.
    pub(crate) link_index: Option<u32>,
    /// How often it was set down ([`eni_netlink::Link::carrier_downs`] of the fabric end); none while it is down, when
    /// the kernel takes no routes for it.
    pub(crate) up_after_downs: Option<u32>,
}

/// What is to be done for an interface, begun: written down before anything of it is done.
pub(crate) struct Change {
    /// What is brought when it is done.
    pub(crate) brought: Brought,
    /// What an earlier attempt has begun.
    again: Vec<IpCidr>,
    /// What is no longer wanted.
    stale: Vec<BroughtAddress>,
    stale_prefixes: Vec<BroughtPrefix>,
}

impl Change {
    /// From what was brought, if anything was, to what `interface` wants.
    pub(crate) fn between(before: Option<Brought>, interface: &DesiredInterface) -> Self {
        let mut brought = before.unwrap_or(Brought {
            vport: interface.vport,
            device_number: interface.device_number,
            addresses: Vec::new(),
            prefixes: Vec::new(),
            ipv4: None,
            ipv6: None,
            ipv6_is_on: false,
            routed_at: None,
        });
        let [ipv4, ipv6] = families_of(interface);
        if brought.ipv4.is_none() && ipv4.is_some() {
            brought.ipv4 = ipv4;
        }
        if brought.ipv6.is_none() && ipv6.is_some() {
            brought.ipv6 = ipv6;
            // Its routes are made with those that the kernel has dropped.
            brought.routed_at = None;
        }
        let finished = brought.finished();
        let mut stale = std::mem::take(&mut brought.addresses);
        let mut again = Vec::new();
        for address in interface.addresses() {
            let known = stale.iter().position(|one| one.address == address);
            let known = known.map(|index| stale.remove(index));
            let block = IpCidr::host(address);
            again.extend(
                known
                    .map(|_| block)
                    .filter(|block| !finished.contains(block)),
            );
            let begun = BroughtAddress {
                address,
                on_device: Maker::Begun,
                rule: Maker::Begun,
            };
            brought.addresses.push(known.unwrap_or(begun));
        }
        let mut stale_prefixes = std::mem::take(&mut brought.prefixes);
        for block in interface.prefixes.iter().copied() {
            let known = stale_prefixes.iter().position(|one| one.block == block);
            let known = known.map(|index| stale_prefixes.remove(index));
            again.extend(
                known
                    .map(|_| block)
                    .filter(|block| !finished.contains(block)),
            );
            let begun = BroughtPrefix {
                block,
                rule: Maker::Begun,
            };
            brought.prefixes.push(known.unwrap_or(begun));
        }
        Self {
            brought,
            again,
            stale,
            stale_prefixes,
        }
    }

    /// The record to be written before [`Change::apply`]: all that may be there.
    pub(crate) fn begun(&self) -> Brought {
        let mut begun = self.brought.clone();
        begun.addresses.extend(&self.stale);
        begun.prefixes.extend(&self.stale_prefixes);
        begun
    }

    /// Whether IPv6 is to be turned on for the device, which is there, before [`Change::apply`]. Asked once.
    pub(crate) fn turns_ipv6_on(&mut self) -> bool {
        let is_due = self.brought.ipv6.is_some() && !self.brought.ipv6_is_on;
        self.brought.ipv6_is_on |= is_due;
        is_due
    }

    /// Does it, as far as the device is there.
    pub(crate) fn apply(
        mut self,
        netlink: &mut Netlink,
        device: GuestDevice,
    ) -> Result<Brought, NetlinkError> {
        for gone in &self.stale {
            self.brought.take(netlink, device.link_index, gone)?;
        }
        for gone in &self.stale_prefixes {
            self.brought.take_prefix(netlink, gone)?;
        }
        self.add_addresses(netlink, device.link_index)?;
        self.add_prefixes(netlink, device.link_index)?;
        let offset = offset_of(&self.brought);
        for family in self.brought.families_mut() {
            let numbers = Numbers {
                offset,
                subnet: family.subnet,
            };
            if let Some(way_back) = &mut family.way_back
                && way_back.rules == Maker::Begun
            {
                for rule in numbers.way_back(way_back.from) {
                    unless_refused(netlink.add_rule(&rule))?;
                }
                way_back.rules = Maker::Platform;
            }
        }
        let lost_routes = self.brought.routed_at != device.up_after_downs;
        if let Some(index) = device.link_index
            && lost_routes
            && device.up_after_downs.is_some()
        {
            for (route, ours) in self.brought.routes_by(index) {
                if ours {
                    unless_refused(netlink.add_route(route))?;
                }
            }
        }
        self.brought.routed_at = device.up_after_downs;
        Ok(self.brought)
    }

    fn add_addresses(
        &mut self,
        netlink: &mut Netlink,
        link_index: Option<u32>,
    ) -> Result<(), NetlinkError> {
        let [ipv4, ipv6] = [false, true].map(|ipv6| Numbers::of(&self.brought, ipv6));
        for one in &mut self.brought.addresses {
            let again = self.again.contains(&IpCidr::host(one.address));
            let Some(numbers) = (if one.address.is_ipv6() { ipv6 } else { ipv4 }) else {
                continue;
            };
            if one.on_device == Maker::Begun {
                let is_new = match link_index {
                    Some(index) => {
                        let address = numbers.address(one.address, index);
                        unless_refused(netlink.add_address(address))?
                    }
                    None => false,
                };
                one.on_device = Maker::found(is_new, again && link_index.is_some());
            }
            if one.rule == Maker::Begun {
                let rule = numbers.rule(IpCidr::host(one.address));
                one.rule = add_rule(netlink, rule.filter(|_| link_index.is_some()), again)?;
            }
        }
        Ok(())
    }

    fn add_prefixes(
        &mut self,
        netlink: &mut Netlink,
        link_index: Option<u32>,
    ) -> Result<(), NetlinkError> {
        let [ipv4, ipv6] = [false, true].map(|ipv6| Numbers::of(&self.brought, ipv6));
        for one in &mut self.brought.prefixes {
            let numbers = if one.block.ipv6().is_some() {
                ipv6
            } else {
                ipv4
            };
            if let Some(numbers) = numbers.filter(|_| one.rule == Maker::Begun) {
                let again = self.again.contains(&one.block);
                let rule = numbers.rule(one.block).filter(|_| link_index.is_some());
                one.rule = add_rule(netlink, rule, again)?;
            }
        }
        Ok(())
    }
}

/// What goes with the interface's addresses of IPv4 and of IPv6, where it has any.
fn families_of(interface: &DesiredInterface) -> [Option<BroughtFamily>; 2] {
    let family = |subnet, router, primary: Option<IpCidr>| BroughtFamily {
        subnet,
        router,
        way_back: primary.map(|from| WayBack {
            from,
            rules: Maker::Begun,
        }),
        routes: [true; 3],
    };
    let ipv4 = family(
        IpCidr::V4(interface.subnet),
        IpAddr::V4(interface.router_address),
        interface.primary_subnet.map(IpCidr::V4),
    );
    let ipv6 = interface.ipv6_subnet.map(|subnet| {
        let primary = interface.primary_ipv6_subnet.map(IpCidr::V6);
        family(IpCidr::V6(subnet), IpAddr::V6(IPV6_ROUTER), primary)
    });
    [
        Some(ipv4).filter(|_| interface.subnet != Ipv4Cidr::UNSPECIFIED),
        ipv6.filter(|_| interface.has_ipv6()),
    ]
}

impl Brought {
    /// Takes all that was brought away.
    pub(crate) fn withdraw(
        &self,
        netlink: &mut Netlink,
        link_index: Option<u32>,
    ) -> Result<(), NetlinkError> {
        for one in &self.addresses {
            self.take(netlink, link_index, one)?;
        }
        for one in &self.prefixes {
            self.take_prefix(netlink, one)?;
        }
        for family in self.families() {
            let numbers = Numbers {
                offset: offset_of(self),
                subnet: family.subnet,
            };
            if let Some(way_back) = family.way_back.filter(|one| one.rules.is_platform()) {
                for rule in numbers.way_back(way_back.from) {
                    netlink.delete_rule(&rule)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the interface has the routes that it was given when its device was last up.
    pub(crate) fn has_its_routes(&self, device: GuestDevice) -> bool {
        self.routed_at.is_some() && self.routed_at == device.up_after_downs
    }

    /// Leaves routes that the guest has taken away to it; true if there were any.
    pub(crate) fn leave_routes(&mut self, is_lost: impl Fn(&Route) -> bool) -> bool {
        let before = self.clone();
        let offset = offset_of(self);
        for family in self.families_mut() {
            for (route, ours) in routes_of(*family, offset, 0).iter().zip(&mut family.routes) {
                *ours &= !is_lost(route);
            }
        }
        *self != before
    }

    /// The default routes of table main, and those of the interface's table; with each, whether it is still ours.
    fn routes_by(&self, link_index: u32) -> Vec<(Route, bool)> {
        let offset = offset_of(self);
        self.families()
            .flat_map(|family| {
                let routes = routes_of(*family, offset, link_index).into_iter();
                routes.zip(family.routes)
            })
            .collect()
    }

    fn families(&self) -> impl Iterator<Item = &BroughtFamily> {
        self.ipv4.iter().chain(&self.ipv6)
    }

    fn families_mut(&mut self) -> impl Iterator<Item = &mut BroughtFamily> {
        self.ipv4.iter_mut().chain(&mut self.ipv6)
    }

    fn take(
        &self,
        netlink: &mut Netlink,
        link_index: Option<u32>,
        one: &BroughtAddress,
    ) -> Result<(), NetlinkError> {
        let Some(numbers) = Numbers::of(self, one.address.is_ipv6()) else {
            return Ok(());
        };
        let rule = numbers.rule(IpCidr::host(one.address));
        if let Some(rule) = rule.filter(|_| one.rule.is_platform()) {
            netlink.delete_rule(&rule)?;
        }
        if let Some(index) = link_index.filter(|_| one.on_device.is_platform()) {
            netlink.delete_address(numbers.address(one.address, index))?;
        }
        Ok(())
    }

    fn take_prefix(&self, netlink: &mut Netlink, one: &BroughtPrefix) -> Result<(), NetlinkError> {
        let numbers = Numbers::of(self, one.block.ipv6().is_some());
        let rule = numbers.and_then(|numbers| numbers.rule(one.block));
        match rule.filter(|_| one.rule.is_platform()) {
            Some(rule) => netlink.delete_rule(&rule),
            None => Ok(()),
        }
    }
}

/// Adds a rule, if there is one to be added, and says whose it is.
fn add_rule(netlink: &mut Netlink, rule: Option<Rule>, again: bool) -> Result<Maker, NetlinkError> {
    let is_new = match rule {
        Some(rule) => unless_refused(netlink.add_rule(&rule))?,
        None => false,
    };
    Ok(Maker::found(is_new, again))
}

/// Of one family: the default route of table main, and those of the interface's table.
fn routes_of(family: BroughtFamily, offset: u32, link_index: u32) -> [Route; 3] {
    let route = |destination, gateway, table, metric| Route {
        destination,
        gateway,
        source: None,
        link_index,
        table,
        metric,
    };
    let everywhere = match family.subnet {
        IpCidr::V4(_) => IpCidr::V4(Ipv4Cidr::ANY),
        IpCidr::V6(_) => IpCidr::V6(Ipv6Cidr::ANY),
    };
    // The kernel gives routes of IPv6 without a metric this one (`IP6_RT_PRIO_USER`).
    let unranked = match family.subnet {
        IpCidr::V4(_) => 0,
        IpCidr::V6(_) => 1024,
    };
    let table = FIRST_TABLE + offset;
    let metric = FIRST_METRIC + offset;
    let router = Some(family.router);
    [
        route(everywhere, router, MAIN_TABLE, metric),
        route(family.subnet, None, table, unranked),
        route(everywhere, router, table, unranked),
    ]
}

fn offset_of(brought: &Brought) -> u32 {
    let [card, index] = brought.device_number.to_be_bytes();
    OFFSET_OF_CARD * u32::from(card) + u32::from(index)
}

/// What an interface's routes and rules of one family are numbered by.
#[derive(Clone, Copy)]
struct Numbers {
    offset: u32,
    subnet: IpCidr,
}

impl Numbers {
    /// None where nothing of the family was brought.
    fn of(brought: &Brought, ipv6: bool) -> Option<Self> {
        let family = if ipv6 { brought.ipv6 } else { brought.ipv4 };
        Some(Self {
            offset: offset_of(brought),
            subnet: family?.subnet,
        })
    }

    fn address(self, address: IpAddr, link_index: u32) -> Address {
        Address {
            link_index,
            address,
            prefix_length: self.subnet.prefix_length(),
            metric: FIRST_METRIC + self.offset,
        }
    }

    /// Of a secondary interface's address or block.
    fn rule(self, source: IpCidr) -> Option<Rule> {
        let table = FIRST_TABLE + self.offset;
        (self.offset != 0).then_some(Rule {
            source,
            destination: None,
            incoming: None,
            table,
            except_group: None,
            priority: table,
        })
    }

    /// From the primary interface's subnet into this one's: see the module's docs.
    fn way_back(self, from: IpCidr) -> [Rule; 3] {
        let rule = |incoming, table, except_group| Rule {
            source: from,
            destination: Some(self.subnet),
            incoming,
            table,
            except_group,
            priority: FIRST_WAY_BACK + self.offset,
        };
        [
            rule(Some(device_name(0)), MAIN_TABLE, None),
            rule(None, MAIN_TABLE, Some(SECONDARY_GROUP)),
            rule(None, FIRST_TABLE, None),
        ]
    }
}

/// Whether two routes are in each other's place: the kernel keeps one of the same destination, table and metric.
pub(crate) fn are_one(one: &Route, other: &Route) -> bool {
    let place = |route: &Route| (route.destination, route.table, route.metric);
    place(one) == place(other)
}

/// What the kernel refuses for what it finds is the guest's doing, and would be refused for ever: it is not brought.
fn unless_refused(added: Result<bool, NetlinkError>) -> Result<bool, NetlinkError> {
    match added {
        Err(error) if error.is_for_good() => Ok(false),
        other => other,
    }
}
