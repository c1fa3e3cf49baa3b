//! The paths of a connection: which may carry the next packet, which are silent, and when to look again.

mod slow;

use crate::config::{
    ACK_DELAY_NANOS, GAP_THRESHOLD, INITIAL_ROUND_TRIP_NANOS, MAX_LONELY_PROBE_NANOS,
    MAX_PROBE_NANOS, MAX_RETRANSMIT_NANOS, MIN_RETRANSMIT_NANOS, PATH_DOWN_AFTER_PROBES,
};
use crate::time::Instant;
use crate::window::Window;
use alloc::vec::Vec;

/// For how long a smallest round trip counts, at least; routes change.
const MIN_ROUND_TRIP_LIFE_NANOS: u64 = 1_000_000_000;
/// How long a queue may stand before this side steps back to see the path without it.
const STANDING_NANOS: u64 = 10_000_000;
/// Datagrams under way while stepping back.
const STEPPED_BACK_DATAGRAMS: u64 = 2;
/// The longest pause that pacing makes on one path.
const MAX_GATE_NANOS: u64 = 2_000_000;
/// For how long a path that answered is trusted with acknowledgements.
const VOUCHED_NANOS: u64 = 100_000_000;
/// Doublings of the pause between probes.
const MAX_PROBE_DOUBLINGS: u8 = 12;

/// Whether a path answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Packets go here.
    Live,
    /// A packet was not answered in time: one probe at a time, until one is answered.
    Suspect,
    /// So were the probes.
    Down,
}

#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) health: Health,
    pub(crate) window: Window,
    pub(crate) in_flight: u64,
    smoothed: u64,
    /// The last round trip, or as long as can be, and when what measured it was sent.
    latest: u64,
    latest_sent_at: Instant,
    /// Longer round trips were slow when the path last counted as slow.
    slow_above: u64,
    /// The smallest round trip of this half and of the half before.
    smallest: [u64; 2],
    half_began: Instant,
    /// Whether the last round trip waited too long in queues.
    is_congested: bool,
    /// A window below a datagram is kept by waiting until here.
    gate: Instant,
    probe_at: Instant,
    lost_probes: u8,
    /// Looks at a slow path that found it slow.
    looks_in_vain: u8,
    /// Sends up to here were already counted as one silence.
    silent_since: Instant,
    /// When something was last sent here that is acknowledged, or was acknowledged.
    vouched_at: Instant,
    /// Places in the order of sending on this path.
    pub(crate) next_place: u64,
    pub(crate) highest_acked_place: Option<u64>,
}

impl Path {
    fn new(datagram_bytes: usize) -> Self {
        Self {
            health: Health::Live,
            window: Window::new(datagram_bytes),
            in_flight: 0,
            smoothed: 0,
            latest: u64::MAX,
            latest_sent_at: Instant::default(),
            slow_above: u64::MAX,
            smallest: [u64::MAX; 2],
            half_began: Instant::default(),
            is_congested: false,
            gate: Instant::default(),
            probe_at: Instant::NEVER,
            lost_probes: 0,
            looks_in_vain: 0,
            silent_since: Instant::default(),
            vouched_at: Instant::default(),
            next_place: 0,
            highest_acked_place: None,
        }
    }

    pub(crate) fn round_trip(&self) -> u64 {
        if self.smoothed == 0 {
            INITIAL_ROUND_TRIP_NANOS
        } else {
            self.smoothed
        }
    }

    /// How long a packet may go unacknowledged: longer with each probe lost, because the path may have become slow rather
    /// than dead, and an answer that comes too late measures nothing.
    pub(crate) fn patience(&self) -> u64 {
        let four = self.round_trip().saturating_mul(4);
        let base = four.clamp(MIN_RETRANSMIT_NANOS, MAX_RETRANSMIT_NANOS) + ACK_DELAY_NANOS;
        (base << self.lost_probes).min(MAX_RETRANSMIT_NANOS)
    }

    fn smallest_round_trip(&self) -> u64 {
        self.smallest[0].min(self.smallest[1])
    }

    /// Places on this path below this one are lost: enough later ones arrived.
    pub(crate) fn lost_below(&self) -> u64 {
        let highest = self.highest_acked_place.map_or(0, |place| place + 1);
        highest.saturating_sub(GAP_THRESHOLD)
    }

    fn measure(&mut self, now: Instant, sample: u64) {
        self.smoothed = if self.smoothed == 0 {
            sample
        } else if self.health != Health::Live {
            self.smoothed.max(sample)
        } else {
            self.smoothed - self.smoothed / 8 + sample / 8
        };
        if now.nanos_since(self.half_began) > MIN_ROUND_TRIP_LIFE_NANOS {
            self.smallest = [u64::MAX, self.smallest[0]];
            self.half_began = now;
        }
        self.smallest[0] = self.smallest[0].min(sample);
    }
}

/// What a change of health means to the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Down,
    Up,
}

#[derive(Clone, Debug)]
pub(crate) struct Paths {
    all: Vec<Path>,
    /// Bytes under way on all paths.
    pub(crate) in_flight: u64,
    datagram_bytes: usize,
    target_queueing: u64,
    burst: u8,
    burst_left: u8,
    /// The path that the current burst is on.
    current: u8,
    live: u64,
    avoids_slow: bool,
    /// Paths that are not known to be much slower than the fastest; all, unless slow ones are to be avoided.
    quick: u64,
    /// Slow paths whose look was due when no messages went out; it waits for the next one.
    unwatched: u64,
    /// When a path was last chosen for messages.
    used_at: Instant,
    /// Paths whose window has room and whose gate is open.
    roomy: u64,
    gated: u64,
    /// No gate opens before.
    gates_open_at: Instant,
    /// No probe is due before.
    probes_at: Instant,
    /// The shortest queueing delay since then: above zero all the time, a queue stands.
    shortest_delay: u64,
    watching_since: Instant,
    /// Until here, little is sent.
    stepped_back_until: Instant,
}

impl Paths {
    pub(crate) fn new(
        count: u8,
        datagram_bytes: usize,
        target_queueing: u64,
        burst: u8,
        avoids_slow: bool,
    ) -> Self {
        let mask = u64::MAX >> (64 - u32::from(count.clamp(1, 64)));
        Self {
            all: (0..count.max(1))
                .map(|_| Path::new(datagram_bytes))
                .collect(),
            in_flight: 0,
            datagram_bytes,
            target_queueing,
            burst,
            burst_left: 0,
            current: 0,
            live: mask,
            avoids_slow,
            quick: mask,
            unwatched: 0,
            used_at: Instant::default(),
            roomy: mask,
            gated: 0,
            gates_open_at: Instant::NEVER,
            probes_at: Instant::NEVER,
            shortest_delay: u64::MAX,
            watching_since: Instant::default(),
            stepped_back_until: Instant::default(),
        }
    }

    pub(crate) fn count(&self) -> u8 {
        self.all.len() as u8
    }

    pub(crate) fn path(&self, path: u8) -> &Path {
        &self.all[usize::from(path)]
    }

    pub(crate) fn path_mut(&mut self, path: u8) -> &mut Path {
        &mut self.all[usize::from(path)]
    }

    /// Whether a packet with messages could go out.
    pub(crate) fn has_room(&self) -> bool {
        self.usable() & self.roomy != 0
    }

    /// Paths for messages: the quick ones, or all that live if none is.
    fn usable(&self) -> u64 {
        if self.live & self.quick == 0 {
            self.live
        } else {
            self.live & self.quick
        }
    }

    /// A first guess of every path's round trip.
    pub(crate) fn assume_round_trip(&mut self, nanos: u64) {
        for path in &mut self.all {
            path.smoothed = nanos;
        }
    }

    pub(crate) fn is_live(&self, path: u8) -> bool {
        self.live & 1 << path != 0
    }

    pub(crate) fn any_live(&self) -> bool {
        self.live != 0
    }

    /// A path for a packet with messages, other than `avoid` if there is a choice; nothing where all windows are full.
    ///
    /// Of the next two with room after the current one, the one with more room: blind rotation would fill a slow path,
    /// always the widest would forget the others' round trips.
    pub(crate) fn choose(&mut self, now: Instant, avoid: Option<u8>) -> Option<u8> {
        let chosen = self.next_open(now, avoid)?;
        self.used_at = now;
        if self.unwatched != 0 {
            self.watch_again(now);
        }
        Some(chosen)
    }

    fn next_open(&mut self, now: Instant, avoid: Option<u8>) -> Option<u8> {
        self.tick(now);
        let stepped_back = self.stepped_back_until != Instant::default();
        if stepped_back && self.in_flight >= STEPPED_BACK_DATAGRAMS * self.datagram_bytes as u64 {
            return None;
        }
        let mut open = self.usable() & self.roomy;
        if let Some(avoid) = avoid.map(|avoid| 1 << avoid) {
            // Where only slow paths are left beside it, they are the choice.
            let others = match self.usable() & !avoid {
                0 => self.live & self.roomy & !avoid,
                _ => open & !avoid,
            };
            open = if others == 0 { open } else { others };
        }
        if open == 0 {
            return None;
        }
        if self.burst_left > 0 && open & 1 << self.current != 0 {
            self.burst_left -= 1;
            return Some(self.current);
        }
        let first = next_in(open, self.current);
        let second = next_in(open, first);
        let room = |path: u8| {
            let path = self.path(path);
            path.window.bytes().saturating_sub(path.in_flight)
        };
        self.current = if room(second) > room(first) {
            second
        } else {
            first
        };
        self.burst_left = self.burst - 1;
        Some(self.current)
    }

    /// A path for a packet that nobody acknowledges: `wished` if it lives, else the next that does; and whether it should
    /// carry a ping, because nothing has shown for a while that the path leads anywhere. Without that, a side that only
    /// acknowledges would never learn that its acknowledgements vanish.
    pub(crate) fn choose_unacknowledged(&mut self, now: Instant, wished: u8) -> (u8, bool) {
        if self.live == 0 {
            self.current = (self.current + 1) % self.count();
            return (self.current, false);
        }
        let usable = self.usable();
        let path = if wished < self.count() && usable & 1 << wished != 0 {
            wished
        } else {
            next_in(usable, wished)
        };
        let is_doubtful = now.nanos_since(self.path(path).vouched_at) >= VOUCHED_NANOS;
        (path, is_doubtful)
    }

    /// A path whose probe is due. Slow paths wait for messages with theirs: nobody else asks how they are.
    pub(crate) fn due_probe(&mut self, now: Instant) -> Option<u8> {
        if now < self.probes_at {
            return None;
        }
        self.leave_slow_unwatched(now);
        self.probes_at = self
            .all
            .iter()
            .map(|path| path.probe_at)
            .min()
            .unwrap_or(Instant::NEVER);
        (0..self.count()).find(|path| self.path(*path).probe_at <= now)
    }

    /// When the next probe may be due; early is possible, late is not.
    pub(crate) fn next_probe(&self) -> Instant {
        self.probes_at
    }

    /// When a path may have room again without an acknowledgement.
    pub(crate) fn next_gate(&self) -> Instant {
        let gates = if self.gated == 0 {
            Instant::NEVER
        } else {
            self.gates_open_at
        };
        if self.stepped_back_until == Instant::default() {
            gates
        } else {
            gates.min(self.stepped_back_until)
        }
    }

    /// Opens what time has opened; after it, [`next_gate`](Self::next_gate) is in the future.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.stepped_back_until <= now {
            self.stepped_back_until = Instant::default();
        }
        self.open_gates(now);
    }

    /// Whoever joins while a queue stands takes it for the path's own length, tolerates more than its share and keeps the
    /// queue standing. So who sees that it does steps back for two round trips, and shows everybody the path without it
    /// (LEDBAT++'s slowdown, draft-irtf-iccrg-ledbat-plus-plus section 4.4).
    fn watch(&mut self, now: Instant, delay: u64, sample: u64) {
        self.shortest_delay = self.shortest_delay.min(delay);
        if now.nanos_since(self.watching_since) < STANDING_NANOS {
            return;
        }
        if self.shortest_delay > self.target_queueing / 4 && self.shortest_delay != u64::MAX {
            self.stepped_back_until = now.after_nanos(2 * sample.min(STANDING_NANOS / 8));
        }
        (self.watching_since, self.shortest_delay) = (now, u64::MAX);
    }

    fn open_gates(&mut self, now: Instant) {
        if self.gated == 0 || now < self.gates_open_at {
            return;
        }
        self.gates_open_at = Instant::NEVER;
        let mut left = self.gated;
        while left != 0 {
            let path = left.trailing_zeros() as u8;
            left &= left - 1;
            self.look_for_room(now, path);
        }
    }

    fn look_for_room(&mut self, now: Instant, path: u8) {
        let bit = 1 << path;
        let state = &self.all[usize::from(path)];
        if state.gate > now {
            self.gated |= bit;
            self.roomy &= !bit;
            self.gates_open_at = self.gates_open_at.min(state.gate);
            return;
        }
        self.gated &= !bit;
        if state.in_flight < state.window.bytes() {
            self.roomy |= bit;
        } else {
            self.roomy &= !bit;
        }
    }

    /// A packet that will be acknowledged goes out; returns its place on the path.
    pub(crate) fn sent(&mut self, now: Instant, path: u8, bytes: u64) -> u64 {
        self.in_flight += bytes;
        let state = self.path_mut(path);
        state.in_flight += bytes;
        state.vouched_at = now;
        let place = state.next_place;
        state.next_place += 1;
        let window = state.window.bytes();
        if bytes > window {
            let pause = state.round_trip().saturating_mul(bytes) / window.max(1);
            state.gate = now.after_nanos(pause.min(MAX_GATE_NANOS));
        }
        state.probe_at = Instant::NEVER;
        self.look_for_room(now, path);
        place
    }

    /// A packet is under way no more.
    pub(crate) fn landed(&mut self, path: u8, bytes: u64) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        let state = self.path_mut(path);
        state.in_flight = state.in_flight.saturating_sub(bytes);
    }

    /// The peer echoed a packet: a round trip took `sample`.
    pub(crate) fn measured(&mut self, now: Instant, path: u8, sample: u64) {
        let (wanted, count) = (self.target_queueing, u64::from(self.count()));
        let datagram = self.datagram_bytes as u64;
        let state = self.path_mut(path);
        state.measure(now, sample);
        let smallest = state.smallest_round_trip();
        let target = wanted.max(smallest / 2);
        let target = scale_target(target, state.window.bytes().saturating_mul(count), datagram);
        let delay = sample.saturating_sub(smallest);
        state.is_congested = delay > target;
        if state.is_congested {
            state.window.shrink(now, delay, target, sample);
        }
        if !self.avoids_slow || self.is_quick(now, path, sample) {
            self.watch(now, delay, sample);
        }
    }

    /// The peer has a packet of `bytes` bytes, sent at `place`, and it has landed.
    pub(crate) fn acked(&mut self, now: Instant, path: u8, place: u64, bytes: u64) -> Option<Turn> {
        let increase = self.datagram_bytes as u64 / u64::from(self.count());
        let state = self.path_mut(path);
        let was_full = (state.in_flight + bytes).saturating_mul(2) >= state.window.bytes();
        state.highest_acked_place = state.highest_acked_place.max(Some(place));
        state.vouched_at = now;
        let turn = (state.health == Health::Down).then_some(Turn::Up);
        if state.health != Health::Live {
            state.health = Health::Live;
            state.lost_probes = 0;
            state.probe_at = Instant::NEVER;
            self.live |= 1 << path;
        } else if was_full && !state.is_congested {
            state.window.grow(bytes, increase.max(1));
        }
        // An acknowledgement without a measurement: look again, or nobody ever would.
        if self.quick & 1 << path == 0 && self.path(path).probe_at == Instant::NEVER {
            self.look_again_later(now, path);
        }
        self.look_for_room(now, path);
        turn
    }

    /// Later packets of this path arrived, but one did not.
    pub(crate) fn lost_by_gap(&mut self, now: Instant, path: u8) {
        let state = self.path_mut(path);
        let round_trip = state.round_trip();
        state.window.lose(now, round_trip);
        self.look_for_room(now, path);
    }

    /// A packet sent at `sent_at` was not answered in time.
    pub(crate) fn lost_by_silence(
        &mut self,
        now: Instant,
        path: u8,
        sent_at: Instant,
    ) -> Option<Turn> {
        let is_lonely = self.live & !(1 << path) == 0;
        let state = self.path_mut(path);
        let is_new = sent_at >= state.silent_since;
        let mut turn = None;
        if is_new {
            state.silent_since = now;
            if state.health == Health::Live {
                state.health = Health::Suspect;
                state.probe_at = now;
                state.window.restart();
            } else {
                state.lost_probes = (state.lost_probes + 1).min(MAX_PROBE_DOUBLINGS);
                let limit = if is_lonely {
                    MAX_LONELY_PROBE_NANOS
                } else {
                    MAX_PROBE_NANOS
                };
                // Patience grows up to its own limit only.
                let pause =
                    state.patience() << state.lost_probes.saturating_sub(PATH_DOWN_AFTER_PROBES);
                state.probe_at = now.after_nanos(pause.min(limit));
                if state.lost_probes == PATH_DOWN_AFTER_PROBES && state.health == Health::Suspect {
                    state.health = Health::Down;
                    turn = Some(Turn::Down);
                }
            }
            let probe_at = state.probe_at;
            self.probes_at = self.probes_at.min(probe_at);
            self.live &= !(1 << path);
        }
        self.look_for_room(now, path);
        turn
    }
}

/// The target of a sender whose windows together are `window` bytes: half of `target`, and the more the smaller the window
/// is, up to twice `target`. At one queue the larger sender yields while the smaller still grows, so they become equal
/// (Swift's flow scaling).
fn scale_target(target: u64, window: u64, datagram: u64) -> u64 {
    // 16 times the square root of the datagrams.
    let root = (window.saturating_mul(256) / datagram.max(1))
        .isqrt()
        .max(1);
    (target / 2 + target.saturating_mul(32) / root).min(target * 2)
}

/// The first member of the set `members` after `path`, around the end; `members` is not empty.
fn next_in(members: u64, path: u8) -> u8 {
    let after = members & (u64::MAX << (path & 63)) & !(1 << (path & 63));
    let from = if after == 0 { members } else { after };
    from.trailing_zeros() as u8
}

#[cfg(test)]
mod tests;
