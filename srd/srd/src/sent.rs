//! Packets under way: a ring by packet number, with a list through the packets of each path in the order of sending.

use crate::config::PACKET_WINDOW;
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// No packet, no message.
pub(crate) const NONE: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SentPacket {
    pub(crate) sent_at: Instant,
    pub(crate) bytes: u64,
    pub(crate) path: u8,
    /// Its place in the order of sending on its path.
    pub(crate) place: u64,
    /// The first of its messages; the others follow it ([`Outgoing`](crate::outgoing::Outgoing) links them).
    pub(crate) first_message: u64,
    is_under_way: bool,
    previous: u64,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    oldest: u64,
    newest: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct SentPackets {
    ring: VecDeque<SentPacket>,
    /// Number of the ring's first packet.
    base: u64,
    by_path: Vec<Ends>,
}

impl SentPackets {
    pub(crate) fn new(paths: u8, first_number: u64) -> Self {
        let none = Ends {
            oldest: NONE,
            newest: NONE,
        };
        Self {
            ring: VecDeque::new(),
            base: first_number,
            by_path: (0..paths).map(|_| none).collect(),
        }
    }

    /// The number of the next packet.
    pub(crate) fn next_number(&self) -> u64 {
        self.base + self.ring.len() as u64
    }

    /// Whether the peer would still take the next packet together with the oldest one under way.
    pub(crate) fn has_room(&self) -> bool {
        (self.ring.len() as u64) < PACKET_WINDOW
    }

    /// Bytes that the tables take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.ring.capacity() * size_of::<SentPacket>() + self.by_path.capacity() * size_of::<Ends>()
    }

    /// A packet that is not acknowledged takes its number.
    pub(crate) fn skip(&mut self) {
        if self.ring.is_empty() {
            self.base += 1;
            return;
        }
        self.ring.push_back(SentPacket {
            sent_at: Instant::default(),
            bytes: 0,
            path: 0,
            place: 0,
            first_message: NONE,
            is_under_way: false,
            previous: NONE,
            next: NONE,
        });
    }

    /// A packet goes out under the next number.
    pub(crate) fn push(
        &mut self,
        sent_at: Instant,
        path: u8,
        place: u64,
        bytes: u64,
        first_message: u64,
    ) {
        let number = self.next_number();
        let ends = &mut self.by_path[usize::from(path)];
        let previous = ends.newest;
        ends.newest = number;
        if previous == NONE {
            ends.oldest = number;
        }
        if let Some(previous) = self.at(previous) {
            previous.next = number;
        }
        self.ring.push_back(SentPacket {
            sent_at,
            bytes,
            path,
            place,
            first_message,
            is_under_way: true,
            previous,
            next: NONE,
        });
    }

    fn at(&mut self, number: u64) -> Option<&mut SentPacket> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.ring.get_mut(index)
    }

    /// The packet, if it is under way.
    pub(crate) fn get(&self, number: u64) -> Option<&SentPacket> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.ring.get(index).filter(|packet| packet.is_under_way)
    }

    /// The oldest packet under way on `path`.
    pub(crate) fn oldest_on(&self, path: u8) -> Option<(u64, &SentPacket)> {
        let number = self.by_path[usize::from(path)].oldest;
        self.get(number).map(|packet| (number, packet))
    }

    /// Takes a packet off the lists: it has arrived or is lost.
    pub(crate) fn remove(&mut self, number: u64) -> Option<SentPacket> {
        let packet = *self.get(number)?;
        if let Some(previous) = self.at(packet.previous) {
            previous.next = packet.next;
        } else {
            self.by_path[usize::from(packet.path)].oldest = packet.next;
        }
        if let Some(next) = self.at(packet.next) {
            next.previous = packet.previous;
        } else {
            self.by_path[usize::from(packet.path)].newest = packet.previous;
        }
        if let Some(slot) = self.at(number) {
            slot.is_under_way = false;
        }
        while self.ring.front().is_some_and(|packet| !packet.is_under_way) {
            self.ring.pop_front();
            self.base += 1;
        }
        Some(packet)
    }
}
