//! Resource ids: a prefix and 17 lowercase hex digits, or 8 as EC2 gave them until 2018.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// Hex digits of an id as EC2 makes them today.
const LONG_DIGITS: usize = 17;
/// Hex digits of an id made before the longer form; still accepted by every call.
const SHORT_DIGITS: usize = 8;

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedId {
    /// The text does not start with the prefix of this kind of resource.
    #[error("the id does not start with \"{expected}-\"")]
    Prefix {
        /// The prefix of this kind, without the hyphen.
        expected: &'static str,
    },
    /// What follows the prefix is no hexadecimal number.
    #[error("the id does not end in hexadecimal digits")]
    Digits,
    /// What follows the prefix is a hexadecimal number, but not written with 17 (or 8) lowercase digits: EC2 reads it as
    /// an id and finds nothing under it.
    #[error("the id does not end in 17 or 8 lowercase hexadecimal digits")]
    NeverGiven,
}

/// What EC2 says of a text that is the id of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdErrors {
    /// The error code for a text that has not the form of such an id. Kinds without one answer
    /// [`not_found`](Self::not_found) to those too (EC2 API reference, "Error codes": it lists no other for them).
    pub malformed: Option<&'static str>,
    /// The error code for an id that nothing has.
    pub not_found: &'static str,
    /// What the text beside that code calls the id.
    pub noun: &'static str,
}

/// What all ids have in common.
pub trait TypedId:
    Copy + Ord + fmt::Display + FromStr<Err = MalformedId> + Into<ResourceId>
{
    /// The prefix, without the hyphen: `eni`.
    const PREFIX: &'static str;
    /// EC2's answers to texts that are no such id, or nothing's.
    const ERRORS: IdErrors;

    /// A fresh id of the long form. It starts with 0, as EC2's do.
    fn generate(ids: &mut IdSequence) -> Self;
}

/// Numbers for ids, each greater than all that it gave before.
///
/// Ids of one kind therefore sort as they were made, and whatever goes by id, as tables, indexes and pages do, is in the
/// order of creation: at no cost, after a restart too, and wherever a page ends. EC2 promises no order; the order of
/// creation is what people see there. A number is the time in milliseconds and bits that are random for each time, which
/// keeps two regions, or one whose clock was set back, from giving the same.
#[derive(Clone, Debug, Default)]
pub struct IdSequence {
    last: u64,
}

impl IdSequence {
    /// Bits below the time.
    const RANDOM_BITS: u32 = 22;
    /// 2020-01-01T00:00:00Z, from which 42 bits of milliseconds last until 2159.
    const EPOCH: Timestamp = Timestamp(1_577_836_800_000);

    /// The sequence from `now` on.
    #[must_use]
    pub fn new(now: Timestamp, random: u64) -> Self {
        let mut made = Self::default();
        made.advance_to(now, random);
        made
    }

    /// Lets no number come that is below `now`. A clock that goes back changes nothing.
    pub fn advance_to(&mut self, now: Timestamp, random: u64) {
        let elapsed = now.0.saturating_sub(Self::EPOCH.0);
        let elapsed = u64::try_from(elapsed).unwrap_or(0);
        let time = elapsed.min(u64::MAX >> Self::RANDOM_BITS) << Self::RANDOM_BITS;
        self.last = self
            .last
            .max(time | (random >> (u64::BITS - Self::RANDOM_BITS)));
    }

    /// The steps differ (Fibonacci hashing of the last number, 1 to 65,536), so that ids made by one call are easy to tell
    /// apart.
    fn next(&mut self) -> u64 {
        let step = 1 + (self.last.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48);
        self.last = self.last.saturating_add(step);
        self.last
    }
}

/// 17 hexadecimal digits are 68 bits. Half the size of an `u128`, of which a world has millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Digits {
    high: u8,
    low: u64,
    short: bool,
}

impl Digits {
    fn generate(ids: &mut IdSequence) -> Self {
        Self {
            high: 0,
            low: ids.next(),
            short: false,
        }
    }

    fn parse(text: &str, prefix: &'static str) -> Result<Self, MalformedId> {
        let digits = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('-'))
            .ok_or(MalformedId::Prefix { expected: prefix })?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(MalformedId::Digits);
        }
        let length = digits.len();
        let is_lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
        if !is_lower || (length != LONG_DIGITS && length != SHORT_DIGITS) {
            return Err(MalformedId::NeverGiven);
        }
        let (high, low) = digits.split_at(length.saturating_sub(LONG_DIGITS - 1));
        let read = |digits: &str| u64::from_str_radix(digits, 16).map_err(|_| MalformedId::Digits);
        let high = if high.is_empty() { 0 } else { read(high)? };
        Ok(Self {
            high: u8::try_from(high).map_err(|_| MalformedId::Digits)?,
            low: read(low)?,
            short: length == SHORT_DIGITS,
        })
    }

    fn write(self, prefix: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.short {
            write!(formatter, "{prefix}-{:08x}", self.low)
        } else {
            write!(formatter, "{prefix}-{:x}{:016x}", self.high, self.low)
        }
    }
}

macro_rules! typed_ids {
    ($dollar:tt $($(#[$doc:meta])* $name:ident, $prefix:literal, $malformed:expr, $not_found:literal, $noun:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(Digits);

            impl TypedId for $name {
                const PREFIX: &'static str = $prefix;
                const ERRORS: IdErrors =
                    IdErrors { malformed: $malformed, not_found: $not_found, noun: $noun };
                fn generate(ids: &mut IdSequence) -> Self { Self(Digits::generate(ids)) }
            }
            impl FromStr for $name {
                type Err = MalformedId;
                fn from_str(text: &str) -> Result<Self, MalformedId> { Digits::parse(text, $prefix).map(Self) }
            }
            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.write($prefix, formatter) }
            }
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> { serializer.collect_str(self) }
            }
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                }
            }
            impl From<$name> for ResourceId {
                fn from(id: $name) -> Self { Self::$name(id) }
            }
        )*

        /// Hands the types of all ids to the macro `for_each`.
        #[macro_export]
        macro_rules! each_id {
            ($dollar for_each:ident) => { $dollar for_each! { $($dollar crate::$name),* } };
        }

        /// An id of any kind, as `CreateTags` takes them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResourceId {
            $($(#[$doc])* $name($name),)*
        }

        impl FromStr for ResourceId {
            type Err = MalformedId;
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let prefix = text.rsplit_once('-').map_or(text, |(prefix, _)| prefix);
                match prefix {
                    $($prefix => text.parse().map(Self::$name),)*
                    _ => Err(MalformedId::Prefix { expected: "resource" }),
                }
            }
        }
        impl ResourceId {
            /// EC2's answers to texts of the kind that `text` has the prefix of.
            #[must_use]
            pub fn errors_of(text: &str) -> Option<IdErrors> {
                let prefix = text.rsplit_once('-').map_or(text, |(prefix, _)| prefix);
                match prefix {
                    $($prefix => Some($name::ERRORS),)*
                    _ => None,
                }
            }
        }
        impl fmt::Display for ResourceId {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$name(id) => id.fmt(formatter),)* }
            }
        }
    };
}

// The dollar sign is what `each_id!`, a macro made by a macro, is written with.
// The kinds with `None` are those for which "Error codes" of the EC2 API reference has no code that ends in `Malformed`.
typed_ids! { $
    /// Id of a VPC.
    VpcId, "vpc", None, "InvalidVpcID.NotFound", "vpc ID";
    /// Id of the association of a CIDR block with a VPC.
    VpcCidrAssociationId, "vpc-cidr-assoc", None, "InvalidVpcCidrBlockAssociationID.NotFound",
        "vpc CIDR block association ID";
    /// Id of the association of a CIDR block with a subnet.
    SubnetCidrAssociationId, "subnet-cidr-assoc", None, "InvalidSubnetCidrBlockAssociationID.NotFound",
        "subnet CIDR block association ID";
    /// Id of a set of DHCP options.
    DhcpOptionsId, "dopt", Some("InvalidDhcpOptionsId.Malformed"), "InvalidDhcpOptionID.NotFound", "dhcpOption ID";
    /// Id of a subnet.
    SubnetId, "subnet", None, "InvalidSubnetID.NotFound", "subnet ID";
    /// Id of a network interface.
    NetworkInterfaceId, "eni", Some("InvalidNetworkInterfaceId.Malformed"), "InvalidNetworkInterfaceID.NotFound",
        "networkInterface ID";
    /// Id of the attachment of a network interface to an instance.
    AttachmentId, "eni-attach", Some("InvalidNetworkInterfaceAttachmentId.Malformed"), "InvalidAttachmentID.NotFound",
        "networkInterface attachment ID";
    /// Id of a security group.
    SecurityGroupId, "sg", Some("InvalidGroupId.Malformed"), "InvalidGroup.NotFound", "security group";
    /// Id of a security group rule.
    SecurityGroupRuleId, "sgr", Some("InvalidSecurityGroupRuleId.Malformed"), "InvalidSecurityGroupRuleId.NotFound",
        "security group rule ID";
    /// Id of the allocation of an Elastic IP address.
    AllocationId, "eipalloc", None, "InvalidAllocationID.NotFound", "allocation ID";
    /// Id of the association of an Elastic IP address with a private address.
    AssociationId, "eipassoc", None, "InvalidAssociationID.NotFound", "association ID";
    /// Id of an internet gateway.
    InternetGatewayId, "igw", Some("InvalidInternetGatewayId.Malformed"), "InvalidInternetGatewayID.NotFound",
        "internetGateway ID";
    /// Id of an egress-only internet gateway.
    EgressOnlyInternetGatewayId, "eigw", Some("InvalidEgressOnlyInternetGatewayId.Malformed"),
        "InvalidEgressOnlyInternetGatewayId.NotFound", "egressOnlyInternetGateway ID";
    /// Id of a VPC peering connection.
    VpcPeeringConnectionId, "pcx", Some("InvalidVpcPeeringConnectionId.Malformed"),
        "InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection ID";
    /// Id of a NAT gateway.
    NatGatewayId, "nat", Some("NatGatewayMalformed"), "NatGatewayNotFound", "NatGateway";
    /// Id of a VPC endpoint.
    VpcEndpointId, "vpce", Some("InvalidVpcEndpointId.Malformed"), "InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id";
    /// Id of a route table.
    RouteTableId, "rtb", Some("InvalidRouteTableId.Malformed"), "InvalidRouteTableID.NotFound", "routeTable ID";
    /// Id of the association of a route table with a subnet.
    RouteTableAssociationId, "rtbassoc", None, "InvalidAssociationID.NotFound", "association ID";
    /// Id of a network ACL.
    NetworkAclId, "acl", Some("InvalidNetworkAclId.Malformed"), "InvalidNetworkAclID.NotFound", "networkAcl ID";
    /// Id of the association of a network ACL with a subnet.
    NetworkAclAssociationId, "aclassoc", None, "InvalidAssociationID.NotFound", "association ID";
    /// Id of the association of an instance profile with an instance.
    IamInstanceProfileAssociationId, "iip-assoc", None, "InvalidAssociationID.NotFound", "association ID";
    /// Id of a key pair.
    KeyPairId, "key", None, "InvalidKeyPair.NotFound", "key pair ID";
    /// Id of an instance.
    InstanceId, "i", Some("InvalidInstanceID.Malformed"), "InvalidInstanceID.NotFound", "instance ID";
    /// Id of the reservation that launched instances together.
    ReservationId, "r", Some("InvalidReservationID.Malformed"), "InvalidReservationID.NotFound", "reservation ID";
    /// Id of a machine image.
    ImageId, "ami", Some("InvalidAMIID.Malformed"), "InvalidAMIID.NotFound", "image id";
}

impl ResourceId {
    /// The id as text, as indexes and the store's keys hold it.
    #[must_use]
    pub fn to_key(self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_its_prefix_and_17_or_8_lowercase_hex_digits() {
        let cases = [
            ("eni-0123456789abcdef0", Ok(())),
            ("eni-12345678", Ok(())),
            ("eni-1234567", Err(MalformedId::NeverGiven)),
            ("eni-0", Err(MalformedId::NeverGiven)),
            ("eni-0123456789ABCDEF0", Err(MalformedId::NeverGiven)),
            ("eni-0123456789abcdef01", Err(MalformedId::NeverGiven)),
            (
                "eni-0123456789abcdef0123456789abcdef0123456789abcdef",
                Err(MalformedId::NeverGiven),
            ),
            ("eni-", Err(MalformedId::Digits)),
            ("eni-foo", Err(MalformedId::Digits)),
            ("eni-+1234567", Err(MalformedId::Digits)),
            ("eni-0123456789abcdef0 ", Err(MalformedId::Digits)),
            ("eni", Err(MalformedId::Prefix { expected: "eni" })),
            (
                "vpc-0123456789abcdef0",
                Err(MalformedId::Prefix { expected: "eni" }),
            ),
            ("eni-attach-0123456789abcdef0", Err(MalformedId::Digits)),
        ];
        for (text, want) in cases {
            assert_eq!(text.parse::<NetworkInterfaceId>().map(drop), want, "{text}");
        }
    }

    proptest! {
        /// Whatever the clock does, and however many ids are made between two looks at it.
        #[test]
        fn ids_sort_as_they_were_made(looks in proptest::collection::vec((any::<i64>(), any::<u64>(), 0_u8..20), 1..20)) {
            let mut ids = IdSequence::default();
            let mut made = alloc::vec::Vec::new();
            for (now, random, count) in looks {
                ids.advance_to(Timestamp(now % (1 << 42)), random);
                made.extend((0..count).map(|_| VpcId::generate(&mut ids)));
            }
            prop_assert!(made.is_sorted_by(|one, next| one < next));
            let texts: alloc::vec::Vec<_> = made.iter().map(ToString::to_string).collect();
            prop_assert!(texts.is_sorted());
        }

        #[test]
        fn an_id_of_any_kind_reads_back_as_written(text in "(vpc|eni|eni-attach|i|vpc-cidr-assoc|sgr)-([0-9a-f]{17}|[0-9a-f]{8})") {
            prop_assert_eq!(text.parse::<ResourceId>().unwrap().to_string(), text);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = text.parse::<ResourceId>();
        }
    }
}
