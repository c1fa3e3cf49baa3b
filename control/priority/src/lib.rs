//! How soon a thread of a region gets a processor that others want as well.
//!
//! While instances boot, their processes and the threads that make their devices want every processor. A revoked rule has to
//! stand meanwhile, and a call to be answered: the few threads between the two come first. They work for less than a
//! millisecond at a time, so that nobody misses what they take. Processes are never started by them: niceness is inherited.
#![forbid(unsafe_code)]

use rustix::process::{getpriority_process, setpriority_process};

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// A call's way to the packets and back.
    Prompt,
    /// What may take long, and nobody waits for in earnest.
    Background,
}

impl Priority {
    /// How much nicer than others such a thread is. Each step is a quarter of the share (sched(7)): ten are nine times the
    /// share of an ordinary thread where both want the same processor, five a third of it.
    const fn niceness(self) -> i32 {
        match self {
            Self::Prompt => -10,
            Self::Background => 5,
        }
    }

    /// Gives it to the calling thread, relative to what the process was started with. Whoever may not come before others (it
    /// takes `CAP_SYS_NICE`) goes on as before.
    pub fn take(self) {
        // On Linux both are the thread's own (setpriority(2), C library differences).
        let given = getpriority_process(None)
            .and_then(|before| setpriority_process(None, before + self.niceness()));
        if let Err(error) = given {
            tracing::debug!(%error, priority = ?self, "a thread stays at the priority of its process");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::spawn;

    use super::*;

    /// Of the calling thread.
    fn niceness() -> i32 {
        getpriority_process(None).unwrap()
    }

    #[test]
    fn a_thread_in_the_background_is_nicer_and_the_others_are_not() {
        let before = niceness();
        let taken = spawn(|| {
            Priority::Background.take();
            niceness()
        });
        let expected = (before + Priority::Background.niceness()).min(19);
        assert_eq!(taken.join().unwrap(), expected);
        assert_eq!(niceness(), before);
    }

    #[test]
    fn root_a_prompt_thread_comes_first_and_what_it_was_started_by_does_not() {
        let before = niceness();
        let taken = spawn(|| {
            Priority::Prompt.take();
            niceness()
        });
        let expected = (before + Priority::Prompt.niceness()).max(-20);
        assert_eq!(taken.join().unwrap(), expected);
        assert_eq!(niceness(), before);
    }
}
