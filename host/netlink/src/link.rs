//! Links: veth pairs and what can be set on a device.

use std::os::fd::{AsRawFd, BorrowedFd};

use eni_types::MacAddress;
use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, Prop,
};

use crate::error::{gone_is_fine, whether_new};
use crate::{Netlink, NetlinkError};

/// `IFLA_ALT_IFNAME` in `linux/if_link.h`.
const ALT_IFNAME: u16 = 53;

/// A veth pair whose first end is made in the socket's namespace and whose second end is made in another one.
#[derive(Clone, Copy, Debug)]
pub struct VethSpec<'a> {
    /// Name of the first end.
    pub name: &'a str,
    /// Interface index of the first end; the kernel refuses a taken one.
    pub index: Option<u32>,
    /// MAC address of the first end; the kernel's choice if none.
    pub mac: Option<MacAddress>,
    /// Name of the second end. In one with `%d` the kernel puts the lowest number that makes it a free one.
    pub peer_name: &'a str,
    /// Group of the second end (`IFLA_GROUP`); 0 is the kernel's default.
    pub peer_group: u32,
    /// MAC address of the second end; the kernel's choice if none.
    pub peer_mac: Option<MacAddress>,
    /// Namespace of the second end; the socket's if none.
    pub peer_namespace: Option<BorrowedFd<'a>>,
    /// MTU of both ends, in bytes.
    pub mtu_bytes: u32,
    /// Whether the first end does without ARP (`IFF_NOARP`).
    pub no_arp: bool,
    /// Whether the second end does.
    pub peer_no_arp: bool,
}

/// A device as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Alias (`IFLA_IFALIAS`), if one was set.
    pub alias: Option<String>,
    /// MAC address, if the device has one.
    pub mac: Option<MacAddress>,
    /// MTU, in bytes.
    pub mtu_bytes: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether there is somebody at the other end: of a veth pair, whether the other end is up as well.
    pub carrier: bool,
    /// How often the carrier went: of a veth pair, how often the other end was set down.
    pub carrier_downs: u32,
    /// Whether it is the loopback device.
    pub loopback: bool,
    /// Of a veth pair, the interface index of the other end in its own namespace.
    pub peer_index: Option<u32>,
    /// Of a veth pair whose other end is in another namespace, that namespace's id in this one: see
    /// [`Netlink::namespace_id`].
    pub peer_namespace: Option<i32>,
}

impl Netlink {
    /// Makes both ends of a veth pair in one message, each where it belongs (a later move between namespaces would
    /// cost a grace period). The first end is up at once; the second cannot be before the first exists.
    ///
    /// # Errors
    /// A taken name or index is an error: it may be somebody else's device.
    ///
    /// # Source
    /// `veth_newlink` in the kernel's `drivers/net/veth.c`.
    pub fn add_veth(&mut self, spec: &VethSpec<'_>) -> Result<(), NetlinkError> {
        // A queue for every CPU is the default and costs a sysfs object each; veth needs none (it has no queue lock).
        let common = [
            LinkAttribute::Mtu(spec.mtu_bytes),
            LinkAttribute::NumTxQueues(1),
            LinkAttribute::NumRxQueues(1),
        ];
        let mut peer = LinkMessage::default();
        peer.attributes.extend(common.clone());
        peer.attributes
            .push(LinkAttribute::IfName(spec.peer_name.to_owned()));
        peer.attributes.extend(spec.peer_mac.map(mac_attribute));
        peer.attributes.push(LinkAttribute::Group(spec.peer_group));
        if let Some(namespace) = spec.peer_namespace {
            peer.attributes
                .push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        }
        let mut message = LinkMessage::default();
        message.header.index = spec.index.unwrap_or(0);
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        if spec.peer_no_arp {
            peer.header.flags |= LinkFlags::Noarp;
            peer.header.change_mask |= LinkFlags::Noarp;
        }
        if spec.no_arp {
            message.header.flags |= LinkFlags::Noarp;
            message.header.change_mask |= LinkFlags::Noarp;
        }
        message.attributes.extend(common);
        message
            .attributes
            .push(LinkAttribute::IfName(spec.name.to_owned()));
        message.attributes.extend(spec.mac.map(mac_attribute));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.request(
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
            || format!("add veth {} to {}", spec.name, spec.peer_name),
        )
    }

    /// Deletes the device `index`; of a veth pair, both ends. One that is gone is success.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`], for example for the loopback device.
    pub fn delete_link(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        gone_is_fine(self.request(RouteNetlinkMessage::DelLink(message), 0, || {
            format!("delete link {index}")
        }))
    }

    /// Sets the device `index` administratively up, and its alias in the same message if one is given.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when there is no such device.
    pub fn set_link_up(&mut self, index: u32, alias: Option<&str>) -> Result<(), NetlinkError> {
        let alias = alias.map(|alias| LinkAttribute::IfAlias(alias.to_owned()));
        self.set_link(index, Some(LinkFlags::Up), alias)
    }

    /// Sets the alias of the device `index`: at most 255 bytes.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when there is no such device.
    pub fn set_link_alias(&mut self, index: u32, alias: &str) -> Result<(), NetlinkError> {
        self.set_link(index, None, Some(LinkAttribute::IfAlias(alias.to_owned())))
    }

    /// Adds an alternative name to the device `index`; false if it, or another device, has the name.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when there is no such device.
    pub fn add_alternative_name(&mut self, index: u32, name: &str) -> Result<bool, NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = vec![LinkAttribute::PropList(vec![Prop::AltIfName(
            name.to_owned(),
        )])];
        whether_new(self.request(
            RouteNetlinkMessage::NewLinkProp(message),
            NLM_F_CREATE | NLM_F_EXCL,
            || format!("name link {index} {name} as well"),
        ))
    }

    /// Moves the device `index` into `namespace`, and gives it a name and a MAC address there. It arrives down. The
    /// device must be down: taking it down would cost another grace period.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when there is no such device, or the name is taken in `namespace`.
    pub fn move_link(
        &mut self,
        index: u32,
        namespace: BorrowedFd<'_>,
        name: &str,
        mac: MacAddress,
    ) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = vec![
            LinkAttribute::NetNsFd(namespace.as_raw_fd()),
            LinkAttribute::IfName(name.to_owned()),
            mac_attribute(mac),
        ];
        self.request(RouteNetlinkMessage::SetLink(message), 0, || {
            format!("move link {index} to {name}")
        })
    }

    /// The devices of the namespace, in the order of their indexes.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let mut links = Vec::new();
        self.dump(
            RouteNetlinkMessage::GetLink(LinkMessage::default()),
            || "list links".to_owned(),
            |object| {
                if let RouteNetlinkMessage::NewLink(message) = object {
                    links.push(link_of(message));
                }
            },
        )?;
        links.sort_by_key(|link| link.index);
        Ok(links)
    }

    /// The device `index`; none if there is no such device.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn link(&mut self, index: u32) -> Result<Option<Link>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        let mut link = None;
        let found = self.get(
            RouteNetlinkMessage::GetLink(message),
            || format!("find link {index}"),
            |object| {
                if let RouteNetlinkMessage::NewLink(message) = object {
                    link = Some(link_of(message));
                }
            },
        );
        gone_is_fine(found)?;
        Ok(link)
    }

    /// The device of this name, or of this alternative name; none if there is no such device.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn link_named(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let mut message = LinkMessage::default();
        // Taken for a name of either kind (`rtnl_dev_get` in the kernel's net/core/rtnetlink.c), and may be a long one.
        let text = name.bytes().chain([0]).collect();
        message.attributes = vec![LinkAttribute::Other(DefaultNla::new(ALT_IFNAME, text))];
        let mut link = None;
        let found = self.get(
            RouteNetlinkMessage::GetLink(message),
            || format!("find the link {name}"),
            |object| {
                if let RouteNetlinkMessage::NewLink(message) = object {
                    link = Some(link_of(message));
                }
            },
        );
        gone_is_fine(found)?;
        Ok(link)
    }

    fn set_link(
        &mut self,
        index: u32,
        up: Option<LinkFlags>,
        attribute: Option<LinkAttribute>,
    ) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        if let Some(flags) = up {
            message.header.flags = flags;
            message.header.change_mask = LinkFlags::Up;
        }
        message.attributes.extend(attribute);
        self.request(RouteNetlinkMessage::SetLink(message), 0, || {
            format!("set link {index}")
        })
    }
}

fn mac_attribute(mac: MacAddress) -> LinkAttribute {
    LinkAttribute::Address(mac.0.to_vec())
}

fn link_of(message: LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        alias: None,
        mac: None,
        mtu_bytes: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: false,
        carrier_downs: 0,
        loopback: message.header.flags.contains(LinkFlags::Loopback),
        peer_index: None,
        peer_namespace: None,
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::Mtu(mtu_bytes) => link.mtu_bytes = mtu_bytes,
            LinkAttribute::Carrier(carrier) => link.carrier = carrier != 0,
            LinkAttribute::CarrierDownCount(count) => link.carrier_downs = count,
            LinkAttribute::Link(index) => link.peer_index = Some(index),
            LinkAttribute::LinkNetNsId(id) => link.peer_namespace = Some(id),
            LinkAttribute::Address(bytes) => {
                link.mac = <[u8; 6]>::try_from(bytes.as_slice()).ok().map(MacAddress);
            }
            _ => {}
        }
    }
    link
}
