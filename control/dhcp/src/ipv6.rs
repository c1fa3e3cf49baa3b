//! The same by IPv6 (RFC 8415), without any state either.
//!
//! An interface has the addresses that it has, and a client is given them, whatever it asks for: in its first association for
//! addresses that are not temporary, as a client of EC2's is. Prefixes are delegated to interfaces, not to clients. Whoever asks is at
//! the interface, so that what it calls itself is told again and means nothing.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use eni_model::resource::NetworkInterface;
use eni_model::{RegionSettings, World};
use eni_types::{DhcpOption, DomainNameServers, MacAddress};

/// Where instances on the Nitro System find who resolves names (Amazon VPC User Guide, "Amazon DNS server").
const RESOLVER: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253);
/// How long an address is preferred if the VPC's options say nothing (CreateDhcpOptions, `ipv6-address-preferred-lease-time`).
const PREFERRED_SECONDS: u32 = 140;
/// How much longer it is valid: on EC2 450 seconds beside those 140.
const VALID_LONGER_SECONDS: u32 = 310;
/// Addresses that an answer has: so it fits 1,500 bytes, for which clients have room. More are in instance metadata.
const MAX_GIVEN: usize = 24;
/// Associations that an answer is about. Clients have one of each kind.
pub const MAX_ASSOCIATIONS: usize = 4;

/// Bytes of [`server_name`].
pub const SERVER_NAME_BYTES: usize = 18;

/// What the server that answers at the interface of a MAC address is called: a DUID-UUID (RFC 6355) of the vendor's kind (RFC 9562,
/// section 5.8) whose last six bytes are that address.
#[must_use]
pub fn server_name(interface: MacAddress) -> [u8; SERVER_NAME_BYTES] {
    let [a, b, c, d, e, f] = interface.0;
    let [o, p, e1, n, e2, n2] = *b"OpenEN";
    [
        0, 4, o, p, e1, n, e2, n2, 0x80, 0, 0x80, 0, a, b, c, d, e, f,
    ]
}

/// What a client wants (RFC 8415, section 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who gives addresses? And, if so, at once?
    Solicit {
        /// Whether an answer may give them (section 21.14).
        rapid_commit: bool,
    },
    /// May I use these?
    Request,
    /// Are those still right where I am?
    Confirm,
    /// May I go on using them?
    Renew,
    /// The same, of whoever answers.
    Rebind,
    /// I do not use them any more.
    Release,
    /// Somebody has them already.
    Decline,
    /// What else is there to know?
    Inform,
}

/// What addresses are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// IA_NA.
    Lasting,
    /// IA_TA.
    Temporary,
    /// IA_PD: prefixes.
    Prefixes,
}

/// A client's association of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// What for.
    pub purpose: Purpose,
    /// Its number.
    pub id: u32,
    /// What the client has or wants.
    pub addresses: Vec<Ipv6Addr>,
}

/// A client's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it wants.
    pub kind: Kind,
    /// Whether it says who it is.
    pub is_named: bool,
    /// Whom it has chosen.
    pub server: Option<Vec<u8>>,
    /// For what.
    pub associations: Vec<Association>,
}

/// What is said of something (section 21.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is done.
    Success,
    /// There is no address.
    NoAddresses,
    /// There is no prefix.
    NoPrefix,
    /// Those addresses are not of this link.
    NotOnLink,
}

/// What an association is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What for.
    pub purpose: Purpose,
    /// Its number.
    pub id: u32,
    /// Addresses to use.
    pub addresses: Vec<Ipv6Addr>,
    /// Addresses not to use any more.
    pub withdrawn: Vec<Ipv6Addr>,
    /// Why it gets none.
    pub status: Option<Status>,
}

/// For how long addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// In seconds.
    pub preferred: u32,
    /// In seconds.
    pub valid: u32,
}

impl Lifetimes {
    /// When to renew: T1.
    #[must_use]
    pub const fn renewal(self) -> u32 {
        self.preferred / 2
    }

    /// When to ask whoever answers: T2.
    #[must_use]
    pub const fn rebinding(self) -> u32 {
        self.preferred / 5 * 4
    }
}

/// What a client is told besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// What completes names.
    pub domains: Vec<String>,
    /// Who resolves them.
    pub name_servers: Vec<Ipv6Addr>,
    /// Who tells the time.
    pub time_servers: Vec<Ipv6Addr>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether this is to be had only, and not given yet.
    pub is_offer: bool,
    /// Whether it is given though it was only asked who gives.
    pub rapid_commit: bool,
    /// Who answers.
    pub server: [u8; SERVER_NAME_BYTES],
    /// What is said of the whole.
    pub status: Option<Status>,
    /// What each association gets.
    pub given: Vec<Given>,
    /// For how long.
    pub lifetimes: Lifetimes,
    /// What else there is.
    pub configuration: Configuration,
}

/// What the client at `eni` is answered; `None` for nothing (section 16).
#[must_use]
pub fn answer(
    request: &Request,
    eni: &NetworkInterface,
    world: &World,
    region: &RegionSettings,
) -> Option<Answer> {
    let server = server_name(eni.mac_address);
    let is_chosen = request.server.as_ref().map(|chosen| *chosen == server);
    let may_ask = match request.kind {
        Kind::Solicit { .. } | Kind::Confirm | Kind::Rebind => {
            request.is_named && is_chosen.is_none()
        }
        Kind::Request | Kind::Renew | Kind::Release | Kind::Decline => {
            request.is_named && is_chosen == Some(true)
        }
        Kind::Inform => is_chosen != Some(false) && request.associations.is_empty(),
    };
    if !may_ask {
        return None;
    }
    let (lifetimes, configuration) = told(eni, world, region);
    let mut answer = Answer {
        is_offer: false,
        rapid_commit: false,
        server,
        status: None,
        given: Vec::new(),
        lifetimes,
        configuration,
    };
    match request.kind {
        Kind::Solicit { rapid_commit } => {
            answer.is_offer = !rapid_commit;
            answer.rapid_commit = rapid_commit;
            answer.given = given(request, eni);
        }
        Kind::Request | Kind::Renew | Kind::Rebind => answer.given = given(request, eni),
        Kind::Confirm => answer.status = Some(confirmed(request, eni)?),
        Kind::Release | Kind::Decline => answer.status = Some(Status::Success),
        Kind::Inform => {}
    }
    Some(answer)
}

/// What each association gets: the first for lasting addresses all, and no other anything.
fn given(request: &Request, eni: &NetworkInterface) -> Vec<Given> {
    let (mut is_first, mut room) = (true, MAX_GIVEN);
    let of = |association: &Association| {
        let Association { purpose, id, .. } = *association;
        let takes = purpose == Purpose::Lasting && core::mem::take(&mut is_first);
        let own = eni.ipv6_addresses.iter().copied();
        let addresses: Vec<_> = own.filter(|_| takes).take(room).collect();
        room -= addresses.len();
        let has = |address: &Ipv6Addr| takes && eni.ipv6_addresses.contains(address);
        // What is only asked about is not to be taken back.
        let is_used = matches!(request.kind, Kind::Renew | Kind::Rebind);
        let others = association.addresses.iter().copied();
        let withdrawn: Vec<_> = others
            .filter(|address| is_used && purpose != Purpose::Prefixes && !has(address))
            .take(room)
            .collect();
        room -= withdrawn.len();
        let status = match purpose {
            Purpose::Prefixes => Some(Status::NoPrefix),
            _ if addresses.is_empty() && withdrawn.is_empty() => Some(Status::NoAddresses),
            _ => None,
        };
        Given {
            purpose,
            id,
            addresses,
            withdrawn,
            status,
        }
    };
    let associations = request.associations.iter().take(MAX_ASSOCIATIONS);
    associations.map(of).collect()
}

/// Whether the addresses are the interface's; `None` where there are none (section 18.3.3).
fn confirmed(request: &Request, eni: &NetworkInterface) -> Option<Status> {
    let mut addresses = request
        .associations
        .iter()
        .flat_map(|association| &association.addresses)
        .peekable();
    addresses.peek()?;
    Some(
        if addresses.all(|address| eni.ipv6_addresses.contains(address)) {
            Status::Success
        } else {
            Status::NotOnLink
        },
    )
}

fn told(
    eni: &NetworkInterface,
    world: &World,
    region: &RegionSettings,
) -> (Lifetimes, Configuration) {
    let mut preferred = PREFERRED_SECONDS;
    let mut told = Configuration::default();
    let set = world.dhcp_options_of(eni.vpc_id, region);
    for option in set.iter().flat_map(|set| &set.options) {
        match option {
            DhcpOption::DomainName(names) => {
                told.domains = names.split_whitespace().map(ToOwned::to_owned).collect();
            }
            DhcpOption::DomainNameServers(DomainNameServers::AmazonProvided) => {
                let vpc = world.vpcs.get(eni.vpc_id);
                let is_there = vpc.is_some_and(|vpc| vpc.resolver_address().is_some());
                let servers = is_there && finds_services(eni, world);
                told.name_servers.extend(servers.then_some(RESOLVER));
            }
            DhcpOption::DomainNameServers(DomainNameServers::Addresses(servers)) => {
                told.name_servers = of_ipv6(servers);
            }
            DhcpOption::NtpServers(servers) => told.time_servers = of_ipv6(servers),
            DhcpOption::Ipv6AddressPreferredLeaseTime(seconds) => preferred = *seconds,
            DhcpOption::NetbiosNameServers(_) | DhcpOption::NetbiosNodeType(_) => {}
        }
    }
    let lifetimes = Lifetimes {
        preferred,
        valid: preferred.saturating_add(VALID_LONGER_SECONDS),
    };
    (lifetimes, told)
}

/// Whether the services of the fabric are there by IPv6: on the Nitro System.
fn finds_services(eni: &NetworkInterface, world: &World) -> bool {
    let attachment = eni.attachment.as_ref();
    let instance = attachment.and_then(|attachment| world.instances.get(attachment.instance_id));
    instance.is_some_and(|instance| instance.instance_type.is_nitro())
}

fn of_ipv6(servers: &[IpAddr]) -> Vec<Ipv6Addr> {
    let servers = servers.iter().filter_map(|server| match server {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    });
    servers.collect()
}

#[cfg(test)]
mod tests;
