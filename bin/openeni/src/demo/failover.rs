//! An interface with a public address moves from a dead instance to a standby, under live traffic.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eni_client::{Ec2, PrivateRegion, median};
use eni_instance::RunDirectory;

use super::client::{Client, Traffic};
use super::stage::{DemoError, Stage, default_subnet, image, machine, wait, wait_running};
use super::timeline::{Report, Timeline, milliseconds, render};
use crate::cli::{FailoverOptions, Output};

/// The port that the instances answer on.
const PORT: u16 = 7;
/// How long traffic flows before the first instance dies, and after the standby has answered.
const STEADY: Duration = Duration::from_millis(300);
/// The private address of the interface that moves: in the first default subnet.
const MOVING_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 100);

/// The two instances and the interface between them.
struct Scene {
    ec2: Ec2,
    region: PrivateRegion,
    network_interface_id: String,
    public_address: Ipv4Addr,
}

/// An instance that answers.
#[derive(Clone)]
struct Player {
    name: &'static str,
    instance_id: String,
    /// The shell's words for what answers the probes in it.
    responder: String,
}

/// Runs the demonstration and prints what came of it. Must be called while the process has one thread.
pub(crate) fn run(options: &FailoverOptions) -> Result<(), DemoError> {
    let Stage {
        program,
        region,
        ec2,
    } = Stage::set()?;
    let mut reports = Vec::new();
    let (scene, mut active, mut standby) = Scene::set_up(ec2, region, &program)?;
    for _ in 0..options.runs {
        reports.push(scene.fail_over(&active, &standby)?);
        scene.revive(&active)?;
        std::mem::swap(&mut active, &mut standby);
    }
    print(options.output, &reports);
    Ok(())
}

fn print(output: Output, reports: &[Report]) {
    let middle = median(reports.iter().map(|report| report.blackout_ms).collect());
    match (output, reports) {
        (Output::Json, [report]) => println!("{}", json(report)),
        (Output::Json, _) => println!(
            "{}",
            json(&serde_json::json!({ "median_blackout_ms": middle, "runs": reports }))
        ),
        (Output::Table, [report]) => print!("{}", render(report)),
        (Output::Table, _) => {
            for (number, report) in reports.iter().enumerate() {
                println!(
                    "run {:>3}: blackout {:>7.3} ms, {} of {} probes lost",
                    number + 1,
                    report.blackout_ms,
                    report.probes_lost,
                    report.probes_sent
                );
            }
            println!(
                "median blackout {:.3} ms over {} runs",
                middle.unwrap_or_default(),
                reports.len()
            );
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("reports have string keys and finite numbers")
}

impl Scene {
    fn set_up(
        ec2: Ec2,
        region: PrivateRegion,
        program: &Path,
    ) -> Result<(Self, Player, Player), DemoError> {
        let subnet_id = default_subnet(&ec2)?;
        let group_id = ec2
            .call(
                "CreateSecurityGroup",
                &[
                    ("GroupName", "demo"),
                    ("GroupDescription", "Probes and streams"),
                ],
            )?
            .first("groupId")?;
        for protocol in ["tcp", "udp"] {
            let rule = [
                ("GroupId", group_id.as_str()),
                ("IpPermissions.1.IpProtocol", protocol),
                ("IpPermissions.1.FromPort", "7"),
                ("IpPermissions.1.ToPort", "7"),
                ("IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.0/24"),
            ];
            ec2.call("AuthorizeSecurityGroupIngress", &rule)?;
        }
        let image_id = image(&ec2)?;
        let active = launch(&ec2, "active", &image_id, &subnet_id, program)?;
        let standby = launch(&ec2, "standby", &image_id, &subnet_id, program)?;
        let made = ec2.call(
            "CreateNetworkInterface",
            &[
                ("SubnetId", &subnet_id),
                ("SecurityGroupId.1", &group_id),
                ("PrivateIpAddress", &MOVING_ADDRESS.to_string()),
                ("Description", "moves"),
            ],
        )?;
        let network_interface_id = made.first("networkInterfaceId")?;
        let address = ec2.call("AllocateAddress", &[("Domain", "vpc")])?;
        let association = [
            ("AllocationId", address.first("allocationId")?),
            ("NetworkInterfaceId", network_interface_id.clone()),
        ];
        ec2.call(
            "AssociateAddress",
            &association
                .each_ref()
                .map(|(name, value)| (*name, value.as_str())),
        )?;
        let public_address = address
            .first("publicIp")?
            .parse()
            .map_err(|_| DemoError::Nonsense("a public address"))?;
        let scene = Self {
            ec2,
            region,
            network_interface_id,
            public_address,
        };
        wait_running(&scene.ec2, &active.instance_id)?;
        wait_running(&scene.ec2, &standby.instance_id)?;
        scene.attach(&active)?;
        Ok((scene, active, standby))
    }

    fn attach(&self, player: &Player) -> Result<(), DemoError> {
        let attachment = [
            ("NetworkInterfaceId", self.network_interface_id.as_str()),
            ("InstanceId", &player.instance_id),
            ("DeviceIndex", "1"),
        ];
        self.ec2.call("AttachNetworkInterface", &attachment)?;
        Ok(())
    }

    fn attachment_id(&self) -> Result<String, DemoError> {
        let named = [("NetworkInterfaceId.1", self.network_interface_id.as_str())];
        Ok(self
            .ec2
            .call("DescribeNetworkInterfaces", &named)?
            .first("attachmentId")?)
    }

    fn fail_over(&self, active: &Player, standby: &Player) -> Result<Report, DemoError> {
        let target = SocketAddr::from((self.public_address, PORT));
        let client = Client::start(target).map_err(machine("cannot start the client"))?;
        let began = Instant::now();
        wait("the active instance's answers", || {
            Ok(client.so_far().first_answer(active.name, began))
        })?;
        let before = client.so_far();
        thread::sleep(STEADY);
        let attachment_id = self.attachment_id()?;

        let died = Instant::now();
        self.crash(active)?;
        let detach = Instant::now();
        self.ec2.call(
            "DetachNetworkInterface",
            &[("AttachmentId", &attachment_id), ("Force", "true")],
        )?;
        let detached = Instant::now();
        self.attach(standby)?;
        let attached = Instant::now();

        let answered = wait("the standby's answer", || {
            Ok(client.so_far().first_answer(standby.name, detach))
        })?;
        let resumed = wait("a TCP connection to the standby", || {
            Ok(client.so_far().first_connection(standby.name, detach))
        })?;
        thread::sleep(STEADY);
        let traffic = client.finish();

        let mut timeline = Timeline::new(died);
        if let Some(first) = before.first_answer(active.name, began) {
            timeline.add(
                first,
                format!(
                    "{} answers probes and streams TCP at {}",
                    active.name, self.public_address
                ),
            );
        }
        timeline.add(
            died,
            format!("{} ({}) dies", active.name, active.instance_id),
        );
        timeline.add(
            detach,
            format!(
                "DetachNetworkInterface {} Force=true",
                self.network_interface_id
            ),
        );
        timeline.add(detached, "  answered: the interface is available");
        timeline.add(
            detached,
            format!(
                "AttachNetworkInterface to {} ({})",
                standby.name, standby.instance_id
            ),
        );
        timeline.add(attached, "  answered");
        timeline.add(
            answered,
            format!("{} answers the first probe", standby.name),
        );
        timeline.add(resumed, format!("{} streams TCP", standby.name));
        Ok(report(&traffic, timeline, detach, answered, resumed))
    }

    /// Kills every process of an instance, as its crash would. Nobody tells the region.
    fn crash(&self, player: &Player) -> Result<(), DemoError> {
        self.shell(player, "kill -9 -1")
    }

    /// Boots a dead instance again: what a supervisor would do before the next failover. Its boot script does not run
    /// again.
    fn revive(&self, player: &Player) -> Result<(), DemoError> {
        for action in ["StopInstances", "StartInstances"] {
            self.ec2
                .call(action, &[("InstanceId.1", &player.instance_id)])?;
        }
        wait_running(&self.ec2, &player.instance_id)?;
        let script = format!("setsid {} </dev/null >/dev/null 2>&1 &", player.responder);
        self.shell(player, &script)
    }

    /// Runs a script in an instance.
    fn shell(&self, player: &Player, script: &str) -> Result<(), DemoError> {
        let run = RunDirectory::of(self.region.data_directory())
            .map_err(machine("cannot find the region"))?;
        let id = player
            .instance_id
            .parse()
            .map_err(|_| DemoError::Nonsense("an instance id"))?;
        let command = ["/bin/sh", "-c", script].map(Into::into);
        eni_instance::exec(&run, &crate::instance::supervisor(), id, None, &command)?;
        Ok(())
    }
}

fn report(
    traffic: &Traffic,
    timeline: Timeline,
    detach: Instant,
    answered: Instant,
    resumed: Instant,
) -> Report {
    Report {
        blackout_ms: milliseconds(answered - detach),
        probes_sent: traffic.probes_counted(),
        probes_lost: traffic.probes_lost(),
        tcp_resumed_ms: Some(milliseconds(resumed - detach)),
        events: timeline.finish(),
    }
}

fn launch(
    ec2: &Ec2,
    name: &'static str,
    image_id: &str,
    subnet_id: &str,
    program: &Path,
) -> Result<Player, DemoError> {
    let listen = SocketAddr::from((MOVING_ADDRESS, PORT));
    let responder = format!(
        "'{}' demo-responder --listen {listen} --name {name}",
        program.display()
    );
    let script = format!("#!/bin/sh\nexec {responder}\n");
    let launched = ec2.call(
        "RunInstances",
        &[
            ("ImageId", image_id),
            ("InstanceType", "m5.large"),
            ("SubnetId", subnet_id),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("UserData", &STANDARD.encode(script)),
        ],
    )?;
    Ok(Player {
        name,
        responder,
        instance_id: launched.first("instanceId")?,
    })
}
