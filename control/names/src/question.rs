//! Questions as clients send them, and answers as they want them.

use alloc::string::String;
use alloc::vec::Vec;

use hickory_proto::op::{
    Edns, Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode,
};
use hickory_proto::rr::rdata::HINFO;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// How long an answer of this region's may be kept, in seconds: what EC2 says.
pub(crate) const TIME_TO_LIVE: u32 = 60;
/// The largest answer in a datagram: no way to the client cuts it (DNS flag day 2020). Larger ones are asked over TCP.
const MAX_DATAGRAM_BYTES: u16 = 1_232;
/// The largest one for clients that do not say (RFC 1035, 4.2.1).
const PLAIN_DATAGRAM_BYTES: u16 = 512;
/// What a question may bring besides: EDNS, and a signature, which is not looked at.
const MAX_ADDITIONALS: u16 = 2;

/// What carries question and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// An answer that is too large is asked again over TCP.
    Udp,
    /// An answer may be as large as a message can be.
    Tcp,
}

/// A client's question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) metadata: Metadata,
    pub(crate) query: Query,
    /// Whether it has EDNS, with these: the room for an answer, and whether DNSSEC's records are wanted.
    edns: Option<(u16, bool)>,
    transport: Transport,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) code: ResponseCode,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
    pub(crate) authentic_data: bool,
}

impl Reply {
    /// An answer without records.
    pub(crate) fn of(code: ResponseCode) -> Self {
        Self {
            code,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            authentic_data: false,
        }
    }
}

/// What bytes are.
pub(crate) enum Read {
    /// A question.
    Question(Question),
    /// One that is answered with an error; `None` where even that cannot be written.
    Refused(Option<Vec<u8>>),
    /// Nothing that is answered: two resolvers must not talk to each other for ever.
    Nothing,
}

/// Reads one question. What is counted is looked at before room is made for it.
pub(crate) fn read(bytes: &[u8], transport: Transport) -> Read {
    let Ok(header) = Header::read(&mut BinDecoder::new(bytes)) else {
        return Read::Nothing;
    };
    if header.metadata.message_type != MessageType::Query {
        return Read::Nothing;
    }
    let refuse = |code| {
        let mut message = Message::error_msg(header.metadata.id, header.metadata.op_code, code);
        message.metadata.recursion_desired = header.metadata.recursion_desired;
        Read::Refused(message.to_vec().ok())
    };
    if header.metadata.op_code != OpCode::Query {
        return refuse(ResponseCode::NotImp);
    }
    let counts = header.counts;
    let is_one = (counts.queries, counts.answers, counts.authorities) == (1, 0, 0);
    if !is_one || counts.additionals > MAX_ADDITIONALS {
        return refuse(ResponseCode::FormErr);
    }
    let Ok(Message {
        metadata,
        queries,
        edns,
        ..
    }) = Message::from_vec(bytes)
    else {
        return refuse(ResponseCode::FormErr);
    };
    let Some(query) = queries.into_iter().next() else {
        return refuse(ResponseCode::FormErr);
    };
    let question = Question {
        metadata,
        query,
        edns: edns
            .as_ref()
            .map(|edns| (edns.max_payload(), edns.flags().dnssec_ok)),
        transport,
    };
    let version = edns.map_or(0, |edns| edns.version());
    match question.refusal(version) {
        Some(code) => Read::Refused(question.answer(Reply::of(code))),
        None => Read::Question(question),
    }
}

impl Question {
    fn refusal(&self, edns_version: u8) -> Option<ResponseCode> {
        if edns_version != 0 {
            return Some(ResponseCode::BADVERS);
        }
        if self.query.query_class != DNSClass::IN {
            return Some(ResponseCode::Refused);
        }
        match self.query.query_type {
            RecordType::AXFR | RecordType::IXFR => Some(ResponseCode::Refused),
            RecordType::ANY => None,
            // RFC 6895, 3.1: OPT, and those that ask for something to be done rather than for data.
            RecordType::OPT | RecordType::ZERO => Some(ResponseCode::FormErr),
            kind if (128..=255).contains(&u16::from(kind)) => Some(ResponseCode::NotImp),
            _ => None,
        }
    }

    pub(crate) fn name(&self) -> &Name {
        &self.query.name
    }

    /// The same question about another name.
    pub(crate) fn about(&self, name: Name) -> Self {
        let mut other = self.clone();
        other.query.name = name;
        other
    }

    pub(crate) fn is_any(&self) -> bool {
        self.query.query_type == RecordType::ANY
    }

    /// Whether DNSSEC's records are wanted.
    pub(crate) fn is_dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|(_, is_ok)| is_ok)
    }

    /// A record about the name in question, written as it was asked (so that who asks recognizes it).
    pub(crate) fn record(&self, data: RData) -> Record {
        Record::from_rdata(self.query.name.clone(), TIME_TO_LIVE, data)
    }

    /// What is said to who asks for everything (RFC 8482, 4.2): a small answer that is cached.
    pub(crate) fn little(&self) -> Reply {
        let data = HINFO::new(String::from("RFC8482"), String::new());
        let mut reply = Reply::of(ResponseCode::NoError);
        reply.answers.push(self.record(RData::HINFO(data)));
        reply
    }

    /// The answer's bytes, cut to what the client has room for; `None` if it cannot be written.
    pub(crate) fn answer(&self, reply: Reply) -> Option<Vec<u8>> {
        let mut message = Message::response(self.metadata.id, OpCode::Query);
        message.metadata.recursion_desired = self.metadata.recursion_desired;
        message.metadata.checking_disabled = self.metadata.checking_disabled;
        message.metadata.recursion_available = true;
        message.metadata.authentic_data = reply.authentic_data;
        message.metadata.response_code = reply.code;
        message.queries.push(self.query.clone());
        message.answers = reply.answers;
        message.authorities = reply.authorities;
        message.additionals = reply.additionals;
        if let Some((_, is_dnssec_ok)) = self.edns {
            let mut edns = Edns::new();
            edns.set_max_payload(MAX_DATAGRAM_BYTES);
            edns.set_dnssec_ok(is_dnssec_ok);
            message.edns = Some(edns);
        }
        let room = usize::from(self.room());
        let whole = message.to_vec().ok()?;
        if whole.len() <= room {
            return Some(whole);
        }
        // What was not asked for may be left out without a sign (RFC 2181, 9).
        message.additionals.clear();
        if !message.answers.is_empty() {
            message.authorities.clear();
        }
        let less = message.to_vec().ok()?;
        if less.len() <= room {
            return Some(less);
        }
        message.truncate().to_vec().ok()
    }

    fn room(&self) -> u16 {
        match (self.transport, self.edns) {
            (Transport::Tcp, _) => u16::MAX,
            (Transport::Udp, None) => PLAIN_DATAGRAM_BYTES,
            (Transport::Udp, Some((room, _))) => {
                room.clamp(PLAIN_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES)
            }
        }
    }
}
