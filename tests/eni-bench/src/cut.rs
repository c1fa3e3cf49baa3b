//! While many instances launch: how long a revoked rule's packets still pass, and when a detach is answered.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use comfy_table::Table;
use eni_client::{Answer, Ec2, PrivateRegion, median};
use serde::Serialize;

use crate::openeni::{namespace_of, wait_running};
use crate::traffic::{PORT, enter};

/// From one packet to the next.
const INTERVAL: Duration = Duration::from_micros(100);
/// So long after the last packet that passed others must have been sent for a rule to count as cut.
const SILENCE: Duration = Duration::from_millis(50);
/// The longest that a rule takes to pass packets, or to cut them.
const CUT_PATIENCE: Duration = Duration::from_secs(10);
/// The longest that instances take to run, or to end.
const LAUNCH_PATIENCE: Duration = Duration::from_secs(120);
/// Interfaces beside the first that are detached in each launch, and a type that takes so many (EC2's table: 15).
const DETACHED: usize = 10;
const INSTANCE_TYPE: &str = "m5.24xlarge";

/// What was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct CutTimes {
    /// Instances that launched meanwhile, by one call.
    instances: usize,
    /// From the revoke call's begin to the last packet that passed, in milliseconds.
    cut_ms: Vec<f64>,
    /// From the revoke call's begin to its answer.
    revoke_ms: Vec<f64>,
    /// From the detach call's begin to its answer.
    detach_ms: Vec<f64>,
    /// The longest time in which no packet was sent while a cut was measured: a cut is known as exactly.
    longest_pause_ms: f64,
}

/// Two instances with packets between them, and interfaces that can be detached from the first.
struct Scene {
    region: PrivateRegion,
    ec2: Ec2,
    subnet_id: String,
    image_id: String,
    group_id: String,
    client: String,
    interfaces: Vec<String>,
}

/// What sender and receiver tell each other, in nanoseconds since the beginning.
#[derive(Default)]
struct Stream {
    sent: AtomicU64,
    /// When the last packet that has passed was sent.
    passed: AtomicU64,
    longest_pause: AtomicU64,
    stop: AtomicBool,
}

/// Launches `instances` again and again until there are so many samples of either kind.
pub(crate) fn measure(program: &Path, instances: usize, samples: usize) -> io::Result<CutTimes> {
    let region = PrivateRegion::start(program)?;
    let (scene, ends) = Scene::set(region)?;
    let (stream, origin) = (Stream::default(), Instant::now());
    thread::scope(|scope| {
        let receiver = scope.spawn(|| stream.receive(&ends.server, ends.address));
        let sender = scope.spawn(|| stream.send(&ends.client, ends.address, origin));
        let measured = scene.measure(&stream, origin, instances, samples);
        stream.stop.store(true, Ordering::Relaxed);
        receiver.join().expect("receiving does not panic")?;
        sender.join().expect("sending does not panic")?;
        measured
    })
}

/// Medians and 99th percentiles.
pub(crate) fn table(times: &CutTimes) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    let title = format!("while {} instances launch", times.instances);
    table.set_header([title.as_str(), "samples", "median ms", "p99 ms"]);
    for (name, figures) in [
        ("revoked rule, last packet", &times.cut_ms),
        ("revoked rule, answer", &times.revoke_ms),
        ("detach, answer", &times.detach_ms),
    ] {
        let mut sorted = figures.clone();
        sorted.sort_by(f64::total_cmp);
        // The least that is not below 99 of 100: of fewer than a hundred, the largest.
        let place = (sorted.len() * 99).div_ceil(100).max(1) - 1;
        table.add_row([
            name.to_owned(),
            sorted.len().to_string(),
            format!("{:.1}", median(sorted.clone()).unwrap_or_default()),
            format!("{:.1}", sorted.get(place).copied().unwrap_or_default()),
        ]);
    }
    table
}

impl Stream {
    fn send(&self, namespace: &Path, to: SocketAddr, origin: Instant) -> io::Result<()> {
        enter(namespace)?;
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(to)?;
        let mut next = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let now = nanoseconds(origin.elapsed());
            let pause = now - self.sent.load(Ordering::Relaxed);
            self.longest_pause.fetch_max(pause, Ordering::Relaxed);
            // A packet that is dropped on its way is no error; one that the device has no room for is sent again.
            let _ = socket.send(&now.to_ne_bytes());
            self.sent.store(now, Ordering::Relaxed);
            next = Instant::now().max(next + INTERVAL);
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }

    fn receive(&self, namespace: &Path, at: SocketAddr) -> io::Result<()> {
        enter(namespace)?;
        let socket = UdpSocket::bind(at)?;
        socket.set_read_timeout(Some(SILENCE))?;
        let mut time = [0; 8];
        while !self.stop.load(Ordering::Relaxed) {
            if socket.recv(&mut time).is_ok() {
                self.passed
                    .fetch_max(u64::from_ne_bytes(time), Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn passed(&self) -> Duration {
        Duration::from_nanos(self.passed.load(Ordering::Relaxed))
    }

    fn sent(&self) -> Duration {
        Duration::from_nanos(self.sent.load(Ordering::Relaxed))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Where packets are sent and received.
struct PacketEnds {
    client: std::path::PathBuf,
    server: std::path::PathBuf,
    address: SocketAddr,
}

impl Scene {
    fn set(region: PrivateRegion) -> io::Result<(Self, PacketEnds)> {
        let ec2 = region.ec2()?;
        let subnet_id = first(&call(&ec2, "DescribeSubnets", &[])?, "subnetId")?;
        // The pool has no public address for each instance.
        let private = [
            ("SubnetId", subnet_id.as_str()),
            ("MapPublicIpOnLaunch.Value", "false"),
        ];
        call(&ec2, "ModifySubnetAttribute", &private)?;
        let group = [("GroupName", "cut"), ("GroupDescription", "cut")];
        let group_id = first(&call(&ec2, "CreateSecurityGroup", &group)?, "groupId")?;
        let images = call(&ec2, "DescribeImages", &[("Owner.1", "amazon")])?;
        let mut scene = Self {
            image_id: first(&images, "imageId")?,
            region,
            ec2,
            subnet_id,
            group_id,
            client: String::new(),
            interfaces: Vec::new(),
        };
        let ids = scene.launch(&scene.ec2, 2)?;
        let [client, server] = ids.as_slice() else {
            return Err(io::Error::other("two instances were asked for"));
        };
        wait_running(&scene.ec2, &[client, server])?;
        let described = scene.call("DescribeInstances", &[("InstanceId.1", server)])?;
        let address = first(&described, "privateIpAddress")?;
        let address = address.parse().map_err(io::Error::other)?;
        let directory = scene.region.data_directory();
        let ends = PacketEnds {
            client: namespace_of(directory, client),
            server: namespace_of(directory, server),
            address: SocketAddr::new(address, PORT),
        };
        scene.client.clone_from(client);
        for _ in 0..DETACHED {
            let made = [("SubnetId", scene.subnet_id.as_str())];
            let made = scene.call("CreateNetworkInterface", &made)?;
            scene.interfaces.push(first(&made, "networkInterfaceId")?);
        }
        Ok((scene, ends))
    }

    fn measure(
        &self,
        stream: &Stream,
        origin: Instant,
        instances: usize,
        samples: usize,
    ) -> io::Result<CutTimes> {
        let mut times = CutTimes {
            instances,
            ..CutTimes::default()
        };
        while times.cut_ms.len() < samples || times.detach_ms.len() < samples {
            let attachments = self.attach()?;
            thread::scope(|scope| {
                let own_client = self.region.ec2()?;
                let launch = scope.spawn(move || self.launch(&own_client, instances));
                self.wait_for_launch()?;
                for attachment_id in attachments {
                    self.sample(&attachment_id, stream, origin, &mut times)?;
                }
                let ids = launch.join().expect("launching does not panic")?;
                self.terminate(&ids)
            })?;
            eprintln!("{} of {samples} cuts", times.cut_ms.len());
        }
        Ok(times)
    }

    /// A detach and a cut. Kept if instances are still pending afterwards.
    fn sample(
        &self,
        attachment_id: &str,
        stream: &Stream,
        origin: Instant,
        times: &mut CutTimes,
    ) -> io::Result<()> {
        let began = Instant::now();
        self.call("DetachNetworkInterface", &[("AttachmentId", attachment_id)])?;
        let detach = began.elapsed();
        let (cut, revoke, pause) = self.cut(stream, origin)?;
        if self.instances_that_are("pending")? > 0 {
            times.detach_ms.push(milliseconds(detach));
            times.cut_ms.push(milliseconds(cut));
            times.revoke_ms.push(milliseconds(revoke));
            times.longest_pause_ms = times.longest_pause_ms.max(milliseconds(pause));
        }
        Ok(())
    }

    /// Lets packets pass, and revokes that again: until the last that passed, until the answer, and the longest time in
    /// which none was sent.
    fn cut(&self, stream: &Stream, origin: Instant) -> io::Result<(Duration, Duration, Duration)> {
        // Rules for all of the world in both directions make the flow an untracked one, as EC2 has it.
        let port = PORT.to_string();
        let rule = [
            ("GroupId", self.group_id.as_str()),
            ("IpPermissions.1.IpProtocol", "udp"),
            ("IpPermissions.1.FromPort", &port),
            ("IpPermissions.1.ToPort", &port),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ];
        let authorized = origin.elapsed();
        self.call("AuthorizeSecurityGroupIngress", &rule)?;
        wait_until("no packet passed", || Ok(stream.passed() > authorized))?;
        stream.longest_pause.store(0, Ordering::Relaxed);
        let began = origin.elapsed();
        self.call("RevokeSecurityGroupIngress", &rule)?;
        let answered = origin.elapsed();
        let silent = || Ok(stream.sent() > stream.passed().max(answered) + SILENCE);
        wait_until("the rule was never cut", silent)?;
        let pause = Duration::from_nanos(stream.longest_pause.load(Ordering::Relaxed));
        let cut = stream.passed().saturating_sub(began);
        Ok((cut, answered - began, pause))
    }

    fn launch(&self, ec2: &Ec2, count: usize) -> io::Result<Vec<String>> {
        let count = count.to_string();
        let launch = [
            ("ImageId", self.image_id.as_str()),
            ("InstanceType", INSTANCE_TYPE),
            ("SubnetId", &self.subnet_id),
            ("SecurityGroupId.1", &self.group_id),
            ("MinCount", &count),
            ("MaxCount", &count),
        ];
        let mut ids = call(ec2, "RunInstances", &launch)?.all("instanceId");
        ids.dedup();
        Ok(ids)
    }

    fn wait_for_launch(&self) -> io::Result<()> {
        let pending = || Ok(self.instances_that_are("pending")? > 0);
        wait_until("the instances do not launch", pending)
    }

    fn terminate(&self, ids: &[String]) -> io::Result<()> {
        let deadline = Instant::now() + LAUNCH_PATIENCE;
        self.wait_for_none("pending", deadline)?;
        let names: Vec<_> = (1..=ids.len()).map(|n| format!("InstanceId.{n}")).collect();
        let names = names.iter().map(String::as_str);
        let parameters: Vec<_> = names.zip(ids.iter().map(String::as_str)).collect();
        self.call("TerminateInstances", &parameters)?;
        self.wait_for_none("shutting-down", deadline)
    }

    fn wait_for_none(&self, state: &str, deadline: Instant) -> io::Result<()> {
        while self.instances_that_are(state)? > 0 {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("instances are {state} too long")));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn instances_that_are(&self, state: &str) -> io::Result<usize> {
        let filter = [
            ("Filter.1.Name", "instance-state-name"),
            ("Filter.1.Value.1", state),
        ];
        Ok(self
            .call("DescribeInstances", &filter)?
            .all("launchTime")
            .len())
    }

    /// Attaches all interfaces; their attachments.
    fn attach(&self) -> io::Result<Vec<String>> {
        let interfaces = self.interfaces.iter().enumerate();
        interfaces
            .map(|(index, interface_id)| {
                let index = (index + 1).to_string();
                let attach = [
                    ("NetworkInterfaceId", interface_id.as_str()),
                    ("InstanceId", &self.client),
                    ("DeviceIndex", &index),
                ];
                first(
                    &self.call("AttachNetworkInterface", &attach)?,
                    "attachmentId",
                )
            })
            .collect()
    }

    fn call(&self, action: &str, parameters: &[(&str, &str)]) -> io::Result<Answer> {
        call(&self.ec2, action, parameters)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn wait_until(what: &str, mut holds: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let deadline = Instant::now() + CUT_PATIENCE;
    while !holds()? {
        if Instant::now() > deadline {
            return Err(io::Error::other(what.to_owned()));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn call(ec2: &Ec2, action: &str, parameters: &[(&str, &str)]) -> io::Result<Answer> {
    ec2.call(action, parameters).map_err(io::Error::other)
}

fn first(answer: &Answer, name: &'static str) -> io::Result<String> {
    answer.first(name).map_err(io::Error::other)
}
