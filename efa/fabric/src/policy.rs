//! What the service asks others: who may converse, and where a device lives.

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

use eni_efa_abi::{Gid, Refusal};
use eni_srd::PairKey;

/// Says who may converse with whom. Asked in the service only, at every address handle, every lane and every packet
/// that arrives.
pub trait Policy: Debug + Send + Sync {
    /// Whether the devices `a` and `b` may converse; the answer is the same for `b` and `a`.
    ///
    /// # Errors
    /// Why not.
    fn may_converse(&self, a: Gid, b: Gid) -> Result<(), Refusal>;

    /// Grows whenever an answer may have changed. Answers are remembered for as long as it stays the same.
    fn generation(&self) -> u64;
}

/// Says on which host a device lives that is not on this one.
pub trait Directory: Debug + Send + Sync {
    /// Where the service of that device's host listens.
    fn host_of(&self, gid: Gid) -> Option<SocketAddr>;

    /// What seals the packets between a device here and one there. Without, they are in the
    /// clear; both services have the same key or none, or the devices do not reach each other.
    fn key_of(&self, _local: Gid, _remote: Gid) -> Option<Arc<dyn PairKey>> {
        None
    }
}

/// The directory of a host that reaches no other.
#[derive(Clone, Copy, Debug)]
pub struct Isolated;

impl Directory for Isolated {
    fn host_of(&self, _gid: Gid) -> Option<SocketAddr> {
        None
    }
}

/// A policy that never changes: devices of the same subnet converse.
#[derive(Clone, Debug, Default)]
pub struct SameSubnet {
    subnets: HashMap<Gid, String>,
}

impl SameSubnet {
    /// The policy for these devices, each with its subnet.
    pub fn new(subnets: impl IntoIterator<Item = (Gid, String)>) -> Self {
        Self {
            subnets: subnets.into_iter().collect(),
        }
    }
}

impl Policy for SameSubnet {
    fn may_converse(&self, a: Gid, b: Gid) -> Result<(), Refusal> {
        let subnet = |gid| self.subnets.get(&gid).ok_or(Refusal::UnknownGid);
        if subnet(a)? == subnet(b)? {
            Ok(())
        } else {
            Err(Refusal::DifferentSubnet)
        }
    }

    fn generation(&self) -> u64 {
        0
    }
}
