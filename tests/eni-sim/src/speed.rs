//! How fast the protocol core is: two connections joined in memory, on one thread, by the processor's time.

use crate::srd::interface;
use bytes::Bytes;
use eni_srd::{
    Admission, Config, Connection, Event, Incoming, Instant, MAX_DATAGRAM_BYTES, Message,
    MessageHeader, PairKey,
};
use eni_srd_seal::AesPairKey;
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Turns of sending and receiving between two looks at the clock.
const TURNS: usize = 32;

/// Virtual time between two turns.
const TURN_NANOS: u64 = 2_000;

/// How long this thread has run, however busy the machine is with others.
fn processor_time() -> Duration {
    match clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID) {
        Ok(time) => Duration::from(time),
        Err(error) => unreachable!("every Linux has this clock: {error}"),
    }
}

/// One measurement: both ends' work together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Speed {
    /// Payload of each message.
    pub bytes: usize,
    /// Whether packets were sealed.
    pub is_sealed: bool,
    /// Messages handed over at a time.
    pub batch: usize,
    /// Messages sent, received and acknowledged in a second of one processor.
    pub messages_per_second: f64,
}

/// Sends messages of `bytes` bytes, `batch` at a time, for `duration` of processor time.
pub fn measure(bytes: usize, batch: usize, is_sealed: bool, duration: Duration) -> Speed {
    let key = is_sealed.then(|| Arc::new(AesPairKey::new(&[1; 32])) as Arc<dyn PairKey>);
    let [mut sender, mut receiver] = [(0, 1), (1, 0)].map(|(local, peer)| {
        let config = Config::new(interface(local), interface(peer), 1);
        match Connection::new(config, key.clone(), Instant::default(), [local as u8; 32]) {
            Ok(connection) => connection,
            Err(error) => unreachable!("the ordinary settings are within bounds: {error}"),
        }
    });
    let payload = Bytes::from(vec![0; bytes]);
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    let mut arrived: u64 = 0;
    let began = processor_time();
    let mut completed: u64 = 0;
    let mut now = Instant::default();
    while processor_time() - began < duration {
        for _ in 0..TURNS {
            now = now.after_nanos(TURN_NANOS);
            for token in 0..batch as u64 {
                let header = MessageHeader::EMPTY;
                let message = Message {
                    queue_pair: 1,
                    token,
                    header,
                    payload: payload.clone(),
                };
                if sender.send(now, message).is_err() {
                    break;
                }
            }
            let mut sink = |_: Incoming<'_>| {
                arrived += 1;
                Admission::Accept
            };
            carry(now, &mut sender, &mut receiver, &mut buffer, &mut sink);
            carry(now, &mut receiver, &mut sender, &mut buffer, &mut sink);
            while let Some(event) = sender.poll_event() {
                completed += u64::from(matches!(event, Event::Completed { .. }));
            }
        }
    }
    Speed {
        bytes,
        is_sealed,
        batch,
        messages_per_second: completed.min(arrived) as f64
            / (processor_time() - began).as_secs_f64(),
    }
}

fn carry(
    now: Instant,
    from: &mut Connection,
    to: &mut Connection,
    buffer: &mut [u8],
    sink: &mut impl FnMut(Incoming<'_>) -> Admission,
) {
    if from.poll_timeout().is_some_and(|at| at <= now) {
        from.handle_timeout(now);
    }
    while let Some(transmit) = from.poll_transmit(now, buffer) {
        let taken = to.handle_packet(now, &mut buffer[..transmit.length], sink);
        debug_assert_eq!(taken, Ok(()));
    }
}
