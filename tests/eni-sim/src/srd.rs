//! SRD connections in the world, with an application that cuts messages into datagrams and joins them again.

use crate::network::UDP_OVERHEAD_BYTES;
use crate::world::{Body, Endpoint, Outbound, Reports, World};
use bytes::Bytes;
use eni_srd::{
    Admission, Config, ConfigError, Connection, Counters, Event, Failure, Incoming, Instant,
    MAX_DATAGRAM_BYTES, MAX_PAYLOAD_BYTES, Message, MessageHeader, PairKey, ReceiveBudget,
};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

static PAYLOAD: [u8; MAX_PAYLOAD_BYTES] = [0xa5; MAX_PAYLOAD_BYTES];

/// The credit that connections to one host share.
pub type SharedBudget = Rc<RefCell<ReceiveBudget>>;

/// A piece of a message, as the application's header tells it: `message`, `part` of `parts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    message: u32,
    part: u32,
    parts: u32,
    bytes: u32,
}

impl Piece {
    fn header(self) -> [u8; 12] {
        let mut header = [0; 12];
        header[..4].copy_from_slice(&self.message.to_be_bytes());
        header[4..8].copy_from_slice(&self.part.to_be_bytes());
        header[8..].copy_from_slice(&self.parts.to_be_bytes());
        header
    }

    fn parse(message: &Incoming<'_>) -> Option<Self> {
        let (header, _) = message.header.split_first_chunk::<12>()?;
        let [m0, m1, m2, m3, p0, p1, p2, p3, n0, n1, n2, n3] = *header;
        Some(Self {
            message: u32::from_be_bytes([m0, m1, m2, m3]),
            part: u32::from_be_bytes([p0, p1, p2, p3]),
            parts: u32::from_be_bytes([n0, n1, n2, n3]),
            bytes: message.payload.len() as u32,
        })
    }
}

/// The receiving application: joins pieces, and watches for what must not happen.
#[derive(Default)]
struct Application {
    /// Pieces that arrived, of messages of which some are missing.
    partial: HashMap<u32, Vec<bool>>,
    whole: HashMap<u32, ()>,
    repeated: u64,
    malformed: u64,
    delivered: Vec<u32>,
    /// Answers to the next messages, before all are accepted.
    answers: VecDeque<Admission>,
}

impl Application {
    fn take(&mut self, message: &Incoming<'_>) -> Admission {
        let Some(piece) = Piece::parse(message) else {
            self.malformed += 1;
            return Admission::Accept;
        };
        let answer = self.answers.pop_front().unwrap_or(Admission::Accept);
        if answer != Admission::Accept {
            return answer;
        }
        if message.payload.iter().any(|byte| *byte != 0xa5) {
            self.malformed += 1;
        }
        if self.whole.contains_key(&piece.message) {
            self.repeated += 1;
            return Admission::Accept;
        }
        let parts = self
            .partial
            .entry(piece.message)
            .or_insert_with(|| vec![false; piece.parts as usize]);
        match parts.get_mut(piece.part as usize) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => self.repeated += 1,
            None => self.malformed += 1,
        }
        if parts.iter().all(|seen| *seen) {
            self.partial.remove(&piece.message);
            self.whole.insert(piece.message, ());
            self.delivered.push(piece.message);
        }
        Admission::Accept
    }
}

/// One end of an SRD conversation.
pub struct SrdEndpoint {
    connection: Connection,
    buffer: Vec<u8>,
    /// Pieces that the window has no room for.
    waiting: VecDeque<Piece>,
    /// Pieces of each message that are not completed.
    open: HashMap<u32, u32>,
    application: Application,
    budget: Option<(SharedBudget, usize)>,
    failures: Vec<(u32, Failure)>,
    events: Vec<Event>,
}

impl SrdEndpoint {
    fn new(connection: Connection, budget: Option<(SharedBudget, usize)>) -> Self {
        Self {
            connection,
            buffer: vec![0; MAX_DATAGRAM_BYTES],
            waiting: VecDeque::new(),
            open: HashMap::new(),
            application: Application::default(),
            budget,
            failures: Vec::new(),
            events: Vec::new(),
        }
    }

    /// What the connection counted.
    pub fn counters(&self) -> Counters {
        *self.connection.counters()
    }

    /// The connection.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Pieces that arrived twice: none, if the protocol keeps its promise.
    pub fn repeated_pieces(&self) -> u64 {
        self.application.repeated
    }

    /// Pieces that arrived damaged.
    pub fn malformed_pieces(&self) -> u64 {
        self.application.malformed
    }

    /// Messages of which a piece failed, and why.
    pub fn failures(&self) -> &[(u32, Failure)] {
        &self.failures
    }

    /// Messages of which no piece could be handed to the connection.
    pub fn unsent_messages(&self) -> usize {
        let messages: std::collections::HashSet<u32> =
            self.waiting.iter().map(|piece| piece.message).collect();
        messages.len()
    }

    /// Events that are not about single messages.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Answers for the next messages to arrive; after them all are accepted.
    pub fn answer(&mut self, answers: impl IntoIterator<Item = Admission>) {
        self.application.answers.extend(answers);
    }

    pub(crate) fn send(&mut self, message: u32, bytes: u32) {
        let most = self.connection.max_message_bytes().min(MAX_PAYLOAD_BYTES) as u32 - 12;
        let parts = bytes.div_ceil(most).max(1);
        self.open.insert(message, parts);
        self.waiting.extend((0..parts).map(|part| Piece {
            message,
            part,
            parts,
            bytes: (bytes - part * most).min(most),
        }));
    }

    pub(crate) fn receive(&mut self, now: u64, mut datagram: Vec<u8>, reports: &mut Reports) {
        let now = Instant::from_nanos(now);
        let application = &mut self.application;
        let mut sink = |message: Incoming<'_>| application.take(&message);
        let taken = self.connection.handle_packet(now, &mut datagram, &mut sink);
        if let (Ok(()), Some((budget, member))) = (taken, &self.budget) {
            let credit = budget.borrow_mut().arrived(now, *member);
            self.connection.set_receive_credit(credit);
        }
        reports.delivered.append(&mut self.application.delivered);
    }

    pub(crate) fn timeout(&mut self, now: u64) {
        self.connection.handle_timeout(Instant::from_nanos(now));
    }

    pub(crate) fn next_timeout(&self) -> Option<u64> {
        self.connection.poll_timeout().map(Instant::as_nanos)
    }

    pub(crate) fn transmit(&mut self, now: u64, reports: &mut Reports) -> Option<Outbound> {
        let now = Instant::from_nanos(now);
        self.take_events(reports);
        while let Some(piece) = self.waiting.front() {
            let payload = Bytes::from_static(&PAYLOAD[..piece.bytes as usize]);
            let message = Message {
                queue_pair: piece.message % 16,
                token: u64::from(piece.message),
                header: MessageHeader::new(&piece.header()).unwrap_or(MessageHeader::EMPTY),
                payload,
            };
            if self.connection.send(now, message).is_err() {
                break;
            }
            self.waiting.pop_front();
        }
        let transmit = self.connection.poll_transmit(now, &mut self.buffer)?;
        Some(Outbound {
            path: transmit.path,
            wire_bytes: transmit.length as u64 + UDP_OVERHEAD_BYTES,
            body: Body::Datagram(self.buffer[..transmit.length].to_vec()),
        })
    }

    fn take_events(&mut self, reports: &mut Reports) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Completed { token, .. } => {
                    let message = token as u32;
                    if let Some(left) = self.open.get_mut(&message) {
                        *left -= 1;
                        if *left == 0 {
                            self.open.remove(&message);
                            reports.completed.push(message);
                        }
                    }
                }
                Event::Failed { token, reason, .. } => self.failures.push((token as u32, reason)),
                other => self.events.push(other),
            }
        }
    }
}

/// An interface's address, by host.
pub(crate) fn interface(host: usize) -> [u8; 16] {
    (host as u128 + 1).to_be_bytes()
}

impl World {
    /// Opens an SRD connection between two hosts; `adjust` may change its settings. Returns the two endpoints.
    ///
    /// # Errors
    /// [`ConfigError`] where the adjusted settings are out of bounds.
    pub fn open_srd(
        &mut self,
        (left, right): (usize, usize),
        budget: Option<&SharedBudget>,
        key: Option<Arc<dyn PairKey>>,
        adjust: impl Fn(&mut Config),
    ) -> Result<(usize, usize), ConfigError> {
        let mut end = |local: usize, peer: usize, budget: Option<(SharedBudget, usize)>| {
            let mut config = Config::new(interface(local), interface(peer), local as u32);
            adjust(&mut config);
            if let Some((budget, member)) = &budget {
                config.receive_credit_bytes =
                    budget.borrow_mut().arrived(Instant::default(), *member);
            }
            let seed = self.entropy();
            let connection = Connection::new(
                config,
                key.clone(),
                Instant::from_nanos(self.now_ns()),
                seed,
            )?;
            Ok(Endpoint::Srd(Box::new(SrdEndpoint::new(
                connection, budget,
            ))))
        };
        let first = end(left, right, None)?;
        let second = end(right, left, budget.map(|budget| (Rc::clone(budget), left)))?;
        Ok(self.join((left, first), (right, second)))
    }
}
