//! How instances' private names are made.

use serde::{Deserialize, Serialize};

/// What an instance is called, and which of its names are answered (EC2 User Guide, "EC2 instance hostnames and domains").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateDnsNames {
    /// Of what its host name is made.
    pub hostname_type: HostnameType,
    /// Whether the name made of its id has its IPv4 address.
    pub a_record: bool,
    /// Whether it has its IPv6 address.
    pub aaaa_record: bool,
}

/// Of what a host name is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostnameType {
    /// Of the primary private IPv4 address: `ip-10-0-0-5`.
    #[default]
    IpName,
    /// Of the instance's id: `i-0123456789abcdef0`.
    ResourceName,
}

impl HostnameType {
    /// As EC2 calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IpName => "ip-name",
            Self::ResourceName => "resource-name",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        let mut all = [Self::IpName, Self::ResourceName].into_iter();
        all.find(|one| one.name() == name)
    }
}
