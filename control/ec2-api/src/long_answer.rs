//! The body of an answer that does not fit one piece.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use crate::access_log::Record;
use crate::pieces::Pieces;
use crate::workers::{Workers, Written};

/// Long answers under way at once; more wait. Each holds two pieces, what the connection buffers, and its moment of the
/// region.
pub(crate) const MAX_LONG_ANSWERS: usize = 64;
/// How long one may wait for its turn.
pub(crate) const TURN_PATIENCE: Duration = Duration::from_secs(10);
/// How long one may take: a hundred thousand interfaces, 160 MB, at half a megabyte a second. It keeps its moment of the
/// region in memory all along.
const ANSWER_PATIENCE: Duration = Duration::from_secs(300);

/// A whole answer, or a long one.
pub(crate) type AnswerBody = Either<Full<Bytes>, LongAnswer>;

/// A document that is written while it is sent, one piece ahead.
pub(crate) struct LongAnswer {
    /// Written, and not yet taken.
    ready: Option<String>,
    coming: Option<oneshot::Receiver<Written>>,
    workers: Workers,
    deadline: Instant,
    record: Record,
    _turn: OwnedSemaphorePermit,
}

impl LongAnswer {
    /// The document that begins with `begun`.
    pub(crate) fn new(
        begun: String,
        rest: Box<dyn Pieces>,
        workers: &Workers,
        record: Record,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            ready: Some(begun),
            coming: Some(workers.write(rest)),
            workers: workers.clone(),
            deadline: Instant::now() + ANSWER_PATIENCE,
            record,
            _turn: turn,
        }
    }

    /// The next piece that is not empty; `None` after the last.
    fn piece(&mut self, task: &mut Context<'_>) -> Poll<Option<io::Result<String>>> {
        if Instant::now() > self.deadline {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        loop {
            if let Some(text) = self.ready.take().filter(|text| !text.is_empty()) {
                return Poll::Ready(Some(Ok(text)));
            }
            let Some(coming) = &mut self.coming else {
                return Poll::Ready(None);
            };
            let written = std::task::ready!(Pin::new(coming).poll(task));
            self.coming = None;
            match written {
                Ok(Ok((text, rest))) => {
                    self.ready = Some(text);
                    self.coming = rest.map(|rest| self.workers.write(rest));
                }
                Ok(Err(fault)) => {
                    self.record.failed(&fault);
                    return Poll::Ready(Some(Err(io::Error::other(fault.message))));
                }
                Err(_no_thread) => {
                    return Poll::Ready(Some(Err(io::Error::other("no thread writes"))));
                }
            }
        }
    }
}

/// An error ends the connection, so that the client sees an answer without an end rather than a short one.
impl Body for LongAnswer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = std::task::ready!(self.piece(task));
        Poll::Ready(piece.map(|piece| {
            let text = piece.inspect_err(|_| self.coming = None)?;
            self.record.wrote(text.len());
            if self.coming.is_none() && self.ready.is_none() {
                self.record.succeeded();
            }
            Ok(Frame::data(Bytes::from(text)))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_none() && self.coming.is_none()
    }
}
