//! Names over DNS, by UDP and TCP.

mod upstream;

use std::future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use eni_abi::Service;
use eni_model::Source;
use eni_names::{Cache, Decision, Forwarded, MAX_QUESTION_BYTES, Scope, Transport, decide};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use crate::Askers;
use crate::clock;
use crate::connection::{Connection, Reach, accept, listen_at};
use crate::datagrams::{Caller, Datagrams, Question};
use crate::measure;
use crate::places::{Place, Places};

use upstream::Upstream;
pub use upstream::{DnsUpstream, MalformedUpstream};

/// How long a question may take to come, and how long a kept connection may idle (RFC 7766, 6.2.3: some seconds).
const QUESTION_PATIENCE: Duration = Duration::from_secs(10);
/// The longest life of a connection: its client opens another.
const LONGEST_CONNECTION: Duration = Duration::from_secs(120);

/// Questions of a connection that are asked upstream at once; the client's next ones wait.
const MAX_UNDER_WAY: usize = 16;

/// Answers what instances ask about names.
pub struct NameService {
    source: Arc<dyn Source>,
    askers: Arc<Askers>,
    upstream: Upstream,
    cache: Mutex<Cache>,
    /// The cache's time.
    since: Instant,
    places: Places,
}

/// Where guests ask.
pub struct NameSockets {
    datagrams: Arc<Datagrams>,
    listener: TcpListener,
}

impl NameSockets {
    /// To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can be heard there.
    pub fn open() -> io::Result<Self> {
        Self::open_at(Service::Resolver.port().number())
    }

    /// As [`Self::open`], at another port; at one that the kernel picks for 0.
    ///
    /// # Errors
    /// When nobody can be heard there.
    pub fn open_at(port: u16) -> io::Result<Self> {
        let listener = listen_at(port)?;
        // The same port, where it was left to the kernel.
        let port = listener.local_addr()?.port();
        let datagrams = Arc::new(Datagrams::bind(port, MAX_QUESTION_BYTES)?);
        Ok(Self {
            datagrams,
            listener,
        })
    }

    /// The port.
    ///
    /// # Errors
    /// When the kernel does not tell it.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }
}

impl NameService {
    /// Of what `source` publishes; what is not known there, `upstream` is asked from the calling thread's network namespace.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(
        source: Arc<dyn Source>,
        askers: Arc<Askers>,
        upstream: DnsUpstream,
    ) -> io::Result<Self> {
        Ok(Self {
            source,
            askers,
            upstream: Upstream::start(upstream)?,
            cache: Mutex::default(),
            since: Instant::now(),
            places: Places::default(),
        })
    }

    /// Serves until `stop` holds or its sender is gone.
    pub async fn serve(self: &Arc<Self>, sockets: NameSockets, stop: watch::Receiver<bool>) {
        let NameSockets {
            datagrams,
            listener,
        } = sockets;
        let answer = |question| self.answer_datagram(question, &datagrams);
        tokio::join!(
            datagrams.serve(stop.clone(), answer),
            accept(listener, stop, |stream| self.connection(stream)),
        );
    }

    fn answer_datagram(self: &Arc<Self>, question: Question, datagrams: &Arc<Datagrams>) {
        let Question {
            caller,
            received,
            bytes,
        } = question;
        if !is_resolver(caller.service) {
            return;
        }
        let answer = match self.decide(&bytes, Transport::Udp, caller.vport) {
            Decision::Answer(answer) => Some(answer),
            Decision::Silence => None,
            Decision::Forward(asked) => {
                let known = self.known(&asked, caller.vport);
                if known.is_none() {
                    self.find_out_for(asked, caller, received, datagrams);
                    return;
                }
                known
            }
        };
        if let Some(answer) = &answer {
            datagrams.answer(&caller, answer);
        }
        measure::question(answer.as_deref(), clock::now().saturating_sub(received));
    }

    /// Answers a datagram when upstream has.
    fn find_out_for(
        self: &Arc<Self>,
        asked: Forwarded,
        caller: Caller,
        received: Duration,
        datagrams: &Arc<Datagrams>,
    ) {
        let (service, datagrams) = (Arc::clone(self), Arc::clone(datagrams));
        let asker = self.askers.at(caller.vport);
        // As many as may be asked upstream: the others are answered at once.
        tokio::spawn(async move {
            let answer = service.find_out(asked, caller.vport).await;
            // The number may have become another interface's meanwhile.
            let is_same = service.askers.at(caller.vport) == asker;
            let answer = answer.filter(|_| is_same);
            if let Some(answer) = &answer {
                datagrams.answer(&caller, answer);
            }
            measure::question(answer.as_deref(), clock::now().saturating_sub(received));
        });
    }

    fn decide(&self, question: &[u8], transport: Transport, vport: u32) -> Decision {
        let decision = self.in_scope(vport, |scope| decide(question, transport, scope));
        decision.unwrap_or(Decision::Silence)
    }

    /// What `decide` gives for the interface that is at `vport` now: a number may become another interface's. `None` where it
    /// has just gone.
    fn in_scope<T>(&self, vport: u32, decide: impl FnOnce(Scope<'_>) -> T) -> Option<T> {
        let published = self.source.published();
        let world = published.world();
        let attachment = self.askers.at(vport)?;
        let eni = world.network_interface_of_attachment(attachment)?;
        Some(decide(Scope {
            world,
            region: self.source.settings(),
            vpc_id: eni.vpc_id,
        }))
    }

    /// What upstream has answered before.
    fn known(&self, asked: &Forwarded, vport: u32) -> Option<Vec<u8>> {
        let (found, age) = self.cache().get(&asked.key(), self.since.elapsed())?;
        self.in_scope(vport, |scope| asked.answer(&found, age, scope))?
    }

    /// What upstream says.
    async fn find_out(&self, asked: Forwarded, vport: u32) -> Option<Vec<u8>> {
        if !self.upstream.is_there() {
            return asked.refused();
        }
        let asked = Arc::new(asked);
        let Some(found) = self.upstream.ask(&asked, vport).await else {
            return asked.unanswered();
        };
        let found = Arc::new(found);
        let now = self.since.elapsed();
        self.cache().put(asked.key(), &found, vport, now);
        self.in_scope(vport, |scope| asked.answer(&found, 0, scope))?
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // What was begun before a panic holds answers all the same.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection's life; `None` where it is reset at once.
    fn connection(self: &Arc<Self>, stream: TcpStream) -> Option<impl Future<Output = ()> + use<>> {
        let mut connection = Connection::new(stream, Reach::default());
        let (service, vport) = Service::called(connection.called().ok()?)?;
        if !is_resolver(service) {
            return None;
        }
        let Some(arrival) = self.places.arrive(vport) else {
            measure::refused(Service::Resolver);
            return None;
        };
        connection.send_at_once().ok()?;
        let service = Arc::clone(self);
        Some(async move {
            let Some(place) = arrival.place().await else {
                measure::refused(Service::Resolver);
                return;
            };
            let life = service.converse(&mut connection, vport, &place);
            match timeout(LONGEST_CONNECTION, life).await {
                Ok(Ok(())) => drop(connection.shutdown().await),
                Ok(Err(error)) => debug!(%error, vport, "a guest's connection ended early"),
                Err(_) => {}
            }
            drop(place);
        })
    }

    /// Answers questions as their answers come (RFC 7766, 6.2.1.1), until the client has no more, or another connection wants its
    /// place while it idles.
    async fn converse(
        self: &Arc<Self>,
        connection: &mut Connection,
        vport: u32,
        place: &Place,
    ) -> io::Result<()> {
        let (reader, mut writer) = tokio::io::split(connection);
        // What is heard waits there, and the client with the rest.
        let (heard, mut questions) = mpsc::channel::<Vec<u8>>(1);
        let answer = async {
            let (mut under_way, mut has_more) = (JoinSet::new(), true);
            while has_more || !under_way.is_empty() {
                let may_ask = has_more && under_way.len() < MAX_UNDER_WAY;
                let answer: Option<Vec<u8>> = tokio::select! {
                    biased;
                    Some(found) = under_way.join_next() => found.map_err(io::Error::other)?,
                    question = questions.recv(), if may_ask => match question {
                        None => {
                            has_more = false;
                            continue;
                        }
                        Some(question) => {
                            let begun = self.begin(&question, vport, place, &mut under_way);
                            match begun.await {
                                Reply::Now(answer) => answer,
                                Reply::Later => continue,
                            }
                        }
                    },
                    () = place.is_wanted(), if under_way.is_empty() => return Ok(()),
                };
                let Some(answer) = answer else {
                    return Ok(());
                };
                let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
                let message = [&length.to_be_bytes(), &*answer].concat();
                timeout(QUESTION_PATIENCE, writer.write_all(&message)).await??;
            }
            Ok(())
        };
        let hear = async {
            hear(reader, heard).await;
            // Who asks no more still waits for answers.
            future::pending::<()>().await;
        };
        tokio::select! {
            ended = answer => ended,
            () = hear => Ok(()),
        }
    }

    /// Answers a question on a connection when it is its interface's turn, or asks upstream.
    async fn begin(
        self: &Arc<Self>,
        question: &[u8],
        vport: u32,
        place: &Place,
        under_way: &mut JoinSet<Option<Vec<u8>>>,
    ) -> Reply {
        let began = Instant::now();
        let decide = || self.decide(question, Transport::Tcp, vport);
        let answer = match place.turns().answer(decide).await {
            Decision::Silence => None,
            Decision::Answer(answer) => Some(answer),
            Decision::Forward(asked) => {
                let known = self.known(&asked, vport);
                if known.is_none() {
                    let service = Arc::clone(self);
                    under_way.spawn(async move {
                        let answer = service.find_out(asked, vport).await;
                        measure::question(answer.as_deref(), began.elapsed());
                        answer
                    });
                    return Reply::Later;
                }
                known
            }
        };
        measure::question(answer.as_deref(), began.elapsed());
        Reply::Now(answer)
    }
}

/// What becomes of a question on a connection.
enum Reply {
    /// This answer, or the connection's end.
    Now(Option<Vec<u8>>),
    /// Upstream is asked.
    Later,
}

/// Reads questions, until no more comes, or one that is too long, or nobody wants them.
async fn hear(mut reader: impl AsyncRead + Unpin, heard: mpsc::Sender<Vec<u8>>) {
    while let Ok(Ok(Some(question))) = timeout(QUESTION_PATIENCE, read(&mut reader)).await {
        if heard.send(question).await.is_err() {
            return;
        }
    }
}

/// Reads one question; `None` for one that is too long.
async fn read(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let length = usize::from(reader.read_u16().await?);
    if length > MAX_QUESTION_BYTES {
        return Ok(None);
    }
    let mut question = vec![0; length];
    reader.read_exact(&mut question).await?;
    Ok(Some(question))
}

fn is_resolver(service: Service) -> bool {
    matches!(service, Service::Resolver | Service::VpcResolver)
}
