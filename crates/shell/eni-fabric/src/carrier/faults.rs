//! A line that loses datagrams and delivers some late, for tests.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Datagrams that are late wait for this many others.
const OVERTAKEN_BY: u64 = 8;

#[derive(Debug)]
pub(super) struct FaultyLine {
    state: u64,
    lost: u64,
    late: u64,
    count: u64,
    waiting: VecDeque<(u64, u8, SocketAddr, Vec<u8>)>,
}

/// What becomes of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Now,
    /// Lost, or kept until later.
    Gone,
}

impl FaultyLine {
    pub(super) fn new(seed: u64, lost: u16, late: u16) -> Self {
        Self {
            state: seed,
            lost: u64::from(lost),
            late: u64::from(late),
            count: 0,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn judge(&mut self, path: u8, destination: SocketAddr, datagram: &[u8]) -> Fate {
        self.count += 1;
        let dice = self.roll() % 1_000;
        if dice < self.lost {
            return Fate::Gone;
        }
        if dice < self.lost + self.late {
            let at = self.count + OVERTAKEN_BY;
            self.waiting
                .push_back((at, path, destination, datagram.to_vec()));
            return Fate::Gone;
        }
        Fate::Now
    }

    /// A late datagram whose time has come.
    pub(super) fn due(&mut self) -> Option<(u8, SocketAddr, Vec<u8>)> {
        if self.waiting.front()?.0 > self.count {
            return None;
        }
        let (_, path, destination, datagram) = self.waiting.pop_front()?;
        Some((path, destination, datagram))
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
