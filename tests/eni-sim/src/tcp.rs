//! A model of TCP Cubic: one path for each flow, selective acknowledgement, and 200 ms at least before a timeout.
//!
//! Loss recovery is RFC 6675's; with [`TcpOptions::tail_loss_probe`] it is RFC 8985's (RACK-TLP), as in current Linux.
//! Connections stand from the beginning, every segment is acknowledged at once, and reading costs nothing: all in TCP's
//! favour.

use crate::cubic::Cubic;
use crate::network::TCP_OVERHEAD_BYTES;
use crate::world::{Body, Endpoint, Outbound, Reports, World};
use std::collections::{BTreeMap, VecDeque};

/// Data bytes in a segment with the MTU that EC2 asks for where ENA Express is enabled, 8,900. Without it they are the
/// same, so that only the way differs.
pub const EXPRESS_SEGMENT_BYTES: u64 = 8_848;
/// Linux's `TCP_RTO_MIN`.
pub(crate) const MIN_TIMEOUT_NS: u64 = 200_000_000;
/// Linux's `TCP_RTO_MAX`.
const MAX_TIMEOUT_NS: u64 = 120_000_000_000;
/// RFC 6298 section 2.1.
const FIRST_TIMEOUT_NS: u64 = 1_000_000_000;
/// RFC 6675's DupThresh.
const DUPLICATES: usize = 3;
/// Blocks of selective acknowledgement beside timestamps.
const SACK_BLOCKS: usize = 3;
/// Linux adds two jiffies to a probe's timer (`TCP_TIMEOUT_MIN`), at 1,000 a second.
const PROBE_SLACK_NS: u64 = 2_000_000;

/// What the model may vary.
#[derive(Clone, Copy, Debug)]
pub struct TcpOptions {
    /// Loss is told by time, and the end of a flight is probed (RFC 8985).
    pub tail_loss_probe: bool,
    /// Data bytes in a segment.
    pub segment_bytes: u64,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            tail_loss_probe: false,
            segment_bytes: EXPRESS_SEGMENT_BYTES,
        }
    }
}

/// A segment on its way.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    start: u64,
    pub(crate) bytes: u64,
    /// Messages that end in it.
    ends: Vec<(u64, u32)>,
    ack: u64,
    sacks: Vec<(u64, u64)>,
    sent_ns: u64,
    echo_ns: u64,
}

#[derive(Clone, Debug)]
struct Sent {
    start: u64,
    bytes: u64,
    sent_ns: u64,
    is_sacked: bool,
    is_lost: bool,
}

impl Sent {
    fn end(&self) -> u64 {
        self.start + self.bytes
    }

    /// Counts as under way: not known to have arrived, nor to be lost and not sent again.
    fn is_under_way(&self) -> bool {
        !self.is_sacked && !self.is_lost
    }
}

/// One end of a TCP connection.
#[derive(Default)]
pub struct TcpEndpoint {
    options: TcpOptions,
    path: u8,
    // Sending.
    cubic: Cubic,
    acked: u64,
    next: u64,
    end: u64,
    message_ends: VecDeque<(u64, u32)>,
    sent: VecDeque<Sent>,
    under_way: usize,
    recover_to: Option<u64>,
    smoothed_ns: f64,
    variance_ns: f64,
    backoff: u32,
    timeout_at: Option<u64>,
    probe_at: Option<u64>,
    has_probed: bool,
    wants_probe: bool,
    last_sent_ns: u64,
    /// Timeouts that expired.
    pub timeouts: u64,
    // Receiving.
    received: u64,
    islands: BTreeMap<u64, u64>,
    latest_island: Option<u64>,
    arriving_ends: BTreeMap<u64, u32>,
    wants_ack: bool,
    echo_ns: u64,
}

impl TcpEndpoint {
    fn new(options: TcpOptions, path: u8) -> Self {
        Self {
            options,
            path,
            ..Self::default()
        }
    }

    pub(crate) fn send(&mut self, message: u32, bytes: u32) {
        self.end += u64::from(bytes.max(1));
        self.message_ends.push_back((self.end, message));
    }

    fn timeout_ns(&self) -> u64 {
        if self.smoothed_ns == 0.0 {
            return FIRST_TIMEOUT_NS;
        }
        // Linux bounds the variance's part from below, not the sum.
        let base = self.smoothed_ns as u64 + ((self.variance_ns * 4.0) as u64).max(MIN_TIMEOUT_NS);
        (base << self.backoff.min(16)).min(MAX_TIMEOUT_NS)
    }

    fn measure(&mut self, sample_ns: f64) {
        if self.smoothed_ns == 0.0 {
            (self.smoothed_ns, self.variance_ns) = (sample_ns, sample_ns / 2.0);
        } else {
            self.variance_ns += ((self.smoothed_ns - sample_ns).abs() - self.variance_ns) / 4.0;
            self.smoothed_ns += (sample_ns - self.smoothed_ns) / 8.0;
        }
    }

    pub(crate) fn receive(&mut self, now: u64, segment: &Segment, reports: &mut Reports) {
        if segment.bytes > 0 {
            self.take_data(segment, reports);
        }
        self.take_ack(now, segment, reports);
    }

    fn take_data(&mut self, segment: &Segment, reports: &mut Reports) {
        self.wants_ack = true;
        self.echo_ns = segment.sent_ns;
        let (mut start, mut end) = (segment.start, segment.start + segment.bytes);
        if end > self.received {
            for (at, message) in &segment.ends {
                if *at > self.received {
                    self.arriving_ends.insert(*at, *message);
                }
            }
            while let Some((&from, &to)) = self
                .islands
                .range(..=end)
                .next_back()
                .filter(|(_, to)| **to >= start)
            {
                self.islands.remove(&from);
                (start, end) = (start.min(from), end.max(to));
            }
            if start <= self.received {
                self.received = end;
                self.latest_island = None;
            } else {
                self.islands.insert(start, end);
                self.latest_island = Some(start);
            }
        }
        while let Some(entry) = self
            .arriving_ends
            .first_entry()
            .filter(|entry| *entry.key() <= self.received)
        {
            reports.delivered.push(entry.remove());
        }
    }

    fn sack_blocks(&self) -> Vec<(u64, u64)> {
        let latest = self
            .latest_island
            .and_then(|start| Some((start, *self.islands.get(&start)?)));
        let others = self.islands.iter().rev().map(|(from, to)| (*from, *to));
        let others = others.filter(|block| Some(*block) != latest);
        latest.into_iter().chain(others).take(SACK_BLOCKS).collect()
    }

    fn take_ack(&mut self, now: u64, segment: &Segment, reports: &mut Reports) {
        let was_limited = self.under_way as f64 + 1.0 >= self.cubic.window;
        let mut newest_delivered = 0;
        let mut newly_acked = 0.0;
        while let Some(first) = self.sent.front().filter(|first| first.end() <= segment.ack) {
            newest_delivered = newest_delivered.max(first.sent_ns);
            self.under_way -= usize::from(first.is_under_way());
            newly_acked += 1.0;
            self.sent.pop_front();
        }
        let has_advanced = segment.ack > self.acked;
        self.acked = self.acked.max(segment.ack);
        let mut has_sacked = false;
        for &(from, to) in &segment.sacks {
            let begin = self.sent.partition_point(|sent| sent.start < from);
            for sent in self
                .sent
                .range_mut(begin..)
                .take_while(|sent| sent.end() <= to)
            {
                if !sent.is_sacked {
                    self.under_way -= usize::from(sent.is_under_way());
                    newest_delivered = newest_delivered.max(sent.sent_ns);
                    (sent.is_sacked, has_sacked) = (true, true);
                }
            }
        }
        if has_advanced || has_sacked {
            self.measure((now - segment.echo_ns) as f64);
            self.has_probed = false;
        }
        if has_sacked || (has_advanced && self.options.tail_loss_probe) {
            self.look_for_loss(newest_delivered);
        }
        if has_advanced {
            self.backoff = 0;
            if self.recover_to.is_some_and(|to| self.acked >= to) {
                self.recover_to = None;
            }
            if self.recover_to.is_none() && was_limited {
                self.cubic.grow(now, self.smoothed_ns as u64, newly_acked);
            }
            while let Some((_, message)) = self
                .message_ends
                .front()
                .filter(|(end, _)| *end <= self.acked)
            {
                reports.completed.push(*message);
                self.message_ends.pop_front();
            }
            self.arm(now);
        }
    }

    fn look_for_loss(&mut self, newest_delivered: u64) {
        let window_ns = (self.smoothed_ns / 4.0) as u64;
        let mut sacked_above = 0;
        let mut found = false;
        for sent in self.sent.iter_mut().rev() {
            let is_overtaken = if self.options.tail_loss_probe {
                sent.sent_ns + window_ns < newest_delivered
            } else {
                // A segment sent again is given up by the timer only.
                sacked_above >= DUPLICATES && sent.sent_ns <= newest_delivered
            };
            sacked_above += usize::from(sent.is_sacked);
            if sent.is_under_way() && is_overtaken {
                sent.is_lost = true;
                self.under_way -= 1;
                found = true;
            }
        }
        if found && self.recover_to.is_none() {
            self.recover_to = Some(self.next);
            self.cubic.lose();
        }
    }

    fn arm(&mut self, now: u64) {
        let is_waiting = !self.sent.is_empty();
        self.timeout_at = is_waiting.then(|| now + self.timeout_ns());
        self.probe_at = None;
        if is_waiting && self.options.tail_loss_probe && !self.has_probed && self.smoothed_ns > 0.0
        {
            let slack = if self.sent.len() == 1 {
                MIN_TIMEOUT_NS
            } else {
                PROBE_SLACK_NS
            };
            let at = now + 2 * self.smoothed_ns as u64 + slack;
            self.probe_at = self.timeout_at.filter(|timeout| at < *timeout).map(|_| at);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<u64> {
        [self.timeout_at, self.probe_at].into_iter().flatten().min()
    }

    pub(crate) fn timeout(&mut self, now: u64) {
        if self.probe_at.is_some_and(|at| at <= now) {
            self.probe_at = None;
            self.has_probed = true;
            self.wants_probe = true;
            return;
        }
        if self.timeout_at.is_some_and(|at| at <= now) {
            self.timeouts += 1;
            for sent in &mut self.sent {
                sent.is_lost = !sent.is_sacked;
            }
            self.under_way = 0;
            self.recover_to = None;
            self.backoff += 1;
            self.cubic.timeout();
            self.arm(now);
        }
    }

    pub(crate) fn transmit(&mut self, now: u64) -> Option<Outbound> {
        let has_room = (self.under_way as f64) < self.cubic.window;
        let (start, bytes) = if self.wants_probe && self.next == self.end {
            self.wants_probe = false;
            let last = self.sent.back_mut()?;
            last.sent_ns = now;
            self.under_way += usize::from(last.is_lost);
            last.is_lost = false;
            (last.start, last.bytes)
        } else if let Some(lost) = self
            .sent
            .iter_mut()
            .find(|sent| sent.is_lost)
            .filter(|_| has_room)
        {
            lost.is_lost = false;
            lost.sent_ns = now;
            self.under_way += 1;
            (lost.start, lost.bytes)
        } else if self.next < self.end && (has_room || self.wants_probe) {
            self.wants_probe = false;
            if self.sent.is_empty() && now - self.last_sent_ns > self.timeout_ns() {
                self.cubic.restart();
            }
            let bytes = self.options.segment_bytes.min(self.end - self.next);
            let start = self.next;
            self.next += bytes;
            self.under_way += 1;
            self.sent.push_back(Sent {
                start,
                bytes,
                sent_ns: now,
                is_sacked: false,
                is_lost: false,
            });
            (start, bytes)
        } else if self.wants_ack {
            (self.next, 0)
        } else {
            return None;
        };
        self.wants_ack = false;
        if bytes > 0 {
            self.last_sent_ns = now;
            if self.timeout_at.is_none() || self.options.tail_loss_probe {
                self.arm(now);
            }
        }
        Some(self.segment(now, start, bytes))
    }

    fn segment(&self, now: u64, start: u64, bytes: u64) -> Outbound {
        let begin = self.message_ends.partition_point(|(end, _)| *end <= start);
        let ends = self
            .message_ends
            .range(begin..)
            .take_while(|(end, _)| *end <= start + bytes)
            .copied()
            .collect();
        Outbound {
            path: self.path,
            wire_bytes: bytes + TCP_OVERHEAD_BYTES,
            body: Body::Segment(Segment {
                start,
                bytes,
                ends,
                ack: self.received,
                sacks: self.sack_blocks(),
                sent_ns: now,
                echo_ns: self.echo_ns,
            }),
        }
    }
}

impl World {
    /// Opens a TCP connection between two hosts, on a path of its own in each direction. Returns the two endpoints.
    pub fn open_tcp(
        &mut self,
        (left, right): (usize, usize),
        options: TcpOptions,
    ) -> (usize, usize) {
        let end = || Endpoint::Tcp(Box::new(TcpEndpoint::new(options, 0)));
        self.join((left, end()), (right, end()))
    }

    /// The TCP connection of an endpoint.
    pub fn tcp(&self, endpoint: usize) -> Option<&TcpEndpoint> {
        match self.endpoint(endpoint)? {
            Endpoint::Tcp(tcp) => Some(tcp),
            Endpoint::Srd(_) | Endpoint::Express(_) => None,
        }
    }
}
