//! Commands inside a running instance.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeWriter, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;

use eni_types::InstanceId;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{chroot, fchdir};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::cgroup::RegionCgroup;
use crate::environment::Environment;
use crate::init::BootRecord;
use crate::supervisor::Settings;
use crate::terminal::Terminal;
use crate::{InstanceError, RunDirectory, sys};

/// The signals that a command is sent in place of whoever asked for it.
const HANDED_ON: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGHUP,
];

/// Runs `command`, or a shell where it is empty, inside the instance: as root, in its namespaces and its cgroup, with the
/// caller's standard input and output, but without the caller's environment. A caller who sits at a terminal gives the
/// command one of its own, as `docker exec -it` does. `supervisor` is the command that calls [`crate::supervisor::run`]
/// with the arguments added to it. With a `boot`, in that boot of the instance and in no other, which may be about to end.
///
/// Gives the command's exit code, or 128 and the signal's number, 127 for one that is not found and 126 for one that
/// cannot be run, as shells do. Signals that would end the caller's process are handed on to the command's process group;
/// the end of the process, however it comes about, ends the command.
///
/// # Errors
/// [`InstanceError::NotRunning`], or [`InstanceError::Exec`] when the instance cannot be entered.
pub fn exec(
    run: &RunDirectory,
    supervisor: &[OsString],
    id: InstanceId,
    boot: Option<u64>,
    command: &[OsString],
) -> Result<i32, InstanceError> {
    let cgroup = RegionCgroup::open(run)?.instance(id);
    let init = BootRecord::read(&run.instance(id))
        .filter(|record| boot.is_none_or(|boot| record.boot_count == boot))
        .map(|record| record.process_id)
        .ok_or(InstanceError::NotRunning(id))?;
    let failed = |source| InstanceError::Exec { id, source };
    let surroundings = Surroundings::of(init).map_err(|_| InstanceError::NotRunning(id))?;
    // Asked after the surroundings were opened: a process id that another process has got since is not in the cgroup.
    if !cgroup.holds(init) {
        return Err(InstanceError::NotRunning(id));
    }
    let processes = OpenOptions::new()
        .write(true)
        .open(cgroup.processes())
        .map_err(failed)?;
    let environment = Environment::read(&run.instance(id));
    let signals = Signals::take().map_err(failed)?;
    let mut terminal = Terminal::like_callers().map_err(failed)?;
    let (leash, reins) = io::pipe().map_err(failed)?;
    let command = supervised(supervisor, command, leash.as_raw_fd(), terminal.as_ref());
    let mut command = command.map_err(failed)?;
    // The caller's environment may hold the region's secret key, which is none of the instance's.
    environment.give(&mut command);
    if let Some(kind) = std::env::var_os("TERM") {
        command.env("TERM", kind);
    }
    sys::join_cgroup_first(&mut command, processes, OwnedFd::from(leash));
    let joined = thread::scope(|scope| {
        let inside = scope.spawn(|| start_inside(&surroundings, command));
        inside.join()
    });
    let child = joined
        .unwrap_or_else(|_| Err(io::Error::other("the thread in the instance panicked")))
        .map_err(failed)?;
    if let Some(terminal) = &mut terminal {
        terminal.hand_over();
    }
    let status = attend(child, reins, &signals.coming, terminal).map_err(failed)?;
    Ok(status.code().unwrap_or(128 + status.signal().unwrap_or(0)))
}

/// The supervisor's command. It is in a process group of its own, so that no key of the caller's terminal ends it.
fn supervised(
    supervisor: &[OsString],
    command: &[OsString],
    leash: i32,
    terminal: Option<&Terminal>,
) -> io::Result<Command> {
    let (program, first) = supervisor
        .split_first()
        .ok_or_else(|| io::Error::other("no supervisor given"))?;
    let settings = Settings {
        leash,
        terminal: terminal.is_some(),
    };
    let mut supervised = Command::new(program);
    supervised
        .args(first)
        .args(settings.arguments())
        .args(command)
        .current_dir("/")
        .process_group(0);
    if let Some(terminal) = terminal {
        let [input, output, error] = terminal.streams()?;
        supervised.stdin(input).stdout(output).stderr(error);
    }
    Ok(supervised)
}

/// Namespaces are a thread's own, so this takes a thread of its own. What it starts is inside.
fn start_inside(surroundings: &Surroundings, mut command: Command) -> io::Result<Child> {
    // A mount namespace cannot be entered while root and working directory are shared with other threads.
    unshare(CloneFlags::CLONE_FS)?;
    for (namespace, kind) in &surroundings.namespaces {
        setns(namespace, *kind)?;
    }
    // Entering a mount namespace leads to its topmost root, which is not the instance's where the region is in a chroot.
    fchdir(&surroundings.root)?;
    chroot(".")?;
    command.spawn()
}

/// Waits for the supervisor's end. Hands on what the caller types, what the command prints, and signals.
fn attend(
    mut child: Child,
    mut reins: PipeWriter,
    signals: &SignalFd,
    mut terminal: Option<Terminal>,
) -> io::Result<ExitStatus> {
    let id = i32::try_from(child.id()).ok();
    let id = id.and_then(rustix::process::Pid::from_raw);
    let ended = pidfd_open(id.ok_or(io::ErrorKind::NotFound)?, PidfdFlags::empty())?;
    let status = loop {
        let ready = wait_for(&ended, signals, terminal.as_ref())?;
        while let Some(signal) = signals.read_signal()? {
            let signal = i32::try_from(signal.ssi_signo)
                .ok()
                .and_then(|number| Signal::try_from(number).ok());
            match (signal, &terminal) {
                (Some(Signal::SIGWINCH), Some(terminal)) => terminal.resize(),
                (Some(signal), _) if HANDED_ON.contains(&signal) => tell(&mut reins, signal),
                _ => {}
            }
        }
        if let Some(terminal) = &mut terminal {
            if ready.keys && !terminal.take_keys() {
                tell(&mut reins, Signal::SIGHUP);
            }
            if ready.near {
                terminal.give_keys();
                terminal.print()?;
            }
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
    };
    if let Some(terminal) = &mut terminal {
        terminal.print()?;
    }
    Ok(status)
}

/// The caller's signals, kept back for the command until this is dropped. The supervisor, which begins with the mask of
/// the thread that starts it, takes them again.
struct Signals {
    coming: SignalFd,
    before: SigSet,
}

impl Signals {
    fn take() -> io::Result<Self> {
        let mut mask: SigSet = HANDED_ON.into_iter().collect();
        mask.add(Signal::SIGWINCH);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self {
            coming: SignalFd::with_flags(&mask, flags)?,
            before: mask.thread_swap_mask(SigmaskHow::SIG_BLOCK)?,
        })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // It has been in force before.
        let _ = self.before.thread_set_mask();
    }
}

/// A supervisor that has ended needs no signal.
fn tell(reins: &mut PipeWriter, signal: Signal) {
    let number = u8::try_from(signal as i32).unwrap_or_default();
    let _ = reins.write_all(&[number]);
}

/// What has happened.
struct Ready {
    /// The caller has typed.
    keys: bool,
    /// The command has printed, or takes keys.
    near: bool,
}

fn wait_for(ended: &OwnedFd, signals: &SignalFd, terminal: Option<&Terminal>) -> io::Result<Ready> {
    let stdin = io::stdin();
    let mut sources = vec![
        PollFd::new(ended.as_fd(), PollFlags::POLLIN),
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
    ];
    let keys = terminal.filter(|terminal| terminal.wants_keys());
    let keys = keys.map(|_| {
        sources.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        sources.len() - 1
    });
    let near = terminal
        .filter(|terminal| terminal.prints())
        .map(|terminal| {
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, terminal.has_keys());
            sources.push(PollFd::new(terminal.near(), events));
            sources.len() - 1
        });
    match poll(&mut sources, PollTimeout::NONE) {
        Ok(_) | Err(nix::Error::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let happened = |index: Option<usize>| {
        let source = index.and_then(|index| sources.get(index));
        source.is_some_and(|source| source.any().unwrap_or(true))
    };
    Ok(Ready {
        keys: happened(keys),
        near: happened(near),
    })
}

/// Where a process is.
struct Surroundings {
    namespaces: Vec<(File, CloneFlags)>,
    root: File,
}

impl Surroundings {
    fn of(process_id: i32) -> io::Result<Self> {
        let directory = Path::new("/proc").join(process_id.to_string());
        let namespaces = [
            ("uts", CloneFlags::CLONE_NEWUTS),
            ("net", CloneFlags::CLONE_NEWNET),
            ("pid", CloneFlags::CLONE_NEWPID),
            ("mnt", CloneFlags::CLONE_NEWNS),
        ]
        .into_iter()
        .map(|(name, kind)| Ok((File::open(directory.join("ns").join(name))?, kind)))
        .collect::<io::Result<_>>()?;
        Ok(Self {
            namespaces,
            root: File::open(directory.join("root"))?,
        })
    }
}

impl BootRecord {
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let text = fs::read_to_string(directory.join(crate::run_directory::BOOT_RECORD)).ok()?;
        let (boot_count, process_id) = text.trim().split_once(' ')?;
        Some(Self {
            boot_count: boot_count.parse().ok()?,
            process_id: process_id.parse().ok()?,
        })
    }

    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let (path, new) = (
            directory.join(crate::run_directory::BOOT_RECORD),
            directory.join("boot.new"),
        );
        fs::write(&new, format!("{} {}\n", self.boot_count, self.process_id))?;
        fs::rename(new, path)
    }
}
