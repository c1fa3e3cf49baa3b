//! The host's routes to blocks of IPv6 that are on the internet: those of VPCs with a gateway there. What leaves by it is not
//! translated, so that the host must know the way back.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eni_abi::{LpmKey, ROUTER_LINK_LOCAL, VpcBlockKey};
use eni_netlink::{MAIN_TABLE, Namespace, Netlink, NetlinkError, Route};
use eni_types::{IpCidr, Ipv6Cidr};

use super::UPLINK_NAME;
use crate::AgentError;

/// See [the module](self). The blocks follow the packet table's rows: it is written before the host has a way there, and
/// after it has none.
#[derive(Clone, Debug)]
pub(crate) struct HostRoutes(Arc<Mutex<Routes>>);

#[derive(Debug)]
struct Routes {
    namespace: Namespace,
    netlink: Netlink,
    blocks: BTreeSet<Ipv6Cidr>,
}

/// Metric that the kernel gives routes without one (`IP6_RT_PRIO_USER`).
const METRIC: u32 = 1024;

impl HostRoutes {
    pub(super) fn new(namespace: &Namespace) -> Result<Self, NetlinkError> {
        Ok(Self(Arc::new(Mutex::new(Routes {
            namespace: namespace.try_clone()?,
            netlink: namespace.netlink()?,
            blocks: BTreeSet::new(),
        }))))
    }

    /// Follows a row of the blocks of VPCs that is there, or is about to go.
    pub(crate) fn follow(
        &self,
        key: &LpmKey<VpcBlockKey>,
        is_there: bool,
    ) -> Result<(), AgentError> {
        let Some(block) = on_internet(key) else {
            return Ok(());
        };
        let mut routes = self.lock();
        let changes = match is_there {
            true => routes.blocks.insert(block),
            false => routes.blocks.remove(&block),
        };
        if !changes {
            return Ok(());
        }
        Ok(routes.set([block].into(), is_there)?)
    }

    /// Gives a device that was just made all routes.
    pub(crate) fn add_all(&self) -> Result<(), AgentError> {
        let mut routes = self.lock();
        let blocks = routes.blocks.clone();
        Ok(routes.set(blocks, true)?)
    }

    fn lock(&self) -> MutexGuard<'_, Routes> {
        // A panic leaves a socket and a set there, which are whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Routes {
    /// Without the device there is nothing to do: whoever makes it adds all.
    fn set(&mut self, blocks: BTreeSet<Ipv6Cidr>, is_there: bool) -> Result<(), NetlinkError> {
        let links = self.netlink.links()?;
        let link = links.iter().find(|link| link.name == UPLINK_NAME);
        let Some(link) = link.filter(|_| !blocks.is_empty() && has_ipv6()) else {
            return Ok(());
        };
        if is_there {
            self.turn_ipv6_on()?;
        }
        for block in blocks {
            let route = Route {
                destination: IpCidr::V6(block),
                gateway: Some(ROUTER_LINK_LOCAL.into()),
                source: None,
                link_index: link.index,
                table: MAIN_TABLE,
                metric: METRIC,
            };
            match is_there {
                true => drop(self.netlink.add_route(route)?),
                false => self.netlink.delete_route(route)?,
            }
        }
        Ok(())
    }

    /// As quietly as it goes: nobody answers there but the fabric.
    fn turn_ipv6_on(&self) -> Result<(), NetlinkError> {
        let setting = |name| format!("ipv6/conf/{UPLINK_NAME}/{name}");
        let quiet = ["accept_ra", "accept_dad", "disable_ipv6"].map(setting);
        let settings: Vec<_> = quiet.iter().map(|name| (name.as_str(), "0")).collect();
        self.namespace.write_settings(&settings)
    }
}

fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
}

/// The block of a row that says what is on the internet ([`VpcBlockKey::on_internet`]).
fn on_internet(key: &LpmKey<VpcBlockKey>) -> Option<Ipv6Cidr> {
    let length = key.prefix_length.checked_sub(u32::BITS)?;
    let IpAddr::V6(address) = key.data.address.into() else {
        return None;
    };
    let block = Ipv6Cidr::new(address, u8::try_from(length).ok()?);
    block.filter(|_| key.data.vpc_number() == 0)
}
