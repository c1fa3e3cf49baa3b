//! What a packet costs: the program by itself, and the way from the sender's socket to the receiver's.
//!
//! The rates of the other benchmarks move with the scheduler: whether the receiver sleeps, and on which CPU it wakes. Here
//! nobody is woken: the program runs again and again in `BPF_PROG_TEST_RUN`, and datagrams go to a socket that is full.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use comfy_table::Table;
use eni_bpf_loader::testing::fill;
use eni_bpf_loader::{DataPlane, mount_bpffs, unmount_bpffs};
use eni_client::{PrivateRegion, median};
use eni_netlink::{Namespace, Netlink, VethSpec};
use eni_pipeline::testing::MemoryTables;
use eni_pipeline::testing::frames::{tcp, udp};
use eni_pipeline::testing::frames_ipv6;
use eni_pipeline::testing::region::{ANNA, BERT, private, small_region, tracking_region};
use eni_pipeline::testing::region_ipv6::{dual_region, own, tracking_dual_region};
use eni_wire::tcp_flag::SYN;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;

use crate::openeni::Pair;
use crate::peer::Peer;
use crate::sys::Redirect;
use crate::traffic::{BATCH, Ends, PORT, any_port, send};

/// Runs of the program that are timed together: some milliseconds.
const RUNS: u32 = 50_000;
/// How long datagrams are sent and timed together.
const SLICE: Duration = Duration::from_millis(5);
const MTU_BYTES: u32 = 9_001;

/// The times of one case.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cost {
    name: &'static str,
    /// Nanoseconds for each packet, one figure for each round.
    rounds: Vec<f64>,
}

/// Both halves.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Costs {
    program: Vec<Cost>,
    way: Vec<Cost>,
}

impl Cost {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            rounds: Vec::new(),
        }
    }
}

/// Measures both, every case once a round. `openeni` is the program under test for the way; the eBPF program is the one
/// built into this binary.
pub(crate) fn measure(openeni: &Path, directory: &Path, rounds: u32) -> io::Result<Costs> {
    let region = PrivateRegion::start(openeni)?;
    let raw = Peer::raw_veth(directory)?;
    let pair = Pair::launch(&region, &region.ec2()?, 1)?;
    stay_on_one_cpu()?;
    Ok(Costs {
        program: program(directory, rounds)?,
        way: way(
            &[("raw veth", raw.ends()), ("OpenENI", pair.ends())],
            rounds,
        )?,
    })
}

/// The least and the median of every case.
pub(crate) fn table(costs: &Costs) -> String {
    let print = |what: &str, costs: &[Cost]| {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header([what, "least ns", "median ns"]);
        for cost in costs {
            let least = cost.rounds.iter().copied().fold(f64::INFINITY, f64::min);
            let middle = median(cost.rounds.clone()).unwrap_or_default();
            let figures = [least, middle].map(|time| format!("{time:.0}"));
            table.add_row(std::iter::once(cost.name.to_owned()).chain(figures));
        }
        table.to_string()
    };
    let program = print("the program, one packet", &costs.program);
    let way = print("one datagram to a full socket", &costs.way);
    format!("{program}\n\n{way}")
}

fn stay_on_one_cpu() -> io::Result<()> {
    let allowed = sched_getaffinity(Pid::this())?;
    let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(first.unwrap_or(0))?;
    Ok(sched_setaffinity(Pid::this(), &one)?)
}

/// The program on frames of a small region, beside one that only hands frames on.
fn program(directory: &Path, rounds: u32) -> io::Result<Vec<Cost>> {
    let (path, pins) = (directory.join("fabric"), directory.join("bpf"));
    let fabric = Namespace::create(&path).map_err(io::Error::other)?;
    mount_bpffs(&pins).map_err(io::Error::other)?;
    let costs = fabric.run(|| program_in_fabric(&pins, rounds));
    unmount_bpffs(&pins).map_err(io::Error::other)?;
    Namespace::delete(&path).map_err(io::Error::other)?;
    costs.map_err(io::Error::other)?
}

fn program_in_fabric(pins: &Path, rounds: u32) -> io::Result<Vec<Cost>> {
    let mut netlink = Netlink::open().map_err(io::Error::other)?;
    for vport in [ANNA, BERT] {
        let spec = VethSpec {
            name: &format!("v{vport}"),
            index: Some(vport),
            mac: None,
            peer_name: &format!("p{vport}"),
            peer_mac: None,
            peer_group: 0,
            peer_namespace: None,
            mtu_bytes: MTU_BYTES,
            no_arp: true,
            peer_no_arp: false,
        };
        netlink.add_veth(&spec).map_err(io::Error::other)?;
    }
    let mut untracked = data_plane(&pins.join("untracked"), &small_region())?;
    let mut tracked = data_plane(&pins.join("tracked"), &tracking_region())?;
    let mut untracked_ipv6 = data_plane(&pins.join("untracked-ipv6"), &dual_region())?;
    let mut tracked_ipv6 = data_plane(&pins.join("tracked-ipv6"), &tracking_dual_region())?;
    let redirect = Redirect::load(BERT)?;
    let datagram = udp(ANNA, private(BERT), (1, 2));
    // A SYN never takes the fast way.
    let syn = tcp(ANNA, private(BERT), (1, 2), SYN);
    let [fast, slow] = [datagram.bytes(), syn.bytes()];
    let datagram = frames_ipv6::udp(ANNA, own(BERT), (1, 2));
    let syn = frames_ipv6::tcp(ANNA, own(BERT), (1, 2), SYN);
    let [fast_ipv6, slow_ipv6] = [datagram.bytes(), syn.bytes()];
    let mut costs = [
        "only bpf_redirect_peer",
        "a cached flow",
        "all stages, untracked flow",
        "all stages, tracked flow",
        "IPv6: a cached flow",
        "IPv6: all stages, untracked flow",
        "IPv6: all stages, tracked flow",
    ]
    .map(Cost::new);
    for _ in 0..rounds {
        let times = [
            redirect.time_runs(&fast, RUNS)?,
            time(&mut untracked, &fast)?,
            time(&mut untracked, &slow)?,
            time(&mut tracked, &slow)?,
            time(&mut untracked_ipv6, &fast_ipv6)?,
            time(&mut untracked_ipv6, &slow_ipv6)?,
            time(&mut tracked_ipv6, &slow_ipv6)?,
        ];
        for (cost, time) in costs.iter_mut().zip(times) {
            cost.rounds.push(time.as_nanos() as f64);
        }
    }
    Ok(costs.into())
}

fn data_plane(pins: &Path, tables: &MemoryTables) -> io::Result<DataPlane> {
    let mut data_plane = DataPlane::open(pins).map_err(io::Error::other)?;
    fill(&mut data_plane, tables).map_err(io::Error::other)?;
    Ok(data_plane)
}

/// The mean of many runs that all take the same way: the first packet, which the cache does not know, goes before.
fn time(data_plane: &mut DataPlane, frame: &[u8]) -> io::Result<Duration> {
    let first = data_plane.test_run(ANNA, frame).map_err(io::Error::other)?;
    if !first.delivered {
        return Err(io::Error::other("the program drops what it is to carry"));
    }
    let time = data_plane.time_runs(ANNA, frame, RUNS);
    time.map_err(io::Error::other)
}

/// What the sender spends on a datagram until it lies before, or is refused by, a socket that nobody reads.
fn way(paths: &[(&'static str, Ends)], rounds: u32) -> io::Result<Vec<Cost>> {
    let open = |(name, ends): &(&'static str, Ends)| -> io::Result<_> {
        let address = SocketAddr::from((ends.address, PORT));
        let server = in_namespace(&ends.server, || UdpSocket::bind(address))?;
        let client = in_namespace(&ends.client, || any_port(address))?;
        client.connect(address)?;
        Ok((Cost::new(name), client, server))
    };
    let mut paths: Vec<_> = paths.iter().map(open).collect::<io::Result<_>>()?;
    for _ in 0..rounds {
        for (cost, client, _server) in &mut paths {
            let (began, mut sent) = (Instant::now(), 0_u32);
            while began.elapsed() < SLICE {
                send(client)?;
                sent += 1;
            }
            let packets = f64::from(sent) * BATCH as f64;
            cost.rounds
                .push(began.elapsed().as_nanos() as f64 / packets);
        }
    }
    Ok(paths.into_iter().map(|(cost, ..)| cost).collect())
}

fn in_namespace<T: Send>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let namespace = Namespace::open(path).map_err(io::Error::other)?;
    namespace.run(work).map_err(io::Error::other)?
}
