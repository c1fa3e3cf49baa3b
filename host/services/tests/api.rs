//! The region's API over TLS on sockets: who calls is told by the address called, and nobody takes another's room. Linux has all
//! of 127.0.0.0/8 on its loopback device, so that the services' addresses are here as they are in their namespace.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use eni_abi::Service;
use eni_authority::{Authority, server_config};
use eni_ec2_api::{Access, QueryApi};
use eni_model::testing::TestRng;
use eni_model::{RegionSettings, ServedApi};
use eni_region::{Environment, Region};
use eni_services::{ApiService, Askers, GuestApi, MAX_CONNECTIONS_PER_INTERFACE};
use eni_store::MemoryStore;
use support::{NOW, VPORTS, WITHOUT_ROLE, two_instances};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Two instances at the vports 3 and 4, and the service on a thread.
struct Bench {
    askers: Arc<Askers>,
    client: Arc<ClientConfig>,
    port: u16,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Bench {
    fn new() -> Self {
        let askers = Arc::new(Askers::default());
        let (source, _) = two_instances(&askers);
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open(directory.path(), "us-east-1", NOW).unwrap();
        let client = trusting(authority.certificate());
        let tls = server_config(authority, Arc::new(|| NOW)).unwrap();
        let api = GuestApi {
            api: api(source.settings()),
            tls: Arc::new(tls),
        };
        let service = ApiService::new(source, Arc::clone(&askers), api).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = watch::channel(false);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(service.serve(listener, stopped));
        });
        Self {
            askers,
            client,
            port,
            stop,
            thread: Some(thread),
        }
    }

    /// A connection to where the guest of `vport` finds the service.
    fn connect(&self, vport: u32) -> TcpStream {
        self.connect_to(Service::Api.address(vport).into())
    }

    fn connect_to(&self, address: Ipv4Addr) -> TcpStream {
        let stream = TcpStream::connect((address, self.port)).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    fn tls(&self, stream: TcpStream, name: &'static str) -> Tls {
        let name = ServerName::try_from(name).unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        StreamOwned::new(connection, stream)
    }

    fn call(&self, vport: u32) -> io::Result<String> {
        call(&mut self.tls(self.connect(vport), "ec2.us-east-1.amazonaws.com"))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn api(settings: &RegionSettings) -> Arc<QueryApi> {
    let environment = Environment {
        clock: Arc::new(|| NOW),
        rng: Box::new(TestRng::new(1)),
    };
    let store = Arc::new(MemoryStore::new());
    let region = Region::open_in(store, settings.clone(), environment).unwrap();
    let account_id = settings.account_id.clone();
    let access = Access::AnyCredentials { account_id };
    Arc::new(QueryApi::new(Arc::new(region), access))
}

fn trusting(authority: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.time_provider = Arc::new(Then);
    Arc::new(config)
}

/// The bench's time.
#[derive(Debug)]
struct Then;

impl tokio_rustls::rustls::time_provider::TimeProvider for Then {
    fn current_time(&self) -> Option<tokio_rustls::rustls::pki_types::UnixTime> {
        let since_epoch = Duration::from_millis(NOW.0.unsigned_abs());
        Some(tokio_rustls::rustls::pki_types::UnixTime::since_unix_epoch(
            since_epoch,
        ))
    }
}

/// Head and body of what is answered to a call on a connection that is closed then.
fn call(stream: &mut Tls) -> io::Result<String> {
    let credential = "AKID/20261120/us-east-1/ec2/aws4_request";
    let request = format!(
        "GET /?Action=DescribeVpcs&Version=2016-11-15 HTTP/1.1\r\nHost: ec2.us-east-1.amazonaws.com\r\n\
         X-Amz-Date: 20261120T191054Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, \
         Signature={:064}\r\nConnection: close\r\n\r\n",
        0
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn guests_find_the_api_where_its_names_lead() {
    assert_eq!(
        Service::Api.found_at(&eni_abi::Vport::default()),
        Some(ServedApi::ADDRESS.into())
    );
    let bench = Bench::new();
    for vport in VPORTS {
        let answer = bench.call(vport).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("<DescribeVpcsResponse"), "{answer}");
    }
}

#[test]
fn nobody_else_is_answered_and_no_other_name_is_certified() {
    let bench = Bench::new();
    bench.call(9).unwrap_err();
    bench.call(WITHOUT_ROLE).unwrap_err();
    let metadata: Ipv4Addr = Service::InstanceMetadata.address(VPORTS[0]).into();
    for other in [metadata, Ipv4Addr::LOCALHOST] {
        let mut stream = bench.tls(bench.connect_to(other), "sts.amazonaws.com");
        call(&mut stream).unwrap_err();
    }
    let mut stream = bench.tls(bench.connect(VPORTS[0]), "s3.amazonaws.com");
    let error = call(&mut stream).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

/// The number may be another interface's, and the instance may have gone.
#[test]
fn who_calls_is_found_out_for_each_call() {
    let bench = Bench::new();
    let [first, second] = VPORTS;
    for then in [bench.askers.at(second), None] {
        let before = bench.askers.at(first).unwrap();
        let mut kept = bench.tls(bench.connect(first), "sts.amazonaws.com");
        kept.conn.complete_io(&mut kept.sock).unwrap();
        bench.askers.remove(first, before);
        if let Some(other) = then {
            bench.askers.add(first, other);
        }
        let answer = call(&mut kept);
        assert!(answer.is_err(), "{answer:?}");
        bench.askers.add(first, before);
        assert!(bench.call(first).is_ok());
    }
}

/// Neither who says nothing, nor who begins a handshake and does not go on, keeps a neighbour waiting, or holds a place for long.
#[test]
fn unfinished_handshakes_keep_no_neighbour_waiting_and_end() {
    let bench = Bench::new();
    let mut held: Vec<TcpStream> = (0..MAX_CONNECTIONS_PER_INTERFACE)
        .map(|_| bench.connect(VPORTS[0]))
        .collect();
    for stream in held.iter_mut().take(8) {
        // The beginning of a record of a handshake.
        stream.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    }
    let began = Instant::now();
    assert!(bench.call(VPORTS[1]).is_ok());
    assert!(began.elapsed() < Duration::from_secs(5), "{began:?}");
    for stream in &mut held {
        // The end, or a reset.
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)));
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{began:?}");
    assert!(bench.call(VPORTS[0]).is_ok());
}

/// Those before TLS and behind it; nobody else's.
#[test]
fn the_connections_of_an_endpoint_that_goes_are_reset_at_once() {
    let bench = Bench::new();
    let [gone, other] = VPORTS;
    let connected = |vport| {
        let mut stream = bench.tls(bench.connect(vport), "sts.amazonaws.com");
        stream.conn.complete_io(&mut stream.sock).unwrap();
        stream
    };
    let mut silent = bench.connect(gone);
    // Accepted behind that one.
    let mut secured = connected(gone);
    let mut neighbour = connected(other);
    bench.askers.end_connections(&[gone]);
    for stream in [&mut silent, &mut secured.sock] {
        let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    assert!(call(&mut neighbour).is_ok());
    assert!(bench.call(gone).is_ok(), "who has the number next");
}
