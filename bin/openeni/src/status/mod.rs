//! `openeni status`: the running region answers on a socket in its data directory with one JSON document.

mod adapter;
mod render;
mod report;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use eni_agent::{Agent, AgentError, VportStatus};
use eni_region::Region;
use eni_types::InstanceId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::timeout;
use tracing::warn;

pub(crate) use self::adapter::AdapterCounters;
use self::render::DEFAULT_WIDTH;
pub(crate) use self::render::markdown;
pub(crate) use self::report::InstanceStatus;
use self::report::{Counters, Report, Ways};
use crate::adapters::Adapters;
use crate::cli::{DataDirectory, Output, StatusOptions};
use crate::directory::{Directory, DirectoryError};
use crate::metrics::Metrics;
use crate::uplink::{self, WayOut};

/// How long a region may take to tell its status, and a reader to take it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long it may take to say what is asked: the asker says it as it connects.
const QUESTION_PATIENCE: Duration = Duration::from_secs(1);

/// Why there is no status. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusError {
    /// No region runs, or its directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The socket is somebody else's.
    #[error("{} is closed to this user: it needs root (sudo), or the user whose service it is", .0.display())]
    Denied(PathBuf),
    /// Nobody listens: there never was a service, or it was killed.
    #[error(
        "no fabric service is running at {}: start one with `openeni fabric --config FILE`, or name another's socket", .0.display()
    )]
    NoService(PathBuf),
    /// It hangs, or is overloaded.
    #[error("{} does not answer within {PATIENCE:?}: see what it logs", .0.display())]
    Late(PathBuf),
    /// Nobody answers.
    #[error("nobody tells a status at {}", path.display())]
    Unanswered { path: PathBuf, source: io::Error },
    /// What is answered is something else.
    #[error(
        "the status is told in a form that this version does not know: it must be of the same version as the region"
    )]
    Form(#[from] serde_json::Error),
    /// Words of a filter that name nothing.
    #[error("nothing in the region is, has or is in {}: `openeni status` shows all there is", .0.join(" or "))]
    Nothing(Vec<String>),
    /// It cannot be shown.
    #[error("cannot print")]
    Print(#[source] io::Error),
}

/// Shows what the running region tells; again and again, if it is watched.
pub(crate) fn show(options: &StatusOptions) -> Result<(), StatusError> {
    let ask = || match &options.fabric {
        Some(socket) => crate::fabric::status::ask(socket, options.output),
        None => {
            let directory = Directory::open(&options.directory.data_dir)?;
            ask(&directory, options)
        }
    };
    let Some(seconds) = options.watch else {
        return print(&ask()?);
    };
    loop {
        let text = ask()?;
        let clear = match options.output {
            Output::Table if io::stdout().is_terminal() => CLEAR,
            Output::Table | Output::Json => "",
        };
        match print(&format!("{clear}{text}")) {
            Err(StatusError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(());
            }
            printed => printed?,
        }
        thread::sleep(Duration::from_secs(seconds.into()));
    }
}

/// Moves to the upper left corner and clears what is below (ECMA-48: CUP, ED).
const CLEAR: &str = "\x1b[H\x1b[J";

fn print(text: &str) -> Result<(), StatusError> {
    let mut output = io::stdout().lock();
    let printed = output.write_all(text.as_bytes());
    printed
        .and_then(|()| output.flush())
        .map_err(StatusError::Print)
}

/// What the running region tells, as far as it is asked for.
fn ask(directory: &Directory, options: &StatusOptions) -> Result<String, StatusError> {
    let whole = report_of(directory)?;
    let unknown = whole.unknown(&options.only);
    if !unknown.is_empty() {
        return Err(StatusError::Nothing(unknown));
    }
    let report = whole.only(&options.only);
    Ok(match options.output {
        Output::Json => serde_json::to_string(&report)? + "\n",
        Output::Table => report.render(width()),
    })
}

/// Characters in a line of the terminal.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let width = size.map_or(0, |size| usize::from(size.ws_col));
    // Some terminals do not know their size.
    if width == 0 { DEFAULT_WIDTH } else { width }
}

/// What the running region tells.
pub(crate) fn report_of(directory: &Directory) -> Result<Report, StatusError> {
    // Says so if no region runs, rather than that a socket is missing.
    directory.endpoint()?;
    let document = read_document(&directory.status_socket(), Question::Status)?;
    Ok(serde_json::from_str(&document)?)
}

/// Which boot each instance that is up is in, or about to be in.
pub(crate) fn boots_of(directory: &Directory) -> Result<BTreeMap<InstanceId, u64>, StatusError> {
    directory.endpoint()?;
    let document = read_document(&directory.status_socket(), Question::Boots)?;
    Ok(serde_json::from_str(&document)?)
}

/// Prints what the running region has measured of itself.
pub(crate) fn show_metrics(options: &DataDirectory) -> Result<(), StatusError> {
    let directory = Directory::open(&options.data_dir)?;
    directory.endpoint()?;
    print(&read_document(
        &directory.status_socket(),
        Question::Metrics,
    )?)
}

/// What is asked at a region's socket: a word, and no more to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// No word at all, which a fabric service's socket answers too.
    Status,
    /// What was measured.
    Metrics,
    /// The boots of the instances.
    Boots,
}

impl Question {
    const fn word(self) -> &'static [u8] {
        match self {
            Self::Status => b"",
            Self::Metrics => b"metrics",
            Self::Boots => b"boots",
        }
    }

    /// Hears it. Of whoever says nothing, and not that this is all, it is the status.
    async fn hear(stream: &mut tokio::net::UnixStream) -> Self {
        let mut word = Vec::new();
        let mut stream = stream.take(Self::Metrics.word().len() as u64);
        let heard = timeout(QUESTION_PATIENCE, stream.read_to_end(&mut word)).await;
        match heard {
            Ok(Ok(_)) if word == Self::Metrics.word() => Self::Metrics,
            Ok(Ok(_)) if word == Self::Boots.word() => Self::Boots,
            _ => Self::Status,
        }
    }
}

/// What is told at a socket.
pub(crate) fn read_document(socket: &Path, question: Question) -> Result<String, StatusError> {
    let read = || -> io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(question.word())?;
        stream.shutdown(Shutdown::Write)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let path = PathBuf::from(socket);
    read().map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => StatusError::Denied(path),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => StatusError::NoService(path),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => StatusError::Late(path),
        _ => StatusError::Unanswered { path, source },
    })
}

/// Answers every connection with the region's status, or with what was measured, until `stop` completes.
pub(crate) async fn serve(
    (directory, listener): (Directory, UnixListener),
    region: Arc<Region>,
    agent: Arc<Agent>,
    adapters: Arc<Adapters>,
    metrics: Metrics,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((mut stream, _)) = accepted else {
            continue;
        };
        let told = match Question::hear(&mut stream).await {
            Question::Status => report(&directory, &region, &agent, &adapters).await,
            Question::Metrics => Ok(metrics.render()),
            Question::Boots => Ok(boots(&region)),
        };
        let text = match told {
            Ok(text) => text,
            Err(error) => {
                warn!(%error, "cannot read the counters");
                continue;
            }
        };
        // A reader that has gone needs no answer.
        let _ = timeout(PATIENCE, stream.write_all(text.as_bytes())).await;
    }
}

/// What `openeni uplink` has turned on; one that cannot be told is said so.
async fn way_out(directory: &Directory) -> Option<WayOut> {
    let directory = directory.clone();
    let told = tokio::task::spawn_blocking(move || uplink::way_out(&directory)).await;
    let untold = |problem: String| WayOut {
        interface: String::from("-"),
        problems: vec![problem],
    };
    match told {
        Ok(Ok(way)) => way,
        Ok(Err(error)) => Some(untold(eni_agent::chain(&error))),
        Err(error) => Some(untold(error.to_string())),
    }
}

async fn report(
    directory: &Directory,
    region: &Region,
    agent: &Agent,
    adapters: &Adapters,
) -> Result<String, AgentError> {
    let (mut interfaces, mut ways) = (BTreeMap::new(), Ways::default());
    let status = agent.status().await?;
    for vport in status.vports {
        match vport.plug {
            Some(plug) => drop(interfaces.insert(plug.attachment_id, counters(&vport))),
            None if vport.is_of_services() => ways.services = counters(&vport),
            None => ways.uplink = counters(&vport),
        }
    }
    let adapters = adapters.counters().into_iter();
    let adapters = adapters
        .map(|(id, counters)| (id, counters.into()))
        .collect();
    let name = &region.settings().region;
    let lanes = status.lanes.into_iter().map(Into::into).collect();
    let mut report =
        region.read(|world| Report::new(name, world, interfaces, adapters, ways, lanes));
    report.way_out = way_out(directory).await;
    Ok(serde_json::to_string(&report).expect("reports have string keys"))
}

fn boots(region: &Region) -> String {
    let boots: BTreeMap<InstanceId, u64> = region.read(|world| {
        let up = world.instances.iter().filter(|instance| instance.is_up());
        up.map(|instance| (instance.instance_id, instance.boot_count))
            .collect()
    });
    serde_json::to_string(&boots).expect("ids are strings")
}

fn counters(vport: &VportStatus) -> Counters {
    let traffic = vport.traffic;
    Counters {
        ingress_packets: traffic.ingress_packets,
        ingress_bytes: traffic.ingress_bytes,
        egress_packets: traffic.egress_packets,
        egress_bytes: traffic.egress_bytes,
        drops: vport
            .drops
            .iter()
            .map(|(reason, count)| (reason.as_str().to_owned(), *count))
            .collect(),
    }
}
