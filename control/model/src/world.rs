//! What is asked of a world besides its rows.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, Ipv6Addr};

use eni_types::{
    AttachmentId, AttachmentStatus, EgressOnlyInternetGatewayId, InstanceId, InstanceState,
    InternetGatewayId, Ipv4Cidr, NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId, quota,
};

use crate::identity::{IdentityNumber, SecurityGroupSet};
use crate::resource::{
    Address, Attachment, DhcpOptions, GroupName, Ipv6Address, NetworkAcl, NetworkInterface,
    PrivateAddress, RouteState, RouteTable, RouteTarget, SecurityGroup, Subnet, Vpc,
    VpcPeeringConnection, World,
};
use crate::{Change, ChangeSet, RegionSettings, Row};

impl World {
    /// Applies a change set.
    pub fn apply(&mut self, changes: &ChangeSet) {
        for change in changes.iter() {
            match change {
                Change::Put(resource) => self.put(resource.clone()),
                Change::Delete(key) => self.delete(key),
            }
        }
    }

    /// How many more private IPv4 addresses a subnet has for interfaces: what is neither taken nor kept by EC2.
    #[must_use]
    pub fn available_ip_address_count(&self, subnet: &Subnet) -> u64 {
        let counts = &self.network_interfaces.indexes().private_addresses;
        let taken = counts.of(&subnet.subnet_id) as u64;
        let kept = quota::RESERVED_FIRST_ADDRESSES + quota::RESERVED_LAST_ADDRESSES;
        let all = subnet.cidr_block.map_or(0, Ipv4Cidr::size);
        all.saturating_sub(kept + taken)
    }

    /// The number of a set of security groups that an interface is in.
    #[must_use]
    pub fn identity_of(&self, set: &SecurityGroupSet) -> Option<IdentityNumber> {
        self.identities.one(set).map(|identity| identity.number)
    }

    /// The set of security groups that a number stands for.
    #[must_use]
    pub fn security_group_set(&self, identity: IdentityNumber) -> Option<&[SecurityGroupId]> {
        let identity = self.identities.get(identity)?;
        Some(&identity.group_ids)
    }

    /// The interface that has this attachment.
    #[must_use]
    pub fn network_interface_of_attachment(
        &self,
        id: AttachmentId,
    ) -> Option<&Arc<NetworkInterface>> {
        self.network_interfaces.one(&id)
    }

    /// The interfaces attached to an instance, by id.
    pub fn network_interfaces_of(
        &self,
        instance_id: InstanceId,
    ) -> impl Iterator<Item = &Arc<NetworkInterface>> {
        self.network_interfaces.by(&instance_id)
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
            let attachment = eni.attachment.as_ref();
            attachment.is_some_and(Attachment::is_primary)
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
            .one(&PrivateAddress { vpc_id, address })
    }

    /// The interface that has this IPv6 address in this VPC.
    #[must_use]
    pub fn owner_of_ipv6_address(
        &self,
        vpc_id: VpcId,
        address: Ipv6Addr,
    ) -> Option<&Arc<NetworkInterface>> {
        self.network_interfaces
            .one(&Ipv6Address { vpc_id, address })
    }

    /// The public address of one private address of an interface.
    #[must_use]
    pub fn public_address_of(
        &self,
        eni: NetworkInterfaceId,
        private: Ipv4Addr,
    ) -> Option<&Arc<Address>> {
        self.addresses.by(&eni).find(|address| {
            address
                .association
                .as_ref()
                .is_some_and(|association| association.private_ip_address == private)
        })
    }

    /// The set of DHCP options that a VPC's instances are given; none for no options.
    #[must_use]
    pub fn dhcp_options_of(
        &self,
        vpc_id: VpcId,
        region: &RegionSettings,
    ) -> Option<Arc<DhcpOptions>> {
        let id = self.vpcs.get(vpc_id)?.dhcp_options_id?;
        if id == DhcpOptions::default_id() {
            return Some(Arc::new(DhcpOptions::default_of(region)));
        }
        self.dhcp_options.get(id).cloned()
    }

    /// The internet gateway attached to a VPC.
    #[must_use]
    pub fn internet_gateway_of(&self, vpc_id: VpcId) -> Option<InternetGatewayId> {
        self.internet_gateways
            .one(&vpc_id)
            .map(|gateway| gateway.id())
    }

    /// The egress-only internet gateway of a VPC.
    #[must_use]
    pub fn egress_only_internet_gateway_of(
        &self,
        vpc_id: VpcId,
    ) -> Option<EgressOnlyInternetGatewayId> {
        self.egress_only_internet_gateways
            .one(&vpc_id)
            .map(|gateway| gateway.id())
    }

    /// The active peering connection of two VPCs.
    #[must_use]
    pub fn peering_between(&self, one: VpcId, other: VpcId) -> Option<&Arc<VpcPeeringConnection>> {
        let mut live = self.vpc_peering_connections.by(&one);
        live.find(|connection| connection.peer_of(one) == Some(other))
    }

    /// The route table that a subnet uses: its own, or its VPC's main table.
    #[must_use]
    pub fn route_table_of(&self, subnet: &Subnet) -> Option<&Arc<RouteTable>> {
        self.route_tables
            .one(&subnet.subnet_id)
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
            RouteTarget::EgressOnlyInternetGateway(id) => {
                self.egress_only_internet_gateway_of(vpc_id) == Some(id)
            }
            RouteTarget::NatGateway(id) => self
                .nat_gateways
                .get(id)
                .is_some_and(|gateway| gateway.interface().is_some() && gateway.vpc_id == vpc_id),
            RouteTarget::VpcPeeringConnection(id) => self
                .vpc_peering_connections
                .get(id)
                .is_some_and(|connection| connection.peer_of(vpc_id).is_some()),
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
        self.route_tables.by(&vpc_id).find(|table| table.is_main())
    }

    /// The network ACL that a subnet uses.
    #[must_use]
    pub fn network_acl_of(&self, subnet_id: SubnetId) -> Option<&Arc<NetworkAcl>> {
        self.network_acls.one(&subnet_id)
    }

    /// A VPC's default network ACL.
    #[must_use]
    pub fn default_network_acl(&self, vpc_id: VpcId) -> Option<&Arc<NetworkAcl>> {
        self.network_acls.by(&vpc_id).find(|acl| acl.is_default)
    }

    /// A VPC's default security group.
    #[must_use]
    pub fn default_security_group(&self, vpc_id: VpcId) -> Option<&Arc<SecurityGroup>> {
        self.security_group_named(vpc_id, SecurityGroup::DEFAULT_NAME)
    }

    /// The security group of a VPC with this name, without regard to case.
    #[must_use]
    pub fn security_group_named(&self, vpc_id: VpcId, name: &str) -> Option<&Arc<SecurityGroup>> {
        self.security_groups.one(&GroupName::new(vpc_id, name))
    }

    /// The default VPC.
    #[must_use]
    pub fn default_vpc(&self) -> Option<&Arc<Vpc>> {
        self.vpcs.iter().find(|vpc| vpc.is_default)
    }
}
