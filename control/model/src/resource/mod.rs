//! Everything that a region remembers.
//!
//! Resources are stored as JSON under `/openeni/<kind>/<id>`; fields are added with `#[serde(default)]`, never renamed.

mod address;
mod block_device;
mod instance;
mod network_acl;
mod network_interface;
mod route_table;
mod security_group;
mod vpc;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_types::{
    AllocationId, InstanceId, InternetGatewayId, NetworkAclId, NetworkInterfaceId, RouteTableId,
    SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcId,
};

use crate::Row;
use crate::client_token::{ClientToken, ClientTokenKey};
use crate::identity::{Identity, IdentityNumber};

pub use address::{Address, AddressAssociation};
pub use block_device::BlockDevice;
pub(crate) use block_device::{
    GP3_IOPS, GP3_THROUGHPUT, ROOT_DEVICE_NAME, parse_volume_id, volume_id,
};
pub use instance::{Instance, InstanceTransition, MetadataOptions};
pub use network_acl::{
    IcmpTypeCode, NetworkAcl, NetworkAclAssociation, NetworkAclEntry, PortRange, RuleAction,
};
pub use network_interface::{Attachment, ConnectionTracking, NetworkInterface};
pub use route_table::{
    Route, RouteOrigin, RouteState, RouteTable, RouteTableAssociation, RouteTarget,
};
pub use security_group::{IpProtocol, RulePeer, SecurityGroup, SecurityGroupRule, UnknownProtocol};
pub use vpc::{InternetGateway, Subnet, Vpc};

/// A stored text that is no resource of its kind.
#[derive(Debug, thiserror::Error)]
pub enum CorruptResource {
    /// The kind in the key is unknown.
    #[error("unknown kind of resource: {0}")]
    Kind(String),
    /// The value does not describe such a resource.
    #[error("the stored value does not describe a {kind}")]
    Value {
        /// The kind in the key.
        kind: &'static str,
        /// What serde says.
        #[source]
        source: serde_json::Error,
    },
}

macro_rules! resources {
    ($($(#[$doc:meta])* $variant:ident, $key:ty, $kind:literal;)*) => {
        /// One thing that a region remembers.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant, reason = "always behind an Arc")]
        pub enum Resource { $($(#[$doc])* $variant($variant),)* }

        /// The key of a resource: its kind and id.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResourceKey { $($(#[$doc])* $variant($key),)* }

        /// The kind of a resource.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResourceKind { $($(#[$doc])* $variant,)* }

        impl ResourceKind {
            /// The kind as it stands in the store's keys.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $kind,)* }
            }
        }

        impl Resource {
            /// The resource's key.
            #[must_use]
            pub fn key(&self) -> ResourceKey {
                match self { $(Self::$variant(row) => ResourceKey::$variant(row.id()),)* }
            }

            /// The stored form.
            #[must_use]
            pub fn to_json(&self) -> Vec<u8> {
                let text = match self { $(Self::$variant(row) => serde_json::to_vec(row),)* };
                text.expect("maps have string keys and no serialiser here fails")
            }

            /// Reads the stored form of a resource of `kind`.
            ///
            /// # Errors
            /// [`CorruptResource`] where the text is none.
            pub fn from_json(kind: &str, text: &[u8]) -> Result<Self, CorruptResource> {
                match kind {
                    $($kind => serde_json::from_slice(text)
                        .map(Self::$variant)
                        .map_err(|source| CorruptResource::Value { kind: $kind, source }),)*
                    _ => Err(CorruptResource::Kind(kind.into())),
                }
            }
        }

        impl ResourceKey {
            /// The kind.
            #[must_use]
            pub const fn kind(&self) -> ResourceKind {
                match self { $(Self::$variant(_) => ResourceKind::$variant,)* }
            }

            /// The store's key: `/openeni/<kind>/<id>`.
            #[must_use]
            pub fn to_store_key(&self) -> String {
                match self { $(Self::$variant(id) => format!("/openeni/{}/{}", $kind, id.to_string()),)* }
            }
        }

        $(impl From<$variant> for Resource {
            fn from(row: $variant) -> Self { Self::$variant(row) }
        }
        impl From<$key> for ResourceKey {
            fn from(id: $key) -> Self { Self::$variant(id) }
        })*
    };
}

resources! {
    /// A VPC.
    Vpc, VpcId, "vpc";
    /// A subnet.
    Subnet, SubnetId, "subnet";
    /// An internet gateway.
    InternetGateway, InternetGatewayId, "internet-gateway";
    /// A route table with its routes and associations.
    RouteTable, RouteTableId, "route-table";
    /// A network ACL with its entries and associations.
    NetworkAcl, NetworkAclId, "network-acl";
    /// A security group, without its rules.
    SecurityGroup, SecurityGroupId, "security-group";
    /// A rule of a security group.
    SecurityGroupRule, SecurityGroupRuleId, "security-group-rule";
    /// A network interface with its attachment.
    NetworkInterface, NetworkInterfaceId, "network-interface";
    /// A public address with its association.
    Address, AllocationId, "address";
    /// An instance.
    Instance, InstanceId, "instance";
    /// A set of security groups, by number.
    Identity, IdentityNumber, "identity";
    /// A client token and what it made.
    ClientToken, ClientTokenKey, "client-token";
}
