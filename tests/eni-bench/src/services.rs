//! The fabric's services beside ordinary servers: instance metadata beside nginx with a static file, names beside dnsmasq.
//!
//! Servers and clients are in one network namespace, without data plane: what packets of an interface may cost is bounded
//! there ([`eni_abi::LINK_LOCAL_PACKETS_PER_SECOND`]), and would be what is measured.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use comfy_table::Table;
use eni_abi::Service;
use eni_client::median;
use eni_metadata::Keys;
use eni_model::Source;
use eni_model::testing::{Unchanging, region_of};
use eni_services::{Askers, DnsUpstream, MetadataService, NameService, NameSockets};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Interfaces that ask at once, each one question after the other: none comes near what it may ask in a second.
const INTERFACES: u32 = 128;
const NGINX: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8_080);
const DNSMASQ: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5_353);
/// How long a peer may take to start.
const PATIENCE: Duration = Duration::from_secs(10);
const PATH: &str = "/latest/meta-data/instance-id";

/// One server, and what it answered in every round.
#[derive(Debug, Serialize)]
pub(crate) struct Served {
    server: &'static str,
    answers_per_second: Vec<f64>,
}

/// One pair after the other: OpenENI's service and its peer.
pub(crate) fn measure(directory: &Path, rounds: u32, time: Duration) -> io::Result<Vec<Served>> {
    let own = Own::start()?;
    let _nginx = nginx(directory, &own.instance_id)?;
    let _dnsmasq = dnsmasq(&own)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut served: Vec<Served> = ["metadata", "nginx", "names", "dnsmasq"]
        .map(|server| Served {
            server,
            answers_per_second: Vec::new(),
        })
        .into();
    for round in 1..=rounds {
        for one in &mut served {
            eprintln!("round {round} of {rounds}: {}", one.server);
            let rate = own.rate(&runtime, one.server, time)?;
            one.answers_per_second.push(rate);
        }
    }
    Ok(served)
}

/// Medians, and the median over the rounds of each pair's ratio.
pub(crate) fn table(served: &[Served]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["service", "answers/s", "peer", "answers/s", "ratio"]);
    for pair in served.chunks(2) {
        let [own, peer] = pair else { continue };
        let rates = own.answers_per_second.iter().zip(&peer.answers_per_second);
        let ratio = median(rates.map(|(own, peer)| own / peer).collect());
        let rate = |one: &Served| {
            let rate = median(one.answers_per_second.clone());
            format!("{:.0}", rate.unwrap_or_default())
        };
        table.add_row([
            own.server.to_owned(),
            rate(own),
            peer.server.to_owned(),
            rate(peer),
            format!("{:.2}", ratio.unwrap_or_default()),
        ]);
    }
    table
}

/// OpenENI's services for an unchanging region of [`INTERFACES`] interfaces, each service on a thread as in a region.
struct Own {
    metadata_port: u16,
    names_port: u16,
    /// Of the first interface: whom a peer speaks of.
    instance_id: String,
    name: String,
    address: Ipv4Addr,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                eprintln!("a service has panicked");
            }
        }
    }
}

impl Own {
    fn start() -> io::Result<Self> {
        let region = region_of(INTERFACES as usize);
        let askers = Arc::new(Askers::default());
        let interfaces = region.world.network_interfaces.iter();
        let attached = interfaces.filter_map(|eni| {
            let attachment = eni.attachment.as_ref()?;
            Some((attachment, eni.primary_private_ip_address()?))
        });
        let mut first = None;
        for (vport, (attachment, address)) in (1..).zip(attached) {
            askers.add(vport, attachment.attachment_id);
            first.get_or_insert((attachment.instance_id, address));
        }
        let (instance_id, address) =
            first.ok_or_else(|| io::Error::other("nothing is attached"))?;
        let source: Arc<dyn Source> = Arc::new(Unchanging::from(region));

        let (stop, stopped) = watch::channel(false);
        let keys = Keys::from_secret(b"a benchmark's");
        let metadata = MetadataService::new(Arc::clone(&source), Arc::clone(&askers), keys);
        let metadata = Arc::new(metadata);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let everywhere = (Ipv4Addr::UNSPECIFIED, 0);
        let listener = runtime.block_on(TcpListener::bind(everywhere))?;
        let metadata_port = listener.local_addr()?.port();
        let until = stopped.clone();
        let first = thread::spawn(move || runtime.block_on(metadata.serve(listener, until)));

        let names = NameService::new(source, askers, DnsUpstream::None)?;
        let names = Arc::new(names);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let sockets = runtime.block_on(async { NameSockets::open_at(0) })?;
        let names_port = sockets.port()?;
        let second = thread::spawn(move || runtime.block_on(names.serve(sockets, stopped)));
        let dashed = address.to_string().replace('.', "-");
        Ok(Self {
            metadata_port,
            names_port,
            instance_id: instance_id.to_string(),
            name: format!("ip-{dashed}.ec2.internal."),
            address,
            stop,
            threads: vec![first, second],
        })
    }

    /// Answers a second to [`INTERFACES`] clients.
    fn rate(&self, runtime: &Runtime, server: &str, time: Duration) -> io::Result<f64> {
        let own = |service: Service, vport: u32, port: u16| {
            SocketAddr::from((Ipv4Addr::from(service.address(vport)), port))
        };
        let question = question(&self.name)?;
        let deadline = Instant::now() + time;
        let mut clients = JoinSet::new();
        let enter = runtime.enter();
        for vport in 1..=INTERFACES {
            let metadata = own(Service::InstanceMetadata, vport, self.metadata_port);
            let names = own(Service::Resolver, vport, self.names_port);
            match server {
                "metadata" => clients.spawn(read_documents(metadata, true, deadline)),
                "nginx" => clients.spawn(read_documents(NGINX, false, deadline)),
                "names" => clients.spawn(resolve(names, question.clone(), deadline)),
                _ => clients.spawn(resolve(DNSMASQ, question.clone(), deadline)),
            };
        }
        drop(enter);
        let began = Instant::now();
        let counts = runtime.block_on(clients.join_all());
        let counts = counts.into_iter().collect::<io::Result<Vec<u64>>>()?;
        let answers: u64 = counts.iter().sum();
        Ok(answers as f64 / began.elapsed().as_secs_f64())
    }
}

/// Reads one document again and again on one connection; with a token, where the server gives them.
async fn read_documents(server: SocketAddr, token: bool, deadline: Instant) -> io::Result<u64> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let head = "Host: 169.254.169.254\r\n";
    let mut request = format!("GET {PATH} HTTP/1.1\r\n{head}");
    if token {
        let ttl = "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n";
        let put = format!("PUT /latest/api/token HTTP/1.1\r\n{head}{ttl}\r\n");
        let token = exchange(&mut stream, &put).await?;
        request += &format!("X-aws-ec2-metadata-token: {token}\r\n");
    }
    request += "\r\n";
    let mut count = 0;
    while Instant::now() < deadline {
        let document = exchange(&mut stream, &request).await?;
        if !document.starts_with("i-") {
            return Err(io::Error::other(format!(
                "{document:?} is no instance's id"
            )));
        }
        count += 1;
    }
    Ok(count)
}

/// One request, and the answer's body.
async fn exchange(stream: &mut TcpStream, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = [0; 2_048];
    let mut length = 0;
    loop {
        let read = stream.read(&mut buffer[length..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += read;
        let text = String::from_utf8_lossy(&buffer[..length]);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(io::Error::other(head.to_owned()));
        }
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let announced = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if announced.and_then(|(_, length)| length.parse().ok()) == Some(body.len()) {
            return Ok(body.to_owned());
        }
    }
}

/// Asks for one name again and again, by one socket.
async fn resolve(server: SocketAddr, question: Vec<u8>, deadline: Instant) -> io::Result<u64> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(server).await?;
    let mut buffer = [0; 1_024];
    let mut count = 0;
    while Instant::now() < deadline {
        socket.send(&question).await?;
        let length = socket.recv(&mut buffer).await?;
        if count == 0 {
            check(&buffer[..length])?;
        }
        count += 1;
    }
    Ok(count)
}

fn question(name: &str) -> io::Result<Vec<u8>> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let name = Name::from_ascii(name).map_err(io::Error::other)?;
    message.add_query(Query::query(name, RecordType::A));
    message.to_vec().map_err(io::Error::other)
}

/// An answer has an address.
fn check(answer: &[u8]) -> io::Result<()> {
    let message = Message::from_vec(answer).map_err(io::Error::other)?;
    let code = message.metadata.response_code;
    if code == ResponseCode::NoError && message.answers.len() == 1 {
        return Ok(());
    }
    Err(io::Error::other(format!("a name is not resolved: {code}")))
}

/// A program that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("cannot end a peer: {error}");
        }
    }
}

/// With one process that serves, as OpenENI's service has one thread.
fn nginx(directory: &Path, instance_id: &str) -> io::Result<Running> {
    let root = directory.join("root");
    let file = root.join(&PATH[1..]);
    fs::create_dir_all(file.parent().unwrap_or(&root))?;
    fs::write(&file, instance_id)?;
    let configuration = format!(
        "user root;\ndaemon off;\nmaster_process off;\nworker_processes 1;\npid {directory}/nginx.pid;\n\
         error_log {directory}/nginx.log;\nevents {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; keepalive_requests 1000000000;\n\
         server {{ listen {NGINX}; root {root}; }} }}\n",
        directory = directory.display(),
        root = root.display(),
    );
    let path = directory.join("nginx.conf");
    fs::write(&path, configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).stderr(Stdio::null());
    let running = start(&mut command)?;
    await_port(|| std::net::TcpStream::connect(NGINX).map(drop))?;
    Ok(running)
}

fn dnsmasq(own: &Own) -> io::Result<Running> {
    let record = format!(
        "--host-record={},{}",
        own.name.trim_end_matches('.'),
        own.address
    );
    let port = format!("--port={}", DNSMASQ.port());
    let mut command = Command::new("dnsmasq");
    command
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
        ])
        .args([
            "--bind-interfaces",
            "--listen-address=127.0.0.1",
            "--user=root",
            "--pid-file=",
        ])
        .args([port, record]);
    let running = start(&mut command)?;
    let question = question(&own.name)?;
    await_port(|| {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        socket.connect(DNSMASQ)?;
        socket.send(&question)?;
        let mut buffer = [0; 1_024];
        let length = socket.recv(&mut buffer)?;
        check(&buffer[..length])
    })?;
    Ok(running)
}

fn start(command: &mut Command) -> io::Result<Running> {
    let started = command.spawn();
    started.map(Running).map_err(|error| {
        let program = command.get_program().display();
        io::Error::other(format!(
            "{program}: {error} (Debian: nginx-light, dnsmasq-base)"
        ))
    })
}

/// Waits until a peer answers.
fn await_port(mut asked: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match asked() {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(20)),
            Ok(()) => return Ok(()),
        }
    }
}
