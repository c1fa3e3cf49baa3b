//! Fabric services, and programs that use them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// One or two hosts' services, and the provider's library where libfabric looks for it.
pub(crate) struct Fabric {
    services: Vec<Running>,
    directory: TempDir,
}

impl Fabric {
    /// One service with the devices `efa_0` and `efa_1`.
    pub(crate) fn one_host() -> Self {
        Self::start(&[&["--devices", "0,1"]])
    }

    /// Two services with one device each, joined by the loopback network.
    pub(crate) fn two_hosts() -> Self {
        let [first, second] = ["127.0.0.1", "127.0.0.2"].map(|host| {
            let socket = UdpSocket::bind((host, 0)).unwrap();
            socket.local_addr().unwrap().to_string()
        });
        let (to_first, to_second) = (format!("0={first}"), format!("1={second}"));
        Self::start(&[
            &[
                "--devices",
                "0",
                "--listen",
                &first,
                "--other",
                &to_second,
                "--mtu",
                "65535",
            ],
            &[
                "--devices",
                "1",
                "--listen",
                &second,
                "--other",
                &to_first,
                "--mtu",
                "65535",
            ],
        ])
    }

    fn start(services: &[&[&str]]) -> Self {
        let directory = TempDir::with_prefix("eni-fabric-test-").unwrap();
        let tests = std::env::current_exe().unwrap();
        let library = tests.parent().unwrap().join("libopeneni_fi.so");
        assert!(library.exists(), "cargo builds {}", library.display());
        symlink(library, directory.path().join("libopeneni-fi.so")).unwrap();
        let mut this = Self {
            services: Vec::new(),
            directory,
        };
        for (number, options) in services.iter().enumerate() {
            let mut command = Command::new(env!("CARGO_BIN_EXE_eni-fabric-bench"));
            let socket = this.socket(number);
            let mut service = Running::start(
                command
                    .arg("service")
                    .arg("--socket")
                    .arg(socket)
                    .args(*options),
            );
            assert!(service.hear().starts_with("ready"));
            this.services.push(service);
        }
        this
    }

    /// A folder of this fabric's own.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn socket(&self, number: usize) -> String {
        format!("{}/fabric-{number}.sock", self.directory.path().display())
    }

    /// The device that `side` uses.
    pub(crate) fn domain(&self, side: usize) -> String {
        // Both are on one host, or each is the first of its own.
        if self.services.len() == 1 {
            format!("efa_{side}")
        } else {
            "efa_0".to_owned()
        }
    }

    /// Ends all conversations, and lets none begin.
    pub(crate) fn forbid(&mut self) {
        for service in &mut self.services {
            service.tell("forbid");
        }
    }

    /// A program on one of two sides.
    pub(crate) fn command(&self, side: usize, program: &str) -> Command {
        let mut command = Command::new(program);
        let service = side.min(self.services.len() - 1);
        command.env("OPENENI_FABRIC_SOCKET", self.socket(service));
        command.env("FI_PROVIDER_PATH", self.directory.path());
        command
    }
}

/// A process that is gone when this is.
pub(crate) struct Running {
    process: Child,
    lines: Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _heard = sender.send(line);
            }
        });
        Self { process, lines }
    }

    /// The next line that it says.
    pub(crate) fn hear(&mut self) -> String {
        self.hear_within(PATIENCE)
    }

    /// The next line that it says.
    ///
    /// # Panics
    /// It comes later.
    #[track_caller]
    pub(crate) fn hear_within(&mut self, patience: Duration) -> String {
        self.lines.recv_timeout(patience).unwrap()
    }

    /// A line for it.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Kills it, if it has not ended.
    pub(crate) fn kill(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// After [`PATIENCE`].
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }

    /// What it said of errors, after its end.
    pub(crate) fn complaint(&mut self) -> String {
        let mut text = String::new();
        self.process
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    /// Everything, after its end.
    pub(crate) fn output(mut self) -> Output {
        let status = self.wait();
        let stdout: Vec<String> = self.lines.iter().collect();
        Output {
            status,
            stdout: stdout.join("\n").into_bytes(),
            stderr: self.complaint().into_bytes(),
        }
    }
}

/// Runs a program to its end.
///
/// # Panics
/// After [`PATIENCE`].
pub(crate) fn run(command: &mut Command) -> Output {
    Running::start(command).output()
}

/// A TCP port that nobody has.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
