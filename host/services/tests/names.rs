//! Names over sockets: who asks is told by the address called, upstream is asked for what is not known, and nobody takes
//! another's room. Linux has all of 127.0.0.0/8 on its loopback device, so that the services' addresses are here as they are in
//! their namespace.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use eni_abi::Service;
use eni_services::{Askers, DnsUpstream, NameService, NameSockets};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use support::{VPORTS, two_instances};
use tokio::runtime::Builder;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(10);
/// How long upstream takes for a name that begins with `slow`.
const SLOW: Duration = Duration::from_millis(500);

/// A resolver upstream that knows every name but those that begin with `silent`, takes its time for those that begin with `slow`,
/// and counts what it is asked.
struct Upstream {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    names: Arc<Mutex<BTreeSet<String>>>,
}

impl Upstream {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let names = Arc::new(Mutex::new(BTreeSet::new()));
        let heard = Arc::clone(&names);
        // It ends with the process.
        thread::spawn(move || {
            let mut buffer = [0; 4_096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let mut message = Message::from_vec(&buffer[..length]).unwrap();
                let name = message.queries[0].name.clone();
                heard.lock().unwrap().insert(name.to_ascii());
                if name.to_ascii().starts_with("silent") {
                    continue;
                }
                if name.to_ascii().starts_with("slow") {
                    thread::sleep(SLOW);
                }
                message.metadata.message_type = MessageType::Response;
                let data = RData::A(A(Ipv4Addr::new(192, 0, 2, 1)));
                message.add_answer(Record::from_rdata(name, 300, data));
                socket.send_to(&message.to_vec().unwrap(), from).unwrap();
            }
        });
        Self {
            address,
            asked,
            names,
        }
    }
}

/// Two instances at the vports 3 and 4, and the service on a thread.
struct Bench {
    askers: Arc<Askers>,
    port: u16,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Bench {
    fn new(upstream: DnsUpstream) -> Self {
        let askers = Arc::new(Askers::default());
        let (source, _) = two_instances(&askers);
        let service = NameService::new(source, Arc::clone(&askers), upstream);
        let service = Arc::new(service.unwrap());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let sockets = runtime.block_on(async { NameSockets::open_at(0) }).unwrap();
        let port = sockets.port().unwrap();
        let (stop, stopped) = watch::channel(false);
        let thread = thread::spawn(move || runtime.block_on(service.serve(sockets, stopped)));
        Self {
            askers,
            port,
            stop,
            thread: Some(thread),
        }
    }

    fn address(&self, service: Service, vport: u32) -> SocketAddr {
        let address: Ipv4Addr = service.address(vport).into();
        (address, self.port).into()
    }

    fn connect(&self, vport: u32) -> TcpStream {
        let stream = TcpStream::connect(self.address(Service::Resolver, vport)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn question(name: &str) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let name = Name::from_ascii(name).unwrap();
    message.add_query(Query::query(name, RecordType::A));
    message.to_vec().unwrap()
}

fn ask(address: SocketAddr, name: &str) -> Message {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(&question(name), address).unwrap();
    let mut buffer = [0; 4_096];
    let (length, from) = client.recv_from(&mut buffer).unwrap();
    assert_eq!(from, address, "it answers from where it was asked");
    Message::from_vec(&buffer[..length]).unwrap()
}

/// Sends what comes first with its length, and reads one answer.
fn converse(stream: &mut TcpStream, question: &[u8]) -> std::io::Result<Message> {
    let length = u16::try_from(question.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, question].concat())?;
    answer(stream)
}

fn answer(stream: &mut TcpStream) -> std::io::Result<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut bytes)?;
    Ok(Message::from_vec(&bytes).unwrap())
}

#[test]
fn upstream_is_asked_once_for_all() {
    let upstream = Upstream::new();
    let bench = Bench::new(DnsUpstream::Server(upstream.address));
    for service in [Service::Resolver, Service::VpcResolver] {
        for vport in VPORTS {
            let told = ask(bench.address(service, vport), "www.example.com.");
            assert_eq!(told.answers.len(), 1);
        }
    }
    let told = converse(&mut bench.connect(3), &question("WWW.example.com.")).unwrap();
    assert_eq!(told.answers[0].name.to_ascii(), "WWW.example.com.");
    assert_eq!(upstream.asked.load(Ordering::Relaxed), 1);
}

/// The number is another interface's when upstream answers.
#[test]
fn an_answer_is_for_who_has_asked_alone() {
    let upstream = Upstream::new();
    let bench = Bench::new(DnsUpstream::Server(upstream.address));
    let [first, second] = VPORTS;
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.set_read_timeout(Some(3 * SLOW)).unwrap();
    let address = bench.address(Service::Resolver, first);
    client
        .send_to(&question("slow.example.com."), address)
        .unwrap();
    while upstream.asked.load(Ordering::Relaxed) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    bench.askers.add(first, bench.askers.at(second).unwrap());
    let error = client.recv(&mut [0; 512]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn without_upstream_names_of_elsewhere_are_refused_and_others_answered() {
    let bench = Bench::new(DnsUpstream::None);
    let at = bench.address(Service::Resolver, 3);
    let refused = ask(at, "www.example.com.").metadata.response_code;
    assert_eq!(refused, ResponseCode::Refused);
    let told = ask(at, "instance-data.ec2.internal.");
    assert_eq!(told.answers.len(), 1);
}

#[test]
fn a_connection_takes_question_after_question_and_no_nonsense() {
    let bench = Bench::new(DnsUpstream::None);
    let mut stream = bench.connect(3);
    let one = question("instance-data.ec2.internal.");
    let length = u16::try_from(one.len()).unwrap().to_be_bytes();
    let message = [&length, &*one].concat();
    stream.write_all(&message.repeat(9)).unwrap();
    for _ in 0..9 {
        assert_eq!(answer(&mut stream).unwrap().answers.len(), 1);
    }
    // Longer than any question, and no message at all: it is ended.
    stream.write_all(&[0xff; 2]).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    let mut stream = bench.connect(3);
    assert!(converse(&mut stream, b"noise").is_err());
    // Nobody's vport, and another service's address.
    assert!(converse(&mut bench.connect(9), &one).is_err());
    let other = bench.address(Service::Time, 3);
    let mut stream = TcpStream::connect(other).unwrap();
    assert!(converse(&mut stream, &one).is_err());
}

#[test]
fn who_asks_what_nobody_answers_holds_up_nobody() {
    let upstream = Upstream::new();
    let bench = Bench::new(DnsUpstream::Server(upstream.address));
    let [noisy, quiet] = VPORTS.map(|vport| bench.address(Service::Resolver, vport));
    let flood = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for number in 0..500 {
        let name = format!("silent-{number}.example.com.");
        flood.send_to(&question(&name), noisy).unwrap();
    }
    assert_eq!(ask(quiet, "www.example.com.").answers.len(), 1);
    // As many as an interface may ask at once, twice at most by now; the others were told so at once.
    assert!(upstream.asked.load(Ordering::Relaxed) <= 2 * 32 + 1);
}

fn send(stream: &mut TcpStream, names: &[String]) {
    for name in names {
        let question = question(name);
        let length = u16::try_from(question.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length, &*question].concat()).unwrap();
    }
}

/// RFC 7766, 6.2.1.1; and whoever has asked all it wants to know, and says so, still gets its answers.
#[test]
fn questions_on_a_connection_are_answered_as_answers_come() {
    let upstream = Upstream::new();
    let bench = Bench::new(DnsUpstream::Server(upstream.address));
    let mut stream = bench.connect(3);
    let names = ["silent.example.com.", "instance-data.ec2.internal."].map(str::to_owned);
    send(&mut stream, &names);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    for name in names.iter().rev() {
        let told = answer(&mut stream).unwrap();
        assert_eq!(told.queries[0].name.to_ascii(), *name);
    }
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the end");
}

#[test]
fn a_connection_asks_so_much_at_once_and_the_rest_after_it() {
    let upstream = Upstream::new();
    let bench = Bench::new(DnsUpstream::Server(upstream.address));
    let mut stream = bench.connect(3);
    let silent = (0..20).map(|number| format!("silent-{number}.example.com."));
    let mut names: Vec<_> = silent.collect();
    names.push("instance-data.ec2.internal.".to_owned());
    send(&mut stream, &names);
    let began = Instant::now();
    let asked = || upstream.names.lock().unwrap().len();
    while asked() < 16 {
        assert!(began.elapsed() < PATIENCE, "{} are asked", asked());
        thread::sleep(Duration::from_millis(5));
    }
    // Before the first are given up, after two tries of a second and a half.
    thread::sleep(Duration::from_millis(200));
    assert_eq!(asked(), 16);
    // Another connection of the interface has its turn meanwhile.
    let mut other = bench.connect(3);
    let one = question("instance-data.ec2.internal.");
    assert_eq!(converse(&mut other, &one).unwrap().answers.len(), 1);
    let told: Vec<_> = names.iter().map(|_| answer(&mut stream)).collect();
    let known = told.iter().flatten();
    let known = known.filter(|told| told.metadata.response_code == ResponseCode::NoError);
    assert_eq!((told.iter().flatten().count(), known.count()), (21, 1));
}
