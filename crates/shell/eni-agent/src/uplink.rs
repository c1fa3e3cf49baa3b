//! The way to the host: a veth pair with one end in the host's namespace.

use std::os::fd::AsFd;

use eni_instance::RunDirectory;
use eni_netlink::{Address, Link, Namespace, Netlink, NetlinkError, VethSpec};
use eni_plan::{DesiredUplink, UPLINK_VPORT};
use eni_types::Ipv4Cidr;

use crate::AgentError;

/// The one device of ours that the host sees.
pub const UPLINK_NAME: &str = "openeni0";

/// The longest alias that the kernel keeps of a device, in bytes (`IFALIASZ` in the kernel's `if.h`, less the zero).
const MAX_ALIAS_BYTES: usize = 255;

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
        })?;
        // A host's own IPv6 chatter would only be counted as drops. Without IPv6 there is nothing to turn off.
        let setting = format!("ipv6/conf/{UPLINK_NAME}/disable_ipv6");
        if std::path::Path::new("/proc/sys/net/ipv6").exists() {
            self.namespace.write_settings(&[(&setting, "1")])?;
        }
        let link = self.link()?.map_or(0, |link| link.index);
        self.netlink.set_link_up(link, Some(&owner.0))?;
        // With the address comes the host's one route, to the pool.
        self.netlink.add_address(Address {
            link_index: link,
            address: uplink.host_address,
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

    fn link(&mut self) -> Result<Option<Link>, NetlinkError> {
        let links = self.netlink.links()?;
        Ok(links.into_iter().find(|link| link.name == UPLINK_NAME))
    }
}
