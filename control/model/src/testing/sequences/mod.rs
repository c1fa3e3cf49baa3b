//! Random sequences of calls and of the agent's reports: whatever they are, the world stays consistent.

mod families;
mod grammar;
mod population;
mod profiles;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;

use eni_types::quota;
use rand_core::Rng;

use super::{TestRng, TestWorld};
use crate::transition::expire;
use crate::{Ec2Error, ErrorCode, Transition, plan_transitions};
use grammar::{Rule, Source, rules};

/// A nonexistent id of any kind, for calls that name what is gone.
const GONE: [&str; 6] = [
    "vpc-00000000",
    "subnet-00000000",
    "eni-00000000",
    "sg-00000000",
    "i-00000000",
    "eipalloc-00000000",
];
/// One in so many ids names nothing that exists.
const ONE_IN_GONE: u64 = 24;

fn below(bound: usize, rng: &mut TestRng) -> usize {
    usize::try_from(rng.next_u64() % bound as u64).expect("less than a usize")
}

fn value(source: &Source, region: &TestWorld, rng: &mut TestRng) -> Option<String> {
    match source {
        Source::Any(texts) => Some(texts[below(texts.len(), rng)].into()),
        Source::Maybe(percent, source) => {
            (below(100, rng) < *percent).then(|| value(source, region, rng))?
        }
        Source::Of(ids) => {
            let ids = ids(&region.world);
            if ids.is_empty() || rng.next_u64().is_multiple_of(ONE_IN_GONE) {
                return Some(GONE[below(GONE.len(), rng)].into());
            }
            Some(ids[below(ids.len(), rng)].clone())
        }
    }
}

/// Makes one call that follows the rule.
fn call(rule: &Rule, region: &mut TestWorld, rng: &mut TestRng) -> Result<(), Ec2Error> {
    region.now.0 += 1000;
    let parameters: Vec<(&str, String)> = rule
        .parameters
        .iter()
        .filter_map(|(name, source)| Some((*name, value(source, region, rng)?)))
        .collect();
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    region.call(rule.action, &parameters).map(drop)
}

/// Reports something about an instance or an attachment that exists, whether it makes sense or not.
fn report(region: &mut TestWorld, rng: &mut TestRng) {
    let mut possible = Vec::new();
    for instance in region.world.instances.iter() {
        let (instance_id, boot_count) = (instance.instance_id, instance.boot_count);
        possible.extend([
            Transition::InstanceRunning {
                instance_id,
                boot_count,
            },
            Transition::InstanceStopped {
                instance_id,
                boot_count,
            },
            Transition::GuestPoweredOff {
                instance_id,
                boot_count,
            },
            Transition::GuestRebooted {
                instance_id,
                boot_count,
            },
            Transition::InstanceTerminated { instance_id },
            Transition::InstanceReachable {
                instance_id,
                boot_count,
                is_reachable: rng.next_u64().is_multiple_of(2),
            },
        ]);
    }
    for eni in region.world.network_interfaces.iter() {
        if let Some(attachment) = &eni.attachment {
            let attachment_id = attachment.attachment_id;
            possible.extend([
                Transition::AttachmentAttached { attachment_id },
                Transition::AttachmentDetached { attachment_id },
            ]);
        }
    }
    if !possible.is_empty() {
        let reported = [possible[below(possible.len(), rng)]];
        let changes = plan_transitions(&region.world, &reported, region.now);
        region.world.apply(&changes);
    }
}

/// Lets so much time pass that terminated instances are forgotten.
fn pass_time(region: &mut TestWorld) {
    region.now.0 += (quota::TERMINATED_INSTANCE_SECONDS + 1) * 1000;
    let changes = expire(&region.world, region.now);
    region.world.apply(&changes);
}

/// Does what `choice` and `seed` choose: a call, a report of the agent's, or a pause. Says which operation a call was of that
/// succeeded.
///
/// # Panics
/// If a call is answered by an internal error.
pub fn random_step(choice: u32, seed: u64, region: &mut TestWorld) -> Option<&'static str> {
    let mut rng = TestRng::new(seed);
    let total: u32 = rules().map(|rule| rule.weight).sum();
    // A quarter of all steps are the agent's, and one in 64 is a pause.
    match choice % 64 {
        0 => pass_time(region),
        1..16 => report(region, &mut rng),
        _ => {
            let mut chosen = (choice / 64) % total;
            let rule = rules().find(|rule| {
                let is_chosen = chosen < rule.weight;
                chosen = chosen.saturating_sub(rule.weight);
                is_chosen
            })?;
            return match call(rule, region, &mut rng) {
                Ok(()) => Some(rule.action),
                Err(error) => {
                    assert_ne!(error.code, ErrorCode::InternalError, "{rule:?}: {error}");
                    None
                }
            };
        }
    }
    None
}
