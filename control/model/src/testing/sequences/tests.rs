use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use eni_types::InstanceState;
use proptest::prelude::*;
use rand_core::Rng;

use super::grammar::rules;
use super::random_step;
use crate::testing::{TestRng, TestWorld, check_invariants};
use crate::{Action, World};

fn start(is_bootstrapped: bool) -> TestWorld {
    if is_bootstrapped {
        TestWorld::bootstrapped()
    } else {
        TestWorld::empty()
    }
}

/// What also holds where only calls and reports have made instances.
fn check_instances(world: &World) {
    for instance in world.instances.iter() {
        let id = instance.instance_id;
        let primary = world.primary_network_interface(id);
        if instance.state == InstanceState::Terminated {
            let left = world.network_interfaces_of(id).count();
            assert_eq!(left, 0, "{id} is terminated and keeps interfaces");
        } else {
            assert!(
                primary.is_some_and(|eni| eni.subnet_id == instance.subnet_id),
                "{instance:?} has the primary interface {primary:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_sequence_of_calls_and_reports_makes_a_world_inconsistent(
        is_bootstrapped in any::<bool>(),
        steps in proptest::collection::vec((any::<u32>(), any::<u64>()), 1..160)
    ) {
        let mut region = start(is_bootstrapped);
        for (choice, seed) in steps {
            random_step(choice, seed, &mut region);
            check_invariants(&region.world);
            check_instances(&region.world);
        }
    }
}

/// A rule that never leads to a call that succeeds tests nothing.
#[test]
fn every_rule_of_the_grammar_leads_to_calls_that_succeed() {
    let mut succeeded = BTreeSet::new();
    for seed in 0..12 {
        let mut rng = TestRng::new(seed);
        let mut region = start(seed % 2 == 0);
        for _ in 0..2500 {
            succeeded.extend(random_step(rng.next_u32(), rng.next_u64(), &mut region));
        }
        check_invariants(&region.world);
    }
    let never: Vec<_> = rules()
        .map(|rule| rule.action)
        .filter(|action| !succeeded.contains(action))
        .collect();
    assert!(never.is_empty(), "never succeeded: {never:?}");
}

#[test]
fn every_operation_that_changes_the_world_has_a_rule() {
    macro_rules! changing {
        ($($operation:ident,)*) => {
            [$((crate::api::$operation::NAME, crate::api::$operation::MUTATES)),*]
        };
    }
    let all = crate::for_each_operation!(changing);
    let missing: Vec<_> = all
        .iter()
        .filter(|(_, changes)| *changes)
        .map(|(name, _)| *name)
        .filter(|name| !rules().any(|rule| rule.action == *name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
