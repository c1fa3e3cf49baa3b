//! Names that are answered here, and nowhere else.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use eni_model::resource::{AddressAssociation, NetworkInterface, PublicAddress, VpcEndpoint};
use eni_model::{ServedApi, World};
use eni_types::VpcId;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, AAAA, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::question::{Question, Reply, TIME_TO_LIVE};
use crate::{Scope, reverse};

/// What is known of a name that is answered here.
pub(crate) struct Entry {
    /// The zone that it belongs to.
    pub(crate) apex: String,
    /// The data of all types that it has; `None` where there is no such name.
    pub(crate) data: Option<Vec<RData>>,
}

/// The answer, if it is to be found here.
pub(crate) fn answer(question: &Question, scope: Scope<'_>) -> Option<Reply> {
    let labels = labels(question.name());
    let entry = find(&labels, scope).or_else(|| dotless(&labels, question))?;
    let Entry { apex, data } = entry;
    let is_apex = below(&labels, &apex).is_some_and(<[String]>::is_empty);
    let Some(data) = data else {
        let mut reply = Reply::of(ResponseCode::NXDomain);
        reply.authorities.extend(start_of_authority(&apex));
        return Some(reply);
    };
    if question.is_any() {
        return Some(question.little());
    }
    let mut reply = Reply::of(ResponseCode::NoError);
    let kind = question.query.query_type;
    let data = data.into_iter().filter(|data| data.record_type() == kind);
    reply.answers.extend(data.map(|data| question.record(data)));
    match start_of_authority(&apex) {
        Some(start) if is_apex && kind == RecordType::SOA => {
            reply.answers.push(question.record(start.data));
        }
        start if reply.answers.is_empty() => reply.authorities.extend(start),
        _ => {}
    }
    Some(reply)
}

/// The labels of a name in lower case. What is no text is no name here either.
fn labels(name: &Name) -> Vec<String> {
    let labels = name.iter();
    let texts = labels.map(|label| String::from_utf8_lossy(label).to_ascii_lowercase());
    texts.collect()
}

/// What stands before a zone's name; `None` for a name that is not in the zone.
pub(crate) fn below<'a>(labels: &'a [String], zone: &str) -> Option<&'a [String]> {
    let mut rest = labels;
    for part in zone.rsplit('.').filter(|part| !part.is_empty()) {
        let (last, before) = rest.split_last()?;
        if last != part {
            return None;
        }
        rest = before;
    }
    Some(rest)
}

/// Zones of private names of EC2's, of any region. The region's own is one of them, or lies below one.
const PRIVATE_ZONES: [&str; 2] = ["ec2.internal", "compute.internal"];
/// Names that no resolver asks others about: RFC 6761, 6.4, and RFC 7686, 2.
const NOBODYS_ZONES: [&str; 2] = ["invalid", "onion"];

fn find(labels: &[String], scope: Scope<'_>) -> Option<Entry> {
    let private = scope.region.private_domain();
    if let Some(rest) = below(labels, &private) {
        let data = match rest {
            [] => Some(Vec::new()),
            [host] => private_host(host, scope),
            _ => None,
        };
        return Some(Entry {
            apex: private,
            data,
        });
    }
    for zone in PRIVATE_ZONES {
        if let Some(rest) = below(labels, zone) {
            return Some(Entry {
                apex: zone.to_owned(),
                data: rest.is_empty().then(Vec::new),
            });
        }
    }
    for zone in NOBODYS_ZONES {
        if below(labels, zone).is_some() {
            return Some(Entry {
                apex: zone.to_owned(),
                data: None,
            });
        }
    }
    // RFC 6761, 6.3.
    if below(labels, "localhost").is_some() {
        let data = [
            RData::A(A(Ipv4Addr::LOCALHOST)),
            RData::AAAA(AAAA(Ipv6Addr::LOCALHOST)),
        ];
        return Some(Entry {
            apex: "localhost".to_owned(),
            data: Some(data.into()),
        });
    }
    served_api(labels, scope)
        .or_else(|| endpoint(labels, scope))
        .or_else(|| public_host(labels, scope))
        .or_else(|| reverse::find(labels, scope))
}

/// A name of one label has no address anywhere, but may be the beginning of a private one that a search list completes
/// otherwise. What a top-level domain itself has is another matter.
fn dotless(labels: &[String], question: &Question) -> Option<Entry> {
    let about_zone = matches!(
        question.query.query_type,
        RecordType::SOA | RecordType::NS | RecordType::DS | RecordType::DNSKEY
    );
    (labels.len() == 1 && !about_zone).then(|| Entry {
        apex: String::new(),
        data: None,
    })
}

/// Where instance metadata is, by name: EC2 has it.
const INSTANCE_DATA: (&str, Ipv4Addr) = ("instance-data", Ipv4Addr::new(169, 254, 169, 254));

/// `i-0123456789abcdef0`, of an instance of the asker's VPC: there, as soon as one of its families is answered (EC2 User Guide, "EC2
/// instance hostnames and domains").
fn resource_name(host: &str, scope: Scope<'_>) -> Option<Vec<RData>> {
    let instance = scope.world.instances.get(host.parse().ok()?)?;
    let names = instance.private_dns_names;
    let is_answered = names.a_record || names.aaaa_record;
    (instance.vpc_id == scope.vpc_id && is_answered).then_some(())?;
    let primary = scope
        .world
        .primary_network_interface(instance.instance_id)?;
    let ipv4 = primary.primary_private_ip_address();
    let ipv4 = ipv4.filter(|_| names.a_record);
    let ipv6 = primary.ipv6_addresses.first().copied();
    let ipv6 = ipv6.filter(|_| names.aaaa_record);
    let ipv4 = ipv4.map(|address| RData::A(A(address)));
    let ipv6 = ipv6.map(|address| RData::AAAA(AAAA(address)));
    Some(ipv4.into_iter().chain(ipv6).collect())
}

/// `ip-10-0-0-5`, of an address that an interface of the asker's VPC has.
fn private_host(host: &str, scope: Scope<'_>) -> Option<Vec<RData>> {
    if host == INSTANCE_DATA.0 {
        return Some([RData::A(A(INSTANCE_DATA.1))].into());
    }
    if host.starts_with("i-") {
        return resource_name(host, scope);
    }
    let address = address_of(host.strip_prefix("ip-")?)?;
    scope
        .world
        .owner_of_private_address(scope.vpc_id, address)?;
    Some([RData::A(A(address))].into())
}

/// `ec2.us-east-1.amazonaws.com`, and what else the services have as names that the region serves: each is a zone of its own, as
/// a VPC endpoint's private name is on EC2, so that nobody outside is asked about anything below either.
fn served_api(labels: &[String], scope: Scope<'_>) -> Option<Entry> {
    let region = &scope.region.region;
    let names = ServedApi::ALL.into_iter().flat_map(|service| {
        let names = service.names(region).into_iter();
        names.map(move |name| (service, name))
    });
    names
        .filter_map(|(service, name)| Some((service, below(labels, &name)?.is_empty(), name)))
        .map(|(service, is_apex, apex)| Entry {
            data: is_apex.then(|| addresses_of_api(service, &apex, scope)),
            apex,
        })
        .next()
}

/// Where a service's name leads in the asker's VPC: to its interface endpoint there, if that has the name, or to where all guests
/// find it.
fn addresses_of_api(service: ServedApi, name: &str, scope: Scope<'_>) -> Vec<RData> {
    let private = service.private_dns_name(&scope.region.region);
    let mut endpoints = scope.world.vpc_endpoints.by(&scope.vpc_id);
    let endpoint = endpoints.find(|one| one.service == service && one.private_dns_enabled);
    let addresses = endpoint
        .filter(|_| private == name)
        .map(|endpoint| addresses_of_endpoint(endpoint, None, scope.world));
    addresses
        .filter(|addresses| !addresses.is_empty())
        .unwrap_or_else(|| [RData::A(A(ServedApi::ADDRESS))].into())
}

/// The addresses of the endpoint that `label` names.
fn addresses_of_label(label: &str, service: ServedApi, world: &World) -> Option<Vec<RData>> {
    let (kind, after) = label.split_once('-')?;
    let number = after.split('-').next()?;
    let id = format!("{kind}-{number}").parse().ok()?;
    let endpoint = world.vpc_endpoints.get(id)?;
    let zones = endpoint.places.iter();
    let zones = zones.map(|place| Some(&*place.availability_zone));
    let mut named = zones.chain([None]);
    let zone = named.find(|zone| endpoint.dns_label(*zone) == label)?;
    (endpoint.service == service).then(|| addresses_of_endpoint(endpoint, zone, world))
}

/// The addresses of an endpoint in one zone, or in all.
fn addresses_of_endpoint(endpoint: &VpcEndpoint, zone: Option<&str>, world: &World) -> Vec<RData> {
    let places = endpoint.places.iter();
    let places = places.filter(|place| zone.is_none_or(|zone| place.availability_zone == zone));
    let enis = places.filter_map(|place| world.network_interfaces.get(place.network_interface_id));
    let addresses = enis.filter_map(|eni| eni.primary_private_ip_address());
    addresses.map(|address| RData::A(A(address))).collect()
}

/// `vpce-0123456789abcdef0-89abcdef.ec2.us-east-1.vpce.amazonaws.com`, and the same in a zone: from whichever VPC they are asked,
/// as on EC2.
fn endpoint(labels: &[String], scope: Scope<'_>) -> Option<Entry> {
    let region = &scope.region.region;
    let zones = ServedApi::ALL
        .into_iter()
        .map(|service| (service, service.endpoint_zone(region)));
    let (service, apex, rest) = zones
        .filter_map(|(service, zone)| Some((service, below(labels, &zone)?.to_vec(), zone)))
        .map(|(service, rest, zone)| (service, zone, rest))
        .next()?;
    let data = match &*rest {
        [] => Some(Vec::new()),
        [label] => addresses_of_label(label, service, scope.world),
        _ => None,
    };
    Some(Entry { apex, data })
}

/// `ec2-203-0-113-25.compute-1.amazonaws.com`, of an address of the region's. Real addresses of EC2's have such names too, which
/// are asked elsewhere.
fn public_host(labels: &[String], scope: Scope<'_>) -> Option<Entry> {
    let example = scope.region.public_dns_name(Ipv4Addr::UNSPECIFIED);
    let (_, zone) = example.split_once('.')?;
    let [host] = below(labels, zone)? else {
        return None;
    };
    let address = address_of(host.strip_prefix("ec2-")?)?;
    if !scope.region.public_pool.contains(address) {
        return None;
    }
    let owner = owner_of_public_address(address, scope);
    let data = owner.map(|(eni, association)| {
        let is_inside = eni.vpc_id == scope.vpc_id || is_let_in_by_peer(eni.vpc_id, scope);
        let seen = if is_inside {
            association.private_ip_address
        } else {
            address
        };
        Vec::from([RData::A(A(seen))])
    });
    Some(Entry {
        apex: zone.to_owned(),
        data,
    })
}

/// Whether the asker's VPC is peered with another one that leads its peer to its private addresses.
fn is_let_in_by_peer(vpc_id: VpcId, scope: Scope<'_>) -> bool {
    let mut connections = scope.world.vpc_peering_connections.by(&scope.vpc_id);
    connections.any(|connection| {
        let options = connection.options_of(vpc_id);
        connection.peer_of(scope.vpc_id) == Some(vpc_id)
            && options.allow_dns_resolution_from_remote_vpc
    })
}

/// Whose public address it is, if it has a name: where the owner's VPC gives names.
pub(crate) fn owner_of_public_address<'a>(
    address: Ipv4Addr,
    scope: Scope<'a>,
) -> Option<(&'a NetworkInterface, &'a AddressAssociation)> {
    let world = scope.world;
    let row = world.addresses.one(&PublicAddress(address))?;
    let association = row.association.as_ref()?;
    let eni = world
        .network_interfaces
        .get(association.network_interface_id)?;
    let vpc = world.vpcs.get(eni.vpc_id)?;
    vpc.has_dns_hostnames().then_some((eni, association))
}

/// An address with hyphens, as names have it: in one way only.
fn address_of(text: &str) -> Option<Ipv4Addr> {
    // `Ipv4Addr` takes no leading zeros either.
    let has_dots = text.contains('.');
    let dotted = text.replace('-', ".");
    dotted.parse().ok().filter(|_| !has_dots)
}

/// By whom and for how long it is said that there is nothing (RFC 2308); the numbers are EC2's.
pub(crate) fn start_of_authority(apex: &str) -> Option<Record> {
    let dot = if apex.is_empty() { "" } else { "." };
    let name = Name::from_ascii(format!("{apex}.")).ok()?;
    let server = Name::from_ascii(format!("ns0{dot}{apex}.")).ok()?;
    let mailbox = Name::from_ascii("hostmaster.amazon.com.").ok()?;
    let (serial, hour) = (2_012_103_100, 3_600);
    let data = SOA::new(server, mailbox, serial, hour, hour, hour, TIME_TO_LIVE);
    Some(Record::from_rdata(name, TIME_TO_LIVE, RData::SOA(data)))
}
