//! The services of AWS that a region serves, and the names by which clients find them.
//!
//! Whoever resolves names, certifies them or describes endpoints asks here.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// A service of AWS whose API the region answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServedApi {
    /// Amazon EC2.
    Ec2,
    /// AWS Security Token Service.
    Sts,
    /// AWS Identity and Access Management, one for all regions.
    Iam,
}

impl ServedApi {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ec2, Self::Sts, Self::Iam];

    /// Where instances find them inside the fabric: a link-local address at which EC2 has nothing, so that a VPC needs neither
    /// gateway nor endpoint for it, whatever its blocks.
    pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 243);

    /// The part of its names that says which service it is.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    /// The names by which clients find it in `region`, the usual one first (AWS General Reference, "Service endpoints").
    #[must_use]
    pub fn names(self, region: &str) -> Vec<String> {
        match self {
            Self::Ec2 => [
                format!("ec2.{region}.amazonaws.com"),
                format!("ec2.{region}.api.aws"),
            ]
            .into(),
            Self::Sts => [
                format!("sts.{region}.amazonaws.com"),
                "sts.amazonaws.com".into(),
            ]
            .into(),
            Self::Iam => ["iam.amazonaws.com".into()].into(),
        }
    }

    /// The service that has a name, whatever its case and with or without the dot at its end.
    #[must_use]
    pub fn of_name(name: &str, region: &str) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        Self::ALL.into_iter().find(|service| {
            let names = service.names(region);
            names.iter().any(|own| own.eq_ignore_ascii_case(name))
        })
    }

    /// The name of the service that interface endpoints to it lead to (AWS PrivateLink Guide, "AWS services that integrate with
    /// AWS PrivateLink").
    #[must_use]
    pub fn endpoint_service_name(self, region: &str) -> String {
        match self {
            Self::Ec2 | Self::Sts => format!("com.amazonaws.{region}.{}", self.code()),
            Self::Iam => "com.amazonaws.iam".into(),
        }
    }

    /// Its name that leads to an interface endpoint in the endpoint's VPC, where that has private names.
    #[must_use]
    pub fn private_dns_name(self, region: &str) -> String {
        match self {
            Self::Ec2 | Self::Sts => format!("{}.{region}.amazonaws.com", self.code()),
            Self::Iam => "iam.amazonaws.com".into(),
        }
    }

    /// What the names of its interface endpoints end with.
    #[must_use]
    pub fn endpoint_zone(self, region: &str) -> String {
        format!("{}.{region}.vpce.amazonaws.com", self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_found_by_each_of_its_names_and_by_no_other() {
        for service in ServedApi::ALL {
            for name in service.names("eu-west-1") {
                assert_eq!(ServedApi::of_name(&name, "eu-west-1"), Some(service));
                let spelled = format!("{}.", name.to_ascii_uppercase());
                assert_eq!(ServedApi::of_name(&spelled, "eu-west-1"), Some(service));
            }
        }
        for other in ["ec2.us-east-1.amazonaws.com", "s3.amazonaws.com", ""] {
            assert_eq!(ServedApi::of_name(other, "eu-west-1"), None);
        }
    }
}
