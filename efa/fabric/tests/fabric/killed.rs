//! Programs and services that are killed at any moment: while they start, find each other or talk.
//!
//! Whoever is left hears of it in bounded time, the service keeps nothing of the dead, and the next start is clean.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use eni_efa_client::{EndpointKind, Fabric, Peer, TrySendError};
use eni_fabric::{Directory, Isolated, SameSubnet, Service, ServiceOptions, UnderlayOptions};

use crate::support::{Log, PATIENCE, device, gid, header};
use crate::two_hosts::{Hosts, free_address};

/// A peer that died without a word is given up by SRD after 3 s; the rest is for a busy machine.
const BOUND: Duration = Duration::from_secs(10);
/// Kills come this much later in each round: the first ones while the programs start.
const STEP: Duration = Duration::from_millis(3);

/// A process of this test, which says lines.
struct Process {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    /// Runs the ignored test `name` of this file.
    fn start(name: &str, environment: &[(&str, String)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                &format!("killed::{name}"),
                "--ignored",
                "--nocapture",
            ])
            .envs(environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            let said = output.lines().map_while(Result::ok);
            // The test harness has its own lines.
            let ours =
                said.filter_map(|line| line.split_once("> ").map(|(_, ours)| ours.to_owned()));
            ours.take_while(|line| sender.send(line.clone()).is_ok())
                .for_each(drop);
        });
        Self {
            input: child.stdin.take().unwrap(),
            child,
            lines,
        }
    }

    #[track_caller]
    fn hear(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it says nothing")
    }

    fn tell(&mut self, line: &str) {
        // It may be dead already.
        let _told = writeln!(self.input, "{line}");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn descriptors(&self) -> usize {
        let open = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(open).unwrap().count()
    }
}

/// Says a line of this file's own.
fn say(line: &str) {
    println!("> {line}");
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap()
}

#[test]
#[ignore = "the service of another test"]
fn service() {
    let device_number: u8 = setting("FABRIC_TEST_DEVICE").parse().unwrap();
    let addresses: Vec<SocketAddr> = setting("FABRIC_TEST_ADDRESSES")
        .split_terminator(',')
        .map(|address| address.parse().unwrap())
        .collect();
    let (devices, underlay, directory): (_, _, Arc<dyn Directory>) = match addresses.as_slice() {
        [own, other] => (
            vec![device(device_number, None)],
            Some(UnderlayOptions::new(*own)),
            Arc::new(Hosts {
                addresses: HashMap::from([(gid(1 - device_number), *other)]),
                secret: None,
            }),
        ),
        _ => (
            vec![device(0, None), device(1, None)],
            None,
            Arc::new(Isolated),
        ),
    };
    let subnet = [0, 1].map(|number| (gid(number), String::new()));
    let _service = Service::start(ServiceOptions {
        socket: setting("FABRIC_TEST_SOCKET").into(),
        devices,
        policy: Arc::new(SameSubnet::new(subnet)),
        directory,
        underlay,
        seed: 11,
    })
    .unwrap();
    say("ready");
    // Until the test ends.
    let _ended = std::io::stdin().read(&mut [0]);
}

#[test]
#[ignore = "the program of another test"]
fn program() {
    let number: u8 = setting("FABRIC_TEST_DEVICE").parse().unwrap();
    let Ok(fabric) = Fabric::open_at(Path::new(&setting("FABRIC_TEST_SOCKET"))) else {
        return say("ended: no service");
    };
    let index = fabric
        .devices()
        .iter()
        .position(|device| device.gid == gid(number))
        .unwrap();
    let Ok(mut endpoint) = fabric.create_endpoint(index, EndpointKind::Srd) else {
        return say("ended: no service");
    };
    say(&endpoint.queue_pair().to_string());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let peer = Peer {
        gid: gid(1 - number),
        queue_pair: line.trim().parse().unwrap(),
    };
    let lane = endpoint.lane_to(peer);
    let mut log = Log::default();
    let payload = [number; 1_000];
    let mut has_met = false;
    loop {
        endpoint.poll(&mut log);
        if !log.records.is_empty() && !has_met {
            has_met = true;
            say("met");
        }
        log.records.clear();
        let failed = log
            .completed
            .iter()
            .find_map(|(_, _, outcome)| outcome.err());
        let broken = log.broken.first().map(|(_, cause)| *cause);
        if let Some(cause) = failed.or(broken) {
            return say(&format!("ended: {cause:?}"));
        }
        log.completed.clear();
        match endpoint.try_send(lane, &header(1), &[&payload], 0) {
            Ok(_) | Err(TrySendError::Full | TrySendError::Connecting) => {}
            Err(error) => return say(&format!("ended: {error}")),
        }
    }
}

/// Two hosts, or one, with a service each, and a program on each device.
struct Fixture {
    directory: tempfile::TempDir,
    addresses: Vec<SocketAddr>,
    services: Vec<Process>,
}

impl Fixture {
    fn new(hosts: u8) -> Self {
        let addresses = if hosts == 2 {
            vec![free_address(1), free_address(2)]
        } else {
            Vec::new()
        };
        let mut fixture = Self {
            directory: tempfile::tempdir().unwrap(),
            addresses,
            services: Vec::new(),
        };
        for host in 0..hosts {
            let service = fixture.start_service(host);
            fixture.services.push(service);
        }
        fixture
    }

    fn socket(&self, host: u8) -> String {
        let path = self.directory.path().join(format!("fabric-{host}.sock"));
        path.display().to_string()
    }

    fn start_service(&self, host: u8) -> Process {
        let mut addresses = self.addresses.clone();
        if host == 1 {
            addresses.reverse();
        }
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let service = Process::start(
            "service",
            &[
                ("FABRIC_TEST_SOCKET", self.socket(host)),
                ("FABRIC_TEST_DEVICE", host.to_string()),
                ("FABRIC_TEST_ADDRESSES", addresses.join(",")),
            ],
        );
        assert_eq!(service.hear(), "ready");
        service
    }

    fn start_programs(&self) -> [Process; 2] {
        [0, 1].map(|number: u8| {
            let host = number.min(self.services.len() as u8 - 1);
            Process::start(
                "program",
                &[
                    ("FABRIC_TEST_SOCKET", self.socket(host)),
                    ("FABRIC_TEST_DEVICE", number.to_string()),
                ],
            )
        })
    }

    /// Kills one process, `after` the programs know each other, and sees to what is left. Returns whether the programs had
    /// met by then.
    fn kill_one(&mut self, victim: Victim, after: Duration) -> bool {
        let mut programs = self.start_programs();
        let numbers = [0, 1].map(|index: usize| programs[index].hear());
        programs[0].tell(&numbers[1]);
        programs[1].tell(&numbers[0]);
        thread::sleep(after);
        match victim {
            Victim::Program(index) => programs[index].kill(),
            Victim::Service(host) => self.services[host].kill(),
        }
        let left = programs.iter().enumerate();
        let left = left.filter(|(index, _)| victim != Victim::Program(*index));
        let mut have_met = true;
        for (index, program) in left {
            let has_met = ends(program, index);
            have_met &= has_met;
        }
        if let Victim::Service(host) = victim {
            // The dead one's socket and port are taken over.
            self.services[host] = self.start_service(host as u8);
        }
        have_met
    }
}

/// Waits for the end of a program whose peer or service is dead. One that has never heard of its peer has nothing to be
/// told of; returns whether it had.
#[track_caller]
fn ends(program: &Process, index: usize) -> bool {
    let deadline = Instant::now() + BOUND;
    let mut has_met = false;
    while let Ok(line) = program
        .lines
        .recv_timeout(deadline - Instant::now().min(deadline))
    {
        match line.as_str() {
            "met" => has_met = true,
            ended => {
                assert!(ended.starts_with("ended"), "{ended}");
                return has_met;
            }
        }
    }
    assert!(
        !has_met,
        "program {index} does not learn that its peer is gone"
    );
    false
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Program(usize),
    Service(usize),
}

#[track_caller]
fn kill_in_turn(hosts: u8, victims: &[Victim], rounds: u32) {
    let mut fixture = Fixture::new(hosts);
    let open: Vec<_> = fixture.services.iter().map(Process::descriptors).collect();
    let mut met = 0;
    for round in 0..rounds {
        for victim in victims {
            met += u32::from(fixture.kill_one(*victim, STEP * round));
        }
    }
    assert!(met > 0, "no programs had met before one was killed");
    let deadline = Instant::now() + BOUND;
    for (service, open) in fixture.services.iter().zip(open) {
        while service.descriptors() != open {
            assert!(
                Instant::now() < deadline,
                "the service keeps descriptors of the dead"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn whoever_is_left_on_a_host_hears_of_every_death() {
    let victims = [Victim::Program(0), Victim::Program(1), Victim::Service(0)];
    kill_in_turn(1, &victims, 8);
}

#[test]
fn whoever_is_left_on_two_hosts_hears_of_every_death() {
    let victims = [
        Victim::Program(0),
        Victim::Program(1),
        Victim::Service(0),
        Victim::Service(1),
    ];
    kill_in_turn(2, &victims, 3);
}
