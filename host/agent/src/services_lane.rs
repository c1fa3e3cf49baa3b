//! The services lane: one thread that serves guests, started anew when it fails.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use eni_lower::Delta;
use eni_netlink::Namespace;
use eni_plan::Desired;
use eni_services::{Asker, Askers, Services};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::AgentError;
use crate::error::chain;
use crate::supervision::{Lane, LaneState};

/// What has failed is begun again after this long, doubled with every failure in a row up to the second.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// The lane. Dropped, it ends.
pub(crate) struct ServicesLane {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl ServicesLane {
    /// Starts the thread, in the services' namespace.
    pub(crate) fn start(
        namespace: Namespace,
        services: Arc<Services>,
        lane: Lane,
    ) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let thread = thread::Builder::new()
            .name("services".to_owned())
            .spawn(move || serve_for_ever(&namespace, &services, &lane, &stopped))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for ServicesLane {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It has told of a panic.
            drop(thread.join());
        }
    }
}

fn serve_for_ever(
    namespace: &Namespace,
    services: &Services,
    lane: &Lane,
    stopped: &watch::Receiver<bool>,
) {
    let mut retry = FIRST_RETRY;
    loop {
        let failure = match lane.work(|| serve(namespace, services, stopped.clone())) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(panicked) => chain(&panicked),
        };
        tracing::warn!(error = %failure, "the fabric's services do not serve, and begin again");
        lane.has_failed(failure);
        lane.is_now(LaneState::Restarting);
        if wait(stopped.clone(), retry) {
            return;
        }
        retry = (retry * 2).min(LAST_RETRY);
        lane.is_now(LaneState::Running);
    }
}

fn serve(
    namespace: &Namespace,
    services: &Services,
    stopped: watch::Receiver<bool>,
) -> Result<(), AgentError> {
    namespace.enter()?;
    let failed = |source| AgentError::Io {
        action: "serve guests in",
        path: "the services' namespace".into(),
        source,
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed)?;
    runtime.block_on(services.serve(stopped)).map_err(failed)
}

/// Whether the end has come within `time`.
fn wait(mut stopped: watch::Receiver<bool>, time: Duration) -> bool {
    let Ok(runtime) = Builder::new_current_thread().enable_time().build() else {
        thread::sleep(time);
        return *stopped.borrow();
    };
    let ended = async { timeout(time, stopped.wait_for(|stop| *stop)).await.is_ok() };
    runtime.block_on(ended)
}

/// Before any row that releases an interface's packets is written, and while those of an endpoint that goes still have a way.
pub(crate) fn follow_askers(askers: &Askers, delta: &Delta, desired: &Desired) {
    for (id, before) in &delta.interfaces {
        if let Some(before) = before {
            askers.remove(before.vport, *id);
        }
        if let Some(interface) = desired.interfaces.get(id) {
            askers.add(interface.vport, *id);
        }
    }
    let mut gone = Vec::new();
    for (id, before) in &delta.endpoints {
        let asker = Asker::Endpoint(*id);
        let now = desired.endpoints.get(id);
        if let Some(before) = before {
            askers.remove_asker(*before, asker);
            gone.extend(Some(*before).filter(|before| Some(before) != now));
        }
        if let Some(vport) = now {
            askers.add_asker(*vport, asker);
        }
    }
    askers.end_connections(&gone);
}

/// All that are there.
pub(crate) fn all_askers(desired: &Desired) -> impl Iterator<Item = (u32, Asker)> {
    let interfaces = desired.interfaces.iter();
    let interfaces = interfaces.map(|(id, one)| (one.vport, Asker::Attachment(*id)));
    let endpoints = desired.endpoints.iter();
    interfaces.chain(endpoints.map(|(id, vport)| (*vport, Asker::Endpoint(*id))))
}
