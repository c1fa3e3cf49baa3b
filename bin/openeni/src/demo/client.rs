//! The demo's traffic: a probe every millisecond and a TCP stream.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::responder::PROBE_BYTES;

/// Time between two probes.
const PROBE_INTERVAL: Duration = Duration::from_millis(1);
/// How long a TCP connection may take, or a line stay away, before the client connects anew.
const STREAM_PATIENCE: Duration = Duration::from_millis(20);
/// How long answers may lag when the traffic ends.
const LINGER: Duration = Duration::from_millis(100);

/// An answer, or the first line of a TCP connection.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) at: Instant,
    pub(crate) name: String,
}

/// What came of the traffic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) probes_sent: u64,
    /// Answers to probes, in the order they came.
    pub(crate) answers: Vec<Answer>,
    /// The first probe that was answered: those before it found nobody there yet.
    first_answered: Option<u64>,
    /// First lines of TCP connections.
    pub(crate) connections: Vec<Answer>,
}

impl Traffic {
    /// Probes sent since somebody answered.
    pub(crate) fn probes_counted(&self) -> u64 {
        self.probes_sent
            .saturating_sub(self.first_answered.unwrap_or(self.probes_sent))
    }

    /// Those of them that were never answered.
    pub(crate) fn probes_lost(&self) -> u64 {
        self.probes_counted()
            .saturating_sub(self.answers.len() as u64)
    }

    /// The first answer to a probe from `name` after `from`.
    pub(crate) fn first_answer(&self, name: &str, from: Instant) -> Option<Instant> {
        self.answers
            .iter()
            .find(|answer| answer.name == name && answer.at >= from)
            .map(|answer| answer.at)
    }

    /// The first line of a TCP connection from `name` after `from`.
    pub(crate) fn first_connection(&self, name: &str, from: Instant) -> Option<Instant> {
        self.connections
            .iter()
            .find(|answer| answer.name == name && answer.at >= from)
            .map(|answer| answer.at)
    }
}

/// The running traffic.
pub(crate) struct Client {
    stop: Arc<AtomicBool>,
    traffic: Arc<Mutex<Traffic>>,
    threads: Vec<JoinHandle<()>>,
}

impl Client {
    /// Starts probing and streaming to `target`.
    pub(crate) fn start(target: SocketAddr) -> std::io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind("0.0.0.0:0")?);
        socket.connect(target)?;
        socket.set_read_timeout(Some(STREAM_PATIENCE))?;
        let stop = Arc::new(AtomicBool::new(false));
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        let tasks: [Box<dyn FnOnce() + Send>; 3] = [
            Box::new({
                let (socket, stop, traffic) =
                    (Arc::clone(&socket), Arc::clone(&stop), Arc::clone(&traffic));
                move || send_probes(&socket, &stop, &traffic)
            }),
            Box::new({
                let (stop, traffic) = (Arc::clone(&stop), Arc::clone(&traffic));
                move || receive_answers(&socket, &stop, &traffic)
            }),
            Box::new({
                let (stop, traffic) = (Arc::clone(&stop), Arc::clone(&traffic));
                move || follow_streams(target, &stop, &traffic)
            }),
        ];
        Ok(Self {
            stop,
            traffic,
            threads: tasks.into_iter().map(thread::spawn).collect(),
        })
    }

    /// What came so far.
    pub(crate) fn so_far(&self) -> Traffic {
        self.traffic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends the traffic and says what came of it.
    pub(crate) fn finish(self) -> Traffic {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A panicked thread has said so on standard error; the others' figures stand.
            let _ = thread.join();
        }
        self.traffic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn send_probes(socket: &UdpSocket, stop: &AtomicBool, traffic: &Mutex<Traffic>) {
    let mut next = Instant::now();
    for sequence in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // A refused or unroutable probe is a lost one; the next may fare better.
        let _ = socket.send(&sequence.to_be_bytes());
        traffic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .probes_sent += 1;
        next += PROBE_INTERVAL;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn receive_answers(socket: &UdpSocket, stop: &AtomicBool, traffic: &Mutex<Traffic>) {
    let mut buffer = [0; PROBE_BYTES];
    let mut last = Instant::now();
    while !stop.load(Ordering::Relaxed) || last.elapsed() < LINGER {
        let Ok(length) = socket.recv(&mut buffer) else {
            continue;
        };
        let Some((sequence, name)) = buffer
            .get(..length)
            .and_then(|answer| answer.split_first_chunk())
        else {
            continue;
        };
        last = Instant::now();
        let answer = Answer {
            at: last,
            name: String::from_utf8_lossy(name).into_owned(),
        };
        let mut traffic = traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic
            .first_answered
            .get_or_insert(u64::from_be_bytes(*sequence));
        traffic.answers.push(answer);
    }
}

fn follow_streams(target: SocketAddr, stop: &AtomicBool, traffic: &Mutex<Traffic>) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(stream) = TcpStream::connect_timeout(&target, STREAM_PATIENCE) else {
            thread::sleep(PROBE_INTERVAL);
            continue;
        };
        if stream.set_read_timeout(Some(STREAM_PATIENCE)).is_err() {
            continue;
        }
        let mut lines = BufReader::new(stream).lines();
        let Some(Ok(name)) = lines.next() else {
            continue;
        };
        traffic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .connections
            .push(Answer {
                at: Instant::now(),
                name,
            });
        while !stop.load(Ordering::Relaxed) && matches!(lines.next(), Some(Ok(_))) {}
    }
}
