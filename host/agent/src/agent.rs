//! The handle to the agent's lanes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use eni_bpf_loader::Programs;
use eni_instance::{AdapterFiles, RunDirectory};
use eni_metadata::Keys;
use eni_model::{Reports, Source};
use eni_priority::Priority;
use eni_services::{Askers, DnsUpstream, GuestApi, Services};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use crate::machine::Machine;
use crate::services_lane::ServicesLane;
use crate::supervision::{Lane, PANIC_VARIABLE};
use crate::tables_lane::{Parts, Request, TablesLane};
use crate::{AdapterService, AgentError, Status, VportStatus};

/// Requests that may wait.
const MAX_REQUESTS: usize = 16;

/// How long to wait before a full inbox is tried again.
const INBOX_POLL: Duration = Duration::from_millis(50);

/// What an agent needs.
pub struct AgentSettings {
    /// The region's data directory.
    pub data_directory: PathBuf,
    /// The command that calls [`eni_instance::init::run`] with the arguments added to it.
    pub init_command: Vec<OsString>,
    /// Lays out what programs in instances reach Elastic Fabric Adapters by.
    pub adapter_files: Arc<dyn AdapterFiles>,
    /// Serves the Elastic Fabric Adapters.
    pub adapters: Arc<dyn AdapterService>,
    /// What instance metadata gives is made with these.
    pub metadata_keys: Keys,
    /// Who is asked about names that are not the region's.
    pub dns_upstream: DnsUpstream,
    /// The region's API, as guests find it; `None` where they find none.
    pub api: Option<GuestApi>,
    /// The certificate of the region's authority, in PEM, which instances trust beside those that the host trusts.
    pub authority: Option<String>,
}

/// A running agent. Dropping it stops its threads and leaves the network as it is.
pub struct Agent {
    requests: mpsc::Sender<Request>,
    programs: Arc<Programs>,
    lanes: [Lane; 3],
    services: Option<ServicesLane>,
    thread: Option<JoinHandle<Option<Machine>>>,
}

impl Agent {
    /// Takes over what an earlier agent of this region left on the machine, and begins to converge on what `source` publishes. The calling thread's
    /// network namespace is the host that [`crate::UPLINK_NAME`] is made in.
    ///
    /// # Errors
    /// [`AgentError`], for example without the right to load the program.
    pub fn start(
        source: Arc<dyn Source>,
        reports: Arc<dyn Reports>,
        settings: AgentSettings,
    ) -> Result<Self, AgentError> {
        let AgentSettings {
            data_directory,
            init_command,
            adapter_files,
            adapters,
            metadata_keys,
            dns_upstream,
            api,
            authority,
        } = settings;
        let failed = |action| {
            let path = data_directory.clone();
            move |source| AgentError::Io {
                action,
                path,
                source,
            }
        };
        let run = RunDirectory::of(&data_directory).map_err(failed("find"))?;
        let pool = source.settings().public_pool;
        let service = Arc::clone(&adapters);
        let trusted = authority.as_deref();
        let machine = Machine::open(run, init_command, adapter_files, service, pool, trusted)?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed("start an agent for"))?;
        let planted = std::env::var(PANIC_VARIABLE).unwrap_or_default();
        let lanes = ["tables", "devices", "services"].map(|name| Lane::new(name, &planted));
        let [tables_lane, devices_lane, services_lane] = lanes.clone();
        let askers = Arc::new(Askers::default());
        let services = Services::new(
            Arc::clone(&source),
            Arc::clone(&askers),
            metadata_keys,
            dns_upstream,
            api,
        )
        .map_err(failed("start a thread for"))?;
        let namespace = machine.devices.open_services()?;
        let (requests, inbox) = mpsc::channel(MAX_REQUESTS);
        let lane = TablesLane::new(Parts {
            source,
            reports,
            adapters,
            machine,
            askers,
            inbox,
            tables_lane,
            devices_lane,
        })?;
        let programs = lane.programs();
        let thread = thread::Builder::new()
            .name("tables".to_owned())
            .spawn(move || {
                Priority::Prompt.take();
                lane.run(&runtime)
            })
            .map_err(failed("start a thread for"))?;
        let services = ServicesLane::start(namespace, Arc::new(services), services_lane)
            .map_err(failed("start a thread for"))?;
        Ok(Self {
            requests,
            programs,
            lanes,
            services: Some(services),
            thread: Some(thread),
        })
    }

    /// What passes and is dropped at each interface, and how the lanes fare. The first answer comes when what was found at
    /// the start has been brought about. Must be called inside a runtime of tokio's.
    ///
    /// # Errors
    /// [`AgentError::Stopped`], or when the counters cannot be read.
    pub async fn status(&self) -> Result<Status, AgentError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request::Vports(reply)).await;
        sent.map_err(|_| AgentError::Stopped)?;
        let vports = answer.await.map_err(|_| AgentError::Stopped)?;
        let programs = Arc::clone(&self.programs);
        let read = move || -> Result<Vec<VportStatus>, AgentError> {
            let vports = vports.into_iter();
            vports.map(|vport| vport.read(&programs)).collect()
        };
        let counters = tokio::task::spawn_blocking(read).await;
        Ok(Status {
            vports: counters.map_err(|_| AgentError::Stopped)??,
            lanes: self.lanes.iter().map(Lane::status).collect(),
        })
    }

    /// Stops the agent and takes the network down: instances, namespaces, devices, programs and tables of the region.
    /// Blocks the calling thread; not to be called inside an async task.
    ///
    /// # Errors
    /// The first thing that could not be removed, after all else was.
    pub fn shutdown(mut self) -> Result<(), AgentError> {
        let machine = self.stop().ok_or(AgentError::Stopped)?;
        drop(self);
        machine.remove()
    }

    fn stop(&mut self) -> Option<Machine> {
        drop(self.services.take());
        let thread = self.thread.take()?;
        // Either the request arrives, or the thread has ended by itself. A full inbox is being emptied.
        while let Err(mpsc::error::TrySendError::Full(_)) = self.requests.try_send(Request::Stop) {
            thread::sleep(INBOX_POLL);
        }
        thread.join().ok()?
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Agent").finish_non_exhaustive()
    }
}
