//! A restart gives an equal world, whatever happened before.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail them as their own lines do"
)]

mod support;

use std::sync::Arc;

use eni_model::resource::ResourceKey;
use eni_model::testing::check_invariants;
use eni_model::{ChangeSet, Operation, Resource};
use eni_region::Region;
use eni_store::{EmbeddedStore, Store};
use proptest::prelude::*;

use support::{everything, marking, settings, submit};

/// One call of a random history.
#[derive(Clone, Debug)]
enum Step {
    /// An operation of EC2's, with its parameters: a VPC with tags.
    CreateVpc {
        third: u8,
        tag: String,
    },
    /// A token with any text EC2 takes.
    Mark(String),
    /// The n-th resource of the world goes, whether or not the rules of EC2 allow it.
    Delete(prop::sample::Index),
    /// The n-th resource is written again, with another change before it.
    Rewrite(prop::sample::Index, String),
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<u8>(), "\\PC{0,20}").prop_map(|(third, tag)| Step::CreateVpc { third, tag }),
        3 => "[ -~]{1,64}".prop_map(Step::Mark),
        2 => any::<prop::sample::Index>().prop_map(Step::Delete),
        1 => (any::<prop::sample::Index>(), "[a-z]{1,8}").prop_map(|(index, name)| Step::Rewrite(index, name)),
        1 => Just(Step::Restart),
    ]
}

fn perform(region: &Region, step: Step) {
    match step {
        Step::CreateVpc { third, tag } => {
            let block = format!("10.{third}.0.0/16");
            let pairs = [
                ("CidrBlock", block.as_str()),
                ("TagSpecification.1.ResourceType", "vpc"),
                ("TagSpecification.1.Tag.1.Key", "Name"),
                ("TagSpecification.1.Tag.1.Value", tag.as_str()),
            ];
            let tree = eni_query::QueryTree::from_pairs(pairs).unwrap();
            let request = tree.read::<eni_model::api::CreateVpc>().unwrap();
            // The quota of VPCs refuses some, which is as good.
            let _ = submit(region, move |world, context| request.plan(world, context)).wait();
        }
        Step::Mark(name) => {
            let plan = move |_: &_, context: &mut eni_model::Context<'_>| {
                let mut changes = ChangeSet::none();
                changes.put(marking("Mark", &name, context));
                Ok((changes, ()))
            };
            submit(region, plan).wait().unwrap();
        }
        Step::Delete(index) => {
            let plan = move |world: &eni_model::World, _: &mut eni_model::Context<'_>| {
                let mut changes = ChangeSet::none();
                let keys: Vec<ResourceKey> = world.resources().map(|row| row.key()).collect();
                if !keys.is_empty() {
                    changes.delete(index.get(&keys).clone());
                }
                Ok((changes, ()))
            };
            submit(region, plan).wait().unwrap();
        }
        Step::Rewrite(index, name) => {
            let plan = move |world: &eni_model::World, context: &mut eni_model::Context<'_>| {
                let mut changes = ChangeSet::none();
                let rows: Vec<Resource> = world.resources().collect();
                changes.put(marking("Rewrite", &name, context));
                if !rows.is_empty() {
                    changes.put(index.get(&rows).clone());
                }
                Ok((changes, ()))
            };
            submit(region, plan).wait().unwrap();
        }
        Step::Restart => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_gives_an_equal_world(steps in prop::collection::vec(any_step(), 1..25)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.redb");
        let open = || {
            let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&path).unwrap());
            Region::open(store, settings()).unwrap()
        };
        let mut region = open();
        region.read(check_invariants);
        for step in steps.into_iter().chain([Step::Restart]) {
            if let Step::Restart = step {
                let before = everything(&region);
                drop(region);
                region = open();
                prop_assert_eq!(everything(&region), before);
            } else {
                perform(&region, step);
            }
        }
    }
}
