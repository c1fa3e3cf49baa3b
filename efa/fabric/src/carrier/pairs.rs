//! Connections: one for each pair of a device here and a device on another host.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use eni_efa_abi::Gid;
use eni_srd::{Config, Connection, Instant, PairKey};
use rand::RngExt;

use super::metrics::DeviceMetrics;
use crate::policy::Policy;

/// Pairs at a time.
const MAX_PAIRS: usize = 4_096;
/// How long a receiver may leave its ring full: a program that computes does not poll.
const NOT_READY_LIMIT: Duration = Duration::from_secs(60);
/// Queueing that is taken for the host's own: the service and the programs share processors.
const TARGET_QUEUEING: Duration = Duration::from_micros(500);
/// Datagrams in a row on one path, which the kernel takes as one (GSO): 64 KiB of the largest.
const PATH_BURST: u8 = 7;
/// Bytes that one peer may have under way to us.
const RECEIVE_CREDIT: u32 = 4 << 20;

pub(super) struct Pair {
    pub(super) local: Gid,
    pub(super) remote: Gid,
    pub(super) host: SocketAddr,
    pub(super) connection: Connection,
    pub(super) metrics: Arc<DeviceMetrics>,
    /// It is among those to look after in this turn.
    pub(super) is_due: bool,
    generation: u16,
    /// The policy's generation that the answer below is of.
    asked_at: u64,
    is_allowed: bool,
}

impl Pair {
    /// Whether the policy allows the pair; asked again whenever the policy has changed.
    pub(super) fn is_allowed(&mut self, policy: &dyn Policy) -> bool {
        let generation = policy.generation();
        if generation != self.asked_at {
            self.asked_at = generation;
            self.is_allowed = policy.may_converse(self.local, self.remote).is_ok();
        }
        self.is_allowed
    }
}

#[derive(Default)]
pub(super) struct Pairs {
    slots: Vec<Option<Pair>>,
    free: Vec<usize>,
    by_gids: HashMap<(Gid, Gid), usize>,
    /// Counts the pairs that there have been, so that late packets of one do not reach its successor.
    made: u16,
    last: Option<((Gid, Gid), usize)>,
}

/// What a new pair needs to know.
pub(super) struct NewPair {
    pub(super) host: SocketAddr,
    pub(super) key: Option<Arc<dyn PairKey>>,
    pub(super) metrics: Arc<DeviceMetrics>,
    pub(super) paths: u8,
    pub(super) max_datagram: usize,
    pub(super) now: Instant,
}

impl Pairs {
    pub(super) fn find(&mut self, local: Gid, remote: Gid) -> Option<usize> {
        if let Some((gids, slot)) = self.last
            && gids == (local, remote)
        {
            return Some(slot);
        }
        let slot = *self.by_gids.get(&(local, remote))?;
        self.last = Some(((local, remote), slot));
        Some(slot)
    }

    /// Nothing where there are too many.
    pub(super) fn open(
        &mut self,
        local: Gid,
        remote: Gid,
        new: NewPair,
        policy: &dyn Policy,
    ) -> Option<usize> {
        if self.by_gids.len() >= MAX_PAIRS {
            return None;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.made = self.made.wrapping_add(1);
        let mut config = Config::new(local.0, remote.0, handle(slot, self.made));
        config.paths = new.paths;
        config.max_datagram_bytes = new.max_datagram;
        config.receive_credit_bytes = RECEIVE_CREDIT;
        config.path_burst = PATH_BURST;
        config.target_queueing = TARGET_QUEUEING;
        config.not_ready_limit = NOT_READY_LIMIT;
        let seed = rand::rng().random();
        let connection = Connection::new(config, new.key, new.now, seed).ok()?;
        self.slots[slot] = Some(Pair {
            local,
            remote,
            host: new.host,
            connection,
            metrics: new.metrics,
            is_due: false,
            generation: self.made,
            asked_at: policy.generation(),
            is_allowed: policy.may_converse(local, remote).is_ok(),
        });
        self.by_gids.insert((local, remote), slot);
        Some(slot)
    }

    pub(super) fn at(&mut self, slot: usize) -> Option<&mut Pair> {
        self.slots.get_mut(slot)?.as_mut()
    }

    pub(super) fn by_handle(&mut self, number: u32) -> Option<usize> {
        let slot = (number & 0xffff) as usize;
        let pair = self.at(slot)?;
        (handle(slot, pair.generation) == number).then_some(slot)
    }

    pub(super) fn close(&mut self, slot: usize) -> Option<Pair> {
        let pair = self.slots.get_mut(slot)?.take()?;
        self.by_gids.remove(&(pair.local, pair.remote));
        self.free.push(slot);
        self.last = None;
        Some(pair)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

fn handle(slot: usize, generation: u16) -> u32 {
    slot as u32 | u32::from(generation) << 16
}
