//! The body of an answer that does not fit one piece.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::access_log::Record;
use crate::pieces::{PIECE_BYTES, Pieces};
use crate::turns::Turn;
use crate::workers::{Workers, Written};

/// How long one may take: a hundred thousand interfaces, 160 MB, at half a megabyte a second. It keeps its moment of the
/// region in memory all along.
const ANSWER_PATIENCE: Duration = Duration::from_secs(300);

/// Bytes that a client takes at once: a member of an answer may be much longer, as a large launch is.
const MOST_AT_ONCE: usize = 2 * PIECE_BYTES;

/// A whole answer, or a long one.
pub(crate) type AnswerBody = Either<Full<Bytes>, LongAnswer>;

/// A document that is written while it is sent, one piece ahead; or that was made whole, and is long.
pub(crate) struct LongAnswer {
    /// Written, and not yet taken.
    ready: Bytes,
    coming: Option<oneshot::Receiver<Written>>,
    workers: Workers,
    deadline: Instant,
    record: Record,
    turn: Turn,
}

impl LongAnswer {
    /// The document that begins with `begun`.
    pub(crate) fn new(
        begun: String,
        rest: Option<Box<dyn Pieces>>,
        workers: &Workers,
        record: Record,
        turn: Turn,
    ) -> Self {
        Self {
            ready: begun.into(),
            coming: rest.map(|rest| workers.write(rest, turn.progress())),
            workers: workers.clone(),
            deadline: Instant::now() + ANSWER_PATIENCE,
            record,
            turn,
        }
    }

    /// The next piece that is not empty, and no longer than the client is to take at once; `None` after the last.
    fn piece(&mut self, task: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if Instant::now() > self.deadline {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        loop {
            if !self.ready.is_empty() {
                let bytes = self.ready.len().min(MOST_AT_ONCE);
                return Poll::Ready(Some(Ok(self.ready.split_to(bytes))));
            }
            let Some(coming) = &mut self.coming else {
                return Poll::Ready(None);
            };
            let written = std::task::ready!(Pin::new(coming).poll(task));
            self.coming = None;
            match written {
                Ok(Ok((text, rest))) => {
                    self.ready = text.into();
                    self.coming = rest.map(|rest| self.workers.write(rest, self.turn.progress()));
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
        let piece = self.piece(task);
        if piece.is_pending() {
            self.turn.waits_for_us();
        }
        Poll::Ready(std::task::ready!(piece).map(|piece| {
            let piece = piece.inspect_err(|_| self.coming = None)?;
            self.record.wrote(piece.len());
            self.turn.took(piece.len());
            if self.is_end_stream() {
                self.record.succeeded();
            }
            Ok(Frame::data(piece))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.coming.is_none()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::time::advance;

    use super::*;
    use crate::Client;
    use crate::Fault;
    use crate::turns::Turns;

    /// As many pieces of a letter.
    struct Letters(usize);

    impl Pieces for Letters {
        fn next(self: Box<Self>) -> Written {
            match *self {
                Self(0) => Err(Fault::client("Broken", "It broke.")),
                Self(1) => Ok(("z".into(), None)),
                Self(left) => Ok(("x".into(), Some(Box::new(Self(left - 1))))),
            }
        }
    }

    async fn turn(turns: &Turns) -> Turn {
        let client = Client::new([127, 0, 0, 1].into());
        turns.next("AKID", &client).await.expect("a turn")
    }

    fn record() -> Record {
        Record::new("id-1", &Client::new([127, 0, 0, 1].into()))
    }

    async fn long_answer(rest: impl Pieces + 'static, turns: &Turns) -> LongAnswer {
        let (turn, record) = (turn(turns).await, record());
        let rest = Some(Box::new(rest) as Box<dyn Pieces>);
        LongAnswer::new("a".into(), rest, &Workers::start(), record, turn)
    }

    async fn next(answer: &mut LongAnswer) -> Option<io::Result<Bytes>> {
        let frame = answer.frame().await?;
        Some(frame.map(|frame| frame.into_data().expect("no trailers")))
    }

    #[tokio::test]
    async fn pieces_come_in_order_and_a_broken_answer_has_no_end() {
        let turns = Turns::default();
        let whole = long_answer(Letters(3), &turns).await.collect().await;
        assert_eq!(whole.expect("an end").to_bytes(), "axxz");
        struct Broken;
        impl Pieces for Broken {
            fn next(self: Box<Self>) -> Written {
                Ok(("x".into(), Some(Box::new(Letters(0)))))
            }
        }
        let broken = long_answer(Broken, &turns).await;
        assert!(broken.collect().await.is_err());
        assert_eq!(turns.under_way(), 0);
    }

    #[tokio::test]
    async fn what_was_made_whole_is_taken_in_pieces_and_keeps_its_turn_until_then() {
        let turns = Turns::default();
        let whole = "x".repeat(2 * MOST_AT_ONCE + 1);
        let (turn, record) = (turn(&turns).await, record());
        let mut answer = LongAnswer::new(whole, None, &Workers::start(), record, turn);
        for want in [MOST_AT_ONCE, MOST_AT_ONCE, 1] {
            assert!(!answer.is_end_stream());
            let piece = next(&mut answer).await.expect("more").expect("a piece");
            assert_eq!((piece.len(), turns.under_way()), (want, 1));
        }
        assert!(answer.is_end_stream());
        drop(answer);
        assert_eq!(turns.under_way(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_is_not_waited_for_without_end() {
        let turns = Turns::default();
        let mut answer = long_answer(Letters(1_000), &turns).await;
        for want in ["a", "x"] {
            let piece = next(&mut answer).await.expect("more").expect("a piece");
            assert_eq!(piece, want);
            advance(ANSWER_PATIENCE / 2 - Duration::from_secs(1)).await;
        }
        advance(Duration::from_secs(3)).await;
        let error = next(&mut answer)
            .await
            .expect("an error")
            .expect_err("late");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(answer);
        assert_eq!(turns.under_way(), 0);
    }
}
