//! Durable, signed CreateNetworkInterface calls a second from concurrent clients, and the latency of
//! DescribeNetworkInterfaces among the interfaces they made. Server and clients share this machine.
//!
//! `cargo bench --package eni-ec2-api --bench calls` prints a table; the store is a file on the disk that holds the target directory.

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use eni_ec2_api::{Access, QueryApi, serve};
use eni_region::Region;
use eni_store::EmbeddedStore;
use eni_types::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use support::{Connection, credentials, ec2_signer, settings, text_of};

const CLIENTS: usize = 8;
const INTERFACES: usize = 10_000;
const DESCRIBES: usize = 1_000;
/// Each /20 has room for 4,091 interfaces.
const SUBNETS: usize = 8;
const VERSION: &str = "Version=2016-11-15";

fn main() {
    let directory =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory for the store");
    let store = EmbeddedStore::open(directory.path().join("store.redb")).expect("a new store");
    let region = Arc::new(Region::open(Arc::new(store), settings()).expect("a new region"));
    let server = workers("server");
    let listener = server
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let access = Access::Verified(Arc::new(credentials()));
    let api = Arc::new(QueryApi::new(region, access));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = server.spawn(serve(listener, api, async {
        let _ = stopped.await;
    }));

    let clients = workers("client");
    clients.block_on(async {
        let mut first = Client::open(address).await;
        let subnets = Arc::new(first.make_subnets().await);
        let alone = subnets[SUBNETS].clone();
        let marked = first
            .must(&format!(
                "Action=CreateNetworkInterface&{VERSION}&SubnetId={alone}\
                 &TagSpecification.1.ResourceType=network-interface\
                 &TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=marked"
            ))
            .await;
        let id = text_of(&marked, "networkInterfaceId");
        create(address, &subnets).await;
        let describe = format!("Action=DescribeNetworkInterfaces&{VERSION}");
        for (name, by) in [
            ("by id", format!("NetworkInterfaceId.1={id}")),
            (
                "by subnet",
                format!("Filter.1.Name=subnet-id&Filter.1.Value.1={alone}"),
            ),
            (
                "by tag",
                "Filter.1.Name=tag%3AName&Filter.1.Value.1=marked".into(),
            ),
        ] {
            first.measure(name, &format!("{describe}&{by}")).await;
        }
    });
    let _ = stop.send(());
    server.block_on(serving).expect("the server ends");
}

fn workers(name: &str) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(name)
        .enable_all()
        .build()
        .expect("worker threads")
}

/// Creates the interfaces from all clients at once.
async fn create(address: std::net::SocketAddr, subnets: &Arc<Vec<String>>) {
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (subnets, next) = (Arc::clone(subnets), Arc::clone(&next));
            tokio::spawn(async move {
                let mut client = Client::open(address).await;
                let mut latencies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= INTERFACES {
                        return latencies;
                    }
                    let subnet = &subnets[number % SUBNETS];
                    let form = format!(
                        "Action=CreateNetworkInterface&{VERSION}&SubnetId={subnet}&Description=benchmark"
                    );
                    let begun = Instant::now();
                    client.must(&form).await;
                    latencies.push(begun.elapsed());
                }
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.append(&mut client.await.expect("a client"));
    }
    let seconds = start.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = INTERFACES as f64 / seconds;
    println!(
        "CreateNetworkInterface, {CLIENTS} clients   {rate:8.0} calls/s   {}",
        quantiles(latencies)
    );
}

struct Client {
    connection: Connection,
    signer: eni_ec2_api::sigv4::Signer,
}

impl Client {
    async fn open(address: std::net::SocketAddr) -> Self {
        Self {
            connection: Connection::open(address).await,
            signer: ec2_signer(),
        }
    }

    async fn must(&mut self, form: &str) -> String {
        let (status, document) = self.connection.post_at(&self.signer, form, now()).await;
        assert_eq!(status, 200, "{form}: {document}");
        document
    }

    /// The subnets to fill, and one more that stays all but empty.
    async fn make_subnets(&mut self) -> Vec<String> {
        let vpc = self
            .must(&format!("Action=CreateVpc&{VERSION}&CidrBlock=10.0.0.0/16"))
            .await;
        let vpc = text_of(&vpc, "vpcId");
        let mut subnets = Vec::new();
        for number in 0..=SUBNETS {
            let form = format!(
                "Action=CreateSubnet&{VERSION}&VpcId={vpc}&CidrBlock=10.0.{}.0/20",
                number * 16
            );
            subnets.push(text_of(&self.must(&form).await, "subnetId"));
        }
        subnets
    }

    async fn measure(&mut self, name: &str, form: &str) {
        let mut latencies = Vec::new();
        for _ in 0..DESCRIBES {
            let begun = Instant::now();
            let document = self.must(form).await;
            latencies.push(begun.elapsed());
            assert_eq!(
                document.matches("<networkInterfaceId>").count(),
                1,
                "{document}"
            );
        }
        let among = INTERFACES + 1;
        println!(
            "DescribeNetworkInterfaces {name:9} 1 of {among}   {}",
            quantiles(latencies)
        );
    }
}

fn quantiles(mut latencies: Vec<Duration>) -> String {
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    format!(
        "p50 {:6.3} ms   p99 {:6.3} ms   worst {:6.3} ms",
        at(50),
        at(99),
        at(100)
    )
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("a clock after 1970");
    Timestamp(i64::try_from(since_epoch.as_millis()).expect("a clock before the year 292 million"))
}
