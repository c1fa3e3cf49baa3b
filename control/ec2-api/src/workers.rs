//! The threads that write long answers.
//!
//! They have nothing else to do, and little priority: calls that are answered at once, and the region's writer, go first.
//! A thread works on one piece at a time, and on the next only once the client has taken the one before, so that all long
//! answers have turns, and a client that does not read holds none.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, available_parallelism};

use eni_priority::Priority;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::Fault;
use crate::pieces::Pieces;
use crate::turns::Progress;

/// Threads at most. Each writes some 100 MB a second, more than clients read.
const MAX_THREADS: usize = 4;

/// A piece, and what writes the one after it.
pub(crate) type Written = Result<(String, Option<Box<dyn Pieces>>), Fault>;

struct Job {
    pieces: Box<dyn Pieces>,
    written: oneshot::Sender<Written>,
    progress: Progress,
}

/// The way to the threads, which end with its last copy.
#[derive(Clone)]
pub(crate) struct Workers(Sender<Job>);

impl Workers {
    /// Half of the processors at most. Where the machine has no thread left, whoever waits for a piece is told.
    pub(crate) fn start() -> Self {
        let (sender, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let processors = available_parallelism().map_or(1, NonZero::get);
        for _ in 0..(processors / 2).clamp(1, MAX_THREADS) {
            let jobs = Arc::clone(&jobs);
            let builder = Builder::new().name("long-answers".into());
            if let Err(error) = builder.spawn(move || work(&jobs)) {
                tracing::error!(%error, "a thread for long answers does not start");
            }
        }
        Self(sender)
    }

    /// Has the next piece written. The number of jobs that wait is that of long answers, which has a bound.
    pub(crate) fn write(
        &self,
        pieces: Box<dyn Pieces>,
        progress: Progress,
    ) -> oneshot::Receiver<Written> {
        let (written, piece) = oneshot::channel();
        let job = Job {
            pieces,
            written,
            progress,
        };
        // Without a thread the receiver finds the sender gone.
        let _ = self.0.send(job);
        piece
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    Priority::Background.take();
    loop {
        // One thread at a time waits for a job, the others for it.
        let job = jobs.lock().recv();
        let Ok(job) = job else { return };
        let Job {
            pieces,
            written,
            progress,
        } = job;
        if !written.is_closed() {
            // The client may go meanwhile.
            let _ = written.send(pieces.next());
            progress.is_written();
        }
    }
}
