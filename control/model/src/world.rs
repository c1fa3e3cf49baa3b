//! The in-memory view of everything the store holds.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use eni_types::{
    AttachmentId, AttachmentStatus, InstanceId, InstanceState, InternetGatewayId,
    NetworkInterfaceId, SubnetId, VpcId, quota,
};

use crate::client_token::ClientTokenKey;
use crate::identity::{Identities, IdentityNumber, SecurityGroupSet};
use crate::persistent::Map;
use crate::resource::{
    Address, Attachment, Instance, InternetGateway, NetworkAcl, NetworkInterface, Resource,
    ResourceKey, RouteState, RouteTable, RouteTarget, SecurityGroup, SecurityGroupRule, Subnet,
    Vpc,
};
use crate::{Change, ChangeSet, ClientToken, IndexKey, Row, Table};

/// All resources of a region, by id and by what else they are found by. A copy shares the rows.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "each table is named for its rows")]
pub struct World {
    pub vpcs: Table<Vpc>,
    pub subnets: Table<Subnet>,
    pub internet_gateways: Table<InternetGateway>,
    pub route_tables: Table<RouteTable>,
    pub network_acls: Table<NetworkAcl>,
    pub security_groups: Table<SecurityGroup>,
    pub security_group_rules: Table<SecurityGroupRule>,
    pub network_interfaces: Table<NetworkInterface>,
    pub addresses: Table<Address>,
    pub instances: Table<Instance>,
    identities: Identities,
    client_tokens: Map<ClientTokenKey, Arc<ClientToken>>,
    private_address_counts: Map<SubnetId, usize>,
}

impl World {
    /// Applies a change set.
    pub fn apply(&mut self, changes: &ChangeSet) {
        for change in changes.iter() {
            match change {
                Change::Put(resource) => self.put(Resource::clone(resource)),
                Change::Delete(key) => self.delete(key),
            }
        }
    }

    /// Inserts or replaces one resource.
    pub fn put(&mut self, resource: Resource) {
        match resource {
            Resource::Vpc(row) => self.vpcs.put(Arc::new(row)),
            Resource::Subnet(row) => self.subnets.put(Arc::new(row)),
            Resource::InternetGateway(row) => self.internet_gateways.put(Arc::new(row)),
            Resource::RouteTable(row) => self.route_tables.put(Arc::new(row)),
            Resource::NetworkAcl(row) => self.network_acls.put(Arc::new(row)),
            Resource::SecurityGroup(row) => self.security_groups.put(Arc::new(row)),
            Resource::SecurityGroupRule(row) => self.security_group_rules.put(Arc::new(row)),
            Resource::NetworkInterface(row) => self.put_network_interface(row),
            Resource::Address(row) => self.addresses.put(Arc::new(row)),
            Resource::Instance(row) => self.instances.put(Arc::new(row)),
            Resource::Identity(row) => self.identities.put(row),
            Resource::ClientToken(row) => {
                self.client_tokens
                    .insert_mut(row.key.clone(), Arc::new(row));
            }
        }
    }

    fn delete(&mut self, key: &ResourceKey) {
        match key {
            ResourceKey::Vpc(id) => self.vpcs.delete(*id),
            ResourceKey::Subnet(id) => self.subnets.delete(*id),
            ResourceKey::InternetGateway(id) => self.internet_gateways.delete(*id),
            ResourceKey::RouteTable(id) => self.route_tables.delete(*id),
            ResourceKey::NetworkAcl(id) => self.network_acls.delete(*id),
            ResourceKey::SecurityGroup(id) => self.security_groups.delete(*id),
            ResourceKey::SecurityGroupRule(id) => self.security_group_rules.delete(*id),
            ResourceKey::NetworkInterface(id) => self.delete_network_interface(*id),
            ResourceKey::Address(id) => self.addresses.delete(*id),
            ResourceKey::Instance(id) => self.instances.delete(*id),
            ResourceKey::Identity(number) => self.identities.delete(*number),
            ResourceKey::ClientToken(key) => {
                self.client_tokens.remove_mut(key);
            }
        }
    }

    fn put_network_interface(&mut self, row: NetworkInterface) {
        self.delete_network_interface(row.network_interface_id);
        let added = row.private_ip_addresses.len();
        if added > 0 {
            match self.private_address_counts.get_mut(&row.subnet_id) {
                Some(count) => *count += added,
                None => self.private_address_counts.insert_mut(row.subnet_id, added),
            }
        }
        self.network_interfaces.put(Arc::new(row));
    }

    fn delete_network_interface(&mut self, id: NetworkInterfaceId) {
        let Some(row) = self.network_interfaces.get(id) else {
            return;
        };
        if let Some(count) = self.private_address_counts.get_mut(&row.subnet_id) {
            *count -= row.private_ip_addresses.len();
            if *count == 0 {
                self.private_address_counts.remove_mut(&row.subnet_id);
            }
        }
        self.network_interfaces.delete(id);
    }

    /// How many more private addresses a subnet has for interfaces: what is neither taken nor kept by EC2.
    #[must_use]
    pub fn available_ip_address_count(&self, subnet: &Subnet) -> u64 {
        let taken = self.private_address_counts.get(&subnet.subnet_id);
        let kept = quota::RESERVED_FIRST_ADDRESSES + quota::RESERVED_LAST_ADDRESSES;
        subnet
            .cidr_block
            .size()
            .saturating_sub(kept + taken.map_or(0, |taken| *taken as u64))
    }

    /// Everything, as the store holds it.
    pub fn resources(&self) -> impl Iterator<Item = Resource> {
        fn rows<R: Row + Clone + Into<Resource>>(
            table: &Table<R>,
        ) -> impl Iterator<Item = Resource> {
            table.iter().map(|row| R::clone(row).into())
        }
        rows(&self.vpcs)
            .chain(rows(&self.subnets))
            .chain(rows(&self.internet_gateways))
            .chain(rows(&self.route_tables))
            .chain(rows(&self.network_acls))
            .chain(rows(&self.security_groups))
            .chain(rows(&self.security_group_rules))
            .chain(rows(&self.network_interfaces))
            .chain(rows(&self.addresses))
            .chain(rows(&self.instances))
            .chain(self.identities.iter().map(Resource::from))
            .chain(
                self.client_tokens
                    .values()
                    .map(|token| ClientToken::clone(token).into()),
            )
    }

    /// Whether the region holds nothing yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vpcs.is_empty() && self.subnets.is_empty() && self.client_tokens.is_empty()
    }

    /// The number of a set of security groups that an interface is in.
    #[must_use]
    pub fn identity_of(&self, set: &SecurityGroupSet) -> Option<IdentityNumber> {
        self.identities.of(set)
    }

    /// The set of security groups that a number stands for.
    #[must_use]
    pub fn security_group_set(&self, identity: IdentityNumber) -> Option<&SecurityGroupSet> {
        self.identities.get(identity)
    }

    pub(crate) fn identities(&self) -> &Identities {
        &self.identities
    }

    /// The record of a client token.
    #[must_use]
    pub fn client_token(&self, key: &ClientTokenKey) -> Option<&Arc<ClientToken>> {
        self.client_tokens.get(key)
    }

    /// All records of client tokens, for their expiry.
    pub fn client_tokens(&self) -> impl Iterator<Item = &Arc<ClientToken>> {
        self.client_tokens.values()
    }

    /// The interface that has this attachment.
    #[must_use]
    pub fn network_interface_of_attachment(
        &self,
        id: AttachmentId,
    ) -> Option<&Arc<NetworkInterface>> {
        self.network_interfaces.one(&IndexKey::Attachment(id))
    }

    /// The interfaces attached to an instance, by id.
    pub fn network_interfaces_of(
        &self,
        instance_id: InstanceId,
    ) -> impl Iterator<Item = &Arc<NetworkInterface>> {
        self.network_interfaces.by(&IndexKey::Instance(instance_id))
    }

    /// The interfaces that are, or are to be, at an instance, with their attachments: not those that are being detached.
    pub fn attached_interfaces_of(
        &self,
        instance_id: InstanceId,
    ) -> impl Iterator<Item = (&NetworkInterface, &Attachment)> {
        self.network_interfaces_of(instance_id)
            .filter_map(|eni| Some((&**eni, eni.attachment.as_ref()?)))
            .filter(|(_, attachment)| {
                matches!(
                    attachment.status,
                    AttachmentStatus::Attaching | AttachmentStatus::Attached
                )
            })
    }

    /// The primary interface of an instance: device index 0 of card 0.
    #[must_use]
    pub fn primary_network_interface(
        &self,
        instance_id: InstanceId,
    ) -> Option<&Arc<NetworkInterface>> {
        self.network_interfaces_of(instance_id).find(|eni| {
            eni.attachment.as_ref().is_some_and(|attachment| {
                (attachment.network_card_index, attachment.device_index) == (0, 0)
            })
        })
    }

    /// The interface that has this private address in this VPC.
    #[must_use]
    pub fn owner_of_private_address(
        &self,
        vpc_id: VpcId,
        address: Ipv4Addr,
    ) -> Option<&Arc<NetworkInterface>> {
        self.network_interfaces
            .one(&IndexKey::PrivateAddress(vpc_id, address))
    }

    /// The public address of one private address of an interface.
    #[must_use]
    pub fn public_address_of(
        &self,
        eni: NetworkInterfaceId,
        private: Ipv4Addr,
    ) -> Option<&Arc<Address>> {
        self.addresses
            .by(&IndexKey::NetworkInterface(eni))
            .find(|address| {
                address
                    .association
                    .as_ref()
                    .is_some_and(|association| association.private_ip_address == private)
            })
    }

    /// The internet gateway attached to a VPC.
    #[must_use]
    pub fn internet_gateway_of(&self, vpc_id: VpcId) -> Option<InternetGatewayId> {
        self.internet_gateways
            .one(&IndexKey::Vpc(vpc_id))
            .map(|gateway| gateway.id())
    }

    /// The route table that a subnet uses: its own, or its VPC's main table.
    #[must_use]
    pub fn route_table_of(&self, subnet: &Subnet) -> Option<&Arc<RouteTable>> {
        self.route_tables
            .one(&IndexKey::Subnet(subnet.subnet_id))
            .or_else(|| self.main_route_table(subnet.vpc_id))
    }

    /// Whether a route of a table in the VPC leads anywhere: an internet gateway must be attached to the VPC, an
    /// interface to a running instance.
    #[must_use]
    pub fn route_state(&self, vpc_id: VpcId, target: RouteTarget) -> RouteState {
        let is_active = match target {
            RouteTarget::Local => true,
            RouteTarget::InternetGateway(id) => self
                .internet_gateways
                .get(id)
                .is_some_and(|gateway| gateway.vpc_id == Some(vpc_id)),
            RouteTarget::NetworkInterface(id) | RouteTarget::Instance(_, id) => self
                .network_interfaces
                .get(id)
                .and_then(|eni| eni.attachment.as_ref())
                .filter(|attachment| attachment.status == AttachmentStatus::Attached)
                .and_then(|attachment| self.instances.get(attachment.instance_id))
                .is_some_and(|instance| instance.state == InstanceState::Running),
        };
        if is_active {
            RouteState::Active
        } else {
            RouteState::Blackhole
        }
    }

    /// A VPC's main route table.
    #[must_use]
    pub fn main_route_table(&self, vpc_id: VpcId) -> Option<&Arc<RouteTable>> {
        self.route_tables
            .by(&IndexKey::Vpc(vpc_id))
            .find(|table| table.is_main())
    }

    /// The network ACL that a subnet uses.
    #[must_use]
    pub fn network_acl_of(&self, subnet_id: SubnetId) -> Option<&Arc<NetworkAcl>> {
        self.network_acls.one(&IndexKey::Subnet(subnet_id))
    }

    /// A VPC's default network ACL.
    #[must_use]
    pub fn default_network_acl(&self, vpc_id: VpcId) -> Option<&Arc<NetworkAcl>> {
        self.network_acls
            .by(&IndexKey::Vpc(vpc_id))
            .find(|acl| acl.is_default)
    }

    /// A VPC's default security group.
    #[must_use]
    pub fn default_security_group(&self, vpc_id: VpcId) -> Option<&Arc<SecurityGroup>> {
        self.security_group_named(vpc_id, SecurityGroup::DEFAULT_NAME)
    }

    /// The security group of a VPC with this name, without regard to case.
    #[must_use]
    pub fn security_group_named(&self, vpc_id: VpcId, name: &str) -> Option<&Arc<SecurityGroup>> {
        self.security_groups
            .one(&IndexKey::GroupName(vpc_id, name.to_lowercase()))
    }

    /// The default VPC.
    #[must_use]
    pub fn default_vpc(&self) -> Option<&Arc<Vpc>> {
        self.vpcs.iter().find(|vpc| vpc.is_default)
    }
}
