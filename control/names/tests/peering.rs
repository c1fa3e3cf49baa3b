//! Public names, asked from a peered VPC.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use eni_model::testing::TestWorld;
use eni_names::{Decision, Scope, Transport, decide};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};

/// A VPC with a public address, and another that is peered with it and asks.
struct Bench {
    model: TestWorld,
    asker: String,
    peering: String,
    public: String,
}

impl Bench {
    fn new() -> Self {
        let mut model = TestWorld::bootstrapped();
        let [owner, asker] = ["10.0.0.0/16", "10.1.0.0/16"]
            .map(|block| model.make("CreateVpc", &[("CidrBlock", block)], "/vpc/vpcId"));
        let of_vpc = ("VpcId", owner.as_str());
        model.must(
            "ModifyVpcAttribute",
            &[of_vpc, ("EnableDnsHostnames.Value", "true")],
        );
        let block = [of_vpc, ("CidrBlock", "10.0.0.0/24")];
        let subnet = model.make("CreateSubnet", &block, "/subnet/subnetId");
        let place = [
            ("SubnetId", subnet.as_str()),
            ("PrivateIpAddress", "10.0.0.5"),
        ];
        let made = "/networkInterface/networkInterfaceId";
        let eni = model.make("CreateNetworkInterface", &place, made);
        let made = "/internetGateway/internetGatewayId";
        let gateway = model.make("CreateInternetGateway", &[], made);
        model.must(
            "AttachInternetGateway",
            &[of_vpc, ("InternetGatewayId", &gateway)],
        );
        let allocation = model.must("AllocateAddress", &[]);
        let text = |name: &str| allocation[name].as_str().unwrap().to_owned();
        let both = [
            ("AllocationId", &*text("allocationId")),
            ("NetworkInterfaceId", &eni),
        ];
        model.must("AssociateAddress", &both);
        let pair = [("VpcId", owner.as_str()), ("PeerVpcId", &asker)];
        let made = "/vpcPeeringConnection/vpcPeeringConnectionId";
        let peering = model.make("CreateVpcPeeringConnection", &pair, made);
        model.must(
            "AcceptVpcPeeringConnection",
            &[("VpcPeeringConnectionId", &peering)],
        );
        Self {
            public: text("publicIp"),
            model,
            asker,
            peering,
        }
    }

    fn allow(&mut self, end: &str, allows: &str) {
        let option = format!("{end}PeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc");
        let asked = [
            ("VpcPeeringConnectionId", self.peering.as_str()),
            (&option, allows),
        ];
        self.model.must("ModifyVpcPeeringConnectionOptions", &asked);
    }

    /// Where the public name leads the asker.
    fn address(&self) -> String {
        let name = format!(
            "ec2-{}.compute-1.amazonaws.com.",
            self.public.replace('.', "-")
        );
        let mut question = Message::new(7, MessageType::Query, OpCode::Query);
        question.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        let scope = Scope {
            world: &self.model.world,
            region: &self.model.region,
            vpc_id: self.asker.parse().unwrap(),
        };
        let Decision::Answer(bytes) = decide(&question.to_vec().unwrap(), Transport::Udp, scope)
        else {
            panic!("not answered");
        };
        let answer = Message::from_vec(&bytes).unwrap();
        answer
            .answers
            .iter()
            .map(|record| record.data.to_string())
            .collect()
    }
}

#[test]
fn a_peers_public_names_lead_inside_where_it_allows_that() {
    let mut bench = Bench::new();
    assert_eq!(bench.address(), bench.public);
    // The asker's own leave is nothing to the other's names.
    bench.allow("Accepter", "true");
    assert_eq!(bench.address(), bench.public);
    bench.allow("Requester", "true");
    assert_eq!(bench.address(), "10.0.0.5");
    let peering = [("VpcPeeringConnectionId", bench.peering.as_str())];
    bench.model.must("DeleteVpcPeeringConnection", &peering);
    assert_eq!(bench.address(), bench.public);
}
