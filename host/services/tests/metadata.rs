//! Instance metadata over sockets: who asks is told by the address called, and nobody takes another's room. Linux has all of
//! 127.0.0.0/8 on its loopback device, so that the services' addresses are here as they are in their namespace.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use eni_abi::Service;
use eni_metadata::Keys;
use eni_services::{
    Askers, MAX_CONNECTIONS_PER_INTERFACE, MAX_WAITING_PER_INTERFACE, MetadataService,
};
use eni_types::AttachmentId;
use support::{VPORTS, two_instances};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::watch;

/// Two instances at the vports 3 and 4, and the service on a thread.
struct Bench {
    instances: [String; 2],
    askers: Arc<Askers>,
    port: u16,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Bench {
    fn new() -> Self {
        let askers = Arc::new(Askers::default());
        let (source, instances) = two_instances(&askers);
        let key = Keys::from_secret(b"secret");
        let service = Arc::new(MetadataService::new(source, Arc::clone(&askers), key));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let listener = runtime.block_on(TcpListener::bind(everywhere)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = watch::channel(false);
        let thread = thread::spawn(move || runtime.block_on(service.serve(listener, stopped)));
        Self {
            instances,
            askers,
            port,
            stop,
            thread: Some(thread),
        }
    }

    /// A connection to where the guest of `vport` finds the service.
    fn connect(&self, vport: u32) -> TcpStream {
        let address: Ipv4Addr = Service::InstanceMetadata.address(vport).into();
        self.connect_to(address)
    }

    fn connect_to(&self, address: Ipv4Addr) -> TcpStream {
        let stream = TcpStream::connect((address, self.port)).unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        stream
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Head and body of what a connection that is closed then answers; empty if it is closed at once.
fn ask(stream: &mut TcpStream, head: &str) -> String {
    let request = format!("{head}Host: 169.254.169.254\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    let asked = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_string(&mut answer));
    match asked {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("no answer"),
        _ => answer,
    }
}

const INSTANCE_ID: &str = "GET /latest/meta-data/instance-id HTTP/1.1\r\n";

#[test]
fn each_is_told_of_itself_by_the_address_it_calls() {
    let bench = Bench::new();
    for (vport, id) in VPORTS.iter().zip(&bench.instances) {
        let answer = ask(&mut bench.connect(*vport), INSTANCE_ID);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nserver: EC2ws\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{id}")), "{answer}");
    }
    // A vport of nobody, another service's address, and one of none.
    let answer = ask(&mut bench.connect(9), INSTANCE_ID);
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    for address in [[127, 9, 0, 3], [127, 0, 0, 1]] {
        assert_eq!(ask(&mut bench.connect_to(address.into()), INSTANCE_ID), "");
    }
}

/// The number may be another interface's at the next request.
#[test]
fn who_asks_is_found_out_for_each_request() {
    let bench = Bench::new();
    let [first, second] = VPORTS;
    let attachment: AttachmentId = bench.askers.at(second).unwrap();
    let mut kept = bench.connect(first);
    let request = format!("{INSTANCE_ID}Host: 169.254.169.254\r\n\r\n");
    kept.write_all(request.as_bytes()).unwrap();
    let mut bytes = [0; 4096];
    let length = kept.read(&mut bytes).unwrap();
    assert!(bytes[..length].ends_with(bench.instances[0].as_bytes()));
    bench.askers.add(first, attachment);
    let answer = ask(&mut kept, INSTANCE_ID);
    assert!(answer.ends_with(&bench.instances[1]), "{answer}");
}

#[test]
fn a_head_is_read_as_clients_may_write_it() {
    let bench = Bench::new();
    let put = "PUT /latest/api/token HTTP/1.1\r\nX-AWS-EC2-Metadata-Token-TTL-Seconds: 60\r\n";
    let given = ask(&mut bench.connect(3), put);
    assert!(
        given.contains("\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\n"),
        "{given}"
    );
    let token = given.rsplit("\r\n").next().unwrap();
    let with = format!("{INSTANCE_ID}x-Aws-ec2-METADATA-token: {token}\r\n");
    assert!(ask(&mut bench.connect(3), &with).starts_with("HTTP/1.1 200 "));
    assert!(ask(&mut bench.connect(4), &with).starts_with("HTTP/1.1 401 "));
    for (again, want) in [("60", "200"), ("61", "400")] {
        let twice = format!("{put}X-aws-ec2-metadata-token-ttl-seconds: {again}\r\n");
        let answer = ask(&mut bench.connect(3), &twice);
        assert!(answer.starts_with(&format!("HTTP/1.1 {want} ")), "{answer}");
    }
    let forwarded = format!("{put}x-FORWARDED-for: 10.0.0.1\r\n");
    assert!(ask(&mut bench.connect(3), &forwarded).starts_with("HTTP/1.1 403 "));
    let query = INSTANCE_ID.replace("instance-id", "instance%2Did?x=y");
    assert!(ask(&mut bench.connect(3), &query).starts_with("HTTP/1.1 200 "));
    let head = INSTANCE_ID.replace("GET", "HEAD");
    let answer = ask(&mut bench.connect(3), &head);
    assert!(answer.contains("content-length: 19\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn what_is_too_large_or_no_request_is_refused() {
    let bench = Bench::new();
    let large = format!("{INSTANCE_ID}X-Large: {}\r\n", "x".repeat(20_000));
    let answer = ask(&mut bench.connect(3), &large);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    let answer = ask(&mut bench.connect(3), "\x01\x02\r\n");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    assert!(ask(&mut bench.connect(3), INSTANCE_ID).starts_with("HTTP/1.1 200 "));
}

#[test]
fn an_interface_has_only_its_own_connections_to_fill() {
    let bench = Bench::new();
    let held: Vec<TcpStream> = (0..MAX_CONNECTIONS_PER_INTERFACE + MAX_WAITING_PER_INTERFACE)
        .map(|_| bench.connect(3))
        .collect();
    // Accepted in order: when one more is reset, all of these are there. Nothing of it stays in the kernel.
    let refused = bench.connect(3).read(&mut [0]).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionReset);
    assert!(ask(&mut bench.connect(4), INSTANCE_ID).starts_with("HTTP/1.1 200 "));
    drop(held);
    let freed = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(20));
        ask(&mut bench.connect(3), INSTANCE_ID).starts_with("HTTP/1.1 200 ")
    });
    assert!(freed, "places do not come back");
}

/// Asks on a connection that stays.
fn ask_and_stay(stream: &mut TcpStream) {
    let request = format!("{INSTANCE_ID}Host: 169.254.169.254\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = [0; 4096];
    let length = stream.read(&mut bytes).unwrap();
    assert!(bytes[..length].starts_with(b"HTTP/1.1 200 "));
}

#[test]
fn idle_connections_make_room_for_those_that_wait() {
    let bench = Bench::new();
    let mut idle: Vec<TcpStream> = Vec::new();
    for _ in 0..MAX_CONNECTIONS_PER_INTERFACE {
        idle.push(bench.connect(3));
        ask_and_stay(idle.last_mut().unwrap());
    }
    thread::scope(|scope| {
        for _ in 0..MAX_WAITING_PER_INTERFACE {
            scope.spawn(|| {
                let answer = ask(&mut bench.connect(3), INSTANCE_ID);
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            });
        }
    });
    // They end in order.
    assert_eq!(idle[0].read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_connection_counts_until_its_client_agrees_that_it_has_ended() {
    let bench = Bench::new();
    let mut ended: Vec<TcpStream> = Vec::new();
    for _ in 0..MAX_CONNECTIONS_PER_INTERFACE {
        ended.push(bench.connect(3));
        let answer = ask(ended.last_mut().unwrap(), INSTANCE_ID);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let began = Instant::now();
    let answer = ask(&mut bench.connect(3), INSTANCE_ID);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        began.elapsed() > Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    // Reset by then, the oldest at least.
    let written = (0..2).map(|_| ended[0].write_all(b"x")).last();
    assert!(written.unwrap().is_err());
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let bench = Bench::new();
    let mut stream = bench.connect(3);
    let request = format!("{INSTANCE_ID}Host: 169.254.169.254\r\n\r\n");
    stream.write_all(request.repeat(99).as_bytes()).unwrap();
    let answers = ask(&mut stream, &INSTANCE_ID.replace("instance-id", "none"));
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 99);
    assert_eq!(answers.matches("HTTP/1.1 404 ").count(), 1);
    assert!(answers.rfind("HTTP/1.1 200 ") < answers.rfind("HTTP/1.1 404 "));
}
