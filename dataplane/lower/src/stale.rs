//! Which parts of what was lowered a change of the world concerns.
//!
//! Each kind of row says here what lowering reads of it and who reads that. What nobody reads, as tags, names and
//! descriptions, concerns nothing.

use alloc::collections::BTreeSet;

use eni_model::resource::{Attachment, Instance, NetworkInterface, ResourceKey, RouteTable, Vpc};
use eni_model::{FoundBy, World};
use eni_types::{
    AllocationId, InstanceId, InternetGatewayId, NatGatewayId, NetworkAclId, NetworkInterfaceId,
    NetworkInterfaceType, RouteTableId, SecurityGroupId, SubnetId, VpcId, VpcPeeringConnectionId,
};

use crate::policy::is_same_rule;

/// What is to be lowered again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stale {
    /// With their interfaces.
    pub(crate) instances: BTreeSet<InstanceId>,
    /// The policies of sets that hold these groups. Interfaces are lowered again where one gets another number.
    pub(crate) groups: BTreeSet<SecurityGroupId>,
    /// The policies of these.
    pub(crate) network_acls: BTreeSet<NetworkAclId>,
    /// The routes of these.
    pub(crate) route_tables: BTreeSet<RouteTableId>,
    /// The blocks of these.
    pub(crate) vpcs: BTreeSet<VpcId>,
    /// Their rows.
    pub(crate) nat_gateways: BTreeSet<NatGatewayId>,
    /// Interfaces of endpoints.
    pub(crate) endpoints: BTreeSet<NetworkInterfaceId>,
}

impl Stale {
    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty()
            && self.groups.is_empty()
            && self.network_acls.is_empty()
            && self.route_tables.is_empty()
            && self.vpcs.is_empty()
            && self.nat_gateways.is_empty()
            && self.endpoints.is_empty()
    }

    /// Adds what interfaces share, whatever has become of it.
    pub(crate) fn add_shared(&mut self, key: ResourceKey) {
        match key {
            ResourceKey::SecurityGroup(id) => _ = self.groups.insert(id),
            ResourceKey::NetworkAcl(id) => _ = self.network_acls.insert(id),
            ResourceKey::Vpc(id) => _ = self.vpcs.insert(id),
            ResourceKey::RouteTable(id) => _ = self.route_tables.insert(id),
            ResourceKey::NatGateway(id) => _ = self.nat_gateways.insert(id),
            // Of an endpoint.
            ResourceKey::NetworkInterface(id) => _ = self.endpoints.insert(id),
            _ => {}
        }
    }

    /// Adds what the change of one row concerns. Of rows that have changed as well, only what they had before need be
    /// found: they are added on their own.
    pub(crate) fn add(&mut self, key: &ResourceKey, before: &World, after: &World) {
        match key {
            ResourceKey::Vpc(id) => self.add_vpc(*id, before, after),
            ResourceKey::Subnet(id) => self.add_subnet_blocks(*id, before, after),
            ResourceKey::InternetGateway(id) => {
                let vpc = |world: &World| world.internet_gateways.get(*id)?.vpc_id;
                if vpc(before) != vpc(after) {
                    let vpcs = [vpc(before), vpc(after)].into_iter().flatten();
                    vpcs.for_each(|vpc| self.add_gateway(vpc, after));
                }
            }
            // It stays at its VPC for life.
            ResourceKey::EgressOnlyInternetGateway(id) => {
                let gateway = |world: &World| {
                    let gateway = world.egress_only_internet_gateways.get(*id)?;
                    Some(gateway.vpc_id)
                };
                if let (Some(vpc), None) | (None, Some(vpc)) = (gateway(before), gateway(after)) {
                    self.add_route_tables(vpc, after);
                    self.vpcs.insert(vpc);
                }
            }
            ResourceKey::VpcPeeringConnection(id) => self.add_peering(*id, before, after),
            ResourceKey::NatGateway(id) => self.add_nat_gateway(*id, before, after),
            ResourceKey::RouteTable(id) => self.add_route_table(*id, before, after),
            ResourceKey::NetworkAcl(id) => self.add_network_acl(*id, before, after),
            // What a group allows is in its rules, who has it in the interfaces.
            ResourceKey::SecurityGroup(_) => {}
            ResourceKey::SecurityGroupRule(id) => {
                let rules = [before, after].map(|world| world.security_group_rules.get(*id));
                if let [Some(before), Some(after)] = rules
                    && is_same_rule(before, after)
                {
                    return;
                }
                for rule in rules.into_iter().flatten() {
                    self.groups.insert(rule.group_id);
                }
            }
            ResourceKey::NetworkInterface(id) => {
                let enis = [before, after].map(|world| world.network_interfaces.get(*id));
                let [was, is] = enis.map(|eni| eni.map(|eni| read_of_interface(eni)));
                if was != is {
                    let enis = enis.into_iter().flatten();
                    enis.for_each(|eni| self.add_user_of(eni, after));
                }
            }
            ResourceKey::Address(id) => self.add_address(*id, before, after),
            ResourceKey::Instance(id) => {
                let [was, is] = [before, after]
                    .map(|world| world.instances.get(*id).map(|one| read_of_instance(one)));
                if was != is {
                    self.instances.insert(*id);
                }
            }
            // What it gives is in its interfaces.
            ResourceKey::VpcEndpoint(_) => {}
            // A set of DHCP options never changes. An identity comes with the first interface that has it.
            ResourceKey::DhcpOptions(_)
            | ResourceKey::Identity(_)
            | ResourceKey::ClientToken(_)
            | ResourceKey::IamInstanceProfileAssociation(_)
            | ResourceKey::InstanceProfile(_)
            | ResourceKey::KeyPair(_)
            | ResourceKey::MetadataDefaults(_)
            | ResourceKey::Policy(_)
            | ResourceKey::Role(_) => {}
        }
    }

    fn add_vpc(&mut self, id: VpcId, before: &World, after: &World) {
        let [was, is] = [before, after].map(|world| world.vpcs.get(id));
        let [blocks_before, blocks_after] = [was, is].map(|vpc| {
            let blocks = vpc.into_iter().flat_map(|vpc| vpc.blocks());
            blocks.collect::<BTreeSet<_>>()
        });
        if blocks_before != blocks_after {
            self.vpcs.insert(id);
            // Peers have rows of its blocks.
            for connection in after.vpc_peering_connections.by(&id) {
                self.vpcs.extend(connection.peer_of(id));
            }
        }
        let read = |vpc: &Vpc| (vpc.dhcp_options_id, vpc.resolver_address());
        if was.map(|vpc| read(vpc)) != is.map(|vpc| read(vpc)) {
            let instances = after.instances.by(&id);
            self.instances
                .extend(instances.map(|instance| instance.instance_id));
        }
    }

    fn add_address(&mut self, id: AllocationId, before: &World, after: &World) {
        let [was, is] = [before, after].map(|world| {
            let address = world.addresses.get(id)?;
            let association = address.association.as_ref()?;
            let private = association.private_ip_address;
            Some((association.network_interface_id, private, address.public_ip))
        });
        if was != is {
            let enis = [was, is].into_iter().flatten();
            enis.for_each(|(eni, ..)| self.add_interface(eni, after));
        }
    }

    /// What is read of it beside its interface: whether it carries packets. Routes lead there as long as it does.
    fn add_nat_gateway(&mut self, id: NatGatewayId, before: &World, after: &World) {
        let [was, is] = [before, after].map(|world| {
            let gateway = world.nat_gateways.get(id);
            gateway.and_then(|gateway| gateway.interface())
        });
        if was != is {
            self.nat_gateways.insert(id);
            let tables = after.route_tables.by(&id);
            self.route_tables
                .extend(tables.map(|table| table.route_table_id));
        }
    }

    /// Its ends never change.
    fn add_peering(&mut self, id: VpcPeeringConnectionId, before: &World, after: &World) {
        let [was, is] = [before, after].map(|world| {
            let connection = world.vpc_peering_connections.get(id);
            connection.is_some_and(|connection| connection.is_active())
        });
        if was != is {
            let tables = after.route_tables.by(&id);
            self.route_tables
                .extend(tables.map(|table| table.route_table_id));
            let connections = [before, after].map(|world| world.vpc_peering_connections.get(id));
            for connection in connections.into_iter().flatten() {
                self.vpcs.insert(connection.requester_vpc_id);
                self.vpcs.insert(connection.accepter_vpc_id);
            }
        }
    }

    fn add_subnet_blocks(&mut self, id: SubnetId, before: &World, after: &World) {
        let [was, is] = [before, after].map(|world| {
            let subnet = world.subnets.get(id)?;
            Some((subnet.cidr_block, subnet.ipv6_cidr_block()))
        });
        if was != is {
            self.add_subnet(id, after);
        }
    }

    fn add_interface(&mut self, id: NetworkInterfaceId, world: &World) {
        if let Some(eni) = world.network_interfaces.get(id) {
            self.add_user_of(eni, world);
        }
    }

    /// The instance or the NAT gateway that has the interface, or the interface itself where it is an endpoint's.
    pub(crate) fn add_user_of(&mut self, eni: &NetworkInterface, world: &World) {
        let attachment = eni.attachment.as_ref();
        self.instances
            .extend(attachment.map(|attachment| attachment.instance_id));
        if eni.interface_type == NetworkInterfaceType::VpcEndpoint {
            self.endpoints.insert(eni.network_interface_id);
        }
        if eni.interface_type == NetworkInterfaceType::NatGateway {
            let gateway = world.nat_gateways.one(&eni.network_interface_id);
            self.nat_gateways
                .extend(gateway.map(|gateway| gateway.nat_gateway_id));
        }
    }

    fn add_interfaces<K: Ord>(&mut self, key: &K, world: &World)
    where
        NetworkInterface: FoundBy<K>,
    {
        let enis = world.network_interfaces.by(key);
        enis.for_each(|eni| self.add_user_of(eni, world));
    }

    fn add_subnet(&mut self, id: SubnetId, world: &World) {
        self.add_interfaces(&id, world);
    }

    fn add_route_tables(&mut self, vpc: VpcId, world: &World) {
        let tables = world.route_tables.by(&vpc);
        self.route_tables
            .extend(tables.map(|table| table.route_table_id));
    }

    /// What a VPC's internet gateway gives: the way out, and public addresses.
    fn add_gateway(&mut self, vpc: VpcId, world: &World) {
        self.add_route_tables(vpc, world);
        self.vpcs.insert(vpc);
        for address in world.addresses.iter() {
            if let Some(association) = &address.association {
                let eni = world
                    .network_interfaces
                    .get(association.network_interface_id);
                if eni.is_some_and(|eni| eni.vpc_id == vpc) {
                    self.add_interface(association.network_interface_id, world);
                }
            }
        }
    }

    fn add_route_table(&mut self, id: RouteTableId, before: &World, after: &World) {
        let [was, is] = [before, after].map(|world| world.route_tables.get(id));
        if was.map(|table| &table.routes) != is.map(|table| &table.routes) {
            self.route_tables.insert(id);
        }
        type User = (Option<SubnetId>, Option<InternetGatewayId>);
        let users = |table: Option<&RouteTable>| -> BTreeSet<User> {
            let associations = table.into_iter().flat_map(|table| &table.associations);
            associations
                .map(|one| (one.subnet_id, one.gateway_id))
                .collect()
        };
        let [users_before, users_after] = [was, is].map(|table| users(table.map(|table| &**table)));
        for user in users_before.symmetric_difference(&users_after) {
            let vpcs = [was, is].into_iter().flatten().map(|table| table.vpc_id);
            match user {
                (Some(id), _) => self.add_subnet(*id, after),
                (None, Some(_)) => self.vpcs.extend(vpcs),
                // The main table, which serves all subnets without one of their own.
                (None, None) => vpcs.for_each(|vpc| self.add_interfaces(&vpc, after)),
            }
        }
    }

    /// Its subnets' interfaces as well, as their policy gets another number.
    fn add_network_acl(&mut self, id: NetworkAclId, before: &World, after: &World) {
        let [was, is] = [before, after].map(|world| world.network_acls.get(id));
        let has_same_entries = was.map(|acl| &acl.entries) == is.map(|acl| &acl.entries);
        if !has_same_entries {
            self.network_acls.insert(id);
        }
        let [subnets_before, subnets_after] = [was, is].map(|acl| -> BTreeSet<SubnetId> {
            let associations = acl.into_iter().flat_map(|acl| &acl.associations);
            associations.map(|one| one.subnet_id).collect()
        });
        for subnet in subnets_before.union(&subnets_after) {
            let stays = subnets_before.contains(subnet) && subnets_after.contains(subnet);
            if !stays || !has_same_entries {
                self.add_subnet(*subnet, after);
            }
        }
    }
}

/// What is read of an interface, itself or by its id.
fn read_of_interface(eni: &NetworkInterface) -> impl PartialEq {
    let NetworkInterface {
        network_interface_id: _,
        subnet_id,
        vpc_id,
        availability_zone: _,
        interface_type,
        mac_address,
        description: _,
        private_ip_addresses,
        ipv6_addresses,
        has_primary_ipv6_address: _,
        ipv4_prefixes,
        ipv6_prefixes,
        group_ids,
        source_dest_check,
        attachment,
        connection_tracking,
        map_public_ip_on_launch: _,
        requester_id: _,
        created_by: _,
        tags: _,
    } = eni;
    (
        (subnet_id, vpc_id, interface_type, mac_address),
        (private_ip_addresses, ipv6_addresses),
        (ipv4_prefixes, ipv6_prefixes),
        (group_ids, source_dest_check),
        (
            connection_tracking,
            attachment.as_ref().map(read_of_attachment),
        ),
    )
}

fn read_of_attachment(attachment: &Attachment) -> impl PartialEq {
    let Attachment {
        attachment_id,
        instance_id,
        device_index,
        network_card_index,
        attach_time: _,
        status,
        delete_on_termination: _,
    } = attachment;
    (
        attachment_id,
        instance_id,
        (device_index, network_card_index, status),
    )
}

/// What is read of an instance. The agent waits for the states that lowering makes no difference between.
fn read_of_instance(instance: &Instance) -> impl PartialEq {
    let Instance {
        instance_id: _,
        reservation_id: _,
        ami_launch_index: _,
        image_id: _,
        instance_type,
        subnet_id: _,
        vpc_id: _,
        availability_zone: _,
        state,
        transition: _,
        launch_time: _,
        boot_count,
        has_run,
        impaired_since,
        user_data,
        key_name: _,
        public_key: _,
        disable_api_termination: _,
        instance_initiated_shutdown_behavior: _,
        ebs_optimized: _,
        disable_api_stop: _,
        metadata_options,
        private_dns_names,
        cpu_credits: _,
        block_devices: _,
        client_token: _,
        tags: _,
    } = instance;
    (
        (instance_type, state, boot_count, has_run, user_data),
        (impaired_since, &metadata_options.http_protocol_ipv6),
        private_dns_names.hostname_type,
    )
}
