//! The first process of an instance: `openeni instance-init`, a command of ours that users never type.
//!
//! It joins the instance's cgroup, enters its network namespace, makes the others, and splits twice. The first process
//! reports that the boot went well and ends. The second waits for the third, and writes down whether the guest has powered
//! itself off or rebooted. The third is process 1 of the instance, runs the boot script, copies what it prints to the console,
//! reaps what is orphaned, and stays until the cgroup is killed or the guest asks it to end. Nothing ties them to the agent.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, sethostname, setsid};

use crate::console::Console;
use crate::environment::Environment;
use crate::guest_end::{self, ASKING_SIGNALS};
use crate::run_directory::{NETWORK_NAMESPACE, USER_DATA};
use crate::user_data::{self, Kind};
use crate::{marks, sys, trust};

/// Files of the instance's directory that take the place of the host's, if the host has them.
pub(crate) const ETC_FILES: [&str; 3] = ["hostname", "hosts", "resolv.conf"];

/// A script written a moment ago may still be open for writing in a child that another thread forks: the kernel then
/// answers ETXTBSY.
const BUSY_RETRIES: u32 = 50;
const BUSY_DELAY: Duration = Duration::from_millis(10);

/// What the driver tells the first process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The instance's directory.
    pub(crate) directory: PathBuf,
    /// The `cgroup.procs` of its cgroup.
    pub(crate) processes: PathBuf,
    /// Its host name.
    pub(crate) hostname: OsString,
    /// The number of this boot.
    pub(crate) boot_count: u64,
    /// Its console's file.
    pub(crate) console: PathBuf,
    /// Whether it has never booted before: then its boot script runs.
    pub(crate) first_boot: bool,
}

/// The boot that an instance was last started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BootRecord {
    /// [`eni_plan::DesiredInstance::boot_count`].
    pub(crate) boot_count: u64,
    /// Its first process, in the driver's process namespace.
    pub(crate) process_id: i32,
}

/// Runs the first process with the arguments after `instance-init`. Call it before any thread is started.
///
/// The exit status is zero when the instance has booted; otherwise standard error, which the driver connects to the
/// console, says why not.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ! {
    match Settings::parse(arguments).and_then(|settings| boot(&settings)) {
        Ok(()) => process::exit(0),
        Err(error) => {
            eprintln!("instance-init: {error}");
            process::exit(1)
        }
    }
}

impl Settings {
    pub(crate) fn arguments(&self) -> [OsString; 6] {
        [
            self.directory.clone().into_os_string(),
            self.processes.clone().into_os_string(),
            self.hostname.clone(),
            self.boot_count.to_string().into(),
            self.console.clone().into_os_string(),
            self.first_boot.to_string().into(),
        ]
    }

    fn parse(arguments: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let arguments: Vec<_> = arguments.collect();
        let [
            directory,
            processes,
            hostname,
            boot_count,
            console,
            first_boot,
        ] = arguments.as_slice()
        else {
            return Err(io::Error::other("not to be called by hand"));
        };
        let first_boot = first_boot.to_str().and_then(|text| text.parse().ok());
        let boot_count = boot_count.to_str().and_then(|text| text.parse().ok());
        Ok(Self {
            directory: directory.into(),
            processes: processes.into(),
            hostname: hostname.clone(),
            boot_count: boot_count.ok_or_else(|| io::Error::other("no boot count"))?,
            console: console.into(),
            first_boot: first_boot.ok_or_else(|| io::Error::other("no word of a first boot"))?,
        })
    }
}

/// Returns in the process that was started only, when process 1 has come up.
fn boot(settings: &Settings) -> io::Result<()> {
    fs::write(&settings.processes, "0").map_err(in_words("join the cgroup"))?;
    setsid()?;
    let (mut ready, tell) = io::pipe()?;
    match sys::fork_single_threaded()? {
        ForkResult::Child => {
            drop(ready);
            attend(settings, tell)
        }
        ForkResult::Parent { child } => {
            drop(tell);
            await_word(&mut ready, child);
            Ok(())
        }
    }
}

/// Waits until `child` tells that it is ready; ends as it does if it never will, since it has said why.
fn await_word(ready: &mut PipeReader, child: Pid) {
    if ready.read_exact(&mut [0]).is_err() {
        let _status = waitpid(child, None);
        process::exit(1)
    }
}

/// Starts process 1 and waits for its end. Ends with it.
fn attend(settings: &Settings, mut tell: PipeWriter) -> io::Result<()> {
    let network = File::open(settings.directory.join(NETWORK_NAMESPACE))?;
    setns(network, CloneFlags::CLONE_NEWNET).map_err(in_words("enter the network namespace"))?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWPID)
        .map_err(in_words("make namespaces"))?;
    sethostname(&settings.hostname)?;
    mount_files(&settings.directory)?;
    let (mut ready, first_tell) = io::pipe()?;
    match sys::fork_single_threaded()? {
        ForkResult::Child => {
            drop((ready, tell));
            // One without who would see it end is none.
            set_pdeathsig(Signal::SIGKILL)?;
            serve(settings, first_tell)
        }
        ForkResult::Parent { child } => {
            drop(first_tell);
            await_word(&mut ready, child);
            let record = BootRecord {
                boot_count: settings.boot_count,
                process_id: child.as_raw(),
            };
            record.write(&settings.directory)?;
            tell.write_all(&[1])?;
            drop(tell);
            if let Some(end) = guest_end::of_status(waitpid(child, None)?) {
                guest_end::write(&settings.directory, settings.boot_count, end)?;
            }
            process::exit(0)
        }
    }
}

/// Process 1. Ends by being killed, by what the guest asks, or by an error before it has told that it is ready.
fn serve(settings: &Settings, mut tell: PipeWriter) -> io::Result<()> {
    let none: Option<&str> = None;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)
        .map_err(in_words("mount /proc"))?;
    std::env::set_current_dir("/")?;
    let mut heard = SigSet::from_iter(ASKING_SIGNALS);
    heard.add(Signal::SIGCHLD);
    heard.thread_block()?;
    let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let mut console = Console::open(&settings.console)?;
    let script = settings.directory.join(USER_DATA);
    let environment = Environment::read(&settings.directory);
    let started = match settings.first_boot {
        true => start_script(&script, &environment),
        // "User data scripts run only during the boot cycle when you first launch the instance" (EC2 User Guide, "Run
        // commands when you launch an EC2 instance with user data input").
        false => Ok(None),
    };
    tell.write_all(&[1])?;
    drop(tell);
    let (script, output) = match started {
        Ok(Some((script, output))) => (Some(script), Some(output)),
        Ok(None) => (None, None),
        Err(reason) => {
            console.append(format!("user-data was not run: {reason}\n").as_bytes())?;
            (None, None)
        }
    };
    let script = script.and_then(|child| Pid::from_raw(child.id().cast_signed()).into());
    watch(&mut console, script, output, &signals)
}

fn watch(
    console: &mut Console,
    script: Option<Pid>,
    mut output: Option<PipeReader>,
    signals: &SignalFd,
) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let mut wait_for = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if let Some(output) = &output {
            wait_for.push(PollFd::new(output.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut wait_for, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        let printed = wait_for.get(1).is_some_and(|fd| fd.any().unwrap_or(true));
        if printed && let Some(pipe) = &mut output {
            match pipe.read(&mut bytes)? {
                0 => output = None, // no process holds the other end any more
                length => console.append(bytes.get(..length).unwrap_or_default())?,
            }
        }
        while let Some(signal) = signals.read_signal()? {
            if let Some(code) = guest_end::exit_code(signal.ssi_signo) {
                process::exit(code);
            }
        }
        reap(console, script)?;
    }
}

/// Takes leave of every process that has ended, orphans among them: process 1 inherits those.
fn reap(console: &mut Console, script: Option<Pid>) -> io::Result<()> {
    loop {
        let ended = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        if script.is_some() && ended.pid() == script {
            let how = match ended {
                WaitStatus::Exited(_, code) => format!("exit code {code}"),
                WaitStatus::Signaled(_, signal, _) => format!("{signal}"),
                _ => continue,
            };
            console.append(format!("user-data ended with {how}\n").as_bytes())?;
        }
    }
}

/// Starts the boot script, if the user data is one; otherwise says why not.
fn start_script(
    path: &Path,
    environment: &Environment,
) -> Result<Option<(Child, PipeReader)>, String> {
    let user_data = fs::read(path).map_err(|error| error.to_string())?;
    match Kind::of(&user_data) {
        Kind::Empty => Ok(None),
        Kind::Script => {
            let started = spawn_script(path, environment);
            let started = started.map_err(|error| user_data::not_started(&user_data, &error))?;
            Ok(Some(started))
        }
        Kind::Unsupported(what) => Err(what),
    }
}

fn spawn_script(path: &Path, environment: &Environment) -> io::Result<(Child, PipeReader)> {
    let (output, input) = io::pipe()?;
    for _ in 0..BUSY_RETRIES {
        let mut command = Command::new(path);
        command
            .stdin(Stdio::null())
            .stdout(input.try_clone()?)
            .stderr(input.try_clone()?);
        environment.give(&mut command);
        match command.spawn() {
            Ok(child) => return Ok((child, output)),
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(BUSY_DELAY);
            }
            Err(error) => return Err(error),
        }
    }
    Err(Errno::ETXTBSY.into())
}

/// Where programs reach what powers the host off, and how they know that it is there: shutdown(8) and systemctl(1) in an
/// instance must not reach the host's systemd, D-Bus or sysvinit (sd_booted(3), D-Bus Specification, "Well-known Message Bus
/// Instances", initctl(5)).
const HOSTS_INIT: [&str; 4] = [
    "/run/systemd/system",
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
    "/run/initctl",
];

/// Puts something empty in the place of `path`, if it is there.
fn hide(path: &Path) -> io::Result<()> {
    let none: Option<&str> = None;
    let hidden = match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let tmpfs = Some("tmpfs");
            mount(tmpfs, path, tmpfs, MsFlags::MS_RDONLY, none)
        }
        Ok(_) => mount(Some("/dev/null"), path, none, MsFlags::MS_BIND, none),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => return Err(error),
    };
    hidden.map_err(in_words("hide what is the host's"))
}

/// Where ip-netns(8) keeps names.
const NETNS_DIRECTORY: &str = "/run/netns";

/// Gives the mount namespace its own `/etc` files, its own `/sys`, which shows the network namespace's devices, and its own
/// names of network namespaces.
fn mount_files(directory: &Path) -> io::Result<()> {
    let none: Option<&str> = None;
    // What the host unmounts later goes here too (else it could never be removed); what we mount stays here.
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(none, "/", none, flags, none).map_err(in_words("detach the mounts"))?;
    for name in ETC_FILES {
        let target = Path::new("/etc").join(name);
        if target.exists() {
            let source = directory.join(name);
            mount(Some(&source), &target, none, MsFlags::MS_BIND, none)
                .map_err(in_words("mount a file on /etc"))?;
        }
    }
    for path in HOSTS_INIT {
        hide(Path::new(path))?;
    }
    trust::mount_over(directory).map_err(in_words("mount whom to trust"))?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none)
        .map_err(in_words("mount /sys"))?;
    marks::mount_over(directory).map_err(in_words("mount what the firmware says"))?;
    fs::create_dir_all(NETNS_DIRECTORY).map_err(in_words("make /run/netns"))?;
    let tmpfs = Some("tmpfs");
    mount(
        tmpfs,
        NETNS_DIRECTORY,
        tmpfs,
        MsFlags::empty(),
        Some("mode=755"),
    )
    .map_err(in_words("mount /run/netns"))
}

fn in_words<E: Into<io::Error>>(words: &'static str) -> impl FnOnce(E) -> io::Error {
    move |error| io::Error::other(format!("{words}: {}", error.into()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn settings_travel_through_the_command_line() {
        let settings = Settings {
            directory: "/a b".into(),
            processes: "/c/cgroup.procs".into(),
            hostname: "ip-10-0-0-5".into(),
            boot_count: 7,
            console: "/d/console".into(),
            first_boot: true,
        };
        let parsed = Settings::parse(settings.arguments().into_iter()).unwrap();
        assert_eq!(parsed, settings);
        assert!(Settings::parse(std::iter::empty()).is_err());
    }

    #[test]
    fn root_what_is_the_hosts_is_reached_by_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let (socket, folder) = (
            directory.path().join("socket"),
            directory.path().join("folder"),
        );
        let _listener = UnixListener::bind(&socket).unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file"), "").unwrap();
        let missing = directory.path().join("missing");
        // Mounts of a thread's own, that end with it.
        let tried = thread::scope(|scope| {
            let inside = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_FS).unwrap();
                let none: Option<&str> = None;
                mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none).unwrap();
                for path in [&socket, &folder, &missing] {
                    hide(path).unwrap();
                }
                let is_empty = fs::read_dir(&folder).unwrap().next().is_none();
                (UnixStream::connect(&socket).is_err(), is_empty)
            });
            inside.join().unwrap()
        });
        assert_eq!(tried, (true, true));
        assert!(UnixStream::connect(&socket).is_ok() && folder.join("file").exists());
    }
}
