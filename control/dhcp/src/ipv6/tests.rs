//! Clients of DHCPv6, in a world of one instance.

use alloc::string::ToString;
use alloc::vec;

use eni_model::testing::TestWorld;

use super::*;

struct Bench {
    model: TestWorld,
    vpc: String,
    eni: String,
}

fn own(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 1, 2, 3, 0, 0, 0, last)
}

impl Bench {
    /// An interface of an instance of this type, with two addresses.
    fn of_type(name: &str) -> Self {
        let mut model = TestWorld::bootstrapped();
        let image = model.make("DescribeImages", &[], "/imagesSet/item/0/imageId");
        let launch = [
            ("ImageId", image.as_str()),
            ("InstanceType", name),
            ("MinCount", "1"),
            ("MaxCount", "1"),
        ];
        let at = "/instancesSet/item/0/networkInterfaceSet/item/0/networkInterfaceId";
        let eni = model.make("RunInstances", &launch, at);
        let mut bench = Self {
            vpc: model.world.default_vpc().unwrap().vpc_id.to_string(),
            model,
            eni,
        };
        let mut eni = bench.eni();
        eni.ipv6_addresses = vec![own(1), own(2)];
        bench.model.put(eni);
        bench
    }

    fn new() -> Self {
        Self::of_type("t3.micro")
    }

    fn eni(&self) -> NetworkInterface {
        let id = self.eni.parse().unwrap();
        NetworkInterface::clone(self.model.world.network_interfaces.get(id).unwrap())
    }

    fn ask(&self, kind: Kind, change: impl FnOnce(&mut Request)) -> Option<Answer> {
        let eni = self.eni();
        let mut request = Request {
            kind,
            is_named: true,
            server: None,
            associations: vec![lasting(&[])],
        };
        change(&mut request);
        answer(&request, &eni, &self.model.world, &self.model.region)
    }

    fn chosen(&self) -> Option<Vec<u8>> {
        Some(server_name(self.eni().mac_address).to_vec())
    }
}

fn lasting(addresses: &[Ipv6Addr]) -> Association {
    Association {
        purpose: Purpose::Lasting,
        id: 7,
        addresses: addresses.to_vec(),
    }
}

const SOLICIT: Kind = Kind::Solicit {
    rapid_commit: false,
};

#[test]
fn a_client_is_offered_the_addresses_of_its_interface() {
    let bench = Bench::new();
    let offered = bench.ask(SOLICIT, |_| ()).unwrap();
    let want = Answer {
        is_offer: true,
        rapid_commit: false,
        server: server_name(bench.eni().mac_address),
        status: None,
        given: vec![Given {
            purpose: Purpose::Lasting,
            id: 7,
            addresses: vec![own(1), own(2)],
            withdrawn: vec![],
            status: None,
        }],
        lifetimes: Lifetimes {
            preferred: 140,
            valid: 450,
        },
        configuration: Configuration {
            domains: vec!["ec2.internal".into()],
            name_servers: vec![RESOLVER],
            time_servers: vec![],
        },
    };
    assert_eq!(offered, want);
    let (renewal, rebinding) = (offered.lifetimes.renewal(), offered.lifetimes.rebinding());
    assert_eq!((renewal, rebinding), (70, 112));
    let rapid_commit = Kind::Solicit { rapid_commit: true };
    let at_once = bench.ask(rapid_commit, |_| ()).unwrap();
    assert!(!at_once.is_offer && at_once.rapid_commit);
    assert_eq!(at_once.given, want.given);
}

#[test]
fn the_server_is_called_by_the_interface() {
    let name = server_name(MacAddress([2, 3, 4, 5, 6, 7]));
    assert_eq!(name[..2], [0, 4]);
    assert_eq!(name[12..], [2, 3, 4, 5, 6, 7]);
}

#[test]
fn who_has_chosen_gets_them_and_others_are_not_answered() {
    let bench = Bench::new();
    let all = [own(1), own(2)];
    for kind in [Kind::Request, Kind::Renew] {
        let right = bench.ask(kind, |request| request.server = bench.chosen());
        let right = right.unwrap();
        assert!(!right.is_offer);
        assert_eq!(right.given[0].addresses, all);
    }
    let of_all = bench.ask(Kind::Rebind, |_| ()).unwrap();
    assert_eq!(of_all.given[0].addresses, all);
    for kind in [Kind::Request, Kind::Renew, Kind::Release, Kind::Decline] {
        assert_eq!(bench.ask(kind, |_| ()), None, "nobody is chosen");
        let elsewhere = bench.ask(kind, |request| request.server = Some(vec![0, 4, 9]));
        assert_eq!(elsewhere, None);
    }
    for kind in [SOLICIT, Kind::Rebind, Kind::Confirm] {
        let chosen = bench.ask(kind, |request| request.server = bench.chosen());
        assert_eq!(chosen, None, "all are asked");
        let nameless = bench.ask(kind, |request| request.is_named = false);
        assert_eq!(nameless, None);
    }
}

#[test]
fn what_is_not_the_interfaces_is_taken_back_when_it_is_renewed() {
    let bench = Bench::new();
    let renewed = bench.ask(Kind::Rebind, |request| {
        request.associations = vec![lasting(&[own(2), own(9)])];
    });
    let given = renewed.unwrap().given;
    assert_eq!(given[0].addresses, [own(1), own(2)]);
    assert_eq!(given[0].withdrawn, [own(9)]);
    let asked = bench.ask(SOLICIT, |request| {
        request.associations = vec![lasting(&[own(9)])];
    });
    assert!(asked.unwrap().given[0].withdrawn.is_empty());
}

#[test]
fn one_association_gets_addresses_and_no_other_anything() {
    let mut bench = Bench::new();
    let association = |purpose| Association {
        purpose,
        ..lasting(&[])
    };
    let purposes = [
        Purpose::Temporary,
        Purpose::Prefixes,
        Purpose::Lasting,
        Purpose::Lasting,
        Purpose::Lasting,
    ];
    let ask = |bench: &Bench| {
        let asked = bench.ask(SOLICIT, |request| {
            request.associations = purposes.map(association).to_vec();
        });
        let given = asked.unwrap().given;
        let shown = given.iter().map(|one| (one.addresses.len(), one.status));
        shown.collect::<Vec<_>>()
    };
    let (none, no_prefix) = (Some(Status::NoAddresses), Some(Status::NoPrefix));
    assert_eq!(
        ask(&bench),
        [(0, none), (0, no_prefix), (2, None), (0, none)]
    );
    let mut eni = bench.eni();
    eni.ipv6_addresses = (0..50).map(own).collect();
    bench.model.put(eni.clone());
    assert_eq!(ask(&bench)[2], (MAX_GIVEN, None));
    eni.ipv6_addresses.clear();
    bench.model.put(eni);
    assert_eq!(ask(&bench)[2], (0, none));
}

#[test]
fn who_wakes_up_hears_whether_its_addresses_are_right() {
    let bench = Bench::new();
    let confirm = |addresses: &[Ipv6Addr]| {
        let asked = bench.ask(Kind::Confirm, |request| {
            request.associations = vec![lasting(addresses)];
        });
        asked.map(|answer| (answer.status, answer.given.len()))
    };
    assert_eq!(confirm(&[own(2)]), Some((Some(Status::Success), 0)));
    let wrong = Some((Some(Status::NotOnLink), 0));
    assert_eq!(confirm(&[own(2), own(9)]), wrong);
    assert_eq!(confirm(&[]), None);
}

#[test]
fn giving_back_changes_nothing() {
    let bench = Bench::new();
    for kind in [Kind::Release, Kind::Decline] {
        let done = bench.ask(kind, |request| request.server = bench.chosen());
        assert_eq!(done.unwrap().status, Some(Status::Success));
    }
    assert_eq!(bench.eni().ipv6_addresses.len(), 2);
}

#[test]
fn who_wants_no_address_is_told_the_rest() {
    let bench = Bench::new();
    let told = bench.ask(Kind::Inform, |request| {
        request.associations.clear();
        request.is_named = false;
    });
    assert_eq!(told.unwrap().configuration.name_servers, [RESOLVER]);
    assert_eq!(bench.ask(Kind::Inform, |_| ()), None, "with an association");
    let elsewhere = bench.ask(Kind::Inform, |request| {
        request.associations.clear();
        request.server = Some(vec![9]);
    });
    assert_eq!(elsewhere, None);
}

#[test]
fn a_client_is_told_what_its_vpcs_set_of_dhcp_options_says() {
    let mut bench = Bench::new();
    let set = bench.model.make(
        "CreateDhcpOptions",
        &[
            ("DhcpConfiguration.1.Key", "domain-name"),
            ("DhcpConfiguration.1.Value.1", "corp.test lab.test"),
            ("DhcpConfiguration.2.Key", "domain-name-servers"),
            ("DhcpConfiguration.2.Value.1", "10.2.5.1"),
            ("DhcpConfiguration.2.Value.2", "fd00::53"),
            ("DhcpConfiguration.3.Key", "ntp-servers"),
            ("DhcpConfiguration.3.Value.1", "fd00::123"),
            (
                "DhcpConfiguration.4.Key",
                "ipv6-address-preferred-lease-time",
            ),
            ("DhcpConfiguration.4.Value.1", "2147483647"),
        ],
        "/dhcpOptions/dhcpOptionsId",
    );
    let vpc = bench.vpc.clone();
    let of_vpc = [("VpcId", vpc.as_str()), ("DhcpOptionsId", &set)];
    bench.model.must("AssociateDhcpOptions", &of_vpc);
    let told = bench.ask(SOLICIT, |_| ()).unwrap();
    let want = Configuration {
        domains: vec!["corp.test".into(), "lab.test".into()],
        name_servers: vec!["fd00::53".parse().unwrap()],
        time_servers: vec!["fd00::123".parse().unwrap()],
    };
    assert_eq!(told.configuration, want);
    assert_eq!(told.lifetimes.preferred, 2_147_483_647);
}

#[test]
fn without_a_resolver_or_the_nitro_system_none_is_told() {
    let told = |bench: &Bench| {
        let told = bench.ask(SOLICIT, |_| ()).unwrap();
        told.configuration.name_servers
    };
    assert!(told(&Bench::of_type("t2.micro")).is_empty());
    let mut bench = Bench::new();
    assert_eq!(told(&bench), [RESOLVER]);
    let off = [
        ("VpcId", bench.vpc.as_str()),
        ("EnableDnsSupport.Value", "false"),
    ];
    bench.model.must("ModifyVpcAttribute", &off);
    assert!(told(&bench).is_empty());
}
