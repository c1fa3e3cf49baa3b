//! What of upstream's answer a client is told: the records that its question leads to, and of names that are answered here what
//! is known here.

use alloc::vec::Vec;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::question::{Question, Reply};
use crate::upstream::Found;
use crate::{Scope, internal};

/// So many aliases are followed at most: more than resolvers follow (BIND's `max-query-restarts` is 11, as is Unbound's), and few enough
/// that no answer of upstream's keeps others waiting.
const MOST_ALIASES: usize = 16;

/// What `question` is answered, from what upstream has `found`.
///
/// Aliases are followed from the name in question (RFC 1034, 5.3.3). One that leads to a name that is answered here ends there: the
/// rest is this resolver's to say, as EC2's answers a public name of its own with the private address also behind an alias. Records
/// that no alias leads to are left out (RFC 5452, section 6), and so is what is said besides of names that are answered here.
pub(crate) fn told(question: &Question, found: &Found, scope: Scope<'_>) -> Reply {
    let mut answers = Vec::new();
    let mut name = question.name().clone();
    // Each alias is a record: a circle ends here.
    for _ in 0..=found.answers.len().min(MOST_ALIASES) {
        if !answers.is_empty()
            && let Some(mut own) = internal::answer(&question.about(name.clone()), scope)
        {
            own.answers.splice(0..0, answers);
            return own;
        }
        let before = answers.len();
        answers.extend(about(&name, found).cloned());
        match alias(&answers[before..]) {
            Some(next) if follows_aliases(question) => name = next,
            _ => break,
        }
    }
    if answers.is_empty() && !found.answers.is_empty() {
        // It speaks of something else.
        return Reply::of(ResponseCode::ServFail);
    }
    let question = |name: &Name| question.about(name.clone());
    let is_elsewhere =
        |record: &&Record| internal::answer(&question(&record.name), scope).is_none();
    let authorities = found.authorities.iter().filter(is_elsewhere);
    Reply {
        code: found.code,
        answers,
        authorities: authorities.cloned().collect(),
        // Nobody has asked for them.
        additionals: Vec::new(),
        authentic_data: found.authentic_data,
    }
}

/// An alias is the answer itself where it is asked for (RFC 1034, 3.6.2).
fn follows_aliases(question: &Question) -> bool {
    question.query.query_type != RecordType::CNAME
}

/// The records of `name`, with the one of a domain above that gives it another name (RFC 6672), and their signatures.
fn about<'a>(name: &'a Name, found: &'a Found) -> impl Iterator<Item = &'a Record> {
    let renamed = |owner: &Name| {
        let at_owner = |record: &&Record| record.name == *owner;
        let mut records = found.answers.iter().filter(at_owner);
        records.any(|record| record.record_type() == RecordType::DNAME)
    };
    found.answers.iter().filter(move |record| {
        let owner = &record.name;
        let is_above = || *owner != *name && owner.zone_of(name);
        let is_renaming = || {
            matches!(record.record_type(), RecordType::DNAME | RecordType::RRSIG) && renamed(owner)
        };
        *owner == *name || (is_above() && is_renaming())
    })
}

fn alias(records: &[Record]) -> Option<Name> {
    records.iter().find_map(|record| match &record.data {
        RData::CNAME(alias) => Some(alias.0.clone()),
        _ => None,
    })
}
