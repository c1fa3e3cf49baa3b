//! Two sides with their connections, over paths of different lengths.

use crate::eligibility::{Eligibility, Ordinary, Side};
use crate::express::{Express, Offered};
use crate::testing;
use bytes::BytesMut;
use eni_srd::{Config, Connection, Event, Instant, MAX_DATAGRAM_BYTES};
use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

pub(super) const MS: u64 = 1_000_000;

pub(super) fn eligibility(udp: bool) -> Eligibility {
    let side = Side {
        ena_srd_supported: true,
        ena_srd_enabled: true,
        ena_srd_udp_enabled: udp,
        availability_zone_id: "use1-az1",
    };
    Eligibility::between(&side, &side, true)
}

pub(super) struct End {
    pub(super) express: Express,
    pub(super) config: Config,
    pub(super) seed: [u8; 32],
    pub(super) connection: Connection,
    pub(super) delivered: Vec<Vec<u8>>,
    pub(super) events: Vec<Event>,
}

impl End {
    pub(super) fn new(now: u64, this: u8, life: u32) -> Self {
        let config = Config::new([this; 16], [3 - this; 16], u32::from(this));
        Self::with_config(now, config, life)
    }

    pub(super) fn with_config(now: u64, config: Config, life: u32) -> Self {
        let mut seed = [config.local_interface[0]; 32];
        seed[..4].copy_from_slice(&life.to_be_bytes());
        Self {
            express: Express::new(eligibility(false), life),
            connection: connect(&config, now, seed),
            config,
            seed,
            delivered: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Takes another connection, as an owner does whose connection has ended.
    pub(super) fn reconnect(&mut self, now: u64) {
        self.seed[31] += 1;
        self.connection = connect(&self.config, now, self.seed);
    }

    pub(super) fn take_events(&mut self, now: u64) {
        while let Some(event) = self.connection.poll_event() {
            self.express.handle_event(&event);
            self.events.push(event);
            if matches!(event, Event::Closed { .. }) {
                self.reconnect(now);
            }
        }
    }

    pub(super) fn has_reset(&self) -> bool {
        self.events.contains(&Event::PeerReset)
    }
}

fn connect(config: &Config, now: u64, seed: [u8; 32]) -> Connection {
    Connection::new(config.clone(), None, Instant::from_nanos(now), seed).unwrap()
}

/// Both ends, and datagrams on their way: path `n` takes `n + 1` times 10 µs.
pub(super) struct Bench {
    pub(super) now: u64,
    pub(super) ends: [End; 2],
    /// By arrival, then by age: to whom.
    pub(super) flying: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    pub(super) sent: u64,
    /// How many of the next datagrams from each side are swallowed.
    pub(super) swallow: [usize; 2],
    /// Datagrams with these bytes in them are swallowed.
    pub(super) swallow_with: Option<Vec<u8>>,
    /// How long the datagrams from the left were.
    pub(super) lengths: Vec<usize>,
}

impl Bench {
    pub(super) fn new(ends: [End; 2]) -> Self {
        Self {
            now: 0,
            ends,
            flying: BTreeMap::new(),
            sent: 0,
            swallow: [0; 2],
            swallow_with: None,
            lengths: Vec::new(),
        }
    }

    /// With a session, which the first frame asks for.
    pub(super) fn connected() -> Self {
        Self::connected_between([End::new(0, 1, 11), End::new(0, 2, 22)])
    }

    pub(super) fn connected_between(ends: [End; 2]) -> Self {
        let mut bench = Self::new(ends);
        let offered = bench.offer(0, testing::tcp(1, 2, 0));
        assert!(matches!(
            offered,
            Offered::Ordinary {
                reason: Ordinary::NotConnected,
                ..
            }
        ));
        bench.run(MS);
        assert!(
            bench
                .ends
                .iter()
                .all(|end| end.events.contains(&Event::Connected))
        );
        bench
    }

    pub(super) fn offer(&mut self, from: usize, frame: Vec<u8>) -> Offered {
        let now = Instant::from_nanos(self.now);
        let End {
            express,
            connection,
            ..
        } = &mut self.ends[from];
        express.offer(now, BytesMut::from(&frame[..]), connection)
    }

    pub(super) fn transmit(&mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let now = Instant::from_nanos(self.now);
        for from in [0, 1] {
            let end = &mut self.ends[from];
            end.take_events(self.now);
            while let Some(transmit) =
                end.express
                    .poll_transmit(now, &mut end.connection, &mut buffer)
            {
                self.sent += 1;
                if from == 0 {
                    self.lengths.push(transmit.length);
                }
                let datagram = &buffer[..transmit.length];
                let is_marked = |mark: &Vec<u8>| datagram.windows(mark.len()).any(|at| at == mark);
                if self.swallow[from] > 0 || self.swallow_with.as_ref().is_some_and(is_marked) {
                    self.swallow[from] = self.swallow[from].saturating_sub(1);
                    continue;
                }
                let at = self.now + 10_000 * (u64::from(transmit.path) + 1);
                let flying = (1 - from, datagram.to_vec());
                self.flying.insert((at, self.sent), flying);
            }
        }
    }

    pub(super) fn run(&mut self, nanos: u64) {
        let end = self.now + nanos;
        loop {
            self.transmit();
            let timers = self
                .ends
                .iter()
                .flat_map(|end| [end.connection.poll_timeout(), end.express.poll_timeout()]);
            let timer = timers.flatten().map(Instant::as_nanos).min();
            let arrival = self.flying.keys().next().map(|(at, _)| *at);
            let next = [timer, arrival].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.happen();
        }
    }

    pub(super) fn happen(&mut self) {
        let now = Instant::from_nanos(self.now);
        while let Some(entry) = self
            .flying
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            let (to, mut datagram) = entry.remove();
            let End {
                express,
                connection,
                delivered,
                ..
            } = &mut self.ends[to];
            let mut out = |frame: &[u8]| delivered.push(frame.to_vec());
            let _ = express.handle_packet(now, &mut datagram, connection, &mut out);
        }
        for end in &mut self.ends {
            let delivered = &mut end.delivered;
            let mut out = |frame: &[u8]| delivered.push(frame.to_vec());
            if end.connection.poll_timeout().is_some_and(|at| at <= now) {
                end.connection.handle_timeout(now);
            }
            if end.express.poll_timeout().is_some_and(|at| at <= now) {
                end.express.handle_timeout(now, &mut out);
            }
        }
    }
}
