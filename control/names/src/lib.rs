//! Names for instances: what a question of DNS is answered (RFC 1035), from the world as it is published.
//!
//! [`decide`] is the resolver but for its sockets: a question, who asks and the world give an answer, or a question for the
//! resolver upstream. It knows
//!
//! - the private names of the asker's VPC, and what its addresses are called;
//! - the public names of the region's pool: inside the VPC they lead to the private address, elsewhere to the public one
//!   (Amazon VPC User Guide, "DNS attributes for your VPC");
//! - the names of AWS's services that the region serves: they lead to its API;
//! - which names nobody outside is to be asked about: those above, other regions' private names, and what stays on a machine
//!   or a private network (RFC 6303, RFC 6761).
//!
//! What upstream answers is kept in a [`Cache`].
//!
//! *Limitations.* No DNSSEC of its own, and none is verified: what upstream has verified is said so.
//!
//! *Invariant*: nothing here knows sockets, clocks or how it is found out who asks.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cache;
mod chain;
mod internal;
mod question;
mod reverse;
mod upstream;

use alloc::vec::Vec;

use eni_model::{RegionSettings, World};
use eni_types::VpcId;

pub use cache::Cache;
pub use question::Transport;
pub use upstream::{Forwarded, Found, Key, Received};

use crate::question::Read;

/// The largest question that is read. A name has 255 bytes at most, and options of EDNS are few.
pub const MAX_QUESTION_BYTES: usize = 4_096;

/// Of what a question is answered.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The published world.
    pub world: &'a World,
    /// The region's settings.
    pub region: &'a RegionSettings,
    /// The VPC of who asks.
    pub vpc_id: VpcId,
}

/// What becomes of a question.
#[derive(Debug)]
pub enum Decision {
    /// This is the answer.
    Answer(Vec<u8>),
    /// The resolver upstream is to be asked.
    Forward(Forwarded),
    /// It is no question, or there is no resolver: nothing is said.
    Silence,
}

/// What becomes of `question`, which came over `transport`.
#[must_use]
pub fn decide(question: &[u8], transport: Transport, scope: Scope<'_>) -> Decision {
    let vpc = scope.world.vpcs.get(scope.vpc_id);
    if vpc.is_none_or(|vpc| vpc.resolver_address().is_none()) {
        return Decision::Silence;
    }
    let question = match question::read(question, transport) {
        Read::Question(question) => question,
        Read::Refused(answer) => return answered(answer),
        Read::Nothing => return Decision::Silence,
    };
    match internal::answer(&question, scope) {
        Some(reply) => answered(question.answer(reply)),
        None if question.is_any() => answered(question.answer(question.little())),
        None => match Forwarded::of(question) {
            Ok(forwarded) => Decision::Forward(forwarded),
            Err(answer) => answered(answer),
        },
    }
}

fn answered(answer: Option<Vec<u8>>) -> Decision {
    answer.map_or(Decision::Silence, Decision::Answer)
}
