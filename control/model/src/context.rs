//! What a planner is given besides the world and its request.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;
use core::net::Ipv4Addr;

use eni_types::{IdSequence, InstanceId, Ipv4Cidr, Timestamp};
use rand_core::Rng;

use crate::Caller;
use crate::operations::key_pair::NewKeyPair;
use crate::resource::{HostnameType, Instance, NetworkInterface};

/// What is fixed for a region's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionSettings {
    /// `us-east-1`.
    pub region: String,
    /// Names of the availability zones, in order: `us-east-1a`, …
    pub availability_zones: Vec<String>,
    /// The account that owns everything in the region: twelve digits.
    pub account_id: String,
    /// Where public addresses come from. The first usable address is the host's own end and is never allocated.
    pub public_pool: Ipv4Cidr,
}

impl RegionSettings {
    /// EC2's domain for private names: `ec2.internal` in us-east-1, `REGION.compute.internal` elsewhere.
    #[must_use]
    pub fn private_domain(&self) -> String {
        if self.region == "us-east-1" {
            "ec2.internal".into()
        } else {
            alloc::format!("{}.compute.internal", self.region)
        }
    }

    /// EC2's private name of an instance or interface for its address: `ip-10-0-0-5.ec2.internal`.
    #[must_use]
    pub fn private_dns_name(&self, address: Ipv4Addr) -> String {
        alloc::format!("ip-{}.{}", hyphenated(address), self.private_domain())
    }

    /// EC2's private name of an instance for its id: `i-0123456789abcdef0.ec2.internal`.
    #[must_use]
    pub fn resource_name(&self, id: InstanceId) -> String {
        alloc::format!("{id}.{}", self.private_domain())
    }

    /// What an instance with this primary interface calls itself, and is called by its VPC; none for an instance of IPv6 only that is
    /// to be called by an IPv4 address.
    #[must_use]
    pub fn name_of_instance(
        &self,
        instance: &Instance,
        primary: &NetworkInterface,
    ) -> Option<String> {
        match instance.private_dns_names.hostname_type {
            HostnameType::IpName => {
                let address = primary.primary_private_ip_address()?;
                Some(self.private_dns_name(address))
            }
            HostnameType::ResourceName => Some(self.resource_name(instance.instance_id)),
        }
    }

    /// EC2's public name for an address: `ec2-203-0-113-25.compute-1.amazonaws.com` in us-east-1.
    #[must_use]
    pub fn public_dns_name(&self, address: Ipv4Addr) -> String {
        let address = hyphenated(address);
        match self.region.as_str() {
            "us-east-1" => alloc::format!("ec2-{address}.compute-1.amazonaws.com"),
            region => alloc::format!("ec2-{address}.{region}.compute.amazonaws.com"),
        }
    }

    /// The Amazon resource name of the `kind` (`security-group`) named `id`.
    #[must_use]
    pub fn arn(&self, kind: &str, id: impl Display) -> String {
        alloc::format!(
            "arn:aws:ec2:{}:{}:{kind}/{id}",
            self.region,
            self.account_id
        )
    }

    /// The zone's id, such as `use1-az1` or `apse5-az1`, which EC2 keeps stable across accounts.
    #[must_use]
    pub fn availability_zone_id(&self, zone: &str) -> String {
        let number = self
            .availability_zones
            .iter()
            .position(|name| name == zone)
            .map_or(1, |index| index + 1);
        let mut short = String::new();
        for (index, part) in self.region.split('-').enumerate() {
            match index {
                0 => short.push_str(part),
                _ => short.push_str(abbreviated(part)),
            }
        }
        alloc::format!("{short}-az{number}")
    }
}

/// A part of a region's name in its zones' ids: points of the compass by their initials, else the first letter.
fn abbreviated(part: &str) -> &str {
    match part {
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        other => other.get(..1).unwrap_or(other),
    }
}

fn hyphenated(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    alloc::format!("{a}-{b}-{c}-{d}")
}

/// Time, randomness and the caller: everything a planner may use that is not in the world.
pub struct Context<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The region's settings.
    pub region: &'a RegionSettings,
    /// The time of planning.
    pub now: Timestamp,
    /// For ids.
    pub ids: &'a mut IdSequence,
    /// For MAC addresses and the choice of free addresses.
    pub rng: &'a mut dyn Rng,
    /// Equal for two requests only if all their parameters are (`QueryTree::fingerprint`).
    pub fingerprint: u128,
    /// What was made for a call that wants it ([`crate::Operation::wants_key_pair`]); none in a dry run.
    pub key_pair: Option<NewKeyPair>,
}
