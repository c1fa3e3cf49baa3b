//! ENA Express in the world: TCP endpoints whose segments, as frames, go over an SRD connection.
//!
//! Frames are real, with headers that the core parses; what TCP's model knows beyond a header's fields stays in the world,
//! under a number that the frame carries as its timestamps.

use crate::network::UDP_OVERHEAD_BYTES;
use crate::srd::{SharedBudget, interface};
use crate::tcp::TcpOptions;
use crate::world::{Body, Endpoint, Outbound, World};
use bytes::BytesMut;
use eni_ena_express::{Counters, Deliver, Eligibility, Express, Offered, Side};
use eni_srd::{Admission, Config, ConfigError, Connection, Incoming, Instant, MAX_DATAGRAM_BYTES};
use eni_wire::{
    ETHERNET_LENGTH, EtherType, EthernetHeader, IPV4_LENGTH, Ipv4, Ipv4Header, Mac, Port, protocol,
};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

/// TCP's header with timestamps.
const TCP_HEADER_BYTES: usize = 32;
const TCP_AT: usize = ETHERNET_LENGTH as usize + IPV4_LENGTH as usize;
/// TCP's data begins after as many words of 4 bytes (RFC 9293 section 3.1, data offset, the upper half of a byte).
const DATA_OFFSET: u8 = (TCP_HEADER_BYTES as u8 / 4) << 4;
const DATA_OFFSET_AT: usize = TCP_AT + 12;
/// Two bytes of padding, and kind and length of the option, precede the timestamps.
const NUMBER_AT: usize = TCP_AT + 24;
/// The first flow's port.
const FIRST_PORT: usize = 1_024;

/// What an ENA Express may leave undone, to show what it is good for.
#[derive(Clone, Copy, Debug)]
pub struct ExpressOptions {
    /// The receiver restores the order of each flow. Otherwise it delivers frames as they come.
    pub restores_order: bool,
    /// Frames keep off slow paths ([`Config::avoid_slow_paths`]).
    pub avoids_slow_paths: bool,
    /// Flows are told apart and take turns. Otherwise all frames are of one flow.
    pub takes_turns: bool,
}

impl ExpressOptions {
    /// Nothing is left undone.
    pub const FULL: Self = Self {
        restores_order: true,
        avoids_slow_paths: true,
        takes_turns: true,
    };
}

/// The frame of a segment between two hosts, with `bytes` bytes of data.
pub(crate) fn frame((from, to): (usize, usize), flow: usize, number: u64, bytes: u64) -> BytesMut {
    let address = |host: usize| Ipv4::from(Ipv4Addr::from(0x0a00_0001 + host as u32));
    let mac = |host: usize| {
        let [.., a, b, c] = (host as u64).to_be_bytes();
        Mac::from_bytes([2, 0, 0, a, b, c])
    };
    let mut frame = BytesMut::zeroed(TCP_AT + TCP_HEADER_BYTES + bytes as usize);
    let ethernet = EthernetHeader {
        destination: mac(to),
        source: mac(from),
        ether_type: EtherType::IPV4,
    };
    let ip = Ipv4Header {
        header_length: IPV4_LENGTH,
        total_length: (frame.len() - ETHERNET_LENGTH as usize) as u32,
        dont_fragment: true,
        time_to_live: 64,
        protocol: protocol::TCP,
        source: address(from),
        destination: address(to),
        ..Ipv4Header::default()
    };
    let port = Port::new((FIRST_PORT + flow) as u16);
    let words = ethernet.to_words().into_iter().chain(ip.to_words());
    let words = words.chain([port.0, port.0]);
    for (bytes, word) in frame.chunks_exact_mut(2).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    frame[DATA_OFFSET_AT] = DATA_OFFSET;
    frame[NUMBER_AT..NUMBER_AT + 8].copy_from_slice(&number.to_be_bytes());
    frame
}

/// The number that [`frame`] put into a frame.
fn number(frame: &[u8]) -> Option<u64> {
    let bytes = frame.get(NUMBER_AT..NUMBER_AT + 8)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// Watches what comes out, for what must not happen.
#[derive(Default)]
struct Arrivals {
    /// The last frame of each flow, by port.
    last: HashMap<[u8; 2], u64>,
    out_of_order: u64,
    numbers: Vec<u64>,
}

impl Deliver for Arrivals {
    fn deliver(&mut self, frame: &[u8]) {
        let port = frame.get(TCP_AT..).and_then(<[u8]>::first_chunk::<2>);
        let (Some(port), Some(number)) = (port, number(frame)) else {
            return;
        };
        let last = self.last.entry(*port).or_default();
        self.out_of_order += u64::from(number <= *last);
        *last = number.max(*last);
        self.numbers.push(number);
    }
}

/// What became of a frame.
pub(crate) enum Fate {
    Queued,
    Ordinary,
    Dropped,
}

/// One side of a pair of interfaces.
pub struct ExpressEndpoint {
    options: ExpressOptions,
    express: Express,
    connection: Connection,
    buffer: Vec<u8>,
    budget: Option<(SharedBudget, usize)>,
    arrivals: Arrivals,
    most_memory: usize,
}

impl ExpressEndpoint {
    /// What the pair counted.
    pub fn counters(&self) -> &Counters {
        self.express.counters()
    }

    /// What its connection counted.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Frames that were delivered after a later one of their flow, or again.
    pub fn out_of_order(&self) -> u64 {
        self.arrivals.out_of_order
    }

    /// The most memory that the pair ever held, in bytes.
    pub fn most_memory_bytes(&self) -> usize {
        self.most_memory
    }

    pub(crate) fn offer(&mut self, now: u64, frame: BytesMut) -> Fate {
        self.take_events();
        let now = Instant::from_nanos(now);
        let offered = self.express.offer(now, frame, &mut self.connection);
        self.most_memory = self.most_memory.max(self.express.memory_bytes());
        match offered {
            Offered::Queued { .. } => Fate::Queued,
            Offered::Ordinary { .. } => Fate::Ordinary,
            Offered::Dropped(_) => Fate::Dropped,
        }
    }

    pub(crate) fn receive(&mut self, now: u64, mut datagram: Vec<u8>) -> Vec<u64> {
        let now = Instant::from_nanos(now);
        let (connection, out) = (&mut self.connection, &mut self.arrivals);
        let taken = if self.options.restores_order {
            self.express
                .handle_packet(now, &mut datagram, connection, out)
        } else {
            let mut sink = |message: Incoming<'_>| {
                out.deliver(message.payload);
                Admission::Accept
            };
            connection.handle_packet(now, &mut datagram, &mut sink)
        };
        if let (Ok(()), Some((budget, member))) = (taken, &self.budget) {
            let credit = budget.borrow_mut().arrived(now, *member);
            self.connection.set_receive_credit(credit);
        }
        self.most_memory = self.most_memory.max(self.express.memory_bytes());
        self.take_events();
        std::mem::take(&mut self.arrivals.numbers)
    }

    pub(crate) fn timeout(&mut self, now: u64) -> Vec<u64> {
        let now = Instant::from_nanos(now);
        if self.connection.poll_timeout().is_some_and(|at| at <= now) {
            self.connection.handle_timeout(now);
        }
        self.express.handle_timeout(now, &mut self.arrivals);
        self.take_events();
        std::mem::take(&mut self.arrivals.numbers)
    }

    pub(crate) fn next_timeout(&self) -> Option<u64> {
        let timers = [self.connection.poll_timeout(), self.express.poll_timeout()];
        timers.into_iter().flatten().map(Instant::as_nanos).min()
    }

    pub(crate) fn transmit(&mut self, now: u64) -> Option<Outbound> {
        self.take_events();
        let now = Instant::from_nanos(now);
        let transmit = self
            .express
            .poll_transmit(now, &mut self.connection, &mut self.buffer)?;
        Some(Outbound {
            path: transmit.path,
            wire_bytes: transmit.length as u64 + UDP_OVERHEAD_BYTES,
            body: Body::Datagram(self.buffer[..transmit.length].to_vec()),
        })
    }

    fn take_events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.express.handle_event(&event);
        }
    }
}

/// Both interfaces have everything enabled.
fn eligibility() -> Eligibility {
    let side = Side {
        ena_srd_supported: true,
        ena_srd_enabled: true,
        ena_srd_udp_enabled: true,
        availability_zone_id: "use1-az1",
    };
    Eligibility::between(&side, &side, true)
}

impl World {
    /// Enables ENA Express between two hosts. Returns its two ends.
    ///
    /// # Errors
    /// [`ConfigError`], never with the ordinary settings.
    pub fn open_express(
        &mut self,
        (left, right): (usize, usize),
        budget: Option<&SharedBudget>,
    ) -> Result<(usize, usize), ConfigError> {
        let options = self.express_options;
        let mut end = |local: usize, peer: usize, budget: Option<(SharedBudget, usize)>| {
            let mut config = Config::new(interface(local), interface(peer), local as u32);
            config.avoid_slow_paths = options.avoids_slow_paths;
            if let Some((budget, member)) = &budget {
                config.receive_credit_bytes =
                    budget.borrow_mut().arrived(Instant::default(), *member);
            }
            let seed = self.entropy();
            let [l0, l1, l2, l3, ..] = self.entropy();
            let now = Instant::from_nanos(self.now_ns());
            Ok(Endpoint::Express(Box::new(ExpressEndpoint {
                options,
                express: Express::new(eligibility(), u32::from_be_bytes([l0, l1, l2, l3])),
                connection: Connection::new(config, None, now, seed)?,
                buffer: vec![0; MAX_DATAGRAM_BYTES],
                budget,
                arrivals: Arrivals::default(),
                most_memory: 0,
            })))
        };
        let first = end(left, right, None)?;
        let second = end(right, left, budget.map(|budget| (Rc::clone(budget), left)))?;
        Ok(self.join((left, first), (right, second)))
    }

    /// Opens a TCP connection between the hosts of an ENA Express, which carries it. Returns the two endpoints.
    pub fn open_tcp_over(
        &mut self,
        (left, right): (usize, usize),
        hosts: (usize, usize),
        options: TcpOptions,
    ) -> (usize, usize) {
        let ends = self.open_tcp(hosts, options);
        self.send_via(ends.0, left);
        self.send_via(ends.1, right);
        ends
    }

    /// Frames that came after they were given up, at all ends of ENA Express.
    pub(crate) fn late_frames(&self) -> u64 {
        let ends = self.endpoints().filter_map(|endpoint| match endpoint {
            Endpoint::Express(express) => Some(express.counters().late),
            Endpoint::Srd(_) | Endpoint::Tcp(_) => None,
        });
        ends.sum()
    }

    /// One end of an ENA Express.
    pub fn express(&self, endpoint: usize) -> Option<&ExpressEndpoint> {
        match self.endpoint(endpoint)? {
            Endpoint::Express(express) => Some(express),
            Endpoint::Srd(_) | Endpoint::Tcp(_) => None,
        }
    }
}
