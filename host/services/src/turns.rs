//! In what order interfaces are answered, and how often.

use std::time::Duration;

use eni_abi::{LINK_LOCAL_PACKETS_PER_SECOND, LinkLocalAllowance};
use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

/// Requests of an interface that are answered in a second: as many as it may send packets, so that who puts several into a
/// packet gains nothing. So many may come at once; more wait.
pub const REQUESTS_PER_SECOND: u32 = LINK_LOCAL_PACKETS_PER_SECOND;
/// How long who is over it waits before looking again: about a request's share of a second.
const PAUSE: Duration = Duration::from_millis(1);

/// The turns of one interface: of its connections one at a time is answered.
pub(crate) struct Turns {
    since: Instant,
    /// Held by the connection whose turn it is; the others wait in order. What is counted for packets counts requests here.
    allowance: Mutex<LinkLocalAllowance>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            allowance: Mutex::default(),
        }
    }
}

impl Turns {
    /// What `make` gives, when it is this request's turn. Before the interface's next, all others that are ready have theirs.
    pub(crate) async fn answer<A>(&self, make: impl FnOnce() -> A) -> A {
        let mut allowance = self.allowance.lock().await;
        while !allowance.take(1, self.now_ns()) {
            sleep(PAUSE).await;
        }
        let answer = make();
        yield_now().await;
        answer
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Asks `count` times, one after the other as of one connection.
    async fn ask(turns: Arc<Turns>, count: u32, answered: Arc<AtomicU32>) {
        for _ in 0..count {
            turns
                .answer(|| answered.fetch_add(1, Ordering::Relaxed))
                .await;
        }
    }

    #[tokio::test]
    async fn one_that_asks_much_on_many_connections_delays_its_neighbour_by_little() {
        let [noisy, quiet] = [(); 2].map(|()| Arc::new(Turns::default()));
        let answered = Arc::new(AtomicU32::new(0));
        for _ in 0..10 {
            tokio::spawn(ask(Arc::clone(&noisy), 50, Arc::clone(&answered)));
        }
        yield_now().await;
        let mut before = answered.load(Ordering::Relaxed);
        assert!(before > 0, "it has not begun");
        for _ in 0..20 {
            quiet.answer(|| ()).await;
            let now = answered.load(Ordering::Relaxed);
            assert!(now - before <= 2, "{} came before", now - before);
            before = now;
        }
        assert!(before < 500, "it had ended");
    }

    #[tokio::test]
    async fn a_second_has_so_many_requests_however_they_come() {
        let turns = Arc::new(Turns::default());
        let answered = Arc::new(AtomicU32::new(0));
        let more = REQUESTS_PER_SECOND / 2;
        let begin = Instant::now();
        ask(turns, REQUESTS_PER_SECOND + more, answered).await;
        let least = Duration::from_millis(490);
        assert!(begin.elapsed() >= least, "{:?}", begin.elapsed());
    }
}
