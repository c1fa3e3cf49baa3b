//! A fabric of two devices, and programs that run on it unmodified.
#![allow(dead_code, reason = "each test binary uses its own part")]

use eni_efa_abi::Gid;
use eni_efa_abi::control::{DeviceAttributes, Refusal};
use eni_efa_abi::limits::{MAX_ENDPOINTS, MAX_TRANSFER};
use eni_efa_install::Installation;
use eni_fabric::{Device, Isolated, Policy, Service, ServiceOptions};
use eni_types::MacAddress;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What a program may take on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Lets all converse until it is told to let nobody.
#[derive(Debug, Default)]
pub(crate) struct Switch(AtomicU64);

impl Switch {
    pub(crate) fn forbid(&self) {
        self.0.store(1, Ordering::SeqCst);
    }
}

impl Policy for Switch {
    fn may_converse(&self, _: Gid, _: Gid) -> Result<(), Refusal> {
        match self.generation() {
            0 => Ok(()),
            _ => Err(Refusal::NotAllowed),
        }
    }

    fn generation(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A service with `efa_0` and `efa_1`, and what programs need to find them.
pub(crate) struct Fabric {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, std::ffi::OsString)>,
    pub(crate) policy: Arc<Switch>,
    pub(crate) service: Service,
}

fn device(number: u8) -> Device {
    let mac = [0x02, 0, 0, 0, 0, number];
    let gid = Gid::from_mac(MacAddress(mac));
    Device {
        attributes: DeviceAttributes {
            name: format!("efa_{number}"),
            gid,
            mac,
            subnet: "subnet-1".to_owned(),
            node_guid: gid.interface_id(),
            max_transfer: MAX_TRANSFER as u32,
            max_endpoints: MAX_ENDPOINTS as u32,
            reaches_other_hosts: false,
        },
        network_namespace: None,
    }
}

impl Fabric {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a place");
        let socket = folder.path().join("fabric.sock");
        let policy = Arc::new(Switch::default());
        let service = Service::start(ServiceOptions {
            socket: socket.clone(),
            devices: vec![device(0), device(1)],
            policy: Arc::clone(&policy) as Arc<dyn Policy>,
            directory: Arc::new(Isolated),
            underlay: None,
            seed: u64::from(std::process::id()),
        })
        .expect("a service");
        let installation = Installation {
            directory: &folder.path().join("efa"),
            libraries: &libraries(),
            socket: &socket,
            devices: 2,
        };
        installation.install().expect("installed");
        let mut environment = installation.environment();
        // Programs of one machine would take libfabric's shared memory otherwise.
        environment.push(("FI_EFA_ENABLE_SHM_TRANSFER", "0".into()));
        // They look for hardware that is not there, and say so.
        environment.push(("HWLOC_COMPONENTS", "-gl".into()));
        environment.push(("PSM2_DEVICES", "self".into()));
        Self {
            folder,
            environment,
            policy,
            service,
        }
    }

    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }

    /// Compiles `tests/programs/NAME.c`.
    pub(crate) fn compile(&self, name: &str) -> PathBuf {
        let source = programs().join(name).with_extension("c");
        let to = self.folder.path().join(name);
        let flags = ["-Wall", "-Wextra", "-Werror", "-O1", "-o"];
        let compiler = Command::new("cc")
            .args(flags)
            .arg(&to)
            .arg(source)
            .args(["-libverbs", "-lefa"])
            .status();
        assert!(compiler.expect("a C compiler").success());
        to
    }
}

pub(crate) fn programs() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "programs"]
        .iter()
        .collect()
}

/// Where cargo puts the library: beside this test.
fn libraries() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().expect("in a folder").to_owned();
    assert!(
        folder.join(eni_efa_install::VERBS_LIBRARY).exists(),
        "cargo has built the library"
    );
    folder
}

/// A program that is killed when the test forgets it, and whose lines are read with patience.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    pub(crate) input: Option<ChildStdin>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a program");
        let (sender, lines) = channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child
                .stdout
                .take()
                .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            child
                .stderr
                .take()
                .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _heard = sender.send(line);
                }
            });
        }
        let input = child.stdin.take();
        Self {
            child,
            lines,
            input,
        }
    }

    /// The next line.
    pub(crate) fn line(&self, patience: Duration) -> String {
        self.lines.recv_timeout(patience).expect("a line in time")
    }

    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open");
        writeln!(input, "{line}").expect("it reads");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ran");
    }

    /// Whether it ends well. It must end in time.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("it ran") {
                return status.success();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!(
            "it still runs after {patience:?}: {:?}",
            self.lines.try_iter().collect::<Vec<_>>()
        );
    }

    /// All that it has said and still says, after it has ended well.
    pub(crate) fn finish(mut self) -> String {
        self.input = None;
        let ended_well = self.ends_within(PATIENCE);
        let said: Vec<String> = self.lines.iter().collect();
        let said = said.join("\n");
        assert!(ended_well, "{said}");
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}
