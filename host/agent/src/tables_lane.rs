//! The tables lane: lowers, plans, writes packet tables, and reports. It never waits for the other lane.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eni_bpf_loader::Programs;
use eni_lower::{Lowering, Numbers};
use eni_model::{expire, plan_transitions};
use eni_plan::lanes::{Outcome, Urgency, Walk};
use eni_plan::{Desired, Observed, Plan};
use eni_region::Region;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::converge::Knowledge;
use crate::devices_lane::{DevicesLane, News};
use crate::error::chain;
use crate::machine::{Machine, TablesPart, observe};
use crate::status::KnownVport;
use crate::supervision::{Lane, LaneState};
use crate::{AdapterService, AgentError, log_failure, progress};

/// How often the devices are looked at if anything was heard of them.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How often they are looked at although nothing was: a safety net, as nobody else should touch what is ours.
const UNPROMPTED_LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// What only frees resources waits until nothing has been published for this long ...
const QUIET: Duration = Duration::from_millis(100);

/// ... or, in a region that is never quiet, until it has waited this long.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(2);

/// How often the region forgets what EC2 forgets with time (terminated instances after an hour).
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);

/// What failed is tried again after this long, doubled with every failure in a row up to [`LOOK_INTERVAL`].
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// After so many attempts to start anew, none of which led to a turn that succeeded, the lane ends.
const MAX_ATTEMPTS: u32 = 8;

/// What is asked of the lane.
pub(crate) enum Request {
    /// The vports that there are.
    Vports(oneshot::Sender<Vec<KnownVport>>),
    /// To end.
    Stop,
}

/// The lane. It has the other one.
pub(crate) struct TablesLane {
    region: Arc<Region>,
    revisions: watch::Receiver<eni_store::Revision>,
    adapters: Arc<dyn AdapterService>,
    tables: TablesPart,
    devices: DevicesLane,
    /// Told when the devices lane has news.
    news: Arc<Notify>,
    inbox: mpsc::Receiver<Request>,
    lane: Lane,
    knowledge: Knowledge,
    /// What is to be brought about, of the revision last lowered; none when it must be lowered anew.
    desired: Option<Desired>,
    /// Those that the packet tables name; none before the first look at the world.
    numbers: Option<Numbers>,
    /// Whether an interface has no vport.
    lacks_vports: bool,
    /// Requests that wait until what was found at the start has been brought to an end.
    early_requests: Option<Vec<oneshot::Sender<Vec<KnownVport>>>>,
    times: Times,
}

struct Times {
    last_published: Instant,
    /// When it was last asked whether anything was heard of devices.
    last_listening: Instant,
    last_look: Instant,
    last_expiry: Instant,
    /// Since when something waits for a quiet moment.
    deferred_since: Option<Instant>,
    /// When to try again what failed, and how long that was waited for.
    retry: Option<(Instant, Duration)>,
}

/// Why the lane woke up.
enum Wake {
    Published,
    News,
    Clock,
    Request(Request),
}

/// What a lane starts with.
pub(crate) struct Parts {
    pub(crate) region: Arc<Region>,
    pub(crate) adapters: Arc<dyn AdapterService>,
    pub(crate) machine: Machine,
    pub(crate) inbox: mpsc::Receiver<Request>,
    pub(crate) tables_lane: Lane,
    pub(crate) devices_lane: Lane,
}

impl TablesLane {
    /// Takes over what is on the machine, and starts the other lane.
    pub(crate) fn new(parts: Parts) -> Result<Self, AgentError> {
        let Parts {
            region,
            adapters,
            machine,
            inbox,
            tables_lane,
            devices_lane,
        } = parts;
        let observed = machine.observe()?;
        let Machine {
            tables,
            devices,
            instance_maps,
        } = machine;
        let knowledge = Knowledge::found(observed, instance_maps.instances());
        let news = Arc::new(Notify::new());
        let wake = Arc::clone(&news);
        let devices = DevicesLane::start(devices, instance_maps, devices_lane, move || {
            wake.notify_one();
        });
        let devices = devices.map_err(|source| AgentError::Io {
            action: "start threads for",
            path: "the devices lane".into(),
            source,
        })?;
        let now = Instant::now();
        Ok(Self {
            revisions: region.subscribe(),
            region,
            adapters,
            tables,
            devices,
            news,
            inbox,
            lane: tables_lane,
            knowledge,
            desired: None,
            numbers: None,
            lacks_vports: false,
            early_requests: Some(Vec::new()),
            times: Times {
                last_published: now,
                last_listening: now,
                last_look: now,
                last_expiry: now,
                deferred_since: None,
                retry: None,
            },
        })
    }

    /// The programs' counters.
    pub(crate) fn programs(&self) -> Arc<Programs> {
        self.tables.programs()
    }

    /// Works until it is asked to stop. Gives back the machine, unless a thread of the other lane could not end.
    pub(crate) fn run(mut self, runtime: &Runtime) -> Option<Machine> {
        let mut panics_in_a_row = 0;
        let mut wake = Wake::Published;
        loop {
            let lane = self.lane.clone();
            let Ok(stops) = lane.work(|| self.turn(wake)) else {
                panics_in_a_row += 1;
                if !self.start_anew(panics_in_a_row) {
                    return self.end();
                }
                wake = Wake::Clock;
                continue;
            };
            if stops {
                return self.end();
            }
            panics_in_a_row = 0;
            wake = runtime.block_on(self.wait());
        }
    }

    /// What is to be done now; true at the end.
    fn turn(&mut self, wake: Wake) -> bool {
        match wake {
            Wake::Published => self.desired = None,
            Wake::News | Wake::Clock => {}
            Wake::Request(Request::Stop) => return true,
            Wake::Request(Request::Vports(reply)) => {
                match &mut self.early_requests {
                    Some(early) => early.push(reply),
                    // Whoever asked may have gone.
                    None => drop(reply.send(KnownVport::all(&self.knowledge.observed))),
                }
                return false;
            }
        }
        let has_news = self.take_news();
        let is_due = self.keep_time();
        if has_news || is_due || self.desired.is_none() {
            self.pass();
        }
        false
    }

    /// One pass over the published world.
    fn pass(&mut self) {
        let is_published = self.revisions.has_changed().unwrap_or(false);
        let desired = match self.desired.take().filter(|_| !is_published) {
            Some(desired) => desired,
            None => {
                self.revisions.mark_unchanged();
                self.times.last_published = Instant::now();
                self.knowledge.try_again();
                self.lower()
            }
        };
        let plan = self.knowledge.plan(&desired);
        self.follow(&plan);
        let in_flight = self.devices.in_flight();
        let released = self.knowledge.release_vports(&desired, &in_flight);
        self.take_unneeded_maps(&desired);
        // An interface that lacks a vport may get one at the next lowering.
        self.desired = (!released || !self.lacks_vports).then_some(desired);
        self.answer_early_requests();
        self.schedule_retry();
    }

    /// Does what is the tables' in a plan, and gives the rest to the devices lane.
    fn follow(&mut self, plan: &Plan) {
        let mut walk = Walk::along(plan, &self.devices.in_flight());
        let (knowledge, tables) = (&mut self.knowledge, &mut self.tables);
        knowledge.walk(tables, &mut walk, (&plan.now, Urgency::Now), || false);
        self.report();
        // A newly published world comes between any two of these.
        let (knowledge, revisions) = (&mut self.knowledge, &self.revisions);
        let published = || revisions.has_changed().unwrap_or(false);
        let then = (&plan.then[..], Urgency::Then);
        knowledge.walk(&mut self.tables, &mut walk, then, published);
        if self.is_time_for_deferred(plan) {
            let deferred = (&plan.deferred[..], Urgency::Deferred);
            let (knowledge, tables) = (&mut self.knowledge, &mut self.tables);
            knowledge.walk(tables, &mut walk, deferred, || false);
        }
        let (steps, maps) = walk.finish();
        let without = &self.knowledge.without_maps;
        let maps = maps
            .into_iter()
            .filter(|instance| !without.contains(instance));
        self.devices.replace(steps, maps);
        if !plan.then.is_empty() {
            self.report();
        }
    }

    fn is_time_for_deferred(&mut self, plan: &Plan) -> bool {
        if plan.deferred.is_empty() {
            self.times.deferred_since = None;
            return false;
        }
        let since = *self.times.deferred_since.get_or_insert_with(Instant::now);
        self.times.last_published.elapsed() >= QUIET || since.elapsed() > LONGEST_DEFERRAL
    }

    /// Looks at the published world in place: a copy of a large one takes longer than lowering what runs of it.
    fn lower(&mut self) -> Desired {
        let Self {
            adapters,
            devices,
            region,
            numbers,
            lacks_vports,
            knowledge,
            ..
        } = self;
        let (vports, tables) = (&mut knowledge.vports, &knowledge.observed.tables);
        region.read(|world| {
            // First of all, as a revoked rule must cut at once.
            if adapters.world_published(world) {
                devices.serve_adapters();
            }
            let known = numbers.take();
            let known = known.unwrap_or_else(|| Numbers::recover(world, tables, vports));
            let (lowering, update) = Lowering::new(world, region.settings(), known, vports);
            *lacks_vports = !update.without_vport.is_empty();
            for id in update.without_vport {
                tracing::warn!(attachment = %id, "no vport is free: the interface passes nothing");
            }
            let (desired, in_use) = lowering.into_parts();
            *numbers = Some(in_use);
            desired
        })
    }

    /// Takes over what the devices lane has done; whether there was anything.
    fn take_news(&mut self) -> bool {
        let news = self.devices.take_news();
        if news.is_empty() {
            return false;
        }
        let News {
            outcomes,
            maps_made,
            maps_failed,
            seen,
        } = news;
        let knowledge = &mut self.knowledge;
        // What was looked at is older than what has ended since.
        if let Some((seen, changed)) = seen {
            match seen {
                Ok(seen) => {
                    knowledge.observed.take_over(seen, &changed);
                    knowledge.doubts_devices = false;
                }
                Err(error) => log_failure("observe", Err(error)),
            }
        }
        for Outcome { step, result, .. } in outcomes {
            match result {
                Ok(()) => knowledge.has_done(&step),
                Err(_told) => {
                    knowledge.doubts_devices = true;
                    knowledge.failures.add(step);
                }
            }
        }
        for instance in maps_made {
            knowledge.maps.made(instance);
        }
        knowledge.without_maps.extend(maps_failed);
        true
    }

    /// Tells the region what it does not know yet, without waiting for the commit. What is lost is told again.
    fn report(&self) {
        let Knowledge {
            observed, vports, ..
        } = &self.knowledge;
        let news = self
            .region
            .read(|world| progress::transitions(world, observed, vports));
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

    fn take_unneeded_maps(&mut self, desired: &Desired) {
        if self.times.last_published.elapsed() < QUIET {
            return;
        }
        let wanted = desired.tables.vports.values();
        let unneeded = self.knowledge.maps.unneeded(wanted, usize::MAX);
        if !unneeded.is_empty() {
            unneeded
                .iter()
                .for_each(|instance| self.knowledge.maps.removed(*instance));
            self.devices.take_maps(unneeded);
        }
    }

    fn answer_early_requests(&mut self) {
        if self.early_requests.is_some() && self.devices.is_idle() {
            for reply in self.early_requests.take().into_iter().flatten() {
                drop(reply.send(KnownVport::all(&self.knowledge.observed)));
            }
        }
    }

    fn schedule_retry(&mut self) {
        let now = Instant::now();
        let Knowledge {
            doubts_tables,
            doubts_devices,
            ..
        } = self.knowledge;
        let failing = doubts_tables || doubts_devices || self.knowledge.has_failures();
        let retry = &mut self.times.retry;
        *retry = match *retry {
            _ if !failing => None,
            None => Some((now + FIRST_RETRY, FIRST_RETRY)),
            Some((when, delay)) if when <= now => {
                let delay = (delay * 2).min(LOOK_INTERVAL);
                Some((now + delay, delay))
            }
            waiting => waiting,
        };
    }

    /// Does what the clock asks for; whether there is something to plan.
    fn keep_time(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.times.last_expiry) >= EXPIRY_INTERVAL {
            self.times.last_expiry = now;
            self.expire();
        }
        let retry = self.times.retry.is_some_and(|(when, _)| when <= now);
        if retry {
            if self.knowledge.doubts_tables {
                log_failure("observe", self.knowledge.read_tables(&self.tables));
            }
            self.knowledge.try_again();
        }
        if now.duration_since(self.times.last_listening) >= LOOK_INTERVAL {
            self.times.last_listening = now;
            let is_due = now.duration_since(self.times.last_look) >= UNPROMPTED_LOOK_INTERVAL;
            if is_due || self.devices.machine().has_news() {
                self.look();
            }
        } else if retry && self.knowledge.doubts_devices {
            self.look();
        }
        let deferred = self.times.deferred_since.is_some();
        retry || deferred && now.duration_since(self.times.last_published) >= QUIET
    }

    fn look(&mut self) {
        self.times.last_look = Instant::now();
        self.devices.look();
    }

    fn expire(&mut self) {
        let region = &self.region;
        let known = region.read(|world| {
            let ids = world.instances.iter();
            ids.map(|instance| instance.instance_id).collect()
        });
        self.devices.forget_consoles(known);
        if !region.read(|world| expire(world, region.now()).is_empty()) {
            drop(region.submit(region.owner(), 0, |world, context| {
                Ok((expire(world, context.now), ()))
            }));
        }
    }

    async fn wait(&mut self) -> Wake {
        let now = Instant::now();
        let times = &self.times;
        let look = LOOK_INTERVAL.saturating_sub(now - times.last_listening);
        let retry = times
            .retry
            .map(|(when, _)| when.saturating_duration_since(now));
        // After a failure the retry's delay counts.
        let deferred = times
            .deferred_since
            .filter(|_| retry.is_none())
            .map(|_| QUIET.saturating_sub(now - times.last_published))
            .filter(|left| !left.is_zero());
        let sleep = [Some(look), retry, deferred].into_iter().flatten().min();
        tokio::select! {
            biased;
            changed = self.revisions.changed() => match changed {
                Ok(()) => Wake::Published,
                Err(_) => Wake::Request(Request::Stop), // cannot be: we hold the region
            },
            request = self.inbox.recv() => Wake::Request(request.unwrap_or(Request::Stop)),
            () = self.news.notified() => Wake::News,
            () = tokio::time::sleep(sleep.unwrap_or(LOOK_INTERVAL)) => Wake::Clock,
        }
    }

    /// After a panic: begins again from what is observed, tables and devices. False once the lane has ended.
    fn start_anew(&mut self, panics_in_a_row: u32) -> bool {
        self.lane.is_now(LaneState::Restarting);
        for attempt in panics_in_a_row..MAX_ATTEMPTS {
            std::thread::sleep(FIRST_RETRY * attempt);
            match self.observe_anew() {
                Ok(()) => {
                    self.lane.is_now(LaneState::Running);
                    return true;
                }
                Err(error) => self.lane.has_failed(chain(&error)),
            }
        }
        self.lane.is_now(LaneState::Ended);
        tracing::error!(
            "the agent's tables lane cannot be started again: the network stays as it is until this process is restarted"
        );
        self.wait_for_the_end();
        false
    }

    fn observe_anew(&mut self) -> Result<(), AgentError> {
        // Steps that are under way are observed when they end.
        self.devices.replace(Default::default(), []);
        let observed: Observed = observe(&self.tables, self.devices.machine())?;
        let Knowledge { maps, vports, .. } = std::mem::take(&mut self.knowledge);
        self.numbers = None;
        self.knowledge = Knowledge {
            // Of a device that is being made only its number is known.
            vports,
            doubts_devices: true,
            ..Knowledge::found(observed, maps.instances())
        };
        self.desired = None;
        Ok(())
    }

    /// Answers what is asked of a lane that has ended, until it is asked to stop.
    fn wait_for_the_end(&mut self) {
        while let Some(request) = self.inbox.blocking_recv() {
            match request {
                Request::Vports(reply) => drop(reply.send(Vec::new())),
                Request::Stop => return,
            }
        }
    }

    fn end(self) -> Option<Machine> {
        let (devices, instance_maps) = self.devices.stop()?;
        Some(Machine {
            tables: self.tables,
            devices,
            instance_maps,
        })
    }
}
