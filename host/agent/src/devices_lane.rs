//! The devices lane: threads that work on the queues of steps, and one that makes and tends the instances' maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use eni_bpf_loader::InstanceMaps;
use eni_plan::Step;
use eni_plan::lanes::{InFlight, Outcome, Queue, QueuedStep, Queues, Scope, SeenDevices};
use eni_types::InstanceId;
use tracing::debug_span;

use crate::error::chain;
use crate::machine::DevicesPart;
use crate::step_name::{step_kind, step_name};
use crate::supervision::Lane;
use crate::{AgentError, log_failure};

/// Instances that are worked on at once. More than processors, as most of a step is waiting for the kernel.
const WORKERS: usize = 4;

/// How often expired connections are collected ([`InstanceMaps::collect_expired`]).
const COLLECT_INTERVAL: Duration = Duration::from_secs(1);

/// The lane. Dropped, it ends with the steps under way.
pub(crate) struct DevicesLane {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    maps_worker: Option<JoinHandle<InstanceMaps>>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to do, or the end has come.
    work: Condvar,
    /// Tells the tables lane that there is news.
    wake: Box<dyn Fn() + Send + Sync>,
    machine: DevicesPart,
    lane: Lane,
}

#[derive(Default)]
struct State {
    queues: Queues<AgentError>,
    chores: Vec<Chore>,
    /// Whether a worker is looking.
    looks: bool,
    /// Whether it is to look again then: it may be past what there is to be seen.
    looks_again: bool,
    maps: MapsWork,
    news: News,
    stop: bool,
}

/// What is done beside the steps, before them.
enum Chore {
    Look,
    ServeAdapters,
    ForgetConsoles(BTreeSet<InstanceId>),
}

/// What the instances' maps need.
#[derive(Default)]
struct MapsWork {
    /// For these they are to be made.
    make: BTreeSet<u32>,
    /// Or are being made.
    being_made: BTreeSet<u32>,
    /// From these they are to be taken.
    take: Vec<u32>,
}

/// What the lane has done since it was last asked.
#[derive(Default)]
pub(crate) struct News {
    /// Steps that have ended.
    pub(crate) outcomes: Vec<Outcome<AgentError>>,
    /// Instances that have new maps.
    pub(crate) maps_made: Vec<u32>,
    /// Instances that could not be given any.
    pub(crate) maps_failed: Vec<u32>,
    /// What a look has found, and the queues of which it tells nothing.
    pub(crate) seen: Option<(Result<SeenDevices, AgentError>, BTreeSet<Queue>)>,
}

impl News {
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
            && self.maps_made.is_empty()
            && self.maps_failed.is_empty()
            && self.seen.is_none()
    }
}

impl DevicesLane {
    /// Starts the threads. `wake` is called whenever there is news.
    pub(crate) fn start(
        machine: DevicesPart,
        maps: InstanceMaps,
        lane: Lane,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            wake: Box::new(wake),
            machine,
            lane,
        });
        let workers = (0..WORKERS).map(|number| {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("devices-{number}"))
                .spawn(move || shared.work_on_steps())
        });
        let workers = workers.collect::<Result<_, _>>()?;
        let of_maps = Arc::clone(&shared);
        let maps_worker = thread::Builder::new()
            .name("instance-maps".to_owned())
            .spawn(move || of_maps.tend_maps(maps))?;
        Ok(Self {
            shared,
            workers,
            maps_worker: Some(maps_worker),
        })
    }

    /// Nothing is wanted any more.
    pub(crate) fn clear(&self) {
        let mut state = self.shared.lock();
        state.queues.replace(&Scope::All, BTreeMap::new());
    }

    /// Whether deferred steps wait for now, whatever else is to do.
    pub(crate) fn hold_deferred(&self, holds: bool) {
        self.shared.lock().queues.hold_deferred(holds);
    }

    /// The newest plan's steps, in place of what waits in the queues of `scope`, and the instances whose maps rows wait for.
    pub(crate) fn replace(
        &self,
        scope: &Scope,
        steps: BTreeMap<Queue, Vec<QueuedStep>>,
        make_maps: Vec<u32>,
    ) {
        let has_steps = !steps.is_empty();
        let mut state = self.shared.lock();
        state.queues.replace(scope, steps);
        let MapsWork {
            make, being_made, ..
        } = &mut state.maps;
        let new = make_maps
            .into_iter()
            .filter(|instance| !being_made.contains(instance));
        make.extend(new);
        // Most changes of the world ask nothing of the devices.
        if has_steps || !make.is_empty() {
            self.shared.work.notify_all();
        }
    }

    /// What has been begun and not been told yet.
    pub(crate) fn in_flight(&self) -> InFlight {
        self.shared.lock().queues.in_flight()
    }

    /// What has been done since this was last called: from now on it is observed.
    pub(crate) fn take_news(&self) -> News {
        let mut state = self.shared.lock();
        let outcomes = state.queues.take_outcomes();
        News {
            outcomes,
            ..std::mem::take(&mut state.news)
        }
    }

    /// Whether no step waits, is under way or has not been told.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.shared.lock();
        state.queues.is_idle() && state.maps.make.is_empty() && state.maps.being_made.is_empty()
    }

    /// Lets a worker look at all devices: after the look under way, if there is one.
    pub(crate) fn look(&self) {
        let mut state = self.shared.lock();
        if state.looks {
            state.looks_again = true;
            return;
        }
        let waits = state
            .chores
            .iter()
            .any(|chore| matches!(chore, Chore::Look));
        if !waits {
            self.shared.add(&mut state, Chore::Look);
        }
    }

    /// Lets a worker tell the service of the adapters which devices there are.
    pub(crate) fn serve_adapters(&self) {
        let mut state = self.shared.lock();
        self.shared.add(&mut state, Chore::ServeAdapters);
    }

    /// Lets a worker forget what instances have printed that are not among the `known`.
    pub(crate) fn forget_consoles(&self, known: BTreeSet<InstanceId>) {
        let mut state = self.shared.lock();
        self.shared.add(&mut state, Chore::ForgetConsoles(known));
    }

    /// Takes the maps of instances away.
    pub(crate) fn take_maps(&self, instances: Vec<u32>) {
        self.shared.lock().maps.take.extend(instances);
        self.shared.work.notify_all();
    }

    /// The machine's part of this lane, for whoever looks at it beside the lane.
    pub(crate) fn machine(&self) -> &DevicesPart {
        &self.shared.machine
    }

    /// Ends the lane with the steps under way, and gives back its part of the machine, unless a thread could not end.
    pub(crate) fn stop(mut self) -> Option<(DevicesPart, InstanceMaps)> {
        let maps = self.end()?;
        let shared = Arc::clone(&self.shared);
        drop(self);
        Some((Arc::into_inner(shared)?.machine, maps))
    }

    fn end(&mut self) -> Option<InstanceMaps> {
        self.shared.lock().stop = true;
        self.shared.work.notify_all();
        for worker in self.workers.drain(..) {
            // Its panics are caught; it has nothing more to tell.
            let _ended = worker.join();
        }
        self.maps_worker.take()?.join().ok()
    }
}

impl Drop for DevicesLane {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// What a worker does next.
enum Work {
    Step(Queue, Box<Step>),
    Chore(Chore),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that may panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, state: &mut State, chore: Chore) {
        state.chores.push(chore);
        self.work.notify_all();
    }

    fn work_on_steps(&self) {
        log_failure("enter the fabric", self.machine.enter_fabric());
        while let Some(work) = self.next_work() {
            match work {
                Work::Step(queue, step) => self.work_on(queue, *step),
                Work::Chore(chore) => self.do_chore(chore),
            }
        }
    }

    /// Waits for it; none at the end.
    fn next_work(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.stop {
                return None;
            }
            if let Some(chore) = state.chores.pop() {
                if matches!(chore, Chore::Look) {
                    state.looks = true;
                    state.queues.begin_look();
                }
                return Some(Work::Chore(chore));
            }
            if let Some((queue, step)) = state.queues.begin() {
                return Some(Work::Step(queue, Box::new(step)));
            }
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work_on(&self, queue: Queue, step: Step) {
        let _span = debug_span!("device step", kind = step_kind(&step)).entered();
        let begun = Instant::now();
        let worked = self.lane.work(|| self.machine.apply(&step));
        let result = worked.unwrap_or_else(|panic| Err(panic.into()));
        let took = begun.elapsed();
        let outcome = if result.is_ok() { "done" } else { "failed" };
        eni_metrics::DEVICE_STEP.took_for([step_kind(&step), outcome], took);
        tracing::debug!(step = %step_name(&step), ?took);
        if let Err(error) = &result {
            tracing::warn!(step = %step_name(&step), error = %chain(error), "a step failed");
        }
        self.lock().queues.end(Outcome {
            queue,
            step,
            result,
        });
        // An idle step's end lets another one begin.
        self.work.notify_all();
        (self.wake)();
    }

    fn do_chore(&self, chore: Chore) {
        match chore {
            Chore::Look => {
                let look = || eni_metrics::LOOK.time(|| self.machine.look());
                let worked = self.lane.work(look);
                let seen = worked.unwrap_or_else(|panic| Err(panic.into()));
                let mut state = self.lock();
                state.looks = false;
                let changed = state.queues.end_look();
                state.news.seen = Some((seen, changed));
                if std::mem::take(&mut state.looks_again) {
                    self.add(&mut state, Chore::Look);
                }
                drop(state);
                (self.wake)();
            }
            Chore::ServeAdapters => {
                self.try_chore("serve the adapters", || self.machine.serve_adapters())
            }
            Chore::ForgetConsoles(known) => {
                self.try_chore("forget consoles", || self.machine.forget_consoles(&known))
            }
        }
    }

    fn try_chore(&self, what: &str, work: impl FnOnce() -> Result<(), AgentError>) {
        let worked = self.lane.work(work);
        log_failure(what, worked.unwrap_or_else(|panic| Err(panic.into())));
    }

    fn tend_maps(&self, mut maps: InstanceMaps) -> InstanceMaps {
        let mut last_collection = Instant::now();
        while let Some(work) = self.next_maps_work(last_collection) {
            match work {
                MapsTask::Make(instances) => self.make_maps(&mut maps, instances),
                MapsTask::Take(instance) => {
                    self.try_chore("take an instance's maps", || Ok(maps.remove(instance)?));
                }
                MapsTask::Collect => {
                    last_collection = Instant::now();
                    self.try_chore("collect connections", || {
                        maps.collect_expired()?;
                        Ok(())
                    });
                }
            }
        }
        maps
    }

    /// Waits for it; none at the end.
    fn next_maps_work(&self, last_collection: Instant) -> Option<MapsTask> {
        let mut state = self.lock();
        loop {
            if state.stop {
                return None;
            }
            let MapsWork {
                make,
                being_made,
                take,
            } = &mut state.maps;
            if !make.is_empty() {
                being_made.clone_from(make);
                return Some(MapsTask::Make(std::mem::take(make).into_iter().collect()));
            }
            let left = COLLECT_INTERVAL.saturating_sub(last_collection.elapsed());
            if left.is_zero() {
                return Some(MapsTask::Collect);
            }
            if let Some(instance) = take.pop() {
                return Some(MapsTask::Take(instance));
            }
            state = self
                .work
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn make_maps(&self, maps: &mut InstanceMaps, instances: Vec<u32>) {
        let worked = self.lane.work(|| Ok(maps.create(&instances)?));
        let made = worked.unwrap_or_else(|panic| Err(panic.into()));
        let mut state = self.lock();
        state.maps.being_made.clear();
        match made {
            Ok(()) => state.news.maps_made.extend(instances),
            Err(error) => {
                let error: AgentError = error;
                tracing::warn!(error = %chain(&error), "cannot make maps for instances");
                state.news.maps_failed.extend(instances);
            }
        }
        drop(state);
        (self.wake)();
    }
}

/// What the instances' maps need next.
enum MapsTask {
    Make(Vec<u32>),
    Take(u32),
    Collect,
}
