//! What instances are told of who resolves their names.

use alloc::format;
use alloc::string::String;

use eni_model::{RegionSettings, World};
use eni_types::{DhcpOption, DomainNameServers, VpcId};

/// Without a server every look-up fails at once instead of after seconds.
const WITHOUT_SERVER: &str = "options timeout:1 attempts:1\n";

/// What the VPC's set of DHCP options says, as resolv.conf(5) has it. EC2's own resolver is the VPC's, where it has one.
pub(crate) fn of_vpc(world: &World, settings: &RegionSettings, vpc_id: VpcId) -> String {
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
