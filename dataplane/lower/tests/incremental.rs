//! Lowering that follows the world against lowering of the whole world, over random sequences of calls.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use eni_lower::{Delta, Lowering, Numbers, VportNumbers};
use eni_model::resource::ResourceKey;
use eni_model::testing::{TestWorld, random_step};
use eni_model::{Resource, World};
use proptest::prelude::*;

/// So few that some interfaces find none free.
const VPORTS: u32 = 9;

/// The rows that differ.
fn changed(before: &World, after: &World) -> BTreeSet<ResourceKey> {
    let rows = |world: &World| -> Vec<Resource> { world.resources().collect() };
    let (before, after) = (rows(before), rows(after));
    let differs = |row: &&Resource| !(before.contains(row) && after.contains(row));
    let rows = before.iter().chain(&after);
    rows.filter(differs).map(Resource::key).collect()
}

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
        let keys = changed(&self.seen, &self.region.world);
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
        let interfaces = &self.lowering.desired().interfaces;
        let gone = self
            .vports
            .iter()
            .filter(|(id, _)| !interfaces.contains_key(id));
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
            for _ in 0..seen.instances.len() + 2 {
                let update = lowering.check_next(seen, count, vports);
                let waited = update.delta.interfaces.values().all(Option::is_none);
                prop_assert!(update.delta.is_empty() || waited, "{update:?}");
            }
        }
    }
}
