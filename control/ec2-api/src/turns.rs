//! Turns of long answers: how many may be under way, whose is next, and who loses one.
//!
//! An answer lasts as long as its client takes to read it. While nobody waits that is the client's own affair. While others
//! wait, it must keep up [`LEAST_RATE`], or its connection is ended: so clients that read slowly take turns from nobody.
//! A turn that is free goes to the party that has the fewest, so that one that asks for many waits behind itself.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use eni_model::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::{Client, Fault};

/// Long answers under way at once; more wait. Each holds two pieces, what the connection buffers, and its moment of the
/// region.
pub(crate) const MAX_LONG_ANSWERS: usize = 64;
/// How long one may wait for its turn.
const TURN_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes a second at which a client reads at least while others wait. The largest answers, 160 MB, come to their end at no
/// less.
const LEAST_RATE: u32 = 512 << 10;
/// How far a client may fall behind that, and how much it can read ahead: connections buffer, and clients work on what they
/// have read.
const CREDIT: Duration = Duration::from_secs(2);
/// How often who waits looks for clients that have fallen behind.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Those who share their turns: one key pair at one address.
type Party = (String, IpAddr);

/// All turns.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    under_way: BTreeMap<u64, UnderWay>,
    /// In the order in which they came.
    waiting: Vec<Waiting>,
    last_number: u64,
}

struct UnderWay {
    party: Party,
    client: Client,
    pace: Pace,
    is_ending: bool,
}

struct Waiting {
    party: Party,
    client: Client,
    turn: oneshot::Sender<Turn>,
}

/// How a client keeps up with [`LEAST_RATE`].
#[derive(Clone, Copy)]
enum Pace {
    /// It has read enough until then.
    Until(Instant),
    /// It waits for us, with so much left.
    WaitsForUs(Duration),
}

impl Pace {
    fn begin(now: Instant) -> Self {
        Self::Until(now + CREDIT)
    }

    fn waits_for_us(self, now: Instant) -> Self {
        match self {
            Self::Until(due) => Self::WaitsForUs(due.saturating_duration_since(now)),
            Self::WaitsForUs(_) => self,
        }
    }

    fn is_written(self, now: Instant) -> Self {
        match self {
            Self::Until(_) => self,
            Self::WaitsForUs(left) => Self::Until(now + left),
        }
    }

    fn took(self, bytes: usize, now: Instant) -> Self {
        let left = match self {
            Self::Until(due) => due.saturating_duration_since(now),
            Self::WaitsForUs(left) => left,
        };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let worth = Duration::from_secs(1) * bytes / LEAST_RATE;
        Self::Until(now + (left + worth).min(CREDIT))
    }

    /// Since when the client has been too slow.
    fn behind_since(self, now: Instant) -> Option<Instant> {
        match self {
            Self::Until(due) if due < now => Some(due),
            Self::Until(_) | Self::WaitsForUs(_) => None,
        }
    }
}

impl Turns {
    /// Waits until one more long answer may be under way, of `client` with this key pair.
    pub(crate) async fn next(&self, access_key_id: &str, client: &Client) -> Result<Turn, Fault> {
        let (sender, mut turn) = oneshot::channel();
        let waiting = Waiting {
            party: (access_key_id.to_owned(), client.address()),
            client: client.clone(),
            turn: sender,
        };
        self.0.lock().waiting.push(waiting);
        self.give_out();
        let taken = async {
            let mut looks = interval(LOOK_INTERVAL);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    turn = &mut turn => return turn,
                    _ = looks.tick() => self.0.lock().end_slow_ones(Instant::now()),
                }
            }
        };
        match timeout(TURN_PATIENCE, taken).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(ErrorCode::RequestLimitExceeded
                .with("Request limit exceeded.")
                .into()),
        }
    }

    /// Gives free turns to those who wait.
    fn give_out(&self) {
        loop {
            let Some((number, sender)) = self.0.lock().begin_next(Instant::now()) else {
                return;
            };
            let turns = self.clone();
            // One that has just gone gives it back, when this is dropped, without the lock.
            drop(sender.send(Turn(Progress { turns, number })));
        }
    }

    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.0.lock().under_way.len()
    }
}

impl State {
    /// Begins the next one, if a turn is free and somebody waits.
    fn begin_next(&mut self, now: Instant) -> Option<(u64, oneshot::Sender<Turn>)> {
        self.waiting.retain(|waiting| !waiting.turn.is_closed());
        if self.under_way.len() >= MAX_LONG_ANSWERS || self.waiting.is_empty() {
            return None;
        }
        let mut turns: HashMap<&Party, usize> = HashMap::new();
        for answer in self.under_way.values() {
            *turns.entry(&answer.party).or_default() += 1;
        }
        let of_party = |waiting: &Waiting| turns.get(&waiting.party).copied().unwrap_or_default();
        // The first of several that have as few.
        let (index, _) =
            (self.waiting.iter().enumerate()).min_by_key(|(_, waiting)| of_party(waiting))?;
        let Waiting {
            party,
            client,
            turn,
        } = self.waiting.remove(index);
        self.last_number += 1;
        let answer = UnderWay {
            party,
            client,
            pace: Pace::begin(now),
            is_ending: false,
        };
        self.under_way.insert(self.last_number, answer);
        Some((self.last_number, turn))
    }

    /// Ends the connections of the slowest clients, as many as wait for turns. Their turns are free when they have ended.
    fn end_slow_ones(&mut self, now: Instant) {
        self.waiting.retain(|waiting| !waiting.turn.is_closed());
        let ending = self.under_way.values().filter(|answer| answer.is_ending);
        let wanted = self.waiting.len().saturating_sub(ending.count());
        let mut slow: Vec<(Instant, &mut UnderWay)> = (self.under_way.values_mut())
            .filter(|answer| !answer.is_ending)
            .filter_map(|answer| Some((answer.pace.behind_since(now)?, answer)))
            .collect();
        slow.sort_by_key(|(since, _)| *since);
        for (_, answer) in slow.into_iter().take(wanted) {
            let (access_key_id, address) = &answer.party;
            tracing::info!(access_key_id, %address, "a long answer is ended: it is read slowly, and others wait");
            answer.is_ending = true;
            answer.client.end();
        }
    }
}

/// Somebody's turn, until it is dropped.
pub(crate) struct Turn(Progress);

/// What becomes of the answer whose turn it is.
#[derive(Clone)]
pub(crate) struct Progress {
    turns: Turns,
    number: u64,
}

impl Turn {
    /// To be told of what is written.
    pub(crate) fn progress(&self) -> Progress {
        self.0.clone()
    }

    /// The client asks for more, which is not written yet.
    pub(crate) fn waits_for_us(&self) {
        self.0.change(Pace::waits_for_us);
    }

    /// The client's connection has taken so much.
    pub(crate) fn took(&self, bytes: usize) {
        self.0.change(|pace, now| pace.took(bytes, now));
    }
}

impl Progress {
    /// More is written, for the client to take.
    pub(crate) fn is_written(&self) {
        self.change(Pace::is_written);
    }

    fn change(&self, change: impl FnOnce(Pace, Instant) -> Pace) {
        let now = Instant::now();
        let mut state = self.turns.0.lock();
        if let Some(answer) = state.under_way.get_mut(&self.number) {
            answer.pace = change(answer.pace, now);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Progress { turns, number } = &self.0;
        turns.0.lock().under_way.remove(number);
        turns.give_out();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    fn client(last: u8) -> Client {
        Client::new([10, 0, 0, last].into())
    }

    /// A client with a turn, which loses it as a connection does.
    async fn read(turns: Turns, client: Client, bytes_a_second: usize) {
        let turn = turns.next("AKID", &client).await.expect("a turn");
        let reading = async {
            loop {
                turn.took(bytes_a_second / 4);
                sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::select! {
            () = client.to_end() => {}
            () = reading => {}
        }
    }

    /// As many as may be under way.
    async fn fill(turns: &Turns, bytes_a_second: usize) {
        for _ in 0..MAX_LONG_ANSWERS {
            tokio::spawn(read(turns.clone(), client(1), bytes_a_second));
        }
        sleep(Duration::from_millis(1)).await;
        assert_eq!(turns.under_way(), MAX_LONG_ANSWERS);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_loses_its_turn_to_who_waits_and_to_nobody_else() {
        for bytes_a_second in [0, LEAST_RATE as usize / 2] {
            let turns = Turns::default();
            fill(&turns, bytes_a_second).await;
            advance(CREDIT * 100).await;
            assert_eq!(turns.under_way(), MAX_LONG_ANSWERS, "nobody waits");
            let began = Instant::now();
            // The same party, even.
            let turn = turns.next("AKID", &client(1)).await;
            assert!(turn.is_ok());
            assert!(began.elapsed() < CREDIT * 3, "{:?}", began.elapsed());
            sleep(LOOK_INTERVAL * 2).await;
            assert_eq!(turns.under_way(), MAX_LONG_ANSWERS, "one has gone");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_up_or_waits_for_us_keeps_its_turn() {
        let turns = Turns::default();
        fill(&turns, LEAST_RATE as usize).await;
        let began = Instant::now();
        assert!(turns.next("AKID", &client(2)).await.is_err());
        assert_eq!(began.elapsed().as_secs(), TURN_PATIENCE.as_secs());

        let turns = Turns::default();
        let mut waiting = Vec::new();
        for _ in 0..MAX_LONG_ANSWERS {
            let turn = turns.next("AKID", &client(1)).await.expect("a turn");
            turn.waits_for_us();
            waiting.push(turn);
        }
        assert!(turns.next("AKID", &client(2)).await.is_err());
        assert_eq!(turns.under_way(), MAX_LONG_ANSWERS);
        // What is written is theirs to take.
        waiting.iter().for_each(|turn| turn.progress().is_written());
        sleep(CREDIT * 2).await;
        turns.0.lock().end_slow_ones(Instant::now());
        let ending = |answer: &UnderWay| answer.is_ending;
        assert!(
            !turns.0.lock().under_way.values().any(ending),
            "nobody waits"
        );
        let another = client(2);
        assert!(
            timeout(LOOK_INTERVAL, turns.next("AKID", &another))
                .await
                .is_err()
        );
        assert_eq!(
            turns
                .0
                .lock()
                .under_way
                .values()
                .filter(|one| ending(one))
                .count(),
            1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_free_turn_goes_to_the_party_with_the_fewest() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..MAX_LONG_ANSWERS {
            taken.push(turns.next("AKID", &client(1)).await.expect("a turn"));
        }
        for turn in &taken {
            turn.waits_for_us();
        }
        let (greedy, other_key, other_address) = (client(1), client(1), client(2));
        let greedy: Vec<_> = (0..10)
            .map(|_| {
                let (turns, client) = (turns.clone(), greedy.clone());
                tokio::spawn(async move { turns.next("AKID", &client).await })
            })
            .collect();
        sleep(Duration::from_millis(1)).await;
        let others = [("OTHER", other_key), ("AKID", other_address)].map(|(key, client)| {
            let turns = turns.clone();
            tokio::spawn(async move { turns.next(key, &client).await })
        });
        sleep(Duration::from_millis(1)).await;
        taken.truncate(MAX_LONG_ANSWERS - 2);
        for other in others {
            assert!(other.await.expect("no panic").is_ok());
        }
        assert!(greedy.iter().all(|waiting| !waiting.is_finished()));
        // One that goes while it waits takes none.
        greedy[0].abort();
        sleep(Duration::from_millis(1)).await;
        taken.pop();
        sleep(Duration::from_millis(1)).await;
        assert!(greedy[1].is_finished());
    }
}
