//! The tables lane: lowers, plans, writes packet tables, and reports. It never waits for the other lane.

mod due;
mod reports;
mod restart;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use eni_bpf_loader::Programs;
use eni_lower::{Lowering, Numbers};
use eni_model::resource::ResourceKey;
use eni_model::{Change, Published, Reports, Source};
use eni_plan::lanes::{Outcome, Urgency, Walk};
use eni_plan::{ChangedPlan, Desired};
use eni_services::Askers;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::debug_span;

use crate::announce::Announcer;
use crate::converge::Knowledge;
use crate::devices_lane::{DevicesLane, News};
use crate::ends::Ends;
use crate::machine::{Machine, TablesPart};
use crate::publications::Publications;
use crate::services_lane::{all_askers, follow_askers};
use crate::status::KnownVport;
use crate::supervision::Lane;
use crate::{AdapterService, AgentError, log_failure};
use due::Times;

/// What is asked of the lane.
pub(crate) enum Request {
    /// The vports that there are.
    Vports(oneshot::Sender<Vec<KnownVport>>),
    /// To end.
    Stop,
}

/// The lane. It has the other one.
pub(crate) struct TablesLane {
    source: Arc<dyn Source>,
    reports: Arc<dyn Reports>,
    publications: Arc<Publications>,
    adapters: Arc<dyn AdapterService>,
    askers: Arc<Askers>,
    tables: TablesPart,
    devices: DevicesLane,
    announcer: Announcer,
    /// Told when the devices lane or the announcer has news.
    news: Arc<Notify>,
    inbox: mpsc::Receiver<Request>,
    lane: Lane,
    knowledge: Knowledge,
    /// What is to be brought about; none when the whole world is to be lowered.
    lowering: Option<Lowering>,
    /// What was published when it was last lowered.
    seen: Arc<dyn Published>,
    /// Whether there is to be a pass although nothing has been published: an interface that lacked a vport may get one.
    passes_again: bool,
    /// Requests that wait until what was found at the start has been brought to an end.
    early_requests: Option<Vec<oneshot::Sender<Vec<KnownVport>>>>,
    times: Times,
}

/// Why the lane woke up.
enum Reason {
    Published,
    News,
    /// Processes of an instance have ended, perhaps by themselves.
    End,
    Clock,
    Request(Request),
}

/// What a lane starts with.
pub(crate) struct Parts {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) reports: Arc<dyn Reports>,
    pub(crate) adapters: Arc<dyn AdapterService>,
    pub(crate) machine: Machine,
    pub(crate) askers: Arc<Askers>,
    pub(crate) inbox: mpsc::Receiver<Request>,
    pub(crate) tables_lane: Lane,
    pub(crate) devices_lane: Lane,
}

impl TablesLane {
    /// Takes over what is on the machine, and starts the other lane.
    pub(crate) fn new(parts: Parts) -> Result<Self, AgentError> {
        let Parts {
            source,
            reports,
            adapters,
            machine,
            askers,
            inbox,
            tables_lane,
            devices_lane,
        } = parts;
        // Before what is published is first looked at.
        let publications = Arc::new(Publications::default());
        source.wake_on_publication(Arc::clone(&publications).into());
        let seen = source.published();
        let observed = machine.observe()?;
        let Machine {
            tables,
            devices,
            instance_maps,
        } = machine;
        let knowledge = Knowledge::found(observed, instance_maps.instances());
        let news = Arc::new(Notify::new());
        let wake = || {
            let news = Arc::clone(&news);
            move || news.notify_one()
        };
        let failed = |source| AgentError::Io {
            action: "start threads for",
            path: "the devices lane".into(),
            source,
        };
        let announcer = Announcer::start(tables.speaker(), devices_lane.clone(), wake());
        let announcer = announcer.map_err(failed)?;
        let devices = DevicesLane::start(devices, instance_maps, devices_lane, wake());
        let devices = devices.map_err(failed)?;
        Ok(Self {
            source,
            reports,
            publications,
            adapters,
            askers,
            tables,
            devices,
            announcer,
            news,
            inbox,
            lane: tables_lane,
            knowledge,
            lowering: None,
            seen,
            passes_again: false,
            early_requests: Some(Vec::new()),
            times: Times::begin(),
        })
    }

    /// The programs' counters.
    pub(crate) fn programs(&self) -> Arc<Programs> {
        self.tables.programs()
    }

    /// Works until it is asked to stop. Gives back the machine, unless a thread of the other lane could not end.
    pub(crate) fn run(mut self, runtime: &Runtime) -> Option<Machine> {
        let mut panics_in_a_row = 0;
        let ends = Ends::of(self.devices.machine().ends(), runtime);
        let mut wake = Reason::Published;
        loop {
            let lane = self.lane.clone();
            let Ok(stops) = lane.work(|| self.turn(wake)) else {
                panics_in_a_row += 1;
                if !self.start_anew(panics_in_a_row) {
                    return self.end();
                }
                wake = Reason::Clock;
                continue;
            };
            if stops {
                return self.end();
            }
            panics_in_a_row = 0;
            wake = runtime.block_on(self.wait(&ends));
        }
    }

    /// What is to be done now; true at the end.
    fn turn(&mut self, wake: Reason) -> bool {
        match wake {
            Reason::Published => self.passes_again = true,
            Reason::News | Reason::Clock => {}
            Reason::End => {
                if !self.devices.machine().heard_of_an_end() {
                    return false;
                }
                self.look();
            }
            Reason::Request(Request::Stop) => return true,
            Reason::Request(Request::Vports(reply)) => {
                match &mut self.early_requests {
                    Some(early) => early.push(reply),
                    // Whoever asked may have gone.
                    None => drop(reply.send(KnownVport::all(self.knowledge.observed()))),
                }
                return false;
            }
        }
        let (knowledge, tables) = (&mut self.knowledge, &mut self.tables);
        let told = knowledge.take_told(tables, &mut self.announcer);
        let has_news = self.take_news() || told;
        let is_due = self.do_what_is_due();
        if has_news || is_due || self.passes_again || self.lowering.is_none() {
            let _span = debug_span!("pass").entered();
            eni_metrics::PASS.time(|| self.pass());
        } else if self.times.reports.are_over(Instant::now()) {
            self.report();
        }
        false
    }

    /// One pass over the published world.
    fn pass(&mut self) {
        self.passes_again = false;
        self.publications.unseen.store(false, Ordering::Release);
        let lower = || eni_metrics::LOWERING.time(|| self.lower());
        let lowering = debug_span!("lower").in_scope(lower);
        self.choose_the_time_for_deferred();
        let desired = lowering.desired();
        if self.knowledge.convergence.has_changed() {
            let next = self.knowledge.plan_changed(desired);
            self.times
                .deferred(self.knowledge.convergence.has_deferred());
            self.follow(&next);
            let in_flight = self.devices.in_flight();
            let released = self.knowledge.release_vports(desired, &in_flight);
            self.passes_again = released && lowering.lacks_vports();
        } else {
            self.reports.followed(self.seen.revision());
            self.report();
        }
        self.take_unneeded_maps(desired);
        self.lowering = Some(lowering);
        self.answer_early_requests();
        self.schedule_retry();
    }

    /// Does what is the tables' in a plan, and gives the rest to the devices lane.
    fn follow(&mut self, ChangedPlan { plan, scope }: &ChangedPlan) {
        let mut walk = Walk::along(plan, &self.devices.in_flight());
        let (knowledge, tables) = (&mut self.knowledge, &mut self.tables);
        knowledge.walk(tables, &mut walk, (&plan.now, Urgency::Now), || false);
        self.reports.followed(self.seen.revision());
        self.report();
        // A newly published world comes between any two of these.
        let (knowledge, publications) = (&mut self.knowledge, &self.publications);
        let published = || publications.unseen.load(Ordering::Acquire);
        let then = (&plan.then[..], Urgency::Then);
        knowledge.walk(&mut self.tables, &mut walk, then, published);
        if self.times.does_deferred {
            let deferred = (&plan.deferred[..], Urgency::Deferred);
            let (knowledge, tables) = (&mut self.knowledge, &mut self.tables);
            knowledge.walk(tables, &mut walk, deferred, || false);
        }
        self.announcer.begin_all(&mut self.knowledge.announcements);
        let (steps, maps) = walk.finish();
        let maps = self.knowledge.wait_for_maps(maps);
        self.devices.replace(scope, steps, maps);
        if !plan.then.is_empty() {
            self.report();
        }
    }

    /// Follows the published world: by what has changed, or as a whole at the start, after a failure, and when it has gone on
    /// too far meanwhile.
    fn lower(&mut self) -> Lowering {
        let published = self.source.published();
        let seen = std::mem::replace(&mut self.seen, Arc::clone(&published));
        if published.revision() != seen.revision() || self.lowering.is_none() {
            self.times.last_published = Instant::now();
            self.knowledge.try_again();
        }
        let Knowledge {
            convergence,
            vports,
            news,
            ..
        } = &mut self.knowledge;
        let lowering = self.lowering.take();
        let changes = published.changes_since(seen.revision());
        let (lowering, update) = match (lowering, changes) {
            (Some(mut lowering), Some(changes)) => {
                let changed = changes.iter().flat_map(|changes| changes.iter());
                let changed: Vec<ResourceKey> = changed.map(Change::key).collect();
                let update = lowering.update(seen.world(), published.world(), &changed, vports);
                convergence.follow(&update.delta, lowering.desired());
                follow_askers(&self.askers, &update.delta, lowering.desired());
                (lowering, update)
            }
            (before, _) => {
                let (world, settings) = (published.world(), self.source.settings());
                let tables = &convergence.observed().tables;
                let numbers = before.map_or_else(
                    || Numbers::recover(world, tables, vports),
                    |before| before.into_parts().1,
                );
                let (lowering, mut update) = Lowering::new(world, settings, numbers, vports);
                update.adapters = true; // there may have been others
                convergence.begin(lowering.desired());
                self.askers.replace(all_askers(lowering.desired()));
                (lowering, update)
            }
        };
        // As a revoked rule must cut at once.
        if update.adapters && self.adapters.world_published(published.world()) {
            self.devices.serve_adapters();
        }
        news.may_be_of(update.instances);
        for id in update.without_vport {
            tracing::warn!(attachment = %id, "no vport is free: the interface passes nothing");
        }
        lowering
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
            self.times.owes_a_look |= !changed.is_empty();
            match seen {
                Ok(seen) => knowledge.take_over(seen, &changed),
                Err(error) => log_failure("observe", Err(error)),
            }
        }
        for Outcome {
            queue,
            step,
            result,
        } in outcomes
        {
            match result {
                Ok(()) => knowledge.has_done_in(queue, &step),
                Err(_told) => knowledge.has_failed_in(queue, step),
            }
        }
        for instance in maps_made {
            knowledge.has_maps(instance);
        }
        for instance in maps_failed {
            knowledge.lacks_maps(instance);
        }
        true
    }

    fn take_unneeded_maps(&mut self, desired: &Desired) {
        if !self.times.are_quiet() {
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
                drop(reply.send(KnownVport::all(self.knowledge.observed())));
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
