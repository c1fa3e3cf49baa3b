//! Beside real instances: what the agent spends on a call that changes no packet, and on a second in which nothing happens.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use comfy_table::Table;
use eni_client::{Ec2, PrivateRegion, median};
use serde::Serialize;

use crate::openeni::{authorize, numbered_rules};

/// Instances launched by one call: so many boot within a client's patience.
const LAUNCHED_AT_ONCE: usize = 20;
/// How long instances may take to run.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the agent is left alone before it is measured: what it does at leisure is done.
const SETTLING: Duration = Duration::from_secs(6);
/// How long it is watched while nothing happens: one of its longest periods.
const IDLE: Duration = Duration::from_secs(10);
/// Calls that are measured, ...
const CALLS: u32 = 100;
/// ... each so long after the one before that the agent makes a pass of its own for it.
const BETWEEN_CALLS: Duration = Duration::from_millis(20);
/// Threads of the process that are not the agent's: the main one, those that answer calls, and the writer.
const OTHER_THREADS: [&str; 4] = [
    "openeni",
    "tokio-rt-worker",
    "tokio-runtime-w",
    "region-writer",
];

/// What was measured in one region.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LiveCost {
    /// Running instances, each with one interface.
    instances: usize,
    /// Rules of the security group that all of them are in.
    rules: usize,
    /// The agent's processor time for a CreateTags, in milliseconds, without what it spends anyway in that time.
    agent_call_ms: f64,
    /// The same for a second in which nothing happens.
    agent_idle_second_ms: f64,
    /// The median of that CreateTags for its client, in milliseconds.
    call_ms: f64,
}

/// Measures a region of `instances`, all in one group of `rules`.
pub(crate) fn measure(program: &Path, instances: usize, rules: usize) -> io::Result<LiveCost> {
    let region = PrivateRegion::start(program)?;
    let ec2 = region.ec2()?;
    launch(&ec2, instances, rules)?;
    thread::sleep(SETTLING);
    let process = region.process_id();
    let before = agent_time(process)?;
    thread::sleep(IDLE);
    let idle = agent_time(process)? - before;
    let idle_rate = idle.as_secs_f64() / IDLE.as_secs_f64();
    let vpc = call(&ec2, "DescribeVpcs", &[])?
        .first("vpcId")
        .map_err(io::Error::other)?;
    let (before, began) = (agent_time(process)?, Instant::now());
    let mut times = Vec::new();
    for number in 0..CALLS {
        let value = number.to_string();
        let tag = [
            ("ResourceId.1", vpc.as_str()),
            ("Tag.1.Key", "n"),
            ("Tag.1.Value", &value),
        ];
        let called = Instant::now();
        call(&ec2, "CreateTags", &tag)?;
        times.push(called.elapsed().as_secs_f64() * 1e3);
        thread::sleep(BETWEEN_CALLS);
    }
    let spent = (agent_time(process)? - before).as_secs_f64();
    let anyway = idle_rate * began.elapsed().as_secs_f64();
    Ok(LiveCost {
        instances,
        rules,
        agent_call_ms: (spent - anyway).max(0.0) * 1e3 / f64::from(CALLS),
        agent_idle_second_ms: idle_rate * 1e3,
        call_ms: median(times).unwrap_or_default(),
    })
}

/// One row for each region.
pub(crate) fn table(costs: &[LiveCost]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "instances",
        "rules",
        "agent, CreateTags ms",
        "agent, idle second ms",
        "client, CreateTags ms",
    ]);
    for cost in costs {
        table.add_row([
            cost.instances.to_string(),
            cost.rules.to_string(),
            format!("{:.3}", cost.agent_call_ms),
            format!("{:.2}", cost.agent_idle_second_ms),
            format!("{:.2}", cost.call_ms),
        ]);
    }
    table
}

fn launch(ec2: &Ec2, instances: usize, rules: usize) -> io::Result<()> {
    if instances == 0 {
        return Ok(());
    }
    let subnet = call(ec2, "DescribeSubnets", &[])?;
    let subnet_id = subnet.first("subnetId").map_err(io::Error::other)?;
    let block = subnet.first("cidrBlock").map_err(io::Error::other)?;
    // The pool has no public address for each of them.
    let private = [
        ("SubnetId", subnet_id.as_str()),
        ("MapPublicIpOnLaunch.Value", "false"),
    ];
    call(ec2, "ModifySubnetAttribute", &private)?;
    let group = [("GroupName", "cost"), ("GroupDescription", "cost")];
    let group_id = call(ec2, "CreateSecurityGroup", &group)?
        .first("groupId")
        .map_err(io::Error::other)?;
    authorize(ec2, &group_id, &numbered_rules(rules, &block))?;
    let image_id = call(ec2, "DescribeImages", &[("Owner.1", "amazon")])?
        .first("imageId")
        .map_err(io::Error::other)?;
    let mut left = instances;
    while left > 0 {
        let count = left.min(LAUNCHED_AT_ONCE).to_string();
        let launch = [
            ("ImageId", image_id.as_str()),
            ("InstanceType", "m5.large"),
            ("SubnetId", &subnet_id),
            ("SecurityGroupId.1", &group_id),
            ("MinCount", &count),
            ("MaxCount", &count),
        ];
        call(ec2, "RunInstances", &launch)?;
        left -= left.min(LAUNCHED_AT_ONCE);
        eprintln!("{} of {instances} instances launched", instances - left);
    }
    let running = [
        ("Filter.1.Name", "instance-state-name"),
        ("Filter.1.Value.1", "running"),
    ];
    let deadline = Instant::now() + PATIENCE;
    while call(ec2, "DescribeInstances", &running)?
        .all("launchTime")
        .len()
        < instances
    {
        if Instant::now() > deadline {
            return Err(io::Error::other("the instances did not run in time"));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn call(ec2: &Ec2, action: &str, parameters: &[(&str, &str)]) -> io::Result<eni_client::Answer> {
    ec2.call(action, parameters).map_err(io::Error::other)
}

/// The processor time that the agent's threads have taken (`Documentation/scheduler/sched-stats.rst`: the first figure of
/// `schedstat`, in nanoseconds).
fn agent_time(process: u32) -> io::Result<Duration> {
    Ok(thread_times(process)?
        .into_iter()
        .filter(|(name, _)| !OTHER_THREADS.contains(&name.as_str()))
        .map(|(_, time)| time)
        .sum())
}

/// The processor time of the threads of each name.
fn thread_times(process: u32) -> io::Result<BTreeMap<String, Duration>> {
    let mut times = BTreeMap::<String, Duration>::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = entry?.path();
        // A thread may end between the listing and the look.
        let (Ok(name), Ok(statistics)) = (
            fs::read_to_string(thread.join("comm")),
            fs::read_to_string(thread.join("schedstat")),
        ) else {
            continue;
        };
        let taken = statistics
            .split(' ')
            .next()
            .and_then(|first| first.parse().ok());
        *times.entry(name.trim().to_owned()).or_default() +=
            Duration::from_nanos(taken.unwrap_or_default());
    }
    Ok(times)
}
