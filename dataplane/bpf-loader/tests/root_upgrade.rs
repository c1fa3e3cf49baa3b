//! From the program that was released with table layout 7 to this one. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use eni_bpf_loader::Upgrade;
use eni_bpf_loader::testing::{ReleasedDataPlane, fill, refill};
use eni_pipeline::testing::add_policy;
use eni_pipeline::testing::region::{ANNA, BERT, CARL, UPLINK, small_region, tracking_region};
use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use support::Lab;

const CONNECTIONS: usize = 1_000;
/// A policy that allows nothing.
const CLOSED: u32 = 99;

/// `hold_connections.py` in a guest's namespace, ended on drop.
struct Holder {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Holder {
    /// Starts it with `arguments`; it is ready.
    fn start(lab: &Lab, vport: u32, arguments: &[&str]) -> Self {
        let program = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/programs/hold_connections.py"
        );
        let mut process = Command::new("ip")
            .args(["netns", "exec", &lab.guest(vport), "python3", program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut holder = Self { process, said };
        assert_eq!(holder.next_line(), "ready");
        holder
    }

    fn next_line(&mut self) -> String {
        self.said.next().unwrap().unwrap()
    }

    /// On how many connections a byte comes back.
    fn alive(&mut self) -> usize {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input).unwrap();
        self.next_line().parse().unwrap()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn attach_released(lab: &Lab, released: &mut ReleasedDataPlane) {
    for vport in [UPLINK, ANNA, BERT, CARL] {
        released.attach(vport, lab.fabric_file()).unwrap();
    }
}

fn reaches(lab: &Lab, from: u32, address: &str) -> bool {
    lab.try_in(from, &format!("ping -c1 -W2 {address}")).0
}

#[test]
fn root_an_upgrade_under_live_connections_loses_none() {
    let lab = Lab::new();
    let tables = tracking_region();
    let mut released = ReleasedDataPlane::open(lab.bpffs(), &tables).unwrap();
    attach_released(&lab, &mut released);
    let _server = Holder::start(&lab, BERT, &["serve"]);
    let mut client = Holder::start(&lab, ANNA, &[&CONNECTIONS.to_string(), "10.0.1.11"]);
    drop(released);

    let mut data_plane = lab.open();
    let Upgrade::Done { connections } = data_plane.upgrade else {
        panic!("{:?}", data_plane.upgrade);
    };
    assert!(
        connections >= 2 * CONNECTIONS,
        "both ends of each: {connections}"
    );
    assert!(!lab.bpffs().join("abi-7").exists());
    let attachments = data_plane.attachments().unwrap();
    let alive = attachments.iter().filter(|attachment| attachment.alive);
    assert_eq!(alive.count(), 4);
    for address in ["10.0.1.11", "10.0.2.12", "198.51.100.1"] {
        assert!(reaches(&lab, ANNA, address), "{address}: tables came along");
    }

    // Without rules only what is tracked passes.
    let mut closed = tables.clone();
    add_policy(&mut closed, CLOSED, &[]);
    for vport in [ANNA, BERT] {
        let row = closed.vports.get_mut(&vport).unwrap();
        row.security_policy = CLOSED;
        row.generation += 1;
    }
    refill(&mut data_plane, &tables, &closed).unwrap();
    assert!(!reaches(&lab, ANNA, "10.0.1.11"), "the rules are gone");
    assert_eq!(client.alive(), CONNECTIONS);
}

/// What is not as the layout says, or of a layout that nobody knows, is made anew.
#[test]
fn root_an_old_data_plane_that_cannot_be_read_is_made_anew() {
    let lab = Lab::new();
    let mut released = ReleasedDataPlane::open(lab.bpffs(), &tracking_region()).unwrap();
    attach_released(&lab, &mut released);
    drop(released);
    let maps = lab.bpffs().join("abi-7/maps");
    fs::rename(maps.join("MACS"), maps.join("MAPPINGS")).unwrap();
    fs::create_dir_all(lab.bpffs().join("abi-6/maps")).unwrap();

    let mut data_plane = lab.open();
    assert!(matches!(data_plane.upgrade, Upgrade::Failed(_)));
    for old in ["abi-7", "abi-6"] {
        assert!(!lab.bpffs().join(old).exists(), "{old} is gone");
    }
    fill(&mut data_plane, &small_region()).unwrap();
    lab.attach(&mut data_plane);
    assert!(reaches(&lab, ANNA, "10.0.1.11"));
    assert!(matches!(lab.open().upgrade, Upgrade::None));
}
