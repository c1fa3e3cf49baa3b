//! Names that are made of instances' ids.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use eni_model::testing::TestWorld;
use eni_names::{Decision, Scope, Transport, decide};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

/// An instance in the default VPC, in a subnet of both families.
struct Bench {
    model: TestWorld,
    id: String,
    ipv4: String,
    ipv6: String,
    vpc: String,
}

impl Bench {
    fn new(options: &[(&str, &str)]) -> Self {
        let mut model = TestWorld::bootstrapped();
        let vpc = model.make("DescribeVpcs", &[], "/vpcSet/item/0/vpcId");
        let of_vpc = ("VpcId", vpc.as_str());
        model.must(
            "AssociateVpcCidrBlock",
            &[of_vpc, ("AmazonProvidedIpv6CidrBlock", "true")],
        );
        let block = "/vpcSet/item/0/ipv6CidrBlockAssociationSet/item/0/ipv6CidrBlock";
        let block = model.make("DescribeVpcs", &[("VpcId.1", &vpc)], block);
        let block = block.replace("/56", "/64");
        let blocks = [
            of_vpc,
            ("CidrBlock", "172.31.100.0/24"),
            ("Ipv6CidrBlock", &block),
        ];
        let subnet = model.make("CreateSubnet", &blocks, "/subnet/subnetId");
        let image = model.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
        let launch = [
            ("ImageId", image.as_str()),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("InstanceType", "t3.micro"),
            ("SubnetId", &subnet),
            ("Ipv6AddressCount", "1"),
        ];
        let launched = model.must("RunInstances", &[&launch, options].concat());
        let text = |pointer: &str| {
            let instance = &launched["instancesSet"]["item"][0];
            instance
                .pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        Self {
            id: text("/instanceId"),
            ipv4: text("/privateIpAddress"),
            ipv6: text("/ipv6Address"),
            vpc: text("/vpcId"),
            model,
        }
    }

    fn ask_of(&self, vpc: &str, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
        let mut question = Message::new(7, MessageType::Query, OpCode::Query);
        question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        let scope = Scope {
            world: &self.model.world,
            region: &self.model.region,
            vpc_id: vpc.parse().unwrap(),
        };
        let Decision::Answer(bytes) = decide(&question.to_vec().unwrap(), Transport::Udp, scope)
        else {
            panic!("{name} is not answered");
        };
        let answer = Message::from_vec(&bytes).unwrap();
        let data = answer.answers.iter().map(|record| record.data.to_string());
        (answer.metadata.response_code, data.collect())
    }

    fn ask(&self, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
        self.ask_of(&self.vpc, name, kind)
    }

    fn name(&self) -> String {
        format!("{}.ec2.internal.", self.id)
    }

    /// The name of the instance's IPv4 address.
    fn reverse(&self) -> String {
        let octets: Vec<&str> = self.ipv4.split('.').rev().collect();
        let (_, names) = self.ask(
            &format!("{}.in-addr.arpa.", octets.join(".")),
            RecordType::PTR,
        );
        names.concat()
    }

    fn ip_name(&self) -> String {
        format!("ip-{}.ec2.internal.", self.ipv4.replace('.', "-"))
    }
}

const A_RECORD: (&str, &str) = ("PrivateDnsNameOptions.EnableResourceNameDnsARecord", "true");
const AAAA_RECORD: (&str, &str) = (
    "PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord",
    "true",
);
const OF_ID: (&str, &str) = ("PrivateDnsNameOptions.HostnameType", "resource-name");

#[test]
fn a_name_has_the_addresses_that_are_to_be_answered() {
    for (options, ipv4, ipv6) in [
        (&[A_RECORD][..], true, false),
        (&[AAAA_RECORD], false, true),
        (&[A_RECORD, AAAA_RECORD], true, true),
        (&[A_RECORD, OF_ID], true, false),
    ] {
        let bench = Bench::new(options);
        let found =
            |is_there: bool, address: &str| Vec::from_iter(is_there.then(|| address.to_owned()));
        let of_ipv4 = (ResponseCode::NoError, found(ipv4, &bench.ipv4));
        let of_ipv6 = (ResponseCode::NoError, found(ipv6, &bench.ipv6));
        assert_eq!(bench.ask(&bench.name(), RecordType::A), of_ipv4);
        assert_eq!(bench.ask(&bench.name(), RecordType::AAAA), of_ipv6);
        assert_eq!(
            bench.ask(&bench.name().to_uppercase(), RecordType::A),
            of_ipv4
        );
        // The name of its address is there in any case.
        let own = (ResponseCode::NoError, vec![bench.ipv4.clone()]);
        assert_eq!(bench.ask(&bench.ip_name(), RecordType::A), own);
    }
}

#[test]
fn a_name_that_is_not_to_be_answered_is_none_and_so_is_one_of_another_vpc() {
    let bench = Bench::new(&[OF_ID]);
    let none = (ResponseCode::NXDomain, vec![]);
    assert_eq!(bench.ask(&bench.name(), RecordType::A), none);
    let mut bench = Bench::new(&[A_RECORD]);
    let other = bench
        .model
        .make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
    assert_eq!(bench.ask_of(&other, &bench.name(), RecordType::A), none);
    for name in ["i-0123456789abcdef0", "i-", "i-x"] {
        let name = format!("{name}.ec2.internal.");
        assert_eq!(bench.ask(&name, RecordType::A), none, "{name}");
    }
}

#[test]
fn an_address_is_called_as_its_instance_calls_itself_where_that_leads_back() {
    for (options, by_id) in [
        (&[A_RECORD, OF_ID][..], true),
        (&[A_RECORD], false),
        (&[OF_ID], false),
    ] {
        let bench = Bench::new(options);
        let want = if by_id { bench.name() } else { bench.ip_name() };
        assert_eq!(bench.reverse(), want);
    }
}
