//! Resource ids: a prefix and 17 lowercase hex digits, or 8 as EC2 gave them until 2018.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use rand_core::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// What follows the prefix is not 17 (or 8) lowercase hex digits.
    #[error("the id does not end in 17 or 8 lowercase hex digits")]
    Digits,
}

/// What all ids have in common.
pub trait TypedId:
    Copy + Ord + fmt::Display + FromStr<Err = MalformedId> + Into<ResourceId>
{
    /// The prefix, without the hyphen: `eni`.
    const PREFIX: &'static str;
    /// EC2's error code for a text that is not such an id.
    const MALFORMED_CODE: &'static str;

    /// A fresh id of the long form. It starts with 0, as EC2's do.
    fn generate(rng: &mut dyn Rng) -> Self;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Digits {
    bits: u128,
    short: bool,
}

impl Digits {
    fn generate(rng: &mut dyn Rng) -> Self {
        Self {
            bits: u128::from(rng.next_u64()),
            short: false,
        }
    }

    fn parse(text: &str, prefix: &'static str) -> Result<Self, MalformedId> {
        let digits = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('-'))
            .ok_or(MalformedId::Prefix { expected: prefix })?;
        let lower_hex = digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let length = digits.len();
        if !lower_hex || (length != LONG_DIGITS && length != SHORT_DIGITS) {
            return Err(MalformedId::Digits);
        }
        let bits = u128::from_str_radix(digits, 16).map_err(|_| MalformedId::Digits)?;
        Ok(Self {
            bits,
            short: length == SHORT_DIGITS,
        })
    }

    fn write(self, prefix: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = if self.short {
            SHORT_DIGITS
        } else {
            LONG_DIGITS
        };
        write!(formatter, "{prefix}-{:0width$x}", self.bits)
    }
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal, $malformed:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(Digits);

            impl TypedId for $name {
                const PREFIX: &'static str = $prefix;
                const MALFORMED_CODE: &'static str = $malformed;
                fn generate(rng: &mut dyn Rng) -> Self { Self(Digits::generate(rng)) }
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
        impl fmt::Display for ResourceId {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$name(id) => id.fmt(formatter),)* }
            }
        }
    };
}

typed_ids! {
    /// Id of a VPC.
    VpcId, "vpc", "InvalidVpcID.Malformed";
    /// Id of the association of a CIDR block with a VPC.
    VpcCidrAssociationId, "vpc-cidr-assoc", "InvalidVpcCidrBlockAssociationID.Malformed";
    /// Id of a subnet.
    SubnetId, "subnet", "InvalidSubnetID.Malformed";
    /// Id of a network interface.
    NetworkInterfaceId, "eni", "InvalidNetworkInterfaceId.Malformed";
    /// Id of the attachment of a network interface to an instance.
    AttachmentId, "eni-attach", "InvalidNetworkInterfaceAttachmentId.Malformed";
    /// Id of a security group.
    SecurityGroupId, "sg", "InvalidGroupId.Malformed";
    /// Id of a security group rule.
    SecurityGroupRuleId, "sgr", "InvalidSecurityGroupRuleId.Malformed";
    /// Id of the allocation of an Elastic IP address.
    AllocationId, "eipalloc", "InvalidAllocationID.Malformed";
    /// Id of the association of an Elastic IP address with a private address.
    AssociationId, "eipassoc", "InvalidAssociationID.Malformed";
    /// Id of an internet gateway.
    InternetGatewayId, "igw", "InvalidInternetGatewayId.Malformed";
    /// Id of a route table.
    RouteTableId, "rtb", "InvalidRouteTableId.Malformed";
    /// Id of the association of a route table with a subnet.
    RouteTableAssociationId, "rtbassoc", "InvalidRouteTableAssociationId.Malformed";
    /// Id of a network ACL.
    NetworkAclId, "acl", "InvalidNetworkAclId.Malformed";
    /// Id of the association of a network ACL with a subnet.
    NetworkAclAssociationId, "aclassoc", "InvalidNetworkAclAssociationId.Malformed";
    /// Id of an instance.
    InstanceId, "i", "InvalidInstanceID.Malformed";
    /// Id of the reservation that launched instances together.
    ReservationId, "r", "InvalidReservationID.Malformed";
    /// Id of a machine image.
    ImageId, "ami", "InvalidAMIID.Malformed";
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
            ("eni-1234567", Err(MalformedId::Digits)),
            ("eni-0123456789ABCDEF0", Err(MalformedId::Digits)),
            ("eni-", Err(MalformedId::Digits)),
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
