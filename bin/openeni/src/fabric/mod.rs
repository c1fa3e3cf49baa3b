//! `openeni fabric`: an EFA fabric service without a region.

mod config;
mod secret;
pub(crate) mod status;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use eni_fabric::{Service, ServiceOptions, StartError};
use nix::sys::signal::{SigSet, Signal};

use crate::cli::FabricOptions;
use crate::dev::raise_descriptor_limit;
use config::{Config, ConfigError};
use status::StatusServer;

/// Why a service does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FabricError {
    /// Its configuration is none.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// This user may not listen there.
    #[error(
        "{} is closed to this user: `openeni fabric` needs root there (sudo), or --socket PATH in a directory of the user's own", .0.display()
    )]
    Denied(PathBuf),
    /// It does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The machine refused something.
    #[error("{what}")]
    Machine {
        what: &'static str,
        source: io::Error,
    },
}

fn machine(what: &'static str) -> impl FnOnce(io::Error) -> FabricError {
    move |source| FabricError::Machine { what, source }
}

/// Serves until SIGTERM or Ctrl-C.
pub(crate) fn run(options: &FabricOptions) -> Result<(), FabricError> {
    let config = Config::read(&options.config)?;
    if config.hosts.share_secrets() {
        // Neither a core dump nor another process of this user shows them.
        nix::sys::prctl::set_dumpable(false)
            .map_err(io::Error::from)
            .map_err(machine("cannot keep secrets out of core dumps"))?;
    }
    raise_descriptor_limit().map_err(machine("cannot raise the limit of open files"))?;
    if let Some(directory) = options.socket.parent() {
        std::fs::create_dir_all(directory).map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied => FabricError::Denied(directory.into()),
            _ => machine("cannot make the socket's directory")(source),
        })?;
    }
    // Every thread of the service inherits this: the signals wait for this one.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    let blocked = signals.thread_block().map_err(io::Error::from);
    blocked.map_err(machine("cannot block signals"))?;
    let devices = config.devices.clone();
    let service = Service::start(ServiceOptions {
        socket: options.socket.clone(),
        devices: config.devices,
        policy: Arc::new(config.policy),
        directory: Arc::new(config.hosts),
        underlay: config.underlay,
        seed: rand::random(),
    });
    let service = service.map_err(|error| match error {
        StartError::Listen { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
            FabricError::Denied(path)
        }
        error => error.into(),
    })?;
    let counters = service.counter_reader();
    let _status = StatusServer::start(service.socket(), devices, counters)
        .map_err(machine("cannot listen for `openeni status`"))?;
    let mut output = io::stdout().lock();
    writeln!(output, "ready {}", service.socket().display())
        .and_then(|()| output.flush())
        .map_err(machine("cannot write to standard output"))?;
    let waited = signals.wait().map_err(io::Error::from);
    waited.map_err(machine("cannot wait for signals"))?;
    Ok(())
}
