//! Lowering that follows the world against lowering of the whole world, over random sequences of calls.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use eni_abi::{Address, InternetBlock, Route, Vport};
use eni_lower::{Delta, Lowering, Numbers, Tables, VportNumbers};
use eni_model::resource::{NetworkInterface, ResourceKey};
use eni_model::testing::{TestWorld, differing_rows, random_step};
use eni_model::{Transition, World, plan_transitions};
use eni_types::Ipv6Cidr;
use proptest::prelude::*;

/// So few that some interfaces find none free.
const VPORTS: u32 = 9;

/// A region, and what follows it.
struct Follower {
    region: TestWorld,
    /// The world that was last followed.
    seen: World,
    vports: VportNumbers,
    lowering: Lowering,
}

impl Follower {
    fn new(region: TestWorld, vports: u32) -> Self {
        let mut vports = VportNumbers::below(vports);
        let (lowering, _) = Lowering::new(
            &region.world,
            &region.region,
            Numbers::default(),
            &mut vports,
        );
        Self {
            seen: region.world.clone(),
            region,
            vports,
            lowering,
        }
    }

    fn follow(&mut self) -> Delta {
        let before = self.lowering.desired().clone();
        let keys = differing_rows(&self.seen, &self.region.world);
        let world = &self.region.world;
        let update = self
            .lowering
            .update(&self.seen, world, &keys, &mut self.vports);
        self.seen = world.clone();
        let differences = Delta::between(&before, self.lowering.desired());
        assert_eq!(update.delta, differences, "after {keys:#?}");
        self.compare(&keys);
        update.delta
    }

    /// As the whole lowering does not know who came first where vports are scarce, it is given the same numbers.
    fn compare(&self, keys: &BTreeSet<ResourceKey>) {
        let (world, settings) = (&self.region.world, &self.region.region);
        let numbers = self.lowering.numbers().clone();
        let (whole, _) = Lowering::new(world, settings, numbers, &mut self.vports.clone());
        assert_eq!(self.lowering.desired(), whole.desired(), "after {keys:#?}");
        assert_eq!(self.lowering.numbers(), whole.numbers());
    }

    /// Frees the numbers of attachments that are not plugged in any more.
    fn release(&mut self) {
        let desired = self.lowering.desired();
        let gone = self.vports.iter().filter(|(id, vport)| {
            let row = desired.tables.vports.get(vport);
            !desired.interfaces.contains_key(id) && !row.is_some_and(Vport::is_endpoint)
        });
        for (id, _) in gone.collect::<Vec<_>>() {
            self.vports.release(id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_follows_the_world_is_what_the_whole_world_gives(
        vports in prop::sample::select(&[VPORTS, 4_096][..]),
        steps in prop::collection::vec((any::<u32>(), any::<u64>(), 0..4_u8), 1..200),
    ) {
        let mut follower = Follower::new(TestWorld::bootstrapped(), vports);
        for (choice, seed, more) in steps {
            random_step(choice, seed, &mut follower.region);
            // Several calls may be followed at once.
            if more != 0 {
                follower.follow();
            }
            if more == 1 {
                follower.release();
            }
        }
        follower.follow();
        for count in [1, 2, 1_000] {
            let Follower { lowering, seen, vports, .. } = &mut follower;
            let shared = seen.security_groups.len()
                + seen.network_acls.len()
                + seen.vpcs.len()
                + seen.route_tables.len()
                + seen.nat_gateways.len();
            for _ in 0..seen.instances.len() + shared + 2 {
                let update = lowering.check_next(seen, count, vports);
                let waited = update.delta.interfaces.values().all(Option::is_none);
                prop_assert!(update.delta.is_empty() || waited, "{update:?}");
            }
        }
    }
}

#[test]
fn instances_and_routes_to_their_interfaces_are_followed() {
    let mut walk = Walk::new();
    let [a, b] = walk.launch();
    let (table, eni) = (walk.main_route_table(), walk.primary(&b));
    let route = [
        ("RouteTableId", &*table),
        ("DestinationCidrBlock", "192.168.0.0/16"),
        ("NetworkInterfaceId", &eni),
    ];
    walk.felt("CreateRoute", &route);
    let id = [("InstanceId.1", &*b)];
    walk.felt("StopInstances", &id);
    walk.report(&b);
    walk.felt("StartInstances", &id);
    walk.report(&b);
    walk.felt("RebootInstances", &id);
    walk.report(&b);
    walk.felt("DeleteRoute", &route[..2]);
    let name = [
        ("ResourceId.1", &*a),
        ("ResourceId.2", &*eni),
        ("Tag.1.Key", "Name"),
        ("Tag.1.Value", "a"),
    ];
    walk.unfelt("CreateTags", &name);
    walk.felt("TerminateInstances", &[("InstanceId.1", &a)]);
}

#[test]
fn peerings_are_followed_and_who_is_at_their_other_end() {
    let mut walk = Walk::new();
    walk.launch();
    let (vpc, table) = (walk.vpc.clone(), walk.main_route_table());
    let peer = walk.made("CreateVpc", &[("CidrBlock", "10.9.0.0/16")], "/vpc/vpcId");
    let pair = [("VpcId", &*vpc), ("PeerVpcId", &peer)];
    let id = "/vpcPeeringConnection/vpcPeeringConnectionId";
    let connection = walk.made("CreateVpcPeeringConnection", &pair, id);
    let named = [("VpcPeeringConnectionId", &*connection)];
    let route = [
        ("RouteTableId", &*table),
        ("DestinationCidrBlock", "10.9.0.0/16"),
        named[0],
    ];
    walk.felt("CreateRoute", &route);
    walk.felt("AcceptVpcPeeringConnection", &named);
    let block = [("VpcId", &*peer), ("CidrBlock", "10.9.1.0/24")];
    let subnet = walk.made("CreateSubnet", &block, "/subnet/subnetId");
    // The route's row gets the number of the VPC, which has one now.
    let there = walk.launch_in(&subnet);
    walk.felt("TerminateInstances", &[("InstanceId.1", &there)]);
    walk.report(&there);
    walk.felt("DeleteVpcPeeringConnection", &named);
    walk.felt("DeleteRoute", &route[..2]);
}

#[test]
fn addresses_and_gateways_are_followed() {
    let mut walk = Walk::new();
    let instances = walk.launch();
    let [a, b] = [&instances[0], &instances[1]].map(|id| walk.primary(id));
    let (vpc, table) = (walk.vpc.clone(), walk.main_route_table());
    let id = "/internetGateway/internetGatewayId";
    let gateway = walk.made("CreateInternetGateway", &[], id);
    // It translates the addresses that were lent at the launch.
    let of_vpc = [("InternetGatewayId", &*gateway), ("VpcId", &vpc)];
    walk.felt("AttachInternetGateway", &of_vpc);
    let route = [
        ("RouteTableId", &*table),
        ("DestinationCidrBlock", "0.0.0.0/0"),
        ("GatewayId", &gateway),
    ];
    walk.felt("CreateRoute", &route);
    let allocation = walk.made("AllocateAddress", &[], "/allocationId");
    for eni in [&a, &b, &a] {
        let parameters = [
            ("AllocationId", &*allocation),
            ("NetworkInterfaceId", eni),
            ("AllowReassociation", "true"),
        ];
        walk.felt("AssociateAddress", &parameters);
    }
    let associations = walk.world().addresses.iter();
    let id = associations
        .filter(|address| !address.lent)
        .find_map(|address| Some(address.association.as_ref()?.association_id));
    let id = id.unwrap();
    walk.felt("DisassociateAddress", &[("AssociationId", &id.to_string())]);
    let more = [
        ("NetworkInterfaceId", &*a),
        ("SecondaryPrivateIpAddressCount", "1"),
    ];
    walk.felt("AssignPrivateIpAddresses", &more);
    let check = [
        ("NetworkInterfaceId", &*a),
        ("SourceDestCheck.Value", "false"),
    ];
    walk.felt("ModifyNetworkInterfaceAttribute", &check);
    walk.felt("DeleteRoute", &route[..2]);
}

#[test]
fn nat_gateways_are_followed_and_found_again() {
    let mut walk = Walk::new();
    walk.launch();
    let (vpc, table) = (walk.vpc.clone(), walk.main_route_table());
    let block = [("VpcId", &*vpc), ("CidrBlock", "10.0.9.0/24")];
    let subnet = walk.made("CreateSubnet", &block, "/subnet/subnetId");
    let private = [("SubnetId", &*subnet), ("ConnectivityType", "private")];
    let id = "/natGateway/natGatewayId";
    let gateway = walk.follower.region.make("CreateNatGateway", &private, id);
    assert!(!walk.follower.follow().is_empty());
    let [(number, row)] = [walk.tables().nat_gateways.first_key_value().unwrap()];
    let (number, row) = (*number, *row);
    assert_eq!(row.address_count, 1);
    let named = ("NatGatewayId", &*gateway);
    let route = [
        ("RouteTableId", &*table),
        ("DestinationCidrBlock", "0.0.0.0/0"),
        named,
    ];
    walk.felt("CreateRoute", &route);
    let there = Route::to_nat_gateway(number);
    let leads_there = |walk: &Walk| walk.tables().routes.values().any(|row| *row == there);
    assert!(leads_there(&walk));
    walk.restart();
    walk.felt(
        "AssignPrivateNatGatewayAddress",
        &[named, ("PrivateIpAddressCount", "1")],
    );
    // Its subnet gets a table and an ACL of its own.
    let own = walk.made("CreateRouteTable", &block[..1], "/routeTable/routeTableId");
    let pair = [("RouteTableId", &*own), ("SubnetId", &subnet)];
    walk.felt("AssociateRouteTable", &pair);
    let acl = walk.world().network_acl_of(subnet.parse().unwrap());
    let of_subnet = acl.unwrap().associations.iter();
    let mut of_subnet = of_subnet.filter(|one| one.subnet_id.to_string() == subnet);
    let association = of_subnet.next().unwrap().association_id.to_string();
    let own = walk.made("CreateNetworkAcl", &block[..1], "/networkAcl/networkAclId");
    let pair = [("AssociationId", &*association), ("NetworkAclId", &own)];
    walk.felt("ReplaceNetworkAclAssociation", &pair);
    let after = walk.tables().nat_gateways[&number];
    assert_eq!(after.address_count, 2);
    assert_ne!(after.route_table, row.route_table);
    assert_ne!(after.network_acl_policy, row.network_acl_policy);
    walk.restart();
    walk.felt("DeleteNatGateway", &[named]);
    assert!(walk.tables().nat_gateways.is_empty());
    assert!(!leads_there(&walk));
}

#[test]
fn rules_of_groups_and_their_members_are_followed() {
    let mut walk = Walk::new();
    let instances = walk.launch();
    let [a, b] = [&instances[0], &instances[1]].map(|id| walk.primary(id));
    let vpc = walk.vpc.clone();
    let group = [
        ("GroupName", "web"),
        ("GroupDescription", "web"),
        ("VpcId", &vpc),
    ];
    let group = walk.made("CreateSecurityGroup", &group, "/groupId");
    let tcp = |port| {
        [
            ("GroupId", &*group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", port),
            ("IpPermissions.1.ToPort", port),
        ]
    };
    let block = [("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8")];
    let itself = [("IpPermissions.1.Groups.1.GroupId", &*group)];
    let authorize = "AuthorizeSecurityGroupIngress";
    walk.unfelt(authorize, &[&tcp("80")[..], &block].concat());
    let member = |eni| [("NetworkInterfaceId", eni), ("SecurityGroupId.1", &*group)];
    walk.felt("ModifyNetworkInterfaceAttribute", &member(&a));
    walk.felt_in_place(authorize, &[&tcp("81")[..], &block].concat());
    walk.felt_in_place(authorize, &[&tcp("82")[..], &itself].concat());
    walk.felt("ModifyNetworkInterfaceAttribute", &member(&b));
    let revoke = "RevokeSecurityGroupIngress";
    walk.felt_in_place(revoke, &[&tcp("80")[..], &block].concat());
    walk.felt_in_place(authorize, &[&tcp("79")[..], &block].concat());
    walk.felt_in_place(revoke, &[&tcp("81")[..], &block].concat());
    // The rules of one group name a set that others have come to be in.
    let default = walk.world().default_security_group(vpc.parse().unwrap());
    let default = default.unwrap().group_id.to_string();
    let both = [
        ("NetworkInterfaceId", &*b),
        ("SecurityGroupId.1", &*group),
        ("SecurityGroupId.2", &default),
    ];
    walk.felt("ModifyNetworkInterfaceAttribute", &both);
    walk.felt(revoke, &[&tcp("82")[..], &itself].concat());
}

#[test]
fn network_acls_and_route_tables_of_subnets_are_followed() {
    let mut walk = Walk::new();
    walk.launch();
    let (vpc, subnet) = (walk.vpc.clone(), walk.subnet.clone());
    let id = "/networkAcl/networkAclId";
    let acl = walk.made("CreateNetworkAcl", &[("VpcId", &vpc)], id);
    let before = walk.world().network_acl_of(subnet.parse().unwrap());
    let id = before.unwrap().associations[0].association_id.to_string();
    let of_subnet = [("AssociationId", &*id), ("NetworkAclId", &acl)];
    walk.felt("ReplaceNetworkAclAssociation", &of_subnet);
    let entry = [
        ("NetworkAclId", &*acl),
        ("RuleNumber", "100"),
        ("Egress", "false"),
        ("Protocol", "-1"),
        ("RuleAction", "allow"),
        ("CidrBlock", "0.0.0.0/0"),
    ];
    walk.felt("CreateNetworkAclEntry", &entry);
    let id = "/routeTable/routeTableId";
    let table = walk.made("CreateRouteTable", &[("VpcId", &vpc)], id);
    let of_subnet = [("RouteTableId", &*table), ("SubnetId", &subnet)];
    walk.felt("AssociateRouteTable", &of_subnet);
    let main = walk.world().main_route_table(vpc.parse().unwrap()).unwrap();
    let id = main.associations[0].association_id.to_string();
    let other = walk.made(
        "CreateRouteTable",
        &[("VpcId", &vpc)],
        "/routeTable/routeTableId",
    );
    let becomes_main = [("AssociationId", &*id), ("RouteTableId", &other)];
    walk.unfelt("ReplaceRouteTableAssociation", &becomes_main);
    let own = walk
        .world()
        .route_tables
        .get(table.parse().unwrap())
        .unwrap();
    let id = own.associations[0].association_id.to_string();
    walk.felt("DisassociateRouteTable", &[("AssociationId", &id)]);
    let main = walk.world().main_route_table(vpc.parse().unwrap()).unwrap();
    let id = main.associations[0].association_id.to_string();
    let becomes_main = [("AssociationId", &*id), ("RouteTableId", &table)];
    walk.felt("ReplaceRouteTableAssociation", &becomes_main);
}

#[test]
fn ipv6_is_followed_from_a_vpcs_block_to_prefixes_of_interfaces() {
    let mut walk = Walk::new();
    let [a, _] = walk.launch();
    let (vpc, subnet, table) = (
        walk.vpc.clone(),
        walk.subnet.clone(),
        walk.main_route_table(),
    );
    let provided = [("VpcId", &*vpc), ("AmazonProvidedIpv6CidrBlock", "true")];
    walk.felt("AssociateVpcCidrBlock", &provided);
    assert_eq!(walk.internet_blocks(), [(false, true)]);
    let row = walk.world().vpcs.get(vpc.parse().unwrap()).unwrap();
    let block = row.ipv6_blocks().next().unwrap();
    let within = Ipv6Cidr::new(block.network(), 64).unwrap();
    let of_subnet = [
        ("SubnetId", &*subnet),
        ("Ipv6CidrBlock", &within.to_string()),
    ];
    walk.felt("AssociateSubnetCidrBlock", &of_subnet);
    let of_vpc = [("VpcId", &*vpc)];
    walk.felt("CreateEgressOnlyInternetGateway", &of_vpc);
    assert_eq!(walk.internet_blocks(), [(false, false)]);
    let gateways = &walk.world().egress_only_internet_gateways;
    let gateway = gateways.iter().next().unwrap();
    let gateway = gateway.egress_only_internet_gateway_id.to_string();
    let route = [
        ("RouteTableId", &*table),
        ("DestinationIpv6CidrBlock", "::/0"),
        ("EgressOnlyInternetGatewayId", &gateway),
    ];
    walk.felt("CreateRoute", &route);
    assert_eq!(
        walk.routes_of_ipv6(),
        [Route::LOCAL, Route::EGRESS_ONLY_INTERNET_GATEWAY]
    );
    let id = "/internetGateway/internetGatewayId";
    let internet = walk.made("CreateInternetGateway", &[], id);
    let of_vpc = [("InternetGatewayId", &*internet), ("VpcId", &vpc)];
    walk.felt("AttachInternetGateway", &of_vpc);
    assert_eq!(walk.internet_blocks(), [(true, false)]);
    let eni = walk.primary(&a);
    let has = |flag| move |row: &&Vport| row.has(flag);
    let count = |walk: &Walk| {
        let rows = walk.tables().vports.values();
        rows.filter(has(Vport::IPV6 | Vport::SOURCE_DEST_CHECK))
            .count()
    };
    assert_eq!(count(&walk), 0);
    let address: Ipv6Addr = (within.network().to_bits() + 9).into();
    walk.change(&eni, |eni| eni.ipv6_addresses.push(address));
    assert_eq!(count(&walk), 1);
    let mappings = &walk.tables().mappings;
    let is_there = mappings
        .keys()
        .any(|key| key.address == Address::from(address));
    assert!(is_there);
    walk.change(&eni, |eni| {
        eni.ipv6_addresses.clear();
        let prefix = Ipv6Cidr::new((within.network().to_bits() + (7 << 48)).into(), 80);
        eni.ipv6_prefixes.extend(prefix);
        eni.ipv4_prefixes.push("10.0.0.64/28".parse().unwrap());
    });
    assert_eq!((count(&walk), walk.tables().prefix_mappings.len()), (1, 2));
    walk.restart();
    walk.change(&eni, |eni| {
        eni.ipv6_prefixes.clear();
        eni.ipv4_prefixes.clear();
    });
    assert_eq!((count(&walk), walk.tables().prefix_mappings.len()), (0, 0));
}

/// Calls whose effect is known, each followed at once.
struct Walk {
    follower: Follower,
    vpc: String,
    subnet: String,
}

impl Walk {
    fn new() -> Self {
        let mut region = TestWorld::bootstrapped();
        let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        let subnet = [("VpcId", &*vpc), ("CidrBlock", "10.0.0.0/24")];
        let subnet = region.make("CreateSubnet", &subnet, "/subnet/subnetId");
        let lends = [
            ("SubnetId", &*subnet),
            ("MapPublicIpOnLaunch.Value", "true"),
        ];
        region.must("ModifySubnetAttribute", &lends);
        Self {
            follower: Follower::new(region, 4_096),
            vpc,
            subnet,
        }
    }

    fn world(&self) -> &World {
        &self.follower.region.world
    }

    /// Two instances that run.
    fn launch(&mut self) -> [String; 2] {
        let subnet = self.subnet.clone();
        [(); 2].map(|()| self.launch_in(&subnet))
    }

    fn launch_in(&mut self, subnet: &str) -> String {
        let images = self.follower.region.must("DescribeImages", &[]);
        let image = images["imagesSet"]["item"][0].clone();
        let instance_type = match image["architecture"].as_str() {
            Some("arm64") => "t4g.medium",
            _ => "t3.medium",
        };
        let launch = [
            ("ImageId", image["imageId"].as_str().unwrap()),
            ("InstanceType", instance_type),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("SubnetId", subnet),
        ];
        let id = "/instancesSet/item/0/instanceId";
        let id = self.follower.region.make("RunInstances", &launch, id);
        assert!(!self.follower.follow().is_empty());
        self.report(&id);
        id
    }

    fn primary(&self, instance: &str) -> String {
        let id = instance.parse().unwrap();
        let eni = self.world().primary_network_interface(id).unwrap();
        eni.network_interface_id.to_string()
    }

    fn main_route_table(&self) -> String {
        let table = self.world().main_route_table(self.vpc.parse().unwrap());
        table.unwrap().route_table_id.to_string()
    }

    fn tables(&self) -> &Tables {
        &self.follower.lowering.desired().tables
    }

    /// Of each block of IPv6: whether it takes all that comes from the internet, and whether it has no gateway.
    fn internet_blocks(&self) -> Vec<(bool, bool)> {
        let rows = self.tables().vpc_blocks.iter();
        let of_internet = rows.filter(|(key, _)| key.data.vpc_number() == 0);
        of_internet
            .map(|(_, row)| InternetBlock::from_row(*row))
            .map(|block| (block.takes_all, block.is_closed))
            .collect()
    }

    /// The kinds of the routes of IPv6.
    fn routes_of_ipv6(&self) -> Vec<u32> {
        let rows = self.tables().routes.iter();
        let of_ipv6 = rows.filter(|(key, _)| key.data.route_table_number() != key.data.route_table);
        let mut kinds: Vec<u32> = of_ipv6.map(|(_, row)| row.kind).collect();
        kinds.sort_unstable();
        kinds
    }

    /// Changes an interface's row, which must be felt.
    fn change(&mut self, eni: &str, change: impl FnOnce(&mut NetworkInterface)) {
        let row = self.world().network_interfaces.get(eni.parse().unwrap());
        let mut row = NetworkInterface::clone(row.unwrap());
        change(&mut row);
        self.follower.region.put(row);
        assert!(!self.follower.follow().is_empty());
    }

    /// A call that makes something that no packet meets yet.
    fn made(&mut self, action: &str, parameters: &[(&str, &str)], id: &str) -> String {
        let made = self.follower.region.make(action, parameters, id);
        let delta = self.follower.follow();
        assert!(delta.is_empty(), "{action}: {delta:?}");
        made
    }

    fn unfelt(&mut self, action: &str, parameters: &[(&str, &str)]) {
        self.follower.region.must(action, parameters);
        let delta = self.follower.follow();
        assert!(delta.is_empty(), "{action} {parameters:?}: {delta:?}");
    }

    fn felt(&mut self, action: &str, parameters: &[(&str, &str)]) {
        self.follower.region.must(action, parameters);
        let delta = self.follower.follow();
        assert!(!delta.is_empty(), "{action} {parameters:?}");
    }

    /// A change of rules under which policies keep their numbers, and no interface is written again.
    fn felt_in_place(&mut self, action: &str, parameters: &[(&str, &str)]) {
        self.follower.region.must(action, parameters);
        let delta = self.follower.follow();
        assert!(!delta.rows.is_empty(), "{action} {parameters:?}");
        let rest = Delta {
            rows: BTreeSet::new(),
            ..delta
        };
        assert!(rest.is_empty(), "{action} {parameters:?}: {rest:?}");
        self.restart();
    }

    /// A process that takes over finds all numbers, and the bit of each rule, in the tables.
    fn restart(&self) {
        let Follower {
            region,
            lowering,
            vports,
            ..
        } = &self.follower;
        let vports = &mut vports.clone();
        let numbers = Numbers::recover(&region.world, &lowering.desired().tables, vports);
        let (again, _) = Lowering::new(&region.world, &region.region, numbers, vports);
        let tables = [&again, lowering].map(|lowering| &lowering.desired().tables);
        assert_eq!(tables[0], tables[1]);
    }

    /// The agent reports that an instance has come to where it is to be.
    fn report(&mut self, instance: &str) {
        let instance_id = instance.parse().unwrap();
        let boot_count = self.world().instances.get(instance_id).unwrap().boot_count;
        let reached = [
            Transition::InstanceRunning {
                instance_id,
                boot_count,
            },
            Transition::InstanceStopped {
                instance_id,
                boot_count,
            },
        ];
        let region = &mut self.follower.region;
        let changes = plan_transitions(&region.world, &reached, region.now);
        region.world.apply(&changes);
        self.follower.follow();
    }
}
