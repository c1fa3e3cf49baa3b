//! Where the two processes run: on one host, or on two.

use eni_netlink::Namespace;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Addresses of the two hosts, and of one host.
const HOSTS: [&str; 2] = ["10.9.1.1", "10.9.1.2"];
const LOOPBACK: &str = "127.0.0.1";
/// The same MTU as in a VPC.
const MTU: &str = "9001";
/// Where services meet.
const PORT: u16 = 4_790;

/// Two sides with a fabric service each, or one for both. Everything goes with this value.
pub(crate) struct Place {
    services: Vec<Child>,
    namespaces: Vec<PathBuf>,
    directory: TempDir,
}

impl Drop for Place {
    fn drop(&mut self) {
        for service in &mut self.services {
            // Its standard input ends with it.
            drop(service.stdin.take());
            if let Err(error) = service.wait() {
                eprintln!("cannot wait for a fabric service: {error}");
            }
        }
        for path in &self.namespaces {
            if let Err(error) = Namespace::delete(path) {
                eprintln!("cannot delete the namespace {}: {error}", path.display());
            }
        }
    }
}

impl Place {
    /// One host with two devices.
    pub(crate) fn one_host() -> io::Result<Self> {
        let mut place = Self::empty()?;
        place.serve(0, &["--devices", "0,1"])?;
        Ok(place)
    }

    /// Two hosts with a device each.
    pub(crate) fn two_hosts() -> io::Result<Self> {
        let mut place = Self::empty()?;
        for name in ["a", "b"] {
            let path = place.directory.path().join(name);
            Namespace::create(&path).map_err(io::Error::other)?;
            place.namespaces.push(path);
        }
        let peer = place.namespaces[1].display().to_string();
        place.run(
            0,
            &[
                "ip", "link", "add", "eth0", "mtu", MTU, "type", "veth", "peer", "name", "peer0",
                "mtu", MTU,
            ],
        )?;
        place.run(
            0,
            &["ip", "link", "set", "peer0", "netns", &peer, "name", "eth0"],
        )?;
        for (side, address) in HOSTS.into_iter().enumerate() {
            place.run(side, &["ip", "link", "set", "lo", "up"])?;
            place.run(
                side,
                &[
                    "ip",
                    "address",
                    "add",
                    &format!("{address}/24"),
                    "dev",
                    "eth0",
                ],
            )?;
            place.run(side, &["ip", "link", "set", "eth0", "up"])?;
        }
        for side in [0, 1] {
            let (own, other) = (HOSTS[side], HOSTS[1 - side]);
            let device = side.to_string();
            let listen = format!("{own}:{PORT}");
            let other = format!("{}={other}:{PORT}", 1 - side);
            place.serve(
                side,
                &[
                    "--devices",
                    &device,
                    "--listen",
                    &listen,
                    "--other",
                    &other,
                    "--mtu",
                    MTU,
                ],
            )?;
        }
        Ok(place)
    }

    fn empty() -> io::Result<Self> {
        Ok(Self {
            services: Vec::new(),
            namespaces: Vec::new(),
            directory: TempDir::with_prefix("eni-fabric-bench-")?,
        })
    }

    /// A folder of this place's own.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The socket of the service on `side`.
    pub(crate) fn socket(&self, side: usize) -> PathBuf {
        let service = if self.namespaces.is_empty() { 0 } else { side };
        self.directory.path().join(format!("fabric-{service}.sock"))
    }

    /// Devices of each host.
    pub(crate) fn devices(&self) -> usize {
        if self.namespaces.is_empty() { 2 } else { 1 }
    }

    /// The device that `side` uses.
    pub(crate) fn domain(&self, side: usize) -> String {
        format!("efa_{}", side % self.devices())
    }

    /// An IP address of `side`.
    pub(crate) fn address(&self, side: usize) -> &'static str {
        if self.namespaces.is_empty() {
            LOOPBACK
        } else {
            HOSTS[side]
        }
    }

    /// A command to run on `side`.
    pub(crate) fn command(&self, side: usize, program: &Path) -> Command {
        match self.namespaces.get(side) {
            None => Command::new(program),
            Some(namespace) => {
                let mut command = Command::new("nsenter");
                command
                    .arg(format!("--net={}", namespace.display()))
                    .arg("--")
                    .arg(program);
                command
            }
        }
    }

    fn serve(&mut self, side: usize, arguments: &[&str]) -> io::Result<()> {
        let socket = self.socket(side);
        let mut command = self.command(side, &std::env::current_exe()?);
        command
            .arg("service")
            .arg("--socket")
            .arg(&socket)
            .args(arguments);
        let mut service = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = service.stdout.take();
        self.services.push(service);
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line)?;
        }
        if line.starts_with("ready") {
            return Ok(());
        }
        Err(io::Error::other("the fabric service did not start"))
    }

    fn run(&self, side: usize, command: &[&str]) -> io::Result<()> {
        let output = self
            .command(side, Path::new(command[0]))
            .args(&command[1..])
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!(
            "{}: {}",
            command.join(" "),
            said.trim()
        )))
    }
}
