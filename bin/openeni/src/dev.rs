//! `openeni dev`: a whole region in one foreground process.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, UNIX_EPOCH};

use eni_agent::{Agent, AgentSettings, DnsUpstream, GuestApi, chain};
use eni_authority::{Authority, AuthorityError, Identity, server_config};
use eni_ec2_api::{Access, Consoles, Credentials, QueryApi, SecretAccessKey, serve};
use eni_instance::{ConsoleFile, RunDirectory};
use eni_metadata::Keys;
use eni_model::{Console, RegionSettings};
use eni_priority::Priority;
use eni_region::{Region, SettingDifference};
use eni_store::EmbeddedStore;
use eni_types::{InstanceId, Timestamp};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::adapters::{Adapters, Libraries};
use crate::cli::{
    DATA_DIRECTORY_VARIABLE, DEFAULT_ACCOUNT_ID, DEFAULT_DATA_DIRECTORY, DEFAULT_PUBLIC_POOL,
    DEFAULT_REGION, DevOptions,
};
use crate::directory::{Directory, DirectoryError, Endpoint};
use crate::metrics::Metrics;
use crate::publish::{Publication, Published};
use crate::status;
use crate::uplink::{HeldUplink, UplinkError};

/// Threads that answer calls: planning and committing have their own.
const API_THREADS: usize = 2;
/// How long `ready` waits for the agent's first pass: a region with many instances to boot serves calls meanwhile.
const FIRST_PASS_PATIENCE: Duration = Duration::from_secs(5);
/// Letters of the availability zones.
const ZONES: [char; 3] = ['a', 'b', 'c'];
/// The setting that no option says: it follows the region's name.
const FOLLOWS_REGION: &str = "availability_zones";

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
    /// The region was founded with other settings.
    #[error("the region in {} was made with {}, for good: leave that away, or begin another region in another directory by \
         --data-dir", path.display(), options(.differences))]
    Settings {
        path: PathBuf,
        differences: Vec<SettingDifference>,
    },
    /// Nobody can listen there.
    #[error("cannot listen on {listen}: {}", listening(.source, .option))]
    Listen {
        listen: SocketAddr,
        /// That says where.
        option: &'static str,
        source: io::Error,
    },
    /// The region does not open.
    #[error("the region in {} does not open", path.display())]
    Region {
        path: PathBuf,
        source: eni_region::OpenError,
    },
    /// The network cannot be made or unmade.
    #[error(transparent)]
    Agent(#[from] eni_agent::AgentError),
    /// There is no authority, or no certificate of it.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Nobody gets out of the machine.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
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

/// The options that would have been right.
fn options(differences: &[SettingDifference]) -> String {
    let given = differences
        .iter()
        .filter(|difference| difference.name != FOLLOWS_REGION)
        .map(|difference| {
            let SettingDifference {
                name,
                stored,
                given,
            } = difference;
            format!("--{} {stored} instead of {given}", name.replace('_', "-"))
        });
    given.collect::<Vec<_>>().join(" and ")
}

/// What to do about a listener that cannot be.
fn listening(error: &io::Error, option: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another program, or region, listens there: give another port by {option}")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("this host has no such address: give another by {option}")
        }
        _ => error.to_string(),
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
    let metrics = Metrics::begin();
    let store = EmbeddedStore::open(directory.store())?;
    let stored = eni_region::settings(&store).map_err(|source| DevError::Region {
        path: directory.path().to_owned(),
        source,
    })?;
    let is_new = stored.is_none();
    let settings = region_settings(options, stored);
    let region = Region::open(Arc::new(store), settings);
    let region = Arc::new(region.map_err(|source| match source {
        eni_region::OpenError::Settings(differences) => DevError::Settings {
            path: directory.path().to_owned(),
            differences,
        },
        source => DevError::Region {
            path: directory.path().to_owned(),
            source,
        },
    })?);
    let access = access(options, region.settings(), &directory)?;
    let identity = begin_identity(&directory, &region)?;
    let consoles = ConsoleFiles(directory.run_directory()?);
    let api = QueryApi::new(Arc::clone(&region), access)
        .with_consoles(consoles)
        .with_sessions(metadata_keys(&directory)?.sessions);
    let api = Arc::new(api);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(API_THREADS)
        .on_thread_start(|| Priority::Prompt.take())
        .enable_all()
        .build()
        .map_err(machine("cannot start threads"))?;
    runtime.block_on(async {
        let started = start(options, &directory, &region, (&api, identity)).await;
        // A region that has never come up is none yet: its settings would be fixed, and those may be what has failed.
        if started.is_err() && is_new {
            fs::remove_file(directory.store()).map_err(machine("cannot remove the new store"))?;
        }
        serve_region(options, &directory, region, api, started?, metrics).await
    })
}

/// Every running instance and every connection keeps descriptors open, more than the usual soft limit of 1,024 allows.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// As the command line says, or else as the stored region is, or else as new ones are.
fn region_settings(options: &DevOptions, stored: Option<RegionSettings>) -> RegionSettings {
    let mut settings = stored.unwrap_or_else(|| RegionSettings {
        region: DEFAULT_REGION.into(),
        availability_zones: zones(DEFAULT_REGION),
        account_id: DEFAULT_ACCOUNT_ID.into(),
        public_pool: DEFAULT_PUBLIC_POOL.parse().expect("a literal block"),
    });
    if let Some(region) = &options.region {
        settings.region.clone_from(region);
        settings.availability_zones = zones(region);
    }
    if let Some(account_id) = &options.account_id {
        settings.account_id.clone_from(account_id);
    }
    if let Some(pool) = options.public_pool {
        settings.public_pool = pool;
    }
    settings
}

fn zones(region: &str) -> Vec<String> {
    let zone = |letter| format!("{region}{letter}");
    ZONES.iter().map(zone).collect()
}

fn access(
    options: &DevOptions,
    settings: &RegionSettings,
    directory: &Directory,
) -> Result<Access, DirectoryError> {
    // Made even where any credentials do, so that `openeni env` gives some.
    let key_pair = directory.key_pair()?;
    if options.any_credentials {
        return Ok(Access::AnyCredentials {
            account_id: settings.account_id.clone(),
        });
    }
    Ok(Access::Verified(Arc::new(Credentials {
        access_key_id: key_pair.access_key_id,
        secret_access_key: SecretAccessKey::new(key_pair.secret_access_key),
        account_id: settings.account_id.clone(),
    })))
}

/// What a region needs before it serves calls.
struct Started {
    interrupt: Signal,
    terminate: Signal,
    listener: TcpListener,
    endpoint: Endpoint,
    agent: Agent,
    adapters: Arc<Adapters>,
    statuses: UnixListener,
    /// Where Prometheus asks, if it may.
    scrapes: Option<TcpListener>,
    /// Ports of the host that lead to the region.
    published: Vec<(Publication, std::net::TcpListener)>,
    /// Dropped last: it is off when the network is down.
    uplink: Option<HeldUplink>,
}

/// Listens, and makes the region's network.
async fn start(
    options: &DevOptions,
    directory: &Directory,
    region: &Arc<Region>,
    (api, identity): (&Arc<QueryApi>, IdentityToCome),
) -> Result<Started, DevError> {
    // Taken first: a signal while the network is being made must still take it down.
    let interrupt = signal(SignalKind::interrupt()).map_err(machine("cannot take signals"))?;
    let terminate = signal(SignalKind::terminate()).map_err(machine("cannot take signals"))?;
    let listener = bind(options.listen, "--listen").await?;
    let scrapes = match options.metrics {
        Some(address) => Some(bind(address, "--metrics").await?),
        None => None,
    };
    let listen = listener
        .local_addr()
        .map_err(machine("cannot tell the address listened on"))?;
    let mut published = Vec::new();
    for publication in &options.publish {
        let listener = bind(publication.listen, "--publish").await?;
        let listener = listener.into_std().map_err(machine("cannot listen"))?;
        published.push((*publication, listener));
    }
    let adapters = Arc::new(Adapters::new(directory.run_directory()?));
    let upstream = options.dns_upstream.clone().unwrap_or_default();
    let guests = guest_api(directory, region, api)?;
    let mut agent = agent_settings(directory, Arc::clone(&adapters), upstream, guests)?;
    let identity = identity.join().map_err(|_| {
        let panicked = io::Error::other("its thread has panicked");
        machine("cannot make the key of identity documents")(panicked)
    })??;
    agent.metadata_keys = agent.metadata_keys.with_documents(Arc::new(identity));
    let pool = region.settings().public_pool;
    let uplink = match &options.uplink {
        Some(interface) => Some(HeldUplink::begin(directory, pool, interface)?),
        None => None,
    };
    Ok(Started {
        interrupt,
        terminate,
        listener,
        endpoint: Endpoint {
            listen,
            region: region.settings().region.clone(),
            public_pool: pool,
        },
        agent: Agent::start(Arc::clone(region) as _, Arc::clone(region) as _, agent)?,
        adapters,
        statuses: status_listener(directory)?,
        scrapes,
        published,
        uplink,
    })
}

/// Listens where the `option` says.
async fn bind(listen: SocketAddr, option: &'static str) -> Result<TcpListener, DevError> {
    let bound = TcpListener::bind(listen).await;
    bound.map_err(|source| DevError::Listen {
        listen,
        option,
        source,
    })
}

/// Serves until a signal, then takes the network down.
async fn serve_region(
    options: &DevOptions,
    directory: &Directory,
    region: Arc<Region>,
    api: Arc<QueryApi>,
    started: Started,
    metrics: Metrics,
) -> Result<(), DevError> {
    let Started {
        mut interrupt,
        mut terminate,
        listener,
        endpoint,
        agent,
        adapters,
        statuses,
        scrapes,
        published,
        uplink: _uplink,
    } = started;
    let agent = Arc::new(agent);
    directory.publish_endpoint(&endpoint)?;

    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        // The sender lives until both servers have ended.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let api = tokio::spawn(serve(listener, api, until(stopped.clone())));
    let status = tokio::spawn(status::serve(
        (directory.clone(), statuses),
        Arc::clone(&region),
        Arc::clone(&agent),
        adapters,
        metrics.clone(),
        until(stopped.clone()),
    ));
    let measured = tokio::spawn(metrics.keep(scrapes, until(stopped)));
    let published = Published::begin(published, &region);
    let published = published.map_err(machine("cannot publish ports"))?;
    tell_of_missing_libraries()?;
    // A status is given after the first pass: what reads `ready` finds the way to the host.
    let _ = tokio::time::timeout(FIRST_PASS_PATIENCE, agent.status()).await;
    // At once: a program that reads the first line may be gone before a second one is written.
    let welcome = format!("ready {}\n{}\n", endpoint.url(), next_command(options));
    let mut output = io::stdout().lock();
    let told = output.write_all(welcome.as_bytes());
    told.and_then(|()| output.flush())
        .map_err(machine("cannot print"))?;
    drop(output);

    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    info!("taking the network down; the data stays");
    drop(published);
    stop.send_replace(true);
    for server in [api, status, measured] {
        // A server that panicked has said so; the network comes down all the same.
        let _ = server.await;
    }
    directory.withdraw_endpoint();
    let agent = Arc::into_inner(agent).ok_or(eni_agent::AgentError::Stopped)?;
    let ended = tokio::task::spawn_blocking(move || agent.shutdown()).await;
    Ok(ended.map_err(|panic| machine("the agent")(panic.into()))??)
}

/// Where instances print.
struct ConsoleFiles(RunDirectory);

impl Consoles for ConsoleFiles {
    fn console(&self, instance_id: InstanceId) -> Option<Console> {
        let kept = ConsoleFile::of(&self.0, instance_id).read();
        let (output, written) = kept.unwrap_or_else(|error| {
            warn!(%error, "cannot read the console of {instance_id}");
            None
        })?;
        let since_epoch = written.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(Console {
            output,
            written: Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)),
        })
    }
}

/// What to type next, in another terminal, which stands anywhere.
fn next_command(options: &DevOptions) -> String {
    let whole = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or(path.to_owned());
        absolute.to_string_lossy().into_owned()
    };
    let program = std::env::args().next().unwrap_or("openeni".into());
    let program = match program.contains('/') {
        true => whole(Path::new(&program)),
        false => program,
    };
    let directory = &options.directory.data_dir;
    let told_otherwise = std::env::var_os(DATA_DIRECTORY_VARIABLE).is_some();
    let directory = match directory.to_str() {
        Some(DEFAULT_DATA_DIRECTORY) if !told_otherwise => String::new(),
        _ => format!(" --data-dir {}", quoted(&whole(directory))),
    };
    format!(
        "next, in a root shell: eval \"$({} env{directory})\"; aws ec2 describe-vpcs",
        quoted(&program)
    )
}

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@,".contains(&byte);
    if word.bytes().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Where the libraries of Elastic Fabric Adapters are looked for: beside this program.
pub(crate) fn efa_libraries() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().unwrap_or(Path::new("/")).to_owned())
}

/// One sentence on what instances with Elastic Fabric Adapters will lack.
fn tell_of_missing_libraries() -> Result<(), DevError> {
    let directory = efa_libraries().map_err(machine("cannot find this program"))?;
    let missing = eni_efa_install::missing_libraries(&directory);
    if !missing.is_empty() {
        warn!(
            "programs in instances find no Elastic Fabric Adapters: {} missing in {} (`make build` builds what is needed)",
            missing.join(" and "),
            directory.display()
        );
    }
    Ok(())
}

/// The keys of instance metadata, which follow from the region's own key pair.
fn metadata_keys(directory: &Directory) -> Result<Keys, DirectoryError> {
    let key_pair = directory.key_pair()?;
    Ok(Keys::from_secret(key_pair.secret_access_key.as_bytes()))
}

/// The key of identity documents, as soon as it is there.
type IdentityToCome = JoinHandle<Result<Identity, AuthorityError>>;

/// Reads it, or makes it while the rest starts: a new one takes longer than all that.
fn begin_identity(directory: &Directory, region: &Arc<Region>) -> Result<IdentityToCome, DevError> {
    let (path, now) = (directory.path().to_owned(), region.now());
    let name = region.settings().region.clone();
    let thread = thread::Builder::new().name("identity".into());
    let started = thread.spawn(move || Identity::open(&path, &name, now));
    started.map_err(machine("cannot start threads"))
}

fn agent_settings(
    directory: &Directory,
    adapters: Arc<Adapters>,
    dns_upstream: DnsUpstream,
    (api, authority): (GuestApi, String),
) -> Result<AgentSettings, DevError> {
    let program = std::env::current_exe().map_err(machine("cannot find this program"))?;
    let libraries = efa_libraries().map_err(machine("cannot find this program"))?;
    Ok(AgentSettings {
        data_directory: directory.path().to_owned(),
        adapter_files: Arc::new(Libraries {
            directory: libraries,
            socket: directory.run_directory()?.efa_socket(),
        }),
        adapters,
        metadata_keys: metadata_keys(directory)?,
        init_command: vec![program.into(), "instance-init".into()],
        dns_upstream,
        api: Some(api),
        authority: Some(authority),
    })
}

/// The API as instances find it, and the certificate of the authority by which they know it.
fn guest_api(
    directory: &Directory,
    region: &Arc<Region>,
    api: &Arc<QueryApi>,
) -> Result<(GuestApi, String), DevError> {
    let name = &region.settings().region;
    let authority = Authority::open(directory.path(), name, region.now())?;
    let certificate = authority.certificate().to_owned();
    let clock = Arc::clone(region);
    let tls = server_config(authority, Arc::new(move || clock.now()))?;
    let (api, tls) = (Arc::clone(api), Arc::new(tls));
    Ok((GuestApi { api, tls }, certificate))
}

fn status_listener(directory: &Directory) -> Result<UnixListener, DevError> {
    let path = directory.status_socket();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(machine("cannot replace the status socket")(error));
        }
        _ => {}
    }
    UnixListener::bind(&path).map_err(machine("cannot listen for `openeni status`"))
}
