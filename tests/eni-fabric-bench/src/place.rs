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
const VPC_MTU: u16 = 9_001;
/// Where services meet.
const PORT: u16 = 4_790;

/// What lies between two hosts.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// The largest IP packet, in bytes.
    pub mtu: u16,
    /// Datagrams of 1,000 that the sending service loses.
    pub lost: u16,
    /// Datagrams of 1,000 that it lets others overtake.
    pub late: u16,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            mtu: VPC_MTU,
            lost: 0,
            late: 0,
        }
    }
}

/// Two sides with a fabric service each, or one for both. Everything goes with this value.
#[derive(Debug)]
pub struct Place {
    /// Whose subcommand `service` is a fabric service.
    program: PathBuf,
    services: Vec<Child>,
    /// Of each host; a single host may do without.
    namespaces: Vec<PathBuf>,
    hosts: usize,
    directory: TempDir,
}

impl Drop for Place {
    fn drop(&mut self) {
        for service in &mut self.services {
            // It ends with its standard input.
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
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn one_host(program: &Path) -> io::Result<Self> {
        let mut place = Self::empty(1, program)?;
        place.serve(0, &["--devices", "0,1"])?;
        Ok(place)
    }

    /// The same in a namespace of its own, so that nobody else has its ports.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn one_host_apart(program: &Path) -> io::Result<Self> {
        let mut place = Self::empty(1, program)?;
        place.add_namespace("a")?;
        place.serve(0, &["--devices", "0,1"])?;
        Ok(place)
    }

    /// Two hosts with a device each.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn two_hosts(program: &Path, wire: Wire) -> io::Result<Self> {
        let mut place = Self::empty(2, program)?;
        for name in ["a", "b"] {
            place.add_namespace(name)?;
        }
        let peer = place.namespaces[1].display().to_string();
        let mtu = wire.mtu.to_string();
        place.run(
            0,
            &[
                "ip", "link", "add", "eth0", "mtu", &mtu, "type", "veth", "peer", "name", "peer0",
                "mtu", &mtu,
            ],
        )?;
        place.run(
            0,
            &["ip", "link", "set", "peer0", "netns", &peer, "name", "eth0"],
        )?;
        for (side, address) in HOSTS.into_iter().enumerate() {
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
            let (lost, late) = (wire.lost.to_string(), wire.late.to_string());
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
                    &mtu,
                    "--lost",
                    &lost,
                    "--late",
                    &late,
                ],
            )?;
        }
        Ok(place)
    }

    fn empty(hosts: usize, program: &Path) -> io::Result<Self> {
        Ok(Self {
            program: program.to_owned(),
            services: Vec::new(),
            namespaces: Vec::new(),
            hosts,
            directory: TempDir::with_prefix("eni-fabric-bench-")?,
        })
    }

    /// A namespace with a loopback interface for the next host.
    fn add_namespace(&mut self, name: &str) -> io::Result<()> {
        let path = self.directory.path().join(name);
        Namespace::create(&path).map_err(io::Error::other)?;
        self.namespaces.push(path);
        let last = self.namespaces.len() - 1;
        self.run(last, &["ip", "link", "set", "lo", "up"])
    }

    /// Kills the fabric service of `host`.
    ///
    /// # Errors
    /// It has ended already.
    pub fn kill_service(&mut self, host: usize) -> io::Result<()> {
        let service = self.services.get_mut(host);
        let service = service.ok_or(io::ErrorKind::NotFound)?;
        service.kill()?;
        service.wait().map(|_killed| ())
    }

    /// Cuts the link between two hosts.
    ///
    /// # Errors
    /// There is none.
    pub fn cut_link(&self) -> io::Result<()> {
        self.run(0, &["ip", "link", "set", "eth0", "down"])
    }

    /// A folder of this place's own.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The socket of the service on `side`.
    pub fn socket(&self, side: usize) -> PathBuf {
        let host = self.host(side);
        self.directory.path().join(format!("fabric-{host}.sock"))
    }

    /// The host that `side` is on.
    fn host(&self, side: usize) -> usize {
        side % self.hosts
    }

    /// Devices of each host.
    pub fn devices(&self) -> usize {
        2 / self.hosts
    }

    /// The device that `side` uses.
    pub fn domain(&self, side: usize) -> String {
        format!("efa_{}", side % self.devices())
    }

    /// An IP address of `side`.
    pub fn address(&self, side: usize) -> &'static str {
        if self.hosts == 1 {
            LOOPBACK
        } else {
            HOSTS[side]
        }
    }

    /// A command to run on `side`.
    pub fn command(&self, side: usize, program: &Path) -> Command {
        match self.namespaces.get(self.host(side)) {
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
        let mut command = self.command(side, &self.program);
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
