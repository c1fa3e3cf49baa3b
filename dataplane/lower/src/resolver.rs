//! What instances are told of who resolves their names.

use alloc::format;
use alloc::string::String;
use core::net::{IpAddr, Ipv6Addr};

use eni_model::{RegionSettings, World};
use eni_types::{DhcpOption, DomainNameServers, VpcId};

/// Without a server every look-up fails at once instead of after seconds.
const WITHOUT_SERVER: &str = "options timeout:1 attempts:1\n";

/// Where EC2's own resolver is for instances that have no IPv4 (Amazon VPC User Guide, "Amazon DNS server"): those are on the Nitro
/// System.
const BY_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253));

/// What the VPC's set of DHCP options says, as resolv.conf(5) has it. EC2's own resolver is the VPC's, where it has one.
pub(crate) fn of_vpc(
    world: &World,
    settings: &RegionSettings,
    vpc_id: VpcId,
    is_ipv6_only: bool,
) -> String {
    let set = world.dhcp_options_of(vpc_id, settings);
    let (mut search, mut servers) = (String::new(), String::new());
    for option in set.iter().flat_map(|set| &set.options) {
        match option {
            DhcpOption::DomainName(name) => search = format!("search {name}\n"),
            DhcpOption::DomainNameServers(DomainNameServers::Addresses(addresses)) => {
                let lines = addresses
                    .iter()
                    .map(|server| format!("nameserver {server}\n"));
                servers = lines.collect();
            }
            DhcpOption::DomainNameServers(DomainNameServers::AmazonProvided) => {
                let vpc = world.vpcs.get(vpc_id);
                let resolver = vpc.and_then(|vpc| vpc.resolver_address());
                let resolver = resolver.map(|address| match is_ipv6_only {
                    true => BY_IPV6,
                    false => IpAddr::V4(address),
                });
                let line = resolver.map(|address| format!("nameserver {address}\n"));
                servers = line.unwrap_or_default();
            }
            DhcpOption::NtpServers(_)
            | DhcpOption::NetbiosNameServers(_)
            | DhcpOption::NetbiosNodeType(_)
            | DhcpOption::Ipv6AddressPreferredLeaseTime(_) => {}
        }
    }
    if servers.is_empty() {
        servers.push_str(WITHOUT_SERVER);
    }
    search + &servers
}
