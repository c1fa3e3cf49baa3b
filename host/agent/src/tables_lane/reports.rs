//! When the region is told what has come about.
//!
//! Each report is a commit of the region's, and calls wait for those before them. A launch of a hundred instances has
//! hundreds of things to tell: they share commits. What a move has come to is told at once, with all else that there is.

use std::time::{Duration, Instant};

use eni_model::{Transition, World};
use eni_types::InstanceState;

use super::TablesLane;
use crate::converge::Knowledge;

/// From one report of a launch to the next: at most fifty commits a second, and a fraction of what one boot takes.
const INTERVAL: Duration = Duration::from_millis(20);

/// When reports were made, and when the next one is.
#[derive(Default)]
pub(super) struct ReportTimes {
    last: Option<Instant>,
    /// Since when something waits to be told.
    held_since: Option<Instant>,
    /// When it is told at the latest.
    pub(super) due: Option<Instant>,
}

/// How long something may wait to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Patience {
    /// An interface has been moved, whose packets wait for nothing else.
    None,
    /// An instance has reached a state: the report may be shared with others'.
    Some,
    /// An interface of an instance that is not there yet: there will be more to tell.
    More,
}

impl ReportTimes {
    /// Whether what there is to tell is told now.
    fn is_time(&mut self, patience: Patience, now: Instant) -> bool {
        let since = match patience {
            Patience::None => None,
            Patience::Some => self.last,
            Patience::More => Some(*self.held_since.get_or_insert(now)),
        };
        let due = since.map_or(now, |since| since + INTERVAL);
        if now < due {
            self.held_since.get_or_insert(now);
            self.due = Some(due);
            return false;
        }
        *self = Self {
            last: Some(now),
            ..Self::default()
        };
        true
    }

    /// There is nothing to tell.
    fn nothing(&mut self) {
        (self.held_since, self.due) = (None, None);
    }

    /// Whether something has waited long enough.
    pub(super) fn are_over(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

fn patience(transition: &Transition, world: &World) -> Patience {
    let (Transition::AttachmentAttached { attachment_id }
    | Transition::AttachmentDetached { attachment_id }) = *transition
    else {
        return Patience::Some;
    };
    let eni = world.network_interface_of_attachment(attachment_id);
    let attachment = eni.and_then(|eni| eni.attachment.as_ref());
    let instance = attachment.and_then(|attachment| world.instances.get(attachment.instance_id));
    let rests = |state| matches!(state, InstanceState::Running | InstanceState::Stopped);
    if instance.is_some_and(|instance| rests(instance.state)) {
        Patience::None
    } else {
        Patience::More
    }
}

impl TablesLane {
    /// Tells the region what it does not know yet, without waiting for the commit. What is lost is told again.
    pub(super) fn report(&mut self) {
        let Knowledge {
            convergence,
            vports,
            news,
            ..
        } = &mut self.knowledge;
        let published = self.source.published();
        let world = published.world();
        let news = news.transitions(world, convergence.observed(), vports);
        let times = &mut self.times.reports;
        let Some(patience) = news.iter().map(|one| patience(one, world)).min() else {
            times.nothing();
            return;
        };
        if times.is_time(patience, Instant::now()) {
            self.reports.report(news);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At these milliseconds there is this to tell: which of them are reports.
    fn told(events: &[(u64, Patience)]) -> Vec<u64> {
        let (begin, mut times) = (Instant::now(), ReportTimes::default());
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        let told = events.iter().filter(|(milliseconds, patience)| {
            let due = times.are_over(at(*milliseconds));
            let is_time = times.is_time(*patience, at(*milliseconds));
            assert!(is_time || !due, "due at {milliseconds} ms");
            assert_eq!(times.due.is_some(), !is_time);
            is_time
        });
        told.map(|(milliseconds, _)| *milliseconds).collect()
    }

    #[test]
    fn reports_of_a_launch_share_commits_and_a_move_waits_for_none() {
        use Patience::{More, None, Some};
        // One instance: its interface's row is released some time before it has booted.
        assert_eq!(told(&[(0, More), (9, Some)]), [9]);
        // Its boot takes long.
        assert_eq!(told(&[(0, More), (19, More), (20, More)]), [20]);
        let many: Vec<_> = (0..100).map(|number| (number, Some)).collect();
        assert_eq!(told(&many), [0, 20, 40, 60, 80]);
        assert_eq!(
            told(&[(0, Some), (5, Some), (6, None), (7, None)]),
            [0, 6, 7]
        );
        // Nothing waits longer because of what was told meanwhile.
        assert_eq!(
            told(&[(0, Some), (1, None), (20, Some), (21, Some)]),
            [0, 1, 21]
        );
    }
}
