//! A guest's question of DNS, and what upstream may answer to it.
//!
//! Nothing may panic, no answer is larger than its way allows or itself a question, and nothing internal is asked upstream.
#![no_main]

use std::sync::LazyLock;

use eni_model::testing::TestWorld;
use eni_names::{Decision, Received, Scope, Transport, decide};
use libfuzzer_sys::fuzz_target;

/// The largest answer in a datagram.
const MAX_DATAGRAM_BYTES: usize = 1_232;
/// The bit of the third byte that tells an answer from a question (RFC 1035, 4.1.1).
const IS_ANSWER: u8 = 0x80;
/// The number under which upstream is asked.
const NUMBER: u16 = 0x0102;

static REGION: LazyLock<TestWorld> = LazyLock::new(|| {
    let mut region = TestWorld::bootstrapped();
    let image = region.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
    let launch = [
        ("ImageId", image.as_str()),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];
    region.must("RunInstances", &launch);
    region
});

fuzz_target!(|input: &[u8]| {
    let [way, length, rest @ ..] = input else {
        return;
    };
    let (question, upstream) = rest.split_at(usize::from(*length).min(rest.len()));
    let transport = match way & 1 {
        0 => Transport::Udp,
        _ => Transport::Tcp,
    };
    let Some(vpc) = REGION.world.default_vpc() else {
        return;
    };
    let scope = Scope {
        world: &REGION.world,
        region: &REGION.region,
        vpc_id: vpc.vpc_id,
    };
    let check = |answer: &[u8]| {
        assert!(answer.get(2).is_some_and(|flags| flags & IS_ANSWER != 0));
        assert!(transport == Transport::Tcp || answer.len() <= MAX_DATAGRAM_BYTES);
    };
    match decide(question, transport, scope) {
        Decision::Silence => {}
        Decision::Answer(answer) => check(&answer),
        Decision::Forward(asked) => {
            if let Some(question) = asked.question(NUMBER) {
                let private = b"\x03ec2\x08internal\0";
                let mut parts = question.windows(private.len());
                assert!(
                    !parts.any(|part| part == private),
                    "an internal name leaves"
                );
            }
            let answers = match asked.read(NUMBER, upstream) {
                Received::Answer(found) => asked.answer(&found, 9, scope),
                Received::Truncated | Received::Other => asked.unanswered(),
            };
            answers.iter().for_each(|answer| check(answer));
        }
    }
});
