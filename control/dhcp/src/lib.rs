//! Addresses for instances: what a client of DHCP is told (RFC 2131), without any state.
//!
//! An interface has one address to give, its primary one, for as long as it has it. So nothing is leased, and nothing is
//! remembered: a client is offered that address, and whatever else it asks for is refused. Secondary addresses are in instance
//! metadata (EC2 User Guide, "Secondary IP addresses").
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ipv6;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use eni_model::resource::NetworkInterface;
use eni_model::{RegionSettings, World};
use eni_types::{DhcpOption, DomainNameServers, MacAddress};

/// How long an address may be used before it is asked for again: EC2's leases last an hour.
pub const LEASE_SECONDS: u32 = 3_600;
/// The router's place in its subnet: the first address after the network's own.
const ROUTER_OFFSET: u64 = 1;

/// What a client wants (RFC 2131, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who gives addresses?
    Discover,
    /// May I use this one?
    Request,
    /// Somebody has it already.
    Decline,
    /// I do not use it any more.
    Release,
    /// I have one; what else is there to know?
    Inform,
}

/// A client's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it wants.
    pub kind: Kind,
    /// Its MAC address: `chaddr`.
    pub client: MacAddress,
    /// The address that it uses: `ciaddr`.
    pub in_use: Option<Ipv4Addr>,
    /// The address that it wants: option 50.
    pub wanted: Option<Ipv4Addr>,
    /// Whom it has chosen: option 54.
    pub server: Option<Ipv4Addr>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This is to be had.
    Offer(Configuration),
    /// Use it.
    Acknowledge(Configuration),
    /// To be used with the address that the client has.
    Inform(Configuration),
    /// By the server of this address: that address is not yours.
    Refuse(Ipv4Addr),
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The interface's primary address.
    pub address: Ipv4Addr,
    /// Its subnet's mask.
    pub mask: Ipv4Addr,
    /// Its subnet's last address.
    pub broadcast: Ipv4Addr,
    /// Its subnet's router, who answers.
    pub router: Ipv4Addr,
    /// What the address is called.
    pub host_name: String,
    /// What completes names.
    pub domain_name: Option<String>,
    /// Who resolves them.
    pub name_servers: Vec<Ipv4Addr>,
    /// Who tells the time.
    pub time_servers: Vec<Ipv4Addr>,
    /// Who resolves NetBIOS names.
    pub netbios_servers: Vec<Ipv4Addr>,
    /// In what manner they are asked.
    pub netbios_node_type: Option<u8>,
}

/// What the client at `eni` is answered; `None` for nothing.
#[must_use]
pub fn answer(
    request: &Request,
    eni: &NetworkInterface,
    world: &World,
    region: &RegionSettings,
) -> Option<Answer> {
    // A client behind the guest has no interface of its own here.
    if request.client != eni.mac_address {
        return None;
    }
    let configuration = configuration(eni, world, region)?;
    let Configuration {
        address, router, ..
    } = configuration;
    match request.kind {
        Kind::Discover => Some(Answer::Offer(configuration)),
        Kind::Inform => Some(Answer::Inform(configuration)),
        // Nobody else can have it, and it stays the interface's.
        Kind::Decline | Kind::Release => None,
        // Another server was chosen.
        Kind::Request if request.server.is_some_and(|server| server != router) => None,
        // RFC 2131, 4.3.2: a choice or a reboot names what is wanted, a renewal what is in use.
        Kind::Request => {
            let asked = request.in_use.or(request.wanted)?;
            Some(if asked == address {
                Answer::Acknowledge(configuration)
            } else {
                Answer::Refuse(router)
            })
        }
    }
}

fn configuration(
    eni: &NetworkInterface,
    world: &World,
    region: &RegionSettings,
) -> Option<Configuration> {
    let address = eni.primary_private_ip_address()?;
    let block = world.subnets.get(eni.subnet_id)?.cidr_block?;
    let attachment = eni.attachment.as_ref();
    let primary = attachment.filter(|attachment| attachment.is_primary());
    let instance = primary.and_then(|attachment| world.instances.get(attachment.instance_id));
    let name = instance.and_then(|instance| region.name_of_instance(instance, eni));
    let name = name.unwrap_or_else(|| region.private_dns_name(address));
    let (host_name, _) = name.split_once('.')?;
    let mut told = Configuration {
        address,
        mask: mask(block.prefix_length()),
        broadcast: block.last(),
        router: block.nth(ROUTER_OFFSET)?,
        host_name: host_name.to_owned(),
        domain_name: None,
        name_servers: Vec::new(),
        time_servers: Vec::new(),
        netbios_servers: Vec::new(),
        netbios_node_type: None,
    };
    let set = world.dhcp_options_of(eni.vpc_id, region);
    for option in set.iter().flat_map(|set| &set.options) {
        match option {
            DhcpOption::DomainName(name) => told.domain_name = Some(name.clone()),
            DhcpOption::DomainNameServers(DomainNameServers::AmazonProvided) => {
                let vpc = world.vpcs.get(eni.vpc_id);
                let resolver = vpc.and_then(|vpc| vpc.resolver_address());
                told.name_servers.extend(resolver);
            }
            DhcpOption::DomainNameServers(DomainNameServers::Addresses(servers)) => {
                told.name_servers = of_ipv4(servers);
            }
            DhcpOption::NtpServers(servers) => told.time_servers = of_ipv4(servers),
            DhcpOption::NetbiosNameServers(servers) => told.netbios_servers.clone_from(servers),
            DhcpOption::NetbiosNodeType(kind) => told.netbios_node_type = Some(*kind),
            DhcpOption::Ipv6AddressPreferredLeaseTime(_) => {}
        }
    }
    Some(told)
}

fn of_ipv4(servers: &[IpAddr]) -> Vec<Ipv4Addr> {
    let servers = servers.iter().filter_map(|server| match server {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    });
    servers.collect()
}

fn mask(prefix_length: u8) -> Ipv4Addr {
    let host_bits = u32::BITS - u32::from(prefix_length);
    let hosts = 1_u32
        .checked_shl(host_bits)
        .map_or(u32::MAX, |size| size - 1);
    Ipv4Addr::from(!hosts)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use eni_model::testing::TestWorld;

    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 9);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);

    struct Bench {
        model: TestWorld,
        vpc: String,
        eni: String,
    }

    impl Bench {
        fn new() -> Self {
            let mut model = TestWorld::bootstrapped();
            let vpc = model.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
            let block = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.1.0/25")];
            let subnet = model.make("CreateSubnet", &block, "/subnet/subnetId");
            let interface = [
                ("SubnetId", subnet.as_str()),
                ("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.9"),
                ("PrivateIpAddresses.1.Primary", "true"),
                ("PrivateIpAddresses.2.PrivateIpAddress", "10.0.1.10"),
            ];
            let id = "/networkInterface/networkInterfaceId";
            let eni = model.make("CreateNetworkInterface", &interface, id);
            Self { model, vpc, eni }
        }

        fn eni(&self) -> NetworkInterface {
            let id = self.eni.parse().unwrap();
            NetworkInterface::clone(self.model.world.network_interfaces.get(id).unwrap())
        }

        fn ask(&self, change: impl FnOnce(&mut Request)) -> Option<Answer> {
            let eni = self.eni();
            let mut request = Request {
                kind: Kind::Request,
                client: eni.mac_address,
                in_use: None,
                wanted: None,
                server: None,
            };
            change(&mut request);
            answer(&request, &eni, &self.model.world, &self.model.region)
        }

        fn offered(&self) -> Configuration {
            match self.ask(|request| request.kind = Kind::Discover) {
                Some(Answer::Offer(configuration)) => configuration,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_client_is_offered_what_its_interface_has() {
        let want = Configuration {
            address: OWN,
            mask: Ipv4Addr::new(255, 255, 255, 128),
            broadcast: Ipv4Addr::new(10, 0, 1, 127),
            router: ROUTER,
            host_name: "ip-10-0-1-9".into(),
            domain_name: Some("ec2.internal".into()),
            name_servers: vec![Ipv4Addr::new(10, 0, 0, 2)],
            time_servers: vec![],
            netbios_servers: vec![],
            netbios_node_type: None,
        };
        assert_eq!(Bench::new().offered(), want);
    }

    #[test]
    fn a_client_is_told_what_its_vpcs_set_of_dhcp_options_says() {
        let mut bench = Bench::new();
        let vpc = bench.vpc.clone();
        let set = bench.model.make(
            "CreateDhcpOptions",
            &[
                ("DhcpConfiguration.1.Key", "domain-name"),
                ("DhcpConfiguration.1.Value.1", "corp.test"),
                ("DhcpConfiguration.2.Key", "domain-name-servers"),
                ("DhcpConfiguration.2.Value.1", "10.2.5.1"),
                ("DhcpConfiguration.2.Value.2", "fd00::53"),
                ("DhcpConfiguration.3.Key", "ntp-servers"),
                ("DhcpConfiguration.3.Value.1", "10.2.5.2"),
                ("DhcpConfiguration.4.Key", "netbios-name-servers"),
                ("DhcpConfiguration.4.Value.1", "10.2.5.3"),
                ("DhcpConfiguration.5.Key", "netbios-node-type"),
                ("DhcpConfiguration.5.Value.1", "2"),
            ],
            "/dhcpOptions/dhcpOptionsId",
        );
        let of_vpc = [("VpcId", vpc.as_str()), ("DhcpOptionsId", &set)];
        bench.model.must("AssociateDhcpOptions", &of_vpc);
        let told = bench.offered();
        assert_eq!(told.domain_name, Some("corp.test".to_string()));
        let last = [
            &told.name_servers,
            &told.time_servers,
            &told.netbios_servers,
        ]
        .map(|servers| {
            servers
                .iter()
                .map(|server| server.octets()[3])
                .collect::<Vec<_>>()
        });
        assert_eq!(last, [[1], [2], [3]]);
        assert_eq!(told.netbios_node_type, Some(2));
        let none = [("VpcId", vpc.as_str()), ("DhcpOptionsId", "default")];
        bench.model.must("AssociateDhcpOptions", &none);
        let told = bench.offered();
        assert_eq!((told.domain_name, told.name_servers), (None, vec![]));
    }

    #[test]
    fn without_a_resolver_none_is_told() {
        let mut bench = Bench::new();
        let off = [
            ("VpcId", bench.vpc.as_str()),
            ("EnableDnsSupport.Value", "false"),
        ];
        bench.model.must("ModifyVpcAttribute", &off);
        assert!(bench.offered().name_servers.is_empty());
    }

    /// RFC 2131, table 4: chosen, after a reboot, renewed.
    #[test]
    fn the_own_address_is_acknowledged_and_any_other_refused() {
        let bench = Bench::new();
        type Change = fn(&mut Request, Ipv4Addr);
        let ways: [Change; 3] = [
            |request, address| {
                request.server = Some(ROUTER);
                request.wanted = Some(address);
            },
            |request, address| request.wanted = Some(address),
            |request, address| request.in_use = Some(address),
        ];
        for way in ways {
            let right = bench.ask(|request| way(request, OWN));
            assert!(matches!(right, Some(Answer::Acknowledge(told)) if told.address == OWN));
            for wrong in [OTHER, Ipv4Addr::new(192, 168, 0, 7)] {
                let refused = bench.ask(|request| way(request, wrong));
                assert_eq!(refused, Some(Answer::Refuse(ROUTER)));
            }
        }
        assert_eq!(bench.ask(|_| ()), None, "it says not what it wants");
    }

    #[test]
    fn who_has_an_address_may_ask_for_the_rest() {
        let told = Bench::new().ask(|request| request.kind = Kind::Inform);
        assert!(matches!(told, Some(Answer::Inform(told)) if told.router == ROUTER));
    }

    #[test]
    fn what_is_not_for_this_server_or_not_of_this_interface_is_not_answered() {
        let bench = Bench::new();
        let elsewhere = bench.ask(|request| {
            request.server = Some(OTHER);
            request.wanted = Some(OWN);
        });
        assert_eq!(elsewhere, None);
        for kind in [Kind::Discover, Kind::Request, Kind::Inform] {
            let of_another = bench.ask(|request| {
                request.kind = kind;
                request.wanted = Some(OWN);
                request.client = MacAddress([2, 0, 0, 0, 0, 9]);
            });
            assert_eq!(of_another, None);
        }
        for kind in [Kind::Decline, Kind::Release] {
            assert_eq!(bench.ask(|request| request.kind = kind), None);
        }
    }
}
