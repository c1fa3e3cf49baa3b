//! What every demonstration stands on: a region of its own, and patience.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use eni_client::{CallError, Ec2, PrivateRegion, isolate};
use eni_instance::InstanceError;

/// The longest that instances take to run, or what is awaited to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Time between two looks at what is awaited.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Why the demonstration failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// A call to the region failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The instance could not be killed.
    #[error(transparent)]
    Crash(#[from] InstanceError),
    /// The machine refused something.
    #[error("{what}")]
    Machine {
        what: &'static str,
        source: io::Error,
    },
    /// A call answered what it should not.
    #[error("{0} was answered that is none")]
    Nonsense(&'static str),
    /// A program said what it should not.
    #[error("{what}: {said}")]
    Wrong { what: &'static str, said: String },
    /// Elastic Fabric Adapters would have nothing to be reached by.
    #[error("{missing} missing in {}, beside this program: build them by `make build`, or run `make demo-efa`", directory.display())]
    NoLibraries { missing: String, directory: PathBuf },
    /// Something did not happen in time.
    #[error("{0} did not happen within {PATIENCE:?}")]
    Late(&'static str),
}

pub(crate) fn machine(what: &'static str) -> impl FnOnce(io::Error) -> DemoError {
    move |source| DemoError::Machine { what, source }
}

/// A region of the demonstration's own.
pub(crate) struct Stage {
    /// This program.
    pub(crate) program: PathBuf,
    pub(crate) region: PrivateRegion,
    pub(crate) ec2: Ec2,
}

impl Stage {
    /// Must be called while the process has one thread.
    pub(crate) fn set() -> Result<Self, DemoError> {
        // Asked before the mounts are parted: after that, a program in a chroot is named as it is seen from outside.
        let program = std::env::current_exe().map_err(machine("cannot find this program"))?;
        isolate().map_err(machine(
            "cannot make a network namespace for the demonstration (it needs root)",
        ))?;
        let region = PrivateRegion::start(&program).map_err(machine("cannot start a region"))?;
        let ec2 = region
            .ec2()
            .map_err(machine("cannot read the region's credentials"))?;
        Ok(Self {
            program,
            region,
            ec2,
        })
    }
}

/// A subnet of the default VPC.
pub(crate) fn default_subnet(ec2: &Ec2) -> Result<String, DemoError> {
    let filters = [
        ("Filter.1.Name", "availability-zone"),
        ("Filter.1.Value.1", "us-east-1a"),
    ];
    Ok(ec2.call("DescribeSubnets", &filters)?.first("subnetId")?)
}

/// The image that instances start from.
pub(crate) fn image(ec2: &Ec2) -> Result<String, DemoError> {
    let images = ec2.call("DescribeImages", &[("Owner.1", "amazon")])?;
    Ok(images.first("imageId")?)
}

/// Waits until an instance runs.
pub(crate) fn wait_running(ec2: &Ec2, instance_id: &str) -> Result<(), DemoError> {
    wait("a running instance", || {
        let described = ec2.call("DescribeInstances", &[("InstanceId.1", instance_id)])?;
        Ok(described
            .all("name")
            .iter()
            .any(|state| state == "running")
            .then_some(()))
    })
}

/// Looks until there is something.
pub(crate) fn wait<T>(
    what: &'static str,
    mut look: impl FnMut() -> Result<Option<T>, DemoError>,
) -> Result<T, DemoError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(DemoError::Late(what));
        }
        thread::sleep(POLL_INTERVAL);
    }
}
