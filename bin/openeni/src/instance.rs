//! `openeni exec` and `openeni logs`.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use eni_instance::{ConsoleFile, InstanceError, RunDirectory};
use eni_types::{InstanceId, InstanceState};
use tracing::warn;

use crate::cli::{ExecOptions, LogsOptions};
use crate::directory::{Directory, DirectoryError};
use crate::status::{InstanceStatus, StatusError, boots_of, report_of};
use crate::{Failure, privilege};

/// How long a command waits for an instance that boots: some 0.1 s, a launch of a hundred a few seconds.
const BOOT_PATIENCE: Duration = Duration::from_secs(5);
const BOOT_POLL: Duration = Duration::from_millis(50);
/// How often whoever follows an instance asks whether its region runs.
const REGION_POLL: Duration = Duration::from_secs(1);

/// Why an instance cannot be entered or shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoInstance {
    #[error("there is no instance {0}: `openeni status` shows those there are")]
    Unknown(String),
    #[error("several instances are named {name}: say which by its id, {}", ids.join(" or "))]
    Ambiguous { name: String, ids: Vec<String> },
    #[error("{id} is {state}: only a running instance can be entered{}", start(.state, .id))]
    NotRunning {
        id: InstanceId,
        state: InstanceState,
    },
    #[error(
        "the processes of {0} have ended: `aws ec2 reboot-instances --instance-ids {0}` boots it anew"
    )]
    Impaired(InstanceId),
    #[error("{0} has no processes yet: try again when it has booted")]
    Booting(InstanceId),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

fn start(state: &InstanceState, id: &InstanceId) -> String {
    match state {
        InstanceState::Stopped => format!(" (`aws ec2 start-instances --instance-ids {id}`)"),
        _ => String::new(),
    }
}

/// The command that watches over another one inside: this program, which may lie where the instance does not see it.
pub(crate) fn supervisor() -> [OsString; 2] {
    ["/proc/self/exe", "instance-exec"].map(Into::into)
}

/// Runs a command in an instance, and gives its exit code.
pub(crate) fn exec(options: &ExecOptions) -> Result<ExitCode, Failure> {
    privilege::need_root("exec")?;
    let directory = Directory::open(&options.directory.data_dir)?;
    let run = directory.run_directory()?;
    let id = find(&directory, &run, &options.instance)?;
    let deadline = Instant::now() + BOOT_PATIENCE;
    loop {
        // Of a region that has been killed the instances run on.
        let boot = boots_of(&directory)
            .ok()
            .and_then(|boots| boots.get(&id).copied());
        match eni_instance::exec(&run, &supervisor(), id, boot, &options.command) {
            Ok(code) => return Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))),
            Err(InstanceError::NotRunning(_)) => {}
            Err(error) => return Err(error.into()),
        }
        match why_not_running(&directory, id) {
            // It boots, or is about to be booted anew.
            NoInstance::Booting(_) if Instant::now() < deadline => thread::sleep(BOOT_POLL),
            why => return Err(why.into()),
        }
    }
}

/// Shows an instance's console.
pub(crate) fn logs(options: &LogsOptions) -> Result<(), Failure> {
    let directory = Directory::open(&options.directory.data_dir)?;
    let run = directory.run_directory()?;
    let id = find(&directory, &run, &options.instance)?;
    let console = ConsoleFile::of(&run, id);
    let print = |bytes: &[u8]| {
        let mut output = io::stdout().lock();
        output.write_all(bytes).and_then(|()| output.flush())
    };
    let place = run.instance(id);
    let printed = match options.follow {
        true => {
            let watch = RegionWatch::new(&directory);
            let goes_on = || {
                watch.tell();
                place.exists()
            };
            console.follow(goes_on, print)
        }
        false => console.read().and_then(|kept| match kept {
            Some((bytes, _)) => print(&bytes),
            None => Ok(()),
        }),
    };
    match printed {
        // As of `openeni logs INSTANCE | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Whether the region runs, for whoever follows an instance of it: those of a killed region run on, but nothing tells
/// when they end.
struct RegionWatch<'a> {
    directory: &'a Directory,
    /// What was told last, and when it was asked.
    told: Cell<(bool, Option<Instant>)>,
}

impl<'a> RegionWatch<'a> {
    fn new(directory: &'a Directory) -> Self {
        let told = Cell::new((true, None));
        Self { directory, told }
    }

    /// Says on standard error what has changed.
    fn tell(&self) {
        let (told, asked) = self.told.get();
        if asked.is_some_and(|asked: Instant| asked.elapsed() < REGION_POLL) {
            return;
        }
        // One that cannot be asked is as it was.
        let runs = self.directory.is_running().unwrap_or(told);
        self.told.set((runs, Some(Instant::now())));
        let path = self.directory.path().display();
        match (told, runs) {
            (true, false) => warn!(
                "the region of {path} does not run: what the instance prints is shown as long as it lives"
            ),
            (false, true) => warn!("the region of {path} runs again"),
            _ => {}
        }
    }
}

/// The instance of this id or name. The instances of a killed region run on without it, and are found by their ids.
fn find(
    directory: &Directory,
    run: &RunDirectory,
    instance: &str,
) -> Result<InstanceId, NoInstance> {
    let id = instance.parse().ok();
    if let Some(id) = id
        && run.instance(id).exists()
    {
        return Ok(id);
    }
    let instances = report_of(directory)?.instances;
    choose(instance, id, &instances)
}

/// Of those there are; a terminated one is found by its id only.
fn choose(
    instance: &str,
    id: Option<InstanceId>,
    all: &[InstanceStatus],
) -> Result<InstanceId, NoInstance> {
    if let Some(found) = all.iter().find(|known| Some(known.instance_id) == id) {
        return Ok(found.instance_id);
    }
    let named: Vec<_> = all
        .iter()
        .filter(|known| known.state != InstanceState::Terminated)
        .filter(|known| known.name.as_deref() == Some(instance))
        .collect();
    match named.as_slice() {
        [] => Err(NoInstance::Unknown(instance.into())),
        [one] => Ok(one.instance_id),
        several => Err(NoInstance::Ambiguous {
            name: instance.into(),
            ids: several
                .iter()
                .map(|one| one.instance_id.to_string())
                .collect(),
        }),
    }
}

fn why_not_running(directory: &Directory, id: InstanceId) -> NoInstance {
    let report = match report_of(directory) {
        Ok(report) => report,
        Err(error) => return error.into(),
    };
    let known = report.instances.iter().find(|one| one.instance_id == id);
    match known.map(|one| (one.state, one.is_impaired)) {
        None => NoInstance::Unknown(id.to_string()),
        Some((InstanceState::Running, true)) => NoInstance::Impaired(id),
        Some((InstanceState::Running | InstanceState::Pending, _)) => NoInstance::Booting(id),
        Some((state, _)) => NoInstance::NotRunning { id, state },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(number: u8, name: Option<&str>, state: InstanceState) -> InstanceStatus {
        InstanceStatus {
            instance_id: format!("i-{number:017x}").parse().unwrap(),
            name: name.map(Into::into),
            state,
            ..InstanceStatus::testing()
        }
    }

    #[test]
    fn an_instance_is_found_by_its_id_or_by_a_name_of_its_own() {
        let all = [
            instance(1, Some("web"), InstanceState::Running),
            instance(2, Some("db"), InstanceState::Stopped),
            instance(3, Some("db"), InstanceState::Running),
            instance(4, Some("web"), InstanceState::Terminated),
            instance(5, None, InstanceState::Running),
        ];
        let choose = |text: &str| match choose(text, text.parse().ok(), &all) {
            Ok(id) => id.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(choose("web"), "i-00000000000000001");
        assert_eq!(choose("i-00000000000000004"), "i-00000000000000004");
        assert_eq!(
            choose("db"),
            "several instances are named db: say which by its id, i-00000000000000002 or i-00000000000000003"
        );
        for unknown in ["", "mail", "i-00000000000000009"] {
            assert!(choose(unknown).starts_with("there is no instance"));
        }
    }
}
