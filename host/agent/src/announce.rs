//! Tells guests that an address has another MAC.

mod sys;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use eni_abi::{Address, Mapping, MappingKey};
use eni_netlink::Namespace;
use eni_plan::Announcement;
use eni_wire::{
    ArpPacket, ETHERNET_LENGTH, EtherType, EthernetHeader, Ipv4, Ipv6Header, Mac, checksum,
    icmpv6_type, protocol,
};

use crate::AgentError;
use crate::supervision::Lane;

/// Bytes of an ARP packet in its Ethernet frame.
const FRAME_LENGTH: usize = ETHERNET_LENGTH as usize + 2 * eni_wire::ARP_WORDS;

/// Speaks to guests from the fabric's ends of their devices.
#[derive(Debug)]
pub(crate) struct Speaker {
    socket: OwnedFd,
}

impl Speaker {
    pub(crate) fn new(fabric: &Namespace) -> Result<Self, AgentError> {
        let socket = fabric
            .run(sys::packet_socket)?
            .map_err(failed("open a socket for"))?;
        Ok(Self { socket })
    }

    /// Sends every hearer the announcement. One whose device has gone hears nothing, and remembers nothing.
    fn tell(&self, announcement: &Announcement) -> Result<(), AgentError> {
        let Announcement {
            key,
            mapping,
            hearers,
        } = announcement;
        for (vport, guest) in hearers {
            let frame = match key.address.as_v4() {
                Some(address) => frame(address, mapping.mac, *guest).to_vec(),
                None => neighbor_frame(key.address, mapping.mac, *guest),
            };
            match sys::send(self.socket.as_fd(), *vport, &frame) {
                Err(error) if !is_gone(&error) => return Err(failed("send")(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A thread that makes announcements, one after the other: a large subnet has many guests, and a cut waits for none of them.
/// Dropped, it ends with the one under way; rows keep what was not told.
pub(crate) struct Announcer {
    shared: Arc<Shared>,
    /// None only while it is dropped.
    queue: Option<Sender<(u64, Announcement)>>,
    thread: Option<JoinHandle<()>>,
    /// The last that was begun of each address and has not been taken as told, by its number.
    under_way: BTreeMap<MappingKey, (u64, Mapping)>,
    begun: u64,
}

#[derive(Default)]
struct Shared {
    told: Mutex<Vec<Told>>,
    stop: AtomicBool,
}

struct Told {
    number: u64,
    announcement: Announcement,
    result: Result<(), AgentError>,
}

impl Announcer {
    /// Starts the thread. `wake` is called whenever something has been told.
    pub(crate) fn start(
        speaker: Arc<Speaker>,
        lane: Lane,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let tell = move |announcement: &Announcement| {
            let told = lane.work(|| speaker.tell(announcement));
            told.unwrap_or_else(|panic| Err(panic.into()))
        };
        Self::start_with(tell, wake)
    }

    fn start_with(
        tell: impl Fn(&Announcement) -> Result<(), AgentError> + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (queue, waiting) = channel::<(u64, Announcement)>();
        let of_thread = Arc::clone(&shared);
        let work = move || {
            for (number, announcement) in waiting {
                if of_thread.stop.load(Ordering::Relaxed) {
                    return;
                }
                let result = tell(&announcement);
                of_thread.told().push(Told {
                    number,
                    announcement,
                    result,
                });
                wake();
            }
        };
        let thread = thread::Builder::new().name("announcements".to_owned());
        Ok(Self {
            shared,
            queue: Some(queue),
            thread: Some(thread.spawn(work)?),
            under_way: BTreeMap::new(),
            begun: 0,
        })
    }

    /// Has guests told of each, and takes them.
    pub(crate) fn begin_all(&mut self, announcements: &mut Vec<Announcement>) {
        for announcement in announcements.drain(..) {
            self.begin(announcement);
        }
    }

    /// Has guests told, unless the last thing that they are being told of the address is the same.
    fn begin(&mut self, announcement: Announcement) {
        let Announcement { key, mapping, .. } = announcement;
        let last = self.under_way.get(&key);
        if last.is_some_and(|(_, last)| *last == mapping) {
            return;
        }
        self.begun += 1;
        self.under_way.insert(key, (self.begun, mapping));
        if let Some(queue) = &self.queue {
            // The thread ends only when this is dropped.
            drop(queue.send((self.begun, announcement)));
        }
    }

    /// What has been told since this was last called, and nothing else of the same address since.
    pub(crate) fn take_told(&mut self) -> Vec<(Announcement, Result<(), AgentError>)> {
        let told = std::mem::take(&mut *self.shared.told());
        let mut last = Vec::new();
        for Told {
            number,
            announcement,
            result,
        } in told
        {
            let key = announcement.key;
            let under_way = self.under_way.get(&key);
            if under_way.is_some_and(|(last, _)| *last == number) {
                self.under_way.remove(&key);
                last.push((announcement, result));
            }
        }
        last
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // Panics in it are caught.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Vec<Told>> {
        // No code that may panic runs under the lock.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The same of IPv6: an advertisement that nobody asked for, which replaces an entry and makes none (RFC 4861, sections 4.4 and
/// 7.2.6).
fn neighbor_frame(address: Address, mac: Mac, guest: Mac) -> Vec<u8> {
    const OVERRIDES: u16 = 0x2000;
    const TARGET_MAC_OPTION: u16 = 0x0201;
    let header = EthernetHeader {
        destination: guest,
        source: mac,
        ether_type: EtherType::IPV6,
    };
    let mut message = Vec::from([
        u16::from_ne_bytes([icmpv6_type::NEIGHBOR_ADVERTISEMENT, 0]),
        0,
        OVERRIDES.to_be(),
        0,
    ]);
    message.extend(address.to_words());
    message.push(TARGET_MAC_OPTION.to_be());
    message.extend(mac.0);
    let length = 2 * message.len() as u16;
    let to = Address::ALL_NODES;
    let pseudo_header = checksum::pseudo_header(address, to, length, protocol::ICMPV6);
    let sum = message
        .iter()
        .fold(pseudo_header, |sum, word| sum + u32::from(*word));
    message[1] = checksum::finish(sum);
    let ip = Ipv6Header {
        payload_length: length.into(),
        next_header: protocol::ICMPV6,
        hop_limit: u8::MAX,
        source: address,
        destination: to,
    };
    let (header, ip) = (header.to_words(), ip.to_words());
    let words = header.iter().chain(&ip).chain(&message);
    words.flat_map(|word| word.to_ne_bytes()).collect()
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> AgentError {
    move |source| AgentError::Io {
        action,
        path: "announcements".into(),
        source,
    }
}
