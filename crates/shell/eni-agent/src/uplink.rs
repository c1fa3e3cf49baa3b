//! The way to the host: a veth pair with one end in the host's namespace.

use std::os::fd::AsFd;

use eni_netlink::{Address, Namespace, Netlink, NetlinkError, VethSpec};
use eni_plan::{DesiredUplink, UPLINK_VPORT};
use eni_types::Ipv4Cidr;

/// The one device of ours that the host sees.
pub const UPLINK_NAME: &str = "openeni0";

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

    /// Makes the pair anew. Deleting by the fabric end can only hit a pair of ours; an `openeni0` of somebody else stays
    /// and is an error.
    pub(crate) fn plug(
        &mut self,
        fabric: &mut Netlink,
        uplink: &DesiredUplink,
    ) -> Result<(), NetlinkError> {
        fabric.delete_link(UPLINK_VPORT)?;
        fabric.add_veth(&VethSpec {
            name: "uplink",
            index: Some(UPLINK_VPORT),
            mac: None,
            peer_name: UPLINK_NAME,
            peer_mac: Some(uplink.host_mac_address),
            peer_namespace: Some(self.namespace.as_fd()),
            mtu_bytes: uplink.mtu_bytes,
            no_arp: true,
        })?;
        // A host's own IPv6 chatter would only be counted as drops. Without IPv6 there is nothing to turn off.
        let setting = format!("ipv6/conf/{UPLINK_NAME}/disable_ipv6");
        if std::path::Path::new("/proc/sys/net/ipv6").exists() {
            self.namespace.write_settings(&[(&setting, "1")])?;
        }
        let link = self.link()?.map_or(0, |link| link.index);
        self.netlink.set_link_up(link, None)?;
        // With the address comes the host's one route, to the pool.
        self.netlink.add_address(Address {
            link_index: link,
            address: uplink.host_address,
            prefix_length: uplink.public_pool.prefix_length(),
            metric: 0,
        })
    }

    /// The uplink as it is, if both ends are there and the host's is set up.
    pub(crate) fn observe(
        &mut self,
        fabric: &mut Netlink,
    ) -> Result<Option<DesiredUplink>, NetlinkError> {
        let ours = fabric
            .links()?
            .iter()
            .any(|link| link.index == UPLINK_VPORT);
        let Some(link) = self.link()?.filter(|link| ours && link.up) else {
            return Ok(None);
        };
        let addresses = self.netlink.addresses()?;
        let address = addresses
            .iter()
            .find(|found| found.link_index == link.index);
        Ok(address.and_then(|found| {
            Some(DesiredUplink {
                host_address: found.address,
                public_pool: Ipv4Cidr::new(found.address, found.prefix_length)?,
                host_mac_address: link.mac?,
                mtu_bytes: link.mtu_bytes,
            })
        }))
    }

    fn link(&mut self) -> Result<Option<eni_netlink::Link>, NetlinkError> {
        let links = self.netlink.links()?;
        Ok(links.into_iter().find(|link| link.name == UPLINK_NAME))
    }
}
