//! DHCP options as a VPC's instances are given them.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::net::{IpAddr, Ipv4Addr};
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// Servers of one kind and address family in a set (EC2 API reference, `CreateDhcpOptions`).
const MAX_SERVERS: usize = 4;
/// NetBIOS node types: B, P, M and H (RFC 2132, 8.7).
const NETBIOS_NODE_TYPES: [u8; 4] = [1, 2, 4, 8];
/// Seconds for which an IPv6 address may be preferred (EC2 API reference, `CreateDhcpOptions`).
const LEASE_SECONDS: core::ops::RangeInclusive<u32> = 140..=2_147_483_647;
/// The value of `domain-name-servers` that stands for EC2's own.
const AMAZON_PROVIDED_DNS: &str = "AmazonProvidedDNS";

/// One option of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DhcpOption {
    /// What completes names, one or several with spaces between them.
    DomainName(String),
    /// Who resolves names.
    DomainNameServers(DomainNameServers),
    /// Who tells the time.
    NtpServers(Vec<IpAddr>),
    /// Who resolves NetBIOS names.
    NetbiosNameServers(Vec<Ipv4Addr>),
    /// In what manner they are asked: 1, 2, 4 or 8.
    NetbiosNodeType(u8),
    /// Seconds for which an IPv6 address is preferred.
    Ipv6AddressPreferredLeaseTime(u32),
}

/// Who resolves names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DomainNameServers {
    /// EC2's own: the resolver of the VPC.
    AmazonProvided,
    /// These, at most four.
    Addresses(Vec<IpAddr>),
}

/// Why texts are no DHCP option, in EC2's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedDhcpOption {
    /// There is no option of this name.
    #[error("Value ({0}) for parameter name is invalid. Unknown DHCP option")]
    Key(String),
    /// The option does not take such values, or not as many.
    #[error("Value ({0}) for parameter value is invalid. Invalid DHCP option value.")]
    Values(String),
}

impl DhcpOption {
    /// The option `key` with `values`, of which each may be several with commas between them.
    ///
    /// # Errors
    /// [`MalformedDhcpOption`].
    pub fn parse(key: &str, values: &[String]) -> Result<Self, MalformedDhcpOption> {
        let split = values.iter().flat_map(|value| value.split(','));
        let texts: Vec<&str> = split.map(str::trim).collect();
        let option = match key {
            "domain-name" => one(&texts)
                .filter(|names: &String| names.chars().all(is_of_domain_names))
                .map(Self::DomainName),
            "domain-name-servers" if texts == [AMAZON_PROVIDED_DNS] => {
                Some(Self::DomainNameServers(DomainNameServers::AmazonProvided))
            }
            "domain-name-servers" => addresses(&texts, MAX_SERVERS)
                .map(|servers| Self::DomainNameServers(DomainNameServers::Addresses(servers))),
            "ntp-servers" => time_servers(&texts).map(Self::NtpServers),
            "netbios-name-servers" => addresses(&texts, MAX_SERVERS).map(Self::NetbiosNameServers),
            "netbios-node-type" => one(&texts)
                .filter(|kind| NETBIOS_NODE_TYPES.contains(kind))
                .map(Self::NetbiosNodeType),
            "ipv6-address-preferred-lease-time" => one(&texts)
                .filter(|seconds| LEASE_SECONDS.contains(seconds))
                .map(Self::Ipv6AddressPreferredLeaseTime),
            _ => return Err(MalformedDhcpOption::Key(key.to_owned())),
        };
        option.ok_or_else(|| MalformedDhcpOption::Values(values.join(",")))
    }

    /// The option's name.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::DomainName(_) => "domain-name",
            Self::DomainNameServers(_) => "domain-name-servers",
            Self::NtpServers(_) => "ntp-servers",
            Self::NetbiosNameServers(_) => "netbios-name-servers",
            Self::NetbiosNodeType(_) => "netbios-node-type",
            Self::Ipv6AddressPreferredLeaseTime(_) => "ipv6-address-preferred-lease-time",
        }
    }

    /// Its values, as texts.
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        match self {
            Self::DomainName(name) => [name.clone()].into(),
            Self::DomainNameServers(DomainNameServers::AmazonProvided) => {
                [AMAZON_PROVIDED_DNS.to_owned()].into()
            }
            Self::DomainNameServers(DomainNameServers::Addresses(servers))
            | Self::NtpServers(servers) => texts(servers),
            Self::NetbiosNameServers(servers) => texts(servers),
            Self::NetbiosNodeType(number) => texts(&[number]),
            Self::Ipv6AddressPreferredLeaseTime(seconds) => texts(&[seconds]),
        }
    }
}

fn texts(values: &[impl Display]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// Whether a domain name may hold it (RFC 1035, 2.3.1, and the underscore that names of services have), or it stands between
/// two: the text becomes a line of `resolv.conf`.
fn is_of_domain_names(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | ' ')
}

/// The only value of an option that has one.
fn one<T: FromStr>(texts: &[&str]) -> Option<T> {
    match texts {
        [text] if !text.is_empty() => text.parse().ok(),
        _ => None,
    }
}

/// At least one address, and at most `most`.
fn addresses<T: FromStr>(texts: &[&str], most: usize) -> Option<Vec<T>> {
    let read = texts.iter().map(|text| text.parse().ok());
    let read: Vec<T> = read.collect::<Option<_>>()?;
    (1..=most).contains(&read.len()).then_some(read)
}

/// Addresses of both families, each as many as there may be.
fn time_servers(texts: &[&str]) -> Option<Vec<IpAddr>> {
    let servers: Vec<IpAddr> = addresses(texts, 2 * MAX_SERVERS)?;
    let of_ipv4 = servers.iter().filter(|server| server.is_ipv4()).count();
    let most = of_ipv4.max(servers.len() - of_ipv4);
    (most <= MAX_SERVERS).then_some(servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: &str, values: &[&str]) -> Result<DhcpOption, MalformedDhcpOption> {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        DhcpOption::parse(key, &values)
    }

    #[test]
    fn an_option_is_read_and_written_as_ec2_has_it() {
        for (key, given, shown) in [
            ("domain-name", &["corp.test"][..], &["corp.test"][..]),
            ("domain-name", &["a.test b.test"], &["a.test b.test"]),
            (
                "domain-name-servers",
                &["AmazonProvidedDNS"],
                &["AmazonProvidedDNS"],
            ),
            (
                "domain-name-servers",
                &["10.2.5.1, 10.2.5.2", "fd00::53"],
                &["10.2.5.1", "10.2.5.2", "fd00::53"],
            ),
            (
                "ntp-servers",
                &["10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,fd00::1,fd00::2,fd00::3,fd00::4"],
                &[
                    "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00::1", "fd00::2",
                    "fd00::3", "fd00::4",
                ],
            ),
            ("netbios-name-servers", &["10.0.0.9"], &["10.0.0.9"]),
            ("netbios-node-type", &["2"], &["2"]),
            ("ipv6-address-preferred-lease-time", &["140"], &["140"]),
        ] {
            let read = parse(key, given).unwrap();
            assert_eq!(
                (read.key(), &*read.values()),
                (key, &*texts(shown)),
                "{key}"
            );
            let stored = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<DhcpOption>(&stored).unwrap(), read);
            assert!(
                stored.starts_with(&alloc::format!("{{\"{key}\":")),
                "{stored}"
            );
        }
    }

    #[test]
    fn values_that_an_option_does_not_take_are_refused() {
        for (key, given) in [
            ("domain-name", &[][..]),
            ("domain-name", &[""]),
            ("domain-name", &["a.test", "b.test"]),
            ("domain-name", &["a.test\nnameserver 192.0.2.1"]),
            ("domain-name", &["a.test\rb"]),
            ("domain-name", &["$(id)"]),
            ("domain-name", &["a.test;b"]),
            ("domain-name-servers", &["AmazonProvidedDNS", "10.0.0.1"]),
            (
                "domain-name-servers",
                &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"],
            ),
            ("domain-name-servers", &["amazonprovideddns"]),
            (
                "ntp-servers",
                &["10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5"],
            ),
            ("ntp-servers", &["time.test"]),
            ("netbios-name-servers", &["fd00::1"]),
            ("netbios-node-type", &["3"]),
            ("netbios-node-type", &["1", "2"]),
            ("ipv6-address-preferred-lease-time", &["139"]),
            ("ipv6-address-preferred-lease-time", &["2147483648"]),
        ] {
            let refused = parse(key, given);
            let want = MalformedDhcpOption::Values(given.join(","));
            assert_eq!(refused, Err(want), "{key}");
        }
        let unknown = parse("domain-name-server", &["10.0.0.1"]);
        assert_eq!(
            unknown,
            Err(MalformedDhcpOption::Key("domain-name-server".into()))
        );
    }
}
