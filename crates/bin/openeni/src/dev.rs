//! `openeni dev`: a whole region in one foreground process.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use eni_agent::{Agent, AgentSettings, chain};
use eni_ec2_api::{Access, Credentials, QueryApi, SecretAccessKey, serve};
use eni_model::RegionSettings;
use eni_region::Region;
use eni_store::EmbeddedStore;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::DevOptions;
use crate::directory::{Directory, DirectoryError, Endpoint};
use crate::status;

/// Threads that answer calls: planning and committing have their own.
const API_THREADS: usize = 2;
/// Letters of the availability zones.
const ZONES: [char; 3] = ['a', 'b', 'c'];

/// Why a region does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    /// `--any-credentials` on an address that others reach.
    #[error("--any-credentials needs a loopback address to listen on, and {0} is none")]
    AnyCredentials(SocketAddr),
    /// The data directory is not to be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store was damaged.
    #[error("{}. Nothing was written to it: put a copy of it back, or move it away to begin with an empty region", chain(.0))]
    Damaged(eni_store::StoreError),
    /// The store does not open.
    #[error("the store does not open")]
    Store(#[source] eni_store::StoreError),
    /// The region does not open.
    #[error("the region in {} does not open", path.display())]
    Region {
        path: PathBuf,
        source: eni_region::OpenError,
    },
    /// The network cannot be made or unmade.
    #[error(transparent)]
    Agent(#[from] eni_agent::AgentError),
    /// The machine refused something.
    #[error("{what}")]
    Machine { what: String, source: io::Error },
}

impl From<eni_store::StoreError> for DevError {
    fn from(error: eni_store::StoreError) -> Self {
        match error {
            eni_store::StoreError::Damaged { .. } => Self::Damaged(error),
            other => Self::Store(other),
        }
    }
}

fn machine(what: impl Into<String>) -> impl FnOnce(io::Error) -> DevError {
    move |source| DevError::Machine {
        what: what.into(),
        source,
    }
}

/// Runs a region until SIGTERM or Ctrl-C, then takes its network down and keeps its data.
pub(crate) fn run(options: &DevOptions) -> Result<(), DevError> {
    if options.any_credentials && !options.listen.ip().is_loopback() {
        return Err(DevError::AnyCredentials(options.listen));
    }
    raise_descriptor_limit().map_err(machine("cannot raise the limit of open files"))?;
    let directory = Directory::open_or_create(&options.directory.data_dir)?;
    let _lock = directory.lock()?;
    let store = EmbeddedStore::open(directory.store())?;
    let region = Region::open(Arc::new(store), region_settings(options));
    let region = Arc::new(region.map_err(|source| DevError::Region {
        path: directory.path().to_owned(),
        source,
    })?);
    let access = access(options, &directory)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(API_THREADS)
        .enable_all()
        .build()
        .map_err(machine("cannot start threads"))?;
    runtime.block_on(serve_region(options, &directory, region, access))
}

/// Every running instance and every connection keeps descriptors open, more than the usual soft limit of 1,024 allows.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

fn region_settings(options: &DevOptions) -> RegionSettings {
    RegionSettings {
        region: options.region.clone(),
        availability_zones: ZONES
            .iter()
            .map(|letter| format!("{}{letter}", options.region))
            .collect(),
        account_id: options.account_id.clone(),
        public_pool: options.public_pool,
    }
}

fn access(options: &DevOptions, directory: &Directory) -> Result<Access, DirectoryError> {
    // Made even where any credentials do, so that `openeni env` gives some.
    let key_pair = directory.key_pair()?;
    if options.any_credentials {
        return Ok(Access::AnyCredentials {
            account_id: options.account_id.clone(),
        });
    }
    Ok(Access::Verified(Arc::new(Credentials {
        access_key_id: key_pair.access_key_id,
        secret_access_key: SecretAccessKey::new(key_pair.secret_access_key),
        account_id: options.account_id.clone(),
    })))
}

async fn serve_region(
    options: &DevOptions,
    directory: &Directory,
    region: Arc<Region>,
    access: Access,
) -> Result<(), DevError> {
    // Taken first: a signal while the network is being made must still take it down.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(machine("cannot take signals"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(machine("cannot take signals"))?;
    let listen = options.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(machine(format!("cannot listen on {listen}")))?;
    let listen = listener
        .local_addr()
        .map_err(machine("cannot tell the address listened on"))?;

    let agent = Arc::new(Agent::start(
        Arc::clone(&region),
        agent_settings(directory)?,
    )?);
    let statuses = status_listener(directory)?;
    directory.publish_endpoint(&Endpoint {
        listen,
        region: options.region.clone(),
    })?;

    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        // The sender lives until both servers have ended.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let api = tokio::spawn(serve(
        listener,
        Arc::new(QueryApi::new(Arc::clone(&region), access)),
        until(stopped.clone()),
    ));
    let status = tokio::spawn(status::serve(
        statuses,
        Arc::clone(&region),
        Arc::clone(&agent),
        until(stopped),
    ));
    println!("ready http://{listen}");
    io::stdout().flush().map_err(machine("cannot print"))?;

    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.send_replace(true);
    for server in [api, status] {
        // A server that panicked has said so; the network comes down all the same.
        let _ = server.await;
    }
    directory.withdraw_endpoint();
    let agent = Arc::into_inner(agent).ok_or(eni_agent::AgentError::Stopped)?;
    let ended = tokio::task::spawn_blocking(move || agent.shutdown()).await;
    Ok(ended.map_err(|panic| machine("the agent")(panic.into()))??)
}

fn agent_settings(directory: &Directory) -> Result<AgentSettings, DevError> {
    let program = std::env::current_exe().map_err(machine("cannot find this program"))?;
    let libraries = program.parent().unwrap_or(Path::new("/"));
    Ok(AgentSettings {
        data_directory: directory.path().to_owned(),
        efa_libraries: libraries.to_owned(),
        init_command: vec![program.into(), "instance-init".into()],
    })
}

fn status_listener(directory: &Directory) -> Result<UnixListener, DevError> {
    let path = directory.status_socket();
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(machine("cannot replace the status socket")(error));
        }
        _ => {}
    }
    UnixListener::bind(&path).map_err(machine("cannot listen for `openeni status`"))
}
