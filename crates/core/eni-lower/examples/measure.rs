//! How long lowering takes: `cargo run --release -p eni-lower --example measure`.

use std::time::{Duration, Instant};

use eni_lower::{lower, wanted_attachments};
use eni_model::resource::{
    IpProtocol, NetworkInterface, RulePeer, SecurityGroup, SecurityGroupRule,
};
use eni_model::tags::Tags;
use eni_model::testing::{TestRng, TestWorld};
use eni_model::{ChangeSet, Resource};
use eni_plan::VportNumbers;
use eni_types::{SecurityGroupId, SecurityGroupRuleId, TypedId};

const INTERFACES: usize = 1_000;
const ROUNDS: usize = 11;

fn main() {
    println!(
        "{INTERFACES} interfaces: groups, rules in each, group sets → median, longest of {ROUNDS}"
    );
    for (groups, rules, sets) in [(1, 10, 1), (1, 1_000, 1), (50, 20, 50), (1_000, 10, 1_000)] {
        let region = region(groups, rules);
        let mut numbers = VportNumbers::default();
        for id in wanted_attachments(&region.world) {
            numbers.assign(id).expect("fewer than there are vports");
        }
        let mut times: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(lower(&region.world, &region.region, &numbers));
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!(
            "{groups:>5} {rules:>5} {sets:>5} → {:?}, {:?}",
            times[ROUNDS / 2],
            times[ROUNDS - 1]
        );
    }
}

/// A default VPC with [`INTERFACES`] instances. Interface N is in group N modulo `groups`; every second rule of a group
/// names another group as its peer.
fn region(groups: usize, rules: usize) -> TestWorld {
    let mut region = TestWorld::bootstrapped();
    let images = region.must("DescribeImages", &[]);
    let image = images["imagesSet"]["item"][0].clone();
    let instance_type = match image["architecture"].as_str() {
        Some("arm64") => "t4g.micro",
        _ => "t3.micro",
    };
    let count = INTERFACES.to_string();
    let parameters = [
        ("ImageId", image["imageId"].as_str().expect("an id")),
        ("InstanceType", instance_type),
        ("MinCount", &count),
        ("MaxCount", &count),
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.AssociatePublicIpAddress", "false"),
    ];
    region.must("RunInstances", &parameters);
    let vpc_id = region.world.default_vpc().expect("bootstrapped").vpc_id;
    let mut rng = TestRng::new(0);
    let ids: Vec<_> = (0..groups)
        .map(|_| SecurityGroupId::generate(&mut rng))
        .collect();
    let mut changes = ChangeSet::none();
    for (number, group_id) in ids.iter().enumerate() {
        changes.put(SecurityGroup {
            group_id: *group_id,
            group_name: format!("group-{number}"),
            description: String::new(),
            vpc_id,
            tags: Tags::default(),
        });
        for rule in 0..rules {
            changes.put(any_rule(
                *group_id,
                ids[(number + rule) % groups],
                rule,
                &mut rng,
            ));
        }
    }
    for (number, eni) in region.world.network_interfaces.iter().enumerate() {
        let group_ids = vec![ids[number % groups]];
        changes.put(NetworkInterface {
            group_ids,
            ..NetworkInterface::clone(eni)
        });
    }
    region.world.apply(&changes);
    region
}

fn any_rule(
    group_id: SecurityGroupId,
    peer: SecurityGroupId,
    number: usize,
    rng: &mut TestRng,
) -> Resource {
    let port = i32::try_from(number % 60_000).expect("below 60,000");
    let block = format!("10.{}.{}.0/24", number / 256 % 256, number % 256);
    SecurityGroupRule {
        security_group_rule_id: SecurityGroupRuleId::generate(rng),
        group_id,
        is_egress: false,
        ip_protocol: IpProtocol::TCP,
        from_port: port,
        to_port: port + 10,
        peer: match number % 2 {
            0 => RulePeer::SecurityGroup(peer),
            _ => RulePeer::CidrIpv4(block.parse().expect("a literal block")),
        },
        description: None,
        tags: Tags::default(),
    }
    .into()
}
