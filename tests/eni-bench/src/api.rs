//! The API under load: durable creations from concurrent signed clients, and describes among many interfaces.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use eni_client::{Ec2, PrivateRegion, median};
use serde::Serialize;

/// Concurrent clients, each with a connection of its own.
const CLIENTS: usize = 8;
/// Interfaces in a subnet.
const INTERFACES_IN_A_SUBNET: usize = 200;
/// Times that each describe is measured.
const DESCRIBES: usize = 200;

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ApiFigures {
    /// Interfaces created.
    pub(crate) interfaces: usize,
    /// Durable `CreateNetworkInterface` calls a second.
    pub(crate) creates_per_second: f64,
    /// Milliseconds, median, of `DescribeNetworkInterfaces` by id.
    pub(crate) describe_by_id_ms: f64,
    /// By the filter `subnet-id`: 200 interfaces.
    pub(crate) describe_by_subnet_ms: f64,
    /// By the filter `tag:owner`: one interface.
    pub(crate) describe_by_tag_ms: f64,
}

/// Creates `count` interfaces in a region of their own and describes some of them.
pub(crate) fn measure(region: &PrivateRegion, count: usize) -> io::Result<ApiFigures> {
    let ec2 = region.ec2()?;
    let subnets = make_subnets(&ec2, count.div_ceil(INTERFACES_IN_A_SUBNET))?;
    let clients = (0..CLIENTS)
        .map(|_| region.ec2())
        .collect::<io::Result<Vec<_>>>()?;
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    thread::scope(|scope| {
        let running: Vec<_> = clients
            .iter()
            .map(|client| scope.spawn(|| create(client, &subnets, &next, count)))
            .collect();
        running
            .into_iter()
            .try_for_each(|client| client.join().expect("creating does not panic"))
    })?;
    let creates_per_second = count as f64 / began.elapsed().as_secs_f64();
    let chosen = [
        ("Filter.1.Name", "tag:owner"),
        ("Filter.1.Value.1", "owner-7"),
    ];
    let id = first(
        &ec2,
        "DescribeNetworkInterfaces",
        &chosen,
        "networkInterfaceId",
    )?;
    let subnet = [
        ("Filter.1.Name", "subnet-id"),
        ("Filter.1.Value.1", subnets[0].as_str()),
    ];
    Ok(ApiFigures {
        interfaces: count,
        creates_per_second,
        describe_by_id_ms: describe(&ec2, &[("NetworkInterfaceId.1", &id)])?,
        describe_by_subnet_ms: describe(&ec2, &subnet)?,
        describe_by_tag_ms: describe(&ec2, &chosen)?,
    })
}

fn make_subnets(ec2: &Ec2, count: usize) -> io::Result<Vec<String>> {
    let vpc_id = first(ec2, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "vpcId")?;
    (0..count)
        .map(|number| {
            let block = format!("10.0.{number}.0/24");
            first(
                ec2,
                "CreateSubnet",
                &[("VpcId", &vpc_id), ("CidrBlock", &block)],
                "subnetId",
            )
        })
        .collect()
}

fn create(client: &Ec2, subnets: &[String], next: &AtomicUsize, count: usize) -> io::Result<()> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(());
        }
        let parameters = [
            ("SubnetId", subnets[number % subnets.len()].as_str()),
            ("TagSpecification.1.ResourceType", "network-interface"),
            ("TagSpecification.1.Tag.1.Key", "owner"),
            ("TagSpecification.1.Tag.1.Value", &format!("owner-{number}")),
        ];
        client
            .call("CreateNetworkInterface", &parameters)
            .map_err(io::Error::other)?;
    }
}

fn describe(ec2: &Ec2, parameters: &[(&str, &str)]) -> io::Result<f64> {
    let mut times = Vec::with_capacity(DESCRIBES);
    for _ in 0..DESCRIBES {
        let began = Instant::now();
        ec2.call("DescribeNetworkInterfaces", parameters)
            .map_err(io::Error::other)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times).unwrap_or_default())
}

fn first(
    ec2: &Ec2,
    action: &str,
    parameters: &[(&str, &str)],
    name: &'static str,
) -> io::Result<String> {
    ec2.call(action, parameters)
        .and_then(|answer| answer.first(name))
        .map_err(io::Error::other)
}
