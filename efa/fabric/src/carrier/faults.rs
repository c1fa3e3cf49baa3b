//! A line that loses datagrams and delivers some late, for tests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use eni_srd::Instant;

/// Datagrams that are late wait for this many others.
const OVERTAKEN_BY: u64 = 8;
/// Where fewer come, a late one goes all the same: a line that kept it for longer than an acknowledgement may take
/// (`MIN_RETRANSMIT_NANOS` of SRD, 250 µs) would in effect have lost it.
pub(super) const LATEST: Duration = Duration::from_micros(200);

#[derive(Debug)]
pub(super) struct FaultyLine {
    state: u64,
    lost: u64,
    late: u64,
    count: u64,
    now: Instant,
    waiting: VecDeque<Late>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Late {
    overtaken_at: u64,
    since: Instant,
    pub(super) path: u8,
    pub(super) destination: SocketAddr,
    pub(super) datagram: Vec<u8>,
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
            now: Instant::default(),
            waiting: VecDeque::new(),
        }
    }

    /// It is `now`.
    pub(super) fn turn(&mut self, now: Instant) {
        self.now = now;
    }

    pub(super) fn judge(&mut self, path: u8, destination: SocketAddr, datagram: &[u8]) -> Fate {
        self.count += 1;
        let dice = self.roll() % 1_000;
        if dice < self.lost {
            return Fate::Gone;
        }
        if dice < self.lost + self.late {
            self.waiting.push_back(Late {
                overtaken_at: self.count + OVERTAKEN_BY,
                since: self.now,
                path,
                destination,
                datagram: datagram.to_vec(),
            });
            return Fate::Gone;
        }
        Fate::Now
    }

    /// A late datagram whose time has come.
    pub(super) fn due(&mut self) -> Option<Late> {
        let late = self.waiting.front()?;
        let is_due = late.overtaken_at <= self.count
            || u128::from(self.now.nanos_since(late.since)) >= LATEST.as_nanos();
        is_due.then(|| self.waiting.pop_front()).flatten()
    }

    pub(super) fn has_late(&self) -> bool {
        !self.waiting.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    const TO: SocketAddr = SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        crate::UNDERLAY_PORT,
    );

    #[test]
    fn a_late_datagram_is_overtaken_by_others_or_goes_in_time() {
        let begin = Instant::from_nanos(5);
        let mut line = FaultyLine::new(1, 0, 1_000);
        line.turn(begin);
        assert_eq!(line.judge(3, TO, b"late"), Fate::Gone);
        line.late = 0;
        for _ in 1..OVERTAKEN_BY {
            assert_eq!(line.judge(0, TO, b"soon"), Fate::Now);
            assert_eq!(line.due(), None);
        }
        assert_eq!(line.judge(0, TO, b"soon"), Fate::Now);
        let late = line.due().unwrap();
        assert_eq!((late.path, late.datagram.as_slice()), (3, &b"late"[..]));

        line.late = 1_000;
        assert_eq!(line.judge(3, TO, b"alone"), Fate::Gone);
        let nanos = LATEST.as_nanos() as u64;
        line.turn(begin.after_nanos(nanos - 1));
        assert_eq!(line.due(), None);
        line.turn(begin.after_nanos(nanos));
        assert!(line.due().is_some() && !line.has_late());
    }

    #[test]
    fn shares_of_the_datagrams_are_lost_and_late() {
        let mut line = FaultyLine::new(7, 10, 300);
        let gone = (0..10_000)
            .filter(|_| line.judge(0, TO, b"") == Fate::Gone)
            .count();
        let late = line.waiting.len();
        assert!((2_700..3_300).contains(&late), "{late}");
        assert!((50..200).contains(&(gone - late)), "{}", gone - late);
    }
}
