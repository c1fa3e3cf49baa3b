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
//! What the guest has added or taken away stays so: only the difference between what was brought and what is wanted is
//! applied, and what the kernel refuses for the state the guest has put its device in is left alone. What the kernel drops
//! by itself when a device is set down, the routes, is brought again when it is up, those apart that the guest had deleted.

use std::net::Ipv4Addr;

use eni_netlink::{Address, MAIN_TABLE, Netlink, NetlinkError, Route, Rule};
use eni_plan::DesiredInterface;
use eni_types::Ipv4Cidr;

use crate::brought::{Brought, BroughtAddress, Maker, WayBack};

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
    again: Vec<Ipv4Addr>,
    /// What is no longer wanted.
    stale: Vec<BroughtAddress>,
}

impl Change {
    /// From what was brought, if anything was, to what `interface` wants.
    pub(crate) fn between(before: Option<Brought>, interface: &DesiredInterface) -> Self {
        let way_back = interface.primary_subnet.map(|from| WayBack {
            from,
            rules: Maker::Begun,
        });
        let mut brought = before.unwrap_or(Brought {
            vport: interface.vport,
            device_number: interface.device_number,
            subnet: interface.subnet,
            router: interface.router_address,
            addresses: Vec::new(),
            way_back,
            routes: [true; 3],
            routed_at: None,
        });
        let finished = brought.finished();
        let mut stale = std::mem::take(&mut brought.addresses);
        let mut again = Vec::new();
        for address in &interface.private_ip_addresses {
            let known = stale.iter().position(|one| one.address == *address);
            let known = known.map(|index| stale.remove(index));
            again.extend(
                known
                    .filter(|_| !finished.contains(address))
                    .map(|one| one.address),
            );
            let begun = BroughtAddress {
                address: *address,
                on_device: Maker::Begun,
                rule: Maker::Begun,
            };
            brought.addresses.push(known.unwrap_or(begun));
        }
        Self {
            brought,
            again,
            stale,
        }
    }

    /// The record to be written before [`Change::apply`]: all that may be there.
    pub(crate) fn begun(&self) -> Brought {
        let mut begun = self.brought.clone();
        begun.addresses.extend(&self.stale);
        begun
    }

    /// Does it, as far as the device is there.
    pub(crate) fn apply(
        mut self,
        netlink: &mut Netlink,
        device: GuestDevice,
    ) -> Result<Brought, NetlinkError> {
        let link_index = device.link_index;
        for gone in &self.stale {
            self.brought.take(netlink, link_index, gone)?;
        }
        let numbers = Numbers::of(&self.brought);
        for one in &mut self.brought.addresses {
            let again = self.again.contains(&one.address);
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
                let is_new = match numbers.rule(one.address) {
                    Some(rule) if link_index.is_some() => unless_refused(netlink.add_rule(&rule))?,
                    _ => false,
                };
                one.rule = Maker::found(is_new, again);
            }
        }
        if let Some(way_back) = &mut self.brought.way_back
            && way_back.rules == Maker::Begun
        {
            for rule in numbers.way_back(way_back.from) {
                unless_refused(netlink.add_rule(&rule))?;
            }
            way_back.rules = Maker::Platform;
        }
        let lost_routes = self.brought.routed_at != device.up_after_downs;
        if let Some(index) = link_index
            && lost_routes
            && device.up_after_downs.is_some()
        {
            for (route, ours) in self
                .brought
                .routes_by(index)
                .into_iter()
                .zip(self.brought.routes)
            {
                if ours {
                    unless_refused(netlink.add_route(route))?;
                }
            }
        }
        self.brought.routed_at = device.up_after_downs;
        Ok(self.brought)
    }
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
        if let Some(way_back) = self.way_back.filter(|one| one.rules.is_platform()) {
            for rule in Numbers::of(self).way_back(way_back.from) {
                netlink.delete_rule(&rule)?;
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
        let before = self.routes;
        for (route, ours) in self.routes_by(0).into_iter().zip(&mut self.routes) {
            *ours &= !is_lost(&route);
        }
        before != self.routes
    }

    /// The default route of table main, and those of the interface's table.
    fn routes_by(&self, link_index: u32) -> [Route; 3] {
        let numbers = Numbers::of(self);
        let route = |destination, gateway, table, metric| Route {
            destination,
            gateway,
            source: None,
            link_index,
            table,
            metric,
        };
        let table = FIRST_TABLE + numbers.offset;
        let metric = FIRST_METRIC + numbers.offset;
        let router = Some(self.router);
        [
            route(Ipv4Cidr::ANY, router, MAIN_TABLE, metric),
            route(self.subnet, None, table, 0),
            route(Ipv4Cidr::ANY, router, table, 0),
        ]
    }

    fn take(
        &self,
        netlink: &mut Netlink,
        link_index: Option<u32>,
        one: &BroughtAddress,
    ) -> Result<(), NetlinkError> {
        let numbers = Numbers::of(self);
        if let Some(rule) = numbers.rule(one.address).filter(|_| one.rule.is_platform()) {
            netlink.delete_rule(&rule)?;
        }
        if let Some(index) = link_index.filter(|_| one.on_device.is_platform()) {
            netlink.delete_address(numbers.address(one.address, index))?;
        }
        Ok(())
    }
}

/// What an interface's routes and rules are numbered by.
#[derive(Clone, Copy)]
struct Numbers {
    offset: u32,
    subnet: Ipv4Cidr,
}

impl Numbers {
    fn of(brought: &Brought) -> Self {
        let [card, index] = brought.device_number.to_be_bytes();
        Self {
            offset: OFFSET_OF_CARD * u32::from(card) + u32::from(index),
            subnet: brought.subnet,
        }
    }

    fn address(self, address: Ipv4Addr, link_index: u32) -> Address {
        Address {
            link_index,
            address,
            prefix_length: self.subnet.prefix_length(),
            metric: FIRST_METRIC + self.offset,
        }
    }

    /// Of a secondary interface's address.
    fn rule(self, address: Ipv4Addr) -> Option<Rule> {
        let table = FIRST_TABLE + self.offset;
        let source = Ipv4Cidr::new(address, 32).filter(|_| self.offset != 0)?;
        Some(Rule {
            source,
            destination: None,
            incoming: None,
            table,
            except_group: None,
            priority: table,
        })
    }

    /// From the primary interface's subnet into this one's: see the module's docs.
    fn way_back(self, from: Ipv4Cidr) -> [Rule; 3] {
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
