//! A region under load: writes beside long answers, what a hundred thousand interfaces take, and durable creations
//! beside a server that does nothing else.

mod bare;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use eni_client::{Ec2, PrivateRegion, median};
use serde::Serialize;

use bare::Bare;
use wire::{Answered, Wire};

/// Interfaces in a subnet; a /20 has room for 4,091.
const INTERFACES_IN_A_SUBNET: usize = 4_000;
/// Subnets in a VPC of the largest block.
const SUBNETS_IN_A_VPC: usize = 16;
/// Clients that fill a region.
const FILLING: usize = 16;
/// Clients that describe beside a write.
const DESCRIBING: usize = 2;
/// Writes whose median is a round's.
const WRITES: usize = 300;
/// Times that a region is started and described.
const TIMES: usize = 5;

/// What is measured.
pub(crate) struct Sizes {
    /// Interfaces that are described beside writes.
    pub(crate) described: usize,
    /// Interfaces in the large region.
    pub(crate) many: usize,
    /// Numbers of clients that create.
    pub(crate) clients: Vec<usize>,
    /// Creations, for each number of clients and round.
    pub(crate) creations: usize,
    /// Rounds.
    pub(crate) rounds: usize,
}

/// What came of it; medians over the rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadFigures {
    creations: Vec<Creations>,
    beside: Beside,
    many: Many,
}

/// Durable creations.
#[derive(Clone, Debug, Serialize)]
struct Creations {
    clients: usize,
    per_second: f64,
    bare_per_second: f64,
    /// Median of the rounds' ratios to the bare server.
    ratio: f64,
}

/// A write beside long answers.
#[derive(Clone, Debug, Serialize)]
struct Beside {
    interfaces: usize,
    quiet_write_ms: f64,
    write_beside_describes_ms: f64,
    /// Median of the rounds' ratios.
    ratio: f64,
    describes_a_second: f64,
}

/// A large region.
#[derive(Clone, Debug, Serialize)]
struct Many {
    interfaces: usize,
    start_seconds: f64,
    describe_seconds: f64,
    describe_first_bytes_ms: f64,
    describe_megabytes: f64,
}

/// Measures all of it in a region of its own.
pub(crate) fn measure(program: &Path, sizes: &Sizes) -> io::Result<LoadFigures> {
    // One after the other: regions listen at the same place.
    let creations = creations(&PrivateRegion::start(program)?, sizes)?;
    let region = PrivateRegion::start(program)?;
    let beside = beside(&region, sizes)?;
    let many = many(region, program, sizes)?;
    Ok(LoadFigures {
        creations,
        beside,
        many,
    })
}

fn creations(region: &PrivateRegion, sizes: &Sizes) -> io::Result<Vec<Creations>> {
    let ec2 = region.ec2()?;
    let most = sizes.clients.len() * sizes.creations * sizes.rounds;
    let subnets = make_subnets(&ec2, most.div_ceil(INTERFACES_IN_A_SUBNET))?;
    let mut document = Vec::new();
    let request = ec2.request("CreateNetworkInterface", &[("SubnetId", &subnets[0])])?;
    Wire::open(region.address())?.call(&request, &mut document)?;
    let bare = Bare::start(region.data_directory(), document)?;
    let mut rates = vec![(Vec::new(), Vec::new(), Vec::new()); sizes.clients.len()];
    let mut made = 0;
    for round in 1..=sizes.rounds {
        for (clients, (ours, bares, ratios)) in sizes.clients.iter().zip(&mut rates) {
            eprintln!(
                "round {round} of {}: {clients} clients create",
                sizes.rounds
            );
            let subnets = &subnets[made / INTERFACES_IN_A_SUBNET..];
            let (own, other) = (
                create(&ec2, region.address(), subnets, *clients, sizes.creations)?,
                create(&ec2, bare.address, subnets, *clients, sizes.creations)?,
            );
            made += sizes.creations;
            ours.push(own);
            bares.push(other);
            ratios.push(own / other);
        }
    }
    let middle = |values| median(values).unwrap_or_default();
    let figures = sizes.clients.iter().zip(rates);
    Ok(figures
        .map(|(clients, (ours, bares, ratios))| Creations {
            clients: *clients,
            per_second: middle(ours),
            bare_per_second: middle(bares),
            ratio: middle(ratios),
        })
        .collect())
}

fn beside(region: &PrivateRegion, sizes: &Sizes) -> io::Result<Beside> {
    let ec2 = region.ec2()?;
    let subnets = make_subnets(&ec2, sizes.described.div_ceil(INTERFACES_IN_A_SUBNET))?;
    create(&ec2, region.address(), &subnets, FILLING, sizes.described)?;
    let (mut quiet, mut busy, mut ratios, mut describes) = (vec![], vec![], vec![], vec![]);
    for round in 1..=sizes.rounds {
        eprintln!("round {round} of {}: writes beside describes", sizes.rounds);
        let alone = write(&ec2, region.address(), &subnets[0])?;
        let stop = AtomicBool::new(false);
        let (beside, told) = thread::scope(|scope| {
            let describing: Vec<_> = (0..DESCRIBING)
                .map(|_| scope.spawn(|| describe_until(&ec2, region.address(), &stop)))
                .collect();
            let began = Instant::now();
            let beside = write(&ec2, region.address(), &subnets[0]);
            stop.store(true, Ordering::Relaxed);
            let told = describing
                .into_iter()
                .map(|client| client.join().expect("describing does not panic"))
                .sum::<io::Result<usize>>();
            let told = told.map(|told| told as f64 / began.elapsed().as_secs_f64());
            io::Result::Ok((beside?, told?))
        })?;
        quiet.push(alone);
        busy.push(beside);
        ratios.push(beside / alone);
        describes.push(told);
    }
    let middle = |values| median(values).unwrap_or_default();
    Ok(Beside {
        interfaces: sizes.described,
        quiet_write_ms: middle(quiet),
        write_beside_describes_ms: middle(busy),
        ratio: middle(ratios),
        describes_a_second: middle(describes),
    })
}

fn many(mut region: PrivateRegion, program: &Path, sizes: &Sizes) -> io::Result<Many> {
    let ec2 = region.ec2()?;
    let subnets = make_subnets(&ec2, sizes.many.div_ceil(INTERFACES_IN_A_SUBNET))?;
    let more = sizes.many.saturating_sub(sizes.described);
    eprintln!("{more} more interfaces");
    create(&ec2, region.address(), &subnets, FILLING, more)?;
    let mut starts = Vec::new();
    let mut told: Vec<Answered> = Vec::new();
    for time in 1..=TIMES {
        eprintln!("start {time} of {TIMES}");
        region = region.stop_and_start(program, &mut starts)?;
        let mut document = Vec::new();
        let request = ec2.request("DescribeNetworkInterfaces", &[])?;
        let mut wire = Wire::open(region.address())?;
        told.push(wire.call(&request, &mut document)?);
    }
    let middle = |value: fn(&Answered) -> f64| median(told.iter().map(value).collect());
    Ok(Many {
        interfaces: sizes.many,
        start_seconds: median(starts).unwrap_or_default(),
        describe_seconds: middle(|told| told.last.as_secs_f64()).unwrap_or_default(),
        describe_first_bytes_ms: middle(|told| told.first.as_secs_f64() * 1e3).unwrap_or_default(),
        describe_megabytes: middle(|told| told.bytes as f64 / 1e6).unwrap_or_default(),
    })
}

fn make_subnets(ec2: &Ec2, count: usize) -> io::Result<Vec<String>> {
    let mut vpc_id = String::new();
    (0..count)
        .map(|number| {
            let within = number % SUBNETS_IN_A_VPC;
            if within == 0 {
                let block = [("CidrBlock", "10.0.0.0/16")];
                let vpc = ec2.call("CreateVpc", &block).map_err(io::Error::other)?;
                vpc_id = vpc.first("vpcId").map_err(io::Error::other)?;
            }
            let block = format!("10.0.{}.0/20", within * SUBNETS_IN_A_VPC);
            let subnet = ec2.call("CreateSubnet", &[("VpcId", &vpc_id), ("CidrBlock", &block)]);
            subnet
                .and_then(|subnet| subnet.first("subnetId"))
                .map_err(io::Error::other)
        })
        .collect()
}

/// Creates `count` interfaces, one subnet after the other; how many a second.
fn create(
    ec2: &Ec2,
    address: SocketAddr,
    subnets: &[String],
    clients: usize,
    count: usize,
) -> io::Result<f64> {
    let wires = (0..clients)
        .map(|_| Wire::open(address))
        .collect::<io::Result<Vec<_>>>()?;
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let client = |mut wire: Wire| {
        let mut document = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return io::Result::Ok(());
            }
            let subnet = &subnets[number / INTERFACES_IN_A_SUBNET];
            let request = ec2.request("CreateNetworkInterface", &[("SubnetId", subnet)])?;
            wire.call(&request, &mut document)?;
        }
    };
    thread::scope(|scope| {
        let running: Vec<_> = wires
            .into_iter()
            .map(|wire| scope.spawn(|| client(wire)))
            .collect();
        running
            .into_iter()
            .try_for_each(|client| client.join().expect("creating does not panic"))
    })?;
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// Tags a subnet again and again; the median in milliseconds.
fn write(ec2: &Ec2, address: SocketAddr, subnet: &str) -> io::Result<f64> {
    let (mut wire, mut document) = (Wire::open(address)?, Vec::new());
    let mut times = Vec::with_capacity(WRITES);
    for number in 0..WRITES {
        let value = number.to_string();
        let parameters = [
            ("ResourceId.1", subnet),
            ("Tag.1.Key", "number"),
            ("Tag.1.Value", &value),
        ];
        let request = ec2.request("CreateTags", &parameters)?;
        times.push(wire.call(&request, &mut document)?.last.as_secs_f64() * 1e3);
    }
    Ok(median(times).unwrap_or_default())
}

/// Describes all interfaces again and again; how often.
fn describe_until(ec2: &Ec2, address: SocketAddr, stop: &AtomicBool) -> io::Result<usize> {
    let (mut wire, mut document) = (Wire::open(address)?, Vec::new());
    let mut times = 0;
    while !stop.load(Ordering::Relaxed) {
        let request = ec2.request("DescribeNetworkInterfaces", &[])?;
        wire.call(&request, &mut document)?;
        times += 1;
    }
    Ok(times)
}
