//! What a change costs the agent's thinking, in regions of several sizes, on a data plane in memory:
//! `cargo run --release -p eni-plan --example measure`.
#![allow(clippy::unwrap_used, reason = "a measurement ends by panicking")]

use std::time::{Duration, Instant};

use eni_model::resource::{
    IpProtocol, NetworkInterface, ResourceKey, RulePeer, SecurityGroup, SecurityGroupRule,
};
use eni_model::tags::Tags;
use eni_model::testing::{TestWorld, region_of};
use eni_model::{ChangeSet, World};
use eni_plan::{Observed, Planner, VportNumbers};
use eni_types::{
    AttachmentId, AttachmentStatus, IdSequence, Ipv4Cidr, MacAddress, NetworkInterfaceId,
    SecurityGroupId, SecurityGroupRuleId, TypedId,
};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const ROUNDS: usize = 101;
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
        let mut region = region_of(size);
        let mut ids = IdSequence::default();
        let first = region.world.network_interfaces.iter().next().unwrap();
        let mut first = NetworkInterface::clone(first);
        let group_id = SecurityGroupId::generate(&mut ids);
        first.group_ids.push(group_id);
        let mut changes = large_group(&first, group_id, &mut ids);
        changes.add_identities(&region.world);
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
                eni.private_ip_addresses.push([10, 0, 15, 254].into());
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
        eni.private_ip_addresses = vec![[10, 0, 15, 253].into()];
        eni.attachment.as_mut().unwrap().device_index = 7;
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
