//! Tells guests that an address has another MAC.

mod sys;

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use eni_netlink::Namespace;
use eni_plan::Announcement;
use eni_wire::{ArpPacket, ETHERNET_LENGTH, EtherType, EthernetHeader, Ipv4, Mac};

use crate::AgentError;

/// Bytes of an ARP packet in its Ethernet frame.
const FRAME_LENGTH: usize = ETHERNET_LENGTH as usize + 2 * eni_wire::ARP_WORDS;

/// Speaks to guests from the fabric's ends of their devices.
pub(crate) struct Announcer {
    socket: OwnedFd,
}

impl Announcer {
    pub(crate) fn new(fabric: &Namespace) -> Result<Self, AgentError> {
        let socket = fabric
            .run(sys::packet_socket)?
            .map_err(failed("open a socket for"))?;
        Ok(Self { socket })
    }

    /// Sends every hearer the announcement. One whose device has gone hears nothing, and remembers nothing.
    pub(crate) fn announce(&self, announcement: &Announcement) -> Result<(), AgentError> {
        let Announcement {
            key,
            mapping,
            hearers,
        } = announcement;
        // Addresses of IPv6 are no business of ARP's.
        let Some(address) = key.address.as_v4() else {
            return Ok(());
        };
        for (vport, guest) in hearers {
            let frame = frame(address, mapping.mac, *guest);
            match sys::send(self.socket.as_fd(), *vport, &frame) {
                Err(error) if !is_gone(&error) => return Err(failed("send")(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENXIO | libc::ENODEV | libc::ENETDOWN)
    )
}

/// An announcement (RFC 5227, section 3), as the reply to its own address and to one guest alone. Linux lets it replace an
/// entry at once (`arp_is_garp` in net/ipv4/arp.c), makes none where there is none, and needs not ask again, as it would
/// after a broadcast.
fn frame(address: Ipv4, mac: Mac, guest: Mac) -> [u8; FRAME_LENGTH] {
    let header = EthernetHeader {
        destination: guest,
        source: mac,
        ether_type: EtherType::ARP,
    };
    let packet = ArpPacket {
        operation: ArpPacket::REPLY,
        sender_mac: mac,
        sender: address,
        target_mac: mac,
        target: address,
    };
    let (header, packet) = (header.to_words(), packet.to_words());
    let mut bytes = [0; FRAME_LENGTH];
    for (place, word) in bytes.chunks_exact_mut(2).zip(header.iter().chain(&packet)) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> AgentError {
    move |source| AgentError::Io {
        action,
        path: "ARP announcements".into(),
        source,
    }
}
