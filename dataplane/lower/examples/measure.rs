//! How long lowering takes: `cargo run --release -p eni-lower --example measure`.

use std::time::{Duration, Instant};

use eni_lower::{Numbers, VportNumbers, lower};
use eni_model::ChangeSet;
use eni_model::resource::{
    IpProtocol, NetworkInterface, RulePeer, SecurityGroup, SecurityGroupRule,
};
use eni_model::tags::Tags;
use eni_model::testing::TestWorld;
use eni_types::{IdSequence, SecurityGroupId, SecurityGroupRuleId, TypedId};

const INTERFACES: usize = 1_000;
const ROUNDS: usize = 11;

fn main() {
    println!(
        "{INTERFACES} interfaces: groups, rules in each, group sets → median, longest of {ROUNDS}"
    );
    for (groups, rules, sets) in [(1, 10, 1), (1, 1_000, 1), (50, 20, 50), (1_000, 10, 1_000)] {
        let region = region(groups, rules);
        let (mut numbers, mut vports) = (Numbers::default(), VportNumbers::default());
        let mut times: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                let (world, settings) = (&region.world, &region.region);
                std::hint::black_box(lower(world, settings, &mut numbers, &mut vports));
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

/// A default VPC with [`INTERFACES`] instances, each with an EFA. Interface N is in group N modulo `groups`; a group allows
/// all traffic with itself, and every second rule besides names another group as its peer.
fn region(groups: usize, rules: usize) -> TestWorld {
    let mut region = TestWorld::bootstrapped();
    let images = region.must("DescribeImages", &[]);
    let image = images["imagesSet"]["item"][0].clone();
    let instance_type = match image["architecture"].as_str() {
        Some("arm64") => "c8gn.48xlarge",
        _ => "c6in.32xlarge",
    };
    let count = INTERFACES.to_string();
    let parameters = [
        ("ImageId", image["imageId"].as_str().expect("an id")),
        ("InstanceType", instance_type),
        ("MinCount", &count),
        ("MaxCount", &count),
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.AssociatePublicIpAddress", "false"),
        ("NetworkInterface.1.InterfaceType", "efa"),
    ];
    region.must("RunInstances", &parameters);
    let vpc_id = region.world.default_vpc().expect("bootstrapped").vpc_id;
    let mut made = IdSequence::default();
    let ids: Vec<_> = (0..groups)
        .map(|_| SecurityGroupId::generate(&mut made))
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
                &mut made,
            ));
        }
        for is_egress in [false, true] {
            changes.put(SecurityGroupRule {
                is_egress,
                ip_protocol: IpProtocol::All,
                from_port: -1,
                to_port: -1,
                peer: RulePeer::SecurityGroup(*group_id),
                ..any_rule(*group_id, *group_id, 0, &mut made)
            });
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
    ids: &mut IdSequence,
) -> SecurityGroupRule {
    let port = i32::try_from(number % 60_000).expect("below 60,000");
    let block = format!("10.{}.{}.0/24", number / 256 % 256, number % 256);
    SecurityGroupRule {
        security_group_rule_id: SecurityGroupRuleId::generate(ids),
        group_id,
        is_egress: false,
        ip_protocol: IpProtocol::TCP,
        from_port: port,
        to_port: port + 10,
        peer: match number % 2 {
            0 => RulePeer::SecurityGroup(peer),
            _ => RulePeer::CidrIpv4(block.parse().expect("a literal block")),
        },
        peering: None,
        description: None,
        tags: Tags::default(),
    }
}
