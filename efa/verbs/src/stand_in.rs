//! Moving things in place of a program that does something else.
//!
//! On a device of Amazon's the hardware answers reads while the program computes. Here the program's polls do. Where what
//! others wrote stays unread for long, the fabric's thread is told (`Endpoint::on_nudge`) and starts a thread that polls for
//! the queue pair, until nothing is left to do or the program polls itself. An idle program has no such thread, nor has
//! one that polls, unless it has posted no receives or loses the processor for a millisecond.

use crate::context::Opened;
use eni_efa_client::Nudge;
use eni_efa_device::QueuePairId;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How long nothing may come before the thread ends. Who is nudged again has waited for a millisecond by then.
const QUIET: Duration = Duration::from_millis(2);
/// The same while something waits to be sent: whoever does not take it for so long is nudged, or is gone.
const STUCK: Duration = Duration::from_secs(1);
/// Between polls that find nothing, first and at most: peers that answer do so within microseconds, others are not worth a
/// processor.
const PAUSE: [Duration; 2] = [Duration::from_micros(20), Duration::from_millis(1)];

/// Has a thread stand in for the program whenever a queue pair's endpoint is nudged.
pub(crate) fn arrange(opened: &Arc<Opened>, id: QueuePairId) {
    let device = Arc::downgrade(opened);
    let on_nudge = move |nudge: Nudge| {
        let device = Weak::clone(&device);
        let stand_in = move || {
            if let Some(opened) = device.upgrade() {
                stand_in(&opened, id);
            }
            // The next nudge comes only now, so that there is one such thread at a time.
            drop(nudge);
        };
        // It inherits the fabric's thread's mask: no signal handler of the program runs here. Where there can be no
        // thread, the nudge is over, and the next one tries again.
        let name = "openeni-efa-read".to_owned();
        let _started = thread::Builder::new().name(name).spawn(stand_in);
    };
    if let Ok(mut state) = opened.lock()
        && let Some((_, link)) = state.link(id)
    {
        link.endpoint().on_nudge(on_nudge);
    }
}

/// What a poll in the program's place came to.
enum Turn {
    /// Something came.
    Moved,
    /// Nothing came, but something is to be sent.
    Waits,
    Quiet,
    /// The program polls, or the queue pair is gone.
    NotNeeded,
}

fn turn(opened: &Opened, id: QueuePairId, polls: &mut Option<u32>) -> Turn {
    let Ok(mut state) = opened.lock() else {
        return Turn::NotNeeded;
    };
    let Some((device, link)) = state.link(id) else {
        return Turn::NotNeeded;
    };
    let before = polls.replace(link.polls);
    if before.is_some_and(|before| before != link.polls) {
        return Turn::NotNeeded;
    }
    let taken = link.progress(device);
    match (taken, device.has_unsent(id)) {
        (0, false) => Turn::Quiet,
        (0, true) => Turn::Waits,
        _ => Turn::Moved,
    }
}

fn stand_in(opened: &Opened, id: QueuePairId) {
    let [first, longest] = PAUSE;
    let (mut pause, mut idle_since, mut polls) = (first, Instant::now(), None);
    loop {
        let patience = match turn(opened, id, &mut polls) {
            Turn::NotNeeded => return,
            Turn::Moved => {
                (pause, idle_since) = (first, Instant::now());
                thread::yield_now();
                continue;
            }
            Turn::Waits => STUCK,
            Turn::Quiet => QUIET,
        };
        if idle_since.elapsed() >= patience {
            return;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
}
