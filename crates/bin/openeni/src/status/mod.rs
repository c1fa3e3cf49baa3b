//! `openeni status`: the running region answers on a socket in its data directory with one JSON document.

mod adapter;
mod report;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eni_agent::{Agent, AgentError, VportStatus};
use eni_region::Region;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::time::timeout;
use tracing::warn;

pub(crate) use self::adapter::AdapterCounters;
pub(crate) use self::report::markdown;
use self::report::{Counters, Report};
use crate::cli::Output;
use crate::directory::{Directory, DirectoryError};

/// How long a region may take to tell its status, and a reader to take it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusError {
    /// No region runs, or its directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Nobody answers.
    #[error("nobody tells a status there")]
    Unanswered(#[from] io::Error),
    /// What is answered is something else.
    #[error("the status is told in a form that this version does not know")]
    Form(#[from] serde_json::Error),
}

/// Asks the running region.
pub(crate) fn ask(directory: &Directory, output: Output) -> Result<String, StatusError> {
    // Says so if no region runs, rather than that a socket is missing.
    directory.endpoint()?;
    let text = read_document(&directory.status_socket())?;
    let report: Report = serde_json::from_str(&text)?;
    Ok(match output {
        Output::Json => text + "\n",
        Output::Table => report.render(),
    })
}

/// What is told at a socket.
pub(crate) fn read_document(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Answers every connection with the region's status until `stop` completes.
pub(crate) async fn serve(
    listener: UnixListener,
    region: Arc<Region>,
    agent: Arc<Agent>,
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
        let text = match report(&region, &agent).await {
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

async fn report(region: &Region, agent: &Agent) -> Result<String, AgentError> {
    let (mut interfaces, mut uplink) = (BTreeMap::new(), Counters::default());
    let status = agent.status().await?;
    for vport in status.vports {
        match vport.plug {
            Some(plug) => drop(interfaces.insert(plug.attachment_id, counters(&vport))),
            None => uplink = counters(&vport),
        }
    }
    let adapters = status.adapters.into_iter();
    let adapters = adapters
        .map(|(id, counters)| (id, counters.into()))
        .collect();
    let name = &region.settings().region;
    let report = region.read(|world| Report::new(name, world, interfaces, adapters, uplink));
    Ok(serde_json::to_string(&report).expect("reports have string keys"))
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
