//! A small region in both readings: rows for the oracle, lowered tables for the pipeline.

mod draws;
mod edge;
mod ipv6;
mod nat;
mod services;
mod tables;
mod traffic;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use eni_lower::{Numbers, VportNumbers};
use eni_model::resource::{
    Address, AddressAssociation, Instance, IpProtocol, NetworkAcl, NetworkAclEntry,
    NetworkInterface, PortRange, Route, RouteOrigin, RouteTable, RouteTarget, RuleAction, RulePeer,
    SecurityGroup, SecurityGroupRule, Vpc, VpcPeeringConnection, VpcPeeringConnectionStatus,
};
use eni_model::tags::Tags;
use eni_model::testing::TestWorld;
use eni_model::{ChangeSet, World};

use eni_pipeline::testing::scenario::Dice;
use eni_pipeline::testing::{MemoryMemory, MemoryTables};
use eni_types::{
    AllocationId, AssociationId, AttachmentStatus, InstanceState, InternetGatewayId, IpCidr,
    Ipv4Cidr, Ipv6Cidr, NatGatewayId, NetworkInterfaceId, SecurityGroupId, SecurityGroupRuleId,
    SubnetId, TypedId, VpcId, VpcPeeringConnectionId,
};

const SUBNETS: [&str; 2] = ["10.0.1.0/24", "10.0.2.0/24"];
/// Of the peered VPC.
pub(crate) const PEER: &str = "10.1.0.0/16";
/// The third address of the VPC's block.
pub(crate) const VPC_RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const INSTANCES: usize = 5;
/// More than one region has generations of.
pub(crate) const EPOCHS: u64 = 1 << 16;
/// Ports in use: the neighbours of prefixes and of each other.
const PORTS: [u16; 8] = [0, 22, 80, 81, 443, 1_023, 1_024, 65_535];
/// Protocols that have nothing but a number: HOPOPT, GRE, ICMP for IPv6, UDP-Lite and the reserved one.
const NUMBERS: [u8; 5] = [0, 47, 58, 136, 255];

/// What a data plane with the region's tables draws for the flow of a frame from a vport, if that begins one.
pub(crate) type First = Box<dyn FnMut(&MemoryTables, u32, &[u8]) -> Option<u16>>;

/// A region, what its data plane has, and the time.
pub(crate) struct Region {
    model: TestWorld,
    vpc_id: VpcId,
    subnet_ids: Vec<SubnetId>,
    gateway_id: InternetGatewayId,
    peer_vpc_id: VpcId,
    peering_id: VpcPeeringConnectionId,
    nat_gateway_id: Option<NatGatewayId>,
    pub(crate) group_ids: Vec<SecurityGroupId>,
    numbers: Numbers,
    vports: VportNumbers,
    /// Of endpoints' interfaces.
    endpoints: BTreeMap<NetworkInterfaceId, u32>,
    /// The VPCs that the tables have named, by their numbers.
    vpcs: BTreeMap<u32, VpcId>,
    tables: MemoryTables,
    memory: MemoryMemory,
    now_ns: u64,
    epoch: u64,
    first_epoch: u64,
    ids: eni_types::IdSequence,
    /// Another data plane, which is given each frame before the pipeline: then this draws the port that a NAT gateway has drawn there.
    pub(crate) first: Option<First>,
    /// What [`Region::revoke_rules`] has taken away.
    revoked: Vec<SecurityGroupRule>,
}

impl Region {
    /// A VPC of two subnets, an internet gateway, three groups and five instances, with random rules; and one that is peered
    /// with it, of one subnet, the default group and two instances.
    ///
    /// Its tables' generations come after `epoch`.
    pub(crate) fn new(dice: &mut Dice, epoch: u64) -> Self {
        let mut model = TestWorld::bootstrapped();
        let vpc = model.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        let subnets = SUBNETS.map(|block| {
            let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", block)];
            model.make("CreateSubnet", &parameters, "/subnet/subnetId")
        });
        let gateway = model.make(
            "CreateInternetGateway",
            &[],
            "/internetGateway/internetGatewayId",
        );
        model.must(
            "AttachInternetGateway",
            &[("InternetGatewayId", &gateway), ("VpcId", &vpc)],
        );
        let peer = model.make("CreateVpc", &[("CidrBlock", PEER)], "/vpc/vpcId");
        let peering = model.make(
            "CreateVpcPeeringConnection",
            &[("VpcId", &vpc), ("PeerVpcId", &peer)],
            "/vpcPeeringConnection/vpcPeeringConnectionId",
        );
        model.must(
            "AcceptVpcPeeringConnection",
            &[("VpcPeeringConnectionId", &peering)],
        );
        let vpc_id: VpcId = vpc.parse().unwrap();
        let mut region = Self {
            vpc_id,
            subnet_ids: subnets.iter().map(|id| id.parse().unwrap()).collect(),
            gateway_id: gateway.parse().unwrap(),
            peer_vpc_id: peer.parse().unwrap(),
            peering_id: peering.parse().unwrap(),
            nat_gateway_id: None,
            group_ids: Vec::new(),
            numbers: Numbers::default(),
            vports: VportNumbers::default(),
            endpoints: BTreeMap::new(),
            vpcs: BTreeMap::new(),
            tables: MemoryTables::default(),
            memory: MemoryMemory::default(),
            now_ns: 1_000_000_000_000,
            epoch,
            first_epoch: epoch,
            ids: eni_types::IdSequence::default(),
            first: None,
            revoked: Vec::new(),
            model,
        };
        region.add_ipv6();
        region.add_groups();
        for _ in 0..INSTANCES {
            let subnet = dice.pick(&region.subnet_ids);
            let group = dice.pick(&region.group_ids);
            region.launch(subnet, group);
        }
        region.fill_peer(dice);
        region.give_addresses_of_ipv6();
        region.add_endpoint(dice);
        region.randomise(dice);
        region.lower();
        region
    }

    pub(crate) fn tables(&self) -> &MemoryTables {
        &self.tables
    }

    pub(crate) fn memory(&self) -> &MemoryMemory {
        &self.memory
    }

    pub(crate) fn pool(&self) -> Ipv4Cidr {
        self.model.region.public_pool
    }

    pub(crate) fn world(&self) -> &World {
        &self.model.world
    }

    fn put(&mut self, resource: impl Into<eni_model::Resource>) {
        self.model.put(resource);
    }

    fn add_groups(&mut self) {
        for number in 0..3 {
            let group_id = SecurityGroupId::generate(&mut self.ids);
            self.group_ids.push(group_id);
            let vpc_id = self.vpc_id;
            self.put(SecurityGroup {
                group_id,
                group_name: format!("group-{number}"),
                description: String::new(),
                vpc_id,
                tags: Tags::default(),
            });
        }
    }

    /// Two instances, who may be reached from everywhere, and mostly a way back.
    fn fill_peer(&mut self, dice: &mut Dice) {
        let peer = self.peer_vpc_id;
        let block = [("VpcId", &*peer.to_string()), ("CidrBlock", "10.1.1.0/24")];
        let subnet = self.model.make("CreateSubnet", &block, "/subnet/subnetId");
        let subnet: SubnetId = subnet.parse().unwrap();
        self.add_ipv6_to(peer, &[subnet]);
        let group = self.world().default_security_group(peer).unwrap().group_id;
        for _ in 0..2 {
            self.launch(subnet, group);
        }
        let block = dice.pick(&["0.0.0.0/0", "10.0.1.0/24"]);
        let peers = RulePeer::CidrIpv4(block.parse().unwrap());
        self.put_rule(group, false, (IpProtocol::All, -1, -1), peers);
        if dice.hits(2) {
            let peers = RulePeer::SecurityGroup(dice.pick(&self.group_ids));
            self.put_rule(group, false, (IpProtocol::TCP, 0, 65_535), peers);
        }
        let peers = RulePeer::CidrIpv6(Ipv6Cidr::ANY);
        self.put_rule(group, false, (IpProtocol::All, -1, -1), peers);
        let mut table = RouteTable::clone(self.world().main_route_table(peer).unwrap());
        if !dice.hits(4) {
            let way_back = IpCidr::V6(self.block_of_ipv6(self.vpc_id));
            for destination in ["10.0.0.0/8".parse().unwrap(), way_back] {
                table.routes.push(Route {
                    destination,
                    target: RouteTarget::VpcPeeringConnection(self.peering_id),
                    origin: RouteOrigin::CreateRoute,
                });
            }
        }
        self.put(table);
    }

    fn launch(&mut self, subnet: SubnetId, group: SecurityGroupId) {
        let images = self.model.must("DescribeImages", &[]);
        let image = images["imagesSet"]["item"][0].clone();
        let instance_type = match image["architecture"].as_str() {
            Some("arm64") => "t4g.medium",
            _ => "t3.medium",
        };
        let (subnet, group) = (subnet.to_string(), group.to_string());
        self.model.must(
            "RunInstances",
            &[
                ("ImageId", image["imageId"].as_str().unwrap()),
                ("InstanceType", instance_type),
                ("MinCount", "1"),
                ("MaxCount", "1"),
                ("NetworkInterface.1.DeviceIndex", "0"),
                ("NetworkInterface.1.SubnetId", &subnet),
                ("NetworkInterface.1.SecurityGroupId.1", &group),
                ("NetworkInterface.1.SecondaryPrivateIpAddressCount", "1"),
                ("MetadataOptions.HttpProtocolIpv6", "enabled"),
            ],
        );
    }

    /// Random rules, entries, routes, checks and addresses.
    fn randomise(&mut self, dice: &mut Dice) {
        for _ in 0..dice.roll(10) {
            self.add_rule(dice);
        }
        if dice.hits(2) {
            for group_id in self.group_ids.clone() {
                for world in [
                    RulePeer::CidrIpv4(Ipv4Cidr::ANY),
                    RulePeer::CidrIpv6(Ipv6Cidr::ANY),
                ] {
                    self.put_rule(group_id, true, (IpProtocol::All, -1, -1), world);
                }
            }
        }
        // Where nothing is allowed, nothing shows.
        if !dice.hits(3) {
            for group_id in self.group_ids.clone() {
                let block = dice.pick(&["0.0.0.0/0", "10.0.0.0/16", "0.0.0.0/1"]);
                let peer = RulePeer::CidrIpv4(block.parse().unwrap());
                self.put_rule(group_id, false, (IpProtocol::All, -1, -1), peer);
                let peer = RulePeer::CidrIpv6(self.any_block_of_ipv6(dice));
                self.put_rule(group_id, false, (IpProtocol::All, -1, -1), peer);
            }
        }
        for _ in 0..dice.roll(4) {
            self.add_entry(dice);
        }
        for _ in 0..2 {
            self.set_route(dice);
            self.set_route_of_ipv6(dice);
        }
        for _ in 0..3 {
            self.move_public_address(dice);
        }
        if dice.hits(2) {
            self.toggle_check(dice);
        }
        if dice.hits(3) {
            self.set_edge(dice);
        }
    }

    /// Changes one thing that the data plane must notice.
    pub(crate) fn change(&mut self, dice: &mut Dice) {
        match dice.roll(12) {
            0 | 1 => self.remove_rule(dice),
            2 => self.add_rule(dice),
            3 => self.add_entry(dice),
            4 => self.remove_entry(dice),
            5 => self.toggle_check(dice),
            6 if dice.hits(2) => self.set_route_of_ipv6(dice),
            6 => self.set_route(dice),
            7 => self.move_public_address(dice),
            8 if dice.hits(2) => self.set_edge(dice),
            8 => self.toggle_gateway(),
            9 if dice.hits(2) => self.toggle_endpoint_of_ipv6(dice),
            9 => self.toggle_resolver(),
            10 => self.toggle_peering(),
            _ => self.disturb(dice),
        }
        self.lower();
    }

    fn add_rule(&mut self, dice: &mut Dice) {
        let group_id = dice.pick(&self.group_ids);
        let ports = any_ports(dice);
        let peer = if dice.hits(3) {
            let peers = self.world().default_security_group(self.peer_vpc_id);
            let groups = [&self.group_ids[..], &[peers.unwrap().group_id]].concat();
            RulePeer::SecurityGroup(dice.pick(&groups))
        } else if dice.hits(3) {
            RulePeer::CidrIpv6(self.any_block_of_ipv6(dice))
        } else {
            RulePeer::CidrIpv4(any_block(dice))
        };
        self.put_rule(group_id, dice.hits(2), ports, peer);
    }

    fn put_rule(
        &mut self,
        group_id: SecurityGroupId,
        is_egress: bool,
        (ip_protocol, from_port, to_port): (IpProtocol, i32, i32),
        peer: RulePeer,
    ) {
        let security_group_rule_id = SecurityGroupRuleId::generate(&mut self.ids);
        self.put(SecurityGroupRule {
            security_group_rule_id,
            group_id,
            is_egress,
            ip_protocol,
            from_port,
            to_port,
            peer,
            peering: None,
            description: None,
            tags: Tags::default(),
        });
    }

    fn remove_rule(&mut self, dice: &mut Dice) {
        let rules: Vec<_> = self
            .world()
            .security_group_rules
            .iter()
            .filter(|rule| self.group_ids.contains(&rule.group_id))
            .map(|rule| rule.security_group_rule_id)
            .collect();
        if !rules.is_empty() {
            let mut changes = ChangeSet::none();
            changes.delete(dice.pick(&rules));
            self.model.world.apply(&changes);
        }
    }

    /// Nobody is let in any more, until [`Region::restore_rules`].
    pub(crate) fn revoke_rules(&mut self) {
        let rules = self.world().security_group_rules.iter();
        let rules = rules.filter(|rule| !rule.is_egress);
        self.revoked = rules.map(|rule| SecurityGroupRule::clone(rule)).collect();
        let mut changes = ChangeSet::none();
        for rule in &self.revoked {
            changes.delete(rule.security_group_rule_id);
        }
        self.model.world.apply(&changes);
        self.lower();
    }

    pub(crate) fn restore_rules(&mut self) {
        for rule in std::mem::take(&mut self.revoked) {
            self.put(rule);
        }
        self.lower();
    }

    fn add_entry(&mut self, dice: &mut Dice) {
        let mut acl = self.network_acl(dice);
        let (egress, rule_number) = (dice.hits(2), dice.pick(&[10, 50, 90, 110, 150]));
        acl.entries
            .retain(|entry| (entry.egress, entry.rule_number) != (egress, rule_number));
        let (protocol, from, to) = any_ports(dice);
        let ports = u16::try_from(from).ok().zip(u16::try_from(to).ok());
        acl.entries.push(NetworkAclEntry {
            rule_number,
            egress,
            protocol,
            rule_action: if dice.hits(2) {
                RuleAction::Allow
            } else {
                RuleAction::Deny
            },
            cidr_block: if dice.hits(3) {
                IpCidr::V6(self.any_block_of_ipv6(dice))
            } else {
                IpCidr::V4(any_block(dice))
            },
            port_range: ports
                .filter(|_| protocol.has_ports())
                .map(|(from, to)| PortRange { from, to }),
            icmp_type_code: None,
        });
        self.put(acl);
    }

    fn remove_entry(&mut self, dice: &mut Dice) {
        let mut acl = self.network_acl(dice);
        if !acl.entries.is_empty() {
            acl.entries
                .remove(dice.roll(acl.entries.len() as u64) as usize);
            self.put(acl);
        }
    }

    fn network_acl(&self, dice: &mut Dice) -> NetworkAcl {
        let subnet_id = dice.pick(&self.subnet_ids);
        NetworkAcl::clone(self.world().network_acl_of(subnet_id).unwrap())
    }

    fn set_route(&mut self, dice: &mut Dice) {
        let mut table = RouteTable::clone(self.world().main_route_table(self.vpc_id).unwrap());
        let eni = dice.pick(&self.interfaces_but_the_peers());
        let destination = dice
            .pick(&["0.0.0.0/0", "198.51.100.0/24", "10.0.2.0/24", PEER, PEER])
            .parse::<IpCidr>()
            .unwrap();
        table
            .routes
            .retain(|route| route.destination != destination);
        let gateway = self.nat_gateway_id.filter(|_| !dice.hits(4));
        let target = if let Some(gateway) = gateway {
            RouteTarget::NatGateway(gateway)
        } else if dice.hits(2) {
            RouteTarget::NetworkInterface(eni)
        } else if dice.hits(2) {
            RouteTarget::VpcPeeringConnection(self.peering_id)
        } else {
            RouteTarget::InternetGateway(self.gateway_id)
        };
        if !dice.hits(5) {
            table.routes.push(Route {
                destination,
                target,
                origin: RouteOrigin::CreateRoute,
            });
        }
        self.put(table);
    }

    fn toggle_check(&mut self, dice: &mut Dice) {
        let mut eni = self.interface(dice.pick(&self.interfaces()));
        eni.source_dest_check = !eni.source_dest_check;
        self.put(eni);
    }

    /// Ends the peering, or begins it again.
    fn toggle_peering(&mut self) {
        let connection = self.world().vpc_peering_connections.get(self.peering_id);
        let mut connection = VpcPeeringConnection::clone(connection.unwrap());
        connection.status = match connection.status {
            VpcPeeringConnectionStatus::Active => VpcPeeringConnectionStatus::Deleted,
            _ => VpcPeeringConnectionStatus::Active,
        };
        self.put(connection);
    }

    fn toggle_resolver(&mut self) {
        let mut vpc = Vpc::clone(self.world().vpcs.get(self.vpc_id).unwrap());
        vpc.enable_dns_support = !vpc.enable_dns_support;
        self.put(vpc);
    }

    /// Associates an Elastic IP address with another private address, or with none.
    fn move_public_address(&mut self, dice: &mut Dice) {
        let number = dice.roll(3);
        let eni = self.interface(dice.pick(&self.interfaces()));
        let private = dice.pick(&eni.private_ip_addresses);
        let taken = self
            .world()
            .public_address_of(eni.network_interface_id, private)
            .is_some();
        let association_id = AssociationId::generate(&mut self.ids);
        let association = (!taken && !dice.hits(5)).then_some(AddressAssociation {
            association_id,
            network_interface_id: eni.network_interface_id,
            private_ip_address: private,
        });
        let allocation_id: AllocationId = format!("eipalloc-0000000{number}").parse().unwrap();
        self.put(Address {
            allocation_id,
            public_ip: public(number),
            association,
            lent: false,
            tags: Tags::default(),
        });
    }

    /// Stops an instance, gives an interface other groups, or detaches it.
    fn disturb(&mut self, dice: &mut Dice) {
        let mut eni = self.interface(dice.pick(&self.interfaces()));
        let is_peers = eni.vpc_id == self.peer_vpc_id;
        match dice.roll(4) {
            0 => {
                let id = eni.attachment.as_ref().unwrap().instance_id;
                let mut instance = Instance::clone(self.world().instances.get(id).unwrap());
                instance.state = InstanceState::Stopping;
                self.put(instance);
            }
            1 => {
                eni.attachment.as_mut().unwrap().status = AttachmentStatus::Detaching;
                self.put(eni);
            }
            _ if is_peers => {}
            _ => {
                eni.group_ids = vec![dice.pick(&self.group_ids), dice.pick(&self.group_ids)];
                eni.group_ids.dedup();
                self.put(eni);
            }
        }
    }

    pub(crate) fn interfaces(&self) -> Vec<NetworkInterfaceId> {
        self.world()
            .network_interfaces
            .iter()
            .filter(|eni| !eni.is_managed())
            .map(|eni| eni.network_interface_id)
            .collect()
    }

    /// Routes lead to interfaces of their own VPC only.
    fn interfaces_but_the_peers(&self) -> Vec<NetworkInterfaceId> {
        let enis = self.world().network_interfaces.by(&self.vpc_id);
        let enis = enis.filter(|eni| !eni.is_managed());
        enis.map(|eni| eni.network_interface_id).collect()
    }

    pub(crate) fn interface(&self, id: NetworkInterfaceId) -> NetworkInterface {
        NetworkInterface::clone(self.world().network_interfaces.get(id).unwrap())
    }
}

fn public(number: u64) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, 10 + number as u8)
}

fn any_block(dice: &mut Dice) -> Ipv4Cidr {
    let blocks = [
        "0.0.0.0/0",
        "0.0.0.0/0",
        "10.0.0.0/16",
        "10.0.1.0/24",
        "10.0.2.0/24",
        "10.0.1.0/25",
        PEER,
        "198.51.100.1/32",
        "203.0.113.0/24",
        "203.0.113.11/32",
    ];
    dice.pick(&blocks).parse().unwrap()
}

/// A protocol with its ports, or type and code.
fn any_ports(dice: &mut Dice) -> (IpProtocol, i32, i32) {
    let number = dice.pick(&NUMBERS);
    let protocol = dice.pick(&[
        IpProtocol::All,
        IpProtocol::TCP,
        IpProtocol::TCP,
        IpProtocol::UDP,
        IpProtocol::ICMP,
        IpProtocol::Number(number),
    ]);
    if protocol == IpProtocol::ICMPV6 {
        return dice.pick(&[(protocol, -1, -1), (protocol, 128, 0)]);
    }
    if protocol == IpProtocol::ICMP {
        return dice.pick(&[
            (protocol, -1, -1),
            (protocol, 8, -1),
            (protocol, 0, 0),
            (protocol, 8, 0),
        ]);
    }
    if !protocol.has_ports() {
        return (protocol, -1, -1);
    }
    if dice.hits(3) {
        return (protocol, 0, 65_535);
    }
    let (one, other) = (i32::from(dice.pick(&PORTS)), i32::from(dice.pick(&PORTS)));
    (protocol, one.min(other), one.max(other))
}
