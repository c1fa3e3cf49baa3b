//! The way to the host: a veth pair with one end in the host's namespace.

mod host_routes;

use std::net::IpAddr;
use std::os::fd::AsFd;

use eni_instance::RunDirectory;
use eni_netlink::{Address, Link, Namespace, Netlink, NetlinkError, VethSpec};
use eni_plan::{DesiredUplink, UPLINK_VPORT};
use eni_types::Ipv4Cidr;

use crate::AgentError;

pub(crate) use self::host_routes::HostRoutes;

/// The one device of ours that the host sees.
pub const UPLINK_NAME: &str = "openeni0";

/// The longest alias that the kernel keeps of a device, in bytes (`IFALIASZ` in the kernel's `if.h`, less the zero).
const MAX_ALIAS_BYTES: usize = 255;

/// Prefix of the routes by which a host reaches everything: a default route, or the two halves that VPNs set over it.
const WIDEST_WAY_OUT: u8 = 1;

/// Whose `openeni0` is: the region's data directory, as far as it fits into the device's alias.
#[derive(Clone, Debug)]
pub(crate) struct UplinkOwner(String);

impl UplinkOwner {
    pub(crate) fn of(run: &RunDirectory) -> Self {
        let data_directory = run.path().parent().unwrap_or(run.path());
        let mut path = data_directory.display().to_string();
        let mut length = path.len().min(MAX_ALIAS_BYTES);
        while !path.is_char_boundary(length) {
            length -= 1;
        }
        path.truncate(length);
        Self(path)
    }
}

/// The host's namespace: that of the thread that started the agent.
#[derive(Debug)]
pub(crate) struct Host {
    namespace: Namespace,
    netlink: Netlink,
}

impl Host {
    pub(crate) fn current() -> Result<Self, NetlinkError> {
        Ok(Self {
            namespace: Namespace::current()?,
            netlink: Netlink::open()?,
        })
    }

    /// Its routes to VPCs' blocks of IPv6.
    pub(crate) fn routes(&self) -> Result<HostRoutes, NetlinkError> {
        HostRoutes::new(&self.namespace)
    }

    /// Refuses a host that has an `openeni0` of somebody else. `fabric` is the region's, if it has one already.
    pub(crate) fn check(
        &mut self,
        fabric: Option<&mut Netlink>,
        owner: &UplinkOwner,
    ) -> Result<(), AgentError> {
        let Some(link) = self.link()? else {
            return Ok(());
        };
        let has_end = match fabric {
            Some(fabric) => fabric.link(UPLINK_VPORT)?.is_some(),
            None => false,
        };
        match link.alias {
            Some(alias) if alias == owner.0 => Ok(()),
            // A pair that was not finished.
            None if has_end => Ok(()),
            Some(alias) => Err(AgentError::UplinkOfAnother(alias)),
            None => Err(AgentError::UplinkOfNobody),
        }
    }

    /// Refuses a host on which addresses of the public pool lead elsewhere already: the pool's route would take them from
    /// there, or not be the one that is followed. Routes as wide as half of everything are ways out, not uses of it.
    pub(crate) fn check_pool(&mut self, pool: Ipv4Cidr) -> Result<(), AgentError> {
        let links = self.netlink.links()?;
        let ours = |index: u32| {
            let uplink = |link: &&Link| link.name == UPLINK_NAME;
            links
                .iter()
                .find(uplink)
                .is_some_and(|link| link.index == index)
        };
        let addresses = self.netlink.addresses()?.into_iter().filter_map(|found| {
            let block = ipv4_block(&found)?;
            Some((
                block,
                Some(found.link_index),
                format!("{}/{}", found.address, found.prefix_length),
            ))
        });
        let routes = self.netlink.routed_blocks()?.into_iter();
        let routes = routes.filter_map(|route| {
            let text = format!("the route {}", route.destination);
            Some((route.destination.ipv4()?, route.link_index, text))
        });
        let taken = addresses.chain(routes).find(|(block, link, _)| {
            block.prefix_length() > WIDEST_WAY_OUT
                && block.overlaps(pool)
                && !link.is_some_and(ours)
        });
        let Some((_, link, what)) = taken else {
            return Ok(());
        };
        let link = link.and_then(|index| links.iter().find(|link| link.index == index));
        Err(AgentError::PoolInUse {
            pool,
            holder: match link {
                Some(link) => format!("the device {} has {what}", link.name),
                None => format!("there is {what}"),
            },
        })
    }

    /// Makes the pair anew. Deleting by the fabric end can only hit a pair of ours; an `openeni0` of somebody else stays
    /// and is an error.
    pub(crate) fn plug(
        &mut self,
        fabric: &mut Netlink,
        uplink: &DesiredUplink,
        owner: &UplinkOwner,
    ) -> Result<(), NetlinkError> {
        fabric.delete_link(UPLINK_VPORT)?;
        fabric.add_veth(&VethSpec {
            name: "uplink",
            index: Some(UPLINK_VPORT),
            mac: None,
            peer_name: UPLINK_NAME,
            peer_mac: Some(uplink.host_mac_address),
            peer_group: 0,
            peer_namespace: Some(self.namespace.as_fd()),
            mtu_bytes: uplink.mtu_bytes,
            no_arp: true,
            peer_no_arp: false,
        })?;
        // Until a VPC has IPv6, the host's own chatter would only be counted as drops. Without IPv6 there is nothing to turn
        // off.
        let setting = format!("ipv6/conf/{UPLINK_NAME}/disable_ipv6");
        if std::path::Path::new("/proc/sys/net/ipv6").exists() {
            self.namespace.write_settings(&[(&setting, "1")])?;
        }
        let link = self.link()?.map_or(0, |link| link.index);
        self.netlink.set_link_up(link, Some(&owner.0))?;
        // With the address comes the host's one route, to the pool.
        self.netlink.add_address(Address {
            link_index: link,
            address: IpAddr::V4(uplink.host_address),
            prefix_length: uplink.public_pool.prefix_length(),
            metric: 0,
        })?;
        Ok(())
    }

    /// The uplink as it is, if both ends are there and the host's is set up.
    pub(crate) fn observe(
        &mut self,
        fabric: &mut Netlink,
        owner: &UplinkOwner,
    ) -> Result<Option<DesiredUplink>, NetlinkError> {
        let has_end = fabric.link(UPLINK_VPORT)?.is_some();
        let ours = |link: &Link| has_end && link.up && link.alias.as_ref() == Some(&owner.0);
        let Some(link) = self.link()?.filter(ours) else {
            return Ok(None);
        };
        let addresses = self.netlink.addresses()?;
        let address = addresses
            .iter()
            .find(|found| found.link_index == link.index && found.address.is_ipv4());
        Ok(address.and_then(|found| {
            let IpAddr::V4(host_address) = found.address else {
                return None;
            };
            Some(DesiredUplink {
                host_address,
                public_pool: ipv4_block(found)?,
                host_mac_address: link.mac?,
                mtu_bytes: link.mtu_bytes,
            })
        }))
    }

    fn link(&mut self) -> Result<Option<Link>, NetlinkError> {
        let links = self.netlink.links()?;
        Ok(links.into_iter().find(|link| link.name == UPLINK_NAME))
    }
}

/// The block that an IPv4 address lies in on its link.
fn ipv4_block(found: &Address) -> Option<Ipv4Cidr> {
    match found.address {
        IpAddr::V4(address) => Ipv4Cidr::new(address, found.prefix_length),
        IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use nix::sched::{CloneFlags, unshare};

    use super::*;

    fn ip(arguments: &str) {
        let arguments = arguments.split(' ');
        let status = Command::new("ip").args(arguments).status().unwrap();
        assert!(status.success());
    }

    /// What a host of its own with these devices, addresses and routes says of the pool 203.0.113.0/24.
    fn judged(host: &[&str]) -> String {
        let script: Vec<String> = host.iter().map(ToString::to_string).collect();
        let judge = move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            ip("link set lo up");
            ip("link add lan0 type veth peer lan1");
            ip("link set lan1 up");
            ip("link set lan0 up");
            ip("addr add 192.0.2.2/24 dev lan0");
            script.iter().for_each(|line| ip(line));
            let pool = "203.0.113.0/24".parse().unwrap();
            match Host::current().unwrap().check_pool(pool) {
                Ok(()) => "free".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        std::thread::spawn(judge).join().unwrap()
    }

    #[test]
    fn root_a_pool_that_leads_elsewhere_on_the_host_is_refused_by_name() {
        for (host, want) in [
            (&[][..], "free"),
            (&["route add default via 192.0.2.1"], "free"),
            (
                &[
                    "route add 0.0.0.0/1 via 192.0.2.1",
                    "route add 128.0.0.0/1 via 192.0.2.1",
                ],
                "free",
            ),
            (&["route add 203.0.112.0/24 via 192.0.2.1"], "free"),
            (
                &["addr add 203.0.113.9/24 dev lan0"],
                "the device lan0 has 203.0.113.9/24",
            ),
            (
                &["link set lan0 down", "addr add 203.0.113.9/32 dev lan0"],
                "the device lan0 has 203.0.113.9/32",
            ),
            (
                &["addr add 203.0.1.1/16 dev lan0"],
                "the device lan0 has 203.0.1.1/16",
            ),
            (
                &["route add 203.0.113.128/25 via 192.0.2.1"],
                "the device lan0 has the route 203.0.113.128/25",
            ),
            (
                &["route add 203.0.0.0/8 dev lan0 table 77"],
                "the device lan0 has the route 203.0.0.0/8",
            ),
            (
                &["route add local 203.0.113.0/24 dev lo"],
                "the device lo has the route 203.0.113.0/24",
            ),
            (
                &["route add blackhole 203.0.113.7"],
                "there is the route 203.0.113.7/32",
            ),
            // What a killed region leaves is its own to take over.
            (
                &[
                    "link add openeni0 type veth peer other",
                    "link set other up",
                    "link set openeni0 up",
                    "addr add 203.0.113.1/24 dev openeni0",
                ],
                "free",
            ),
        ] {
            let said = judged(host);
            assert!(said.contains(want), "{host:?}: {said}");
            let named = said == "free" || said.contains("the public pool 203.0.113.0/24 is in use");
            assert!(named, "{said}");
        }
    }
}
