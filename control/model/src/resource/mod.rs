//! Everything that a region remembers.
//!
//! Resources are stored as JSON under `/openeni/<kind>/<id>`; fields are added with `#[serde(default)]`, never renamed.

mod address;
mod block_device;
mod dhcp_options;
mod instance;
mod instance_profile;
mod key_pair;
mod metadata_defaults;
mod nat_gateway;
mod network_acl;
mod network_interface;
mod policy;
mod private_dns_names;
mod role;
mod route_table;
mod security_group;
mod user_data;
mod vpc;
mod vpc_endpoint;
mod vpc_peering_connection;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eni_types::iam::{InstanceProfileName, PolicyName, RoleName};
use eni_types::{
    AllocationId, DhcpOptionsId, EgressOnlyInternetGatewayId, IamInstanceProfileAssociationId,
    InstanceId, InternetGatewayId, KeyPairId, NatGatewayId, NetworkAclId, NetworkInterfaceId,
    RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcEndpointId, VpcId,
    VpcPeeringConnectionId,
};

use crate::client_token::{ClientToken, ClientTokenKey};
use crate::identity::{Identity, IdentityNumber};
use crate::{Row, Table};

pub use address::{Address, AddressAssociation, PublicAddress};
pub use block_device::BlockDevice;
pub(crate) use block_device::{
    GP3_IOPS, GP3_THROUGHPUT, ROOT_DEVICE_NAME, parse_volume_id, volume_id,
};
pub use dhcp_options::DhcpOptions;
pub use instance::{Instance, InstanceTransition, MetadataOptions};
pub use instance_profile::{IamInstanceProfileAssociation, InstanceProfile};
pub use key_pair::{KeyName, KeyPair};
pub use metadata_defaults::{AccountId, MetadataDefaults};
pub use nat_gateway::{
    ConnectivityType, NatGateway, NatGatewayAddress, NatGatewayFailure, NatGatewayStatus,
};
pub use network_acl::{
    IcmpTypeCode, NetworkAcl, NetworkAclAssociation, NetworkAclEntry, PortRange, RuleAction,
};
pub use network_interface::{
    Attachment, ConnectionTracking, DelegatedPrefix, Ipv6Address, NetworkInterface, PrivateAddress,
};
pub use policy::{Policy, PolicyVersion};
pub use private_dns_names::{HostnameType, PrivateDnsNames};
pub use role::{AttachedPolicyArn, Role};
pub use route_table::{
    Route, RouteOrigin, RouteState, RouteTable, RouteTableAssociation, RouteTarget,
};
pub use security_group::{
    GroupName, IpProtocol, PeerSecurityGroup, RulePeer, RulePeering, SecurityGroup,
    SecurityGroupRule, UnknownProtocol,
};
pub use user_data::UserData;
pub use vpc::{AssociatedBlock, EgressOnlyInternetGateway, InternetGateway, Subnet, Vpc};
pub use vpc_endpoint::{VpcEndpoint, VpcEndpointPlace};
pub(crate) use vpc_peering_connection::Ageing;
pub use vpc_peering_connection::{
    PeeringOptions, VpcPeeringConnection, VpcPeeringConnectionStatus,
};

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

/// Every kind of resource, once: the table it lies in, its row, the type of its id and its name in the store's keys; for
/// those with tags also what EC2 calls the kind in `DescribeTags`. All that goes over kinds follows from this list, which
/// is handed to the macro that asks for it. What EC2 says of an id that nothing has stands at the id's type.
macro_rules! each_kind {
    ($for_each:ident) => {
        $for_each! {
            with_tags {
                /// A VPC.
                vpcs: Vpc, VpcId, "vpc", "vpc";
                /// A set of DHCP options.
                dhcp_options: DhcpOptions, DhcpOptionsId, "dhcp-options", "dhcp-options";
                /// A subnet.
                subnets: Subnet, SubnetId, "subnet", "subnet";
                /// An internet gateway.
                internet_gateways: InternetGateway, InternetGatewayId, "internet-gateway", "internet-gateway";
                /// An egress-only internet gateway.
                egress_only_internet_gateways: EgressOnlyInternetGateway, EgressOnlyInternetGatewayId,
                    "egress-only-internet-gateway", "egress-only-internet-gateway";
                /// A VPC peering connection.
                vpc_peering_connections: VpcPeeringConnection, VpcPeeringConnectionId,
                    "vpc-peering-connection", "vpc-peering-connection";
                /// A NAT gateway.
                nat_gateways: NatGateway, NatGatewayId, "nat-gateway", "natgateway";
                /// A VPC endpoint.
                vpc_endpoints: VpcEndpoint, VpcEndpointId, "vpc-endpoint", "vpc-endpoint";
                /// A route table with its routes and associations.
                route_tables: RouteTable, RouteTableId, "route-table", "route-table";
                /// A network ACL with its entries and associations.
                network_acls: NetworkAcl, NetworkAclId, "network-acl", "network-acl";
                /// A security group, without its rules.
                security_groups: SecurityGroup, SecurityGroupId, "security-group", "security-group";
                /// A rule of a security group.
                security_group_rules: SecurityGroupRule, SecurityGroupRuleId,
                    "security-group-rule", "security-group-rule";
                /// A network interface with its attachment.
                network_interfaces: NetworkInterface, NetworkInterfaceId, "network-interface", "network-interface";
                /// A public address with its association.
                addresses: Address, AllocationId, "address", "elastic-ip";
                /// A key pair.
                key_pairs: KeyPair, KeyPairId, "key-pair", "key-pair";
                /// An instance.
                instances: Instance, InstanceId, "instance", "instance";
            }
            without_tags {
                /// A set of security groups, by number.
                identities: Identity, IdentityNumber, "identity";
                /// What an account sets of instance metadata at launch.
                metadata_defaults: MetadataDefaults, AccountId, "metadata-defaults";
                /// A role of IAM.
                roles: Role, RoleName, "role";
                /// An instance profile of IAM.
                instance_profiles: InstanceProfile, InstanceProfileName, "instance-profile";
                /// A managed policy of IAM.
                policies: Policy, PolicyName, "policy";
                /// The association of an instance profile with an instance.
                iam_instance_profile_associations: IamInstanceProfileAssociation, IamInstanceProfileAssociationId,
                    "iam-instance-profile-association";
                /// A client token and what it made.
                client_tokens: ClientToken, ClientTokenKey, "client-token";
            }
        }
    };
}
pub(crate) use each_kind;

macro_rules! resources {
    (
        with_tags {
            $($(#[$tagged_doc:meta])* $tagged_table:ident: $tagged:ident, $tagged_key:ident, $tagged_name:literal, $type:literal;)*
        }
        without_tags { $($others:tt)* }
    ) => {
        resources! { $($(#[$tagged_doc])* $tagged_table: $tagged, $tagged_key, $tagged_name;)* $($others)* }
    };
    ($($(#[$doc:meta])* $table:ident: $kind:ident, $key:ident, $name:literal;)*) => {
        /// One thing that a region remembers. A copy shares the row.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Resource { $($(#[$doc])* $kind(Arc<$kind>),)* }

        /// The key of a resource: its kind and id.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResourceKey { $($(#[$doc])* $kind($key),)* }

        /// The kind of a resource.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResourceKind { $($(#[$doc])* $kind,)* }

        /// All resources of a region, by id and by what else they are found by. A copy costs nothing: it shares all rows,
        /// and what is changed in one is not in the other.
        #[derive(Clone, Debug, Default, PartialEq)]
        #[allow(missing_docs, reason = "each table is named for its rows")]
        pub struct World { $(pub $table: Table<$kind>,)* }

        impl ResourceKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The kind as it stands in the store's keys.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }

        impl Resource {
            /// The resource's key.
            #[must_use]
            pub fn key(&self) -> ResourceKey {
                match self { $(Self::$kind(row) => ResourceKey::$kind(row.id()),)* }
            }

            /// The stored form.
            #[must_use]
            pub fn to_json(&self) -> Vec<u8> {
                let text = match self { $(Self::$kind(row) => serde_json::to_vec(&**row),)* };
                text.expect("maps have string keys and no serialiser here fails")
            }

            /// Reads the stored form of a resource of `kind`.
            ///
            /// # Errors
            /// [`CorruptResource`] where the text is none.
            pub fn from_json(kind: &str, text: &[u8]) -> Result<Self, CorruptResource> {
                match kind {
                    $($name => serde_json::from_slice::<$kind>(text)
                        .map(Self::from)
                        .map_err(|source| CorruptResource::Value { kind: $name, source }),)*
                    _ => Err(CorruptResource::Kind(kind.into())),
                }
            }
        }

        impl ResourceKey {
            /// The kind.
            #[must_use]
            pub const fn kind(&self) -> ResourceKind {
                match self { $(Self::$kind(_) => ResourceKind::$kind,)* }
            }

            /// The store's key: `/openeni/<kind>/<id>`.
            #[must_use]
            pub fn to_store_key(&self) -> String {
                match self { $(Self::$kind(id) => format!("/openeni/{}/{id}", $name),)* }
            }
        }

        $(impl From<$kind> for Resource {
            fn from(row: $kind) -> Self { Self::$kind(Arc::new(row)) }
        }
        impl From<$key> for ResourceKey {
            fn from(id: $key) -> Self { Self::$kind(id) }
        })*

        impl World {
            /// Inserts or replaces one resource.
            pub fn put(&mut self, resource: Resource) {
                match resource { $(Resource::$kind(row) => self.$table.put(row),)* }
            }

            pub(crate) fn delete(&mut self, key: &ResourceKey) {
                match key { $(ResourceKey::$kind(id) => self.$table.delete(id),)* }
            }

            /// Everything, as the store holds it.
            pub fn resources(&self) -> impl Iterator<Item = Resource> {
                core::iter::empty()$(.chain(self.$table.iter().cloned().map(Resource::$kind)))*
            }

            /// Whether the region holds nothing.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                true $(&& self.$table.is_empty())*
            }
        }

        /// Of resources with the same key, the last remains. This is faster than putting them one by one.
        impl FromIterator<Resource> for World {
            fn from_iter<I: IntoIterator<Item = Resource>>(resources: I) -> Self {
                $(let mut $table: Vec<Arc<$kind>> = Vec::new();)*
                for resource in resources {
                    match resource { $(Resource::$kind(row) => $table.push(row),)* }
                }
                Self { $($table: $table.into_iter().collect(),)* }
            }
        }
    };
}

each_kind!(resources);

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use serde_json::{Map, Value};

    use super::Resource;

    /// A row of each kind as a data directory of an earlier version has it: nothing of it is lost.
    #[test]
    fn rows_that_are_stored_are_read_and_written_as_they_were() {
        for line in include_str!("stored.tsv").lines() {
            let (kind, text) = line.split_once('\t').unwrap();
            let row = Resource::from_json(kind, text.as_bytes()).unwrap();
            assert_eq!(row.key().kind().as_str(), kind);
            let written: Map<String, Value> = serde_json::from_slice(&row.to_json()).unwrap();
            let kept: Map<String, Value> = serde_json::from_str(text).unwrap();
            for (member, value) in kept {
                assert_eq!(written.get(&member), Some(&value), "{kind}: {member}");
            }
        }
    }
}
