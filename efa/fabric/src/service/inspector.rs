//! The thread that looks whether programs keep memory that was taken from them.
//!
//! What a program has mapped and open is the program's to make long, and reading it takes as long. So others do not wait
//! for it: not the control thread, and of the inspections only those that follow.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use crate::broker::{ProgramId, RegionIdentity};
use crate::caller::Caller;

/// Inspections that may wait for the thread; more are asked for again later.
const MAX_WAITING: usize = 256;

/// A program to look at.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) program: ProgramId,
    pub(super) caller: Arc<Caller>,
    /// What it must not have.
    pub(super) regions: HashSet<RegionIdentity>,
}

/// What an inspection found.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(super) program: ProgramId,
    /// Of the regions that were asked about, those that the program has.
    pub(super) kept: HashSet<RegionIdentity>,
}

/// The thread's handle. Dropped, it stops within one line of a file.
#[derive(Debug)]
pub(super) struct Inspector {
    waiting: Option<SyncSender<Inspection>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inspector {
    /// Starts a thread that calls `look` for each inspection and `report` with what it found. `look` ends early when its
    /// second argument becomes true.
    pub(super) fn start(
        look: impl Fn(&Inspection, &AtomicBool) -> HashSet<RegionIdentity> + Send + 'static,
        report: impl Fn(Finding) + Send + 'static,
    ) -> io::Result<Self> {
        let (waiting, received) = sync_channel::<Inspection>(MAX_WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("fabric-inspector".to_owned())
            .spawn(move || {
                for inspection in received {
                    let kept = look(&inspection, &stopped);
                    if stopped.load(Ordering::Acquire) {
                        return;
                    }
                    report(Finding {
                        program: inspection.program,
                        kept,
                    });
                }
            })?;
        Ok(Self {
            waiting: Some(waiting),
            stop,
            thread: Some(thread),
        })
    }

    /// Asks for an inspection, and never waits.
    ///
    /// # Errors
    /// The inspection, where too many wait already.
    pub(super) fn ask(&self, inspection: Inspection) -> Result<(), Inspection> {
        let Some(waiting) = &self.waiting else {
            return Err(inspection);
        };
        waiting.try_send(inspection).map_err(|error| match error {
            TrySendError::Full(inspection) | TrySendError::Disconnected(inspection) => inspection,
        })
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.waiting = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// Longer than anything here takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(10);

    fn inspection(program: u64) -> Inspection {
        let pair = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        );
        let region = RegionIdentity {
            device: 0,
            inode: program,
        };
        Inspection {
            program: ProgramId(program),
            caller: Arc::new(Caller::of(&pair.unwrap().0).unwrap()),
            regions: HashSet::from([region]),
        }
    }

    #[test]
    fn a_program_that_takes_long_to_look_at_keeps_nobody_waiting() {
        let (release, released) = channel::<()>();
        let (found, findings) = channel();
        let inspector = Inspector::start(
            move |inspection, _| {
                if inspection.program == ProgramId(0) {
                    released.recv_timeout(PATIENCE).unwrap();
                }
                inspection.regions.clone()
            },
            move |finding| found.send(finding).unwrap(),
        )
        .unwrap();
        // Nobody takes what is asked for, and asking returns all the same.
        let mut asked = 0;
        let refused = loop {
            match inspector.ask(inspection(asked)) {
                Ok(()) => asked += 1,
                Err(inspection) => break inspection,
            }
        };
        assert_eq!(refused.program, ProgramId(asked));
        // One may have been taken from the queue.
        assert!((256..=257).contains(&asked), "{asked} wait");
        assert!(findings.try_recv().is_err());
        release.send(()).unwrap();
        for program in 0..asked {
            let finding: Finding = findings.recv_timeout(PATIENCE).unwrap();
            assert_eq!(finding.program, ProgramId(program));
            assert_eq!(finding.kept.len(), 1);
        }
        inspector.ask(refused).unwrap();
        assert!(findings.recv_timeout(PATIENCE).is_ok());
    }

    #[test]
    fn an_inspection_that_takes_long_ends_with_the_service() {
        let (began, begun) = channel();
        let inspector = Inspector::start(
            move |_, stop| {
                began.send(()).unwrap();
                while !stop.load(Ordering::Acquire) {
                    thread::yield_now();
                }
                HashSet::new()
            },
            |_| panic!("it found nothing that counts"),
        )
        .unwrap();
        inspector.ask(inspection(1)).unwrap();
        begun.recv_timeout(PATIENCE).unwrap();
        drop(inspector);
    }
}
