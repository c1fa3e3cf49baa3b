//! What the carrier does while there is nothing to do.

use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use eni_srd::Instant;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Carrier;
use super::options::Poll;

/// How long it looks again before it sleeps.
const AWAKE_NANOS: u64 = 2_000_000;
/// Away for longer, and others want the processor.
const CROWDED_NANOS: u64 = 500_000;
/// For how long they are taken to.
const CROWDED_FOR_NANOS: u64 = 20_000_000;
/// The longest sleep: bounds what a lost wake-up costs.
const MAX_SLEEP: Duration = Duration::from_millis(100);
/// The longest sleep while a program has yet to make room for completions.
const WAITING_SLEEP: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Patience {
    poll: Poll,
    idle_since: Option<Instant>,
    /// When the processor was last offered to others.
    yielded_at: Option<Instant>,
    /// Until here others are taken to want the processor.
    crowded_until: Instant,
    /// Numbers sleeps, so that a program wakes each only once; never 0.
    sleeps: u32,
}

impl Patience {
    pub(super) fn new(poll: Poll) -> Self {
        Self {
            poll,
            idle_since: None,
            yielded_at: None,
            crowded_until: Instant::default(),
            sleeps: 0,
        }
    }

    /// A turn begins.
    pub(super) fn turn(&mut self, now: Instant) {
        let away = self.yielded_at.take().map_or(0, |at| now.nanos_since(at));
        if away > CROWDED_NANOS {
            self.crowded_until = now.after_nanos(CROWDED_FOR_NANOS);
        }
    }
}

impl Carrier {
    /// Ends a turn.
    ///
    /// The processor is offered to others where nothing was done, and where something was delivered: the program that
    /// waits for it may share the processor. Where others keep it for long, sleeping is better than offering: the
    /// scheduler gives a thread that wakes its turn sooner than one that gave it away.
    pub(super) fn rest(&mut self, busy: bool, has_delivered: bool) {
        let patience = &mut self.patience;
        let is_crowded = self.now < patience.crowded_until;
        if busy {
            patience.idle_since = None;
            if !has_delivered || is_crowded {
                return;
            }
        } else if patience.poll == Poll::Adaptive {
            let since = *patience.idle_since.get_or_insert(self.now);
            if is_crowded || self.now.nanos_since(since) >= AWAKE_NANOS {
                return self.sleep();
            }
        }
        patience.yielded_at = Some(self.now);
        rustix::thread::sched_yield();
    }

    fn sleep(&mut self) {
        let now = self.now;
        let until = self
            .next_timer
            .map(|at| Duration::from_nanos(at.nanos_since(now)));
        let mut timeout = until.unwrap_or(MAX_SLEEP).min(MAX_SLEEP);
        if self.endpoints.all().any(|endpoint| endpoint.has_waiting()) {
            timeout = timeout.min(WAITING_SLEEP);
        }
        if let Some(at) = self.next_look {
            timeout = timeout.min(Duration::from_nanos(at.nanos_since(now)));
        }
        if let Some(longest) = self.underlay.longest_sleep() {
            timeout = timeout.min(longest);
        }
        self.patience.sleeps = self.patience.sleeps.checked_add(1).unwrap_or(1);
        let sleep = self.patience.sleeps;
        for endpoint in self.endpoints.all() {
            endpoint.set_asleep(sleep);
        }
        // A program that wrote before it could see the bell is seen here; one that writes later sees the bell.
        fence(Ordering::SeqCst);
        if !self.take_from_rings() {
            let mut sources = [
                PollFd::from_borrowed_fd(self.underlay.receiver(), PollFlags::IN),
                PollFd::new(&self.signals.wake, PollFlags::IN),
            ];
            let timeout = Timespec::try_from(timeout).unwrap_or_default();
            // Interrupted or not, the next turn looks at everything.
            let _woken = poll(&mut sources, Some(&timeout));
        }
        for endpoint in self.endpoints.all() {
            endpoint.set_asleep(0);
        }
        let mut counter = [0; 8];
        let _read = rustix::io::read(&self.signals.wake, &mut counter);
        self.patience.idle_since = None;
    }
}
