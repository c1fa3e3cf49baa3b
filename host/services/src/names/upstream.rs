//! Questions for the resolver upstream, asked from the host's network namespace.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use eni_names::{Forwarded, Found, Received};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::debug;

/// Questions of all interfaces that are asked at once, each by a socket of its own.
const MAX_ASKED: usize = 512;
/// Questions of one interface that are.
const MAX_ASKED_OF_INTERFACE: usize = 32;
/// So many of each are, however many others there are: who asks much leaves room for who does not.
const ALWAYS_ASKED_OF_INTERFACE: usize = 2;
/// How long one server may take: a resolver that has to find out needs about a second.
const TRY_PATIENCE: Duration = Duration::from_millis(1_500);
/// How long all of it may take: clients ask again after five seconds (resolv.conf(5), `timeout`).
const PATIENCE: Duration = Duration::from_millis(4_500);
/// How often each server is asked.
const ROUNDS: usize = 2;
/// The largest datagram.
const MAX_DATAGRAM_BYTES: usize = 65_535;
const PORT: u16 = 53;
const HOSTS_RESOLVERS: &str = "/etc/resolv.conf";

/// Who is asked about names of elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DnsUpstream {
    /// Whom the host asks, by its `/etc/resolv.conf` of the moment.
    #[default]
    Host,
    /// This resolver.
    Server(SocketAddr),
    /// Nobody: such questions are refused.
    None,
}

/// What [`DnsUpstream`] is written like.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("neither ADDRESS, ADDRESS:PORT nor none")]
pub struct MalformedUpstream;

impl FromStr for DnsUpstream {
    type Err = MalformedUpstream;

    fn from_str(text: &str) -> Result<Self, MalformedUpstream> {
        if text == "none" {
            return Ok(Self::None);
        }
        let address = text.parse().map(|address: IpAddr| (address, PORT).into());
        let server = address.or_else(|_| text.parse());
        server.map(Self::Server).map_err(|_| MalformedUpstream)
    }
}

impl DnsUpstream {
    /// Whom to ask, in this order.
    fn servers(&self) -> Vec<SocketAddr> {
        match self {
            Self::Host => {
                fs::read(HOSTS_RESOLVERS).map_or_else(|_| Vec::new(), |text| listed(&text))
            }
            Self::Server(address) => vec![*address],
            Self::None => Vec::new(),
        }
    }
}

/// The servers that a resolv.conf(5) names.
fn listed(text: &[u8]) -> Vec<SocketAddr> {
    let Ok(config) = resolv_conf::Config::parse(text) else {
        return Vec::new();
    };
    let servers = config.nameservers.into_iter();
    servers
        .map(|server| SocketAddr::new(server.into(), PORT))
        .collect()
}

struct Job {
    asked: Arc<Forwarded>,
    reply: oneshot::Sender<Option<Found>>,
}

/// The way to whom it is. Dropped, its thread ends.
pub(super) struct Upstream {
    jobs: Option<mpsc::UnboundedSender<Job>>,
    asked: Asked,
}

impl Upstream {
    /// Asks from the calling thread's network namespace, on a thread of its own.
    pub(super) fn start(upstream: DnsUpstream) -> io::Result<Self> {
        let asked = Asked::default();
        if upstream == DnsUpstream::None {
            return Ok(Self { jobs: None, asked });
        }
        // Bounded by who may ask.
        let (jobs, inbox) = mpsc::unbounded_channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || runtime.block_on(ask_all(inbox, Arc::new(upstream))))?;
        let jobs = Some(jobs);
        Ok(Self { jobs, asked })
    }

    /// Whether anybody is there.
    pub(super) fn is_there(&self) -> bool {
        self.jobs.is_some()
    }

    /// Asks for the guest of `vport`; `None` where nobody answers, or the guest asks too much at once.
    pub(super) async fn ask(&self, asked: &Arc<Forwarded>, vport: u32) -> Option<Found> {
        let place = self.asked.take(vport)?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            asked: Arc::clone(asked),
            reply,
        };
        self.jobs.as_ref()?.send(job).ok()?;
        let found = answer.await.ok().flatten();
        drop(place);
        found
    }
}

/// Each in a task: one that fails takes no other with it. It ends when nobody waits for its answer any more.
async fn ask_all(mut inbox: mpsc::UnboundedReceiver<Job>, upstream: Arc<DnsUpstream>) {
    while let Some(Job { asked, mut reply }) = inbox.recv().await {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move {
            let found = tokio::select! {
                found = timeout(PATIENCE, ask_servers(&asked, &upstream)) => found.ok().flatten(),
                () = reply.closed() => return,
            };
            // Who has asked may be gone.
            drop(reply.send(found));
        });
    }
}

/// What the first server says that knows something; else what one says that does not.
async fn ask_servers(asked: &Forwarded, upstream: &DnsUpstream) -> Option<Found> {
    let mut failure = None;
    for _ in 0..ROUNDS {
        for server in upstream.servers() {
            match timeout(TRY_PATIENCE, ask(asked, server)).await {
                Ok(Ok(found)) if found.is_failure() => failure = Some(found),
                Ok(Ok(found)) => return Some(found),
                Ok(Err(error)) => debug!(%error, %server, "a resolver upstream"),
                Err(_) => debug!(%server, "a resolver upstream does not answer"),
            }
        }
        if failure.is_some() {
            return failure;
        }
    }
    None
}

async fn ask(asked: &Forwarded, server: SocketAddr) -> io::Result<Found> {
    let id = rand::random();
    let question = asked.question(id);
    let question = question.ok_or_else(|| io::Error::other("a question that cannot be written"))?;
    // A port that the kernel picks by chance, and only this server is heard.
    let own: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0)).await?;
    socket.connect(server).await?;
    socket.send(&question).await?;
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await?;
        match asked.read(id, &buffer[..length]) {
            Received::Answer(found) => return Ok(found),
            Received::Truncated => return ask_by_connection(asked, id, &question, server).await,
            Received::Other => {}
        }
    }
}

/// RFC 7766.
async fn ask_by_connection(
    asked: &Forwarded,
    id: u16,
    question: &[u8],
    server: SocketAddr,
) -> io::Result<Found> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    let message = [&length.to_be_bytes(), question].concat();
    stream.write_all(&message).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    match asked.read(id, &answer) {
        Received::Answer(found) => Ok(found),
        Received::Truncated | Received::Other => Err(io::Error::other("another answer")),
    }
}

/// How many questions of each interface are asked at the moment.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<BTreeMap<u32, usize>>>);

/// The place of one question. Dropped, it is free again.
struct AskedPlace {
    asked: Asked,
    vport: u32,
}

impl Asked {
    fn take(&self, vport: u32) -> Option<AskedPlace> {
        let mut by_vport = self.lock();
        // As many as there are places: few.
        let all: usize = by_vport.values().sum();
        let own = by_vport.entry(vport).or_default();
        let has_room = *own < MAX_ASKED_OF_INTERFACE && all < MAX_ASKED;
        if !has_room && *own >= ALWAYS_ASKED_OF_INTERFACE {
            return None;
        }
        *own += 1;
        Some(AskedPlace {
            asked: self.clone(),
            vport,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AskedPlace {
    fn drop(&mut self) {
        let mut by_vport = self.asked.lock();
        if let Some(own) = by_vport.get_mut(&self.vport) {
            *own -= 1;
            if *own == 0 {
                by_vport.remove(&self.vport);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_written_in_four_ways() {
        let parse = |text: &str| text.parse::<DnsUpstream>().ok();
        let server = |text: &str| Some(DnsUpstream::Server(text.parse().unwrap()));
        assert_eq!(parse("none"), Some(DnsUpstream::None));
        assert_eq!(parse("9.9.9.9"), server("9.9.9.9:53"));
        assert_eq!(parse("127.0.0.1:5353"), server("127.0.0.1:5353"));
        assert_eq!(parse("2620:fe::fe"), server("[2620:fe::fe]:53"));
        assert_eq!(parse("[::1]:5353"), server("[::1]:5353"));
        for text in ["", "None", "dns.example", "9.9.9.9:", "9.9.9.9:70000"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn whom_the_host_asks_is_read_from_its_file() {
        let text = b"# a comment\nsearch corp.test\nnameserver 127.0.0.53\nnameserver ::1\noptions edns0 trust-ad\n";
        let want = ["127.0.0.53:53", "[::1]:53"].map(|address| address.parse().unwrap());
        assert_eq!(listed(text), want);
        assert_eq!(listed(b""), []);
    }

    #[test]
    fn one_that_asks_much_leaves_room_for_who_does_not() {
        let asked = Asked::default();
        let mut held = Vec::new();
        for vport in 0..100 {
            held.extend(std::iter::from_fn(|| asked.take(vport)).take(1_000));
        }
        assert!(held.len() <= MAX_ASKED + 100 * ALWAYS_ASKED_OF_INTERFACE);
        let of = |vport| held.iter().filter(|place| place.vport == vport).count();
        assert_eq!(of(0), MAX_ASKED_OF_INTERFACE);
        assert_eq!(of(99), ALWAYS_ASKED_OF_INTERFACE);
        let quiet = [(); ALWAYS_ASKED_OF_INTERFACE].map(|()| asked.take(200));
        assert!(quiet.iter().all(Option::is_some) && asked.take(200).is_none());
        drop((held, quiet));
        assert!(asked.lock().is_empty());
    }
}
