//! Without a machine: what the agent computes for one change, in regions of more and more interfaces.
//!
//! The data plane is remembered only ([`eni_plan::Observed`]), so that what is timed is lowering, planning and taking over
//! what has been done, for the steps of one call.

use std::io;
use std::time::Instant;

use comfy_table::Table;
use eni_client::median;
use eni_lower::VportNumbers;
use eni_model::resource::ResourceKey;
use eni_model::testing::{TestWorld, region_of};
use eni_model::{ChangeSet, Transition, World, plan_transitions};
use eni_plan::{Observed, Planner};
use serde::Serialize;
use serde_json::Value;

use crate::openeni::numbered_rules;

/// Rules of the group that one more is added to.
const RULES: usize = 990;
/// Times that each change is made.
const ROUNDS: usize = 20;
/// A region of this many times the interfaces may make a change this many times as dear: what grows with the region
/// grows as it does, and a machine that is busy with other things is not three times as slow for all of them.
const MAX_GROWTH: f64 = 3.0;

/// Where a rule more, and a rule less, and an interface more are among [`CHANGES`].
const RULE_CHANGES: [usize; 2] = [2, 3];
const ATTACHMENT: usize = 6;
/// A rule of a group of [`RULES`] may cost this many times an attachment: its group is read, and the rows that hold the rule
/// are written. Writing all rows of the group is a hundred and fifty times an attachment.
const MAX_RULE_SHARE: f64 = 20.0;

/// The changes, in the order in which they are made: each pair leaves the region as it was.
const CHANGES: [&str; 9] = [
    "nothing",
    "CreateTags",
    "AuthorizeSecurityGroupIngress, 990 rules",
    "RevokeSecurityGroupIngress, 990 rules",
    "AssignPrivateIpAddresses",
    "UnassignPrivateIpAddresses",
    "AttachNetworkInterface",
    "the attachment is reported",
    "DetachNetworkInterface",
];

/// What was measured in a region of one size.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MemoryCost {
    interfaces: usize,
    /// The agent's computing for each of the changes, in microseconds: the median and the least.
    changes: Vec<(&'static str, f64, f64)>,
    /// Lowering, planning and taking over the whole region, in milliseconds.
    whole_ms: f64,
}

/// A region and the planner that follows it.
struct Follower {
    region: TestWorld,
    followed: World,
    planner: Planner,
}

impl Follower {
    fn new(interfaces: usize) -> (Self, f64) {
        let region = region_of(interfaces);
        let vports = VportNumbers::below(u32::MAX);
        let began = Instant::now();
        let observed = Observed::default();
        let planner = Planner::new(&region.world, &region.region, observed, vports);
        let mut follower = Self {
            followed: region.world.clone(),
            region,
            planner,
        };
        follower.settle();
        (follower, began.elapsed().as_secs_f64() * 1e3)
    }

    fn settle(&mut self) {
        let plan = self.planner.plan();
        for step in plan.steps() {
            self.planner.done(step);
        }
    }

    /// Microseconds that the agent computes for `changes`, which the region has taken already.
    fn follow(&mut self, changes: &ChangeSet) -> f64 {
        let keys: Vec<ResourceKey> = changes.iter().map(eni_model::Change::key).collect();
        let after = self.region.world.clone();
        let began = Instant::now();
        self.planner.follow(&self.followed, &after, &keys);
        self.settle();
        let taken = began.elapsed().as_secs_f64() * 1e6;
        self.followed = after;
        self.planner.release_vports();
        taken
    }

    fn call(&mut self, action: &str, parameters: &[(&str, &str)]) -> (Value, f64) {
        let answer = self.region.must(action, parameters);
        let changes = self.region.changes.clone();
        (answer, self.follow(&changes))
    }

    fn make(&mut self, action: &str, parameters: &[(&str, &str)], pointer: &str) -> String {
        let (answer, _) = self.call(action, parameters);
        let text = answer.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    }

    fn report(&mut self, transition: Transition) -> f64 {
        let changes = plan_transitions(&self.region.world, &[transition], self.region.now);
        self.region.world.apply(&changes);
        self.follow(&changes)
    }
}

/// What the changes are made to.
struct Subjects {
    group: String,
    instance: String,
    attached: String,
    free: String,
}

impl Subjects {
    /// The first instance: its primary interface in a group of many rules, its second one detached.
    fn new(follower: &mut Follower) -> io::Result<Self> {
        let world = &follower.region.world;
        let found = world.instances.iter().find_map(|instance| {
            let primary = world.primary_network_interface(instance.instance_id)?;
            let others = world.network_interfaces_of(instance.instance_id);
            let mut attached = others.filter_map(|eni| Some((eni, eni.attachment.as_ref()?)));
            let second = attached.find(|(_, attachment)| attachment.device_index == 1)?;
            Some((primary.clone(), second.0.clone(), second.1.clone()))
        });
        let (primary, second, attachment) =
            found.ok_or_else(|| io::Error::other("no instance has two interfaces"))?;
        let (vpc_id, attached) = (
            primary.vpc_id.to_string(),
            primary.network_interface_id.to_string(),
        );
        let attachment_id = attachment.attachment_id;
        let detached = [("AttachmentId", attachment_id.to_string())];
        let detached = detached
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        follower.call("DetachNetworkInterface", &detached);
        follower.report(Transition::AttachmentDetached { attachment_id });
        let group = [
            ("GroupName", "cost"),
            ("GroupDescription", "cost"),
            ("VpcId", &vpc_id),
        ];
        let group = follower.make("CreateSecurityGroup", &group, "/groupId");
        for (protocol, port, block) in numbered_rules(RULES, "10.0.0.0/16") {
            let port = port.to_string();
            let rule = [
                ("GroupId", group.as_str()),
                ("IpProtocol", protocol),
                ("FromPort", &port),
                ("ToPort", &port),
                ("CidrIp", &block),
            ];
            follower.call("AuthorizeSecurityGroupIngress", &rule);
        }
        let member = [
            ("NetworkInterfaceId", attached.as_str()),
            ("SecurityGroupId.1", &group),
        ];
        follower.call("ModifyNetworkInterfaceAttribute", &member);
        Ok(Self {
            group,
            instance: attachment.instance_id.to_string(),
            attached,
            free: second.network_interface_id.to_string(),
        })
    }

    /// Makes each of [`CHANGES`] once; the microseconds of each.
    fn round(&self, follower: &mut Follower, number: usize) -> io::Result<[f64; CHANGES.len()]> {
        let began = Instant::now();
        follower.settle();
        let nothing = began.elapsed().as_secs_f64() * 1e6;
        let value = number.to_string();
        let tag = [
            ("ResourceId.1", self.attached.as_str()),
            ("Tag.1.Key", "n"),
            ("Tag.1.Value", &value),
        ];
        let (_, tags) = follower.call("CreateTags", &tag);
        let rule = [
            ("GroupId", self.group.as_str()),
            ("IpProtocol", "udp"),
            ("FromPort", "7"),
            ("ToPort", "7"),
            ("CidrIp", "10.77.0.0/16"),
        ];
        let (_, authorize) = follower.call("AuthorizeSecurityGroupIngress", &rule);
        let (_, revoke) = follower.call("RevokeSecurityGroupIngress", &rule);
        let interface = ("NetworkInterfaceId", self.attached.as_str());
        let one = [interface, ("SecondaryPrivateIpAddressCount", "1")];
        let (answer, assign) = follower.call("AssignPrivateIpAddresses", &one);
        let address = answer.pointer("/assignedPrivateIpAddressesSet/item/0/privateIpAddress");
        let address = address.and_then(Value::as_str).unwrap_or_default();
        let (_, unassign) = follower.call(
            "UnassignPrivateIpAddresses",
            &[interface, ("PrivateIpAddress.1", address)],
        );
        let place = [
            ("NetworkInterfaceId", self.free.as_str()),
            ("InstanceId", &self.instance),
            ("DeviceIndex", "1"),
        ];
        let (answer, attach) = follower.call("AttachNetworkInterface", &place);
        let attachment = answer.pointer("/attachmentId").and_then(Value::as_str);
        let attachment = attachment.unwrap_or_default();
        let attachment_id = attachment.parse().map_err(io::Error::other)?;
        let attached = follower.report(Transition::AttachmentAttached { attachment_id });
        let (_, detach) = follower.call("DetachNetworkInterface", &[("AttachmentId", attachment)]);
        follower.report(Transition::AttachmentDetached { attachment_id });
        Ok([
            nothing, tags, authorize, revoke, assign, unassign, attach, attached, detach,
        ])
    }
}

/// Measures a region of `interfaces`.
pub(crate) fn measure(interfaces: usize) -> io::Result<MemoryCost> {
    eprintln!("a region of {interfaces} interfaces");
    let (mut follower, whole_ms) = Follower::new(interfaces);
    let subjects = Subjects::new(&mut follower)?;
    let mut times = vec![Vec::with_capacity(ROUNDS); CHANGES.len()];
    for number in 0..ROUNDS {
        let taken = subjects.round(&mut follower, number)?;
        for (times, taken) in times.iter_mut().zip(taken) {
            times.push(taken);
        }
    }
    let changes = CHANGES.iter().zip(times).map(|(name, times)| {
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        (*name, median(times).unwrap_or_default(), least)
    });
    Ok(MemoryCost {
        interfaces,
        changes: changes.collect(),
        whole_ms,
    })
}

/// One column for each region.
pub(crate) fn table(costs: &[MemoryCost]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    let sizes = costs
        .iter()
        .map(|cost| format!("{} interfaces", cost.interfaces));
    table.set_header(std::iter::once("us, median".to_owned()).chain(sizes));
    for (index, name) in CHANGES.iter().enumerate() {
        let cells = costs
            .iter()
            .map(|cost| format!("{:.1}", cost.changes[index].1));
        table.add_row(std::iter::once((*name).to_owned()).chain(cells));
    }
    let whole = costs
        .iter()
        .map(|cost| format!("{:.0}", cost.whole_ms * 1e3));
    table.add_row(std::iter::once("everything, once".to_owned()).chain(whole));
    table
}

/// The changes whose least cost grows from the first region to the last by more than [`MAX_GROWTH`].
pub(crate) fn slopes(costs: &[MemoryCost]) -> Vec<String> {
    let (Some(first), Some(last)) = (costs.first(), costs.last()) else {
        return Vec::new();
    };
    let pairs = first.changes.iter().zip(&last.changes);
    pairs
        .map(|((name, _, small), (_, _, large))| (name, large / small))
        .filter(|(_, growth)| *growth > MAX_GROWTH)
        .map(|(name, growth)| {
            format!(
                "{name} costs {growth:.1} times as much beside {} interfaces as beside {}",
                last.interfaces, first.interfaces
            )
        })
        .collect()
}

/// The changes of one rule that cost as if the whole group were written.
pub(crate) fn whole_groups(costs: &[MemoryCost]) -> Vec<String> {
    let mut found = Vec::new();
    for cost in costs {
        let least = |index: usize| cost.changes.get(index).map_or(0.0, |change| change.2);
        for index in RULE_CHANGES {
            let share = least(index) / least(ATTACHMENT);
            if share > MAX_RULE_SHARE {
                found.push(format!(
                    "{} costs {share:.0} attachments beside {} interfaces",
                    CHANGES[index], cost.interfaces
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_that_grows_with_the_region_is_named() {
        let cost = |interfaces, least| MemoryCost {
            interfaces,
            changes: vec![("CreateTags", 9.0, least)],
            whole_ms: 0.0,
        };
        assert_eq!(slopes(&[cost(10, 1.0), cost(100, 2.9)]), [""; 0]);
        let found = slopes(&[cost(10, 1.0), cost(100, 8.0)]);
        assert!(
            found[0].starts_with("CreateTags costs 8.0 times"),
            "{found:?}"
        );
    }

    #[test]
    fn a_rule_that_costs_its_whole_group_is_named() {
        let cost = |authorize| {
            let least = |index| match index {
                2 => authorize,
                _ => 1.0,
            };
            let changes = CHANGES.iter().enumerate();
            MemoryCost {
                interfaces: 10,
                changes: changes
                    .map(|(index, name)| (*name, 9.0, least(index)))
                    .collect(),
                whole_ms: 0.0,
            }
        };
        assert_eq!(whole_groups(&[cost(19.0)]), [""; 0]);
        let found = whole_groups(&[cost(150.0)]);
        assert!(
            found[0].starts_with("AuthorizeSecurityGroupIngress, 990 rules costs 150"),
            "{found:?}"
        );
    }
}
