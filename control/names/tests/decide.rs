//! Questions as clients send them, and what becomes of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::Ipv4Addr;

use eni_model::testing::TestWorld;
use eni_names::{Decision, Forwarded, Received, Scope, Transport, decide};
use eni_types::VpcId;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, NULL};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use proptest::prelude::{any, proptest};

/// Two VPCs with the same addresses, in each an interface at 10.0.0.5, the first's with a public address.
struct Bench {
    model: TestWorld,
    vpcs: [String; 2],
    public: Ipv4Addr,
}

impl Bench {
    fn new() -> Self {
        let mut model = TestWorld::bootstrapped();
        let mut enis = Vec::new();
        let vpcs = [(); 2].map(|()| {
            let vpc = model.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
            let of_vpc = ("VpcId", vpc.as_str());
            let named = [of_vpc, ("EnableDnsHostnames.Value", "true")];
            model.must("ModifyVpcAttribute", &named);
            let block = [of_vpc, ("CidrBlock", "10.0.0.0/24")];
            let subnet = model.make("CreateSubnet", &block, "/subnet/subnetId");
            let interface = [
                ("SubnetId", subnet.as_str()),
                ("PrivateIpAddress", "10.0.0.5"),
            ];
            let id = "/networkInterface/networkInterfaceId";
            enis.push(model.make("CreateNetworkInterface", &interface, id));
            let gateway = model.make(
                "CreateInternetGateway",
                &[],
                "/internetGateway/internetGatewayId",
            );
            let attached = [of_vpc, ("InternetGatewayId", gateway.as_str())];
            model.must("AttachInternetGateway", &attached);
            vpc
        });
        let allocation = model.must("AllocateAddress", &[]);
        let text = |pointer: &str| allocation.pointer(pointer).unwrap().as_str().unwrap();
        let association = [
            ("AllocationId", text("/allocationId")),
            ("NetworkInterfaceId", enis[0].as_str()),
        ];
        model.must("AssociateAddress", &association);
        let public = text("/publicIp").parse().unwrap();
        // In the first only.
        let second = [
            ("NetworkInterfaceId", enis[0].as_str()),
            ("PrivateIpAddress.1", "10.0.0.9"),
        ];
        model.must("AssignPrivateIpAddresses", &second);
        Self {
            model,
            vpcs,
            public,
        }
    }

    fn decide(&self, vpc: usize, question: &[u8]) -> Decision {
        decide(question, Transport::Udp, self.scope(vpc))
    }

    fn scope(&self, vpc: usize) -> Scope<'_> {
        let vpc_id: VpcId = self.vpcs[vpc].parse().unwrap();
        Scope {
            world: &self.model.world,
            region: &self.model.region,
            vpc_id,
        }
    }

    fn ask(&self, vpc: usize, name: &str, kind: RecordType) -> Message {
        match self.decide(vpc, &question(name, kind).to_vec().unwrap()) {
            Decision::Answer(bytes) => Message::from_vec(&bytes).unwrap(),
            other => panic!("{name} {kind}: {other:?}"),
        }
    }

    fn forwarded(&self, question: &Message) -> Forwarded {
        match self.decide(0, &question.to_vec().unwrap()) {
            Decision::Forward(forwarded) => forwarded,
            other => panic!("{question}: {other:?}"),
        }
    }

    /// The public address as names have it.
    fn hyphens(&self) -> String {
        self.public.to_string().replace('.', "-")
    }
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let name = Name::from_ascii(name).unwrap();
    message.add_query(Query::query(name, kind));
    message
}

fn code_and_answers(message: &Message) -> (ResponseCode, Vec<String>) {
    let data = message.answers.iter().map(|record| record.data.to_string());
    (message.metadata.response_code, data.collect())
}

fn is_nothing(message: &Message, code: ResponseCode, zone: &str) {
    assert_eq!(code_and_answers(message), (code, vec![]), "{message}");
    let [start] = &*message.authorities else {
        panic!("{message}");
    };
    assert_eq!(start.name.to_ascii(), zone);
    assert_eq!((start.record_type(), start.ttl), (RecordType::SOA, 60));
}

#[test]
fn names_and_addresses_of_the_own_vpc_lead_to_each_other() {
    let bench = Bench::new();
    for vpc in [0, 1] {
        let there = bench.ask(vpc, "ip-10-0-0-5.ec2.internal.", RecordType::A);
        assert_eq!(
            code_and_answers(&there),
            (ResponseCode::NoError, vec!["10.0.0.5".into()])
        );
        assert!(there.metadata.recursion_available && there.metadata.id == 7);
        assert_eq!(there.answers[0].ttl, 60);
        let back = bench.ask(vpc, "5.0.0.10.in-addr.arpa.", RecordType::PTR);
        let name = "ip-10-0-0-5.ec2.internal.".to_owned();
        assert_eq!(code_and_answers(&back), (ResponseCode::NoError, vec![name]));
    }
    let other = bench.ask(0, "instance-data.ec2.internal.", RecordType::A);
    assert_eq!(code_and_answers(&other).1, ["169.254.169.254"]);
}

#[test]
fn a_vpc_learns_nothing_of_another() {
    let bench = Bench::new();
    let name = "ip-10-0-0-9.ec2.internal.";
    assert_eq!(bench.ask(0, name, RecordType::A).answers.len(), 1);
    is_nothing(
        &bench.ask(1, name, RecordType::A),
        ResponseCode::NXDomain,
        "ec2.internal.",
    );
    let back = "9.0.0.10.in-addr.arpa.";
    assert_eq!(bench.ask(0, back, RecordType::PTR).answers.len(), 1);
    is_nothing(
        &bench.ask(1, back, RecordType::PTR),
        ResponseCode::NXDomain,
        "10.in-addr.arpa.",
    );
}

#[test]
fn a_public_name_leads_to_the_private_address_inside_and_to_the_public_one_elsewhere() {
    let mut bench = Bench::new();
    let name = format!("ec2-{}.compute-1.amazonaws.com.", bench.hyphens());
    for (vpc, want) in [(0, "10.0.0.5".to_owned()), (1, bench.public.to_string())] {
        let there = bench.ask(vpc, &name, RecordType::A);
        assert_eq!(code_and_answers(&there).1, [want]);
        let mut back: Vec<_> = bench.public.octets().map(|octet| octet.to_string()).into();
        back.reverse();
        let back = format!("{}.in-addr.arpa.", back.join("."));
        let back = bench.ask(vpc, &back, RecordType::PTR);
        assert_eq!(*code_and_answers(&back).1, [&*name]);
    }
    // Nobody has it, and a real one of EC2's.
    let nobodys = "ec2-203-0-113-200.compute-1.amazonaws.com.";
    let nobodys = bench.ask(0, nobodys, RecordType::A);
    is_nothing(&nobodys, ResponseCode::NXDomain, "compute-1.amazonaws.com.");
    bench.forwarded(&question(
        "ec2-52-1-2-3.compute-1.amazonaws.com.",
        RecordType::A,
    ));
    let off = [
        ("VpcId", bench.vpcs[0].as_str()),
        ("EnableDnsHostnames.Value", "false"),
    ];
    bench.model.must("ModifyVpcAttribute", &off);
    let unnamed = bench.ask(1, &name, RecordType::A);
    is_nothing(&unnamed, ResponseCode::NXDomain, "compute-1.amazonaws.com.");
    // Private names stay.
    let private = bench.ask(0, "ip-10-0-0-5.ec2.internal.", RecordType::A);
    assert_eq!(private.answers.len(), 1);
}

#[test]
fn what_is_not_there_is_told_from_what_has_no_such_data() {
    let bench = Bench::new();
    let code = ResponseCode::NoError;
    for (name, kind, zone) in [
        (
            "ip-10-0-0-5.ec2.internal.",
            RecordType::AAAA,
            "ec2.internal.",
        ),
        ("ip-10-0-0-5.ec2.internal.", RecordType::MX, "ec2.internal."),
        ("ec2.internal.", RecordType::A, "ec2.internal."),
        ("compute.internal.", RecordType::A, "compute.internal."),
        ("0.10.in-addr.arpa.", RecordType::PTR, "10.in-addr.arpa."),
        ("10.in-addr.arpa.", RecordType::PTR, "10.in-addr.arpa."),
        ("5.0.0.10.in-addr.arpa.", RecordType::A, "10.in-addr.arpa."),
        ("d.f.ip6.arpa.", RecordType::PTR, "d.f.ip6.arpa."),
    ] {
        is_nothing(&bench.ask(0, name, kind), code, zone);
    }
    let code = ResponseCode::NXDomain;
    for (name, zone) in [
        ("ip-10-0-0-6.ec2.internal.", "ec2.internal."),
        ("ip-10-0-0-05.ec2.internal.", "ec2.internal."),
        ("ip-10.0.0.5.ec2.internal.", "ec2.internal."),
        ("a.ip-10-0-0-5.ec2.internal.", "ec2.internal."),
        (
            "ip-10-0-0-5.eu-west-1.compute.internal.",
            "compute.internal.",
        ),
        ("6.0.0.10.in-addr.arpa.", "10.in-addr.arpa."),
        ("05.0.0.10.in-addr.arpa.", "10.in-addr.arpa."),
        ("1.5.0.0.10.in-addr.arpa.", "10.in-addr.arpa."),
        ("a.10.in-addr.arpa.", "10.in-addr.arpa."),
        ("1.0.16.172.in-addr.arpa.", "16.172.in-addr.arpa."),
        ("9.0.31.172.in-addr.arpa.", "31.172.in-addr.arpa."),
        ("9.0.127.100.in-addr.arpa.", "127.100.in-addr.arpa."),
        ("254.169.254.169.in-addr.arpa.", "254.169.in-addr.arpa."),
        ("1.0.0.d.f.ip6.arpa.", "d.f.ip6.arpa."),
        ("a.invalid.", "invalid."),
        // What a search list leaves of a private name.
        ("ip-10-0-0-5.", "."),
        ("i-0123456789abcdef0.", "."),
    ] {
        let kind = if name.ends_with("arpa.") {
            RecordType::PTR
        } else {
            RecordType::A
        };
        is_nothing(&bench.ask(0, name, kind), code, zone);
    }
    let start = bench.ask(0, "ec2.internal.", RecordType::SOA);
    assert_eq!(start.answers.len(), 1);
    let own = bench.ask(0, "a.localhost.", RecordType::A);
    assert_eq!(code_and_answers(&own).1, ["127.0.0.1"]);
}

#[test]
fn all_else_is_asked_upstream_and_nothing_of_the_client_with_it() {
    let bench = Bench::new();
    for name in [
        "Example.COM.",
        "ec2.internal.example.com.",
        "xec2.internal.",
        "compute-1.amazonaws.com.",
        "1.2.3.4.in-addr.arpa.",
        "1.0.32.172.in-addr.arpa.",
        "in-addr.arpa.",
        "ip6.arpa.",
        "1.9.b.d.0.1.0.0.2.ip6.arpa.",
    ] {
        let forwarded = bench.forwarded(&question(name, RecordType::TXT));
        let asked = Message::from_vec(&forwarded.question(99).unwrap()).unwrap();
        assert_eq!((asked.metadata.id, asked.queries.len()), (99, 1));
        assert_eq!(asked.queries[0].name.to_ascii(), name.to_ascii_lowercase());
        assert!(asked.metadata.recursion_desired);
    }
    // A zone's own data, and the root's.
    bench.forwarded(&question("com.", RecordType::DS));
    bench.forwarded(&question(".", RecordType::NS));
    let same = |name| bench.forwarded(&question(name, RecordType::A)).key();
    assert_eq!(same("www.Example.com."), same("WWW.example.com."));
    assert_ne!(same("www.example.com."), same("www.example.org."));
}

#[test]
fn a_name_is_answered_as_it_was_spelled() {
    let bench = Bench::new();
    let spelled = "iP-10-0-0-5.eC2.InTernal.";
    let answer = bench.ask(0, spelled, RecordType::A);
    assert_eq!(answer.queries[0].name.to_ascii(), spelled);
    assert_eq!(answer.answers[0].name.to_ascii(), spelled);
}

#[test]
fn what_no_client_should_ask_is_refused_and_no_answer_is_answered() {
    let bench = Bench::new();
    let code = |message: &Message| match bench.decide(0, &message.to_vec().unwrap()) {
        Decision::Answer(bytes) => Some(Message::from_vec(&bytes).unwrap().metadata.response_code),
        Decision::Silence => None,
        Decision::Forward(_) => panic!("{message}"),
    };
    let name = "ip-10-0-0-5.ec2.internal.";
    let plain = question(name, RecordType::A);
    let with = |change: &dyn Fn(&mut Message)| {
        let mut changed = plain.clone();
        change(&mut changed);
        code(&changed)
    };
    assert_eq!(code(&plain), Some(ResponseCode::NoError));
    let answer = with(&|message| message.metadata.message_type = MessageType::Response);
    assert_eq!(answer, None);
    for op_code in [OpCode::Update, OpCode::Notify, OpCode::Status] {
        let refused = with(&|message| message.metadata.op_code = op_code);
        assert_eq!(refused, Some(ResponseCode::NotImp));
    }
    let twice = with(&|message| message.queries.push(message.queries[0].clone()));
    assert_eq!(twice, Some(ResponseCode::FormErr));
    assert_eq!(
        with(&|message| message.queries.clear()),
        Some(ResponseCode::FormErr)
    );
    let chaos = with(&|message| message.queries[0].query_class = DNSClass::CH);
    assert_eq!(chaos, Some(ResponseCode::Refused));
    let newer = with(&|message| {
        let mut edns = Edns::new();
        edns.set_version(1);
        message.edns = Some(edns);
    });
    // Read as BADSIG, which has the same number.
    assert_eq!(newer.map(u16::from), Some(ResponseCode::BADVERS.into()));
    for (kind, want) in [
        (RecordType::AXFR, ResponseCode::Refused),
        (RecordType::IXFR, ResponseCode::Refused),
        (RecordType::Unknown(253), ResponseCode::NotImp),
        (RecordType::OPT, ResponseCode::FormErr),
    ] {
        assert_eq!(code(&question("example.com.", kind)), Some(want), "{kind}");
    }
    let mut alone = question("example.com.", RecordType::A);
    alone.metadata.recursion_desired = false;
    assert_eq!(code(&alone), Some(ResponseCode::Refused));
    for bytes in [&[][..], &[0; 11], &[0xff; 600]] {
        assert!(matches!(bench.decide(0, bytes), Decision::Silence));
    }
    // Sixty-five thousand questions, it says.
    let mut many = plain.to_vec().unwrap();
    many[4..12].fill(0xff);
    assert!(matches!(bench.decide(0, &many), Decision::Answer(answer) if answer.len() == 12));
}

#[test]
fn who_asks_for_everything_gets_little() {
    let bench = Bench::new();
    for name in ["ip-10-0-0-5.ec2.internal.", "example.com."] {
        let answer = bench.ask(0, name, RecordType::ANY);
        assert_eq!(answer.answers.len(), 1);
        assert_eq!(answer.answers[0].record_type(), RecordType::HINFO);
    }
    let nobody = bench.ask(0, "ip-10-0-0-6.ec2.internal.", RecordType::ANY);
    assert_eq!(nobody.metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn without_a_resolver_nothing_is_answered() {
    let mut bench = Bench::new();
    let vpc = ("VpcId", bench.vpcs[0].as_str());
    for name in ["EnableDnsHostnames.Value", "EnableDnsSupport.Value"] {
        bench
            .model
            .must("ModifyVpcAttribute", &[vpc, (name, "false")]);
    }
    for name in ["ip-10-0-0-5.ec2.internal.", "example.com."] {
        let asked = question(name, RecordType::A).to_vec().unwrap();
        assert!(matches!(bench.decide(0, &asked), Decision::Silence));
    }
}

/// What upstream says to `forwarded`, with `count` addresses.
fn upstream(forwarded: &Forwarded, count: u8) -> Message {
    let mut message = Message::from_vec(&forwarded.question(9).unwrap()).unwrap();
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_available = true;
    let name = message.queries[0].name.clone();
    for last in 0..count {
        let data = RData::A(A::new(192, 0, 2, last));
        message.add_answer(Record::from_rdata(
            name.clone(),
            300 + u32::from(last),
            data,
        ));
    }
    message
}

#[test]
fn upstreams_answer_is_the_clients_as_it_grows_old() {
    let bench = Bench::new();
    let forwarded = bench.forwarded(&question("Www.Example.com.", RecordType::A));
    let Received::Answer(found) = forwarded.read(9, &upstream(&forwarded, 2).to_vec().unwrap())
    else {
        panic!("it is no answer");
    };
    let answer = Message::from_vec(&forwarded.answer(&found, 40, bench.scope(0)).unwrap()).unwrap();
    assert_eq!(code_and_answers(&answer).1, ["192.0.2.0", "192.0.2.1"]);
    assert_eq!((answer.metadata.id, answer.answers[0].ttl), (7, 260));
    assert_eq!(answer.answers[0].name.to_ascii(), "Www.Example.com.");
    assert!(answer.edns.is_none(), "the client has none");
    let failed = Message::from_vec(&forwarded.unanswered().unwrap()).unwrap();
    assert_eq!(failed.metadata.response_code, ResponseCode::ServFail);
}

/// What a guest of the first VPC is told where upstream answers `name` with `records` and `code`.
fn told(
    bench: &Bench,
    vpc: usize,
    name: &str,
    code: ResponseCode,
    records: &[(&str, RData)],
) -> Message {
    let forwarded = bench.forwarded(&question(name, RecordType::A));
    let mut message = upstream(&forwarded, 0);
    message.metadata.response_code = code;
    for (owner, data) in records {
        let owner = Name::from_ascii(owner).unwrap();
        message.add_answer(Record::from_rdata(owner, 300, data.clone()));
    }
    let Received::Answer(found) = forwarded.read(9, &message.to_vec().unwrap()) else {
        panic!("it is no answer");
    };
    let answer = forwarded.answer(&found, 0, bench.scope(vpc)).unwrap();
    Message::from_vec(&answer).unwrap()
}

fn alias(name: &str) -> RData {
    RData::CNAME(CNAME(Name::from_ascii(name).unwrap()))
}

fn address(last: u8) -> RData {
    RData::A(A::new(192, 0, 2, last))
}

#[test]
fn an_alias_into_names_of_the_regions_is_followed_here() {
    let bench = Bench::new();
    let public = format!("ec2-{}.compute-1.amazonaws.com.", bench.hyphens());
    let records = [
        ("www.Example.com.", alias("lb.example.com.")),
        ("lb.example.com.", alias(&public)),
        // What the name is outside, if there is one.
        (public.as_str(), address(66)),
    ];
    for (code, count) in [(ResponseCode::NoError, 3), (ResponseCode::NXDomain, 2)] {
        let inside = told(&bench, 0, "www.example.com.", code, &records[..count]);
        let want = ["lb.example.com.", &public, "10.0.0.5"].map(str::to_owned);
        assert_eq!(
            code_and_answers(&inside),
            (ResponseCode::NoError, want.into())
        );
        assert!(inside.authorities.is_empty() && !inside.metadata.authentic_data);
    }
    let elsewhere = told(
        &bench,
        1,
        "www.example.com.",
        ResponseCode::NoError,
        &records,
    );
    assert_eq!(code_and_answers(&elsewhere).1[2], bench.public.to_string());
    // One that is not there.
    let nobody = [("www.example.com.", alias("ip-10-0-0-77.ec2.internal."))];
    let nobody = told(
        &bench,
        0,
        "www.example.com.",
        ResponseCode::NoError,
        &nobody,
    );
    assert_eq!(nobody.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(nobody.answers.len(), 1);
}

#[test]
fn of_upstreams_records_only_those_are_told_that_the_question_leads_to() {
    let bench = Bench::new();
    let tell = |records: &[(&str, RData)]| {
        code_and_answers(&told(
            &bench,
            0,
            "www.example.com.",
            ResponseCode::NoError,
            records,
        ))
    };
    let strange = ("ip-10-0-0-5.ec2.internal.", address(66));
    let own = ("www.example.com.", address(1));
    let want = (ResponseCode::NoError, vec!["192.0.2.1".to_owned()]);
    assert_eq!(
        tell(&[strange.clone(), own.clone(), ("example.org.", address(2))]),
        want
    );
    assert_eq!(tell(&[strange]), (ResponseCode::ServFail, vec![]));
    assert_eq!(tell(&[]), (ResponseCode::NoError, vec![]));
    let circle = [
        ("www.example.com.", alias("a.example.com.")),
        ("a.example.com.", alias("www.example.com.")),
    ];
    let (code, answers) = tell(&circle);
    assert_eq!(code, ResponseCode::NoError);
    assert!(answers.len() <= 8, "{answers:?}");
    // A long chain is cut, and not followed to its end.
    let name = |number: usize| format!("a{number}.example.com.");
    let mut long: Vec<(String, RData)> = (0..40)
        .map(|number| (name(number), alias(&name(number + 1))))
        .collect();
    long.push(("www.example.com.".to_owned(), alias(&name(0))));
    let long: Vec<_> = long
        .iter()
        .map(|(owner, data)| (owner.as_str(), data.clone()))
        .collect();
    assert_eq!(tell(&long).1.len(), 17);
    // RFC 6672: the domain's own record says why.
    let dname = RData::Unknown {
        code: RecordType::Unknown(39),
        rdata: NULL::with(b"\x07example\x03org\0".to_vec()),
    };
    let renamed = [
        ("example.com.", dname),
        ("www.example.com.", alias("www.example.org.")),
        ("www.example.org.", address(3)),
    ];
    assert_eq!(tell(&renamed).1.len(), 3);
}

#[test]
fn an_answer_is_cut_to_the_clients_room() {
    let bench = Bench::new();
    let mut asked = question("www.example.com.", RecordType::A);
    let answer_to = |asked: &Message| {
        let forwarded = bench.forwarded(asked);
        let bytes = upstream(&forwarded, 60).to_vec().unwrap();
        let Received::Answer(found) = forwarded.read(9, &bytes) else {
            panic!("it is no answer");
        };
        forwarded.answer(&found, 0, bench.scope(0)).unwrap()
    };
    let small = answer_to(&asked);
    assert!(small.len() <= 512);
    let read = Message::from_vec(&small).unwrap();
    assert!(read.metadata.truncation && read.answers.is_empty());
    let mut edns = Edns::new();
    edns.set_max_payload(65_535);
    asked.edns = Some(edns);
    let large = answer_to(&asked);
    assert!((600..=1_232).contains(&large.len()));
    let read = Message::from_vec(&large).unwrap();
    assert!(!read.metadata.truncation && read.answers.len() == 60);
    assert_eq!(read.edns.unwrap().max_payload(), 1_232);
}

#[test]
fn nothing_but_the_answer_is_taken_for_it() {
    let bench = Bench::new();
    let forwarded = bench.forwarded(&question("www.example.com.", RecordType::A));
    let good = upstream(&forwarded, 1);
    let read = |message: &Message| forwarded.read(9, &message.to_vec().unwrap());
    assert!(matches!(read(&good), Received::Answer(_)));
    assert_eq!(forwarded.read(8, &good.to_vec().unwrap()), Received::Other);
    let with = |change: &dyn Fn(&mut Message)| {
        let mut changed = good.clone();
        change(&mut changed);
        read(&changed)
    };
    let other = Name::from_ascii("www.example.org.").unwrap();
    for change in [
        &(|message: &mut Message| message.queries[0].name = other.clone()) as &dyn Fn(&mut Message),
        &|message| message.queries[0].query_type = RecordType::AAAA,
        &|message| message.queries.clear(),
        &|message| message.metadata.message_type = MessageType::Query,
        &|message| message.metadata.op_code = OpCode::Notify,
    ] {
        assert_eq!(with(change), Received::Other);
    }
    let cut = with(&|message| message.metadata.truncation = true);
    assert_eq!(cut, Received::Truncated);
    assert_eq!(forwarded.read(9, b"noise"), Received::Other);
}

proptest! {
    #[test]
    fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let bench = std::sync::LazyLock::force(&BENCH);
        let _whatever = bench.decide(0, &bytes);
        let mut question = question("www.example.com.", RecordType::A).to_vec().unwrap();
        for (at, byte) in bytes.iter().take(8).enumerate() {
            let at = (usize::from(*byte) * 7 + at) % question.len();
            question[at] ^= byte;
        }
        if let Decision::Forward(forwarded) = bench.decide(0, &question)
            && let Received::Answer(found) = forwarded.read(9, &bytes)
        {
            let _whatever = forwarded.answer(&found, 0, bench.scope(0));
        }
    }
}

static BENCH: std::sync::LazyLock<Bench> = std::sync::LazyLock::new(Bench::new);
