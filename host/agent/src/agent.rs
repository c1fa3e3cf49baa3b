//! The agent's thread: when to look, when to act, when to report.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use eni_instance::RunDirectory;
use eni_lower::efa::EfaDevices;
use eni_lower::{Lowering, Numbers};
use eni_model::{expire, plan_transitions};
use eni_plan::Desired;
use eni_region::Region;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};

use crate::converge::Converger;
use crate::error::chain;
use crate::machine::Machine;
use crate::{AgentError, Status, progress};

/// How often the data plane's memory is rid of expired connections (`eni_bpf_loader::DataPlane::collect_connections`).
const COLLECT_INTERVAL: Duration = Duration::from_secs(1);

/// How often the machine is looked at although nothing has been published: a safety net, as nobody else should touch
/// what is ours.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// What only frees resources waits until nothing has been published for this long ...
const QUIET: Duration = Duration::from_millis(100);

/// ... or, in a region that is never quiet, until it has waited this long.
const LONGEST_LEISURE: Duration = Duration::from_secs(2);

/// How often the region forgets what EC2 forgets with time (terminated instances after an hour).
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);

/// A failed step is tried again after this long, doubled with every failure in a row up to [`LOOK_INTERVAL`].
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// Requests for the status that may wait.
const MAX_REQUESTS: usize = 16;

/// What an agent needs.
pub struct AgentSettings {
    /// The region's data directory.
    pub data_directory: PathBuf,
    /// The command that calls [`eni_instance::init::run`] with the arguments added to it.
    pub init_command: Vec<OsString>,
    /// The directory of the libraries by which programs in instances reach Elastic Fabric Adapters.
    pub efa_libraries: PathBuf,
}

/// A running agent. Dropping it stops the thread and leaves the network as it is.
pub struct Agent {
    requests: mpsc::Sender<Request>,
    thread: Option<JoinHandle<Machine>>,
}

enum Request {
    Status(oneshot::Sender<Result<Status, AgentError>>),
    Stop,
}

impl Agent {
    /// Takes over what an earlier agent of this region left on the machine, and begins to converge. The calling thread's
    /// network namespace is the host that [`crate::UPLINK_NAME`] is made in.
    ///
    /// # Errors
    /// [`AgentError`], for example without the right to load the program.
    pub fn start(region: Arc<Region>, settings: AgentSettings) -> Result<Self, AgentError> {
        let failed = |action| {
            let path = settings.data_directory.clone();
            move |source| AgentError::Io {
                action,
                path,
                source,
            }
        };
        let run = RunDirectory::of(&settings.data_directory).map_err(failed("find"))?;
        let machine = Machine::open(
            run,
            settings.init_command,
            settings.efa_libraries,
            region.settings().public_pool,
        )?;
        let converger = Converger::new(machine)?;
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(failed("start an agent for"))?;
        let (requests, inbox) = mpsc::channel(MAX_REQUESTS);
        let worker = Worker {
            revisions: region.subscribe(),
            region,
            converger,
            numbers: None,
            inbox,
            last_published: Instant::now(),
            last_look: Instant::now(),
            last_collection: Instant::now(),
            last_expiry: Instant::now(),
            leisure_since: None,
            retry: None,
        };
        let thread = thread::Builder::new()
            .name("agent".to_owned())
            .spawn(move || worker.run(&runtime))
            .map_err(|source| AgentError::Io {
                action: "start a thread for",
                path: settings.data_directory,
                source,
            })?;
        Ok(Self {
            requests,
            thread: Some(thread),
        })
    }

    /// What passes and is dropped at each interface and adapter.
    ///
    /// # Errors
    /// [`AgentError::Stopped`], or when the counters cannot be read.
    pub async fn status(&self) -> Result<Status, AgentError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Status(reply);
        let sent = self.requests.send(request).await;
        sent.map_err(|_| AgentError::Stopped)?;
        answer.await.unwrap_or(Err(AgentError::Stopped))
    }

    /// Stops the agent and takes the network down: instances, namespaces, devices, programs and tables of the region.
    /// Blocks the calling thread; not to be called inside an async task.
    ///
    /// # Errors
    /// The first thing that could not be removed, after all else was.
    pub fn shutdown(mut self) -> Result<(), AgentError> {
        self.stop().ok_or(AgentError::Stopped)?.remove()
    }

    fn stop(&mut self) -> Option<Machine> {
        let thread = self.thread.take()?;
        // Either the request arrives, or the thread has ended by itself. A full inbox is being emptied.
        while let Err(mpsc::error::TrySendError::Full(_)) = self.requests.try_send(Request::Stop) {
            thread::sleep(FIRST_RETRY);
        }
        thread.join().ok()
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

struct Worker {
    region: Arc<Region>,
    revisions: watch::Receiver<eni_store::Revision>,
    converger: Converger,
    /// Those that the packet tables name; none before the first look at the world.
    numbers: Option<Numbers>,
    inbox: mpsc::Receiver<Request>,
    last_published: Instant,
    last_look: Instant,
    last_collection: Instant,
    last_expiry: Instant,
    /// Since when something waits for a quiet moment.
    leisure_since: Option<Instant>,
    /// When to try again what failed, and how long that was waited for.
    retry: Option<(Instant, Duration)>,
}

/// Why the worker woke up.
enum Wake {
    Published,
    Clock,
    Request(Request),
}

impl Worker {
    fn run(mut self, runtime: &Runtime) -> Machine {
        log("enter the fabric", self.converger.machine.enter_fabric());
        loop {
            self.pass();
            match runtime.block_on(self.wait()) {
                Wake::Published => self.last_published = Instant::now(),
                Wake::Clock => self.keep_house(),
                Wake::Request(Request::Status(reply)) => {
                    let status = self.converger.machine.status(&self.converger.observed);
                    // Whoever asked may have gone.
                    let _ = reply.send(status);
                }
                Wake::Request(Request::Stop) => return self.converger.machine,
            }
        }
    }

    /// One pass over the published world.
    fn pass(&mut self) {
        self.revisions.mark_unchanged();
        let (desired, adapters) = self.lower();
        // First of all, as a revoked rule must cut at once.
        let followed = self.converger.machine.follow_efa(adapters);
        log("follow the adapters", followed);
        let plan = self.converger.plan(&desired);
        self.converger.execute(&plan.now, || false);
        self.report();
        if !plan.then.is_empty() {
            self.execute_unless_published(&plan.then);
            self.report();
        }
        if plan.deferred.is_empty() {
            self.leisure_since = None;
        } else {
            let since = *self.leisure_since.get_or_insert_with(Instant::now);
            let quiet = self.last_published.elapsed() >= QUIET;
            if quiet || since.elapsed() > LONGEST_LEISURE {
                self.execute_unless_published(&plan.deferred);
            }
        }
        self.converger.release_numbers(&desired);
        self.schedule_retry();
    }

    /// Looks at the published world in place: a copy of a large one takes longer than lowering what runs of it.
    fn lower(&mut self) -> (Desired, EfaDevices) {
        let region = &self.region;
        let Converger {
            observed,
            numbers: vports,
            ..
        } = &mut self.converger;
        let tables = &observed.tables;
        region.read(|world| {
            let numbers = self.numbers.take();
            let numbers = numbers.unwrap_or_else(|| Numbers::recover(world, tables, vports));
            let (lowering, update) = Lowering::new(world, region.settings(), numbers, vports);
            for id in update.without_vport {
                tracing::warn!(attachment = %id, "no vport is free: the interface passes nothing");
            }
            let (desired, numbers) = lowering.into_parts();
            self.numbers = Some(numbers);
            (desired, EfaDevices::of(world))
        })
    }

    /// Boots, halts and deletions take long: a newly published world comes between any two of them.
    fn execute_unless_published(&mut self, steps: &[eni_plan::Step]) {
        let revisions = &self.revisions;
        let published = || revisions.has_changed().unwrap_or(false);
        self.converger.execute(steps, published);
    }

    /// Tells the region what it does not know yet, without waiting for the commit. What is lost is told again.
    fn report(&self) {
        let Converger {
            observed, numbers, ..
        } = &self.converger;
        let news = self
            .region
            .read(|world| progress::transitions(world, observed, numbers));
        if news.is_empty() {
            return;
        }
        let submission = self
            .region
            .submit(self.region.owner(), 0, move |world, context| {
                Ok((plan_transitions(world, &news, context.now), ()))
            });
        drop(submission);
    }

    fn schedule_retry(&mut self) {
        let now = Instant::now();
        self.retry = match self.retry {
            _ if !self.converger.in_doubt => None,
            None => Some((now + FIRST_RETRY, FIRST_RETRY)),
            Some((when, delay)) if when <= now => {
                let delay = (delay * 2).min(LOOK_INTERVAL);
                Some((now + delay, delay))
            }
            waiting => waiting,
        };
    }

    /// What the clock asks for.
    fn keep_house(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.last_collection) >= COLLECT_INTERVAL {
            self.last_collection = now;
            let result = self.converger.machine.collect_connections();
            log("collect connections", result);
        }
        if now.duration_since(self.last_expiry) >= EXPIRY_INTERVAL {
            self.last_expiry = now;
            self.expire();
        }
        let retry = self.retry.is_some_and(|(when, _)| when <= now);
        if retry || now.duration_since(self.last_look) >= LOOK_INTERVAL {
            self.last_look = now;
            let result = self.converger.look_again();
            log("observe", result);
        }
    }

    fn expire(&mut self) {
        let region = &self.region;
        let known = region.read(|world| {
            let ids = world.instances.iter();
            ids.map(|instance| instance.instance_id).collect()
        });
        log(
            "forget consoles",
            self.converger.machine.forget_consoles(&known),
        );
        if !region.read(|world| expire(world, region.now()).is_empty()) {
            drop(region.submit(region.owner(), 0, |world, context| {
                Ok((expire(world, context.now), ()))
            }));
        }
    }

    async fn wait(&mut self) -> Wake {
        let now = Instant::now();
        let collection = COLLECT_INTERVAL.saturating_sub(now - self.last_collection);
        let retry = self
            .retry
            .map(|(when, _)| when.saturating_duration_since(now));
        // After a failure the retry's delay counts.
        let leisure = self
            .leisure_since
            .filter(|_| retry.is_none())
            .map(|_| QUIET.saturating_sub(now - self.last_published));
        let sleep = [Some(collection), retry, leisure]
            .into_iter()
            .flatten()
            .min();
        tokio::select! {
            biased;
            changed = self.revisions.changed() => match changed {
                Ok(()) => Wake::Published,
                Err(_) => Wake::Request(Request::Stop), // cannot be: we hold the region
            },
            request = self.inbox.recv() => Wake::Request(request.unwrap_or(Request::Stop)),
            () = tokio::time::sleep(sleep.unwrap_or(COLLECT_INTERVAL)) => Wake::Clock,
        }
    }
}

fn log(what: &str, result: Result<(), AgentError>) {
    if let Err(error) = result {
        tracing::warn!(error = %chain(&error), "could not {what}");
    }
}
