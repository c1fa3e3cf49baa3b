//! What the tables lane knows, and one walk along a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use eni_plan::lanes::{Failures, InFlight, InstanceMaps, Queue, SeenDevices, Turn, Urgency, Walk};
use eni_plan::{
    Announcement, ChangedPlan, Convergence, Desired, Observed, Plan, Step, VportNumbers,
};
use tracing::debug_span;

use crate::AgentError;
use crate::announce::Announcer;
use crate::error::chain;
use crate::machine::TablesPart;
use crate::progress::News;
use crate::step_name::{step_kind, step_name};

/// What is known of the machine, and which attachment has which vport.
pub(crate) struct Knowledge {
    pub(crate) convergence: Convergence,
    pub(crate) vports: VportNumbers,
    /// Of what the region may have to be told.
    pub(crate) news: News,
    pub(crate) maps: InstanceMaps,
    /// What a walk came to that guests are to be told.
    pub(crate) announcements: Vec<Announcement>,
    /// What is left out until it is tried again.
    pub(crate) failures: Failures,
    /// Instances that could not be given maps, left out as well.
    pub(crate) without_maps: BTreeSet<u32>,
    /// The vports whose rows wait for the maps of an instance.
    pub(crate) waiting_for_maps: BTreeMap<u32, BTreeSet<u32>>,
    /// A step on a table has failed since the tables were read: what is remembered of them may not be so.
    pub(crate) doubts_tables: bool,
    /// The same of devices.
    pub(crate) doubts_devices: bool,
}

impl Knowledge {
    /// What is found on the machine: its contents, and the instances that have maps.
    pub(crate) fn found(observed: Observed, maps: impl IntoIterator<Item = u32>) -> Self {
        let mut vports = VportNumbers::default();
        for (vport, device) in &observed.devices {
            if let Some(plug) = device.plug {
                vports.adopt(plug.attachment_id, *vport);
            }
        }
        Self {
            maps: InstanceMaps::found(maps, &observed.tables.vports),
            convergence: Convergence::new(observed),
            vports,
            news: News::default(),
            announcements: Vec::new(),
            failures: Failures::default(),
            without_maps: BTreeSet::new(),
            waiting_for_maps: BTreeMap::new(),
            doubts_tables: false,
            doubts_devices: false,
        }
    }

    /// What is observed.
    pub(crate) fn observed(&self) -> &Observed {
        self.convergence.observed()
    }

    /// All that is left to do.
    pub(crate) fn plan(&mut self, desired: &Desired) -> Plan {
        self.convergence.plan(desired)
    }

    /// What is left to do where something has changed.
    pub(crate) fn plan_changed(&mut self, desired: &Desired) -> ChangedPlan {
        let _span = debug_span!("plan").entered();
        eni_metrics::PLANNING.time(|| self.convergence.plan_changed(desired))
    }

    /// Whether something has failed and is yet to be tried again.
    pub(crate) fn has_failures(&self) -> bool {
        !self.failures.is_empty() || !self.without_maps.is_empty()
    }

    /// All that has failed is tried again.
    pub(crate) fn try_again(&mut self) {
        if self.has_failures() {
            self.failures.clear();
            self.without_maps.clear();
            self.convergence.plan_all_again();
        }
    }

    /// A step of a queue of the devices lane has failed: it is left out until it is tried again.
    pub(crate) fn has_failed_in(&mut self, queue: Queue, step: Step) {
        self.doubts_devices = true;
        self.convergence.plan_again(&step);
        self.convergence.plan_again_in(queue);
        self.failures.add(step);
    }

    /// A step of a queue of the devices lane is observed to be done.
    pub(crate) fn has_done_in(&mut self, queue: Queue, step: &Step) {
        self.convergence.plan_again_in(queue);
        self.has_done(step);
    }

    /// Rows wait for the maps of these instances. Those that are to be made, as far as it is not known that they cannot be.
    pub(crate) fn wait_for_maps(&mut self, maps: BTreeMap<u32, BTreeSet<u32>>) -> Vec<u32> {
        let mut wanted = Vec::new();
        for (instance, vports) in maps {
            let waiting = self.waiting_for_maps.entry(instance).or_default();
            waiting.extend(vports);
            if !self.without_maps.contains(&instance) {
                wanted.push(instance);
            }
        }
        wanted
    }

    /// An instance has maps.
    pub(crate) fn has_maps(&mut self, instance: u32) {
        self.maps.made(instance);
        let waiting = self.waiting_for_maps.remove(&instance);
        self.convergence.plan_again_at(waiting.unwrap_or_default());
    }

    /// An instance could not be given maps.
    pub(crate) fn lacks_maps(&mut self, instance: u32) {
        self.waiting_for_maps.remove(&instance);
        self.without_maps.insert(instance);
    }

    /// Walks along some steps of a plan: does those on tables whose turn it is, and leaves the others to `walk`. Once
    /// `interrupted` holds, the steps on tables are left for the next plan as well.
    pub(crate) fn walk(
        &mut self,
        tables: &mut TablesPart,
        walk: &mut Walk,
        (steps, urgency): (&[Step], Urgency),
        interrupted: impl Fn() -> bool,
    ) {
        for step in steps {
            let Self {
                convergence,
                maps,
                failures,
                ..
            } = self;
            let observed = convergence.observed();
            let is_named = |policy| convergence.names(policy);
            let turn = walk.turn(step, urgency, observed, maps, failures, is_named);
            let Turn::Tables(step) = turn else {
                continue;
            };
            if interrupted() {
                walk.hold(&step, observed);
                convergence.plan_again(&step);
                continue;
            }
            if let Step::Announce(announcement) = &*step {
                self.announcements.push(announcement.clone());
                continue;
            }
            let begun = Instant::now();
            let done = tables.apply(&step);
            let took = begun.elapsed();
            eni_metrics::TABLE_STEP.took_for([step_kind(&step)], took);
            tracing::debug!(step = %step_name(&step), ?took);
            match done {
                Ok(()) => self.has_done(&step),
                Err(error) => {
                    self.doubts_tables = true;
                    let cuts = match &*step {
                        Step::Table(change) => convergence.cuts_without(change),
                        _ => Vec::new(),
                    };
                    self.has_failed(step.into_owned(), &error);
                    self.cut(tables, &cuts);
                }
            }
        }
    }

    /// Takes over what guests have been told; whether there was anything.
    pub(crate) fn take_told(&mut self, tables: &mut TablesPart, announcer: &mut Announcer) -> bool {
        let told = announcer.take_told();
        let is_news = !told.is_empty();
        for (announcement, result) in told {
            self.has_told(tables, announcement, result);
        }
        is_news
    }

    /// Guests have been told, or could not be. What has moved on meanwhile is planned, and told, anew.
    fn has_told(
        &mut self,
        tables: &mut TablesPart,
        announcement: Announcement,
        result: Result<(), AgentError>,
    ) {
        let row = self.observed().tables.mappings.get(&announcement.key);
        if !row.is_some_and(|row| announcement.is_of(row)) {
            return;
        }
        let step = Step::Announce(announcement);
        match result.and_then(|()| tables.apply(&step)) {
            Ok(()) => self.has_done(&step),
            Err(error) => self.has_failed(step, &error),
        }
    }

    /// A step of this lane has failed: it is left out until it is tried again.
    fn has_failed(&mut self, step: Step, error: &AgentError) {
        tracing::warn!(step = %step_name(&step), error = %chain(error), "a step failed");
        self.failures.add(step);
    }

    /// Cuts vports at once, as rules that have been removed could not be taken away.
    fn cut(&mut self, tables: &mut TablesPart, cuts: &[Step]) {
        for step in cuts {
            match tables.apply(step) {
                Ok(()) => self.has_done(step),
                Err(error) => {
                    tracing::error!(step = %step_name(step), error = %chain(&error), "cannot cut");
                }
            }
        }
    }

    /// A step is observed to be done.
    pub(crate) fn has_done(&mut self, step: &Step) {
        self.convergence.done(step);
        self.news.add(step, &self.vports);
        if let Step::WriteVport(vport, row) | Step::Forget(vport, row) = step {
            self.maps.row_written(*vport, row.instance);
        }
    }

    /// Reads the tables anew.
    pub(crate) fn read_tables(&mut self, tables: &TablesPart) -> Result<(), AgentError> {
        let Observed {
            tables, globals, ..
        } = tables.observe()?;
        for (vport, row) in &tables.vports {
            self.maps.row_written(*vport, row.instance);
        }
        self.convergence.read_tables(tables, globals);
        self.news.may_be_of_all();
        self.doubts_tables = false;
        Ok(())
    }

    /// Takes over what was seen of the devices, but for those that were being changed.
    pub(crate) fn take_over(&mut self, seen: SeenDevices, changed: &BTreeSet<Queue>) {
        if self.convergence.take_over(seen, changed) {
            self.news.may_be_of_all();
        }
        self.doubts_devices = false;
    }

    /// Frees the numbers of attachments that have left no trace. Whether there were any.
    pub(crate) fn release_vports(&mut self, desired: &Desired, in_flight: &InFlight) -> bool {
        let vports = &mut self.vports;
        self.convergence.release_vports(desired, in_flight, vports)
    }
}
