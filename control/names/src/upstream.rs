//! Questions for the resolver upstream, and what becomes of its answers.

use alloc::string::String;
use alloc::vec::Vec;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};

use crate::question::{Question, Reply};
use crate::{Scope, chain};

/// The room for an answer that upstream is told of (DNS flag day 2020).
const ROOM_BYTES: u16 = 1_232;
/// An answer is kept for so long at most, in seconds: a day (RFC 8767, 4, takes less for a mistake than a week).
const LONGEST_LIFE: u32 = 86_400;
/// That there is nothing is kept for so long at most: RFC 2308, 5, says one to three hours.
const LONGEST_NOTHING: u32 = 3_600;

/// A question of a client's that is not answered here.
#[derive(Debug)]
pub struct Forwarded {
    question: Question,
}

/// What answers are found by again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    name: String,
    kind: u16,
    is_dnssec_ok: bool,
    is_unchecked: bool,
}

impl Key {
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            kind: 1,
            is_dnssec_ok: false,
            is_unchecked: false,
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len()
    }
}

/// What upstream has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub(crate) code: ResponseCode,
    pub(crate) authentic_data: bool,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    /// Seconds for which it may be kept.
    pub(crate) life: u32,
    /// About the bytes that it takes.
    pub(crate) bytes: usize,
}

impl Found {
    /// Whether it says that it does not know: another server may.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !matches!(self.code, ResponseCode::NoError | ResponseCode::NXDomain)
    }

    #[cfg(test)]
    pub(crate) fn nothing(life: u32, bytes: usize) -> Self {
        Self {
            code: ResponseCode::NXDomain,
            authentic_data: false,
            answers: Vec::new(),
            authorities: Vec::new(),
            life,
            bytes,
        }
    }
}

/// What upstream has sent, as an answer to a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// The answer.
    Answer(Found),
    /// It does not fit a datagram: to be asked again over TCP.
    Truncated,
    /// It answers something else, or nothing.
    Other,
}

impl Forwarded {
    /// To be asked upstream; an answer where that is not to be done.
    pub(crate) fn of(question: Question) -> Result<Self, Option<Vec<u8>>> {
        if question.metadata.recursion_desired {
            Ok(Self { question })
        } else {
            // Only what is known here was wanted.
            Err(question.answer(Reply::of(ResponseCode::Refused)))
        }
    }

    /// What an answer is found by again.
    #[must_use]
    pub fn key(&self) -> Key {
        let Question {
            query, metadata, ..
        } = &self.question;
        Key {
            name: query.name.to_lowercase().to_ascii(),
            kind: query.query_type.into(),
            is_dnssec_ok: self.question.is_dnssec_ok(),
            is_unchecked: metadata.checking_disabled,
        }
    }

    /// The question to upstream under the number `id`; `None` if it cannot be written. Nothing of the client's is in it but name,
    /// type, and what it says of DNSSEC.
    #[must_use]
    pub fn question(&self, id: u16) -> Option<Vec<u8>> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = self.question.metadata.checking_disabled;
        message.queries.push(self.query());
        let mut edns = Edns::new();
        edns.set_max_payload(ROOM_BYTES);
        edns.set_dnssec_ok(self.question.is_dnssec_ok());
        message.edns = Some(edns);
        message.to_vec().ok()
    }

    /// The name in lower case, whatever the client's spelling: what it tells of the client stays here.
    fn query(&self) -> Query {
        let asked = &self.question.query;
        Query::query(asked.name.to_lowercase(), asked.query_type)
    }

    /// Reads what has come in answer to [`Self::question`].
    #[must_use]
    pub fn read(&self, id: u16, bytes: &[u8]) -> Received {
        let Ok(message) = Message::from_vec(bytes) else {
            return Received::Other;
        };
        let metadata = message.metadata;
        let is_answer = metadata.message_type == MessageType::Response
            && metadata.op_code == OpCode::Query
            && metadata.id == id
            && message.queries == [self.query()];
        if !is_answer {
            return Received::Other;
        }
        if metadata.truncation {
            return Received::Truncated;
        }
        Received::Answer(Found {
            life: life(&message),
            code: metadata.response_code,
            authentic_data: metadata.authentic_data,
            bytes: bytes.len() * MEMORY_PER_BYTE,
            answers: message.answers,
            authorities: message.authorities,
        })
    }

    /// What the client is told, `age` seconds after it was `found`; what it leads to here is answered as `scope` has it now.
    #[must_use]
    pub fn answer(&self, found: &Found, age: u32, scope: Scope<'_>) -> Option<Vec<u8>> {
        let asked = self.question.name();
        let mut found = found.clone();
        for record in found.answers.iter_mut().chain(&mut found.authorities) {
            record.decrement_ttl(age);
            if record.name == *asked {
                record.name = asked.clone();
            }
        }
        self.question
            .answer(chain::told(&self.question, &found, scope))
    }

    /// What the client is told where upstream has not answered.
    #[must_use]
    pub fn unanswered(&self) -> Option<Vec<u8>> {
        self.question.answer(Reply::of(ResponseCode::ServFail))
    }

    /// What the client is told where nobody is upstream, or it asks too much at once.
    #[must_use]
    pub fn refused(&self) -> Option<Vec<u8>> {
        self.question.answer(Reply::of(ResponseCode::Refused))
    }
}

/// Records in memory are larger than on the wire: by so much at most, with room for lists (measured on answers of one address
/// each, which are the worst).
const MEMORY_PER_BYTE: usize = 16;

/// For how long an answer may be kept: as long as its shortest record. That there is nothing, as long as the zone says (RFC 2308,
/// 5). A failure is not kept.
fn life(message: &Message) -> u32 {
    let is_nothing = message.answers.is_empty();
    match message.metadata.response_code {
        ResponseCode::NoError if !is_nothing => {
            let records = message.answers.iter().chain(&message.authorities);
            let shortest = records.map(|record| record.ttl).min();
            shortest.unwrap_or(0).min(LONGEST_LIFE)
        }
        ResponseCode::NoError | ResponseCode::NXDomain => {
            let start = message
                .authorities
                .iter()
                .find(|record| record.record_type() == RecordType::SOA);
            let minimum = start.and_then(|record| match &record.data {
                RData::SOA(start) => Some(record.ttl.min(start.minimum)),
                _ => None,
            });
            minimum.unwrap_or(0).min(LONGEST_NOTHING)
        }
        _ => 0,
    }
}
