//! What the clock asks of the lane: looks, retries, what waits for a quiet moment, and what is forgotten with time.

use std::time::{Duration, Instant};

use super::reports::ReportTimes;
use super::{Reason, Request, TablesLane};
use crate::converge::Knowledge;
use crate::ends::Ends;
use crate::log_failure;
use crate::services_lane::follow_askers;

/// How often the devices are looked at if anything was heard of them.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How often they are looked at although nothing was: a safety net, as nobody else should touch what is ours.
const UNPROMPTED_LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// As many instances are lowered again each time it is asked whether anything was heard, though nothing has changed, and
/// compared with what was made of them.
const CHECKED_AT_ONCE: usize = 16;

/// As many rows of packet tables are compared with what is desired each time: a fraction of a millisecond. A group of 990 rules
/// has some thousands.
const ROWS_CHECKED_AT_ONCE: usize = 512;

/// What only frees resources waits until nothing has been published for this long ...
const QUIET: Duration = Duration::from_millis(100);

/// ... or, in a region that is never quiet, until it has waited this long.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(2);

/// How often the region forgets what EC2 forgets with time (terminated instances after an hour).
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);

/// What failed is tried again after this long, doubled with every failure in a row up to [`LOOK_INTERVAL`].
pub(super) const FIRST_RETRY: Duration = Duration::from_millis(50);

/// When what was last done.
pub(super) struct Times {
    pub(super) last_published: Instant,
    /// When it was last asked whether anything was heard of devices.
    pub(super) last_listening: Instant,
    pub(super) last_look: Instant,
    /// Whether the last look has left out what was being changed meanwhile: it may have missed something that is not heard of
    /// again.
    pub(super) owes_a_look: bool,
    pub(super) last_expiry: Instant,
    /// Since when something waits for a quiet moment.
    pub(super) deferred_since: Option<Instant>,
    /// Whether what waits for a quiet moment is being done.
    pub(super) does_deferred: bool,
    pub(super) reports: ReportTimes,
    /// When to try again what failed, and how long that was waited for.
    pub(super) retry: Option<(Instant, Duration)>,
}

impl Times {
    /// Of a lane that begins.
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Self {
            last_published: now,
            last_listening: now,
            last_look: now,
            owes_a_look: false,
            last_expiry: now,
            deferred_since: None,
            does_deferred: false,
            reports: ReportTimes::default(),
            retry: None,
        }
    }

    /// Whether nothing has been published for a moment.
    pub(super) fn are_quiet(&self) -> bool {
        self.last_published.elapsed() >= QUIET
    }

    /// Whether something waits for a quiet moment.
    pub(super) fn deferred(&mut self, waits: bool) {
        let since = self.deferred_since.unwrap_or_else(Instant::now);
        self.deferred_since = waits.then_some(since);
    }

    fn is_time_for_deferred(&self) -> bool {
        let since = self.deferred_since;
        self.are_quiet() || since.is_some_and(|since| since.elapsed() > LONGEST_DEFERRAL)
    }
}

impl TablesLane {
    /// What is deferred is left out of the queues until its time comes, and is then planned again. What is in them when
    /// that time is over waits for the next.
    pub(super) fn choose_the_time_for_deferred(&mut self) {
        let is_time = self.times.is_time_for_deferred();
        let was_time = std::mem::replace(&mut self.times.does_deferred, is_time);
        let convergence = &mut self.knowledge.convergence;
        if is_time == was_time || !convergence.has_deferred() {
            return;
        }
        self.devices.hold_deferred(!is_time);
        if is_time {
            convergence.plan_all_again();
        }
    }

    pub(super) fn schedule_retry(&mut self) {
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
    pub(super) fn do_what_is_due(&mut self) -> bool {
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
            self.check();
            let is_due = now.duration_since(self.times.last_look) >= UNPROMPTED_LOOK_INTERVAL;
            if is_due || self.times.owes_a_look || self.devices.machine().has_news() {
                self.look();
            }
        } else if retry && self.knowledge.doubts_devices {
            self.look();
        }
        let deferred = self.times.deferred_since.is_some();
        retry || deferred && self.times.are_quiet()
    }

    pub(super) fn look(&mut self) {
        self.times.last_look = Instant::now();
        self.times.owes_a_look = false;
        self.devices.look();
    }

    /// Compares some of what has been followed with what the published world and the machine give, while nothing is left to
    /// do. What differs is mended by that.
    fn check(&mut self) {
        let knowledge = &mut self.knowledge;
        let Some(lowering) = &mut self.lowering else {
            return;
        };
        if !knowledge.plan(lowering.desired()).is_empty() {
            return;
        }
        let update = lowering.check_next(self.seen.world(), CHECKED_AT_ONCE, &mut knowledge.vports);
        let desired = lowering.desired();
        follow_askers(&self.askers, &update.delta, desired);
        let convergence = &mut knowledge.convergence;
        convergence.follow(&update.delta, desired);
        let is_found = convergence.check_next(&update.instances, ROWS_CHECKED_AT_ONCE, desired);
        let is_right = update.delta.is_empty() && is_found && knowledge.plan(desired).is_empty();
        if !is_right {
            tracing::error!(
                delta = ?update.delta,
                "what was followed is not what the world gives: a mistake of the agent's, mended now"
            );
            self.passes_again = true;
        }
    }

    fn expire(&mut self) {
        let published = self.source.published();
        let ids = published.world().instances.iter();
        let known = ids.map(|instance| instance.instance_id).collect();
        self.devices.forget_consoles(known);
        self.reports.expire();
    }

    pub(super) async fn wait(&mut self, ends: &Ends) -> Reason {
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
        let report = times.reports.due;
        let report = report.map(|when| when.saturating_duration_since(now));
        let sleep = [Some(look), retry, deferred, report].into_iter();
        let sleep = sleep.flatten().min();
        tokio::select! {
            biased;
            () = self.publications.news.notified() => Reason::Published,
            request = self.inbox.recv() => Reason::Request(request.unwrap_or(Request::Stop)),
            () = self.news.notified() => Reason::News,
            () = ends.wait() => Reason::End,
            () = tokio::time::sleep(sleep.unwrap_or(LOOK_INTERVAL)) => Reason::Clock,
        }
    }
}
