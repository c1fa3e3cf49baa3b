//! The names of AWS's services that the region serves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use eni_model::testing::TestWorld;
use eni_names::{Decision, Scope, Transport, decide};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

/// What is asked in a VPC; `None` where upstream is to be asked.
fn ask(model: &TestWorld, vpc: &str, name: &str, kind: RecordType) -> Option<Message> {
    let mut question = Message::new(7, MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    let scope = Scope {
        world: &model.world,
        region: &model.region,
        vpc_id: vpc.parse().unwrap(),
    };
    match decide(&question.to_vec().unwrap(), Transport::Udp, scope) {
        Decision::Answer(bytes) => Some(Message::from_vec(&bytes).unwrap()),
        Decision::Forward(_) => None,
        Decision::Silence => panic!("{name}"),
    }
}

/// Amazon VPC User Guide, "Interface endpoints", private DNS names: a zone of its own for each.
#[test]
fn names_of_the_services_that_the_region_serves_lead_to_its_api_in_every_vpc() {
    let mut model = TestWorld::bootstrapped();
    let block = [("CidrBlock", "10.0.0.0/16")];
    let vpcs = [(); 2].map(|()| model.make("CreateVpc", &block, "/vpc/vpcId"));
    for name in [
        "ec2.us-east-1.amazonaws.com.",
        "EC2.US-East-1.Api.Aws.",
        "sts.us-east-1.amazonaws.com.",
        "sts.amazonaws.com.",
        "iam.amazonaws.com.",
    ] {
        for vpc in &vpcs {
            let answer = ask(&model, vpc, name, RecordType::A).unwrap();
            let data: Vec<_> = answer
                .answers
                .iter()
                .map(|one| one.data.to_string())
                .collect();
            assert_eq!(data, ["169.254.169.243"], "{name}");
        }
        let below = format!("x.{name}");
        for (name, kind, want) in [
            (name, RecordType::AAAA, ResponseCode::NoError),
            (&below, RecordType::A, ResponseCode::NXDomain),
        ] {
            let nothing = ask(&model, &vpcs[0], name, kind).unwrap();
            assert_eq!(nothing.metadata.response_code, want, "{name}");
            assert!(nothing.answers.is_empty() && nothing.authorities.len() == 1);
        }
    }
    for other in [
        "ec2.eu-west-1.amazonaws.com.",
        "us-east-1.amazonaws.com.",
        "s3.us-east-1.amazonaws.com.",
        "amazonaws.com.",
    ] {
        assert!(
            ask(&model, &vpcs[0], other, RecordType::A).is_none(),
            "{other}"
        );
    }
}
