//! What a change costs the agent's thinking, in regions of several sizes, on a data plane in memory:
//! `cargo run --release -p eni-plan --example measure`.
#![allow(clippy::unwrap_used, reason = "a measurement ends by panicking")]

use std::time::{Duration, Instant};

use eni_model::resource::{
    Attachment, Instance, IpProtocol, NetworkInterface, ResourceKey, RulePeer, SecurityGroup,
    SecurityGroupRule,
};
use eni_model::tags::Tags;
use eni_model::testing::TestWorld;
use eni_model::{ChangeSet, World};
use eni_plan::{Observed, Planner, VportNumbers};
use eni_types::{
    AttachmentId, AttachmentStatus, IdSequence, InstanceId, InstanceState, Ipv4Cidr, MacAddress,
    NetworkInterfaceId, SecurityGroupId, SecurityGroupRuleId, TypedId,
};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const ROUNDS: usize = 11;
/// In a subnet of 65,536 addresses.
const INTERFACES_OF_A_VPC: usize = 50_000;
/// Of the group that only the first interface is in.
const RULES: usize = 990;

fn main() {
    println!("median of {ROUNDS}, all steps planned and taken over");
    println!(
        "{:>10} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "interfaces", "whole", "idle", "tag", "address", "rule of 990", "attach", "detach"
    );
    for size in SIZES {
        Host::new(size).measure(size);
    }
}

struct Host {
    region: TestWorld,
    ids: IdSequence,
    planner: Planner,
    whole: Duration,
    first: NetworkInterface,
    group_id: SecurityGroupId,
}

impl Host {
    fn new(size: usize) -> Self {
        let mut region = TestWorld::bootstrapped();
        let mut ids = IdSequence::default();
        let mut changes = ChangeSet::none();
        for vpc in 0..size.div_ceil(INTERFACES_OF_A_VPC) {
            let count = (size - vpc * INTERFACES_OF_A_VPC).min(INTERFACES_OF_A_VPC);
            populate(&mut region, vpc, count, &mut ids, &mut changes);
        }
        region.world.apply(&changes);
        let mut first = region.world.network_interfaces.iter().next().unwrap();
        for eni in region.world.network_interfaces.iter() {
            if eni.attachment.as_ref().unwrap().device_index == 0 {
                first = eni;
                break;
            }
        }
        let mut first = NetworkInterface::clone(first);
        let group_id = SecurityGroupId::generate(&mut ids);
        first.group_ids.push(group_id);
        let changes = large_group(&first, group_id, &mut ids);
        region.world.apply(&changes);
        let start = Instant::now();
        let vports = VportNumbers::below(u32::MAX);
        let observed = Observed::default();
        let mut planner = Planner::new(&region.world, &region.region, observed, vports);
        let whole = start.elapsed();
        settle(&mut planner);
        Self {
            region,
            ids,
            planner,
            whole,
            first,
            group_id,
        }
    }

    fn measure(&mut self, size: usize) {
        let idle = median(|| self.change(ChangeSet::none()));
        let mut number = 0;
        let tag = median(|| {
            number += 1;
            let mut eni = self.first.clone();
            eni.description = format!("{number}");
            self.put(eni)
        });
        let address = median(|| {
            number += 1;
            let mut eni = self.first.clone();
            if number % 2 == 0 {
                eni.private_ip_addresses.push([10, 0, 255, 254].into());
            }
            self.put(eni)
        });
        let rule = median(|| {
            number += 1;
            let rule = any_rule(self.group_id, number, &mut self.ids);
            let id = rule.security_group_rule_id;
            let mut changes = ChangeSet::none();
            changes.put(rule);
            let taken = self.change(changes);
            let mut changes = ChangeSet::none();
            changes.delete(id);
            self.change(changes);
            taken
        });
        let spare = self.spare();
        let (mut attach, mut detach) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let mut eni = spare.clone();
            let attachment = eni.attachment.as_mut().unwrap();
            attachment.attachment_id = AttachmentId::generate(&mut self.ids);
            attach.push(self.put(eni.clone()));
            eni.attachment.as_mut().unwrap().status = AttachmentStatus::Detaching;
            detach.push(self.put(eni));
            assert_eq!(self.planner.desired().interfaces.len(), size, "{round}");
        }
        let times = [
            self.whole,
            idle,
            tag,
            address,
            rule,
            middle(attach),
            middle(detach),
        ];
        let times: Vec<String> = times.iter().map(|time| format!("{time:>12.1?}")).collect();
        println!("{size:>10} {}", times.join(" "));
    }

    /// An interface that may be attached to the first one's instance.
    fn spare(&mut self) -> NetworkInterface {
        let mut eni = self.first.clone();
        eni.network_interface_id = NetworkInterfaceId::generate(&mut self.ids);
        eni.mac_address = MacAddress([2, 0xff, 0, 0, 0, 1]);
        eni.private_ip_addresses = vec![[10, 0, 255, 253].into()];
        eni.attachment.as_mut().unwrap().device_index = 1;
        eni
    }

    fn put(&mut self, eni: NetworkInterface) -> Duration {
        let mut changes = ChangeSet::none();
        changes.put(eni);
        self.change(changes)
    }

    /// How long it takes to follow a change to its end. The copy of the world is not the agent's.
    fn change(&mut self, changes: ChangeSet) -> Duration {
        let before: World = self.region.world.clone();
        self.region.world.apply(&changes);
        let keys: Vec<ResourceKey> = changes.iter().map(|change| change.key()).collect();
        let start = Instant::now();
        self.planner.follow(&before, &self.region.world, &keys);
        settle(&mut self.planner);
        start.elapsed()
    }
}

/// Does all steps there are, and looks whether there are more.
fn settle(planner: &mut Planner) {
    loop {
        let plan = planner.plan();
        if plan.is_empty() {
            break;
        }
        plan.steps().for_each(|step| planner.done(step));
    }
    planner.release_vports();
}

fn populate(
    region: &mut TestWorld,
    number: usize,
    count: usize,
    ids: &mut IdSequence,
    changes: &mut ChangeSet,
) {
    let vpc = [("CidrBlock", "10.0.0.0/16")];
    let vpc = region.make("CreateVpc", &vpc, "/vpc/vpcId");
    let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.0.0/16")];
    let subnet = region.make("CreateSubnet", &subnet, "/subnet/subnetId");
    let images = region.must("DescribeImages", &[]);
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
        ("SubnetId", &subnet),
    ];
    let id = region.make("RunInstances", &launch, "/instancesSet/item/0/instanceId");
    let id: InstanceId = id.parse().unwrap();
    let mut instance = Instance::clone(region.world.instances.get(id).unwrap());
    instance.state = InstanceState::Running;
    let eni = region.world.primary_network_interface(id).unwrap();
    let mut eni = NetworkInterface::clone(eni);
    let mut attachment: Attachment = eni.attachment.take().unwrap();
    attachment.status = AttachmentStatus::Attached;
    // The one that is there, and the others like it.
    for copy in 1..count {
        instance.instance_id = InstanceId::generate(ids);
        eni.network_interface_id = NetworkInterfaceId::generate(ids);
        attachment.attachment_id = AttachmentId::generate(ids);
        attachment.instance_id = instance.instance_id;
        let [.., b, c] = (copy as u32 + 256).to_be_bytes();
        eni.private_ip_addresses = vec![[10, 0, b, c].into()];
        eni.mac_address = MacAddress([2, 0, 0, number as u8, b, c]);
        eni.attachment = Some(attachment.clone());
        changes.put(instance.clone());
        changes.put(eni.clone());
    }
}

fn large_group(
    first: &NetworkInterface,
    group_id: SecurityGroupId,
    ids: &mut IdSequence,
) -> ChangeSet {
    let mut changes = ChangeSet::none();
    changes.put(SecurityGroup {
        group_id,
        group_name: "large".to_owned(),
        description: String::new(),
        vpc_id: first.vpc_id,
        tags: Tags::default(),
    });
    for number in 0..RULES {
        changes.put(any_rule(group_id, number, ids));
    }
    changes.put(first.clone());
    changes
}

fn any_rule(group_id: SecurityGroupId, number: usize, ids: &mut IdSequence) -> SecurityGroupRule {
    let port = (number % 60_000) as i32;
    let [.., b, c] = (number as u32).to_be_bytes();
    SecurityGroupRule {
        security_group_rule_id: SecurityGroupRuleId::generate(ids),
        group_id,
        is_egress: false,
        ip_protocol: IpProtocol::TCP,
        from_port: port,
        to_port: port,
        peer: RulePeer::CidrIpv4(Ipv4Cidr::new([192, b, c, 0].into(), 24).unwrap()),
        description: None,
        tags: Tags::default(),
    }
}

fn median(mut once: impl FnMut() -> Duration) -> Duration {
    middle((0..ROUNDS).map(|_| once()).collect())
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
