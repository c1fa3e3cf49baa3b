//! Addresses of devices.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{
    AddressAttribute, AddressHeader, AddressHeaderFlags, AddressMessage, AddressScope,
};

use crate::error::{gone_is_fine, whether_new};
use crate::{FAMILIES, Netlink, NetlinkError, family_of};

/// An address on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Interface index of the device.
    pub link_index: u32,
    /// The address.
    pub address: IpAddr,
    /// Bits of the prefix that is on the link, 0 to 32 or 128.
    pub prefix_length: u8,
    /// Metric of the route to that prefix, which the kernel adds to the main table.
    pub metric: u32,
}

impl Netlink {
    /// Adds `address` to its device, without asking its neighbors whether they have it (RFC 4862, section 5.4): whoever gives
    /// it out knows; false if the device had it, with this prefix, already.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when there is no such device.
    pub fn add_address(&mut self, address: Address) -> Result<bool, NetlinkError> {
        whether_new(self.request(
            RouteNetlinkMessage::NewAddress(message(address)),
            NLM_F_CREATE | NLM_F_EXCL,
            || format!("add address {}", address.address),
        ))
    }

    /// Takes `address` from its device. One that is gone is success.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] when the kernel keeps it.
    pub fn delete_address(&mut self, address: Address) -> Result<(), NetlinkError> {
        gone_is_fine(
            self.request(RouteNetlinkMessage::DelAddress(message(address)), 0, || {
                format!("delete address {}", address.address)
            }),
        )
    }

    /// The addresses of the namespace's devices, those of IPv4 first, primary ones before secondary ones of their device.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] or [`NetlinkError::Unreadable`].
    pub fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let mut addresses = Vec::new();
        for family in FAMILIES {
            let mut request = AddressMessage::default();
            request.header.family = family;
            self.dump(
                RouteNetlinkMessage::GetAddress(request),
                || "list addresses".to_owned(),
                |object| {
                    if let RouteNetlinkMessage::NewAddress(message) = object {
                        addresses.extend(address_of(&message));
                    }
                },
            )?;
        }
        Ok(addresses)
    }
}

fn message(address: Address) -> AddressMessage {
    let ip = address.address;
    let mut message = AddressMessage::default();
    message.header = AddressHeader {
        family: family_of(ip),
        prefix_len: address.prefix_length,
        flags: match ip {
            IpAddr::V4(_) => AddressHeaderFlags::empty(),
            IpAddr::V6(_) => AddressHeaderFlags::Nodad,
        },
        scope: AddressScope::Universe,
        index: address.link_index,
    };
    // IFA_LOCAL is the device's own address, IFA_ADDRESS the prefix (or the peer's on point-to-point links).
    message.attributes = vec![
        AddressAttribute::Local(ip),
        AddressAttribute::Address(ip),
        AddressAttribute::RoutePriority(address.metric),
    ];
    message
}

fn address_of(message: &AddressMessage) -> Option<Address> {
    // IPv6 has no IFA_LOCAL but on point-to-point links.
    let (mut local, mut on_link, mut metric) = (None, None, 0);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address @ IpAddr::V6(_)) => on_link = Some(*address),
            AddressAttribute::RoutePriority(value) => metric = *value,
            _ => {}
        }
    }
    Some(Address {
        link_index: message.header.index,
        address: local.or(on_link)?,
        prefix_length: message.header.prefix_len,
        metric,
    })
}
