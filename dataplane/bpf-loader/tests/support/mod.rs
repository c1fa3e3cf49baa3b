//! Namespaces, devices and tables for tests on a real kernel. Everything bears a name of this process and is removed on
//! drop.
#![allow(dead_code, reason = "each test binary uses its own part")]

use eni_bpf_loader::{DataPlane, mount_bpffs, unmount_bpffs};
use eni_pipeline::testing::region::{ANNA, BERT, CARL, SERVICES, UPLINK, mac, private, router_mac};
use eni_pipeline::testing::region_ipv6::{HOST, ROUTER, VPC_BLOCK, own};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A fabric namespace with a veth pair for each vport of the small region, its guest end in a namespace of its own.
pub(crate) struct Lab {
    name: String,
    vports: Vec<u32>,
    bpffs: PathBuf,
}

impl Lab {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "enilab{}x{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let bpffs = std::env::temp_dir().join(&name);
        mount_bpffs(&bpffs).unwrap();
        let lab = Self {
            name,
            vports: vec![UPLINK, ANNA, BERT, CARL, SERVICES],
            bpffs,
        };
        shell(&format!("ip netns add {}", lab.fabric()));
        for vport in &lab.vports {
            lab.add_guest(*vport);
        }
        lab
    }

    fn add_guest(&self, vport: u32) {
        let (fabric, guest) = (self.fabric(), self.guest(vport));
        let mac = mac_text(mac(vport));
        shell(&format!("ip netns add {guest}"));
        shell(&format!(
            "ip -n {fabric} link add v{vport} index {vport} type veth peer name eth0 address {mac} netns {guest}"
        ));
        let mtu = if vport == UPLINK { 1500 } else { 9001 };
        shell(&format!(
            "ip netns exec {guest} sysctl -qw net.ipv6.conf.all.disable_ipv6=1"
        ));
        shell(&format!(
            "ip netns exec {fabric} sysctl -qw net.ipv6.conf.v{vport}.disable_ipv6=1"
        ));
        shell(&format!("ip -n {fabric} link set v{vport} mtu {mtu} up"));
        shell(&format!(
            "ip -n {guest} link set eth0 mtu {mtu} up && ip -n {guest} link set lo up"
        ));
        if vport == UPLINK {
            shell(&format!("ip -n {guest} addr add 198.51.100.1/32 dev eth0"));
            shell(&format!(
                "ip -n {guest} route add 203.0.113.0/24 dev eth0 src 198.51.100.1"
            ));
        } else {
            let [a, b, c, d] = private(vport);
            shell(&format!(
                "ip -n {guest} addr add {a}.{b}.{c}.{d}/24 dev eth0"
            ));
            shell(&format!(
                "ip -n {guest} route add default via {a}.{b}.{c}.1"
            ));
        }
    }

    /// Turns IPv6 on in every guest and gives each its address. All else they learn from the link: their router advertises
    /// itself. The host has a route by it.
    pub(crate) fn turn_on_ipv6(&self) {
        for vport in [UPLINK, ANNA, BERT, CARL] {
            let address = if vport == UPLINK { HOST } else { own(vport) };
            let on = "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0";
            self.run_in(
                vport,
                &format!("{on} && ip -6 addr add {address}/128 dev eth0"),
            );
        }
        let (block, length) = VPC_BLOCK;
        let route = format!("ip -6 route add {block}/{length} via {ROUTER} dev eth0 src {HOST}");
        // The host's address is not to be used before it is known to be nobody else's.
        self.wait_for(UPLINK, &route, |succeeded, _| succeeded);
        for vport in [ANNA, BERT, CARL] {
            let is_there = |_, text: &str| text.contains(&ROUTER.to_string());
            self.wait_for(vport, "ip -6 route show default", is_there);
            let is_settled = |_, text: &str| text.trim().is_empty();
            self.wait_for(vport, "ip -6 addr show tentative", is_settled);
        }
    }

    /// Runs a command in a guest's namespace until its success and text are as wanted.
    #[track_caller]
    pub(crate) fn wait_for(
        &self,
        vport: u32,
        command: &str,
        is_wanted: impl Fn(bool, &str) -> bool,
    ) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let (succeeded, text) = self.try_in(vport, command);
            if is_wanted(succeeded, &text) {
                return;
            }
            assert!(Instant::now() < end, "{vport}: {command}: {text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn open(&self) -> DataPlane {
        DataPlane::open(&self.bpffs).unwrap()
    }

    /// Attaches every vport.
    pub(crate) fn attach(&self, data_plane: &mut DataPlane) {
        let fabric = self.fabric_file();
        for vport in &self.vports {
            data_plane.attach(*vport, &fabric).unwrap();
        }
    }

    /// Runs `work` on a thread inside the fabric's network namespace.
    pub(crate) fn in_fabric<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        in_namespace(&self.fabric_file(), work)
    }

    /// Runs `work` on a thread inside a guest's network namespace.
    pub(crate) fn in_guest<R: Send>(&self, vport: u32, work: impl FnOnce() -> R + Send) -> R {
        in_namespace(
            &File::open(format!("/run/netns/{}", self.guest(vport))).unwrap(),
            work,
        )
    }

    pub(crate) fn vports(&self) -> &[u32] {
        &self.vports
    }

    pub(crate) fn bpffs(&self) -> &Path {
        &self.bpffs
    }

    pub(crate) fn fabric_file(&self) -> File {
        File::open(format!("/run/netns/{}", self.fabric())).unwrap()
    }

    pub(crate) fn fabric(&self) -> String {
        format!("{}f", self.name)
    }

    pub(crate) fn guest(&self, vport: u32) -> String {
        format!("{}g{vport}", self.name)
    }

    /// Runs a command in a guest's namespace; whether it succeeded, and what it said.
    pub(crate) fn try_in(&self, vport: u32, command: &str) -> (bool, String) {
        let guest = self.guest(vport);
        let output = Command::new("ip")
            .args(["netns", "exec", &guest, "sh", "-c", command])
            .output()
            .unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text.into_owned())
    }

    /// Sends each frame from the guest of `vport` by a raw socket, claiming the `virtio_net_hdr` before it unless that is
    /// empty; what became of each, see `send_frames.py`.
    pub(crate) fn send(&self, vport: u32, frames: &[(&[u8], &[u8])]) -> Vec<String> {
        self.send_as(vport, 0, frames)
    }

    /// [`Lab::send`], but the kernel is told that the frames were of `ether_type`.
    pub(crate) fn send_as(
        &self,
        vport: u32,
        ether_type: u16,
        frames: &[(&[u8], &[u8])],
    ) -> Vec<String> {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/send_frames.py");
        let guest = self.guest(vport);
        let mut python = Command::new("ip")
            .args(["netns", "exec", &guest, "python3", program])
            .arg(format!("{ether_type:x}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = python.stdin.take().unwrap();
        for (header, frame) in frames {
            let colon = if header.is_empty() { "" } else { ":" };
            let (header, frame) = (hexadecimal(header), hexadecimal(frame));
            writeln!(input, "{header}{colon}{frame}").unwrap();
        }
        drop(input);
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().map(str::to_owned).collect()
    }

    /// What arrives at the guest of `vport` while `work` is done, and until it is silent for a second: whether a checksum is
    /// still to be completed, and the frame in hexadecimal.
    pub(crate) fn receive(&self, vport: u32, work: impl FnOnce()) -> Vec<(bool, String)> {
        self.receive_under("0800", vport, work)
    }

    /// The same under this EtherType.
    pub(crate) fn receive_under(
        &self,
        ether_type: &str,
        vport: u32,
        work: impl FnOnce(),
    ) -> Vec<(bool, String)> {
        let program = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/programs/receive_frames.py"
        );
        let mut python = Command::new("ip")
            .args([
                "netns",
                "exec",
                &self.guest(vport),
                "python3",
                program,
                ether_type,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(python.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        work();
        // However long that took: from here on the receiver waits for silence.
        drop(python.stdin.take());
        let frames = lines.map(|line| {
            let line = line.unwrap();
            let (flag, frame) = line.split_once(' ').unwrap();
            (flag == "1", frame.to_owned())
        });
        let frames = frames.collect();
        assert!(python.wait().unwrap().success());
        frames
    }

    pub(crate) fn run_in(&self, vport: u32, command: &str) -> String {
        let (succeeded, text) = self.try_in(vport, command);
        assert!(succeeded, "{command}: {text}");
        text
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for vport in &self.vports {
            shell(&format!("ip netns del {}", self.guest(*vport)));
        }
        shell(&format!("ip netns del {}", self.fabric()));
        unmount_bpffs(&self.bpffs).unwrap();
        std::fs::remove_dir(&self.bpffs).unwrap();
    }
}

fn in_namespace<R: Send>(namespace: &File, work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            work()
        });
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(crate) fn shell(command: &str) {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// The MAC of the routers, as text.
pub(crate) fn router_mac_text(vport: u32) -> String {
    mac_text(router_mac(vport))
}
