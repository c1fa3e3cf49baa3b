//! What addresses are called.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use eni_model::resource::{HostnameType, NetworkInterface};
use eni_types::{Ipv4Cidr, Ipv6Cidr};
use hickory_proto::rr::rdata::PTR;
use hickory_proto::rr::{Name, RData};

use crate::Scope;
use crate::internal::{Entry, below, owner_of_public_address};

/// Addresses about which nobody outside is asked: RFC 6303, 4.1 to 4.3, and RFC 7793.
const LOCAL: [([u8; 4], u8); 11] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 2, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([255, 255, 255, 255], 32),
];
/// The same of IPv6, by their first digits: RFC 6303, 4.4 to 4.6, with all unique local addresses.
const LOCAL_IPV6: [&str; 7] = ["fc", "fd", "fe8", "fe9", "fea", "feb", "20010db8"];
/// The beginning of the unspecified and the loopback address (RFC 6303, 4.4).
const ZEROS: usize = 31;
const OCTET_BITS: u8 = 8;
const DIGIT_BITS: u8 = 4;

pub(crate) fn find(labels: &[String], scope: Scope<'_>) -> Option<Entry> {
    if let Some(rest) = below(labels, "in-addr.arpa") {
        return ipv4(rest, scope);
    }
    ipv6(below(labels, "ip6.arpa")?, scope)
}

/// `rest` is `5.0.0.10`, or a part of it.
fn ipv4(rest: &[String], scope: Scope<'_>) -> Option<Entry> {
    let numbers = rest.iter().rev().map_while(|label| octet(label));
    let octets: Vec<u8> = numbers.take(4).collect();
    let mut whole = [0; 4];
    let known = whole.iter_mut().zip(&octets).map(|(to, from)| *to = *from);
    let length = u8::try_from(known.count()).unwrap_or(0) * OCTET_BITS;
    let vpc = scope.world.vpcs.get(scope.vpc_id);
    let vpc = vpc.into_iter().flat_map(|vpc| vpc.ipv4_blocks());
    let local = LOCAL
        .iter()
        .filter_map(|(first, length)| Ipv4Cidr::new((*first).into(), *length));
    let address = Ipv4Addr::from(whole);
    let block = local
        .chain([scope.region.public_pool])
        .chain(vpc)
        .find(|block| block.prefix_length() <= length && block.contains(address))?;
    let apex = usize::from(block.prefix_length().div_ceil(OCTET_BITS));
    let is_whole = rest.len() == octets.len();
    let data = match octets.len() {
        4 if is_whole => name_of(address, scope).map(|name| Vec::from([RData::PTR(PTR(name))])),
        _ if is_whole => Some(Vec::new()),
        _ => None,
    };
    let labels: Vec<String> = octets.iter().take(apex).rev().map(u8::to_string).collect();
    Some(Entry {
        apex: format!("{}.in-addr.arpa", labels.join(".")),
        data,
    })
}

/// In one way only: without leading zeros.
fn octet(label: &str) -> Option<u8> {
    let number: u8 = label.parse().ok()?;
    (number.to_string() == label).then_some(number)
}

/// The private name of an address of the asker's VPC, the public name of one of the region's.
fn name_of(address: Ipv4Addr, scope: Scope<'_>) -> Option<Name> {
    let region = scope.region;
    let text = if address == Ipv4Addr::LOCALHOST {
        "localhost".into()
    } else if let Some(owner) = scope.world.owner_of_private_address(scope.vpc_id, address) {
        resource_name(owner, address, scope).unwrap_or_else(|| region.private_dns_name(address))
    } else {
        owner_of_public_address(address, scope)?;
        region.public_dns_name(address)
    };
    Name::from_ascii(format!("{text}.")).ok()
}

/// The name of the instance with this primary address, where it is made of its id and leads back here.
fn resource_name(owner: &NetworkInterface, address: Ipv4Addr, scope: Scope<'_>) -> Option<String> {
    let attachment = owner.attachment.as_ref()?;
    let instance = scope.world.instances.get(attachment.instance_id)?;
    let names = instance.private_dns_names;
    let is_so = attachment.is_primary()
        && owner.primary_private_ip_address() == Some(address)
        && names.a_record
        && names.hostname_type == HostnameType::ResourceName;
    is_so.then(|| scope.region.resource_name(instance.instance_id))
}

/// No address of IPv6 has a name here.
fn ipv6(rest: &[String], scope: Scope<'_>) -> Option<Entry> {
    let digits: String = rest.iter().rev().map(String::as_str).collect();
    let vpc = scope.world.vpcs.get(scope.vpc_id);
    let vpc = vpc.into_iter().flat_map(|vpc| vpc.ipv6_blocks());
    let mut local = LOCAL_IPV6
        .into_iter()
        .map(String::from)
        .chain(["0".repeat(ZEROS)])
        .chain(vpc.map(digits_of));
    let first = local.find(|first| digits.starts_with(first))?;
    let labels: Vec<String> = first.chars().rev().map(String::from).collect();
    Some(Entry {
        apex: format!("{}.ip6.arpa", labels.join(".")),
        data: (digits == first).then(Vec::new),
    })
}

/// The digits that all addresses of a block begin with.
fn digits_of(block: Ipv6Cidr) -> String {
    let mut digits = String::new();
    for octet in block.network().octets() {
        digits += &format!("{octet:02x}");
    }
    digits.truncate(usize::from(block.prefix_length() / DIGIT_BITS));
    digits
}
