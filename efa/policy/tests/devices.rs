//! Elastic Fabric Adapters: which a world has, and which of them may converse.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use eni_efa_abi::Gid;
use eni_efa_policy::{EfaDevices, EfaRefusal};
use eni_lower::{Numbers, VportNumbers, lower};
use eni_model::resource::{Instance, IpProtocol, NetworkInterface, RulePeer};
use eni_model::testing::TestWorld;
use eni_model::{ChangeSet, Resource, World};
use eni_pipeline::testing::scenario::Dice;
use eni_types::{
    AttachmentStatus, InstanceId, InstanceState, NetworkInterfaceId, NetworkInterfaceType,
};
use proptest::prelude::*;

/// A VPC of two subnets.
struct Region {
    model: TestWorld,
    vpc: String,
    subnets: [String; 2],
    image: String,
    /// A type of two cards that each take an adapter.
    instance_type: &'static str,
}

/// All protocols; the parameters of one rule.
const ALL: (&str, &str) = ("IpPermissions.1.IpProtocol", "-1");
const GROUP: &str = "IpPermissions.1.Groups.1.GroupId";
const BLOCK: &str = "IpPermissions.1.IpRanges.1.CidrIp";

impl Region {
    fn new() -> Self {
        let mut model = TestWorld::bootstrapped();
        let vpc = model.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
        let subnets = ["10.0.1.0/24", "10.0.2.0/24"].map(|block| {
            let parameters = [
                ("VpcId", vpc.as_str()),
                ("CidrBlock", block),
                ("AvailabilityZone", "us-east-1a"),
            ];
            model.make("CreateSubnet", &parameters, "/subnet/subnetId")
        });
        let images = model.must("DescribeImages", &[]);
        let image = &images["imagesSet"]["item"][0];
        Self {
            vpc,
            subnets,
            image: image["imageId"].as_str().unwrap().into(),
            instance_type: match image["architecture"].as_str() {
                Some("arm64") => "c8gn.48xlarge",
                _ => "c6in.32xlarge",
            },
            model,
        }
    }

    fn world(&self) -> &World {
        &self.model.world
    }

    fn devices(&self) -> EfaDevices {
        EfaDevices::of(self.world())
    }

    /// A group without any rule.
    fn group(&mut self, name: &str) -> String {
        let parameters = [
            ("GroupName", name),
            ("GroupDescription", name),
            ("VpcId", &self.vpc),
        ];
        let id = self
            .model
            .make("CreateSecurityGroup", &parameters, "/groupId");
        self.change(
            "RevokeSecurityGroupEgress",
            &id,
            &[ALL, (BLOCK, "0.0.0.0/0")],
        );
        id
    }

    fn change(&mut self, action: &str, group: &str, rule: &[(&str, &str)]) {
        let parameters = [&[("GroupId", group)], rule].concat();
        self.model.must(action, &parameters);
    }

    /// `Authorize` or `Revoke`.
    fn change_rules(&mut self, verb: &str, group: &str, egress: Rules<'_>, ingress: Rules<'_>) {
        for (direction, rules) in [("Egress", egress), ("Ingress", ingress)] {
            for rule in rules {
                self.change(&format!("{verb}SecurityGroup{direction}"), group, rule);
            }
        }
    }

    /// Lets a group out to and in from `peer`, with all protocols.
    fn open(&mut self, group: &str, peer: (&str, &str)) {
        self.change("AuthorizeSecurityGroupEgress", group, &[ALL, peer]);
        self.change("AuthorizeSecurityGroupIngress", group, &[ALL, peer]);
    }

    /// An instance with an interface of each of these types, each on a card of its own and in `groups`.
    fn launch(
        &mut self,
        subnet: usize,
        groups: &[&str],
        types: &[NetworkInterfaceType],
    ) -> Vec<NetworkInterfaceId> {
        let mut parameters: Vec<(String, &str)> = vec![
            ("ImageId".into(), &self.image),
            ("InstanceType".into(), self.instance_type),
            ("MinCount".into(), "1"),
            ("MaxCount".into(), "1"),
        ];
        for (card, interface_type) in types.iter().enumerate() {
            let mut add = |name: &str, value| {
                parameters.push((format!("NetworkInterface.{}.{name}", card + 1), value));
            };
            let place = ["0", "1"][card];
            add("NetworkCardIndex", place);
            add("DeviceIndex", place);
            add("InterfaceType", interface_type.as_str());
            add("SubnetId", &self.subnets[subnet]);
            for (number, group) in groups.iter().enumerate() {
                add(&format!("SecurityGroupId.{}", number + 1), group);
            }
        }
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let answer = self.model.must("RunInstances", &parameters);
        let list = "/instancesSet/item/0/networkInterfaceSet";
        TestWorld::texts(&answer, list, "/networkInterfaceId")
            .iter()
            .map(|id| id.parse().unwrap())
            .collect()
    }

    fn efa(&mut self, subnet: usize, groups: &[&str]) -> NetworkInterfaceId {
        self.launch(subnet, groups, &[NetworkInterfaceType::Efa])[0]
    }

    /// The second interface of a new instance, whose first one is a plain one.
    fn efa_only(&mut self, subnet: usize, groups: &[&str]) -> NetworkInterfaceId {
        use NetworkInterfaceType::{EfaOnly, Interface};
        self.launch(subnet, groups, &[Interface, EfaOnly])[1]
    }

    fn put(&mut self, resource: impl Into<Resource>) {
        let mut changes = ChangeSet::none();
        changes.put(resource);
        self.model.world.apply(&changes);
    }

    fn interface(&self, id: NetworkInterfaceId) -> NetworkInterface {
        NetworkInterface::clone(self.world().network_interfaces.get(id).unwrap())
    }

    fn instance_of(&self, id: NetworkInterfaceId) -> InstanceId {
        self.interface(id).attachment.unwrap().instance_id
    }
}

#[test]
fn every_adapter_of_a_running_instance_is_a_device_and_nothing_else_is() {
    use NetworkInterfaceType::{Efa, EfaOnly, Interface};
    let mut region = Region::new();
    let group = region.group("g");
    let both = region.launch(0, &[&group], &[Efa, EfaOnly]);
    region.launch(0, &[&group], &[Interface, Interface]);
    let devices = region.devices();
    let found: Vec<_> = devices
        .iter()
        .map(|device| {
            let place = (device.network_card_index, device.device_index);
            (
                device.network_interface_id,
                place,
                device.private_ip_address.is_some(),
            )
        })
        .collect();
    let mut want = vec![(both[0], (0, 0), true), (both[1], (1, 1), false)];
    want.sort_unstable();
    assert_eq!(found, want);
    for device in devices.iter() {
        let eni = region.interface(device.network_interface_id);
        assert_eq!(device.gid, Gid::from_mac(eni.mac_address));
        assert_eq!(
            device.instance_id,
            region.instance_of(eni.network_interface_id)
        );
        assert_eq!(device.attachment_id, eni.attachment.unwrap().attachment_id);
        assert_eq!(devices.by_gid(device.gid), Some(device));
    }
    assert_eq!(devices.by_gid(Gid([0; 16])), None);
}

#[test]
fn an_adapter_alone_is_no_network_device_and_an_efa_is_one_like_any_other() {
    use NetworkInterfaceType::{Efa, EfaOnly};
    let mut region = Region::new();
    let group = region.group("g");
    let both = region.launch(0, &[&group], &[Efa, EfaOnly]);
    let efa = region.interface(both[0]);
    let attachment = efa.attachment.as_ref().unwrap().attachment_id;
    let settings = &region.model.region;
    let (mut numbers, mut vports) = (Numbers::default(), VportNumbers::default());
    let _ = lower(region.world(), settings, &mut numbers, &mut vports);
    let numbered: Vec<_> = vports.iter().map(|(id, _)| id).collect();
    assert_eq!(numbered, [attachment]);

    // A number that a vport had before does not bring one back.
    let mut numbers = VportNumbers::default();
    for id in &both {
        let eni = region.interface(*id);
        numbers
            .assign(eni.attachment.unwrap().attachment_id)
            .unwrap();
    }
    let desired = lower(
        region.world(),
        &region.model.region,
        &mut Numbers::default(),
        &mut numbers,
    );
    let interfaces: Vec<_> = desired.interfaces.keys().copied().collect();
    assert_eq!(interfaces, [attachment]);
    assert_eq!(
        desired.interfaces[&attachment].private_ip_addresses,
        efa.private_ip_addresses
    );
    assert_eq!(desired.tables.macs.len(), 1);
    assert_eq!(desired.tables.mappings.len(), 1);
}

#[test]
fn interfaces_at_one_index_of_two_cards_are_two_devices_in_the_guest() {
    use NetworkInterfaceType::Efa;
    let mut region = Region::new();
    let group = region.group("g");
    let both = region.launch(0, &[&group], &[Efa, Efa]);
    let mut numbers = VportNumbers::default();
    for id in both {
        let mut eni = region.interface(id);
        let attachment = eni.attachment.as_mut().unwrap();
        attachment.device_index = 0;
        numbers.assign(attachment.attachment_id).unwrap();
        region.put(eni);
    }
    let desired = lower(
        region.world(),
        &region.model.region,
        &mut Numbers::default(),
        &mut numbers,
    );
    let mut names: Vec<_> = desired
        .interfaces
        .values()
        .map(|interface| interface.device_number)
        .collect();
    names.sort_unstable();
    assert_eq!(names, [0, 256]);
}

/// The parameters of some rules.
type Rules<'a> = &'a [Vec<(&'a str, &'a str)>];

/// What each of three pairs is answered: two EFAs, an EFA and an adapter alone, two adapters alone.
type Answers = [Result<(), EfaRefusal>; 3];

#[test]
fn adapters_converse_if_their_groups_let_all_traffic_out_to_and_in_from_each_other() {
    use EfaRefusal::{Egress, Ingress};
    let mut region = Region::new();
    let (group, other) = (region.group("g"), region.group("other"));
    let [a, b] = [(), ()].map(|()| region.efa(0, &[&group]));
    let [c, d] = [(), ()].map(|()| region.efa_only(0, &[&group]));
    let itself = (GROUP, group.as_str());
    let strangers = (GROUP, other.as_str());
    let no_egress: Answers = [Err(Egress(a)), Err(Egress(a)), Err(Egress(c))];
    let no_ingress: Answers = [Err(Ingress(b)), Err(Ingress(c)), Err(Ingress(d))];
    let tcp = [
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "0"),
        ("IpPermissions.1.ToPort", "65535"),
    ];
    let all = |peer| vec![ALL, peer];
    let cases: &[(&str, Rules, Rules, Answers)] = &[
        ("no rules", &[], &[], no_egress),
        (
            "the self-rule both ways",
            &[all(itself)],
            &[all(itself)],
            [Ok(()); 3],
        ),
        ("only out", &[all(itself)], &[], no_ingress),
        ("only in", &[], &[all(itself)], no_egress),
        (
            // The rule that every new group begins with.
            "out to everywhere",
            &[all((BLOCK, "0.0.0.0/0"))],
            &[all(itself)],
            no_egress,
        ),
        (
            "in from everywhere",
            &[all(itself)],
            &[all((BLOCK, "0.0.0.0/0"))],
            no_ingress,
        ),
        (
            "everywhere both ways",
            &[all((BLOCK, "0.0.0.0/0"))],
            &[all((BLOCK, "0.0.0.0/0"))],
            no_egress,
        ),
        (
            "the subnet's block both ways",
            &[all((BLOCK, "10.0.1.0/24"))],
            &[all((BLOCK, "10.0.1.0/24"))],
            no_egress,
        ),
        (
            "another group in",
            &[all(itself)],
            &[all(strangers)],
            no_ingress,
        ),
        (
            "all ports of TCP are not all traffic",
            &[all(itself)],
            &[[&tcp[..], &[itself]].concat()],
            no_ingress,
        ),
    ];
    for (name, egress, ingress, want) in cases {
        region.change_rules("Authorize", &group, egress, ingress);
        let devices = region.devices();
        let got = [(a, b), (a, c), (c, d)].map(|(one, two)| devices.may_converse(one, two));
        assert_eq!(got, *want, "{name}");
        region.change_rules("Revoke", &group, egress, ingress);
    }
}

#[test]
fn revoking_the_self_rule_ends_what_authorizing_it_allowed() {
    let mut region = Region::new();
    let group = region.group("g");
    let (a, b) = (region.efa(0, &[&group]), region.efa_only(0, &[&group]));
    region.open(&group, (GROUP, &group));
    let peers = |region: &Region| -> Vec<_> {
        let devices = region.devices();
        let mut ids: Vec<_> = devices
            .peers(a)
            .map(|peer| peer.network_interface_id)
            .collect();
        ids.sort_unstable();
        ids
    };
    let mut both = vec![a, b];
    both.sort_unstable();
    assert_eq!(peers(&region), both, "an adapter is its own peer too");
    let rule = [ALL, (GROUP, group.as_str())];
    for direction in ["Egress", "Ingress"] {
        region.change(&format!("RevokeSecurityGroup{direction}"), &group, &rule);
        assert_eq!(peers(&region), [a], "{direction}");
        region.change(&format!("AuthorizeSecurityGroup{direction}"), &group, &rule);
        assert_eq!(peers(&region), both, "{direction}");
    }
}

#[test]
fn adapters_of_different_groups_converse_if_each_names_the_other() {
    let mut region = Region::new();
    let (one, two) = (region.group("one"), region.group("two"));
    let (a, b) = (region.efa_only(0, &[&one]), region.efa_only(0, &[&two]));
    region.open(&one, (GROUP, &two));
    let devices = region.devices();
    assert_eq!(devices.may_converse(a, b), Err(EfaRefusal::Ingress(b)));
    assert_eq!(devices.may_converse(b, a), Err(EfaRefusal::Egress(b)));
    // One way is not enough: what is answered goes back the other.
    let names_one = [ALL, (GROUP, one.as_str())];
    region.change("AuthorizeSecurityGroupIngress", &two, &names_one);
    let devices = region.devices();
    assert_eq!(devices.may_converse(a, b), Err(EfaRefusal::Egress(b)));
    region.change("AuthorizeSecurityGroupEgress", &two, &names_one);
    let devices = region.devices();
    assert_eq!(devices.may_converse(a, b), Ok(()));
    assert_eq!(devices.may_converse(b, a), Ok(()));
    assert_eq!(
        devices.may_converse(a, a),
        Ok(()),
        "no group names itself, but what an adapter sends itself leaves no interface"
    );
}

#[test]
fn the_rules_of_all_of_an_adapters_groups_count() {
    let mut region = Region::new();
    let (out, inward) = (region.group("out"), region.group("in"));
    let [a, b] = [(), ()].map(|()| region.efa_only(0, &[&out, &inward]));
    region.change(
        "AuthorizeSecurityGroupEgress",
        &out,
        &[ALL, (GROUP, &inward)],
    );
    region.change(
        "AuthorizeSecurityGroupIngress",
        &inward,
        &[ALL, (GROUP, &out)],
    );
    assert_eq!(region.devices().may_converse(a, b), Ok(()));
}

#[test]
fn os_bypass_traffic_stays_in_its_subnet() {
    let mut region = Region::new();
    let group = region.group("g");
    region.open(&group, (GROUP, &group));
    let [a, b] = [0, 1].map(|subnet| region.efa(subnet, &[&group]));
    assert_eq!(
        region.devices().may_converse(a, b),
        Err(EfaRefusal::DifferentSubnets)
    );
}

#[test]
fn an_adapter_that_is_detached_or_of_a_stopped_instance_converses_with_nobody() {
    let mut region = Region::new();
    let group = region.group("g");
    region.open(&group, (GROUP, &group));
    let [a, b, c] = [(), (), ()].map(|()| region.efa_only(0, &[&group]));
    let primary = |region: &Region, id| {
        let instance = region.instance_of(id);
        let eni = region.world().primary_network_interface(instance);
        eni.unwrap().network_interface_id
    };
    assert_eq!(region.devices().may_converse(a, b), Ok(()));

    let mut detaching = region.interface(b);
    detaching.attachment.as_mut().unwrap().status = AttachmentStatus::Detaching;
    region.put(detaching);
    for state in [
        InstanceState::Stopping,
        InstanceState::Stopped,
        InstanceState::ShuttingDown,
    ] {
        let row = region.world().instances.get(region.instance_of(c)).unwrap();
        let row = Instance {
            state,
            ..Instance::clone(row)
        };
        region.put(row);
        let plain = primary(&region, a);
        let devices = region.devices();
        for gone in [b, c, plain] {
            let refusal = Err(EfaRefusal::NoDevice(gone));
            assert_eq!(devices.may_converse(a, gone), refusal, "{state}");
            assert_eq!(devices.may_converse(gone, a), refusal, "{state}");
            assert_eq!(devices.peers(gone).count(), 0, "{state}");
        }
        assert_eq!(devices.peers(a).count(), 1, "{state}");
    }
}

/// The rule, read from the world row by row.
fn allowed(world: &World, from: &NetworkInterface, to: &NetworkInterface) -> bool {
    let rule = |own: &NetworkInterface, peer: &NetworkInterface, is_egress| {
        world.security_group_rules.iter().any(|rule| {
            let is_peer = match rule.peer {
                RulePeer::SecurityGroup(group) => peer.group_ids.contains(&group),
                RulePeer::CidrIpv4(_) | RulePeer::CidrIpv6(_) => false,
            };
            let is_all = rule.ip_protocol == IpProtocol::All;
            own.group_ids.contains(&rule.group_id)
                && rule.is_egress == is_egress
                && is_all
                && is_peer
        })
    };
    rule(from, to, true) && rule(to, from, false)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_answer_is_that_of_the_rules_read_one_by_one(seed: u64) {
        let dice = &mut Dice::new(seed);
        let mut region = Region::new();
        let groups: Vec<_> = ["a", "b", "c"].iter().map(|name| region.group(name)).collect();
        for _ in 0..6 {
            let (one, two) = (dice.pick(&[0, 1, 2]), dice.pick(&[0, 1, 2]));
            let in_groups: Vec<&str> = if one == two {
                vec![&groups[one]]
            } else {
                vec![&groups[one], &groups[two]]
            };
            if dice.hits(2) {
                region.efa(0, &in_groups);
            } else {
                region.efa_only(0, &in_groups);
            }
        }
        for _ in 0..dice.roll(14) {
            let direction = dice.pick(&["Egress", "Ingress"]);
            let protocol = if dice.hits(5) { "50" } else { "-1" };
            let peer = if dice.hits(3) {
                (BLOCK, dice.pick(&["0.0.0.0/0", "10.0.1.0/24", "10.0.1.0/25", "10.0.2.0/24"]))
            } else {
                (GROUP, groups[dice.pick(&[0, 1, 2])].as_str())
            };
            let parameters = [
                ("GroupId", groups[dice.pick(&[0, 1, 2])].as_str()),
                ("IpPermissions.1.IpProtocol", protocol),
                peer,
            ];
            // A rule that is there already is refused, which is as good.
            let _ = region
                .model
                .call(&format!("AuthorizeSecurityGroup{direction}"), &parameters);
        }
        let devices = region.devices();
        let ids: Vec<_> = devices.iter().map(|device| device.network_interface_id).collect();
        prop_assert_eq!(ids.len(), 6);
        let rows: BTreeMap<_, _> = ids.iter().map(|id| (*id, region.interface(*id))).collect();
        for a in &ids {
            for b in &ids {
                let want = a == b
                    || (allowed(region.world(), &rows[a], &rows[b])
                        && allowed(region.world(), &rows[b], &rows[a]));
                prop_assert_eq!(devices.may_converse(*a, *b).is_ok(), want, "{} {}", a, b);
                let is_peer = devices.peers(*a).any(|peer| peer.network_interface_id == *b);
                prop_assert_eq!(is_peer, want);
            }
        }
    }
}
