//! Two connections that avoid slow paths, over a wire whose paths are of different lengths.

use bytes::Bytes;
use eni_srd::{
    Admission, Config, Connection, Incoming, Instant, MAX_DATAGRAM_BYTES, Message, MessageHeader,
};
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;
/// One way on the first path; the second takes twice as long, and so on.
const STEP_NANOS: u64 = 20_000;

/// Two ends, and what is under way: by moment and number, the end that it is for.
struct Pair {
    now: u64,
    ends: [Connection; 2],
    under_way: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    packets: u64,
    delivered: u64,
}

impl Pair {
    fn new() -> Self {
        let (red, blue) = ([1; 16], [2; 16]);
        let end = |config: Config, seed: u8| {
            let config = Config {
                avoid_slow_paths: true,
                ..config
            };
            Connection::new(config, None, Instant::from_nanos(0), [seed; 32])
                .expect("within bounds")
        };
        Self {
            now: 0,
            ends: [
                end(Config::new(red, blue, 7), 1),
                end(Config::new(blue, red, 9), 2),
            ],
            under_way: BTreeMap::new(),
            packets: 0,
            delivered: 0,
        }
    }

    fn send(&mut self, from: usize, messages: u64) {
        for token in 0..messages {
            let message = Message {
                queue_pair: 3,
                token,
                header: MessageHeader::EMPTY,
                payload: Bytes::from_static(&[0; 8_000]),
            };
            let now = Instant::from_nanos(self.now);
            self.ends[from]
                .send(now, message)
                .expect("the window has room");
        }
    }

    fn write(&mut self, from: usize) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let now = Instant::from_nanos(self.now);
        while let Some(transmit) = self.ends[from].poll_transmit(now, &mut buffer) {
            self.packets += 1;
            let arrival = self.now + (u64::from(transmit.path) + 1) * STEP_NANOS;
            let datagram = buffer[..transmit.length].to_vec();
            let key = (arrival, self.packets);
            self.under_way.insert(key, (1 - from, datagram));
        }
        while self.ends[from].poll_event().is_some() {}
    }

    fn run(&mut self, until: u64) {
        loop {
            (0..2).for_each(|end| self.write(end));
            let timers = self.ends.iter().filter_map(Connection::poll_timeout);
            let arrival = self.under_way.keys().next().map(|(at, _)| *at);
            let next = timers.map(Instant::as_nanos).chain(arrival).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            let now = Instant::from_nanos(self.now);
            while let Some(entry) = self
                .under_way
                .first_entry()
                .filter(|entry| entry.key().0 <= self.now)
            {
                let (to, mut datagram) = entry.remove();
                let delivered = &mut self.delivered;
                let mut sink = |_: Incoming<'_>| {
                    *delivered += 1;
                    Admission::Accept
                };
                self.ends[to]
                    .handle_packet(now, &mut datagram, &mut sink)
                    .expect("it is well formed");
            }
            for end in &mut self.ends {
                if end.poll_timeout().is_some_and(|at| at <= now) {
                    end.handle_timeout(now);
                }
            }
        }
    }
}

#[test]
fn two_idle_ends_leave_slow_paths_alone() {
    let mut pair = Pair::new();
    for from in [0, 1] {
        pair.send(from, 500);
    }
    pair.run(SECOND);
    assert_eq!(pair.delivered, 1_000);
    let before = pair.packets;
    pair.run(11 * SECOND);
    // Each end asks once a second whether the other lives.
    let idle = pair.packets - before;
    assert!(idle <= 50, "{idle} packets in 10 s");
}
