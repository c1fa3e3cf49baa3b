//! Plans that look at what has changed only, against plans that look at everything, over random sequences of calls, on a
//! machine on which steps fail and things change by themselves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use eni_abi::Vport;
use eni_model::World;
use eni_model::testing::{TestWorld, differing_rows, random_step};
use eni_plan::lanes::SeenDevices;
use eni_plan::{Observed, Planner, Tables, VportNumbers, plan};
use proptest::prelude::*;

struct Host {
    region: TestWorld,
    /// The world that was last followed.
    seen: World,
    planner: Planner,
}

impl Host {
    fn new() -> Self {
        let region = TestWorld::bootstrapped();
        let (world, settings) = (&region.world, &region.region);
        let planner = Planner::new(
            world,
            settings,
            Observed::default(),
            VportNumbers::default(),
        );
        Self {
            seen: world.clone(),
            planner,
            region,
        }
    }

    fn follow(&mut self) {
        let keys = differing_rows(&self.seen, &self.region.world);
        self.planner.follow(&self.seen, &self.region.world, &keys);
        self.seen = self.region.world.clone();
    }

    /// Does those steps of a plan that succeed.
    fn pass(&mut self, succeeds: impl Fn(usize) -> bool) {
        let next = self.planner.plan();
        let whole = plan(self.planner.desired(), self.planner.observed());
        assert_eq!(next, whole);
        for (number, step) in next.steps().enumerate() {
            if succeeds(number) {
                self.planner.done(step);
            }
        }
        self.planner.release_vports();
    }

    /// The machine as something else than the agent has changed it.
    fn disturb(&mut self, choice: usize) {
        let mut observed = self.planner.observed().clone();
        let vport = observed.devices.keys().nth(choice / 4).copied();
        match (choice % 4, vport) {
            (0, Some(vport)) => {
                observed.devices.remove(&vport);
                observed.guarded.remove(&vport);
                observed.linked.remove(&vport);
            }
            (1, Some(vport)) => {
                observed.devices.get_mut(&vport).unwrap().has_lost_routes = true;
                observed.linked.remove(&vport);
            }
            (2, _) => {
                let instances = observed.instances.values_mut();
                instances.for_each(|instance| instance.alive = false);
            }
            _ => observed.uplink = None,
        }
        self.planner.take_over(SeenDevices {
            instances: observed.instances,
            brought: observed.brought,
            devices: observed.devices,
            linked: observed.linked,
            uplink: observed.uplink,
        });
    }

    /// A new process takes over, and finds nothing to do that the old one would not have done.
    fn restart(&mut self) {
        let before = self.planner.plan();
        let (world, settings) = (&self.region.world, &self.region.region);
        let observed = self.planner.observed().clone();
        self.planner = Planner::new(world, settings, observed, VportNumbers::default());
        if before.is_empty() {
            let after = self.planner.plan();
            assert!(after.is_empty(), "written again: {after:?}");
        }
    }

    fn settle(&mut self) {
        self.follow();
        self.pass(|_| true);
        let left = self.planner.plan();
        assert!(left.is_empty(), "not settled: {left:?}");
        let (desired, observed) = (self.planner.desired(), self.planner.observed());
        assert_eq!(without_generations(&observed.tables), desired.tables);
        let numbered = self.planner.vports().iter().count();
        let wanted = desired.interfaces.len() + desired.endpoints.len();
        assert_eq!(numbered, wanted, "vports are lost");
    }
}

fn without_generations(tables: &Tables) -> Tables {
    let mut tables = tables.clone();
    tables.vports.retain(|_, row| row.has(Vport::PRESENT));
    for row in tables.vports.values_mut() {
        row.generation = 0;
    }
    tables
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn plans_that_look_at_what_has_changed_miss_nothing(
        steps in prop::collection::vec((any::<u32>(), any::<u64>(), 0..16_usize, any::<u64>()), 1..120),
    ) {
        let mut host = Host::new();
        for (choice, seed, event, failures) in steps {
            random_step(choice, seed, &mut host.region);
            host.follow();
            match event {
                0 => host.disturb((failures % 32) as usize),
                1 => {
                    host.settle();
                    host.restart();
                }
                2..6 => host.pass(|_| true),
                // Those whose bit is set.
                _ => host.pass(|number| failures.rotate_right(number as u32) & 1 == 1),
            }
        }
        host.settle();
        host.restart();
    }
}
